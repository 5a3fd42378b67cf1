"""The blocks of Fig. 3 and the ACF module against loops from the paper; factorized against literal."""

import copy

import pytest
import torch
from torch.autograd import gradcheck

from acflib.acf import VARIANTS, ACFModule, ClassAttentionBlock, ClassCenterBlock
from acflib.errors import ConfigError
from tests import paper_loops as loops

CLOSE = dict(rtol=0, atol=1e-10)


def randomize(module):
    """Give BatchNorm weights and biases that are not 1 and 0, so that a test notices them."""
    for parameter in module.parameters():
        torch.nn.init.normal_(parameter, std=0.5)
    return module.double()


def inputs(batch, grad=False):
    features = torch.randn(batch, 6, 5, 7, dtype=torch.float64, requires_grad=grad)
    probabilities = torch.randn(batch, 4, 5, 7, dtype=torch.float64).softmax(1).requires_grad_(grad)
    return features, probabilities


def conv_bn_relu(x, conv, bn):
    return loops.batch_norm(loops.conv1x1(x, conv.weight), bn.weight, bn.bias).relu()


@pytest.mark.parametrize("batch", [1, 2])
def test_class_center_block(batch):
    block = randomize(ClassCenterBlock(6, channels=3))
    features, probabilities = inputs(batch)
    reduced = conv_bn_relu(features, block.reduce[0], block.reduce[1])
    torch.testing.assert_close(block(features, probabilities), loops.eq2(reduced, probabilities), **CLOSE)


@pytest.mark.parametrize("batch", [1, 2])
@pytest.mark.parametrize("variant, equation", [("sum", loops.eq3), ("concat", loops.eq5)])
def test_class_attention_block(batch, variant, equation):
    block = randomize(ClassAttentionBlock(4, channels=3, out_channels=5, variant=variant))
    centers, probabilities = torch.randn(batch, 4, 3, dtype=torch.float64), inputs(batch)[1]
    expected = conv_bn_relu(equation(centers, probabilities), block.refine, block.bn)
    torch.testing.assert_close(block(centers, probabilities), expected, **CLOSE)


@pytest.mark.parametrize("batch", [1, 2])
@pytest.mark.parametrize("variant", VARIANTS)
def test_module(batch, variant):
    """Section 3.2: concatenate the attentional class feature and the feature map, refine by a 1x1 conv."""
    module = randomize(ACFModule(6, 4, channels=3, variant=variant))
    features, probabilities = inputs(batch)
    found = module(features, probabilities)
    reduced = conv_bn_relu(features, module.center_block.reduce[0], module.center_block.reduce[1])
    centers = loops.eq2(reduced, probabilities)
    if variant == "center":
        attended = loops.center_only(centers, 5, 7)
    else:
        equation = loops.eq3 if variant == "sum" else loops.eq5
        block = module.attention_block
        attended = conv_bn_relu(equation(centers, probabilities), block.refine, block.bn)
    fused = conv_bn_relu(torch.cat([attended, features], dim=1), module.fuse.conv, module.fuse.bn)
    for name, expected in (("centers", centers), ("attended", attended), ("fused", fused)):
        torch.testing.assert_close(getattr(found, name), expected, **CLOSE, msg=lambda m, n=name: f"{n}: {m}")


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("variant", VARIANTS)
def test_factorized_equals_literal(variant, training):
    """Outputs, gradients of inputs and parameters, and running buffers."""
    fast = randomize(ACFModule(6, 4, channels=3, variant=variant)).train(training)
    for buffer in fast.buffers():
        if buffer.is_floating_point():
            buffer.copy_(torch.rand_like(buffer) + 0.5)
    slow = randomize(ACFModule(6, 4, channels=3, variant=variant, factorized=False)).train(training)
    slow.load_state_dict(fast.state_dict())
    results = []
    for module in (fast, slow):
        torch.manual_seed(1)
        features, probabilities = inputs(2, grad=True)
        found = module(features, probabilities)
        (found.fused * torch.randn_like(found.fused)).sum().backward()
        gradients = [features.grad, probabilities.grad, *(p.grad for p in module.parameters())]
        results.append([*found, *gradients, *(b.double() for b in module.buffers())])
    for a, b in zip(*results, strict=True):
        torch.testing.assert_close(a, b, **CLOSE)
    assert not torch.equal(results[0][-2], torch.zeros_like(results[0][-2]))


@pytest.mark.parametrize("variant", VARIANTS)
def test_gradcheck(variant):
    module = randomize(ACFModule(3, 2, channels=2, variant=variant))
    features = torch.randn(2, 3, 2, 3, dtype=torch.float64, requires_grad=True)
    probabilities = torch.randn(2, 2, 2, 3, dtype=torch.float64).softmax(1).requires_grad_()
    names, parameters = zip(*module.named_parameters(), strict=True)

    def run(features, probabilities, *parameters):
        arguments = dict(zip(names, parameters, strict=True))
        return torch.func.functional_call(copy.deepcopy(module), arguments, (features, probabilities)).fused

    assert gradcheck(run, (features, probabilities, *parameters), atol=1e-6)


@pytest.mark.parametrize("variant", VARIANTS)
def test_probabilities_from_outside_replace_p_where_they_should(variant):
    module = randomize(ACFModule(6, 4, channels=3, variant=variant)).eval()
    features, p = inputs(2)
    q = torch.randn_like(p).softmax(1)
    plain, centers_only, attention_only = module(features, p), module(features, p, q), module(features, p, None, q)
    torch.testing.assert_close(centers_only.centers, module(features, q).centers, **CLOSE)
    assert torch.equal(attention_only.centers, plain.centers)
    assert not torch.allclose(centers_only.fused, plain.fused)
    changes = not torch.allclose(attention_only.fused, plain.fused)
    assert changes == (variant != "center")  # there is no attention in "center"
    both = module(features, p, q, q)
    torch.testing.assert_close(both.fused, module(features, q).fused, **CLOSE)


def test_channel_numbers_are_those_of_section_4_1():
    module = ACFModule(2048, 19)
    assert module.center_block.reduce[0].weight.shape == (512, 2048, 1, 1)
    assert module.attention_block.refine.weight.shape == (512, 512, 1, 1)
    assert module.fuse.conv.weight.shape == (512, 512 + 2048, 1, 1)
    assert ACFModule(2048, 19, variant="concat").attention_block.refine.weight.shape == (512, 9728, 1, 1)
    assert ACFModule(2048, 19, variant="center").fuse.conv.weight.shape == (512, 9728 + 2048, 1, 1)


def test_unknown_variant():
    with pytest.raises(ConfigError, match="sum, concat, center"):
        ACFModule(6, 4, variant="max")
    with pytest.raises(ConfigError, match='"sum" or "concat"'):
        ClassAttentionBlock(4, variant="center")
