"""Logits that answers trip over: far from 0, where exp is infinity or 0, and with a class that is hardly there."""

import math

import torch
from torch import Tensor

SOFTMAX = (
    "The softmax may get values far from 0. In float32 exp(z) is infinity from 89 on and 0 below -104, and what is "
    "divided by their sum is NaN. Subtract the largest value of each pixel first, or use torch's softmax."
)
LOGARITHM = (
    "Logits may lie far from 0. Then exp(z) is infinity or 0, and the logarithm of a probability that is rounded to 0 "
    "is -infinity. Use log_softmax, or F.cross_entropy."
)


STEP = 2**-10  # so that float32 holds these logits exactly, and an answer in it is no matter of luck


def far_from_0(logits: Tensor) -> Tensor:
    """Logits (B, N, H, W) in steps of STEP, 1000 added to each pixel of a checkerboard, and taken elsewhere."""
    rows, columns = (torch.arange(side) for side in logits.shape[2:])
    black = (rows[:, None] + columns) % 2  # (H, W)
    return STEP * (logits / STEP).round() + 1000.0 * (2 * black - 1)


def far_apart(logits: Tensor) -> Tensor:
    """Logits far from 0, and from each other: all probabilities but one are rounded to 0."""
    return far_from_0(1000 * logits)


def rare_class(logits: Tensor, mass: float) -> Tensor:
    """Logits (B, N, H, W) whose probabilities of class 0 sum to ``mass`` over each picture, evenly."""
    share = mass / logits[0, 0].numel()
    logits = logits.clone()
    logits[:, 0] = logits[:, 1:].logsumexp(1) + math.log(share / (1 - share))
    return logits
