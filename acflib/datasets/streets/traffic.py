"""The things that stand and move in a scene of Streets: trees, lamps and signs, vehicles, people."""

from collections.abc import Callable
from dataclasses import replace
from functools import partial

from acflib.datasets.streets import shapes
from acflib.datasets.streets.contents import StreetScene
from acflib.datasets.streets.paint import Pen
from acflib.datasets.streets.plan import ONCOMING, Dice


def add_street_furniture(scene: StreetScene) -> None:
    """Trees, bushes, lamps, traffic lights, signs, bins: what stands on the sidewalks."""
    dice, plan = scene.dice, scene.plan
    for side in (0, 1):
        out = 1 if side else -1
        curb, front = plan.road[side] + 0.4 * out, plan.fronts[side]
        edge = front - 0.9 * out  # just before the houses
        z = dice.between(6, 11)
        while z < 45 and dice.chance(0.8):
            _add_tree(scene, edge if dice.chance(0.5) else curb, z)
            z += dice.between(4.5, 12)
        for _ in range(dice.whole(0, 2)):
            leaves = _leaves(dice, 4)
            scene.add("vegetation", dice.between(7, 20), edge, partial(bush, leaves=leaves), base=0.8)
        for z in (dice.between(7, 11), dice.between(14, 22), dice.between(26, 36)):
            if dice.chance(0.45):
                height, reach = dice.between(4.5, 6), -1.6 * out
                lamp = partial(shapes.street_lamp, height=height, reach=reach)
                scene.add("pole", z, curb, lamp, base=0.25)
                scene.lamps.append((curb + reach, height + 0.27, z))
        if dice.chance(0.25):
            _add_light(scene, curb, dice.between(7.5, 12))
        if dice.chance(0.36):
            _add_sign(scene, curb, dice.between(5.5, 10))
        if dice.chance(0.26):
            _add_sign(scene, curb, dice.between(11, 15))
        if dice.chance(0.25):
            x, z = dice.between(min(curb, edge), max(curb, edge)), dice.between(6, 12)
            scene.add("static", z, x, shapes.litter_bin, base=0.5)


def _leaves(dice: Dice, number: int) -> list[tuple[float, float, float, float]]:
    return [
        (dice.between(-1.2, 1.2), dice.between(-0.4, 1.6), dice.between(0.7, 1.3), dice.between(0.7, 1.25))
        for _ in range(number)
    ]


def tree(pen: Pen, height: float, leaves: list[tuple[float, float, float, float]]) -> None:
    """A trunk and a crown of discs: (a, y, radius, shade), a and y relative to the top of the trunk."""
    pen.bar((0, 0), (0, height), 0.4, 0.4)
    pen.bar((0, 0.75 * height), (0.9, height + 0.3), 0.2, 0.4)
    for a, y, radius, shade in leaves:
        pen.disc(a, height + y, radius, shade)


def bush(pen: Pen, leaves: list[tuple[float, float, float, float]]) -> None:
    """Discs on the ground."""
    for a, y, radius, shade in leaves:
        pen.disc(a, max(0.3, 0.5 * radius + 0.2 * y), 0.55 * radius, shade)


def _add_tree(scene: StreetScene, x: float, z: float) -> None:
    height, leaves = scene.dice.between(2.2, 3.4), _leaves(scene.dice, 8)
    scene.add("vegetation", z, x, lambda pen: tree(pen, height, leaves), base=0.6)


def _add_light(scene: StreetScene, x: float, z: float) -> None:
    lit, y = scene.dice.whole(0, 2), scene.dice.between(1.7, 2.1)
    scene.add("pole", z, x, lambda pen: shapes.pole(pen, y + 0.1), base=0.25)
    scene.add("traffic light", z - 0.01, x, lambda pen: shapes.traffic_light(pen, y, lit))


def _add_sign(scene: StreetScene, x: float, z: float) -> None:
    y = scene.dice.between(2.1, 2.7)
    shape = scene.dice.pick((shapes.sign_round, shapes.sign_round, shapes.sign_triangle, shapes.sign_board))
    scene.add("pole", z, x, lambda pen: shapes.pole(pen, y, 0.2), base=0.25)
    scene.add("traffic sign", z - 0.01, x, lambda pen: shape(pen, y))


# name: (side view, its length, end view, half its width), in meters
VEHICLES: dict[str, tuple[Callable, float, Callable, float]] = {
    "car": (shapes.car_profile, 4.2, shapes.car_end, 0.9),
    "truck": (shapes.truck_profile, 7.0, shapes.truck_end, 1.25),
    "bus": (shapes.bus_profile, 11.0, shapes.bus_end, 1.25),
    "train": (shapes.train_profile, 20.0, shapes.train_end, 1.3),
    "motorcycle": (shapes.motorcycle_profile, 2.1, shapes.motorcycle_end, 0.4),
    "bicycle": (shapes.bicycle_profile, 2.0, shapes.bicycle_end, 0.3),
}
# The boxes whose shadows a vehicle casts: (where it begins, where it ends, height) along its side view.
BOXES: dict[str, tuple[tuple[float, float, float], ...]] = {
    "car": ((0.0, 4.2, 0.9), (1.0, 3.2, 1.48)),
    "truck": ((0.0, 5.2, 3.4), (5.2, 7.0, 2.4)),
    "bus": ((0.0, 11.0, 3.1),),
    "train": ((0.0, 20.0, 3.5),),
    "motorcycle": ((0.0, 2.1, 0.95),),
    "bicycle": ((0.1, 1.9, 0.85),),
}
RIDER = 2.1  # height of a rider's head, in meters


def add_traffic(scene: StreetScene, tram: bool) -> None:
    """Vehicles in the lanes and at the curbs; no two in one place."""
    dice, plan = scene.dice, scene.plan
    places = [(0.0, dice.between(8, 11)), (0.0, dice.between(18, 26)), (ONCOMING, dice.between(19, 25))]
    if tram:
        z = dice.between(17, 30) if dice.chance(0.85) else dice.between(9, 14)
        places.pop()
        add_vehicle(scene, "train", ONCOMING, z)
    else:
        places.append((ONCOMING, dice.between(7, 11)))
    for side, x in enumerate((plan.road[0] + 1.15, plan.road[1] - 1.15)):
        if abs(x - (0.0 if side else ONCOMING)) > 2:  # there is a parking lane
            places += [(x, dice.between(5.5, 7.5)), (x, dice.between(12, 15)), (x, dice.between(20, 25))]
    if dice.chance(0.22):
        z = dice.between(6.5, 8.5)
        add_sideways(scene, "car", dice.between(-4, 2), z, dice.chance(0.5))
        places = [place for place in places if place[1] > z + 3]
    for name, probability in (("bus", 0.15), ("truck", 0.17)):
        far = tuple(place for place in places if place[1] > 10)
        if far and dice.chance(probability):
            place = dice.pick(far)
            places.remove(place)
            add_vehicle(scene, name, *place)
    for x, z in places:
        if dice.chance(0.8):
            add_vehicle(scene, "car", x, z)
    for name, probability in (("motorcycle", 0.16), ("bicycle", 0.60)):
        if dice.chance(probability):
            _add_two_wheeler(scene, name)


def add_crowd(scene: StreetScene) -> None:
    """One bus, truck and train side by side, and before them cars, a motorcycle and a bicycle: all are in the image."""
    dice, (left, right) = scene.dice, scene.plan.road
    names = ["bus", "truck", "train"]
    for k in range(len(names)):
        name = names.pop(dice.whole(0, len(names) - 1))
        add_vehicle(scene, name, left + 1.3 + (right - left - 2.6) * k / 2, dice.between(13, 18))
    add_vehicle(scene, "car", dice.pick((0.0, ONCOMING)), dice.between(8, 11))
    if dice.chance(0.3):
        add_sideways(scene, "car", dice.between(-4, 2), dice.between(9, 11), dice.chance(0.5))
    for name in ("motorcycle", "bicycle"):
        _add_two_wheeler(scene, name)


def add_vehicle(scene: StreetScene, name: str, x: float, z: float) -> None:
    """A vehicle in line with the street: the side that is turned to the camera, then the end."""
    profile, length, end, half = VEHICLES[name]
    inner = x - half if x > 0 else x + half

    def draw(pen: Pen) -> None:
        profile(replace(pen, x=inner, along=True, light=0.82 * pen.light))
        end(pen)

    boxes = tuple((x - half, x + half, z + a0, z + a1, height) for a0, a1, height in BOXES[name])
    scene.add(name, z, x, draw, boxes=boxes)


def add_sideways(scene: StreetScene, name: str, x: float, z: float, mirror: bool) -> float:
    """A vehicle that crosses the street, its middle at ``x``. Returns where its pen starts."""
    profile, length, _, half = VEHICLES[name]
    start = x + (length / 2 if mirror else -length / 2)
    turn = -1 if mirror else 1
    boxes = []
    for a0, a1, height in BOXES[name]:
        left, right = sorted((start + turn * a0, start + turn * a1))
        boxes.append((left, right, z, z + half * (2 if name == "car" else 0.5), height))
    scene.add(name, z, start, profile, boxes=tuple(boxes), mirror=mirror)
    return start


def _add_two_wheeler(scene: StreetScene, name: str) -> None:
    """A bicycle or motorcycle, seen from the side or the end, ridden or parked on the sidewalk."""
    dice, plan = scene.dice, scene.plan
    _, length, end, half = VEHICLES[name]
    ridden, sideways, mirror = dice.chance(0.42), dice.chance(0.6), dice.chance(0.5)
    z = dice.between(5.8, 10.5)
    reach = 0.75 * z  # about where the view ends
    if ridden:
        x = dice.between(max(plan.road[0], -reach), min(plan.road[1], reach))
    else:
        x = min(plan.road[1] + 0.9, reach) if dice.chance(0.6) else max(plan.road[0] - 0.9, -reach)
    if sideways:
        start = add_sideways(scene, name, x, z, mirror)
    else:
        start = x
        scene.add(name, z, x, end, base=half)
    if ridden and sideways:
        left, right = (start - 1.3, start - 0.7) if mirror else (start + 0.7, start + 1.3)
        boxes = ((left, right, z, z + 0.4, RIDER),)
        scene.add("rider", z - 0.01, start, shapes.rider_profile, boxes=boxes, mirror=mirror)
    elif ridden:
        scene.add("rider", z - 0.01, start, shapes.rider_end)


def add_people(scene: StreetScene) -> None:
    """Persons, alone or in twos and threes, on the sidewalks or crossing; now and then a dog (ignored)."""
    dice, plan = scene.dice, scene.plan
    for _ in range(dice.whole(0, 3)):
        z = dice.between(6.5, 17)
        side = dice.pick((0, 1, 1, 2))
        limits = (plan.fronts[0] + 0.8, plan.road[0]), (plan.road[1], plan.fronts[1] - 0.8), plan.road
        x = min(max(dice.between(*limits[side]), -0.75 * z), 0.75 * z)
        for _ in range(dice.pick((1, 1, 2, 3))):
            height, stride = dice.between(1.5, 1.9), dice.between(0.08, 0.4)
            draw = lambda pen, h=height, s=stride: shapes.person(pen, h, s)  # noqa: E731
            scene.add("person", z, x, draw, base=0.35)
            x, z = x + dice.between(0.6, 0.9), z + dice.between(-0.3, 0.3)
    if dice.chance(0.2):
        x, z = dice.between(*plan.road), dice.between(7, 12)
        scene.add("dynamic", z, x, shapes.dog, base=0.4)
