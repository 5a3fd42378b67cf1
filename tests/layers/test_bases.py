"""Base networks: what dilation does to a layer, the auxiliary head, context modules, wrong settings."""

import pytest
import torch
import torchvision
from torch import nn

from acflib.errors import ConfigError
from acflib.layers.bases import BACKBONES, ResNetBase, dilate, make_backbone
from acflib.layers.contexts import ASPP, PSP

PLAIN = dict(weights=None, align_corners=False)


def convs(layer):
    return [m for m in layer.modules() if isinstance(m, nn.Conv2d) and m.kernel_size == (3, 3)]


@pytest.mark.parametrize("name", BACKBONES)
@pytest.mark.parametrize("output_stride, dilations", [(8, (2, 4)), (16, (1, 2)), (32, (1, 1))])
def test_every_3x3_convolution_of_the_last_layers_is_dilated(name, output_stride, dilations):
    """The first block of a layer too, which torchvision leaves at the previous dilation."""
    with torch.device("meta"):
        network = make_backbone(name, output_stride, weights=None, field=239 if name == "tiny" else None)
    for layer, dilation in zip((network.layer3, network.layer4), dilations, strict=True):
        found = convs(layer)
        assert len(found) >= 2
        assert {conv.dilation for conv in found} == {conv.padding for conv in found} == {(dilation, dilation)}
    for layer in (network.layer1, network.layer2):
        assert {conv.dilation for conv in convs(layer)} == {(1, 1)}


@pytest.mark.parametrize("output_stride", [8, 16, 32])
def test_features_and_auxiliary_result_have_the_size_of_their_layer(output_stride):
    with torch.device("meta"):
        base = ResNetBase("resnet34", num_classes=5, output_stride=output_stride, **PLAIN)
        found = base(torch.empty(2, 3, 64, 96))
    assert found.features.shape == (2, 512, 64 // output_stride, 96 // output_stride)
    assert found.coarse.shape == (2, 5, 64 // output_stride, 96 // output_stride)
    assert found.aux.shape == (2, 5, *((8, 12) if output_stride == 8 else (4, 6)))  # layer3


def test_a_dilated_layer_computes_what_the_strided_one_does_and_more():
    """The same weights at every pixel: every other result is the strided layer's."""
    strided = nn.Sequential(nn.Conv2d(3, 4, 3, stride=2, padding=1), nn.Conv2d(4, 4, 3, padding=1))
    dense = nn.Sequential(nn.Conv2d(3, 4, 3, padding=1), nn.Conv2d(4, 4, 3, padding=1))
    dense.load_state_dict(strided.state_dict())
    dilate(dense[1], 2)
    x = torch.randn(1, 3, 16, 24)
    torch.testing.assert_close(dense(x)[..., ::2, ::2], strided(x))


@pytest.mark.parametrize("name, width", [("resnet18", 64), ("resnet101", 256)])
def test_auxiliary_head(name, width):
    with torch.device("meta"):
        head = ResNetBase(name, num_classes=5, **PLAIN).aux_head
    conv, dropout, classifier = head[0], head[3], head[4]
    assert (conv.kernel_size, conv.out_channels, classifier.in_channels) == ((3, 3), width, width)
    assert classifier.out_channels == 5 and dropout.p == 0.1


def test_auxiliary_result_only_in_training_and_only_where_wanted():
    x = torch.randn(2, 3, 32, 40)
    base = ResNetBase("tiny", num_classes=5, **PLAIN)
    assert base(x).aux is not None
    assert base.eval()(x).aux is None
    assert ResNetBase("tiny", num_classes=5, aux=False, **PLAIN)(x).aux is None


@pytest.mark.parametrize(
    "settings, message",
    [
        (dict(backbone="resnet19"), "backbone must be one of.*resnet19"),
        (dict(backbone="tiny", context="aspp2"), "context"),
        (dict(backbone="tiny", output_stride=4), "output_stride must be 8, 16 or 32"),
        (dict(backbone="tiny", weights="IMAGENET1K_V1"), "no pretrained weights"),
        (dict(backbone="resnet18", weights="IMAGENET22K"), "weights of resnet18.*IMAGENET1K_V1"),
    ],
)
def test_wrong_settings_are_named(settings, message):
    with pytest.raises(ConfigError, match=message):
        ResNetBase(**(PLAIN | settings))


def test_state_dict_is_that_of_torchvision():
    ours = make_backbone("resnet50", weights=None)
    theirs = torchvision.models.resnet50(weights=None)
    ours.load_state_dict(theirs.state_dict())


def test_aspp_is_the_paper_s():
    module = ASPP(2048)
    branches = [branch[0] for branch in module.branches]
    assert [(c.kernel_size[0], c.dilation[0], c.out_channels) for c in branches] == [
        (1, 1, 512), (3, 12, 512), (3, 24, 512), (3, 36, 512)
    ]  # fmt: skip
    assert module.project[0].weight.shape == (512, 4 * 512, 1, 1)
    assert ResNetBase("resnet50", context="aspp", **PLAIN).feature_channels == 512


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
