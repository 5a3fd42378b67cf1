"""Oracles: the ground truth in place of the coarse result. How far could the idea go with a perfect coarse network?

True centers are 0 for a class that does not occur, so they also tell *which classes occur*. Two more oracles take this
apart: "presence" tells that alone, "appearance" all but that.
"""

from torch import Tensor

from acflib.errors import ConfigError
from acflib.functional import label_fractions

ORACLES = ("none", "centers", "attention", "both", "presence", "appearance")


def oracle_probs(oracle: str, labels: Tensor, num_classes: int) -> dict[str, Tensor]:
    """What to pass to ``ACFNet.forward`` beside the images: the ground truth as class maps, all 0 where ignored.

    ACFNet averages them to feature size by area. So they turn Eq. 2 into Eq. 1: a feature counts for a class by the
    share of its pixels that bear the label.

    Args:
        oracle: "none", "centers" (the ground truth replaces P in Eq. 2), "attention" (in Eq. 3 and 5) or "both";
            "presence" (the network's own centers, but 0 for classes that do not occur) or "appearance" (true centers,
            but the network's own for classes that do not occur).
        labels: int64 (B, H, W).
        num_classes: N.

    Returns:
        Nothing for "none"; else ``center_probs`` and/or ``attention_probs``, float32 (B, N, H, W) each, and/or
        ``own_share``, float32 (B, N).

    Raises:
        ConfigError: for another oracle.
    """
    check_oracle(oracle)
    if oracle == "none":
        return {}
    if oracle == "presence":
        return {"own_share": classes_that_occur(labels, num_classes).float()}
    maps = label_fractions(labels, num_classes).float()
    if oracle == "appearance":
        return {"center_probs": maps, "own_share": (~classes_that_occur(labels, num_classes)).float()}
    names = {"centers": ("center_probs",), "attention": ("attention_probs",)}
    return dict.fromkeys(names.get(oracle, ("center_probs", "attention_probs")), maps)


def classes_that_occur(labels: Tensor, num_classes: int) -> Tensor:
    """Which classes have a pixel in each image: labels int64 (B, H, W) -> bool (B, N). Ignored pixels are of none."""
    return label_fractions(labels, num_classes).flatten(2).any(dim=2)


def check_oracle(oracle: str) -> None:
    """Raise ConfigError unless this is the name of an oracle."""
    if oracle not in ORACLES:
        raise ConfigError(f"oracle must be one of {', '.join(ORACLES)}, got {oracle!r}")
