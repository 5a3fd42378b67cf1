"""What stands where in a scene of Streets: draws a ground plan and a list of things, then paints them."""

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from acflib.datasets import streets_shapes as shapes
from acflib.datasets.labels import CITYSCAPES_LABELS, ID
from acflib.datasets.streets_ground import (
    Front,
    Plan,
    bush,
    paint_fronts,
    paint_ground,
    paint_sky,
    paint_skyline,
    paint_street_end,
    tree,
)
from acflib.datasets.streets_paint import Camera, Canvas, Pen
from acflib.datasets.streets_plan import ONCOMING, Dice, draw_fronts, draw_plan

HAS_INSTANCES = {label.name for label in CITYSCAPES_LABELS if label.has_instances}


@dataclass
class Scene:
    """A street and the things in it. ``things`` are (z, paint), painted by decreasing z."""

    dice: Dice
    camera: Camera
    plan: Plan
    things: list[tuple[float, Callable[[Canvas], None]]] = field(default_factory=list)
    counts: dict[str, int] = field(default_factory=dict)

    def add(self, name: str, z: float, x: float, draw: Callable[[Pen], None], **pen) -> None:
        """Add a thing of class ``name`` whose pen starts at (x, z)."""
        number = ID[name]
        instance = number
        if name in HAS_INSTANCES:
            instance = number * 1000 + self.counts.get(name, 0)
            self.counts[name] = self.counts.get(name, 0) + 1

        def paint(canvas: Canvas) -> None:
            draw(Pen(canvas, self.camera, number, instance, x, z, **pen))

        self.things.append((z, paint))


def paint_scene(rng: np.random.Generator, canvas: Canvas) -> None:
    """Draw one street and paint its labels, instances and shades on the canvas."""
    dice = Dice(rng)
    camera = Camera(1.2, dice.between(1.5, 1.8), dice.between(-0.2, 0.2), dice.between(0.40, 0.48))
    tram = dice.chance(0.27)
    plan = draw_plan(dice, tram)
    scene = Scene(dice, camera, plan)
    paint_sky(canvas, camera, [(dice.between(-1, 1), dice.between(0, 0.3), dice.between(0.1, 0.4)) for _ in range(4)])
    paint_ground(canvas, camera, plan, dice.between(0, 6))
    skyline = [
        (dice.between(-1, 1), dice.between(0.04, 0.15), dice.between(0.02, 0.12), dice.chance(0.5)) for _ in range(14)
    ]
    paint_skyline(canvas, camera, skyline)
    if dice.chance(0.35):
        kind = dice.pick(("wall", "fence", "building", "vegetation"))
        height = {"wall": 3.2, "fence": 2.4, "building": 9.0, "vegetation": 3.0}[kind]
        z = dice.between(22, 32)
        paint_street_end(canvas, camera, Front(kind, z, z, height, dice.between(0, 5)))
    for x in plan.fronts:
        paint_fronts(canvas, camera, x, draw_fronts(dice))
    add_street_furniture(scene)
    add_traffic(scene, tram)
    add_people(scene)
    for _, paint in sorted(scene.things, key=lambda thing: -thing[0]):
        paint(canvas)
    bonnet = dice.between(0.90, 0.96)
    canvas.ellipse(-0.9, bonnet, 0.9, bonnet + 0.5, ID["ego vehicle"], 0.7)


def add_street_furniture(scene: Scene) -> None:
    """Trees, bushes, lamps, traffic lights, signs, bins: what stands on the sidewalks."""
    dice, plan = scene.dice, scene.plan
    for side in (0, 1):
        out = 1 if side else -1
        curb, front = plan.road[side] + 0.4 * out, plan.fronts[side]
        edge = front - 0.9 * out  # just before the houses
        z = dice.between(6, 12)
        while z < 45 and dice.chance(0.75):
            _add_tree(scene, edge if dice.chance(0.5) else curb, z)
            z += dice.between(5, 14)
        for _ in range(dice.whole(0, 2)):
            leaves = _leaves(dice, 4)
            scene.add("vegetation", dice.between(7, 20), edge, lambda pen, leaves=leaves: bush(pen, leaves))
        for z in (dice.between(7, 11), dice.between(14, 22), dice.between(26, 36)):
            if dice.chance(0.5):
                height = dice.between(4.5, 6)
                scene.add("pole", z, curb, lambda pen, h=height, o=out: shapes.street_lamp(pen, h, -1.6 * o))
        if dice.chance(0.33):
            _add_light(scene, curb, dice.between(6.5, 10))
        if dice.chance(0.45):
            _add_sign(scene, curb, dice.between(5.5, 10))
        if dice.chance(0.3):
            _add_sign(scene, curb, dice.between(11, 15))
        if dice.chance(0.25):
            x, z = dice.between(min(curb, edge), max(curb, edge)), dice.between(6, 12)
            scene.add("static", z, x, shapes.litter_bin)


def _leaves(dice: Dice, number: int) -> list[tuple[float, float, float, float]]:
    return [
        (dice.between(-1.2, 1.2), dice.between(-0.4, 1.6), dice.between(0.7, 1.3), dice.between(0.7, 1.25))
        for _ in range(number)
    ]


def _add_tree(scene: Scene, x: float, z: float) -> None:
    height, leaves = scene.dice.between(2.2, 3.4), _leaves(scene.dice, 7)
    scene.add("vegetation", z, x, lambda pen: (pen.shadow(-1.2, 1.2), tree(pen, height, leaves)))


def _add_light(scene: Scene, x: float, z: float) -> None:
    lit, y = scene.dice.whole(0, 2), scene.dice.between(1.7, 2.1)
    scene.add("pole", z, x, lambda pen: shapes.pole(pen, y + 0.1))
    scene.add("traffic light", z - 0.01, x, lambda pen: shapes.traffic_light(pen, y, lit))


def _add_sign(scene: Scene, x: float, z: float) -> None:
    y = scene.dice.between(2.1, 2.7)
    shape = scene.dice.pick((shapes.sign_round, shapes.sign_round, shapes.sign_triangle, shapes.sign_board))
    scene.add("pole", z, x, lambda pen: shapes.pole(pen, y, 0.2))
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


def add_traffic(scene: Scene, tram: bool) -> None:
    """Vehicles in the lanes and at the curbs; no two in one place."""
    dice, plan = scene.dice, scene.plan
    places = [(0.0, dice.between(9, 12)), (0.0, dice.between(20, 28)), (ONCOMING, dice.between(20, 26))]
    if tram:
        add_vehicle(scene, "train", *((ONCOMING, dice.between(8, 13)) if dice.chance(0.7) else places.pop(0)))
    else:
        places.append((ONCOMING, dice.between(7.5, 12)))
    for side, x in enumerate((plan.road[0] + 1.15, plan.road[1] - 1.15)):
        if abs(x - (0.0 if side else ONCOMING)) > 2:  # there is a parking lane
            places += [(x, dice.between(6.5, 8.5)), (x, dice.between(13, 16)), (x, dice.between(21, 26))]
    for name, probability in (("bus", 0.28), ("truck", 0.32)):
        if places and dice.chance(probability):
            add_vehicle(scene, name, *places.pop(dice.whole(0, min(2, len(places) - 1))))
    for x, z in places:
        if dice.chance(0.6):
            add_vehicle(scene, "car", x, z)
    if dice.chance(0.15):
        add_sideways(scene, "car", dice.between(-4, 2), dice.between(6.5, 8), dice.chance(0.5))
    for name, probability in (("motorcycle", 0.3), ("bicycle", 0.36)):
        if dice.chance(probability):
            _add_two_wheeler(scene, name)


def add_vehicle(scene: Scene, name: str, x: float, z: float) -> None:
    """A vehicle in line with the street: the side that is turned to the camera, then the end."""
    profile, length, end, half = VEHICLES[name]
    inner = x - half if x > 0 else x + half

    def draw(pen: Pen) -> None:
        pen.shadow(-half - 0.2, half + 0.2, 0.8)
        profile(Pen(pen.canvas, pen.camera, pen.label, pen.instance, inner, z, along=True))
        end(pen)

    scene.add(name, z, x, draw)


def add_sideways(scene: Scene, name: str, x: float, z: float, mirror: bool) -> float:
    """A vehicle that crosses the street, its middle at ``x``. Returns where its pen starts."""
    profile, length, _, _ = VEHICLES[name]
    start = x + (length / 2 if mirror else -length / 2)
    scene.add(name, z, start, lambda pen: (pen.shadow(0, length), profile(pen)), mirror=mirror)
    return start


def _add_two_wheeler(scene: Scene, name: str) -> None:
    """A bicycle or motorcycle, seen from the side or the end, ridden or parked on the sidewalk."""
    dice, plan = scene.dice, scene.plan
    _, length, end, half = VEHICLES[name]
    ridden, sideways, mirror = dice.chance(0.65), dice.chance(0.6), dice.chance(0.5)
    z = dice.between(5.0, 8.5)
    reach = 0.75 * z  # about where the view ends
    if ridden:
        x = dice.between(max(plan.road[0], -reach), min(plan.road[1], reach))
    else:
        x = min(plan.road[1] + 0.9, reach) if dice.chance(0.6) else max(plan.road[0] - 0.9, -reach)
    if sideways:
        start = add_sideways(scene, name, x, z, mirror)
    else:
        start = x
        scene.add(name, z, x, lambda pen: (pen.shadow(-half, half), end(pen)))
    if ridden:
        scene.add("rider", z - 0.01, start, shapes.rider_profile if sideways else shapes.rider_end, mirror=mirror)


def add_people(scene: Scene) -> None:
    """Persons, alone or in twos and threes, on the sidewalks or crossing; now and then a dog or a cart (ignored)."""
    dice, plan = scene.dice, scene.plan
    for _ in range(dice.whole(0, 3)):
        z = dice.between(5, 14)
        side = dice.pick((0, 1, 1, 2))
        limits = (plan.fronts[0] + 0.8, plan.road[0]), (plan.road[1], plan.fronts[1] - 0.8), plan.road
        x = min(max(dice.between(*limits[side]), -0.75 * z), 0.75 * z)
        for _ in range(dice.pick((1, 1, 2, 3))):
            height, stride = dice.between(1.5, 1.9), dice.between(0.08, 0.4)
            draw = lambda pen, h=height, s=stride: (pen.shadow(-0.4, 0.4), shapes.person(pen, h, s))  # noqa: E731
            scene.add("person", z, x, draw)
            x, z = x + dice.between(0.6, 0.9), z + dice.between(-0.3, 0.3)
    if dice.chance(0.2):
        x, z = dice.between(*plan.road), dice.between(7, 12)
        scene.add("dynamic", z, x, shapes.dog)
