"""A photograph is shown to a network at the scale of its training pictures, whatever the camera made of it."""

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn

from acflib.cli.parser import main
from acflib.datasets.streets import render_street
from acflib.errors import ConfigError
from acflib.predict.predicting import predict_files, predict_labels
from acflib.predict.scale import TrainedScale, scale_note, seen_size, trained_scale

CARD = {"data": {"height": 128, "width": 256}, "training": {"crop_size": [96, 96], "scale_range": [0.75, 1.5]}}
KNOWN = TrainedScale(128, 96, 192)
SIZES = [(192, 256), (360, 480), (768, 1024), (900, 1200)]  # one scene, from a thumbnail to a phone


class Looking(nn.Module):
    """Keeps what it is shown."""

    acf, align_corners = None, False

    def __init__(self, info):
        super().__init__()
        self.weight, self.info, self.seen = nn.Parameter(torch.ones(2)), info, []
        self.eval()

    def forward(self, x, **_):
        self.seen.append(x[0])
        bright = x.mean(1, keepdim=True)
        return {"out": torch.cat([-bright, bright], 1)}


def test_what_a_network_says_of_its_training_pictures():
    assert trained_scale(CARD) == KNOWN
    checkpoint = {"config": {"crop_size": (769, 769), "scale_range": (0.5, 2.0)}}
    assert trained_scale(checkpoint) == TrainedScale(769, 384, 1538)
    assert trained_scale(checkpoint | {"picture_size": [1024, 2048]}) == TrainedScale(1024, 512, 2048)
    assert trained_scale({"config": {"crop_size": (64, 128)}}) == TrainedScale(64, 64, 64)
    assert trained_scale({}) is None and trained_scale({"classes": ["road"]}) is None


@pytest.mark.parametrize(
    ("size", "scale", "seen"),
    [
        ((128, 256), "trained", (128, 256)),
        ((192, 256), "trained", (192, 256)),  # as high as the highest of training
        ((193, 256), "trained", (128, 170)),
        ((768, 1024), "trained", (128, 171)),
        ((48, 64), "trained", (128, 171)),
        ((768, 1024), "own", (768, 1024)),
        ((768, 1024), 1, (128, 171)),
        ((192, 256), "1", (128, 171)),
        ((768, 1024), "1.5", (192, 256)),
    ],
)
def test_seen_size(size, scale, seen):
    assert seen_size(size, scale, KNOWN) == seen


def test_a_network_that_says_nothing_sees_a_photograph_as_it_is():
    assert seen_size((768, 1024), "trained", None) == seen_size((768, 1024), "own", None) == (768, 1024)
    with pytest.raises(ConfigError, match='scale 2: this network does not say.*give "own"'):
        seen_size((768, 1024), "2", None)


@pytest.mark.parametrize("scale", ["full", "", "0", -1, float("nan"), "inf", 1e9, None])
def test_what_is_no_scale(scale):
    with pytest.raises(ConfigError, match='scale must be "trained", "own" or a number'):
        seen_size((768, 1024), scale, KNOWN)


def test_one_line_where_a_photograph_is_far_away():
    known = "the network was trained on pictures 96 to 192 pixels high, and sees this one, 1024 x 768, at"
    assert scale_note((768, 1024), (128, 171), KNOWN) == f"{known} 171 x 128 pixels"
    assert scale_note((768, 1024), (768, 1024), KNOWN) == f"far from training: {known} 1024 x 768 pixels"
    assert scale_note((128, 256), (128, 256), KNOWN) == scale_note((768, 1024), (768, 1024), None) == ""


def photograph(height):
    """The left of a street, 4:3, as cameras of several sizes would give it."""
    street = render_street(3, 512, 256).image[:, : 256 * 4 // 3]
    return np.asarray(Image.fromarray(street).resize((height * 4 // 3, height), Image.Resampling.BICUBIC))


def photographs(folder):
    paths = []
    for height, _ in SIZES:
        paths.append(folder / f"{height}.png")
        Image.fromarray(photograph(height)).save(paths[-1])
    return paths


def test_one_scene_at_four_sizes_looks_the_same_to_the_network(tmp_path, capsys):
    """The class maps have the photographs' sizes; what is far from training is named in one line."""
    paths, model = photographs(tmp_path), Looking(CARD)
    predict_files(model, paths, tmp_path / "out", ["dark", "bright"], [(0, 0, 0), (255, 255, 0)], progress=False)
    assert [tuple(x.shape) for x in model.seen] == [(3, 192, 256), *[(3, 128, 171)] * 3]
    for other in model.seen[2:]:
        assert (other - model.seen[1]).abs().mean() < 0.1  # in standard deviations of the colors
    for path, (height, width) in zip(paths, SIZES, strict=True):
        with Image.open(tmp_path / "out" / f"{path.stem}_classes.png") as found:
            assert found.size == (width, height)
    told = capsys.readouterr().err.splitlines()
    assert len(told) == 1 and told[0].startswith("acflib: 360.png: the network was trained on pictures 96 to 192")
    assert told[0].endswith("(2 more photographs are like it); --scale chooses")


def test_a_largest_side_holds_at_any_scale(tmp_path):
    paths, model = photographs(tmp_path)[2:3], Looking(CARD)
    for scale in ("own", 1):
        predict_files(
            model, paths, tmp_path / "out", ["a", "b"], [(0, 0, 0)] * 2, progress=False, max_side=64, scale=scale
        )
    assert [tuple(x.shape) for x in model.seen] == [(3, 48, 64)] * 2


def test_predict_labels_leaves_a_picture_as_it_is_unless_told(tmp_path):
    image, model = photograph(768), Looking(CARD)
    for scale in ("own", "trained"):
        assert predict_labels(model, image, **({} if scale == "own" else {"scale": scale})).shape == (768, 1024)
    assert [tuple(x.shape[1:]) for x in model.seen] == [(768, 1024), (128, 171)]


def test_the_command(tmp_path, capsys):
    path = photographs(tmp_path)[2]
    call = ["predict", str(path), "--checkpoint", "streets-acf-sum", "--out", str(tmp_path / "out")]
    assert main(call) == 0 and "at 171 x 128 pixels; --scale chooses" in capsys.readouterr().err
    assert main([*call, "--scale", "huge"]) != 0 and 'scale must be "trained", "own"' in capsys.readouterr().err


@pytest.mark.parametrize("side", [0, -5])
def test_a_side_without_pixels_is_refused(side):
    with pytest.raises(ConfigError, match="max_side must be at least 1"):
        predict_labels(None, np.zeros((8, 8, 3), np.uint8), max_side=side)
