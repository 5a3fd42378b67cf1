"""Oracles: the ground truth in place of the coarse result. How far could the idea go with a perfect coarse network?"""

import torch
import torch.nn.functional as F
from torch import Tensor

from acflib.errors import ConfigError
from acflib.functional import IGNORE_INDEX

ORACLES = ("none", "centers", "attention", "both")


def one_hot_maps(labels: Tensor, num_classes: int, ignore_index: int = IGNORE_INDEX) -> Tensor:
    """Class maps of the ground truth: 1 for the class of the pixel, 0 for the others; all 0 where ignored.

    Averaged to feature size by area (which :class:`acflib.acfnet.ACFNet` does), they turn Eq. 2 into Eq. 1: a feature
    counts for a class by the share of its pixels that bear the label.

    Args:
        labels: int64 (B, H, W), 0 to N-1 or ``ignore_index``.
        num_classes: N.

    Returns:
        float32 (B, N, H, W).
    """
    shifted = labels.masked_fill(labels == ignore_index, num_classes)  # ignored pixels get a class of their own ...
    return F.one_hot(shifted, num_classes + 1)[..., :num_classes].movedim(-1, 1).to(torch.float32)  # ... that goes


def oracle_probs(oracle: str, labels: Tensor, num_classes: int) -> dict[str, Tensor]:
    """What to pass to ``ACFNet.forward`` beside the images.

    Args:
        oracle: "none", "centers" (the ground truth replaces P in Eq. 2), "attention" (in Eq. 3 and 5) or "both".
        labels: int64 (B, H, W).
        num_classes: N.

    Returns:
        Nothing for "none"; else ``center_probs`` and/or ``attention_probs``, (B, N, H, W) each.

    Raises:
        ConfigError: for another oracle.
    """
    check_oracle(oracle)
    if oracle == "none":
        return {}
    maps = one_hot_maps(labels, num_classes)
    names = {"centers": ("center_probs",), "attention": ("attention_probs",)}
    return dict.fromkeys(names.get(oracle, ("center_probs", "attention_probs")), maps)


def check_oracle(oracle: str) -> None:
    """Raise ConfigError unless this is the name of an oracle."""
    if oracle not in ORACLES:
        raise ConfigError(f"oracle must be one of {', '.join(ORACLES)}, got {oracle!r}")
