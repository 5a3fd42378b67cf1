"""The benchmark of fields of view measures what ``acflib.layers.field`` measures of whole networks, at less cost."""

import json
from types import SimpleNamespace

import pytest
import torch
from torchvision.models.resnet import Bottleneck

from acflib.layers.bases import ResNetBase
from acflib.layers.field import gradient_map, theoretical_extent
from tests.benchmarks.scripts import benchmark_scripts


@pytest.fixture
def fields():
    with benchmark_scripts() as script:
        yield script("fields")


@pytest.mark.parametrize(
    ("backbone", "field"), [("tiny", 47), ("tiny", 239), pytest.param("resnet18", None, marks=pytest.mark.slow)]
)
@pytest.mark.parametrize("size", [(64, 128), (73, 121)])
def test_the_central_feature_alone_is_that_of_the_whole_network(fields, backbone, field, size):
    """Even and odd maps: 8 x 16 and 10 x 16 cells, of which the dilated layers look at all or at some."""
    torch.manual_seed(1)
    base = ResNetBase(backbone, aux=False, weights=None, align_corners=False, field=field)
    images = torch.randn(1, 3, *size)
    fields.take_statistics(base, images)
    seen = fields.CentralFeature(base)
    whole = gradient_map(base, images, draws=2)
    torch.testing.assert_close(gradient_map(seen, images, draws=2), whole, rtol=1e-3, atol=1e-5)
    for dimension, strip in ((2, images[..., :8]), (3, images[..., :8, :])):
        assert theoretical_extent(seen, strip, dimension) == theoretical_extent(base, images, dimension)


def test_the_last_layers_of_a_wide_image_are_computed_in_part(fields):
    base = ResNetBase("tiny", aux=False, weights=None, align_corners=False, field=111).eval()
    sizes = []
    base.layer3[0].register_forward_hook(lambda block, given, result: sizes.append(tuple(result.shape[2:])))
    with torch.no_grad():
        assert fields.CentralFeature(base)(torch.randn(1, 3, 256, 80)).shape[2:] == (1, 1)
    assert sizes == [(9, 9)]  # two 3x3 convolutions dilated by 2 reach 4 cells to each side, of 32 x 10 cells


def test_reach_of_a_bottleneck(fields):
    assert fields.reach(Bottleneck(8, 2)) == 1  # its 1x1 convolutions reach nowhere


@pytest.mark.parametrize(("name", "blocks"), [("resnet50", (3, 4, 6, 3)), ("resnet101", (3, 4, 23, 3))])
def test_theoretical_field_of_the_committed_resnets(name, blocks, request):
    """By hand: 11 after the stem (7 + 2*2), then two cells of a 3x3 convolution of each block, of 4, 8, 16 and 32
    pixels; the first of layer2 has the cells of layer1. An image holds a part of it around pixel 8 * (cells // 2)."""
    path = request.config.rootpath / "results" / "fields.json"
    if not path.is_file():
        pytest.skip("not in this copy")
    first, second, third, fourth = blocks
    full = 11 + first * 2 * 4 + 2 * 4 + (second - 1) * 2 * 8 + third * 2 * 16 + fourth * 2 * 32
    found = [row for row in json.loads(path.read_text())["fields"] if row["network"] == name]
    if not found:
        pytest.skip(f"{name} is not measured here yet")
    assert [row["image"] for row in found] == [[769, 769], [1024, 2048]]
    for row in found:
        for length, extent in zip(row["image"], row["theoretical"], strict=True):
            middle = 8 * (-(-length // 8) // 2)
            assert extent == min(length - 1, middle + full // 2) - max(0, middle - full // 2) + 1
        height, width = row["image"]
        assert row["effective"] <= min(row["theoretical"])
        assert row["effective_percent"] == pytest.approx(100 * row["effective"] ** 2 / (height * width), abs=0.02)


def test_a_file_is_written_and_other_networks_keep_their_lines(fields, tmp_path, monkeypatch):
    out = tmp_path / "fields.json"
    monkeypatch.setattr(fields, "measure_resnet", lambda name, weights: [{"network": name, **resnet(weights)}])
    tiny = ["--networks", "tiny", "--images", "1", "--draws", "1", "--out", str(out)]
    fields.main(["--networks", "resnet101", "--out", str(out)])
    assert "No ImageNet weights were at hand" in json.loads(out.read_text())["note"]
    fields.main(tiny)
    fields.main(["--networks", "resnet50", "--weights", "auto", "--out", str(out)])
    rows = json.loads(out.read_text())["fields"]
    assert [(row["network"], row["weights"]) for row in rows[-2:]] == [
        ("resnet50", "ImageNet"),
        ("resnet101", "random"),
    ]
    assert {tuple(row["image"]) for row in rows[:-2]} == {(64, 128), (128, 256)}
    narrow = [row for row in rows if row["network"] == "tiny, 47" and row["weights"] == "random"]
    assert [row["theoretical"] for row in narrow] == [[47, 47]] * 2
    assert narrow[0]["theoretical_percent"] == pytest.approx(100 * 47**2 / (64 * 128), abs=0.01)
    assert all(0 < row["effective"] for row in rows)


def test_checkpoints_of_the_study_are_measured_too(fields, tmp_path, monkeypatch):
    """The network of a run is the one that is measured: 47 pixels of 64 x 128."""
    base = ResNetBase("tiny", aux=False, weights=None, align_corners=False, field=47)
    path = tmp_path / "base-own-47" / "base" / "seed-10" / "checkpoint.pt"
    info = {"config": {"model": {"backbone": "tiny", "field": 47}}}
    monkeypatch.setattr(fields, "load_pretrained", lambda found: SimpleNamespace(base=base, info=info))
    (row,) = fields.measure_checkpoints([path], count=1, draws=1)
    assert (row["network"], row["weights"]) == ("tiny, 47", "base-own-47, seed-10")
    assert row["theoretical"] == [47, 47] and row["image"] == [64, 128]


def resnet(weights: str | None) -> dict:
    """A line that was not measured."""
    return {"weights": "ImageNet" if weights else "random", "image": [1, 1], "theoretical": [1, 1], "effective": 1.0}
