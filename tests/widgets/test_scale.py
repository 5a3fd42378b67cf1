"""The widgets show a photograph to the network at the scale of its training pictures."""

import io

import numpy as np
import pytest
from PIL import Image

from acflib.datasets.labels import TRAIN_ID_OF_ID
from acflib.datasets.streets import render_street
from acflib.predict.scale import TrainedScale
from acflib.widgets import Picture
from acflib.widgets.scene import as_seen
from tests.widgets.cases import CLASSES, network, png_bytes, tell

KNOWN = "the network was trained on pictures 48 to 128 pixels high, and sees this one, 256 x 192, at"


@pytest.fixture(params=CLASSES)
def widget(request, pictures):
    model = network()
    model.info = {"data": {"height": 64}, "training": {"crop_size": [64, 128], "scale_range": [0.75, 2.0]}}
    return CLASSES[request.param](model, gallery=pictures)


def street(height=192, width=256):
    """The left of a street, 4:3, and its ground truth."""
    found = render_street(5, 2 * height, height)
    return found.image[:, :width], TRAIN_ID_OF_ID[found.label_ids][:, :width]


def upload(widget):
    image, _ = street()
    tell(widget, {"do": "upload", "name": "phone.png", "part": 0, "parts": 1}, buffers=[png_bytes(image)])
    return image


def test_by_default(widget):
    assert widget.scene.size == (64, 128) and widget.note == ""
    widget.pick(48, 32)
    image = upload(widget)
    assert widget.message == "" and widget.scene.size == (64, 85) and widget.note == f"{KNOWN} 85 x 64 pixels"
    assert widget.picked == (48, 21)  # three quarters down, one quarter to the right
    assert widget.scenery["size"] == [64, 85] and widget.scenery["note"] == widget.note
    np.testing.assert_array_equal(np.asarray(Image.open(io.BytesIO(widget.scenery["image"]))), image)


def test_another_scale_is_a_choice_that_stays(widget):
    upload(widget)
    assert [value for value, _ in widget.scenery["scales"]] == ["trained", "0.5", "2.0", "own"]
    widget.pick(63, 84)
    tell(widget, {"do": "rescale", "scale": "own"})
    assert widget.scene.size == (192, 256) and widget.note == f"far from training: {KNOWN} 256 x 192 pixels"
    assert widget.scenery["scale"] == "own" and widget.picked == (190, 254)
    widget.choose(0)
    assert widget.scene.size == (64, 128) and widget.scenery["scale"] == "own"
    widget.rescale(2)
    assert widget.scene.size == (128, 256) and widget.note == ""
    widget.rescale("tiny")
    assert 'scale must be "trained"' in widget.message and widget.scene.size == (128, 256)
    widget.rescale(0.8)
    assert ["0.8", "51 px high, 0.8 of it"] in [list(pair) for pair in widget.scenery["scales"]]


def test_ground_truth_goes_with_the_picture(widget):
    image, truth = street()
    widget.show(image, labels=truth)
    assert widget.message == "" and widget.scene.picture.truth.shape == widget.scene.size == (64, 85)


def test_a_network_that_does_not_know_its_scale(pictures):
    found = CLASSES["explorer"](network(), gallery=[Picture("large", street()[0])])
    assert found.scene.size == (192, 256) and found.note == "" and found.scenery["scales"] == []


def test_a_long_and_narrow_picture_is_not_made_larger_than_a_cpu_can_take():
    """16 x 1024 at the height of training would be 8192 pixels wide."""
    picture = Picture("ribbon", np.zeros((16, 1024, 3), np.uint8))
    seen, note = as_seen(picture, "trained", TrainedScale(128, 96, 192))
    assert seen.image.shape == (16, 1024, 3) and "far from training" in note
