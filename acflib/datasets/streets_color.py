"""Colors and light of Streets: one color and one texture per class, drawn anew for every image.

Inside one image a class has one appearance; across images it does not. The whole palette is turned by one angle of hue,
every class is shifted a little more by itself, and the light changes. What stays is what a network has to learn: shape,
position, size of the texture's grain, and context.
"""

import colorsys
from dataclasses import dataclass

import numpy as np

from acflib.datasets.labels import ID

# Hue (0 to 1), saturation and value before the turn, about as on a sunny day; grain: 0 fine, 1 medium, 2 coarse.
NATURAL: dict[str, tuple[float, float, float, int]] = {
    "road": (0.72, 0.30, 0.45, 0),
    "sidewalk": (0.88, 0.35, 0.62, 0),
    "building": (0.06, 0.45, 0.60, 1),
    "wall": (0.02, 0.62, 0.48, 0),
    "fence": (0.09, 0.70, 0.42, 0),
    "pole": (0.60, 0.45, 0.42, 0),
    "traffic light": (0.13, 0.85, 0.55, 0),
    "traffic sign": (0.15, 0.90, 0.82, 0),
    "vegetation": (0.30, 0.65, 0.42, 1),
    "terrain": (0.23, 0.55, 0.60, 0),
    "sky": (0.57, 0.40, 0.82, 2),
    "person": (0.97, 0.75, 0.62, 0),
    "rider": (0.93, 0.85, 0.50, 0),
    "car": (0.64, 0.80, 0.62, 1),
    "truck": (0.68, 0.55, 0.72, 1),
    "bus": (0.52, 0.70, 0.66, 1),
    "train": (0.46, 0.60, 0.62, 1),
    "motorcycle": (0.76, 0.75, 0.48, 0),
    "bicycle": (0.83, 0.70, 0.55, 0),
}
NEUTRAL = (0.10, 0.15, 0.40, 0)  # everything that is ignored: bonnet, rail track, bins, ...


@dataclass(frozen=True)
class Look:
    """How one image looks. Tables are indexed by label id, 0 to 33.

    Attributes:
        palette: (34, 3) color of each class, 0 to 1.
        grain: (34,) which noise field a class is textured with.
        roughness: (34,) strength of that texture.
        light: (3,) factor on red, green and blue: time of day.
        haze: 0 to 1, how far everything fades to grey.
        lattices: noise from 0 to 1 on a fine, a medium and a coarse lattice over the image.
    """

    palette: np.ndarray
    grain: np.ndarray
    roughness: np.ndarray
    light: np.ndarray
    haze: float
    lattices: tuple[np.ndarray, np.ndarray, np.ndarray]


def draw_look(rng: np.random.Generator) -> Look:
    """Draw the colors, the textures and the light of one image."""
    turn = rng.random()  # one angle of hue for the whole palette
    palette, grain, roughness = np.zeros((34, 3)), np.zeros(34, dtype=np.int64), np.zeros(34)
    for name, number in ID.items():
        if number < 0:
            continue
        hue, saturation, value, grain[number] = NATURAL.get(name, NEUTRAL)
        r = rng.random(4)
        hue = (hue + turn + 0.10 * (r[0] - 0.5)) % 1
        saturation = min(1.0, saturation * (0.6 + 0.9 * r[1]))
        value = min(0.95, max(0.12, value + 0.36 * (r[2] - 0.5)))
        palette[number] = colorsys.hsv_to_rgb(hue, saturation, value)
        roughness[number] = 0.05 + 0.30 * r[3]
    roughness[ID["sky"]] *= 0.5
    time = rng.random()
    gain = 1.1 if time < 0.55 else 0.85 if time < 0.8 else 0.6  # day, overcast, dusk
    light = gain * (0.88 + 0.24 * rng.random(3))
    lattices = tuple(rng.random((64 // cell + 1, 128 // cell + 1)) for cell in (1, 4, 16))
    return Look(palette, grain, roughness, light, 0.18 * rng.random(), lattices)


def colorize(labels: np.ndarray, shade: np.ndarray, look: Look) -> np.ndarray:
    """Color a label map and its shades, (H, W) each, to an image, float (H, W, 3) from 0 to 1."""
    height, width = labels.shape
    noise = np.choose(look.grain[labels], [stretch(lattice, height, width) for lattice in look.lattices])
    shade = shade * (1 + look.roughness.astype(np.float32)[labels] * (2 * noise - 1))
    own = look.palette.astype(np.float32)[labels]  # (H, W, 3)
    dark, bright = np.clip(shade, 0, 1)[..., None], np.clip(shade - 1, 0, 1)[..., None]
    image = own * dark + (1 - own) * bright  # shade 0 is black, 1 the own color, 2 white
    image = image * (1 - look.haze) + 0.65 * look.haze
    return np.clip(image * look.light.astype(np.float32), 0, 1)


def stretch(lattice: np.ndarray, height: int, width: int) -> np.ndarray:
    """Blend a lattice of numbers, (rows + 1, columns + 1), linearly to a float32 map (height, width)."""
    lattice = lattice.astype(np.float32)
    y = (np.arange(height, dtype=np.float32) + 0.5) / height * (lattice.shape[0] - 1)
    x = (np.arange(width, dtype=np.float32) + 0.5) / width * (lattice.shape[1] - 1)
    top, left = y.astype(int), x.astype(int)
    down, right = (y - top)[:, None], x - left
    rows = lattice[top] * (1 - down) + lattice[top + 1] * down  # (height, columns + 1)
    return rows[:, left] * (1 - right) + rows[:, left + 1] * right
