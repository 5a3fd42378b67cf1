"""Pictures as arrays: one rule for photographs of any depth, and one for label files."""

import struct
from pathlib import Path
from typing import BinaryIO

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError
from PIL.TiffImagePlugin import TiffImageFile

from acflib.errors import DataError

ORIENTATION = 0x0112  # the EXIF tag that says how a photograph is to be turned; 1: not at all
TIFF_BLACK = 262  # the TIFF tag that is 0 where 0 is white; with 16 bits Pillow leaves the negative to its callers
LOSSY = ("JPEG", "MPO", "JPEG2000", "WEBP", "AVIF")
DARKEST_WHITE = 64  # of 255: 16-bit pictures whose brightest value is below this hold fewer bits than 16
HEIF_BRANDS = (b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1")
RAW_SUFFIXES = (".arw", ".cr2", ".cr3", ".dng", ".nef", ".orf", ".raf", ".rw2")
HEIC = "a HEIC photograph, as iPhones take them, which Pillow cannot read. Export it as JPEG or PNG"
RAW = "a raw file of a camera. Export it as JPEG or PNG"
# What Pillow raises, by format and by damage.
UNREADABLE = (OSError, SyntaxError, ValueError, EOFError, LookupError, TypeError, ArithmeticError, struct.error)


def read_image(path: str | Path | BinaryIO) -> np.ndarray:
    """Read any photograph as RGB, uint8 (H, W, 3).

    Palettes are looked up, gray becomes three equal colors, alpha is left out, a turn in EXIF is made, and other
    depths follow the one rule of :func:`as_rgb`.

    Raises:
        DataError: missing, damaged, of a format that is not read, or of values that have no fixed white.
    """
    picture, sixteen = _open(path)
    with picture:
        negative = sixteen and isinstance(picture, TiffImageFile) and picture.tag_v2.get(TIFF_BLACK, 1) == 0
        picture = ImageOps.exif_transpose(picture)
        if picture.mode.startswith(("I", "F")):  # one gray value of more than 8 bits a pixel
            values = np.asarray(picture).astype(np.uint16) if sixteen else np.asarray(picture)
            return as_rgb(~values if negative else values, str(path))
        try:
            image = np.array(picture.convert("RGB"))
        except ValueError as error:
            raise DataError(f"{path}: {picture.mode} colors cannot be shown; save the picture as RGB") from error
        if sixteen:  # Pillow has kept the upper byte of each color
            _check_white(image, str(path))
        return image


def as_rgb(array: np.ndarray, name: str = "photograph") -> np.ndarray:
    """An array of gray, gray and alpha, RGB or RGBA values as RGB, uint8 (H, W, 3). Alpha is left out.

    The rule for all depths: black is 0 and white is the largest value of the type, 255 or 65535, or 1 for floats. What
    has no such white is refused and not guessed: 32-bit integers, floats beyond 1, and 10, 12 or 14 bits in values of
    16, which show by a brightest value below a quarter of white.

    Args:
        array: (H, W) or (H, W, 1 to 4).
        name: for messages.

    Raises:
        DataError: other dimensions, or values without a fixed white.
    """
    if array.ndim == 2:
        array = array[..., None]  # (H, W) -> (H, W, 1)
    if array.ndim != 3 or array.shape[2] not in (1, 2, 3, 4) or array.size == 0:
        raise DataError(f"{name}: a picture is (H, W) or (H, W, 1 to 4), this array is {array.shape}")
    colors = array[..., :3] if array.shape[2] >= 3 else array[..., :1].repeat(3, axis=2)
    if colors.dtype == np.uint8:
        return np.ascontiguousarray(colors)
    if colors.dtype == np.uint16:
        upper = (colors >> 8).astype(np.uint8)
        _check_white(upper, name)
        return upper
    if colors.dtype == bool or np.issubdtype(colors.dtype, np.floating):
        values = colors.astype(np.float64)
        if not (np.isfinite(values).all() and values.min() >= 0 and values.max() <= 1):
            raise DataError(f"{name}: a picture of floats has values from 0 to 1; use uint8 for 0 to 255")
        return np.round(255 * values).astype(np.uint8)
    raise DataError(
        f"{name}: a picture has values of uint8, uint16 or float, not {colors.dtype}: these have no fixed white; save "
        "it with 8 or 16 bit first"
    )


def read_label_values(path: Path, color_advice: str = "Give class numbers, not colors.") -> np.ndarray:
    """Read the values of a label PNG as they were written, uint8 (H, W): 1, 2, 4 or 8 bits, gray or palette.

    Args:
        path: the label file.
        color_advice: for the message about a color picture: where the right files are.

    Raises:
        DataError: missing, damaged, no PNG (a lossy format changes class numbers), colors, or more than 8 bits.
    """
    picture, _ = _open(path)
    with picture:
        if picture.format != "PNG":
            lossy = "which changes pixel values, so that class numbers are lost. Copy the PNG it was made from"
            mend = lossy if picture.format in LOSSY else "and label files are PNG. Save it as PNG, values unchanged"
            raise DataError(f"{path}: this label file is a {picture.format} picture, {mend}.")
        if picture.mode not in ("1", "L", "P"):
            deep = picture.mode.startswith("I")
            advice = "Was a *_instanceIds.png given? Save class numbers with 8 bit." if deep else color_advice
            raise DataError(
                f"{path}: a label file holds one id per pixel (8 bit), this one is a {picture.mode} picture. {advice}"
            )
        gray = picture.mode == "L"
        values = np.array(ImageOps.exif_transpose(picture)).astype(np.uint8)
    # Pillow stretches gray of 2 and 4 bits to 0..255, as a photograph needs it.
    return values // (255 // (2 ** _png_depth(path) - 1)) if gray else values


def is_turned(path: Path) -> bool:
    """Whether an EXIF tag says that a picture is to be turned or mirrored, as :func:`read_image` does."""
    with Image.open(path) as picture:
        return picture.getexif().get(ORIENTATION, 1) in range(2, 9)


def _check_white(upper: np.ndarray, name: str) -> None:
    """Raise DataError for the upper bytes of a 16-bit picture that cannot have used its 16 bits."""
    if upper.max() < DARKEST_WHITE:
        raise DataError(
            f"{name}: of 16 bits, the upper {8 - int(upper.max()).bit_length()} are never used, as in pictures of 10, "
            "12 or 14 bits, so their white is not known; save it with 8 bit, or scaled so that white is 65535"
        )


def _png_depth(path: Path) -> int:
    """Bits a sample, from the header of a PNG: its signature, a length, IHDR, width, height, depth."""
    with open(path, "rb") as file:
        return file.read(25)[24]


def _open(path: str | Path | BinaryIO) -> tuple[Image.Image, bool]:
    """Open and decode a picture now, so that a damaged file is named and not met later. Also: has it 16 bits?"""
    if Path(str(path)).suffix.lower() in RAW_SUFFIXES:  # many hold a TIFF: Pillow would take its small preview
        raise DataError(f"{path}: {RAW}.")
    try:
        picture = Image.open(path)
        sixteen = picture.mode.startswith("I;16") or any(";16" in str(tile) for tile in picture.tile)
        sixteen |= picture.mode == "I" and picture.format in ("PNG", "PPM")  # so called by older Pillows, and in PPM
        picture.load()
    except FileNotFoundError as error:
        raise DataError(f"{path}: file is gone. Put it back, or open the dataset again.") from error
    except Image.DecompressionBombError as error:
        raise DataError(f"{path}: {error}. Make it smaller first.") from error
    except MemoryError as error:
        raise DataError(f"{path}: too large for the memory that is left. Make it smaller first.") from error
    except UNREADABLE as error:
        if isinstance(error, UnidentifiedImageError) and _is_heif(path):
            raise DataError(f"{path}: is {HEIC}.") from error
        raise DataError(f"{path}: cannot be read as a picture ({error}). Copy or download it again.") from error
    return picture, sixteen


def _is_heif(source: str | Path | BinaryIO) -> bool:
    """By content: a HEIC photograph is often named .jpg."""
    if isinstance(source, (str, Path)):
        with open(source, "rb") as file:
            head = file.read(12)
    else:
        source.seek(0)
        head = source.read(12)
    return head[4:8] == b"ftyp" and head[8:12] in HEIF_BRANDS
