"""Networks converted to in-place activated BatchNorm: same numbers, same names, far fewer bytes kept."""

import copy

import pytest
import torch
import torch.nn.functional as F
from torch import nn
from torch.utils.checkpoint import checkpoint
from torchvision.models.resnet import BasicBlock, Bottleneck

from acflib.acfnet import ModelConfig, build_model
from acflib.errors import ConfigError
from acflib.layers.inplace import InPlaceABN, InPlaceResidual, use_inplace
from acflib.layers.norm import BatchNorm, conv_bn_relu
from benchmarks.memory import saved_bytes


def leaky(module):
    """The same network with a leaky ReLU for every ReLU module: what a converted one must equal."""
    for name, child in module.named_children():
        setattr(module, name, nn.LeakyReLU(0.01) if isinstance(child, nn.ReLU) else leaky(child))
    return module


def downsampling(kind, in_channels, channels, stride):
    shortcut = nn.Sequential(
        nn.Conv2d(in_channels, channels * kind.expansion, 1, stride=stride, bias=False),
        BatchNorm(channels * kind.expansion),
    )
    return kind(in_channels, channels, stride, shortcut, norm_layer=BatchNorm)


def network(backbone="tiny", context=None, variant="sum"):
    config = ModelConfig(backbone, context, variant, num_classes=3, channels=8, align_corners=False, weights=None)
    return build_model(config)


NETWORKS = {
    "conv_bn_relu": lambda: nn.Sequential(conv_bn_relu(3, 6, 3), conv_bn_relu(6, 4)),
    "basic block": lambda: BasicBlock(3, 3, norm_layer=BatchNorm),
    "basic block, stride": lambda: downsampling(BasicBlock, 3, 6, 2),
    "bottleneck": lambda: two_layers(),
    "bottleneck, stride": lambda: downsampling(Bottleneck, 3, 2, 2),
    "tiny, sum": network,
    "tiny, concat": lambda: network(variant="concat"),
    "tiny, center, ASPP": lambda: network(context="aspp", variant="center"),
    "tiny, PSP": lambda: network(context="psp", variant=None),
    "resnet18": lambda: network("resnet18"),
}


def two_layers():
    """A bottleneck whose shortcut is its input."""
    return nn.Sequential(conv_bn_relu(3, 8), Bottleneck(8, 2, norm_layer=BatchNorm))


def randomize(module, dtype=torch.float64):
    """Weights of the norms of either sign and at least 0.1, no dropout."""
    for layer in module.modules():
        if isinstance(layer, nn.BatchNorm2d):
            sign = torch.randint(2, layer.weight.shape) * 2 - 1
            layer.weight.data = sign * torch.empty_like(layer.weight).uniform_(0.1, 1.5)
            nn.init.normal_(layer.bias)
        elif isinstance(layer, nn.Dropout2d):
            layer.p = 0.0
    return module.to(dtype)


def results(module, x):
    """Outputs, gradients and buffers by name."""
    x = x.clone().requires_grad_()
    out = module(x)
    out = out if isinstance(out, dict) else {"out": out}
    sum(value.square().mean() for value in out.values()).backward()
    gradients = {name: p.grad for name, p in module.named_parameters() if p.grad is not None}
    return {name: value.detach() for name, value in [*out.items(), ("gradient of x", x.grad), *gradients.items()]} | {
        name: value.clone() for name, value in module.named_buffers()
    }


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("name", NETWORKS)
def test_a_converted_network_equals_one_with_leaky_relu(name, training):
    """float64, relative to the largest number of each tensor. The names in the state dict are the same."""
    plain = randomize(NETWORKS[name]())
    converted = use_inplace(copy.deepcopy(plain)).train(training)
    expected_network = leaky(plain).train(training)
    assert list(converted.state_dict()) == list(expected_network.state_dict())
    assert any(isinstance(m, InPlaceABN) for m in converted.modules())
    assert not any(isinstance(m, nn.ReLU) for m in converted.modules())
    x = torch.randn(3, 3, 32, 40, dtype=torch.float64)
    found, expected = results(converted, x), results(expected_network, x)
    assert found.keys() == expected.keys()
    for key, value in expected.items():
        close = 1e-10 * max(1.0, float(value.abs().max()))
        torch.testing.assert_close(found[key], value, rtol=1e-9, atol=close, msg=lambda text, k=key: f"{k}: {text}")


def test_conversion_keeps_weights_buffers_and_mode():
    plain = network("resnet18").eval()
    parameters, buffers = dict(plain.named_parameters()), dict(plain.named_buffers())
    converted = use_inplace(plain)
    assert converted is plain and not any(m.training for m in converted.modules() if isinstance(m, InPlaceABN))
    assert all(converted.get_parameter(name) is value for name, value in parameters.items())
    assert all(converted.get_buffer(name) is value for name, value in buffers.items())
    again = [type(m) for m in use_inplace(converted).modules()]
    assert again == [type(m) for m in converted.modules()]


def test_weights_of_another_activation_are_refused(tmp_path):
    converted = use_inplace(network("resnet18"))
    path = tmp_path / "weights.pt"
    torch.save(converted.state_dict(), path)
    for weights in (converted.state_dict(), torch.load(path, weights_only=True)):
        with pytest.raises(RuntimeError, match="trained with in-place BatchNorm.*network has plain.*use_inplace"):
            network("resnet18").load_state_dict(weights)
        use_inplace(network("resnet18")).load_state_dict(weights)
    with pytest.raises(RuntimeError, match="trained with plain.*network has in-place BatchNorm.*slope 0.01"):
        converted.load_state_dict(network("resnet18").state_dict())
    with pytest.raises(RuntimeError, match="slope 0.01.*slope 0.2"):
        use_inplace(network("resnet18"), slope=0.2).load_state_dict(converted.state_dict())


def test_weights_from_before_activations_were_noted_still_load():
    old = use_inplace(network("resnet18")).state_dict()
    for found in old._metadata.values():
        found.pop("slope", None)
    old._metadata[""]["version"] = 1
    use_inplace(network("resnet18")).load_state_dict(old)
    use_inplace(network("resnet18")).load_state_dict(dict(old))  # as a safetensors file gives them


def test_settings_of_the_norm_are_kept():
    norm = nn.BatchNorm2d(4, eps=0.5, momentum=0.25)
    found = use_inplace(nn.Sequential(nn.Conv2d(4, 4, 1), norm, nn.ReLU()), slope=0.2)[1]
    assert (found.eps, found.momentum, found.slope) == (0.5, 0.25, 0.2)
    shortcut = use_inplace(downsampling(BasicBlock, 3, 6, 2)).downsample[1]
    assert isinstance(shortcut, InPlaceABN) and shortcut.slope == 1


class PreActivation(nn.Module):
    """BatchNorm and ReLU before the convolution: their input is the shortcut too and must stay as it is."""

    def __init__(self):
        super().__init__()
        self.branch = nn.Sequential(nn.Identity(), BatchNorm(3), nn.ReLU(), nn.Conv2d(3, 3, 1))

    def forward(self, x):
        x = x * 1
        return F.relu(x + self.branch(x))


def test_a_norm_that_follows_no_convolution_stays_plain():
    plain = PreActivation()
    converted = use_inplace(copy.deepcopy(plain))
    assert type(converted.branch[1]) is BatchNorm and isinstance(converted.branch[2], nn.ReLU)
    x = torch.randn(2, 3, 4, 5)
    assert torch.equal(converted(x), plain(x))


def test_norms_that_cannot_be_converted_are_named():
    for norm in (nn.BatchNorm2d(4, affine=False), nn.BatchNorm2d(4, track_running_stats=False)):
        with pytest.raises(ConfigError, match="needs affine=True and track_running_stats=True"):
            use_inplace(nn.Sequential(nn.Conv2d(4, 4, 1), norm, nn.ReLU()))


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_gradients_under_autocast(dtype):
    """Half precision maps in channels_last: finite, and close to the gradients in float32."""
    model = use_inplace(randomize(network(), torch.float32)).to(memory_format=torch.channels_last)
    x = torch.randn(2, 3, 32, 40).contiguous(memory_format=torch.channels_last)
    full = results(model, x)["classifier.weight"].clone()
    model.zero_grad()
    with torch.autocast("cpu", dtype):
        logits = model(x)["out"]
        logits.float().square().mean().backward()
    assert all(p.grad is None or p.grad.isfinite().all() for p in model.parameters())
    cosine = F.cosine_similarity(model.classifier.weight.grad.flatten(), full.flatten(), dim=0)
    assert cosine > 0.99


def test_activation_checkpointing_gives_the_same_gradients():
    """The forward pass runs twice then; results are written over fresh maps both times."""
    block = use_inplace(randomize(two_layers()))
    x = torch.randn(2, 3, 6, 6, dtype=torch.float64, requires_grad=True)
    found = []
    for function in (block, lambda x: checkpoint(block, x, use_reentrant=False)):
        block.zero_grad()
        function(x).square().sum().backward()
        found.append([p.grad.clone() for p in block.parameters()])
    torch.testing.assert_close(*found)


def test_a_compiled_network_gives_the_same_gradients():
    """The norm itself stays outside the compiled parts."""
    block = use_inplace(randomize(two_layers()))
    x = torch.randn(2, 3, 6, 6, dtype=torch.float64)
    expected = results(copy.deepcopy(block), x)
    for name, value in results(torch.compile(block, backend="aot_eager"), x).items():
        torch.testing.assert_close(value, expected[name.replace("_orig_mod.", "")])


def chain():
    """Four times 3x3 convolution, nn.BatchNorm2d, ReLU(inplace=True)."""
    layers = [nn.Sequential(nn.Conv2d(16, 16, 3, padding=1, bias=False), nn.BatchNorm2d(16)) for _ in range(4)]
    return nn.Sequential(*(part for pair in layers for part in (*pair, nn.ReLU(inplace=True))))


def reduction(make, size, autocast=False):
    """Saved bytes of the plain and of the converted network, and the share that is no longer kept."""
    x = torch.randn(size, requires_grad=True, dtype=torch.bfloat16 if autocast else None)  # as from the layer before
    with torch.autocast("cpu", torch.bfloat16, enabled=autocast):
        plain = saved_bytes(make(), x)
        converted = saved_bytes(use_inplace(make()), x)
    return plain, converted, 1 - converted / plain


def test_a_chain_keeps_at_least_40_percent_less():
    plain, converted, share = reduction(chain, (2, 16, 24, 24))
    assert share >= 0.40
    maps = 4 * 2 * 16 * 24 * 24  # bytes of one map: the input and one for each layer stay, of two for each
    assert 5 * maps <= converted < 5.1 * maps and 9 * maps <= plain < 9.1 * maps


@pytest.mark.parametrize("autocast", [False, True])
@pytest.mark.parametrize("kind", ["input as shortcut", "convolution as shortcut"])
def test_a_bottleneck_keeps_at_least_30_percent_less(kind, autocast):
    makers = {
        "input as shortcut": lambda: Bottleneck(64, 16),
        "convolution as shortcut": lambda: downsampling(Bottleneck, 32, 16, 1),
    }
    _, _, share = reduction(makers[kind], (2, 64 if kind.startswith("input") else 32, 24, 24), autocast)
    assert share >= 0.30


def test_a_whole_network_keeps_at_least_30_percent_less():
    _, _, share = reduction(lambda: network("resnet50"), (1, 3, 64, 64))
    assert share >= 0.30
    assert any(isinstance(m, InPlaceResidual) for m in use_inplace(network()).modules())
