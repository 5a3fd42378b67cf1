"""Online bootstrapping (section 4.4): which pixels are kept, and the loss over them against loops, in float64."""

import math

import pytest
import torch
from torch.autograd import gradcheck
from torch.utils._python_dispatch import TorchDispatchMode

from acflib.losses import LossConfig, bootstrapped_cross_entropy, hard_pixels, pixels_to_keep, total_loss
from tests import paper_loops as loops

CLOSE = dict(rtol=0, atol=1e-10)
WEIGHTS = torch.tensor([0.5, 1.0, 2.0, 4.0], dtype=torch.float64)


def make(batch=2, height=3, width=5):
    logits = torch.randn(batch, 4, height, width, dtype=torch.float64) * 2
    labels = torch.randint(0, 4, (batch, height, width))
    labels[0, :2, :3] = 255
    return logits, labels


def row(probabilities, ignored=()):
    """One image of one row whose true class 0 has the probabilities given: logits (1, 2, 1, W), labels (1, 1, W)."""
    p = torch.tensor(probabilities, dtype=torch.float64)
    labels = torch.zeros(1, 1, len(p), dtype=torch.int64)
    labels[..., list(ignored)] = 255
    return torch.stack([p.log(), (1 - p).log()])[None, :, None], labels


def kept(probabilities, threshold, keep, ignored=()):
    return hard_pixels(*row(probabilities, ignored), threshold, keep).flatten().nonzero().flatten().tolist()


@pytest.mark.parametrize("batch", [1, 2])
@pytest.mark.parametrize("threshold", [0.1, 0.7, 1.0])
@pytest.mark.parametrize("keep", [1, 7, 1000])
def test_equals_the_paper(batch, threshold, keep):
    logits, labels = make(batch)
    found = bootstrapped_cross_entropy(logits, labels, WEIGHTS, threshold, keep)
    torch.testing.assert_close(found, loops.bootstrapped(logits, labels, WEIGHTS, threshold, keep), **CLOSE)


def test_more_hard_pixels_than_k_are_all_kept():
    assert kept([0.1, 0.9, 0.5, 0.6, 0.8], threshold=0.7, keep=2) == [0, 2, 3]


def test_fewer_hard_pixels_than_k_are_filled_up_with_the_next_lowest():
    assert kept([0.1, 0.9, 0.5, 0.95, 0.8], threshold=0.7, keep=3) == [0, 2, 4]


def test_a_probability_equal_to_the_threshold_is_not_hard():
    assert kept([0.5, 0.25, 0.75], threshold=0.5, keep=1) == [1]


def test_ties_go_to_the_first_position():
    assert kept([0.9, 0.8, 0.8, 0.8, 0.8], threshold=0.1, keep=2) == [1, 2]
    many = hard_pixels(torch.zeros(1, 2, 50, 60), torch.zeros(1, 50, 60, dtype=torch.int64), 0.1, 100)
    assert many.flatten().nonzero().flatten().tolist() == list(range(100))


@pytest.mark.parametrize("keep", [1, 10, 599, 600, 601, 1199, 1200])
@pytest.mark.parametrize("threshold", [0.2, 0.7])
def test_equals_a_stable_sort_where_most_pixels_are_tied(keep, threshold):
    """Probabilities of 2 ** -1 to 2 ** -4, in any order and partly ignored: the first k of a list that is sorted."""
    exponents, ignored = torch.randint(1, 5, (1200,)), torch.rand(1200) < 0.3
    probabilities, ignored = (0.5 ** exponents.double()).tolist(), ignored.nonzero().flatten().tolist()
    valid = [i for i in range(1200) if i not in ignored]
    lowest = sorted(valid, key=lambda i: probabilities[i])[:keep]  # Python's sort keeps the order of equals
    expected = sorted({*lowest, *(i for i in valid if probabilities[i] < threshold)})
    assert kept(probabilities, threshold, keep, ignored) == expected


class Operations(TorchDispatchMode):
    """Notes the name of every operation."""

    def __init__(self):
        super().__init__()
        self.names = []

    def __torch_dispatch__(self, function, types, arguments=(), keywords=None):
        self.names.append(function.overloadpacket.__name__)
        return function(*arguments, **(keywords or {}))


def test_one_pass_over_the_logits_and_no_sort_of_the_pixels():
    logits, labels = make()
    logits.requires_grad_()
    with Operations() as operations:
        bootstrapped_cross_entropy(logits, labels, WEIGHTS, 0.7, 5).backward()
    assert operations.names.count("_log_softmax") == 1 and "sort" not in operations.names


@pytest.mark.parametrize("keep", [0, 1, 1000])
def test_a_diverged_pixel_is_hard(keep):
    """Otherwise the loss stays finite and the run goes on."""
    logits, labels = make()
    logits[1, :, 2, 2] = torch.nan
    assert hard_pixels(logits, labels, 0.7, keep)[1, 2, 2]
    assert bootstrapped_cross_entropy(logits, labels, WEIGHTS, 0.7, keep).isnan()


def test_k_above_the_number_of_valid_pixels_keeps_all_valid_ones():
    assert kept([0.9, 0.1, 0.8, 0.7], threshold=0.2, keep=100, ignored=[1, 3]) == [0, 2]


def test_ignored_pixels_are_never_kept_and_take_no_place():
    """The ignored pixels are the hardest here; k = 2 places go to the hardest valid ones."""
    assert kept([0.01, 0.9, 0.02, 0.8, 0.95], threshold=0.1, keep=2, ignored=[0, 2]) == [1, 3]


def test_only_the_kept_pixels_get_a_gradient():
    logits, labels = row([0.1, 0.9, 0.5, 0.95])
    logits.requires_grad_()
    bootstrapped_cross_entropy(logits, labels, threshold=0.7, keep=1).backward()
    assert (logits.grad != 0).any(1).flatten().tolist() == [True, False, True, False]


def test_the_choice_of_pixels_carries_no_gradient():
    """The gradient is that of the cross entropy over a fixed set of pixels."""
    logits, labels = make()
    logits.requires_grad_()
    mask = hard_pixels(logits, labels, 0.7, 5)
    assert mask.dtype == torch.bool and not mask.requires_grad
    found = torch.autograd.grad(bootstrapped_cross_entropy(logits, labels, WEIGHTS, 0.7, 5), logits)[0]
    ce = torch.logsumexp(logits, 1) - logits.gather(1, labels.masked_fill(~mask, 0).unsqueeze(1)).squeeze(1)
    weights = WEIGHTS[labels.masked_fill(~mask, 0)] * mask
    expected = torch.autograd.grad((weights * ce).sum() / weights.sum(), logits)[0]
    torch.testing.assert_close(found, expected, **CLOSE)
    assert gradcheck(lambda x: bootstrapped_cross_entropy(x, labels, WEIGHTS, 0.7, 5), (logits,))


def test_half_precision_probabilities_are_compared_in_float32():
    """The probability is 0.69923; bf16 could not tell it from a threshold 1e-5 above or below."""
    logits = torch.tensor([0.84375, 0.0], dtype=torch.bfloat16).view(1, 2, 1, 1)  # exact in bf16
    labels = torch.zeros(1, 1, 1, dtype=torch.int64)
    probability = 1 / (1 + math.exp(-0.84375))
    assert torch.equal(hard_pixels(logits, labels, probability + 1e-5, 0), torch.tensor([[[True]]]))
    assert torch.equal(hard_pixels(logits, labels, probability - 1e-5, 0), torch.tensor([[[False]]]))


def test_k_by_hand():
    assert pixels_to_keep(100_000, batch_pixels=8 * 769 * 769, parts=1) == 100_000
    assert pixels_to_keep(100_000, batch_pixels=8 * 769 * 769, parts=8) == 12_500
    assert pixels_to_keep(100_000, batch_pixels=8 * 769 * 769, parts=3) == 33_334  # rounded up
    assert pixels_to_keep(1, batch_pixels=64, parts=1) == 1  # 1 is a pixel, not the whole batch


def test_k_as_a_share_of_the_batch():
    assert pixels_to_keep(0.021, batch_pixels=8 * 64 * 128, parts=1) == 1377  # 1376.256
    assert pixels_to_keep(0.021, batch_pixels=8 * 64 * 128, parts=4) == 345  # 344.064
    assert pixels_to_keep(0.25, batch_pixels=8, parts=1) == 2


def test_a_share_that_is_whole_is_not_rounded_up():
    """0.07 * 100 is 7.000000000000001 in floating point."""
    assert pixels_to_keep(0.07, batch_pixels=100, parts=1) == 7


def test_known_public_bug_k_is_per_batch_and_not_multiplied_by_the_batch_size():
    logits, labels = make(batch=2)
    easy = 20 * torch.nn.functional.one_hot(labels.masked_fill(labels == 255, 0), 4).permute(0, 3, 1, 2).double()
    logits = easy + 0.1 * logits
    expected = loops.bootstrapped(logits, labels, WEIGHTS, 0.1, 5)
    assert abs(loops.bootstrapped(logits, labels, WEIGHTS, 0.1, 10) / expected - 1) > 1e-3
    for keep in (5, 5 / labels.numel()):  # as a number of pixels, and as a share of the batch
        config = LossConfig(bootstrap=True, bootstrap_threshold=0.1, bootstrap_keep=keep)
        found = total_loss({"out": logits}, labels, config, WEIGHTS)["fine"]
        torch.testing.assert_close(found, expected, **CLOSE)


def test_only_the_fine_loss_is_bootstrapped():
    logits, labels = make()
    maps = {name: logits + i for i, name in enumerate(("out", "coarse", "aux"))}
    maps["coarse"], maps["aux"] = torch.randn_like(logits), torch.randn_like(logits)
    plain = total_loss(maps, labels, LossConfig(), WEIGHTS)
    hard = total_loss(maps, labels, LossConfig(bootstrap=True, bootstrap_keep=4), WEIGHTS)
    assert torch.equal(plain["coarse"], hard["coarse"]) and torch.equal(plain["aux"], hard["aux"])
    expected = loops.bootstrapped(maps["out"], labels, WEIGHTS, 0.7, 4)
    torch.testing.assert_close(hard["fine"], expected, **CLOSE)
    total = 0.7 * expected + 0.6 * plain["coarse"] + 0.4 * plain["aux"]
    torch.testing.assert_close(hard["loss"], total, **CLOSE)


def test_parts_of_one_optimizer_step_average_to_one_loss():
    """Two micro-batches: each keeps its share of the pixels, and their losses are averaged."""
    logits, labels = make()
    config = LossConfig(bootstrap=True)
    parts = [
        total_loss({"out": logits[i : i + 1]}, labels[i : i + 1], config, WEIGHTS, keep=4, parts=2)["fine"]
        for i in (0, 1)
    ]
    expected = [loops.bootstrapped(logits[i : i + 1], labels[i : i + 1], WEIGHTS, 0.7, 4) for i in (0, 1)]
    torch.testing.assert_close(sum(parts), sum(expected) / 2, **CLOSE)


def test_denominator_over_ranks():
    """The denominator, not the loss, is averaged over processes: here the other process has none kept."""
    logits, labels = make()
    own = bootstrapped_cross_entropy(logits, labels, WEIGHTS, 0.7, 4)
    shared = bootstrapped_cross_entropy(logits, labels, WEIGHTS, 0.7, 4, mean_over_ranks=lambda total: total / 2)
    torch.testing.assert_close(shared, 2 * own, **CLOSE)
