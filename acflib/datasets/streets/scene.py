"""What stands where in a scene of Streets: draws a ground plan and a list of things, then paints them."""

import numpy as np

from acflib.datasets.labels import ID
from acflib.datasets.streets.contents import StreetScene
from acflib.datasets.streets.ground import paint_fronts, paint_ground, paint_sky, paint_skyline, paint_street_end
from acflib.datasets.streets.paint import LAMP, Camera, Canvas, Pen
from acflib.datasets.streets.plan import CrowdedDice, Dice, Front, draw_fronts, draw_plan
from acflib.datasets.streets.shadows import ShadowPen, box_shadow, darken_ground, foot
from acflib.datasets.streets.traffic import add_crowd, add_people, add_street_furniture, add_traffic
from acflib.datasets.streets.weather import Weather, daylight


def draw_scene(rng: np.random.Generator, crowded: bool = False) -> StreetScene:
    """Draw one street; a crowded one has most of the things that a street can have."""
    dice = CrowdedDice(rng) if crowded else Dice(rng)
    camera = Camera(1.2, dice.between(1.5, 1.8), dice.between(-0.2, 0.2), dice.between(0.33, 0.41))
    tram = dice.chance(0.14)
    plan = draw_plan(dice, tram)
    clouds = [(dice.between(-1, 1), dice.between(0, 0.3), dice.between(0.1, 0.4)) for _ in range(4)]
    skyline = [
        (dice.between(-1, 1), dice.between(0.04, 0.15), dice.between(0.02, 0.12), dice.chance(0.5)) for _ in range(14)
    ]
    end = None
    if dice.chance(0.4):
        kind = dice.pick(
            ("building", "vegetation", "building", "vegetation", "building", "vegetation", "wall", "fence")
        )
        height = {"wall": 3.2, "fence": 2.4, "building": dice.between(8, 13), "vegetation": 4.0}[kind]
        z = dice.between(24, 34)
        end = Front(kind, z, z, height, dice.between(0, 5))
    rows = [(x, draw_fronts(dice)) for x in plan.fronts]
    scene = StreetScene(dice, camera, plan, clouds, skyline, rows, end, dice.between(0.91, 0.97))
    add_street_furniture(scene)
    if crowded:
        add_crowd(scene)
    else:
        add_traffic(scene, tram)
    add_people(scene)
    return scene


def paint_scene(scene: StreetScene, weather: Weather, canvas: Canvas) -> None:
    """Paint a street on the canvas, from far to near: sky, ground and shadows, houses, things, the own bonnet."""
    camera = scene.camera
    paint_sky(canvas, camera, scene.clouds)
    paint_ground(canvas, camera, scene.plan)
    _paint_shadows(scene, weather, canvas)
    paint_skyline(canvas, camera, scene.skyline)
    if scene.end:
        paint_street_end(canvas, camera, scene.end, weather)
    for x, fronts in scene.rows:
        paint_fronts(canvas, camera, x, fronts, weather)
    for thing in sorted(scene.things, key=lambda thing: -thing.z):
        light = daylight(weather, 0, -1) if weather.sun else 1.0
        thing.draw(Pen(canvas, camera, thing.label, thing.instance, thing.x, thing.z, light=light, **thing.pen))
    if weather.lamps > 0.3:
        _switch_lamps_on(scene, canvas)
    bonnet = scene.bonnet
    canvas.ellipse(-0.9, bonnet, 0.9, bonnet + 0.5, ID["ego vehicle"], 0.7, depth=1.5)


def _switch_lamps_on(scene: StreetScene, canvas: Canvas) -> None:
    """Give the heads of the street lamps the shade of a light, where nothing hides them."""
    for x, y, z in scene.lamps:
        u0, v0 = scene.camera.project(x - 0.5, y + 0.2, z)
        u1, v1 = scene.camera.project(x + 0.5, y - 0.2, z)
        box = canvas.box(u0, v0, u1, v1)
        seen = (canvas.labels[box] == ID["pole"]) & (np.abs(canvas.depth[box] - z) < 0.01)
        canvas.shade[box][seen] = LAMP


def _paint_shadows(scene: StreetScene, weather: Weather, canvas: Canvas) -> None:
    """The shadows of all things and houses, and the dark places below them, on the ground that is painted so far."""
    camera = scene.camera
    sunlit, feet = np.zeros_like(canvas.shade), np.zeros_like(canvas.shade)
    for thing in scene.things:
        if thing.base:
            foot(canvas, camera, feet, thing.x, thing.z, thing.base)
        for x0, x1, z0, z1, _ in thing.boxes:
            box_shadow(canvas, camera, feet, (x0 - 0.15, x1 + 0.15, z0 - 0.3, z1 + 0.2, 0.0), (0.0, 0.0))
        if weather.sun is None:
            continue
        for box in thing.boxes:
            box_shadow(canvas, camera, sunlit, box, weather.sun)
        if not thing.boxes:
            thing.draw(ShadowPen(canvas, camera, 0, 0, thing.x, thing.z, sun=weather.sun, mask=sunlit, **thing.pen))
    darken_ground(canvas, camera, weather, sunlit, feet, scene.rows)
