"""The widgets' Python side, spoken to as the browser does: messages in, frames out."""

import gc
import io
import logging
import re
import subprocess
import sys
import tracemalloc
import weakref
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from traitlets.log import get_logger

from acflib.widgets import AttentionViewer, ClassCenterLab, SimilarityExplorer, base
from tests.widgets.cases import CLASSES, network, png_bytes, tell

pytestmark = pytest.mark.usefixtures("warm_python")


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


def test_an_unexpected_error_is_shown_and_logged(widget, caplog, monkeypatch):
    logger = get_logger()  # that of a Jupyter application, which keeps its records, where one was made in this process
    monkeypatch.setattr(logger, "disabled", False)  # as an application leaves the loggers of others
    monkeypatch.setattr(logger, "level", logging.WARNING)
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


def test_upload_in_parts(widget):
    image = np.random.default_rng(0).integers(0, 256, (40, 72, 3), dtype=np.uint8)
    content = png_bytes(image)
    parts = [memoryview(content[i : i + 3000]) for i in range(0, len(content), 3000)]
    for number, part in enumerate(parts):
        tell(widget, {"do": "upload", "name": "mine.png", "part": number, "parts": len(parts)}, buffers=[part])
        assert (widget.scenery["name"] == "mine.png") == (number == len(parts) - 1)
    np.testing.assert_array_equal(widget.scene.picture.image, image)
    assert widget.scene.picture.truth is None and not widget._uploads


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


def kept():
    """Bytes that Python's objects hold, and the number of tensors and arrays."""
    gc.collect()
    found = [o for o in gc.get_objects() if type(o) in (torch.Tensor, np.ndarray)]
    return tracemalloc.get_traced_memory()[0], len(found)


@pytest.mark.parametrize("actions", [60, pytest.param(200, marks=pytest.mark.slow)])
@pytest.mark.parametrize("kind", CLASSES)
def test_quick_actions_leave_nothing_behind(kind, actions, model, pictures):
    """The memory after many actions is that after the first ones: frames, maps and tensors are let go."""
    found = CLASSES[kind](model, gallery=pictures)
    generator = np.random.default_rng(0)

    def go(count):
        for seq in range(count):
            row, column = (int(generator.integers(side)) for side in (64, 128))
            tell(found, {"do": "pick", "row": row, "column": column}, seq)
            if kind == "lab":
                tell(found, {"do": "paint", "label": 3, "radius": 5, "points": [[row, column]], "number": seq}, seq)
        if kind == "lab":
            found.reset()

    tracemalloc.start()
    try:
        go(10)
        size, tensors = kept()
        go(actions // 2 if kind == "lab" else actions)  # two actions a round there
        size_after, tensors_after = kept()
    finally:
        tracemalloc.stop()
    assert size_after < size + 200_000 and tensors_after <= tensors + 2


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


def test_the_message_without_anywidget():
    code = "import sys; sys.modules['anywidget'] = None\nimport acflib.widgets"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=Path(__file__).parents[2])
    assert done.returncode == 1 and "pip install 'acflib[notebooks]'" in done.stderr
