"""What stays and what is said: uploads in the menu, names of files, mistakes of cells, tabs that share a picture."""

import numpy as np
import pytest
from PIL import Image

from acflib.widgets import ClassCenterLab, SimilarityExplorer
from acflib.widgets.app import make_app
from tests.widgets.cases import CLASSES, network, png_bytes, tell


def upload(widget, name, image):
    tell(widget, {"do": "upload", "name": name, "part": 0, "parts": 1}, buffers=[png_bytes(image)])


def test_an_uploaded_photograph_stays_in_the_menu(widget):
    gray, other = (np.full((40, 72), shade, np.uint8) for shade in (9, 99))
    upload(widget, "mine.png", gray)
    assert widget.scenery["gallery"] == ["street 0", "street 1", "mine.png"] and widget.scenery["name"] == "mine.png"
    widget.choose(0)
    tell(widget, {"do": "picture", "index": 2})
    assert widget.scenery["name"] == "mine.png" and widget.note == "gray, shown as RGB"
    upload(widget, "mine.png", other)  # the same name: in its place
    assert (
        widget.scenery["gallery"] == ["street 0", "street 1", "mine.png"] and (widget.scene.picture.image == 99).all()
    )


def test_a_bad_file_is_named_by_its_name(widget):
    tell(widget, {"do": "upload", "name": "mine.png", "part": 0, "parts": 1}, buffers=[b"no picture"])
    assert widget.message.startswith("mine.png: cannot be read") and "object at" not in widget.message
    assert widget.scenery["gallery"] == ["street 0", "street 1"]


def test_the_cross_keeps_its_relative_place(widget):
    widget.pick(16, 96)  # of 64 x 128: a quarter down, three quarters to the right
    upload(widget, "mine.png", np.zeros((200, 100, 3), np.uint8))
    assert abs(widget.picked[0] - 50) <= 2 and abs(widget.picked[1] - 75) <= 1
    for pixel in ((0, 0), (199, 99)):
        widget.pick(*pixel)
        widget.choose(0)
        assert (widget.picked[0] < 1, widget.picked[1] < 1) == (pixel == (0, 0),) * 2
        widget.choose(2)


def test_a_mistake_of_a_cell_is_no_alarm_in_the_view(widget):
    widget.pick(500, 0)
    assert widget.frame["message"] and widget.frame["quiet"]
    tell(widget, {"do": "hello"})  # of a view that is opened later: what was said stays
    assert widget.message == widget.frame["message"] != "" and widget.frame["quiet"]
    assert widget.frame["reply"] == {"client": "view", "seq": 1}
    tell(widget, {"do": "pick", "row": 500, "column": 0})
    assert widget.frame["message"] and not widget.frame["quiet"]


def test_without_a_picture_every_message_is_one(pictures):
    found = ClassCenterLab(network(None), pictures[0].image)
    assert found.frame["message"] and not found.frame["quiet"]


@pytest.mark.parametrize("kind", CLASSES)
def test_a_view_follows_another(kind, model, pictures):
    first = SimilarityExplorer(model, gallery=pictures)
    upload(first, "mine.png", np.zeros((40, 72, 3), np.uint8))
    first.pick(30, 60)
    found = CLASSES[kind](model, gallery=pictures)
    found.follow(first)
    assert found.message == "" and found.picked == (30, 60) and found.scenery["name"] == "mine.png"
    assert found.scenery["gallery"] == ["street 0", "street 1", "mine.png"] and found.frame["pixel"] == [30, 60]
    upload(first, "yours.png", np.full((40, 72, 3), 9, np.uint8))
    upload(first, "mine.png", np.full((40, 72, 3), 99, np.uint8))  # in the place of the first of this name
    first.choose(0)
    found.choose(0)
    found.follow(first)  # the same picture, and another menu
    assert found.scenery["gallery"] == ["street 0", "street 1", "mine.png", "yours.png"]
    found.choose(2)
    assert found.scenery["name"] == "mine.png" and (found._given[0].image == 99).all()
    first.choose(2)
    found.follow(first)
    scene = found.scene
    first.pick(5, 6)
    found.follow(first)
    assert found.picked == (5, 6) and found.scene is scene  # the same picture is not computed again
    found.choose(0)
    assert found.scenery["name"] == "street 0"


def test_the_tabs_of_the_app_share_picture_and_pixel(tmp_path):
    (tmp_path / "folder").mkdir()
    Image.fromarray(np.zeros((96, 128, 3), np.uint8)).save(tmp_path / "folder" / "mine.png")
    Image.fromarray(np.full((96, 128, 3), 9, np.uint8)).save(tmp_path / "folder" / "yours.png")
    tabs = make_app("streets-acf-sum", None, [str(tmp_path / "folder" / name) for name in ("mine.png", "yours.png")])
    explorer, laboratory, viewer = tabs.children
    assert explorer.scenery["gallery"] == ["mine.png", "yours.png"]
    explorer.choose(1)
    explorer.pick(3, 4)
    tabs.selected_index = 1
    assert laboratory.scenery["name"] == "yours.png" and laboratory.picked == (3, 4)
    laboratory.pick(50, 60)
    tabs.selected_index = 2
    assert viewer.scenery["name"] == "yours.png" and viewer.picked == (50, 60)
