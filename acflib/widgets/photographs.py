"""Photographs from anywhere (bytes of an upload, a path, an array) as RGB pixels, or a line that says why not."""

import io
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from acflib.datasets.reading import ORIENTATION, as_rgb, read_image
from acflib.errors import DataError

MAX_SIDE = 1024
MIN_SIDE = 16
GRAY_MODES = ("1", "L", "LA", "La")
ALPHA_MODES = ("LA", "La", "PA", "RGBA", "RGBa")


@dataclass(frozen=True)
class Photograph:
    """A photograph as it is shown.

    Attributes:
        image: RGB, uint8 (H, W, 3).
        note: what was done to it, such as "gray, shown as RGB; turned as its EXIF tag says"; empty for a plain picture.
        full_size: height and width before it was made smaller.
    """

    image: np.ndarray
    note: str
    full_size: tuple[int, int]


class _NamedBytes(io.BytesIO):
    """The bytes of a file under its name, for the messages of :func:`acflib.datasets.reading.read_image`."""

    def __init__(self, content: bytes, name: str):
        super().__init__(content)
        self.name = name

    def __repr__(self) -> str:  # Pillow's messages show it
        return repr(self.name)

    def __str__(self) -> str:
        return self.name


def load_photograph(
    source: bytes | str | Path | np.ndarray, name: str = "photograph", max_side: int = MAX_SIDE
) -> np.ndarray:
    """The pixels of :func:`read_photograph`, uint8 (H, W, 3)."""
    return read_photograph(source, name, max_side).image


def read_photograph(
    source: bytes | str | Path | np.ndarray, name: str = "photograph", max_side: int = MAX_SIDE
) -> Photograph:
    """A photograph as RGB pixels. A large one is made smaller, so that a CPU can segment it.

    Args:
        source: the bytes of a picture file, a path, or an array: (H, W) or (H, W, 1 to 4); 8 bit, 16 bit, or floats
            from 0 to 1. Gray, alpha and EXIF orientation are dealt with.
        name: for messages, where ``source`` is not a path.
        max_side: longest side of the result, in pixels.

    Raises:
        DataError: not a picture, damaged, too small, or of a kind of value that has no fixed white.
    """
    if isinstance(source, np.ndarray):
        image, notes = as_rgb(source, name), _notes_on_array(source)
    elif isinstance(source, (bytes, memoryview)):
        image, notes = _read_file(_NamedBytes(bytes(source), name))
    elif Path(source).is_file():
        image, notes = _read_file(source)
    else:
        raise DataError(f"{source}: no such photograph")
    full_size = height, width = image.shape[:2]
    if min(height, width) < MIN_SIDE:
        raise DataError(f"{name}: {width} x {height} pixels are too few; both sides need at least {MIN_SIDE}")
    if max(height, width) > max_side:
        factor = max_side / max(height, width)
        size = max(MIN_SIDE, round(width * factor)), max(MIN_SIDE, round(height * factor))
        image = np.array(Image.fromarray(image).resize(size, Image.Resampling.LANCZOS))  # a copy that may be written to
        notes.append(f"made smaller, from {width} x {height} to {size[0]} x {size[1]} pixels")
    return Photograph(image, "; ".join(notes), full_size)


def _read_file(source: str | Path | _NamedBytes) -> tuple[np.ndarray, list[str]]:
    image = read_image(source)
    if isinstance(source, _NamedBytes):
        source.seek(0)
    with Image.open(source) as picture:  # its header alone: that it can be read is known by now
        mode = picture.mode
        deep = any(";16" in str(tile) for tile in picture.tile)  # 16 bit a color; Pillow's mode says it of gray alone
        has_alpha = mode in ALPHA_MODES or "transparency" in picture.info
        turned = picture.getexif().get(ORIENTATION, 1) in range(2, 9)
    notes = ["16 bit, shown with 8"] if deep else []
    notes += ["gray, shown as RGB"] if mode in GRAY_MODES or mode.startswith(("I", "F")) else []
    notes += ["its alpha channel is left out"] if has_alpha else []
    notes += ["turned as its EXIF tag says"] if turned else []
    return image, notes


def _notes_on_array(array: np.ndarray) -> list[str]:
    channels = 1 if array.ndim == 2 else array.shape[2]
    notes = ["16 bit, shown with 8"] if array.dtype == np.uint16 else []
    notes += ["gray, shown as RGB"] if channels < 3 else []
    return notes + (["its alpha channel is left out"] if channels in (2, 4) else [])


def labels_to_size(labels: np.ndarray, full_size: tuple[int, int], size: tuple[int, int]) -> np.ndarray:
    """Labels of a picture that was made smaller, made smaller with it: the label nearest to each pixel's middle.

    Labels of another size than ``full_size`` stay as they are: :func:`check_labels_fit` refuses them.
    """
    labels = np.asarray(labels)
    if labels.shape != full_size or full_size == size:
        return labels
    rows, columns = (((np.arange(n) + 0.5) * full / n).astype(int) for n, full in zip(size, full_size, strict=True))
    return labels[np.ix_(rows, columns)]


def check_labels_fit(labels: np.ndarray, image: np.ndarray, num_classes: int) -> np.ndarray:
    """Labels as uint8 (H, W) of train ids, after it is clear that they belong to the image.

    Raises:
        DataError: another size, or values that are neither a class nor 255.
    """
    labels = np.asarray(labels)
    if labels.shape != image.shape[:2]:
        raise DataError(
            f"labels are {labels.shape}, the picture is {image.shape[:2]}: give the labels of this very picture"
        )
    values = np.unique(labels)
    odd = [int(value) for value in values if not (0 <= value < num_classes or value == 255)]
    if odd:
        raise DataError(
            f"labels hold {odd[:8]}, but must be train ids, 0 to {num_classes - 1} or 255 (ignore): "
            "map the ids of the data set first"
        )
    return labels.astype(np.uint8)
