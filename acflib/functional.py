"""The mathematics of ACFNet as pure tensor functions (paper, sections 3.1 and 4.3).

Shapes, everywhere: features ``F`` are (B, C, H, W); class maps ``P`` are (B, N, H, W) probabilities; class centers are
(B, N, C); labels are int64 (B, H, W) with 255 for pixels that count for nothing.

Each way of using the centers has two forms. The *literal* form builds what the paper writes. The *factorized* form
(``*_conv``) gives the same numbers after the 1x1 convolution that always follows, but applies that convolution to the N
centers instead of the H*W pixels: a convolution is linear, so ``W (sum_i P_i F_i) = sum_i P_i (W F_i)``.
"""

import torch
import torch.nn.functional as F
from torch import Tensor

from acflib.layers.alignment import map_size, without_autocast

IGNORE_INDEX = 255


def class_centers(features: Tensor, probabilities: Tensor) -> Tensor:
    """Eq. 2: the mean feature of each class, every pixel weighted by its probability of that class.

    Args:
        features: F', (B, C, H, W).
        probabilities: P_coarse, (B, N, H, W), at least 0; the same H and W.

    Returns:
        Class centers (B, N, C) in the dtype of ``features``. Sums run in float32 at least, also under autocast: half
        precision cannot add up 9409 pixels. A class that no pixel belongs to has the center 0 and passes no gradient.

    Raises:
        ValueError: if the shapes do not fit together.
    """
    _check_same_grid("features", features, "probabilities", probabilities)
    dtype = torch.promote_types(torch.promote_types(features.dtype, probabilities.dtype), torch.float32)
    with without_autocast(features.device.type):
        weights = probabilities.to(dtype).flatten(2)  # (B, N, H, W) -> (B, N, HW)
        pixels = features.to(dtype).flatten(2)  # (B, C, H, W) -> (B, C, HW)
        mass = weights.sum(dim=2, keepdim=True)  # (B, N, 1), the denominator
        # Dividing by infinity gives an absent class the center 0 and the gradient 0. (A tiny floor would give the
        # same center, but a gradient that overflows.)
        mass = mass.masked_fill(mass < torch.finfo(dtype).tiny, torch.inf)
        sums = pixels @ weights.transpose(1, 2)  # (B, C, HW) @ (B, HW, N) -> (B, C, N), the numerator
        return (sums.transpose(1, 2) / mass).to(features.dtype)  # (B, C, N) -> (B, N, C)


def hard_class_centers(features: Tensor, labels: Tensor, num_classes: int, ignore_index: int = IGNORE_INDEX) -> Tensor:
    """Eq. 1: the mean feature of the pixels that carry each label.

    Labels finer than the features (as in a network of output stride 8) are averaged down as one-hot maps, so that thin
    objects keep their share. Each label pixel counts once where cells divide the labels evenly; else one that two cells
    share counts in both.

    Args:
        features: F, (B, C, H, W).
        labels: int64 (B, h, w), values 0..N-1 or ``ignore_index``.
        num_classes: N.
        ignore_index: the label of pixels that count for nothing.

    Returns:
        Class centers (B, N, C); 0 for a class that does not occur.
    """
    dtype = torch.promote_types(features.dtype, torch.float32)
    return class_centers(features, label_fractions(labels, num_classes, map_size(features), ignore_index, dtype))


def label_fractions(
    labels: Tensor,
    num_classes: int,
    size: tuple[int, int] | None = None,
    ignore_index: int = IGNORE_INDEX,
    dtype: torch.dtype = torch.float32,
) -> Tensor:
    """The share of each cell of a grid that each class covers: the one-hot labels, averaged by area.

    With these in place of P, Eq. 2 is Eq. 1. Ignored pixels belong to no class, so the shares of a cell may sum to
    less than 1.

    Args:
        labels: int64 (B, h, w).
        num_classes: N.
        size: (H, W) of the result; by default the size of the labels.
        ignore_index: the label of pixels that count for nothing.
        dtype: of the result; pixels are counted in whole numbers, so each share is right to its last digit.

    Returns:
        (B, N, H, W). Beside it, one class at a time is kept.

    Raises:
        ValueError: if a label is neither a class nor ``ignore_index``.
    """
    check_labels(labels, num_classes, ignore_index)
    height, width = labels.shape[-2:] if size is None else size
    shares = torch.empty(len(labels), num_classes, height, width, dtype=dtype, device=labels.device)
    for i in range(num_classes):
        shares[:, i] = _share_of_cells((labels == i) & (labels != ignore_index), (height, width), dtype)
    return shares


def _share_of_cells(mask: Tensor, size: tuple[int, int], dtype: torch.dtype) -> Tensor:
    """The share of each cell that a mask (B, h, w) covers, (B, H, W): ``adaptive_avg_pool2d``, exact on any device."""
    if mask.shape[-2:] == size:
        return mask.to(dtype)
    counts, area = mask.int(), torch.ones(1, device=mask.device)
    for dim, cells in ((1, size[0]), (2, size[1])):
        length, cell = mask.shape[dim], torch.arange(cells, device=mask.device)
        first, end = cell * length // cells, -(-(cell + 1) * length // cells)  # cells overlap where they do not fit
        before = counts.cumsum(dim, dtype=torch.int32)
        before = torch.cat([torch.zeros_like(before.narrow(dim, 0, 1)), before], dim)  # of how many, before a position
        counts = before.index_select(dim, end) - before.index_select(dim, first)
        area = area[..., None] * (end - first)  # (1,) -> (1, H) -> (1, H, W)
    return counts / area.to(dtype)


def label_probabilities(
    labels: Tensor, num_classes: int, size: tuple[int, int] | None = None, ignore_index: int = IGNORE_INDEX
) -> Tensor:
    """Ground truth as a class map: ``label_fractions`` with each cell scaled to sum 1 (0 where all is ignored).

    Same arguments and errors as :func:`label_fractions`. Meant for ``attention_probs``: in Eq. 3 and 5 the weights of
    one pixel must sum to 1.
    """
    return sum_to_one(label_fractions(labels, num_classes, size, ignore_index))


def sum_to_one(class_maps: Tensor) -> Tensor:
    """Each cell of class maps (..., N, H, W) scaled so that its classes sum to 1; a cell that is all 0 stays 0."""
    total = class_maps.sum(dim=-3, keepdim=True)  # (..., 1, H, W)
    return class_maps / total.masked_fill(total < torch.finfo(total.dtype).tiny, torch.inf)


def attend_sum(centers: Tensor, probabilities: Tensor) -> Tensor:
    """Eq. 3, ACF(sum): each pixel takes the mean of the class centers, weighted by its class probabilities.

    Args:
        centers: F_class, (B, N, C).
        probabilities: P_coarse, (B, N, H, W).

    Returns:
        The attentional class feature F_a, (B, C, H, W).
    """
    _check_centers(centers, probabilities)
    attention = probabilities.to(centers.dtype).flatten(2)  # (B, N, H, W) -> (B, N, HW)
    attended = centers.transpose(1, 2) @ attention  # (B, C, N) @ (B, N, HW) -> (B, C, HW)
    return attended.unflatten(2, probabilities.shape[-2:])  # (B, C, HW) -> (B, C, H, W)


def attend_concat(centers: Tensor, probabilities: Tensor) -> Tensor:
    """Eq. 5, ACF(concat): each pixel takes all class centers, each scaled by its probability, one after the other.

    Args:
        centers: F_class, (B, N, C).
        probabilities: P_coarse, (B, N, H, W).

    Returns:
        F_a, (B, N*C, H, W); channel ``i*C + c`` is channel c of class i.
    """
    _check_centers(centers, probabilities)
    scaled = probabilities.to(centers.dtype).unsqueeze(2) * centers[..., None, None]  # (B, N, C, H, W)
    return scaled.flatten(1, 2)  # (B, N, C, H, W) -> (B, N*C, H, W)


def expand_centers(centers: Tensor, size: tuple[int, int]) -> Tensor:
    """The center-only variant (section 4.3.1): all class centers in one vector, the same one at every pixel.

    Args:
        centers: F_class, (B, N, C).
        size: (H, W).

    Returns:
        (B, N*C, H, W); channel ``i*C + c`` is channel c of class i.
    """
    vector = centers.flatten(1)[..., None, None]  # (B, N, C) -> (B, N*C, 1, 1)
    return vector.expand(-1, -1, *size)  # (B, N*C, H, W)


def attend_sum_conv(centers: Tensor, probabilities: Tensor, weight: Tensor) -> Tensor:
    """Factorized ``conv2d(attend_sum(centers, P), weight)``: ``sum_i P_i (W F_i)``.

    Args:
        centers: (B, N, C).
        probabilities: (B, N, H, W).
        weight: of a 1x1 convolution without bias, (O, C, 1, 1).

    Returns:
        (B, O, H, W).
    """
    mapped = centers @ weight.flatten(1).T  # (B, N, C) @ (C, O) -> (B, N, O)
    return attend_sum(mapped, probabilities)


def attend_concat_conv(centers: Tensor, probabilities: Tensor, weight: Tensor) -> Tensor:
    """Factorized ``conv2d(attend_concat(centers, P), weight)``: ``sum_i P_i (W_i F_i)``.

    Args:
        centers: (B, N, C).
        probabilities: (B, N, H, W).
        weight: of a 1x1 convolution without bias, (O, N*C, 1, 1); ``W_i`` are its columns i*C .. i*C + C - 1.

    Returns:
        (B, O, H, W). The N*C channels of Eq. 5 are never built.
    """
    blocks = _class_blocks(weight, centers)
    mapped = torch.einsum("bnc,onc->bno", centers, blocks)  # W_i F_i for each class: (B, N, O)
    return attend_sum(mapped, probabilities)


def expand_centers_conv(centers: Tensor, weight: Tensor) -> Tensor:
    """Factorized ``conv2d(expand_centers(centers, size), weight)``: one vector per image, (B, O, 1, 1).

    Args:
        centers: (B, N, C).
        weight: of a 1x1 convolution without bias, (O, N*C, 1, 1).
    """
    _class_blocks(weight, centers)
    return F.linear(centers.flatten(1), weight.flatten(1))[..., None, None]  # (B, N*C) -> (B, O) -> (B, O, 1, 1)


def check_labels(labels: Tensor, num_classes: int, ignore_index: int = IGNORE_INDEX) -> None:
    """Raise ValueError if a label is neither in 0..num_classes-1 nor ``ignore_index``."""
    if labels.dtype != torch.int64 or labels.dim() != 3:
        raise ValueError(f"labels must be int64 (B, H, W), got {labels.dtype} {tuple(labels.shape)}")
    wrong = (labels != ignore_index) & ((labels < 0) | (labels >= num_classes))
    if wrong.any():
        values = sorted(labels[wrong].unique().tolist())[:8]
        raise ValueError(
            f"labels hold {values}, but must be 0..{num_classes - 1} or {ignore_index} (ignore); "
            "map the ids of the data set to train ids first"
        )


def _class_blocks(weight: Tensor, centers: Tensor) -> Tensor:
    num_classes, channels = centers.shape[1:]
    if weight.shape[1] != num_classes * channels:
        wanted = f"(O, N*C, 1, 1) = (O, {num_classes * channels}, 1, 1)"
        raise ValueError(f"weight must be {wanted}, got {tuple(weight.shape)}")
    return weight.reshape(-1, num_classes, channels)  # (O, N*C, 1, 1) -> (O, N, C)


def _check_centers(centers: Tensor, probabilities: Tensor) -> None:
    if centers.dim() != 3 or probabilities.dim() != 4 or centers.shape[:2] != probabilities.shape[:2]:
        raise ValueError(
            "centers must be (B, N, C) and probabilities (B, N, H, W) with the same B and N, "
            f"got {tuple(centers.shape)} and {tuple(probabilities.shape)}"
        )


def _check_same_grid(name_a: str, a: Tensor, name_b: str, b: Tensor) -> None:
    if a.dim() != 4 or b.dim() != 4 or a.shape[0] != b.shape[0] or a.shape[2:] != b.shape[2:]:
        raise ValueError(
            f"{name_a} must be (B, C, H, W) and {name_b} (B, N, H, W) with the same B, H and W, "
            f"got {tuple(a.shape)} and {tuple(b.shape)}"
        )
