"""The widgets' Python side, spoken to as the browser does: messages in, frames out. And pictures from anywhere."""

import gc
import io
import re
import subprocess
import sys
import weakref
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from traitlets.log import get_logger

from acflib.datasets.labels import TRAIN_ID_OF_ID
from acflib.datasets.streets import render_street
from acflib.errors import DataError
from acflib.widgets import AttentionViewer, ClassCenterLab, Picture, SimilarityExplorer, base, bundle
from acflib.widgets.packing import pack_labels
from acflib.widgets.photographs import as_rgb, load_photograph
from tests.test_widgets_state import network

CLASSES = {"explorer": SimilarityExplorer, "lab": ClassCenterLab, "attention": AttentionViewer}


@pytest.fixture(scope="module")
def pictures():
    streets = [render_street(seed, 128, 64) for seed in (0, 1)]
    return [Picture(f"street {i}", s.image, TRAIN_ID_OF_ID[s.label_ids]) for i, s in enumerate(streets)]


@pytest.fixture(scope="module")
def model():
    return network()


def tell(widget, action, seq=1, client="view", buffers=()):
    """What the front end does: a custom message."""
    widget._handle_custom_msg({**action, "client": client, "seq": seq}, list(buffers))


@pytest.fixture(params=CLASSES)
def widget(request, model, pictures):
    found = CLASSES[request.param](model, gallery=pictures)
    yield found
    found.close()


def test_first_frame(widget):
    assert widget.picked == (32, 64) and widget.message == "" and widget.frame["version"] == 1
    assert widget.scenery["name"] == "street 0" and widget.scenery["gallery"] == ["street 0", "street 1"]
    picture = Image.open(io.BytesIO(widget.scenery["image"]))
    np.testing.assert_array_equal(np.asarray(picture), widget.gallery[0].image)
    assert widget.busy == {}


def test_a_frame_answers_its_action(widget):
    for seq in (5, 6):
        tell(widget, {"do": "pick", "row": seq, "column": 2 * seq}, seq=seq)
        assert widget.frame["reply"] == {"client": "view", "seq": seq} and widget.frame["pixel"] == [seq, 2 * seq]
    assert widget.frame["version"] == 3 and widget.picked == (6, 12)


def test_picked_may_be_observed(widget):
    heard = []
    widget.observe(lambda change: heard.append(change["new"]), "picked")
    widget.pick(3, 4)
    tell(widget, {"do": "pick", "row": 5, "column": 6})
    assert heard == [(3, 4), (5, 6)]


def test_a_mistake_is_a_line_of_text_and_changes_nothing(widget):
    widget.pick(7, 8)
    before = widget.state
    tell(widget, {"do": "pick", "row": 64, "column": 8}, seq=9)
    assert widget.frame["message"] == widget.message == "row 64 is outside: the rows go from 0 to 63"
    assert widget.state == before and widget.frame["pixel"] == [7, 8] and widget.frame["reply"]["seq"] == 9
    assert "message: row 64" in widget.state_summary()
    widget.pick(1, 1)
    assert widget.message == "" and "message" not in widget.state_summary()


def test_an_unexpected_error_is_shown_and_logged(widget, caplog):
    logger = get_logger()  # that of a Jupyter application, which keeps its records, where one was made in this process
    logger.addHandler(caplog.handler)
    tell(widget, {"do": "pick"})
    logger.removeHandler(caplog.handler)
    assert "unexpected KeyError" in widget.frame["message"] and widget.frame["reply"]["seq"] == 1
    assert "KeyError: 'row'" in caplog.text  # ipywidgets logs what a message raises
    with pytest.raises(KeyError):
        widget.act({"do": "pick"})


def test_gallery(widget):
    tell(widget, {"do": "picture", "index": 1})
    assert widget.scenery["name"] == "street 1"
    widget.choose(2)
    assert "the gallery has 2" in widget.message and widget.scenery["name"] == "street 1"


def png_bytes(array, **settings):
    file = io.BytesIO()
    Image.fromarray(array).save(file, format="PNG", **settings)
    return file.getvalue()


def test_upload_in_parts(widget):
    image = np.random.default_rng(0).integers(0, 256, (40, 72, 3), dtype=np.uint8)
    content = png_bytes(image)
    parts = [memoryview(content[i : i + 3000]) for i in range(0, len(content), 3000)]
    for number, part in enumerate(parts):
        tell(widget, {"do": "upload", "name": "mine.png", "part": number, "parts": len(parts)}, buffers=[part])
        assert (widget.scenery["name"] == "mine.png") == (number == len(parts) - 1)
    np.testing.assert_array_equal(widget.scene.picture.image, image)
    assert widget.scene.picture.truth is None and not widget._uploads


def test_a_corrupt_upload_keeps_the_picture(widget):
    content = png_bytes(np.zeros((40, 40, 3), dtype=np.uint8))
    for spoiled, what in ((content[:60], "mine.png: cannot be read"), (b"", "cannot be read"), (b"GIF89a?", "cannot")):
        tell(widget, {"do": "upload", "name": "mine.png", "part": 0, "parts": 1}, buffers=[spoiled])
        assert what in widget.message and widget.scenery["name"] == "street 0"


def test_an_upload_that_is_too_large(widget, monkeypatch):
    monkeypatch.setattr(base, "MAX_UPLOAD", 5)
    tell(widget, {"do": "upload", "name": "big.png", "part": 0, "parts": 9}, buffers=[b"0123456789"])
    assert "big.png: larger than" in widget.message and not widget._uploads
    tell(widget, {"do": "upload", "name": "big.png", "part": 1, "parts": 9}, buffers=[b"0123456789"])
    assert not widget._uploads  # what comes after is let go


def test_progress_is_shown_and_goes(model, pictures):
    told = []

    class Watched(SimilarityExplorer):
        def _progress(self, *step):
            super()._progress(*step)
            told.append(dict(self.busy))

    found = Watched(model, pictures[0].image, baseline=network(None))
    assert [(step["done"], step["total"]) for step in told] == [(0, 3), (1, 3), (2, 3)] and found.busy == {}


@pytest.mark.parametrize("kind", CLASSES)
def test_networks_that_cannot_be_shown(kind, pictures):
    found = CLASSES[kind](torch.nn.Conv2d(3, 19, 1), pictures[0].image)
    assert "no coarse output" in found.frame["message"] and "pixel" not in found.frame and found.picked is None
    assert repr(found).startswith(f"{CLASSES[kind].__name__}: message: model: a Conv2d has no coarse output")
    found.pick(1, 1)
    assert "no picture yet" in found.message
    alone = CLASSES[kind](network(None), pictures[0].image)
    if kind == "explorer":
        assert alone.message == "" and list(alone.scene.layers) == ["baseline"]
    else:
        assert "no ACF module" in alone.message


def test_no_picture(model):
    found = SimilarityExplorer(model)
    assert "upload one" in found.message
    tell(found, {"do": "upload", "name": "x.png", "part": 0, "parts": 1}, buffers=[png_bytes(np.zeros((32, 32), "u1"))])
    assert found.message == "" and found.frame["pixel"] == [16, 16]


def test_two_hundred_quick_actions_lose_nothing(model, pictures):
    """As many strokes as were made, the pixel that came last, and no memory that grows."""
    lab = ClassCenterLab(model, gallery=pictures)
    generator = np.random.default_rng(0)
    pixel, strokes = lab.picked, 0
    for seq in range(200):
        row, column = (int(generator.integers(side)) for side in (64, 128))
        if seq % 2:
            strokes += 1
            points = [[row + 0.5, column + 0.5]]
            tell(lab, {"do": "paint", "label": seq % 19, "radius": 5, "points": points, "number": seq}, seq)
        else:
            pixel = (row, column)
            tell(lab, {"do": "pick", "row": row, "column": column}, seq)
        assert lab.frame["reply"]["seq"] == seq
    assert lab.picked == pixel and len(lab.state.edits) == strokes == 100
    expected = lab.scene.probabilities
    from acflib.widgets.lab_edits import edited_map

    torch.testing.assert_close(lab.edited, edited_map(expected, lab.state.edits, None, lab.scene.size))
    assert len(lab._maps) <= 3
    lab.reset()
    torch.testing.assert_close(lab.edited, expected)


def test_old_pictures_are_let_go(model, pictures):
    found = SimilarityExplorer(model, gallery=pictures)
    first = weakref.ref(found.scene)
    found.choose(1)
    gc.collect()
    assert first() is None


def test_a_stroke_goes_on(model, pictures):
    lab = ClassCenterLab(model, gallery=pictures)
    for column in range(10, 100, 10):
        action = {"do": "paint", "label": 4, "radius": 2, "points": [[30.0, float(column)]], "number": 77}
        tell(lab, action)
    assert len(lab.state.edits) == 1 and len(lab.state.edits[0].points) == 9
    assert (lab.edited[4, 3, 1:12] == 1).all()  # row 30 is cell 3; columns 10 to 90 are cells 1 to 11
    lab.undo()
    assert lab.state.edits == ()


def test_undo_gives_the_map_before(model, pictures):
    lab = ClassCenterLab(model, gallery=pictures)
    maps = [lab.edited]
    for step in (lambda: lab.paint(3, [(9, 9)]), lambda: lab.temperature(3), lab.use_truth, lambda: lab.mix(0, 2, 0.5)):
        step()
        assert lab.message == ""
        maps.append(lab.edited)
    for before in reversed(maps[:-1]):
        lab.undo()
        torch.testing.assert_close(lab.edited, before)


def test_summaries(model, pictures):
    explorer = SimilarityExplorer(model, gallery=pictures, baseline=network(None))
    explorer.pick(40, 30)
    explorer.pin("A")
    explorer.set(smoothing=0.5, scale="fitted", layer="attended")
    assert explorer.state_summary().splitlines()[2:] == [
        "maps: ACFNet, attended feature",
        "smoothing 0.5 cells, color scale fitted",
        "pin A: row 40, column 30",
    ]
    lab = ClassCenterLab(model, gallery=pictures)
    lab.use_for("centers")
    lines = lab.state_summary().splitlines()
    assert lines[0] == "picture 64 x 128, feature map 8 x 16" and lines[1] == "edits: none"
    assert lines[2:5] == [
        "the edited map replaces P for: centers",
        "centers that moved most, in mean distances between centers: none",
        "fine result: 0 % of the pixels changed",
    ]
    for found in (explorer, lab, AttentionViewer(model, gallery=pictures)):
        assert not re.search(r"\d\.\d{3}|0x", found.state_summary())  # no raw floats, no addresses
        assert repr(found) == f"{type(found).__name__}: {found.state_summary().splitlines()[0]}"


@pytest.mark.parametrize("kind", CLASSES)
def test_figures(kind, model, pictures):
    matplotlib = pytest.importorskip("matplotlib")
    matplotlib.use("agg")
    found = CLASSES[kind](model, gallery=pictures)
    figure = found.figure()
    titles = {axis.get_title() for axis in figure.axes}
    assert {"picture"} < titles and figure.legends
    figure.canvas.draw()  # raises where something cannot be drawn
    matplotlib.pyplot.close(figure)


# ---- pictures from anywhere


def test_photographs(tmp_path):
    rgb = np.random.default_rng(0).integers(0, 256, (20, 30, 3), dtype=np.uint8)
    grey = rgb[..., 0]
    alpha = np.dstack([rgb, grey])
    deep = grey.astype(np.uint16) * 257
    assert np.array_equal(load_photograph(rgb), rgb)
    for source in (grey, png_bytes(grey), deep, grey / 255, grey[..., None]):
        assert np.array_equal(load_photograph(source), np.dstack([grey] * 3))
    for source in (alpha, png_bytes(alpha), rgb / 255):
        assert np.array_equal(load_photograph(source), rgb)
    sixteen = io.BytesIO()
    Image.fromarray(deep).save(sixteen, format="PNG")
    assert np.array_equal(load_photograph(sixteen.getvalue()), np.dstack([grey] * 3))
    turned = Image.Exif()
    turned[0x0112] = 6  # to be turned by 90 degrees
    content = png_bytes(rgb, exif=turned)
    assert np.array_equal(load_photograph(content), np.rot90(rgb, 3))
    (tmp_path / "x.png").write_bytes(content)
    assert np.array_equal(load_photograph(tmp_path / "x.png"), np.rot90(rgb, 3))


def test_a_large_photograph_is_made_smaller():
    assert load_photograph(np.zeros((3000, 1500, 3), np.uint8)).shape == (1024, 512, 3)
    assert load_photograph(np.zeros((1024, 1000), np.uint8)).shape == (1024, 1000, 3)


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


# ---- the browser's half


@pytest.mark.parametrize("name", CLASSES)
def test_modules_are_joined(name):
    text = bundle.module(name)
    assert not re.search(r"^(import|export (?!default))", text, re.MULTILINE)
    assert text.count("export default") == 1 and text.count("export class Panel") == 0 < text.count("class Panel")
    # Joined modules share one scope: no name may be declared twice.
    names = re.findall(r"^(?:const|let|function|async function|class) (\w+)", text, re.MULTILINE)
    assert len(names) > 20 and len(names) == len(set(names))


@pytest.mark.parametrize("shape", [(1, 1), (7, 9), (40, 300), (300, 500)])
@pytest.mark.parametrize("kind", ["random", "one class", "long runs"])
def test_class_maps_are_packed_as_runs(shape, kind):
    ramp = np.arange(np.prod(shape)).reshape(shape) // 50 % 256
    random = np.random.default_rng(0).integers(0, 3, shape)
    labels = {"random": random, "one class": np.full(shape, 255), "long runs": ramp}[kind].astype(np.uint8)
    packed = pack_labels(labels)
    runs = [packed[i : i + 3] for i in range(0, len(packed), 3)]
    assert b"".join(run[:1] * int.from_bytes(run[1:], "little") for run in runs) == labels.tobytes()


def test_the_color_map_is_viridis():
    matplotlib = pytest.importorskip("matplotlib")
    text = (bundle.STATIC / "common.js").read_text()
    found = bytes.fromhex("".join(re.findall(r'"([0-9a-f]{6,})"', text)))
    expected = matplotlib.colormaps["viridis"](range(256), bytes=True)[:, :3]
    assert found == np.ascontiguousarray(expected).tobytes()


def test_colors_of_the_theme_are_used():
    """Every color is a theme's variable, with a light fall-back; or black and white of marks that lie on pictures."""
    marks = {"white", "black"}
    for line in bundle.styles().splitlines():
        for value in re.findall(r"(?:color|background|border|fill|stroke)[\w-]*: ?([^;]+);", line):
            plain = re.sub(r"var\([^()]*(\([^()]*\))?[^()]*\)", "", value)
            allowed = "acf-cross" in line or "acf-pin" in line or "acf-brush" in line
            words = set(re.findall(r"#\w+|rgb|\b(?:white|black|grey|red|blue)\b", plain))
            assert words <= (marks if allowed else set()), line


def test_the_message_without_anywidget():
    code = "import sys; sys.modules['anywidget'] = None\nimport acflib.widgets"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=Path(__file__).parents[1])
    assert done.returncode == 1 and "pip install 'acflib[notebooks]'" in done.stderr
