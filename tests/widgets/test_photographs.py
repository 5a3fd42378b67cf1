"""Pictures from anywhere: what the widgets make of gray, alpha, 16 bit, turned, large and damaged ones."""

import io
import struct
import zlib

import numpy as np
import pytest
from PIL import Image

from acflib.errors import DataError
from acflib.widgets.photographs import as_rgb, labels_to_size, load_photograph, read_photograph
from tests.widgets.cases import png_bytes, tell


def test_photographs(tmp_path):
    rgb = np.random.default_rng(0).integers(0, 256, (20, 30, 3), dtype=np.uint8)
    gray = rgb[..., 0]
    alpha = np.dstack([rgb, gray])
    deep = gray.astype(np.uint16) * 257
    assert np.array_equal(load_photograph(rgb), rgb)
    for source in (gray, png_bytes(gray), deep, gray / 255, gray[..., None]):
        assert np.array_equal(load_photograph(source), np.dstack([gray] * 3))
    for source in (alpha, png_bytes(alpha), rgb / 255):
        assert np.array_equal(load_photograph(source), rgb)
    sixteen = io.BytesIO()
    Image.fromarray(deep).save(sixteen, format="PNG")
    assert np.array_equal(load_photograph(sixteen.getvalue()), np.dstack([gray] * 3))
    turned = Image.Exif()
    turned[0x0112] = 6  # to be turned by 90 degrees
    content = png_bytes(rgb, exif=turned)
    assert np.array_equal(load_photograph(content), np.rot90(rgb, 3))
    (tmp_path / "x.png").write_bytes(content)
    assert np.array_equal(load_photograph(tmp_path / "x.png"), np.rot90(rgb, 3))


def test_a_large_photograph_is_made_smaller():
    assert load_photograph(np.zeros((3000, 1500, 3), np.uint8)).shape == (1024, 512, 3)
    assert load_photograph(np.zeros((1024, 1000), np.uint8)).shape == (1024, 1000, 3)
    for size in (40, 3000):  # torch warns of an array that must not be written to
        assert load_photograph(png_bytes(np.zeros((40, size), np.uint8))).flags.writeable


@pytest.mark.parametrize(
    ("source", "message"),
    [
        (np.zeros((4, 5, 3), np.uint8), "street: 5 x 4 pixels are too few"),
        (np.zeros((40, 50, 5), np.uint8), r"this array is \(40, 50, 5\)"),
        (np.zeros(40, np.uint8), r"this array is \(40,\)"),
        (np.full((40, 40), 2.0), "floats has values from 0 to 1"),
        (np.full((40, 40), np.nan), "floats has values from 0 to 1"),
        (np.zeros((40, 40), np.int64), "not int64"),
        (b"nothing", "street: cannot be read as a picture"),
        ("no/such/file.jpg", "file.jpg: no such photograph"),
    ],
)
def test_what_is_no_photograph(source, message):
    with pytest.raises(DataError, match=message):
        load_photograph(source, "street")


def test_as_rgb_keeps_its_input():
    array = np.zeros((20, 20, 4), np.uint8)
    as_rgb(array)[:] = 9
    assert not array.any()


# ---- each kind is a line of text in each of the three widgets


RGB = np.random.default_rng(0).integers(0, 256, (40, 72, 3), dtype=np.uint8)
GRAY = RGB[..., 0]


def turned_bytes():
    exif = Image.Exif()
    exif[0x0112] = 6  # turned by 90 degrees
    return png_bytes(RGB, exif=exif)


def deep_color_bytes():
    """A PNG of 16 bit a color, which Pillow reads but does not write: one chunk after the other by hand."""
    height, width = GRAY.shape
    pixels = (RGB.astype(">u2") * 257).reshape(height, -1)
    lines = b"".join(b"\0" + line.tobytes() for line in pixels)
    header = struct.pack(">IIBBBBB", width, height, 16, 2, 0, 0, 0)

    def chunk(name, content):
        return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))

    chunks = chunk(b"IHDR", header), chunk(b"IDAT", zlib.compress(lines)), chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunks)


KINDS = {
    "plain": (lambda: png_bytes(RGB), "", RGB),
    "gray": (lambda: png_bytes(GRAY), "gray, shown as RGB", np.dstack([GRAY] * 3)),
    "alpha": (lambda: png_bytes(np.dstack([RGB, GRAY])), "its alpha channel is left out", RGB),
    "gray and alpha": (
        lambda: png_bytes(RGB[..., :2]),
        "gray, shown as RGB; its alpha channel is left out",
        np.dstack([GRAY] * 3),
    ),
    "16 bit": (
        lambda: png_bytes(GRAY.astype(np.uint16) * 257),
        "16 bit, shown with 8; gray, shown as RGB",
        np.dstack([GRAY] * 3),
    ),
    "16 bit color": (deep_color_bytes, "16 bit, shown with 8", RGB),
    "turned": (turned_bytes, "turned as its EXIF tag says", np.rot90(RGB, 3)),
}


@pytest.mark.parametrize("kind", KINDS)
def test_what_was_done_to_a_picture_is_a_line_of_text(widget, kind):
    make, note, expected = KINDS[kind]
    tell(widget, {"do": "upload", "name": "mine.png", "part": 0, "parts": 1}, buffers=[make()])
    assert widget.message == "" and widget.note == widget.scenery["note"] == note
    np.testing.assert_array_equal(widget.scene.picture.image, expected)
    assert (f"note: {note}" in widget.state_summary().splitlines()) == bool(note)
    widget.choose(0)
    assert widget.note == widget.scenery["note"] == ""


@pytest.mark.parametrize(
    ("array", "note"),
    [
        (RGB, ""),
        (GRAY, "gray, shown as RGB"),
        (np.dstack([RGB, GRAY]), "its alpha channel is left out"),
        (RGB[..., :2], "gray, shown as RGB; its alpha channel is left out"),
        (GRAY.astype(np.uint16) * 257, "16 bit, shown with 8; gray, shown as RGB"),
        (np.zeros((30, 2048, 3), np.uint8), "made smaller, from 2048 x 30 to 1024 x 16 pixels"),
    ],
)
def test_notes_on_arrays(array, note):
    assert read_photograph(array).note == note


def test_a_corrupt_upload_keeps_the_picture(widget):
    content = png_bytes(RGB)
    for spoiled, what in ((content[:60], "mine.png: cannot be read"), (b"", "cannot be read"), (b"GIF89a?", "cannot")):
        tell(widget, {"do": "upload", "name": "mine.png", "part": 0, "parts": 1}, buffers=[spoiled])
        assert what in widget.message and widget.frame["message"] == widget.message
        assert widget.scenery["name"] == "street 0"


def test_values_of_32_bit_are_refused(widget):
    file = io.BytesIO()
    Image.fromarray(RGB[..., 0].astype(np.int32) * 70000).save(file, format="TIFF")
    tell(widget, {"do": "upload", "name": "deep.tif", "part": 0, "parts": 1}, buffers=[file.getvalue()])
    assert (
        "deep.tif: a picture has values of uint8, uint16 or float, not int32: these have no fixed white"
        in widget.frame["message"]
    )
    assert widget.scenery["name"] == "street 0"


def test_labels_of_another_size_or_value_are_refused(widget):
    widget.show(RGB, labels=np.zeros((10, 12), np.uint8))
    assert "labels are (10, 12), the picture is (40, 72)" in widget.frame["message"]
    widget.show(RGB, labels=np.full((40, 72), 33))
    assert "labels hold [33], but must be train ids" in widget.frame["message"]
    assert widget.scenery["name"] == "street 0"


def test_labels_of_a_large_picture_are_made_smaller_with_it(widget):
    labels = np.arange(6).repeat(400)[None].repeat(96, axis=0)  # (96, 2400), six broad stripes
    widget.show(np.zeros((96, 2400, 3), np.uint8), labels=labels)
    assert widget.message == "" and widget.scene.size == widget.scene.picture.truth.shape == (41, 1024)
    for column in range(1024):
        assert widget.scene.picture.truth[20, column] == int((column + 0.5) * 2400 / 1024) // 400
    assert labels_to_size(labels, (96, 2400), (96, 2400)) is labels
