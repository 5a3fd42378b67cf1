"""Base networks, ACFNet, inspect() and tap()."""

import pytest
import torch
import torchvision
from torch import nn

from acflib import ACFNet, ConfigError, ModelConfig, ResNetBase, build_model, inspect, tap
from acflib.bases import BACKBONES, make_backbone
from acflib.contexts import ASPP, PSP
from acflib.functional import label_fractions, label_probabilities

IMAGES = torch.randn(2, 3, 49, 65)


def tiny(**changes):
    return build_model(ModelConfig(**({"backbone": "tiny", "channels": 16, "weights": None} | changes)))


def receptive_dilations(layer):
    return {conv.dilation for conv in layer.modules() if isinstance(conv, nn.Conv2d) and conv.kernel_size == (3, 3)}


@pytest.mark.parametrize("backbone", BACKBONES)
def test_output_stride_8_by_dilation_2_and_4_in_every_block(backbone):
    network = make_backbone(backbone)
    assert receptive_dilations(network.layer3) == {(2, 2)} and receptive_dilations(network.layer4) == {(4, 4)}
    assert all(conv.stride == (1, 1) for layer in (network.layer3, network.layer4) for conv in convs(layer))


def convs(layer):
    return [module for module in layer.modules() if isinstance(module, nn.Conv2d)]


@pytest.mark.parametrize("backbone", ["tiny", "resnet18", "resnet50"])
@pytest.mark.parametrize("output_stride", [8, 16, 32])
def test_output_stride_is_the_size_of_the_maps(backbone, output_stride):
    base = ResNetBase(backbone, num_classes=5, output_stride=output_stride).eval()
    features, coarse, aux = base(torch.randn(1, 3, 97, 129))
    size = (96 // output_stride + 1, 128 // output_stride + 1)
    assert features.shape == (1, base.feature_channels, *size) and coarse.shape == (1, 5, *size) and aux is None


@pytest.mark.parametrize(
    "backbone, channels, aux", [("resnet18", 512, 64), ("resnet34", 512, 64), ("resnet50", 2048, 256)]
)
def test_channels_of_the_paper(backbone, channels, aux):
    base = ResNetBase(backbone)
    assert base.feature_channels == channels and base.aux_head[0].out_channels == aux


def test_state_dict_is_that_of_torchvision():
    ours = make_backbone("resnet50")
    theirs = torchvision.models.resnet50(weights=None)
    ours.load_state_dict(theirs.state_dict())


@pytest.mark.parametrize("variant", [None, "sum", "concat", "center"])
def test_logits_at_input_size(variant):
    model = tiny(variant=variant)
    found = model(IMAGES)
    expected = {"out", "aux"} if variant is None else {"out", "coarse", "aux"}
    assert found.keys() == expected and all(value.shape == (2, 19, 49, 65) for value in found.values())
    assert model.eval()(IMAGES).keys() == expected - {"aux"}


@pytest.mark.parametrize("variant", ["sum", "concat", "center"])
def test_tiny_network_is_tiny(variant):
    model = tiny(variant=variant, channels=128)
    assert sum(parameter.numel() for parameter in model.parameters()) < 1_500_000


def test_aspp_is_the_paper_s():
    module = ASPP(2048)
    branches = [branch[0] for branch in module.branches]
    assert [(c.kernel_size[0], c.dilation[0], c.out_channels) for c in branches] == [
        (1, 1, 512), (3, 12, 512), (3, 24, 512), (3, 36, 512)
    ]  # fmt: skip
    assert module.project[0].weight.shape == (512, 4 * 512, 1, 1)
    assert ResNetBase("resnet50", context="aspp").feature_channels == 512


def test_psp_levels_are_means_of_regions():
    module = PSP(8, channels=4).eval()
    x = torch.randn(1, 8, 6, 6)
    seen = []
    for level in module.levels:
        level.register_forward_hook(lambda _, inputs, output: seen.append(inputs[0]))
    assert module(x).shape == (1, 4, 6, 6)
    torch.testing.assert_close(seen[0][..., 0, 0], x.mean((2, 3)))
    torch.testing.assert_close(seen[1][..., 1, 0], x[..., 3:, :3].mean((2, 3)))
    assert torch.equal(seen[3], x)


def test_inspect_names_what_forward_used():
    model = tiny()
    model.train()
    found = inspect(model, IMAGES[0])
    assert model.training
    assert found.coarse_features.shape == (1, 128, 7, 9) and found.centers.shape == (1, 19, 16)
    assert found.attended.shape == found.fine_features.shape == (1, 16, 7, 9)
    torch.testing.assert_close(found.probabilities.sum(1), torch.ones(1, 7, 9))
    model.eval()
    torch.testing.assert_close(model.classifier(found.fine_features), found.fine_logits)
    torch.testing.assert_close(model.base.classifier(found.coarse_features), found.coarse_logits)
    upsampled = nn.functional.interpolate(found.fine_logits, (49, 65), mode="bilinear", align_corners=True)
    torch.testing.assert_close(upsampled, model(IMAGES[:1])["out"])


def test_detach_stops_the_gradient_of_p_alone():
    gradients = []
    for detach in (False, True):
        torch.manual_seed(0)
        model = tiny(detach=detach, aux=False).double().train()
        model(IMAGES.double())["out"].square().mean().backward()
        gradients.append(model.base.classifier.weight.grad)
    assert gradients[0].abs().max() > 0
    assert gradients[1] is None or gradients[1].abs().max() == 0


def test_oracles_take_ground_truth_at_any_size():
    model = tiny().eval()
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


class Stranger(nn.Module):
    """A user's network that knows nothing of torchvision."""

    def __init__(self):
        super().__init__()
        self.body = nn.Sequential(nn.Conv2d(3, 8, 3, stride=4, padding=1), nn.ReLU())
        self.last = nn.Conv2d(8, 5, 3, padding=1)

    def forward(self, x):
        return nn.functional.interpolate(self.last(self.body(x)), x.shape[-2:], mode="bilinear")


@pytest.mark.parametrize("name", ["fcn_resnet50", "deeplabv3_resnet50"])
def test_tap_torchvision(name):
    network = torchvision.models.get_model(name, weights=None, weights_backbone=None, num_classes=7, aux_loss=True)
    model = ACFNet(tap(network, "classifier.4"), channels=16).eval()
    found = model(IMAGES)
    assert found["out"].shape == (2, 7, 49, 65)
    torch.testing.assert_close(found["coarse"].size(), network(IMAGES)["out"].size())
    coarse = nn.functional.interpolate(model.intermediates(IMAGES).coarse_logits, (49, 65), mode="bilinear")
    torch.testing.assert_close(coarse, network(IMAGES)["out"])
    assert model.train()(IMAGES).keys() == {"out", "coarse", "aux"}


def test_tap_a_stranger_and_train_it():
    network = Stranger()
    model = ACFNet(tap(network, "last"), channels=16)
    found = model(IMAGES)
    assert found["out"].shape == (2, 5, 49, 65)
    found["out"].mean().backward()
    assert network.body[0].weight.grad.abs().max() > 0 and network.last.weight.grad.abs().max() > 0
    assert inspect(model, IMAGES).coarse_features.shape == (2, 8, 13, 17)


def test_tap_says_what_is_wrong():
    with pytest.raises(ConfigError, match='no layer "classifier".*body.0, last'):
        tap(Stranger(), "classifier")
    with pytest.raises(ConfigError, match="feature_channels and num_classes"):
        tap(Stranger(), "body")
    twice = nn.Sequential(nn.Conv2d(3, 3, 1))
    twice.append(twice[0])
    with pytest.raises(ConfigError, match="ran 2 times"):
        ACFNet(tap(twice, "0"), channels=4)(IMAGES)


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
