"""Losses of ACFNet: class-balanced cross entropy, online bootstrapping, Eq. 4 (paper, sections 3.2, 4.2 and 4.4).

Every loss is a weighted sum over pixels divided by a sum of weights. Where a batch is cut into parts (processes,
accumulated micro-batches) the *same* denominator, that of the whole batch, must divide each part; otherwise the loss
depends on how the batch was cut. That is what the arguments ``denominator`` and ``mean_over_ranks`` are for.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from acflib.errors import ConfigError
from acflib.functional import IGNORE_INDEX
from acflib.options import option


@dataclass(frozen=True)
class LossConfig:
    """Weights of Eq. 4 and the settings of online bootstrapping, as in sections 4.2 and 4.4."""

    aux_weight: float = option(0.4, "lambda_a of Eq. 4")
    coarse_weight: float = option(0.6, "lambda_c of Eq. 4")
    fine_weight: float = option(0.7, "lambda_f of Eq. 4")
    baseline_weight: float = option(1.0, "of the main loss of a network without ACF module (not in the paper)")
    bootstrap: bool = option(False, "online bootstrapping of the fine loss")
    bootstrap_threshold: float = option(0.7, "theta: pixels whose true class has a lower probability are hard")
    bootstrap_keep: float = option(100_000, "K: pixels kept at least, per batch; below 1: a share of its pixels")

    def __post_init__(self):
        if not 0 < self.bootstrap_threshold <= 1:
            raise ConfigError(f"bootstrap_threshold must be in (0, 1], got {self.bootstrap_threshold}")
        if not 0 < self.bootstrap_keep < math.inf:
            raise ConfigError(f"bootstrap_keep must be positive and finite, got {self.bootstrap_keep}")
        for name in ("aux_weight", "coarse_weight", "fine_weight", "baseline_weight"):
            if not 0 <= getattr(self, name) < math.inf:
                raise ConfigError(f"{name} must be 0 or more, and finite; got {getattr(self, name)}")


def pixel_weights(labels: Tensor, class_weights: Tensor | None, ignore_index: int = IGNORE_INDEX) -> Tensor:
    """The weight of each pixel: that of its class (1 without class weights), 0 where the label is ignored.

    Args:
        labels: int64 (B, H, W).
        class_weights: (N,) or None.

    Returns:
        (B, H, W), float32 or the dtype of ``class_weights``.
    """
    valid = labels != ignore_index
    if class_weights is None:
        return valid.float()
    return class_weights[labels.masked_fill(~valid, 0)] * valid


def pixel_cross_entropy(logits: Tensor, labels: Tensor, ignore_index: int = IGNORE_INDEX) -> Tensor:
    """-log of the true class's probability at each pixel, (B, H, W); 0 where ignored. float32 at least.

    Labels must be in range: the data sets of acflib see to that; ``functional.check_labels`` checks your own.
    """
    logits = logits.to(torch.promote_types(logits.dtype, torch.float32))
    return F.cross_entropy(logits, labels, ignore_index=ignore_index, reduction="none")


def class_balanced_cross_entropy(
    logits: Tensor,
    labels: Tensor,
    class_weights: Tensor | None = None,
    denominator: Tensor | None = None,
    ignore_index: int = IGNORE_INDEX,
) -> Tensor:
    """Sum of w_y * ce over the valid pixels, divided by the sum of w_y over the valid pixels.

    Args:
        logits: (B, N, H, W) at label size.
        labels: int64 (B, H, W), ``ignore_index`` where a pixel counts for nothing.
        class_weights: (N,) or None for equal weights.
        denominator: scalar to divide by instead: the sum of w_y over the whole batch that this part belongs to.
        ignore_index: the ignored label.

    Returns:
        A scalar. 0 (with zero gradients, no NaN) where every pixel is ignored.
    """
    weights = pixel_weights(labels, class_weights, ignore_index)
    total = (weights * pixel_cross_entropy(logits, labels, ignore_index)).sum()
    return total / _nonzero(weights.sum() if denominator is None else denominator)


def hard_pixels(
    logits: Tensor, labels: Tensor, threshold: float, keep: int, ignore_index: int = IGNORE_INDEX
) -> Tensor:
    """Online bootstrapping (section 4.4): which pixels count.

    A valid pixel is hard if the probability of its true class is below ``threshold``. Where fewer than ``keep`` are,
    the ``keep`` pixels of lowest probability count (ties by position). A pixel whose probability is NaN is hard.

    Args:
        logits: (B, N, H, W) at label size.
        labels: int64 (B, H, W).
        threshold: theta.
        keep: k, for this part of the batch; see :func:`pixels_to_keep`.

    Returns:
        bool (B, H, W); never True at an ignored pixel.
    """
    cross_entropy = pixel_cross_entropy(logits.detach(), labels, ignore_index)
    return _hard(cross_entropy, labels != ignore_index, threshold, keep)


def _hard(cross_entropy: Tensor, valid: Tensor, threshold: float, keep: int) -> Tensor:
    """:func:`hard_pixels` from the cross entropy and the validity of each pixel, (B, H, W)."""
    probability = torch.exp(-cross_entropy).masked_fill(~valid, torch.inf).flatten()  # (B, H, W) -> (B*H*W,)
    # "Not at least", since that is true of NaN too: a diverged pixel is hard, and its loss is seen.
    hard = ~(probability >= threshold)
    keep = min(keep, len(probability))
    if keep > 0:
        # The k lowest are always kept: where more than k lie below the threshold, they are among those.
        # (This way the GPU need not tell the CPU how many there are.) All but the ties need the k-th value alone.
        highest = probability.topk(keep, largest=False, sorted=False).values.max()
        lower, tied = ~(probability >= highest), probability == highest
        hard |= lower | (tied & (tied.cumsum(0, dtype=torch.int32) <= keep - lower.sum()))
    return hard.view_as(valid) & valid  # (B*H*W,) -> (B, H, W)


def pixels_to_keep(keep: float, batch_pixels: int, parts: int) -> int:
    """k for one part of a batch: K, or a share of the batch's pixels if below 1, split over the parts, rounded up."""
    total = keep * batch_pixels if keep < 1 else keep
    return math.ceil(round(total / parts, 6))  # 0.07 * 100 is a little above 7 in floating point


def bootstrapped_cross_entropy(
    logits: Tensor,
    labels: Tensor,
    class_weights: Tensor | None = None,
    threshold: float = 0.7,
    keep: int = 100_000,
    mean_over_ranks: Callable[[Tensor], Tensor] | None = None,
    ignore_index: int = IGNORE_INDEX,
) -> Tensor:
    """Class-balanced cross entropy over the hard pixels alone: sum of w_y * ce / sum of w_y, both over those kept.

    ``mean_over_ranks`` averages the denominator over processes whose gradients are averaged. Other arguments as
    :func:`hard_pixels`. Which pixels are kept depends on how a batch is cut, since each part keeps its own share.
    """
    cross_entropy = pixel_cross_entropy(logits, labels, ignore_index)
    kept = _hard(cross_entropy.detach(), labels != ignore_index, threshold, keep)
    weights = pixel_weights(labels.masked_fill(~kept, ignore_index), class_weights, ignore_index)
    denominator = weights.sum()
    if mean_over_ranks is not None:
        denominator = mean_over_ranks(denominator)
    return (weights * cross_entropy).sum() / _nonzero(denominator)


def total_loss(
    logits: dict[str, Tensor],
    labels: Tensor,
    config: LossConfig = LossConfig(),
    class_weights: Tensor | None = None,
    denominator: Tensor | None = None,
    keep: int | None = None,
    parts: int = 1,
    mean_over_ranks: Callable[[Tensor], Tensor] | None = None,
) -> dict[str, Tensor]:
    """Eq. 4: lambda_a * l_a + lambda_c * l_c + lambda_f * l_f.

    Args:
        logits: what an :class:`acflib.ACFNet` returns, (B, N, H, W) each: "out", and "coarse" and "aux" where present.
        labels: int64 (B, H, W).
        config: loss weights and bootstrapping.
        class_weights: (N,) or None.
        denominator: see :func:`class_balanced_cross_entropy`.
        keep: k of bootstrapping for this part; by default from ``config`` and the size of ``labels``.
        parts: micro-batches of this process that one optimizer step adds up.
        mean_over_ranks: see :func:`bootstrapped_cross_entropy`.

    Returns:
        Scalars "loss" (to minimize) and, detached and unweighted, "fine", and "coarse" and "aux" where present.
    """
    fine_weight = config.fine_weight if "coarse" in logits else config.baseline_weight
    if config.bootstrap:
        keep = pixels_to_keep(config.bootstrap_keep, labels.numel(), 1) if keep is None else keep
        fine = bootstrapped_cross_entropy(
            logits["out"], labels, class_weights, config.bootstrap_threshold, keep, mean_over_ranks
        )
        fine = fine / parts
    else:
        fine = class_balanced_cross_entropy(logits["out"], labels, class_weights, denominator)
    losses = {"loss": fine_weight * fine, "fine": fine.detach()}
    for name, weight in (("coarse", config.coarse_weight), ("aux", config.aux_weight)):
        if name in logits:
            value = class_balanced_cross_entropy(logits[name], labels, class_weights, denominator)
            losses["loss"] = losses["loss"] + weight * value
            losses[name] = value.detach()
    return losses


def poly_learning_rate(initial: float, iteration: int, iterations: int, power: float = 0.9) -> float:
    """The "poly" rule of section 4.2: initial * (1 - iteration / iterations) ** power."""
    return initial * (1 - iteration / iterations) ** power


def _nonzero(denominator: Tensor) -> Tensor:
    return denominator.masked_fill(denominator == 0, 1.0)
