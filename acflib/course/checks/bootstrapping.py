"""Inputs for the exercise on online bootstrapping (lesson 05): logits, labels, the threshold, how many are kept."""

import torch
import torch.nn.functional as F
from torch import Tensor

from acflib import losses
from acflib.course.checks.judge import Case, distinct_sizes
from acflib.functional import IGNORE_INDEX


def _pixels(random: torch.Generator, push: float) -> tuple[Tensor, Tensor, float, int, int]:
    """Logits that favor the true class by ``push``, labels, theta, the number of hard and of labeled pixels."""
    n, h, w = distinct_sizes(random, 3, low=5, high=9)
    b = int(torch.randint(2, 5, (), generator=random))
    labels = torch.randint(n, (b, h, w), generator=random)
    truth = F.one_hot(labels, n).movedim(-1, 1)  # (B, H, W, N) -> (B, N, H, W)
    logits = push * truth + torch.randn(b, n, h, w, generator=random, dtype=torch.float64)
    logits[:, :, 1, 0] = -5.0 * truth[:, :, 1, 0]  # one pixel of each image is wrong
    labels[:, 0, :2] = IGNORE_INDEX
    threshold = 0.6 + 0.2 * torch.rand((), generator=random).item()
    hard = int(losses.hard_pixels(logits, labels, threshold, 0).sum())
    return logits, labels, threshold, hard, int((labels != IGNORE_INDEX).sum())


def many_hard_pixels(random: torch.Generator) -> Case:
    """More hard pixels than are kept at least."""
    logits, labels, threshold, hard, _ = _pixels(random, push=1.0)
    return logits, labels, threshold, hard // 2


def few_hard_pixels(random: torch.Generator) -> Case:
    """Fewer hard pixels than are kept at least."""
    logits, labels, threshold, hard, _ = _pixels(random, push=6.0)
    return logits, labels, threshold, hard + 2


def fewer_labels_than_kept(random: torch.Generator) -> Case:
    """Fewer labeled pixels than are kept."""
    logits, labels, threshold, _, valid = _pixels(random, push=6.0)
    return logits, labels, threshold, labels.numel() + valid


def as_many_labels_as_kept(random: torch.Generator) -> Case:
    """Exactly as many labeled pixels as are kept."""
    logits, labels, threshold, _, valid = _pixels(random, push=6.0)
    return logits, labels, threshold, valid


def equal_probabilities() -> Case:
    """The first pixel is less certain than the 11 others, which are equal; none lies below 0.1, and 5 are kept."""
    logits = torch.zeros(1, 2, 3, 4, dtype=torch.float64)
    logits[0, 0, 0, 0] = -1
    return logits, torch.zeros(1, 3, 4, dtype=torch.int64), 0.1, 5


def at_the_threshold() -> Case:
    """Of two classes, both equally likely: the probability is exactly 0.5, but lower in the first two pixels."""
    logits = torch.zeros(1, 2, 3, 4, dtype=torch.float64)
    logits[0, 0, 0, :2] = -1
    return logits, torch.zeros(1, 3, 4, dtype=torch.int64), 0.5, 1


def certain() -> Case:
    """All labeled pixels have the probability 1; as many are kept. The ignored ones, whose loss is 0, come first."""
    labels = torch.tensor([[[IGNORE_INDEX, IGNORE_INDEX, 0, 0]]])
    logits = torch.zeros(1, 2, 1, 4, dtype=torch.float64)
    logits[:, 0] = 50.0
    return logits, labels, 0.7, 2
