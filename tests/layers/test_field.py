"""The field of view of base networks whose answer is known by mathematics; that of the tiny base by counting."""

import math

import pytest
import torch
from torch import nn

from acflib.layers.bases import TINY_FIELDS, ResNetBase
from acflib.layers.field import effective_size, field_of_view, gradient_map


def convolution(weight, **settings):
    """One convolution from three equal channels to one, with weights (k, k)."""
    conv = nn.Conv2d(3, 1, weight.shape[0], bias=False, padding=weight.shape[0] // 2, **settings)
    conv.weight.data = weight.expand(1, 3, -1, -1).clone()
    return conv


def test_gradients_of_one_convolution_are_its_weights():
    weight = torch.arange(1.0, 26.0).view(5, 5) - 13.5
    found = field_of_view(convolution(weight), torch.randn(2, 3, 17, 33))
    expected = torch.zeros(17, 33, dtype=torch.float64)
    expected[8 - 2 : 8 + 3, 16 - 2 : 16 + 3] = weight.abs().double() / weight.abs().max()
    torch.testing.assert_close(found.gradients, expected, rtol=1e-5, atol=1e-6)
    assert found.theoretical == (5, 5)
    # Weights of size 0.5 are 4 % of the largest one, 12.5, and negligible: -0.5 and 0.5 are the two of them.
    assert found.effective == pytest.approx(math.sqrt(25 - 2))


def test_a_field_need_not_lie_around_its_feature():
    """Four pixels wide: two before the feature, itself, and one after it."""
    assert field_of_view(convolution(torch.ones(4, 4)), torch.randn(1, 3, 17, 33)).theoretical == (4, 4)


@pytest.mark.parametrize("layers", [1, 4, 10])
def test_a_stack_of_linear_layers_weighs_by_binomial_coefficients(layers):
    """Luo et al., section 2: n times [1 2 1] is row 2n of Pascal's triangle."""
    once = torch.tensor([1.0, 2.0, 1.0]) / 4
    stack = nn.Sequential(convolution(torch.outer(once, once)))
    for _ in range(layers - 1):
        stack.append(nn.Conv2d(1, 1, 3, padding=1, bias=False))
        stack[-1].weight.data = torch.outer(once, once)[None, None]
    found = field_of_view(stack, torch.randn(1, 3, 65, 65))
    line = torch.tensor([math.comb(2 * layers, k) for k in range(2 * layers + 1)], dtype=torch.float64)
    expected = torch.zeros(65, 65, dtype=torch.float64)
    expected[32 - layers : 33 + layers, 32 - layers : 33 + layers] = torch.outer(line, line) / line.max() ** 2
    torch.testing.assert_close(found.gradients, expected, rtol=1e-4, atol=1e-6)
    assert found.theoretical == (2 * layers + 1, 2 * layers + 1)
    inside = torch.outer(line, line) > 0.0455 * line.max() ** 2
    assert found.effective == pytest.approx(math.sqrt(int(inside.sum())))


def test_effective_size_of_a_gaussian():
    """exp(-r^2 / 2 s^2) falls to 4.55 % at r^2 = -2 s^2 ln 0.0455: the square has the area of that disc."""
    y, x = torch.meshgrid(torch.arange(-100.0, 101.0), torch.arange(-100.0, 101.0), indexing="ij")
    found = effective_size(torch.exp(-(x**2 + y**2) / (2 * 12.0**2)))
    assert found == pytest.approx(math.sqrt(math.pi * -2 * 12**2 * math.log(0.0455)), rel=0.01)


@pytest.mark.parametrize("field", TINY_FIELDS)
def test_tiny_base_sees_what_its_name_says(field):
    """Counted by hand: layer1 ends with 3 + 2*2 + 2*(2*4) = 23, and layer2 adds 2*4 and 2*8. Two 3x3 convolutions at a
    stride of 8, dilated by 2 (layer3) or 4 (layer4), add 2*(2*2*8) or 2*(2*4*8)."""
    seen = {47: 23 + 2 * 4 + 2 * 8, 111: 47 + 2 * (2 * 2 * 8), 239: 47 + 2 * (2 * 2 * 8) + 2 * (2 * 4 * 8)}
    base = ResNetBase("tiny", num_classes=3, field=field, weights=None, align_corners=False)
    found = field_of_view(base, torch.randn(1, 3, 256, 320), draws=1)
    assert found.theoretical == (field, field) == (seen[field], seen[field])
    assert 0 < found.effective < field
    assert base.training and next(base.parameters()).dtype == torch.float32


def test_a_look_at_the_whole_image_is_seen():
    class Mean(nn.Module):
        def forward(self, x):
            return x + x.mean(dim=(2, 3), keepdim=True)

    found = field_of_view(Mean(), torch.randn(1, 3, 12, 20))
    assert found.theoretical == (12, 20)
    assert found.effective == 1  # the mean passes 1/240 to each pixel, the pixel itself 1 + 1/240


def test_gradients_do_not_depend_on_the_training_mode_and_leave_no_trace():
    base = ResNetBase("tiny", num_classes=3, field=47, weights=None, align_corners=False).train()
    image = torch.randn(1, 3, 64, 64)
    field_of_view(base, image, draws=1)
    assert all(p.grad is None for p in base.parameters()) and base.training
    base.eval()
    assert torch.equal(gradient_map(base, image, 1), gradient_map(base, image, 1))


def test_what_was_frozen_stays_frozen():
    base = nn.Sequential(nn.Conv2d(3, 4, 3, padding=1), nn.BatchNorm2d(4)).train()
    base[1].eval()
    field_of_view(base, torch.randn(1, 3, 9, 9), draws=1)
    assert base.training and base[0].training and not base[1].training
