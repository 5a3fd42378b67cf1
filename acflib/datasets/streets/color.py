"""Colors and light of Streets: one color and one texture per class, drawn anew for every image.

Inside one image a class has one appearance; across images it does not. Every class draws its hue by itself, saturation
and brightness are shifted, and the light changes. What stays is what a network has to learn: shape, position, size of
the texture's grain, and context. Two other palettes, for the study of class centers, change the hues: "turned" (one
angle for the whole image) and "fixed" (the natural colors in every image).
"""

import colorsys
from dataclasses import dataclass

import numpy as np

from acflib.datasets.labels import ID
from acflib.datasets.streets.paint import Camera, Canvas
from acflib.datasets.streets.weather import GROUND

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
CELLS = np.array([0.14, 0.35, 25.0], dtype=np.float32)  # size of fine, medium and coarse grain, in meters
PALETTES = ("fixed", "turned", "own")
PALETTE = "own"  # of the lessons: what a class looks like must be found out in each image
NEUTRAL = (0.10, 0.15, 0.40, 0)  # everything that is ignored: bonnet, rail track, bins, ...


@dataclass(frozen=True)
class Look:
    """How one image looks. Tables are indexed by label id, 0 to 33.

    Attributes:
        palette: (34, 3) color of each class, 0 to 1.
        grain: (34,) which noise field a class is textured with.
        roughness: (34,) strength of that texture.
        light: (3,) factor on red, green and blue: the tint of the daylight.
        haze: 0 to 1, how far everything fades to gray.
        noise: (64, 64) numbers from 0 to 1 on a lattice that repeats: what all textures are made of.
    """

    palette: np.ndarray
    grain: np.ndarray
    roughness: np.ndarray
    light: np.ndarray
    haze: float
    noise: np.ndarray


def draw_look(rng: np.random.Generator, palette: str = PALETTE) -> Look:
    """Draw the colors, the textures and the light of one image.

    Args:
        rng: the same random numbers give the same textures and light with every palette.
        palette: how an image comes by its colors. "own": each class draws its hue by itself, all hues alike. "turned":
            one turn of the hue for all classes, and small shifts of each. "fixed": the natural colors.
    """
    turn = rng.random()  # one angle of hue for the whole palette
    draws = {number: rng.random(4) for number in ID.values() if number >= 0}
    light, haze = 0.88 + 0.24 * rng.random(3), 0.12 * rng.random()
    noise = rng.random((64, 64), dtype=np.float32)
    hues = rng.random(34)  # of "own"
    colors, grain, roughness = np.zeros((34, 3)), np.zeros(34, dtype=np.int64), np.zeros(34)
    for name, number in ID.items():
        if number < 0:
            continue
        hue, saturation, value, grain[number] = NATURAL.get(name, NEUTRAL)
        r = draws[number]
        if palette != "fixed":
            hue = hues[number] if palette == "own" else (hue + turn + 0.06 * (r[0] - 0.5)) % 1
            saturation = min(1.0, saturation * (0.8 + 0.4 * r[1]))
            value = min(0.95, max(0.12, value + 0.16 * (r[2] - 0.5)))
        colors[number] = colorsys.hsv_to_rgb(hue, saturation, value)
        roughness[number] = 0.05 + 0.30 * r[3]
    roughness[ID["sky"]] *= 0.5
    return Look(colors, grain, roughness, light, haze, noise)


def texture(canvas: Canvas, camera: Camera, look: Look) -> np.ndarray:
    """Noise from -0.5 to 0.5 for every pixel, float32 (H, W), fixed to the surfaces of the scene.

    The lattice lies in the plane of the ground, or in the upright plane of a front or a thing; so the texture follows
    perspective. It is the sum of two lattices, and each fades where its cells get smaller than two pixels.
    """
    z = canvas.depth
    x = ((canvas.u - camera.center) / camera.focal).astype(np.float32) * z
    y = camera.height - ((canvas.v - camera.horizon) / camera.focal).astype(np.float32) * z
    ground = GROUND[canvas.labels]
    across, along = np.where(ground, x, x + z), np.where(ground, z, y)
    pixel = z / (camera.focal * canvas.v.size)
    pixel = np.where(ground, pixel * np.sqrt(z / camera.height), pixel)  # the ground is seen at a slant
    cell = CELLS[look.grain][canvas.labels]
    noise = np.zeros_like(z)
    for size, weight in ((cell, 0.7), (4 * cell, 0.5)):
        noise += weight * np.minimum(1, size / (2 * pixel)) * (lattice(look.noise, across / size, along / size) - 0.5)
    return noise


def colorize(canvas: Canvas, noise: np.ndarray, look: Look, light: np.ndarray, veil: np.ndarray) -> np.ndarray:
    """Color a canvas to an image, float32 (H, W, 3) from 0 to 1.

    Args:
        canvas: labels and shades.
        noise: the texture, (H, W).
        look: the colors.
        light: factor on every pixel, (H, W).
        veil: share of gray air before every pixel, (H, W).
    """
    shade = canvas.shade * (1 + 2 * look.roughness.astype(np.float32)[canvas.labels] * noise)
    dark, bright = np.clip(shade, 0, 1), np.clip(shade - 1, 0, 1)
    gray = np.float32(0.62) * np.clip(light, 0.3, 1)
    image = np.empty((*shade.shape, 3), dtype=np.float32)
    for channel in range(3):  # each for itself: numpy is slow where the last axis is short
        own = look.palette[:, channel].astype(np.float32)[canvas.labels]
        plane = own * dark + (1 - own) * bright  # shade 0 is black, 1 the own color, 2 white
        plane = plane * np.float32(1 - look.haze) + np.float32(0.65 * look.haze)
        plane = plane * light
        plane = plane + veil * (gray - plane)
        image[..., channel] = np.clip(plane * np.float32(look.light[channel]), 0, 1)
    return image


def lattice(table: np.ndarray, across: np.ndarray, along: np.ndarray) -> np.ndarray:
    """Blend the numbers of a repeating (64, 64) lattice linearly at the places (along, across); float32 (H, W)."""
    left, top = np.floor(across), np.floor(along)
    right, down = across - left, along - top
    i, j = top.astype(np.int32), left.astype(np.int32)
    i, k, j, m = (i & 63) << 6, ((i + 1) & 63) << 6, j & 63, (j + 1) & 63
    flat = table.reshape(-1)  # (64, 64) to (4096,)
    upper_left, lower_left = flat.take(i + j), flat.take(k + j)
    upper = upper_left + (flat.take(i + m) - upper_left) * right
    lower = lower_left + (flat.take(k + m) - lower_left) * right
    return upper + (lower - upper) * down
