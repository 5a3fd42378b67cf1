"""Intersection over union from a confusion matrix: the one implementation used everywhere."""

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from acflib.functional import IGNORE_INDEX


def confusion_matrix(predictions: Tensor, labels: Tensor, num_classes: int, ignore_index: int = IGNORE_INDEX) -> Tensor:
    """Count pixels by true class (row) and predicted class (column).

    Args:
        predictions: integer class maps of any shape, values 0..N-1.
        labels: the same shape, values 0..N-1 or ``ignore_index``; ignored pixels are not counted.
        num_classes: N.

    Returns:
        int64 (N, N). Matrices of several images are added.

    Raises:
        ValueError: if shapes differ or a value is out of range.
    """
    if predictions.shape != labels.shape:
        raise ValueError(f"predictions {tuple(predictions.shape)} and labels {tuple(labels.shape)} differ in shape")
    valid = labels != ignore_index
    truth, guess = labels[valid].long(), predictions[valid].long()
    for name, values in (("labels", truth), ("predictions", guess)):
        if values.numel() and not 0 <= int(values.min()) <= int(values.max()) < num_classes:
            raise ValueError(
                f"{name} run from {int(values.min())} to {int(values.max())}, but there are {num_classes} classes: "
                f"0..{num_classes - 1}, and {ignore_index} in labels for pixels that do not count"
            )
    counts = torch.bincount(truth * num_classes + guess, minlength=num_classes**2)
    return counts.view(num_classes, num_classes)  # (N*N,) -> (N, N)


def iou_per_class(confusion: Tensor) -> Tensor:
    """TP / (TP + FP + FN) of each class, float64 (N,); NaN for a class that occurs neither in truth nor prediction."""
    confusion = confusion.double()
    hits = confusion.diagonal()
    return hits / (confusion.sum(dim=0) + confusion.sum(dim=1) - hits)


def mean_iou(confusion: Tensor) -> float:
    """mIoU: the mean of the classes' IoU, as fractions of 1; classes that do not occur are left out."""
    return float(iou_per_class(confusion).nanmean())


def pixel_accuracy(confusion: Tensor) -> float:
    """Share of the counted pixels that are right; NaN without any."""
    confusion = confusion.double()
    return float(confusion.diagonal().sum() / confusion.sum())


@dataclass(frozen=True)
class Scores:
    """mIoU and per-class IoU of the fine and, for a network with an ACF module, the coarse result (fractions of 1)."""

    classes: tuple[str, ...]
    fine: Tensor  # confusion matrix (N, N)
    coarse: Tensor | None = None

    @property
    def miou_fine(self) -> float:
        return mean_iou(self.fine)

    @property
    def miou_coarse(self) -> float | None:
        return None if self.coarse is None else mean_iou(self.coarse)

    def as_dict(self) -> dict[str, Any]:
        """Numbers for a JSON file: percentages, None for classes that do not occur."""
        found: dict[str, Any] = {}
        for name, confusion in (("fine", self.fine), ("coarse", self.coarse)):
            if confusion is not None:
                iou = iou_per_class(confusion).tolist()
                found[f"miou_{name}"] = _percent(mean_iou(confusion))
                found[f"iou_{name}"] = {c: _percent(value) for c, value in zip(self.classes, iou, strict=True)}
        return found

    def table(self) -> str:
        """A table to print: one line a class, IoU in percent, fine and coarse."""
        columns = [("fine", self.fine)] + ([("coarse", self.coarse)] if self.coarse is not None else [])
        lines = [f"{'IoU (%)':<16}" + "".join(f"{name:>8}" for name, _ in columns)]
        ious = [iou_per_class(confusion).tolist() for _, confusion in columns]
        for i, name in enumerate(self.classes):
            lines.append(f"{name:<16}" + "".join(f"{_cell(iou[i]):>8}" for iou in ious))
        lines.append(f"{'mIoU':<16}" + "".join(f"{_cell(mean_iou(confusion)):>8}" for _, confusion in columns))
        return "\n".join(lines)


def _percent(value: float) -> float | None:
    return None if value != value else 100 * value


def _cell(value: float) -> str:
    return "-" if value != value else f"{100 * value:.2f}"
