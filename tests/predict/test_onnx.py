"""``acflib onnx``: the files, run by onnxruntime, give PyTorch's numbers for every kind of network and any size."""

import dataclasses
import json
import re
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn

from acflib.acfnet import ACFNet, ModelConfig, build_model, inspect
from acflib.cli import parser as cli
from acflib.datasets.labels import CITYSCAPES_CLASSES
from acflib.datasets.streets import render_street
from acflib.errors import ConfigError, TrainingError
from acflib.layers.inplace import use_inplace
from acflib.layers.tapping import tap
from acflib.predict import onnx_export, onnx_graphs
from acflib.predict.onnx_export import PACKAGES, export_onnx, read_metadata
from acflib.predict.predicting import predict_labels
from acflib.predict.pretrained import available, load_pretrained

ROOT = Path(__file__).resolve().parents[2]
MISSING = [name for name in PACKAGES if onnx_export.importlib.util.find_spec(name) is None]
needs_onnx = pytest.mark.skipif(bool(MISSING), reason=f"not installed: {', '.join(MISSING)} (the extra [onnx])")
N = 5
NAMES = [f"class {i}" for i in range(N)]
COLORS = [(i, 2 * i, 255) for i in range(N)]
TINY = ModelConfig("tiny", num_classes=N, channels=8, aux=True, align_corners=False, weights=None)


class Pooled(nn.Module):
    """A network to tap: a path that is pooled to 1 x 1 and to 2 x 3, as DeepLab's and PSPNet's are."""

    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(3, 6, 3, stride=4, padding=1)
        self.pools = nn.ModuleList([nn.AdaptiveAvgPool2d(1), nn.AdaptiveAvgPool2d((2, 3))])
        self.last = nn.Conv2d(18, N, 1)

    def forward(self, x):
        x = self.conv(x).relu()
        pooled = [nn.functional.interpolate(p(x), x.shape[-2:], mode="bilinear") for p in self.pools]
        return {"out": self.last(torch.cat([x, *pooled], dim=1))}


class Fixed(nn.Module):
    """A network that turns the width into a Python number."""

    def __init__(self):
        super().__init__()
        self.last = nn.Conv2d(3, N, 1)

    def forward(self, x):
        return self.last(x.reshape(x.shape[0], 3, x.shape[2], onnx_graphs.SAMPLE[-1]))


class Wordless(nn.Module):
    """A network with an operation that ONNX has not."""

    def __init__(self):
        super().__init__()
        self.last = nn.Conv2d(3, N, 1)

    def forward(self, x):
        return self.last(torch.linalg.eigvalsh(x @ x.transpose(2, 3)).unsqueeze(-1).expand_as(x))


def network(name: str) -> ACFNet:
    torch.manual_seed(0)
    if name == "tapped":
        model = ACFNet(tap(Pooled(), "last"), "sum", channels=8)
    elif name == "literal":
        model = ACFNet(build_model(TINY).base, "concat", channels=8, factorized=False)
    elif name == "inplace":
        model = use_inplace(build_model(TINY))
    elif name == "align corners":
        model = build_model(dataclasses.replace(TINY, align_corners=True, context="psp"))
    else:
        variant, _, context = name.partition("+")
        changes = {"variant": None if variant == "none" else variant, "context": context or None}
        model = build_model(dataclasses.replace(TINY, **changes))
    for module in model.modules():  # statistics of a fresh network would hide a batch normalization that is left out
        if isinstance(module, nn.BatchNorm2d):
            module.running_mean.uniform_(-0.5, 0.5)
            module.running_var.uniform_(0.5, 2)
            module.weight.data.uniform_(-1, 1)
            module.weight.data[0] = 0
    return model.eval()


WITHOUT_ATTENTION = ("none", "self", "global", "psp", "center")
WITH_ATTENTION = ("none+psp", "tapped", "sum", "concat", "literal", "sum+aspp", "inplace", "align corners")


def run(folder, graph, **given):
    """The outputs of a file by name."""
    import onnxruntime

    session = onnxruntime.InferenceSession(folder / f"{graph}.onnx", providers=["CPUExecutionProvider"])
    given = {name: value.numpy() for name, value in given.items()}
    names = [value.name for value in session.get_outputs()]
    return {name: torch.from_numpy(v) for name, v in zip(names, session.run(names, given), strict=True)}


@needs_onnx
@pytest.mark.slow  # the quick one is test_command_and_metadata
@pytest.mark.parametrize("name", WITHOUT_ATTENTION + WITH_ATTENTION)
def test_files_give_the_numbers_of_pytorch(name, tmp_path):
    model = network(name)
    export_onnx(model, tmp_path, NAMES, COLORS)
    assert not [path.name for path in tmp_path.iterdir() if path.name.startswith(".")]
    check_files(model, tmp_path)


def check_files(model, tmp_path):
    """At sizes that neither the export nor its own check uses, one with a side below the stride."""
    for seed, (batch, height, width) in enumerate([(1, 7, 50), (2, 41, 66), (1, 128, 56)]):
        torch.manual_seed(seed)
        image = torch.randn(batch, 3, height, width)
        found = inspect(model, image)
        base = run(tmp_path, "base", image=image)
        assert_near(base["features"], found.coarse_features)
        assert_near(base["coarse_logits"], found.coarse_logits)
        with torch.no_grad():
            assert_near(run(tmp_path, "whole", image=image)["probabilities"], model(image)["out"].softmax(1))
        if model.acf is not None:
            check_head(model, tmp_path, image, base)
        else:
            assert not (tmp_path / "head.onnx").exists()


@needs_onnx
def test_no_graph_of_another_network_stays(tmp_path, monkeypatch):
    monkeypatch.setattr(onnx_export, "_serialized", lambda graph, about: b"of this network")
    monkeypatch.setattr(onnx_export, "check_graph", lambda path, graph: 0.0)
    for name in ("head.onnx", "whole.onnx", "mine.onnx"):
        (tmp_path / name).write_bytes(b"of another network")
    export_onnx(network("sum"), tmp_path, NAMES, COLORS, only=("base",))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["base.onnx", "mine.onnx"]


def check_head(model, folder, image, base):
    """The head gives what ``inspect`` finds; with other class maps, what the network gives for those."""
    own = base["coarse_logits"].softmax(1)
    if model.acf.control is not None:
        head, found = run(folder, "head", features=base["features"]), inspect(model, image)
        assert set(head) == {"attended", "fine_features", "fine_logits"}
    else:
        head = run(folder, "head", features=base["features"], center_probs=own, attention_probs=own)
        found = inspect(model, image)
        assert_near(head["centers"], found.centers)
        assert_near(head["reduced"], model.acf.center_block.reduce(found.coarse_features))
    for key in ("attended", "fine_features", "fine_logits"):
        assert_near(head[key], getattr(found, key))
    if model.acf.control is None:
        others = torch.rand_like(own), torch.rand_like(own)  # not of sum 1
        others[0][:, 2] = 0  # a class that is absent
        others[1][:, :, 0, 0] = 0  # a pixel that listens to nobody
        head = run(folder, "head", features=base["features"], center_probs=others[0], attention_probs=others[1])
        with torch.no_grad():
            found = model.intermediates(image, *others)
        assert_near(head["fine_logits"], found.fine_logits)
        assert_near(head["centers"], found.centers)
        assert not head["centers"][:, 2].any()


def assert_near(found, expected):
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("size", [(1, 1), (2, 3), (6, 6), (7, 11), (12, 40)])
@pytest.mark.parametrize("regions", [1, 2, 3, 6, (2, 5)])
def test_region_means_are_torchs(size, regions):
    x = torch.rand(2, 4, *size, generator=torch.Generator().manual_seed(0))
    expected = nn.functional.adaptive_avg_pool2d(x, regions)
    torch.testing.assert_close(onnx_graphs.region_means(x, regions), expected)


def test_sign_is_torchs():
    values = torch.tensor([0.0, -0.0, 1e-30, -1e-30, 2.0, -torch.inf])
    magnitude = torch.tensor([3.0, -3.0])[:, None].expand(2, 6)
    assert torch.equal(onnx_graphs.with_sign_of(magnitude, values), torch.copysign(magnitude, values))


@needs_onnx
@pytest.mark.skipif("streets-acf-sum" not in available(), reason="a copy without the shipped weights")
def test_command_and_metadata(tmp_path, capsys, monkeypatch):
    import onnx

    assert cli.main(["onnx", "--checkpoint", "streets-acf-sum", "--out", str(tmp_path / "new")]) == 0
    assert "head.onnx: differs from PyTorch by at most" in capsys.readouterr().out
    about = read_metadata(tmp_path / "new" / "head.onnx")
    assert about["classes"][:2] == ["road", "sidewalk"] and about["colors"][0] == [128, 64, 128]
    assert about["mean"] == [0.485, 0.456, 0.406] and about["std"] == [0.229, 0.224, 0.225]
    assert (about["variant"], about["network"], about["graph"]) == ("sum", "streets-acf-sum", "head")
    assert about["align_corners"] is False
    shapes = {
        value.name: [dim.dim_param or dim.dim_value for dim in value.type.tensor_type.shape.dim]
        for value in onnx.load(tmp_path / "new" / "whole.onnx").graph.input
    }
    assert shapes == {"image": ["batch", 3, "height", "width"]}
    check_files(load_pretrained("streets-acf-sum"), tmp_path / "new")
    run_the_document(tmp_path, capsys, monkeypatch)


def run_the_document(folder, capsys, monkeypatch):
    """The program of docs/onnx.md, on a street: the classes that PyTorch finds."""
    (folder / "new").rename(folder / "onnx")
    street = render_street(3, 256, 128).image
    Image.fromarray(street).save(folder / "photograph.png")
    monkeypatch.chdir(folder)
    (program,) = re.findall(r"```python\n(.*?)```", (ROOT / "docs" / "onnx.md").read_text(), re.DOTALL)
    exec(program, {})
    found = np.unique(predict_labels(load_pretrained("streets-acf-sum"), street))
    assert capsys.readouterr().out.strip() == str([CITYSCAPES_CLASSES[i] for i in found])


@needs_onnx
@pytest.mark.parametrize(
    ("made", "words"),
    [(Fixed, "the width of image is fixed at 160"), (Wordless, "cannot be written as")],
)
def test_networks_that_onnx_cannot_say(made, words, tmp_path):
    torch.manual_seed(0)
    with pytest.raises(ConfigError, match=f"base.onnx: .*{words}"):
        export_onnx(ACFNet(tap(made(), "last"), None).eval(), tmp_path, NAMES, COLORS)
    assert list(tmp_path.iterdir()) == []


def test_random_numbers_cannot_be_said():
    with pytest.raises(ConfigError, match='the control "permuted" cannot be written as ONNX: it draws an order'):
        onnx_graphs.make_graphs(network("permuted"))


@needs_onnx
def test_a_file_with_other_numbers_is_not_kept(tmp_path, monkeypatch):
    (tmp_path / "base.onnx").write_bytes(b"older")
    real = onnx_export.to_onnx

    def spoiled(graph):
        module = onnx_graphs.copy.deepcopy(graph.module)
        module.model.base.classifier.bias.data += 0.01
        return real(dataclasses.replace(graph, module=module))

    monkeypatch.setattr(onnx_export, "to_onnx", spoiled)
    with pytest.raises(TrainingError, match=r"base.onnx, coarse_logits at batch, height, width \(1, 64, 96\): differs"):
        export_onnx(network("none"), tmp_path, NAMES, COLORS)
    assert [path.name for path in tmp_path.iterdir()] == ["base.onnx"]
    assert (tmp_path / "base.onnx").read_bytes() == b"older"


def test_missing_packages_are_named(tmp_path, monkeypatch, capsys):
    real = onnx_export.importlib.util.find_spec
    monkeypatch.setattr(
        onnx_export.importlib.util, "find_spec", lambda name: None if name in PACKAGES[:2] else real(name) or True
    )
    assert cli.main(["onnx", "--checkpoint", "mine.pt", "--out", str(tmp_path / "x")]) == 2
    assert "packages onnx, onnxscript: pip install 'acflib[onnx]'" in capsys.readouterr().err
    assert not (tmp_path / "x").exists()


@needs_onnx
def test_classes_that_do_not_fit(tmp_path):
    with pytest.raises(ConfigError, match="5 classes; 4 names and 5 colors"):
        export_onnx(network("none"), tmp_path, NAMES[:4], COLORS)


def test_metadata():
    """ImageNet's numbers, by which torchvision's weights were trained."""
    about = {key: json.loads(value) for key, value in onnx_export.metadata(network("none"), NAMES, COLORS, "x").items()}
    assert about["mean"] == [0.485, 0.456, 0.406] and about["std"] == [0.229, 0.224, 0.225]
    assert about["variant"] is None and about["colors"][2] == [2, 4, 255] and about["network"] == "x"
