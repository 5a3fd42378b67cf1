"""Weather and time of day of Streets: one draw per image, which changes light and never a label.

All of it acts on brightness: how dark a shadow is, which lamps shine, how the wet road mirrors what stands on it. Fog
and falling rain or snow are the only things that mix in a color, gray. So the hue of a class stays the same all over an
image in every weather.
"""

from dataclasses import dataclass

import numpy as np

from acflib.datasets.labels import ID
from acflib.datasets.streets.paint import SHINING, Camera, Canvas
from acflib.datasets.streets.plan import Dice

GROUND = np.isin(np.arange(34), [ID[name] for name in ("road", "sidewalk", "terrain", "rail track", "ego vehicle")])
# How often each weather is drawn.
WEATHERS = {"clear": 0.48, "overcast": 0.20, "dusk": 0.10, "night": 0.07, "rain": 0.07, "fog": 0.05, "snow": 0.03}


@dataclass(frozen=True)
class Weather:
    """The weather of one image.

    Attributes:
        name: one of WEATHERS.
        sun: shadows fall this many meters (to the right, ahead) per meter of height; None without sun.
        sunshine: how dark shadows are and how much the sides of houses differ, 0 to 1.
        gain: factor on all daylight.
        lamps: how much the lamps shine, 0 (by day) to 1 (at night).
        fog: share of light that 1 m of air scatters.
        wet: how strongly the road mirrors, 0 to 1.
        snow: how much of the ground is covered, 0 to 1.
        drops: number of streaks of rain or flakes of snow.
    """

    name: str
    sun: tuple[float, float] | None = None
    sunshine: float = 0.0
    gain: float = 0.9
    lamps: float = 0.0
    fog: float = 0.0008
    wet: float = 0.0
    snow: float = 0.0
    drops: int = 0


def draw_weather(dice: Dice) -> Weather:
    """Draw the weather of one image."""
    name = dice.weighted(WEATHERS)
    side = -1 if dice.chance(0.5) else 1
    steep, ahead, amount = dice.roll(), dice.between(-0.25, 0.4), dice.roll()
    return {
        "clear": Weather(name, (side * (0.2 + 0.6 * steep), ahead), 1.0, 1.12),
        "overcast": Weather(name, gain=0.85),
        "dusk": Weather(name, (side * (0.8 + 0.4 * steep), ahead), 0.6, 0.72, lamps=0.4),
        "night": Weather(name, gain=0.36, lamps=1.0),
        "rain": Weather(name, gain=0.72, lamps=0.25, fog=0.004, wet=0.6 + 0.4 * amount, drops=90),
        "fog": Weather(name, gain=0.95, lamps=0.25, fog=0.02 + 0.03 * amount),
        "snow": Weather(name, gain=0.95, fog=0.006, snow=0.35 + 0.35 * amount, drops=130),
    }[name]


def daylight(weather: Weather, across: float, ahead: float) -> float:
    """Factor on the shade of an upright plane whose normal is (across, ahead): brighter when it faces the sun."""
    if weather.sun is None:
        return 0.96 if across else 1.0
    return 1.0 - 0.2 * weather.sunshine * (1 if across * weather.sun[0] + 0.3 * ahead * weather.sun[1] > 0 else -0.7)


def snow_and_mirrors(canvas: Canvas, weather: Weather, noise: np.ndarray) -> None:
    """Change the shade of the ground: patches of snow, and in rain the mirrored brightness of what stands on it."""
    ground = GROUND[canvas.labels] & (canvas.labels != ID["ego vehicle"])
    if weather.snow:
        road = (canvas.labels == ID["road"]) * np.float32(0.25)
        cover = np.clip(4 * (noise + 0.5 - road - (1 - weather.snow)), 0, 1)
        canvas.shade += np.where(ground, cover * np.maximum(1.6 - canvas.shade, 0) * 0.75, 0)
        canvas.shade[(canvas.labels == ID["vegetation"]) & (noise > 0.75 - 0.5 * weather.snow)] += 0.25
    if weather.wet:
        rows = np.arange(canvas.v.size)[:, None]
        foot = np.maximum.accumulate(np.where(ground, 0, rows), axis=0)  # last row above that is not ground
        source = np.maximum(2 * foot - rows, 0)
        mirrored = np.take_along_axis(canvas.shade, source, axis=0)
        fade = weather.wet * np.clip(0.85 - (rows - foot) / (0.45 * canvas.v.size), 0, 1)
        wet = canvas.shade * 0.75 + 0.75 * fade * (mirrored - 0.55)
        canvas.shade = np.where(ground, np.maximum(wet, 0.1), canvas.shade).astype(np.float32)


def lighting(canvas: Canvas, camera: Camera, weather: Weather, lamps: list[tuple[float, float, float]]) -> np.ndarray:
    """Factor on the color of every pixel, float32 (H, W): daylight, own headlights, street lamps at (x, y, z), glow."""
    if not weather.lamps:
        return np.full(canvas.shade.shape, weather.gain, dtype=np.float32)
    z = canvas.depth
    x = (canvas.u.astype(np.float32) - camera.center) * z / camera.focal
    y = camera.height - (canvas.v.astype(np.float32) - camera.horizon) * z / camera.focal
    beam = np.clip(1.2 - z / 30, 0, 1) * np.clip(1.5 - np.abs(x) / (1.5 + 0.3 * z), 0, 1) * np.clip(1.7 - 0.5 * y, 0, 1)
    light = 0.85 * beam
    for lamp_x, lamp_y, lamp_z in lamps:
        across, ahead = x - lamp_x, z - lamp_z
        light += np.where(y < lamp_y, 0.6 / (1 + (across * across + ahead * ahead) / 7), 0)
    light = weather.gain + weather.lamps * light
    shining = (canvas.shade >= SHINING) & (canvas.labels != ID["road"]) & (canvas.labels != ID["sky"])
    light = np.where(shining, np.maximum(light, 0.4 + 0.8 * weather.lamps), light)
    glow = blur(shining.astype(np.float32), max(2, canvas.v.size // 24))
    return np.minimum(light + weather.lamps * 0.9 * glow, 1.35).astype(np.float32)


def veil(canvas: Canvas, weather: Weather) -> np.ndarray:
    """How much gray air lies before every pixel, float32 (H, W), 0 to 0.85."""
    clear = 1 / (1 + weather.fog * canvas.depth)  # a quotient instead of an exponential: alike on every machine
    return np.minimum(1 - clear * clear, 0.85).astype(np.float32)


def falling(canvas: Canvas, weather: Weather, rng: np.random.Generator) -> np.ndarray:
    """Streaks of rain or flakes of snow, float32 (H, W) from 0 to 0.5: how much they cover."""
    height, width = canvas.shade.shape
    cover = np.zeros((height, width), dtype=np.float32)
    if not weather.drops:
        return cover
    rain = weather.wet > 0
    place = rng.random((weather.drops, 3))
    length, slope = (0.09, 0.2) if rain else (0.008, 0.0)
    steps = max(2, int(length * height) + 1)
    along = np.arange(steps) / height * (0.5 + place[:, 2:])  # (drops, steps)
    thick = max(1, height // (128 if rain else 64))
    for k in range(thick):
        for rows_down in range(1 if rain else thick):
            row = ((place[:, :1] * 1.1 - 0.05 + along) * height).astype(int) + rows_down
            column = ((place[:, 1:2] * 2 + slope * along) * height).astype(int) + k
            seen = (row >= 0) & (row < height) & (column < width)
            cover[row[seen], column[seen]] = 0.3 if rain else 0.6
    return cover


def blur(image: np.ndarray, radius: int) -> np.ndarray:
    """Mean over a square of 2 * radius + 1 pixels, twice: soft edges. float32 (H, W); borders repeat."""
    size = 2 * radius + 1
    for _ in range(4):  # down, across, down, across
        total = np.pad(image, ((radius + 1, radius), (0, 0)), mode="edge").astype(np.float64, order="C")
        for above, row in zip(total, total[1:], strict=False):  # np.cumsum over rows, which is slower
            row += above
        image = ((total[size:] - total[:-size]) / size).astype(np.float32).T  # (H, W) to (W, H) and back
    return np.ascontiguousarray(image)
