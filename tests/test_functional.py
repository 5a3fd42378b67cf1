"""Equations 1, 2, 3 and 5 against loops from the paper, in float64, and what they promise at the edges."""

import pytest
import torch
import torch.nn.functional as F
from torch.autograd import gradcheck
from torch.utils._python_dispatch import TorchDispatchMode

from acflib import functional as acf
from benchmarks.memory import cpu_peak
from tests import paper_loops as loops

CLOSE = dict(rtol=0, atol=1e-10)
BATCHES = pytest.mark.parametrize("batch", [1, 2])


def make(batch, classes=4, channels=3, height=5, width=7):
    """Features, probabilities, centers and labels on a map that is not square."""
    features = torch.randn(batch, channels, height, width, dtype=torch.float64)
    probabilities = torch.randn(batch, classes, height, width, dtype=torch.float64).softmax(1)
    centers = torch.randn(batch, classes, channels, dtype=torch.float64)
    labels = torch.randint(0, classes, (batch, height, width))
    labels[:, :2, :3] = 255
    return features, probabilities, centers, labels


@BATCHES
def test_eq1_equals_the_paper(batch):
    features, _, _, labels = make(batch)
    labels[labels == 2] = 1  # class 2 does not occur
    found = acf.hard_class_centers(features, labels, 4)
    torch.testing.assert_close(found, loops.eq1(features, labels, 4), **CLOSE)
    assert (found[:, 2] == 0).all()


@BATCHES
def test_eq2_equals_the_paper(batch):
    features, probabilities, _, _ = make(batch)
    torch.testing.assert_close(acf.class_centers(features, probabilities), loops.eq2(features, probabilities), **CLOSE)


@BATCHES
def test_eq3_equals_the_paper(batch):
    _, probabilities, centers, _ = make(batch)
    torch.testing.assert_close(acf.attend_sum(centers, probabilities), loops.eq3(centers, probabilities), **CLOSE)


@BATCHES
def test_eq5_equals_the_paper(batch):
    _, probabilities, centers, _ = make(batch)
    torch.testing.assert_close(acf.attend_concat(centers, probabilities), loops.eq5(centers, probabilities), **CLOSE)


@BATCHES
def test_center_only_equals_the_paper(batch):
    _, _, centers, _ = make(batch)
    torch.testing.assert_close(acf.expand_centers(centers, (5, 7)), loops.center_only(centers, 5, 7), **CLOSE)


@BATCHES
def test_factorized_forms_equal_the_convolution_of_the_literal_ones(batch):
    _, probabilities, centers, _ = make(batch)
    narrow = torch.randn(6, 3, 1, 1, dtype=torch.float64)
    wide = torch.randn(6, 12, 1, 1, dtype=torch.float64)
    concat = acf.attend_concat_conv(centers, probabilities, wide)
    center = acf.expand_centers_conv(centers, wide).expand(-1, -1, 5, 7)
    pairs = [
        (acf.attend_sum_conv(centers, probabilities, narrow), F.conv2d(acf.attend_sum(centers, probabilities), narrow)),
        (concat, F.conv2d(acf.attend_concat(centers, probabilities), wide)),
        (concat, loops.conv1x1(loops.eq5(centers, probabilities), wide)),
        (center, F.conv2d(acf.expand_centers(centers, (5, 7)), wide)),
    ]
    for factorized, literal in pairs:
        torch.testing.assert_close(factorized, literal, **CLOSE)


def test_gradients():
    features, probabilities, centers, _ = make(batch=2, height=2, width=3)
    narrow = torch.randn(2, 3, 1, 1, dtype=torch.float64)
    wide = torch.randn(2, 12, 1, 1, dtype=torch.float64)
    for tensor in (features, probabilities, centers, narrow, wide):
        tensor.requires_grad_()
    assert gradcheck(acf.class_centers, (features, probabilities))
    assert gradcheck(acf.attend_sum, (centers, probabilities))
    assert gradcheck(acf.attend_concat, (centers, probabilities))
    assert gradcheck(acf.attend_sum_conv, (centers, probabilities, narrow))
    assert gradcheck(acf.attend_concat_conv, (centers, probabilities, wide))
    assert gradcheck(acf.expand_centers_conv, (centers, wide))
    assert gradcheck(lambda c: acf.expand_centers(c, (2, 3)), (centers,))


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_absent_class_has_zero_center_and_zero_gradient(dtype):
    features = (torch.randn(1, 3, 4, 6, dtype=dtype) * 100).requires_grad_()
    logits = torch.randn(1, 4, 4, 6, dtype=dtype)
    logits[:, 2] = -1e4  # softmax underflows to exactly 0
    logits.requires_grad_()
    centers = acf.class_centers(features, logits.softmax(1))
    (centers + 1).square().sum().backward()  # a gradient arrives at the absent class too
    assert (centers[:, 2] == 0).all() and centers.isfinite().all()
    assert features.grad.isfinite().all() and logits.grad.isfinite().all()
    assert (logits.grad[:, 2] == 0).all()


def test_centers_are_means_so_they_lie_between_the_features():
    features, probabilities, _, _ = make(batch=2)
    centers = acf.class_centers(features, probabilities)
    low, high = features.amin((2, 3)).unsqueeze(1), features.amax((2, 3)).unsqueeze(1)  # (B, 1, C)
    assert (centers >= low).all() and (centers <= high).all()
    constant = acf.class_centers(torch.full_like(features, 3.0), probabilities)
    torch.testing.assert_close(constant, torch.full_like(constant, 3.0), **CLOSE)


def test_half_precision_accumulates_in_float32():
    """9409 pixels of value 8 sum to 75272, beyond fp16's 65504; bf16 stops counting ones at 256."""
    for dtype in (torch.float16, torch.bfloat16):
        features = torch.full((1, 2, 97, 97), 8.0, dtype=dtype)
        probabilities = torch.ones(1, 1, 97, 97, dtype=dtype)
        centers = acf.class_centers(features, probabilities)
        assert centers.dtype == dtype and (centers == 8).all()


def test_autocast_does_not_reach_the_sums():
    features, probabilities = torch.randn(1, 4, 97, 97), torch.randn(1, 3, 97, 97).softmax(1)
    expected = acf.class_centers(features, probabilities)
    with torch.autocast("cpu", torch.bfloat16):
        found = acf.class_centers(features, probabilities)
    assert found.dtype == torch.float32
    assert torch.equal(found, expected)


def test_labels_finer_than_features_are_averaged_by_area():
    """Four label pixels a cell: Eq. 1 counts each of them, with the feature of its cell."""
    features = torch.randn(2, 3, 3, 4, dtype=torch.float64)
    labels = torch.randint(0, 4, (2, 6, 8))
    labels[:, :3, :5] = 255
    repeated = features.repeat_interleave(2, dim=2).repeat_interleave(2, dim=3)
    torch.testing.assert_close(acf.hard_class_centers(features, labels, 4), loops.eq1(repeated, labels, 4), **CLOSE)


def test_label_fractions_and_probabilities():
    labels = torch.tensor([[[0, 0, 255, 255], [1, 255, 255, 255]]])  # two cells of 2x2
    fractions = acf.label_fractions(labels, 3, (1, 2))
    assert fractions[0, :, 0, 0].tolist() == [0.5, 0.25, 0] and (fractions[0, :, 0, 1] == 0).all()
    probabilities = acf.label_probabilities(labels, 3, (1, 2))
    torch.testing.assert_close(probabilities[0, :, 0, 0], torch.tensor([2 / 3, 1 / 3, 0]))
    assert (probabilities[0, :, 0, 1] == 0).all()


@pytest.mark.parametrize("size", [(97, 97), (1, 1), (5, 3), (65, 33), (80, 90), (769, 5)])
def test_label_fractions_count_each_pixel_as_area_pooling_does(size):
    """Cells that do not fit, that are single pixels, and that are smaller than pixels; right to the last digit."""
    labels = torch.randint(0, 4, (2, 769, 33) if size[0] in (97, 769) else (2, 65, 33))
    labels[labels == 3] = 255
    planes = torch.stack([(labels == i).double() for i in range(3)], 1)
    expected = F.adaptive_avg_pool2d(planes, size)
    torch.testing.assert_close(acf.label_fractions(labels, 3, size, dtype=torch.float64), expected, rtol=0, atol=1e-15)
    torch.testing.assert_close(acf.label_fractions(labels, 3, size), expected.float(), rtol=1e-7, atol=0)


def test_an_ignored_number_among_the_classes_is_no_class():
    labels = torch.tensor([[[0, 1], [2, 0]]])
    assert acf.label_fractions(labels, 3, ignore_index=0).sum(dim=(0, 2, 3)).tolist() == [0, 1, 1]


class OnApple(TorchDispatchMode):
    """What torch raises on mps: no float64, and no pooling where cells do not fit."""

    def __torch_dispatch__(self, function, types, arguments=(), keywords=None):
        found = function(*arguments, **(keywords or {}))
        assert "adaptive" not in str(function), "sizes must be divisible"
        assert not (isinstance(found, torch.Tensor) and found.dtype == torch.float64), "no float64"
        return found


def test_label_fractions_run_where_there_is_no_float64():
    labels, features = torch.randint(0, 5, (2, 17, 33)), torch.randn(2, 3, 3, 5)
    with OnApple():
        acf.label_fractions(labels, 5)
        acf.label_probabilities(labels, 5, (3, 5))
        acf.hard_class_centers(features, labels, 5)


@pytest.mark.parametrize("size", [None, (17, 9)])
def test_label_fractions_keep_little_beside_their_result(size):
    """At most one class more, in float32 or whole numbers: 19 maps of 4 bytes, where one-hot integers are 160 bytes."""
    labels = torch.randint(0, 19, (2, 128, 256))
    result = 19 * 4 * (labels.numel() if size is None else 2 * 17 * 9)
    assert cpu_peak(lambda: acf.label_fractions(labels, 19, size)) <= result + 6 * 4 * labels.numel()


def test_eq2_with_ground_truth_as_probabilities_is_eq1():
    features, _, _, labels = make(batch=2)
    fractions = acf.label_fractions(labels, 4, dtype=torch.float64)
    torch.testing.assert_close(acf.class_centers(features, fractions), loops.eq1(features, labels, 4), **CLOSE)


def test_known_public_bug_channel_softmax_is_not_a_mean():
    """Public code replaces Eq. 2 by softmax(max - energy) over channels: largest channels get the smallest weight."""
    features, probabilities, _, _ = make(batch=1)
    energy = probabilities.flatten(2) @ features.flatten(2).transpose(1, 2)
    wrong = (energy.amax(-1, keepdim=True) - energy).softmax(-1)
    assert not torch.allclose(acf.class_centers(features, probabilities), wrong, atol=0.1)
    doubled = acf.class_centers(2 * features, probabilities)
    torch.testing.assert_close(doubled, 2 * acf.class_centers(features, probabilities), **CLOSE)  # no softmax does this


@pytest.mark.parametrize(
    "call, message",
    [
        (lambda: acf.class_centers(torch.ones(1, 3, 4, 5), torch.ones(1, 2, 5, 4)), "same B, H and W"),
        (lambda: acf.attend_sum(torch.ones(1, 3, 4), torch.ones(1, 2, 5, 4)), "same B and N"),
        (lambda: acf.attend_concat(torch.ones(2, 3, 4), torch.ones(1, 3, 5, 4)), "same B and N"),
        (lambda: acf.attend_concat_conv(torch.ones(1, 3, 4), torch.ones(1, 3, 5, 4), torch.ones(6, 11, 1, 1)), "12"),
        (lambda: acf.hard_class_centers(torch.ones(1, 3, 4, 5), torch.full((1, 4, 5), 7), 5), r"\[7\].*0..4"),
        (lambda: acf.hard_class_centers(torch.ones(1, 3, 4, 5), torch.ones(1, 4, 5), 5), "int64"),
    ],
)
def test_wrong_arguments_are_named(call, message):
    with pytest.raises(ValueError, match=message):
        call()
