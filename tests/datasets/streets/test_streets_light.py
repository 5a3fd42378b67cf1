"""Light in Streets: weather, shadows and textures follow their formulas, and change neither labels nor hues."""

import colorsys
import math

import numpy as np
import pytest

from acflib.datasets.labels import ID
from acflib.datasets.streets import folder as module
from acflib.datasets.streets import render_street
from acflib.datasets.streets.color import CELLS, colorize, draw_look, lattice, texture
from acflib.datasets.streets.paint import Camera, Canvas
from acflib.datasets.streets.plan import Dice, Front
from acflib.datasets.streets.scene import draw_scene, paint_scene
from acflib.datasets.streets.shadows import ShadowPen, box_shadow, darken_ground, hull, row_shadow
from acflib.datasets.streets.weather import (
    WEATHERS,
    Weather,
    blur,
    draw_weather,
    falling,
    lighting,
    snow_and_mirrors,
    veil,
)

CAMERA = Camera(focal=1.2, height=1.6, center=0.1, horizon=0.4)


class Loaded(Dice):
    """Dice that always show one weather."""

    def __init__(self, name: str) -> None:
        super().__init__(np.random.default_rng(5))
        self.name = name

    def weighted(self, weights: dict[str, float]) -> str:
        return self.name


def weather(name: str) -> Weather:
    return draw_weather(Loaded(name))


def ground_canvas(width: int = 256, height: int = 128) -> tuple[Canvas, np.ndarray, np.ndarray]:
    """An empty road under CAMERA, with the x and z (meters) of every pixel below the horizon."""
    canvas = Canvas(width, height)
    below = canvas.v[:, 0] > CAMERA.horizon
    z = CAMERA.focal * CAMERA.height / (canvas.v[below] - CAMERA.horizon)
    canvas.labels[:], canvas.labels[below] = ID["sky"], ID["road"]
    canvas.depth[below] = z
    x = (canvas.u - CAMERA.center) * z / CAMERA.focal
    return canvas, x, np.broadcast_to(z, x.shape)


@pytest.mark.parametrize("seed", range(3))
def test_weather_changes_the_picture_and_no_label(seed, monkeypatch):
    images, labels, instances = [], [], []
    for name in WEATHERS:
        monkeypatch.setattr(module, "draw_weather", lambda dice, name=name: weather(name))
        street = render_street(seed)
        assert street.weather == name
        images.append(street.image.astype(int))
        labels.append(street.label_ids)
        instances.append(street.instance_ids)
    for k in range(1, len(WEATHERS)):
        assert np.array_equal(labels[k], labels[0]) and np.array_equal(instances[k], instances[0])
        assert all(np.abs(images[k] - other).mean() > 2 for other in images[:k]), list(WEATHERS)[k]


def test_weathers_are_as_frequent_as_they_say():
    assert sum(WEATHERS.values()) == pytest.approx(1)
    dice = Dice(np.random.default_rng(0))
    drawn = [draw_weather(dice).name for _ in range(4000)]
    for name, share in WEATHERS.items():
        four_sigma = 4 * math.sqrt(share * (1 - share) / 4000)
        assert abs(drawn.count(name) / 4000 - share) < four_sigma, name


def test_the_sun_shines_on_clear_days_and_at_dusk_alone():
    assert {name for name in WEATHERS if weather(name).sun} == {"clear", "dusk"}


@pytest.mark.parametrize("name", [name for name in WEATHERS if name not in ("fog", "snow")])
def test_a_class_keeps_its_hue_all_over_an_image(name):
    """Shade, lamps and mirrors move a color between black, the color of the class and white: the hue stays."""
    look, canvas, drawn = draw_look(np.random.default_rng(3)), Canvas(256, 128), weather(name)
    scene = draw_scene(np.random.default_rng(4))
    paint_scene(scene, drawn, canvas)
    noise = texture(canvas, scene.camera, look)
    snow_and_mirrors(canvas, drawn, noise)
    light = lighting(canvas, scene.camera, drawn, scene.lamps)
    image = colorize(canvas, noise, look, light, np.zeros_like(light)).astype(float)
    checked = set()
    for number in np.unique(canvas.labels):
        # the tint and the haze belong to the image, not to a place in it: take them out again
        pixels = image[canvas.labels == number]
        inner = ((pixels > 0) & (pixels < 1)).all(axis=1)  # neither channel was cut off
        bare = pixels[inner] / look.light / light[canvas.labels == number][inner, None] - 0.65 * look.haze
        strong = np.ptp(bare, axis=1) > 0.15
        hues = np.array([colorsys.rgb_to_hsv(*color)[0] for color in np.clip(bare[strong], 0, 1)])
        apart = (hues - colorsys.rgb_to_hsv(*look.palette[number])[0] + 0.5) % 1 - 0.5
        if len(hues) >= 20:
            assert np.abs(apart).max() < 0.01, number
            checked.add(number)
    assert len(checked) >= 5


def test_shadow_of_a_box_is_where_the_rays_of_the_sun_say():
    """A ray through the ground point (x, z) meets the box if, for some height, it has moved into its base."""
    canvas, x, z = ground_canvas()
    sun, (x0, x1, z0, z1, height) = (0.7, 0.3), (-1.0, 1.0, 8.0, 12.0, 2.0)
    mask = np.zeros_like(canvas.shade)
    box_shadow(canvas, CAMERA, mask, (x0, x1, z0, z1, height), sun)
    expected = np.zeros(x.shape, dtype=bool)
    for y in np.linspace(0, height, 401):
        back_x, back_z = x - y * sun[0], z - y * sun[1]
        expected |= (back_x >= x0) & (back_x <= x1) & (back_z >= z0) & (back_z <= z1)
    found = mask[-x.shape[0] :] == 1
    assert expected.sum() > 300 and (found != expected).sum() <= 3  # points on an edge
    assert not mask[: -x.shape[0]].any()


def test_the_head_of_a_shadow_lies_along_the_rays():
    canvas, _, _ = ground_canvas()
    for sun in ((0.5, 0.25), (-0.8, 0.1)):
        pen = ShadowPen(canvas, CAMERA, 0, 0, x=1.0, z=10.0, sun=sun, mask=np.zeros_like(canvas.shade))
        assert pen.place(0, 3.0) == pytest.approx(CAMERA.project(1 + 3 * sun[0], 0, 10 + 3 * sun[1]))
        across = np.subtract(pen.place(0.5, 0), CAMERA.project(1, 0, 10))
        assert np.abs(across).max() > 0  # wide at the foot, whatever the direction
        pen.rect(-0.3, 0, 0.3, 2.0)
        assert pen.mask.any() and (canvas.labels[pen.mask == 1] == ID["road"]).all()


def test_houses_darken_the_ground_behind_them_and_not_before():
    fronts = [Front("building", 5.0, 20.0, 10.0, 0.0), Front("wall", 25.0, 40.0, 2.0, 0.0)]
    x, z = np.array([[-5.0, -1.1, -0.9, 3.0]]), np.array([[10.0]])
    # sun from the left: the shadow of 10 m reaches 0.5 * 10 m to the right of the front at -6
    assert row_shadow(x, z, -6.0, fronts, (0.5, 0.0))[0] == pytest.approx([1, 0.5 + 0.2 / 0.8, 0.5 - 0.2 / 0.8, 0])
    assert not row_shadow(x, z, 6.0, fronts, (0.5, 0.0)).any()  # those on the sunny side darken houses, no ground
    gap = np.array([[22.0]])
    assert not row_shadow(x, gap, -6.0, fronts, (0.5, 0.0)).any()
    assert row_shadow(np.array([[-5.5]]), np.array([[30.0]]), -6.0, fronts, (0.5, 0.0))[0, 0] == 1


def test_shadows_only_darken_and_are_soft():
    canvas, x, _ = ground_canvas()
    labels, mask, nothing = canvas.labels.copy(), np.zeros_like(canvas.shade), np.zeros_like(canvas.shade)
    mask[90:, 100:] = 1
    darken_ground(canvas, CAMERA, Weather("clear", (0.5, 0.1), 1.0), mask, nothing, [])
    assert np.array_equal(canvas.labels, labels)
    assert canvas.shade.max() <= 1 and (canvas.shade[: -x.shape[0]] == 1).all()
    edge = canvas.shade[120, 94:107]
    assert (np.diff(edge) <= 0).all() and len(np.unique(edge.round(4))) >= 4  # from light to dark in steps
    again, _, _ = ground_canvas()
    darken_ground(again, CAMERA, Weather("overcast"), mask, nothing, [])
    assert (again.shade == 1).all()


def test_hull_of_a_square_leaves_out_what_lies_inside():
    corners = [(0.0, 0.0), (2.0, 0.0), (2.0, 2.0), (0.0, 2.0)]
    assert set(hull([*corners, (1.0, 1.0), (1.0, 0.0)])) == set(corners)


def test_lattice_is_linear_between_its_points_and_repeats():
    table = np.random.default_rng(0).random((64, 64), dtype=np.float32)
    across, along = np.array([[3.0, 3.5, 67.0, -1.0]]), np.array([[7.0, 7.0, 7.0 - 64, 7.0]])
    expected = [table[7, 3], (table[7, 3] + table[7, 4]) / 2, table[7, 3], table[7, 63]]
    assert lattice(table, across, along)[0] == pytest.approx(expected)
    assert lattice(table, np.array([[3.0]]), np.array([[7.25]]))[0, 0] == pytest.approx(
        0.75 * table[7, 3] + 0.25 * table[8, 3]
    )


def test_the_texture_of_the_ground_lies_in_perspective_and_fades():
    canvas, x, z = ground_canvas(512, 256)
    look = draw_look(np.random.default_rng(1))
    noise = texture(canvas, CAMERA, look)[-x.shape[0] :]
    cell = CELLS[look.grain[ID["road"]]]
    row = int(np.flatnonzero(z[:, 0] < 5)[0])
    pixel = z[row, 0] / (CAMERA.focal * 256) * math.sqrt(z[row, 0] / CAMERA.height)
    assert cell > 2 * pixel  # near enough for the full strength of both lattices
    fine = lattice(look.noise, x[row] / cell, z[row] / cell) - 0.5
    coarse = lattice(look.noise, x[row] / (4 * cell), z[row] / (4 * cell)) - 0.5
    assert noise[row] == pytest.approx(0.7 * fine + 0.5 * coarse, abs=0.02)
    near, far = noise[(z > 4) & (z < 6)].std(), noise[z > 60].std()
    assert far < 0.2 * near


def test_fog_grows_with_distance():
    canvas, _, z = ground_canvas()
    drawn = Weather("fog", fog=0.05)
    found = veil(canvas, drawn)[-z.shape[0] :]
    assert found[:, 0] == pytest.approx(np.minimum(1 - (1 + 0.05 * z[:, 0]) ** -2, 0.85), abs=1e-5)
    assert (veil(canvas, Weather("clear", fog=0.0)) == 0).all()


def test_the_wet_road_mirrors_what_stands_on_it():
    """Row f + d of the road shows the brightness of row f - d, where f is the last row above the road."""
    bright, dark = (np.ones((64, 128), dtype=np.float32) for _ in range(2))
    shades = []
    for thing in (1.5, 0.5):
        canvas = Canvas(128, 64)
        canvas.labels[:], canvas.labels[:40] = ID["road"], ID["building"]
        canvas.shade[30:36] = thing
        snow_and_mirrors(canvas, Weather("rain", wet=1.0), np.zeros_like(bright))
        shades.append(canvas.shade)
    bright, dark = shades
    changed = np.flatnonzero((bright != dark).any(axis=1))
    assert changed.tolist() == [*range(30, 36), *range(43, 49)]  # 39 + (39 - 35) to 39 + (39 - 30)
    assert (bright[43:49] > dark[43:49]).all()


def test_lamps_light_their_surroundings_at_night_alone():
    canvas, x, z = ground_canvas()
    night, lamp = weather("night"), (2.0, 5.0, 25.0)
    without, with_lamp = (lighting(canvas, CAMERA, night, lamps)[-x.shape[0] :] for lamps in ([], [lamp]))
    gain = with_lamp - without
    distance = np.hypot(x - 2.0, z - 25.0)
    assert gain[distance < 3].min() > gain[(distance > 5) & (distance < 10)].max() > 0
    assert np.array_equal(
        lighting(canvas, CAMERA, weather("clear"), [lamp]), lighting(canvas, CAMERA, weather("clear"), [])
    )
    middle = np.abs(x) < 0.5
    assert without[middle & (z < 8)].min() > without[middle & (z > 40)].max()  # the own headlights


def test_rain_and_snow_fall_and_nothing_else_does():
    canvas = Canvas(256, 128)
    for name in WEATHERS:
        cover = falling(canvas, weather(name), np.random.default_rng(0))
        assert (0.001 < (cover > 0).mean() < 0.15) == (name in ("rain", "snow")), name


def test_blur_is_the_mean_of_a_square_twice():
    image = np.random.default_rng(0).random((9, 11)).astype(np.float32)
    expected = image.astype(float)
    for _ in range(2):
        padded = np.pad(expected, 2, mode="edge")
        expected = np.array([[padded[i : i + 5, j : j + 5].mean() for j in range(11)] for i in range(9)])
    assert blur(image, 2) == pytest.approx(expected, abs=1e-6)
