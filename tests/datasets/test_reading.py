"""Pictures of every depth, format and turn: what the one reader makes of them, and what it refuses."""

import io
import struct
import zlib

import numpy as np
import pytest
from PIL import Image

from acflib.cli.doctor import check_data
from acflib.datasets import CamVid, Cityscapes
from acflib.datasets.base import read_image, read_label_values
from acflib.datasets.cache import build_cache
from acflib.errors import DataError
from acflib.widgets.photographs import as_rgb
from tests.datasets.conftest import picture, save

RAMP = np.arange(256, dtype=np.uint8).reshape(16, 16)
RGB_RAMP = np.dstack([RAMP] * 3)
ORIENTATION = 0x0112


def pgm(values: np.ndarray, white: int) -> bytes:
    """A portable graymap: its header says which value is white (16 bit, upper byte first)."""
    return b"P5 %d %d %d\n" % (values.shape[1], values.shape[0], white) + values.astype(">u2").tobytes()


def tiff(values: np.ndarray, **options) -> bytes:
    file = io.BytesIO()
    Image.fromarray(values).save(file, "TIFF", **options)
    return file.getvalue()


def png(values: np.ndarray, **options) -> bytes:
    file = io.BytesIO()
    Image.fromarray(values).save(file, "PNG", **options)
    return file.getvalue()


DEEP = RAMP.astype(np.uint16) * 257
# Each has a white that its format or type fixes: it must give what the 8-bit copy gives.
SAME_AS_8_BIT = {
    "png of 16 bit": png(DEEP),
    "tiff of 16 bit": tiff(DEEP),
    "tiff of 16 bit, upper byte first": tiff(DEEP.astype(">u2")),
    "tiff of 16 bit where 0 is white": tiff(65535 - DEEP, tiffinfo={262: 0}),
    "graymap of 16 bit": pgm(DEEP, 65535),
    "graymap of 12 bit, as its header says": pgm(np.round(RAMP / 255 * 4095), 4095),
    "floats from 0 to 1": tiff((RAMP / 255).astype(np.float32)),
}


@pytest.mark.parametrize("kind", SAME_AS_8_BIT)
def test_a_deep_picture_is_read_as_its_8_bit_copy(tmp_path, kind):
    (tmp_path / "deep").write_bytes(SAME_AS_8_BIT[kind])
    np.testing.assert_array_equal(read_image(tmp_path / "deep"), RGB_RAMP)


NO_WHITE = {
    "floats up to 255": tiff(RAMP.astype(np.float32)),
    "floats that are none": tiff(np.full((4, 4), np.nan, np.float32)),
    "int32": tiff(RAMP.astype(np.int32) * 2**20),
    "12 bit in 16": png(RAMP.astype(np.uint16) * 16),
    "10 bit in 16": tiff(RAMP.astype(np.uint16) * 4),
    "14 bit in 16": tiff(RAMP.astype(np.uint16) * 64),
    "8 bit in 16": png(RAMP.astype(np.uint16)),
}


@pytest.mark.parametrize("kind", NO_WHITE)
def test_a_picture_without_a_fixed_white_is_refused_and_not_guessed(tmp_path, kind):
    (tmp_path / "deep").write_bytes(NO_WHITE[kind])
    with pytest.raises(DataError, match=r"deep: .*(white|0 to 1)"):
        read_image(tmp_path / "deep")


def test_arrays_follow_the_same_rule():
    np.testing.assert_array_equal(as_rgb(DEEP), RGB_RAMP)
    np.testing.assert_array_equal(as_rgb(RAMP / 255), RGB_RAMP)
    for array in (RAMP.astype(np.uint16) * 16, RAMP.astype(np.int32), RAMP.astype(np.float32)):
        with pytest.raises(DataError, match="white|0 to 1"):
            as_rgb(array)


# ---- label files


@pytest.mark.parametrize("bits", [1, 2, 4, 8])
@pytest.mark.parametrize("mode", ["L", "P"])
def test_label_values_are_those_that_were_written(tmp_path, bits, mode):
    values = RAMP & (2**bits - 1)
    drawn = Image.fromarray(values)
    if mode == "P":
        drawn.putpalette([i % 256 for i in range(7, 775)])
        drawn.save(tmp_path / "labels.png", bits=bits)
    else:
        (tmp_path / "labels.png").write_bytes(gray_png(values, bits))
    content = (tmp_path / "labels.png").read_bytes()
    assert (content[24], content[25]) == (bits, 0 if mode == "L" else 3)  # depth and kind, as the header says
    found = read_label_values(tmp_path / "labels.png")
    assert found.dtype == np.uint8
    np.testing.assert_array_equal(found, values)


def gray_png(values: np.ndarray, bits: int) -> bytes:
    """A gray PNG of 1, 2, 4 or 8 bits a pixel, one chunk after the other, as the standard has them."""
    digits = np.unpackbits(values[..., None], axis=2)[..., 8 - bits :]  # (H, W, bits)
    lines = b"".join(b"\0" + np.packbits(line.ravel()).tobytes() for line in digits)

    def chunk(name, content):
        return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))

    header = struct.pack(">IIBBBBB", values.shape[1], values.shape[0], bits, 0, 0, 0, 0)
    chunks = chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(lines)) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + chunks


@pytest.mark.parametrize(("kind", "lossy"), [("JPEG", True), ("JPEG2000", True), ("TIFF", False), ("BMP", False)])
def test_labels_in_another_format_are_refused_whatever_they_are_called(tmp_path, kind, lossy):
    path = tmp_path / "labels.png"
    Image.fromarray(RAMP % 12).save(path, kind)
    with pytest.raises(DataError, match=rf"labels.png: .*{kind} picture, .*{'lost' if lossy else 'Save it as PNG'}"):
        read_label_values(path)


def test_labels_of_16_bit_are_not_called_colors(tmp_path):
    with pytest.raises(DataError, match="8 bit.*instanceIds"):
        read_label_values(save(DEEP, tmp_path / "labels.png"))


def test_advice_about_labels_is_that_of_the_layout(camvid, cityscapes):
    save(picture(0), camvid / "valannot" / "c.png")
    with pytest.raises(DataError, match=r"c.png: .*RGB picture.*32 classes.*trainannot") as caught:
        CamVid(camvid, "val")[0]
    assert "labelIds" not in str(caught.value)
    save(np.full((32, 64), 30, np.uint8), camvid / "valannot" / "c.png")
    with pytest.raises(DataError, match=r"values 30 .*32 classes") as caught:
        CamVid(camvid, "val")[0]
    assert "train ids" not in str(caught.value)
    dataset = Cityscapes(cityscapes, "train")
    save(picture(0), dataset.frames[0].labels)
    with pytest.raises(DataError, match="_color.png.*labelIds"):
        dataset[0]


# ---- turned photographs


def turn(path, orientation):
    """Give a photograph an EXIF turn, its stored pixels unchanged."""
    exif = Image.Exif()
    exif[ORIENTATION] = orientation
    with Image.open(path) as stored:
        stored.load()
        stored.save(path, exif=exif)


def test_a_turned_photograph_with_unturned_labels(camvid, tmp_path):
    turn(camvid / "train" / "a.png", 6)
    dataset = CamVid(camvid, "train")
    for read in (lambda: dataset[0], lambda: build_cache(dataset, tmp_path / "cache", progress=False)):
        with pytest.raises(DataError, match=r"a.png: labels are 64x32.*32x64.*EXIF.*turn the labels.*remove the tag"):
            read()


def test_labels_of_another_size_are_not_blamed_on_exif(camvid):
    save(np.zeros((16, 64), np.uint8), camvid / "trainannot" / "a.png")
    with pytest.raises(DataError, match="one release") as caught:
        CamVid(camvid, "train")[0]
    assert "EXIF" not in str(caught.value)


def test_labels_with_the_same_turn_are_turned_along(camvid):
    stored = CamVid(camvid, "train").load_labels(0)
    for path in (camvid / "train" / "a.png", camvid / "trainannot" / "a.png"):
        turn(path, 6)  # to be turned by 90 degrees, clockwise
    image, labels = CamVid(camvid, "train")[0]
    assert image.shape == (3, 64, 32)
    np.testing.assert_array_equal(labels.numpy(), np.rot90(stored, 3))


def test_doctor_tells_of_a_turn_that_sizes_do_not_show(camvid):
    turn(camvid / "train" / "a.png", 3)  # by 180 degrees: sizes agree, classes may not
    assert any("EXIF" in str(finding) and "a.png" in str(finding) for finding in check_data(camvid))


# ---- what is no picture to Pillow


@pytest.mark.parametrize("name", ["IMG_0001.HEIC", "IMG_0001.jpg"])
def test_a_heic_photograph_is_called_so(tmp_path, name):
    (tmp_path / name).write_bytes(b"\0\0\0\x18ftypheic\0\0\0\0mif1heic" + bytes(100))
    with pytest.raises(DataError, match="HEIC.*Export it as JPEG") as caught:
        read_image(tmp_path / name)
    assert "again" not in str(caught.value)


def test_a_raw_file_is_not_read_by_its_preview(tmp_path):
    (tmp_path / "x.dng").write_bytes(tiff(RAMP))
    with pytest.raises(DataError, match="raw file"):
        read_image(tmp_path / "x.dng")


@pytest.mark.filterwarnings("ignore::UserWarning", "ignore::PIL.Image.DecompressionBombWarning")
def test_damage_of_any_kind_is_a_data_error(tmp_path, monkeypatch):
    """Cut and changed files of several formats: Pillow raises other errors with each."""
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 10_000)  # a changed size would take its time
    random = np.random.default_rng(0)
    for kind in ("PNG", "JPEG", "TIFF", "BMP", "GIF", "WEBP", "JPEG2000", "PPM"):
        file = io.BytesIO()
        Image.fromarray(RGB_RAMP).save(file, kind)
        for _ in range(60):
            content = bytearray(file.getvalue())
            for place in random.integers(0, min(len(content), 200), 3):
                content[place] = random.integers(256)
            (tmp_path / "x").write_bytes(content[: random.integers(4, len(content) + 1)])
            try:
                assert read_image(tmp_path / "x").dtype == np.uint8
            except DataError as error:
                assert "x: " in str(error)
