"""ACFNet against its parts put together by hand, in float64 on the smallest base network."""

from inspect import Parameter, signature

import pytest
import torch
import torch.nn.functional as F
import torchvision
from torch import nn

from acflib.acf import VARIANTS
from acflib.acfnet import ACFNet, ModelConfig, build_model, inspect, without_weights
from acflib.errors import ConfigError
from acflib.functional import label_fractions, label_probabilities
from acflib.layers.bases import BACKBONES, BaseOutput, ResNetBase, make_backbone
from tests import paper_loops as loops

CLOSE = dict(rtol=0, atol=1e-10)
IMAGES = torch.randn(2, 3, 49, 65)


class Base(nn.Module):
    """Two convolutions, output stride 4."""

    feature_channels, num_classes = 6, 5

    def __init__(self):
        super().__init__()
        self.body = nn.Conv2d(3, 6, 4, stride=4)
        self.classifier = nn.Conv2d(6, 5, 1)

    def forward(self, x):
        features = self.body(x).tanh()
        aux = self.classifier(features.flip(1)) if self.training else None
        return BaseOutput(features, self.classifier(features), aux)


def make(variant="sum", **settings):
    network = ACFNet(Base(), variant, channels=4, **settings)
    for parameter in network.parameters():
        nn.init.normal_(parameter, std=0.7)
    return network.double()


def pictures():
    return torch.randn(2, 3, 12, 20, dtype=torch.float64)


@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize("align_corners", [False, True])
def test_results_are_those_of_the_parts(variant, align_corners):
    network, x = make(variant, align_corners=align_corners), pictures()
    features, coarse, aux = network.base(x)
    total = sum(coarse[:, i].exp() for i in range(5))
    p = torch.stack([coarse[:, i].exp() / total for i in range(5)], dim=1)  # softmax over classes
    fine = network.classifier(network.acf(features, p).fused)
    found = network(x)
    assert list(found) == ["out", "coarse", "aux"]
    for name, logits in (("out", fine), ("coarse", coarse), ("aux", aux)):
        expected = F.interpolate(logits, (12, 20), mode="bilinear", align_corners=align_corners)
        torch.testing.assert_close(found[name], expected, **CLOSE)


def test_align_corners_in_numbers():
    """True: the first and last pixel keep their value, as in crops of 8k + 1 pixels. False: pixels are areas."""
    for align_corners, expected in ((True, [0, 1, 2, 3, 4]), (False, [0, 0.4, 2, 3.6, 4])):
        network = make(variant=None, align_corners=align_corners)
        network.base = nn.Module()
        network.base.forward = lambda x: BaseOutput(x[..., :1, :2], x[..., :1, :2], None)  # two pixels: 0 and 4
        x = torch.tensor([0.0, 4, 0, 0, 0]).expand(1, 5, 1, 5)
        assert network(x)["out"][0, 0, 0].tolist() == pytest.approx(expected)


def test_baseline_is_the_base_network():
    network, x = make(variant=None), pictures()
    found = network(x)
    assert list(found) == ["out", "aux"] and network.acf is None and inspect(network, x).centers is None
    torch.testing.assert_close(found["out"], F.interpolate(network.base(x).coarse, (12, 20), mode="bilinear"), **CLOSE)


def test_intermediates_belong_together():
    network, x = make(), pictures()
    found = inspect(network, x)
    assert network.training and found.aux_logits is None and not found.fine_logits.requires_grad
    network.eval()
    torch.testing.assert_close(found.coarse_features, network.base(x).features, **CLOSE)
    reduced = network.acf.center_block.reduce(found.coarse_features)
    torch.testing.assert_close(found.centers, loops.eq2(reduced, found.probabilities), **CLOSE)
    torch.testing.assert_close(inspect(network, x[0]).fine_logits, found.fine_logits[:1], **CLOSE)
    assert not network.training


@pytest.mark.parametrize("settings, flows", [({}, True), ({"detach": False}, True), ({"detach": True}, False)])
def test_gradient_flows_through_the_coarse_probabilities_by_default(settings, flows):
    """Only by way of P does the fine loss reach the coarse classifier. No public implementation detaches."""
    network = make(**settings)
    network(pictures())["out"].square().sum().backward()
    gradient = network.base.classifier.weight.grad
    assert (gradient is not None and bool(gradient.abs().sum() > 0)) == flows


def test_probabilities_from_outside_go_where_they_belong():
    network, x = make().eval(), pictures()
    own, q = inspect(network, x), torch.randn(2, 5, 3, 5, dtype=torch.float64).softmax(1)
    for name in ("center_probs", "attention_probs"):
        expected = network.acf(own.coarse_features, own.probabilities, **{name: q})
        found = network.intermediates(x, **{name: q})
        torch.testing.assert_close(found.centers, expected.centers, **CLOSE)
        torch.testing.assert_close(found.fine_features, expected.fused, **CLOSE)
        assert not torch.allclose(found.fine_features, own.fine_features)
        torch.testing.assert_close(found.coarse_logits, own.coarse_logits, **CLOSE)


def test_finer_probabilities_are_averaged_by_area():
    network, x = make().eval(), pictures()
    fine = torch.randn(2, 5, 12, 20, dtype=torch.float64).softmax(1)
    cells = torch.stack([fine[..., y::4, x::4] for y in range(4) for x in range(4)]).mean(0)  # 3 x 5 cells of 4 x 4
    torch.testing.assert_close(network(x, fine, fine)["out"], network(x, cells, cells)["out"], **CLOSE)


def test_defaults_are_the_paper_s_network():
    config = ModelConfig()
    assert (config.backbone, config.context, config.variant, config.num_classes) == ("resnet101", None, "sum", 19)
    assert (config.channels, config.output_stride, config.aux) == (512, 8, True)
    assert (config.detach, config.align_corners, config.weights) == (False, True, "auto")
    with torch.device("meta"):
        network = build_model(without_weights(config))
    assert network.acf.variant == "sum" and network.acf.attention_block.factorized
    assert (network.detach, network.align_corners, network.num_classes) == (False, True, 19)


def test_build_model_passes_every_setting_on():
    config = ModelConfig("tiny", "psp", "concat", 3, 8, 16, aux=False, detach=True, align_corners=True, weights=None)
    network = build_model(config)
    assert network.acf.variant == "concat" and network.detach and network.align_corners
    assert network.base.context.align_corners and network.base.aux_head is None
    assert network.acf.center_block.reduce[0].out_channels == network.base.feature_channels == 8
    assert inspect(network, torch.randn(3, 32, 64)).fine_logits.shape == (1, 3, 3, 5)  # of 33 x 65 pixels


def test_unknown_variant():
    with pytest.raises(ConfigError, match="None or one of sum, concat, center"):
        ACFNet(Base(), "max")


def tiny(**changes):
    return build_model(ModelConfig(**({"backbone": "tiny", "channels": 16, "weights": None} | changes)))


@pytest.mark.parametrize("variant", ["sum", "concat", "center"])
def test_tiny_network_is_tiny(variant):
    model = tiny(variant=variant, channels=128)
    assert sum(parameter.numel() for parameter in model.parameters()) < 1_500_000


def test_oracles_take_ground_truth_at_any_size():
    model = tiny(align_corners=False).eval()
    labels = torch.randint(0, 19, (2, 49, 65))
    labels[:, :9] = 255
    fractions, probabilities = label_fractions(labels, 19), label_probabilities(labels, 19)
    found = model.intermediates(IMAGES, center_probs=fractions, attention_probs=probabilities)
    at_feature_size = label_fractions(labels, 19, found.coarse_logits.shape[-2:])
    expected = model.acf.center_block(found.coarse_features, at_feature_size.float())
    torch.testing.assert_close(found.centers, expected)
    assert not torch.allclose(model(IMAGES)["out"], model(IMAGES, center_probs=fractions)["out"])
    with pytest.raises(ValueError, match=r"center_probs must be probabilities \(2, 19, h, w\)"):
        model(IMAGES, center_probs=fractions[:, :5])
    with pytest.raises(ValueError, match="variant None"):
        tiny(variant=None)(IMAGES, attention_probs=probabilities)


def test_networks_build_and_run_on_the_meta_device():
    with torch.device("meta"):
        model = build_model(ModelConfig(weights=None, context="aspp"))
        assert model(torch.empty(2, 3, 769, 769))["out"].shape == (2, 19, 769, 769)


def test_a_network_in_half_precision_and_under_autocast():
    model = tiny().eval()
    with torch.autocast("cpu", torch.bfloat16):
        under_autocast = model(IMAGES)["out"].float()
    half = model.bfloat16()(IMAGES.bfloat16())["out"].float()
    expected = model.float()(IMAGES)["out"]
    scale = expected.std()
    assert ((under_autocast - expected).abs().mean() / scale) < 0.05
    assert ((half - expected).abs().mean() / scale) < 0.1


def test_a_network_needs_no_word_on_weights(monkeypatch):
    """ "auto": ImageNet's for every ResNet, none for the tiny network."""
    asked = []
    get_model = torchvision.models.get_model
    monkeypatch.setattr(
        torchvision.models, "get_model",
        lambda name, weights, **settings: asked.append((name, weights)) or get_model(name, weights=None, **settings),
    )  # fmt: skip
    build_model(ModelConfig(backbone="tiny"))
    for name in BACKBONES[1:]:
        with torch.device("meta"):
            build_model(ModelConfig(name))
    assert asked == [(name, "IMAGENET1K_V1") for name in ("resnet18", "resnet34", "resnet50", "resnet101")]


@pytest.mark.parametrize("field", ["align_corners", "weights"])
def test_settings_of_a_network_have_one_default(field):
    """That of ModelConfig: the classes it builds have none of their own."""
    for built in (ResNetBase, make_backbone):
        parameter = signature(built).parameters.get(field)
        assert parameter is None or parameter.default is Parameter.empty
    settings = dict(weights=None, align_corners=True)
    assert ACFNet(ResNetBase("tiny", **settings), channels=4).align_corners
    assert not ACFNet(ResNetBase("tiny", **(settings | {"align_corners": False})), channels=4).align_corners


def test_inspect_takes_the_dtype_of_the_network():
    image = torch.randn(3, 33, 65)
    model = tiny().double()
    found, expected = inspect(model, image), inspect(model, image.double())
    assert torch.equal(found.fine_logits, expected.fine_logits) and found.fine_logits.dtype == torch.float64
    assert inspect(tiny().bfloat16(), image).fine_logits.dtype == torch.bfloat16
    with pytest.raises(ValueError, match="uint8.*normalize"):
        inspect(tiny(), torch.zeros(3, 33, 65, dtype=torch.uint8))
    for shape in ((33, 65), (33, 65, 3), (1, 1, 3, 33, 65), (1, 4, 33, 65)):
        with pytest.raises(ValueError, match=r"\(3, H, W\) or \(B, 3, H, W\)"):
            inspect(tiny(), torch.zeros(shape))
