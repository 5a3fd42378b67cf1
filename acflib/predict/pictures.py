"""Pictures of class maps, drawn with Pillow alone: color maps, overlays and their legends."""

from collections.abc import Sequence

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from acflib.functional import IGNORE_INDEX

ROWS_AT_A_TIME = 256  # the floats between are small then
Colors = Sequence[tuple[int, int, int]]


def color_labels(labels: np.ndarray, colors: Colors) -> np.ndarray:
    """Class map (H, W) -> RGB uint8 (H, W, 3) in the classes' colors; ignored pixels are black."""
    palette = np.zeros((256, 3), dtype=np.uint8)
    palette[: len(colors)] = colors
    palette[IGNORE_INDEX] = 0
    return palette[labels]


def overlay(image: np.ndarray, labels: np.ndarray, colors: Colors, opacity: float = 0.5) -> np.ndarray:
    """Mix the colors of the classes over a photograph.

    Args:
        image: RGB uint8 (H, W, 3).
        labels: class map (H, W).
        colors: one RGB triple per class.
        opacity: of the colors, 0 to 1.

    Returns:
        RGB uint8 (H, W, 3).
    """
    mixed = np.empty_like(image)
    for top in range(0, len(image), ROWS_AT_A_TIME):
        rows = slice(top, top + ROWS_AT_A_TIME)
        mixed[rows] = np.round((1 - opacity) * image[rows] + opacity * color_labels(labels[rows], colors))
    return mixed


def add_legend(
    picture: np.ndarray, labels: np.ndarray, classes: Sequence[str], colors: Colors, shares: bool = True
) -> Image.Image:
    """Put a legend below a picture: the classes that occur in ``labels``, largest first, with their share of pixels.

    A small picture is enlarged by a whole number; one that would grow too high thereby gets a white margin instead.
    """
    picture = _at_least(picture, width=640, most=2048)
    counts = np.bincount(labels.ravel(), minlength=256)[: len(classes)]
    present = [int(i) for i in np.argsort(-counts, kind="stable") if counts[i]]
    font = ImageFont.load_default(size=14)
    height, width = picture.shape[0], max(640, picture.shape[1])
    columns = max(1, width // 200)
    rows = -(-len(present) // columns)
    canvas = Image.new("RGB", (width, height + 24 * rows + 12), "white")
    canvas.paste(Image.fromarray(picture), (0, 0))
    draw = ImageDraw.Draw(canvas)
    for place, i in enumerate(present):
        x = place % columns * (width // columns) + 8
        y = height + 8 + place // columns * 24
        draw.rectangle((x, y, x + 18, y + 16), fill=tuple(colors[i]), outline="black")
        text = f"{classes[i]}  {100 * counts[i] / labels.size:.1f} %" if shares else classes[i]
        draw.text((x + 26, y), text, fill="black", font=font)
    return canvas


def side_by_side(pictures: Sequence[np.ndarray], titles: Sequence[str], width: int = 480) -> Image.Image:
    """Pictures (H, W, 3) of one size in a row, each scaled to ``width`` pixels, a title above each.

    Pictures more than twice as high as wide are scaled to twice ``width`` in height.
    """
    high, wide = pictures[0].shape[:2]
    factor = min(width / wide, 2 * width / high)
    size = max(1, round(wide * factor)), max(1, round(high * factor))
    scaled = [Image.fromarray(picture).resize(size, Image.Resampling.NEAREST) for picture in pictures]
    font = ImageFont.load_default(size=16)
    canvas = Image.new("RGB", (len(scaled) * (width + 8) - 8, scaled[0].height + 26), "white")
    draw = ImageDraw.Draw(canvas)
    for i, (picture, title) in enumerate(zip(scaled, titles, strict=True)):
        canvas.paste(picture, (i * (width + 8), 26))
        draw.text((i * (width + 8) + 4, 3), title, fill="black", font=font)
    return canvas


def stack(rows: Sequence[Image.Image]) -> Image.Image:
    """Pictures, one below the other."""
    canvas = Image.new("RGB", (max(row.width for row in rows), sum(row.height for row in rows)), "white")
    top = 0
    for row in rows:
        canvas.paste(row, (0, top))
        top += row.height
    return canvas


def _at_least(picture: np.ndarray, width: int, most: int) -> np.ndarray:
    """Enlarge a small picture by a whole factor, so that a legend fits below it, but to ``most`` pixels in height."""
    factor = max(1, min(-(-width // picture.shape[1]), most // picture.shape[0]))
    return picture.repeat(factor, axis=0).repeat(factor, axis=1)
