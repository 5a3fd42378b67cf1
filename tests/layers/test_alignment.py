"""Aligned corners: cell j lies on pixel stride * j, at every size, in everything that looks at cells."""

import math

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn

from acflib.acfnet import ACFNet, ModelConfig, build_model, inspect
from acflib.engine.config import TrainConfig
from acflib.errors import ConfigError
from acflib.functional import label_fractions
from acflib.layers.alignment import CellGrid, pad_to_stride, padded_size
from acflib.layers.bases import BaseOutput
from acflib.layers.tapping import tap
from acflib.predict.inference import InferenceConfig, predict_probabilities
from acflib.similarity import wrong_pixels

ODD = [(1, 1), (2, 9), (13, 40), (64, 128), (65, 129), (71, 83)]
EXACT = dict(rtol=0, atol=1e-4)


class Ramp(nn.Module):
    """Its logits are those pixels of the picture that a ResNet would look at."""

    feature_channels = num_classes = 3

    def __init__(self, output_stride=8):
        super().__init__()
        self.output_stride = output_stride
        self.unused = nn.Parameter(torch.zeros(1))

    def forward(self, x):
        cells = x[..., :: self.output_stride, :: self.output_stride]
        return BaseOutput(cells, cells, None)


class Rulers(Ramp):
    """Its logits say which pixel each cell looks at; also where that lies in the padding."""

    def forward(self, x):
        rows, columns = (torch.arange(length, dtype=x.dtype) for length in x.shape[-2:])
        ramp = torch.stack([rows[:, None].expand(x.shape[-2:]), columns.expand(x.shape[-2:]), x[0, 0] * 0])
        return super().forward(ramp.expand(len(x), -1, -1, -1))


def ramp(height, width):
    """Row, column and 0 of each pixel, (1, 3, H, W)."""
    rows, columns = torch.meshgrid(torch.arange(height), torch.arange(width), indexing="ij")
    return torch.stack([rows, columns, rows * 0])[None].float()


def network(base, align_corners=True):
    return ACFNet(base, variant=None, align_corners=align_corners).eval()


def tiny(**changes):
    torch.manual_seed(0)
    settings = dict(backbone="tiny", channels=16, num_classes=5, align_corners=True, weights=None)
    return build_model(ModelConfig(**(settings | changes))).eval()


# ---- the network


@pytest.mark.parametrize("size", ODD)
@pytest.mark.parametrize("stride", [4, 8, 32])
def test_every_pixel_gets_the_cells_that_look_at_it(size, stride):
    found = network(Rulers(stride))(torch.zeros(2, 3, *size))["out"]
    torch.testing.assert_close(found, ramp(*size).expand(2, -1, -1, -1), **EXACT)


@pytest.mark.parametrize("size", [(65, 129), (64, 128), (71, 83)])
def test_a_ramp_comes_back_up_to_the_last_cell_in_the_picture(size):
    found, expected = network(Ramp())(ramp(*size))["out"], ramp(*size)
    last = [(length - 1) // 8 * 8 + 1 for length in size]
    inside = (..., slice(last[0]), slice(last[1]))
    torch.testing.assert_close(found[inside], expected[inside], **EXACT)
    # Beyond it, towards a cell that sees the last line: m of 8 pixels to go, m / 8 of the way.
    assert (found - expected).abs().max() <= max(m - m * m / 8 for m in range(8)) + 1e-4


@pytest.mark.parametrize(
    "config",
    [
        InferenceConfig(window=(33, 49)),
        InferenceConfig(window=(769, 769)),  # larger than the picture
        InferenceConfig(window=(30, 47), overlap=0.5, flip=True),
        InferenceConfig(flip=True),
    ],
)
def test_prediction_with_windows_is_in_register(config):
    """Class 0 where the row is below 40.5 or so: its border must be found on the pixel."""

    class Border(Ramp):
        def forward(self, x):
            cells = x[..., ::8, ::8]
            return BaseOutput(cells, cells * torch.tensor([1.0, 0, -1]).view(3, 1, 1), None)

    images = ((ramp(76, 91)[:, 1:2] - 40.5) / 8).expand(-1, 3, -1, -1)
    found = predict_probabilities(network(Border()), images, config)["out"][..., :72, :88]
    expected = torch.where(images[:, 0] > 0, 0, 2)[..., :72, :88]
    assert torch.equal(found.argmax(dim=1), expected)


def test_output_is_that_of_an_input_padded_by_hand():
    model, images = tiny(), torch.randn(2, 3, 60, 75)
    by_hand = F.pad(images, (0, 6, 0, 5), mode="replicate")  # 65 x 81
    found, expected = model(images), model(by_hand)
    for name in ("out", "coarse"):
        torch.testing.assert_close(found[name], expected[name][..., :60, :75], rtol=0, atol=1e-6)
    assert inspect(model, images[0]).fine_logits.shape == (1, 5, 9, 11)


@pytest.mark.slow
def test_a_whole_cityscapes_picture_is_that_of_an_input_padded_by_hand():
    model, images = tiny(num_classes=19), torch.randn(1, 3, 1024, 2048)
    by_hand = F.pad(images, (0, 1, 0, 1), mode="replicate")  # 8 * 128 + 1, 8 * 256 + 1
    with torch.no_grad():
        found, expected = model(images)["out"], model(by_hand)["out"][..., :1024, :2048]
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-6)


@pytest.mark.parametrize("backbone, stride", [("tiny", 8), ("tiny", 16), ("resnet18", 32)])
def test_crops_that_fit_are_not_touched(backbone, stride):
    """Bit for bit what corner-to-corner upsampling of the same logits gives."""
    model = tiny(backbone=backbone, output_stride=stride).train()
    images = torch.randn(2, 3, 2 * stride + 1, 3 * stride + 1)
    assert pad_to_stride(images, stride) is images
    torch.manual_seed(1)
    found = model(images)
    torch.manual_seed(1)
    parts = model.intermediates(images)
    for name, logits in (("out", parts.fine_logits), ("coarse", parts.coarse_logits), ("aux", parts.aux_logits)):
        expected = F.interpolate(logits, images.shape[-2:], mode="bilinear", align_corners=True)
        assert torch.equal(found[name], expected)


@pytest.mark.parametrize("size", [(60, 75), (64, 128), (65, 129)])
def test_networks_without_aligned_corners_are_not_touched(size):
    model, images = tiny(align_corners=False), torch.randn(1, 3, *size)
    features, coarse, _ = model.base(images)
    fine = model.classifier(model.acf(features, coarse.softmax(dim=1)).fused)
    found = model(images)
    for name, logits in (("out", fine), ("coarse", coarse)):
        assert torch.equal(found[name], F.interpolate(logits, size, mode="bilinear", align_corners=False))


@pytest.mark.parametrize("stride, crop, fits", [(8, (713, 713), True), (16, (713, 713), False), (16, (721, 769), True)])
def test_crops_must_fit_the_output_stride(stride, crop, fits):
    model = ModelConfig(output_stride=stride)
    if fits:
        TrainConfig(model=model, crop_size=crop)
        return
    with pytest.raises(ConfigError, match=rf"{stride}k\+1 pixels.*for example \(721, 721\)"):
        TrainConfig(model=model, crop_size=crop)


def test_tapped_networks_name_their_stride_or_have_no_aligned_corners():
    layers = nn.Sequential(nn.Conv2d(3, 6, 3, stride=4, padding=1), nn.ReLU(), nn.Conv2d(6, 2, 1))
    with pytest.raises(ConfigError, match="output_stride=8.*align_corners=False"):
        ACFNet(tap(layers, "2"), channels=4, align_corners=True)
    assert not ACFNet(tap(layers, "2"), channels=4).align_corners
    model, images = (
        ACFNet(tap(layers, "2", output_stride=4), channels=4, align_corners=True).eval(),
        torch.randn(1, 3, 30, 41),
    )
    expected = model(F.pad(images, (0, 0, 0, 3), mode="replicate"))["out"][..., :30, :]
    torch.testing.assert_close(model(images)["out"], expected, rtol=0, atol=1e-6)
    with pytest.raises(
        ConfigError, match="has 9 x 11 cells for 30 x 41 pixels; with output_stride=8 they would be 5 x 6"
    ):
        ACFNet(tap(layers, "2", output_stride=8), align_corners=True)(images)


# ---- which pixels a cell stands for


@pytest.mark.parametrize("size", ODD)
@pytest.mark.parametrize("stride", [3, 8])
def test_cells_by_hand(size, stride):
    grid = CellGrid(size, tuple((n - 1) // stride + 1 for n in padded_size(size, stride)), True, stride)
    for row in range(size[0]):
        found = grid.cell(row, 0)[0]
        assert abs(found * stride - row) == min(abs(cell * stride - row) for cell in range(grid.cells[0]))
    assert grid.steps == (stride, stride)
    assert [list(line) for line in grid.centers()] == [[stride * j for j in range(n)] for n in grid.cells]
    rows, columns = grid.cell(np.arange(size[0]), np.arange(size[1]))
    assert [*rows] == [grid.cell(row, 0)[0] for row in range(size[0])]
    values = np.arange(math.prod(grid.cells)).reshape(grid.cells)
    assert np.array_equal(grid.spread(values), [[values[r, c] for c in columns] for r in rows])


def test_without_aligned_corners_cells_part_the_picture():
    grid = CellGrid((24, 40), (3, 5))
    assert grid.cell(7, 8) == (0, 1) and grid.cell(8, 39) == (1, 4) and grid.steps == (8, 8)
    assert [list(line) for line in grid.centers()] == [[3.5, 11.5, 19.5], [3.5, 11.5, 19.5, 27.5, 35.5]]
    assert torch.equal(grid.average(torch.ones(1, 2, 24, 40)), torch.ones(1, 2, 3, 5))


def area_mean(values, stride, cell):
    """Mean over [middle - stride / 2, middle + stride / 2] of a line of pixels, each as wide as 1."""
    total = weight = 0.0
    for pixel, value in enumerate(values):
        left, right = max(pixel - 0.5, cell * stride - stride / 2), min(pixel + 0.5, cell * stride + stride / 2)
        total, weight = total + max(0.0, right - left) * value, weight + max(0.0, right - left)
    return total / weight if weight else values[-1]


@pytest.mark.parametrize("length", [1, 5, 10, 12, 16, 17, 40])
@pytest.mark.parametrize("stride", [5, 8])
def test_averages_are_those_of_the_pixels_around_each_cell(length, stride):
    cells = (padded_size((length, length), stride)[0] - 1) // stride + 1
    values = torch.rand(length, dtype=torch.float64)
    grid = CellGrid((length, 1), (cells, 1), True, stride)
    found = grid.average(values.view(1, 1, length, 1)).flatten()
    expected = [area_mean(values.tolist(), stride, cell) for cell in range(cells)]
    torch.testing.assert_close(found, torch.tensor(expected, dtype=torch.float64))


def test_oracles_average_the_pixels_around_each_cell():
    model, images = tiny(), torch.randn(1, 3, 60, 75)
    labels = torch.randint(0, 5, (1, 60, 75))
    labels[:, :13] = 255
    maps = label_fractions(labels, 5)
    lines = [
        [area_mean(line, 8, cell) for cell in range(9)] for line in maps[0].permute(0, 2, 1).flatten(0, 1).tolist()
    ]
    lines = torch.tensor(lines).view(5, 75, 9).permute(0, 2, 1).flatten(0, 1).tolist()
    cells = torch.tensor([[area_mean(line, 8, cell) for cell in range(11)] for line in lines]).view(1, 5, 9, 11)
    assert not cells[:, :, 0].any()  # all of its pixels are ignored
    for name in ("center_probs", "attention_probs"):
        found, expected = (model.intermediates(images, **{name: given}) for given in (maps, cells))
        torch.testing.assert_close(found.attended, expected.attended, rtol=0, atol=1e-5)
    with pytest.raises(ValueError, match=r"size of the images, \(60, 75\), or of the features, \(9, 11\)"):
        model(images, center_probs=maps[..., :30, :])


def test_wrong_pixels_are_counted_by_the_cells_that_look_at_them():
    truth = np.zeros((9, 17), dtype=np.uint8)
    coarse, fine = truth.copy(), truth.copy()
    coarse[0, [3, 4, 8, 12]] = 1  # cell 0; cell 1: half goes up; cell 1; cell 2
    grid = CellGrid((9, 17), (2, 3), True, 8)
    assert wrong_pixels("corrected", coarse, fine, truth, grid) == [(0, 8), (0, 3), (0, 12)]


# ---- upsampling in float32


@pytest.mark.parametrize("context", [None, "psp"])
@pytest.mark.parametrize("align_corners", [False, True])
def test_nothing_is_upsampled_in_half_precision(context, align_corners, monkeypatch):
    """Its backward pass adds up hundreds of pixels a cell."""
    seen, interpolate = [], F.interpolate

    def spy(maps, *arguments, **settings):
        seen.append(maps.dtype)
        return interpolate(maps, *arguments, **settings)

    monkeypatch.setattr(F, "interpolate", spy)
    model = tiny(context=context, align_corners=align_corners).train()
    with torch.autocast("cpu", torch.bfloat16):
        found = model(torch.randn(2, 3, 33, 49))
    assert {logits.dtype for logits in found.values()} == {torch.float32}
    assert len(seen) == (3 if context is None else 7) and set(seen) == {torch.float32}
