"""Where the fine result corrects the coarse one, by class and by how sure the coarse result was (the paper's Fig. 4).

The paper says that a pixel that the coarse segmentation confuses is put right by the class centers of its own image.
Here that is counted, within one network: every labeled pixel has one of five outcomes.
"""

from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

from acflib import distributed
from acflib.acfnet import ACFNet
from acflib.datasets.base import SegmentationDataset
from acflib.errors import ConfigError, DataError
from acflib.functional import IGNORE_INDEX, check_labels
from acflib.predict.evaluation import probability_batches

CONFIDENCE_BINS = 10


class Outcomes(NamedTuple):
    """Numbers of pixels, by what became of them between the coarse and the fine result."""

    both_right: int
    fixed: int  # coarse wrong, fine right
    broken: int  # coarse right, fine wrong
    same_wrong: int  # both wrong, with the same class
    other_wrong: int  # both wrong, fine with another class than coarse

    @property
    def pixels(self) -> int:
        """All of them."""
        return sum(self)

    @property
    def both_wrong(self) -> int:
        return self.same_wrong + self.other_wrong

    @property
    def right_coarse(self) -> int:
        return self.both_right + self.broken

    @property
    def right_fine(self) -> int:
        return self.both_right + self.fixed

    @property
    def net(self) -> int:
        """Right pixels won from coarse to fine: fixed - broken."""
        return self.fixed - self.broken


def count_outcomes(coarse: Tensor, fine: Tensor, labels: Tensor, ignore_index: int = IGNORE_INDEX) -> Tensor:
    """Count pixels by true class, by the confidence of the coarse result, and by outcome.

    The predicted class is the one with the largest probability, the first of them where several are equal, as in
    :func:`acflib.predict.evaluation.evaluate`. Confidence is the largest coarse probability of a pixel, in ten bins of
    equal width: bin k holds k/10 <= confidence < (k+1)/10, the last one 1.0 too. With N classes no pixel is below 1/N.

    Args:
        coarse: probabilities of the coarse result, (B, N, H, W), at label size.
        fine: the same of the fine result.
        labels: int64 (B, H, W), 0..N-1 or ``ignore_index``; ignored pixels are not counted.
        ignore_index: the label of pixels that count for nothing.

    Returns:
        int64 (N, 10, 5), the last dimension in the order of :class:`Outcomes`. Counts of several batches are added.

    Raises:
        ValueError: if shapes differ, a label is out of range, or a confidence is not in [0, 1].
    """
    if coarse.shape != fine.shape or coarse.dim() != 4 or labels.shape != coarse.shape[:1] + coarse.shape[2:]:
        raise ValueError(
            "coarse and fine must be (B, N, H, W) and labels (B, H, W) of the same size, got "
            f"{tuple(coarse.shape)}, {tuple(fine.shape)} and {tuple(labels.shape)}"
        )
    num_classes = coarse.shape[1]
    check_labels(labels, num_classes, ignore_index)
    valid = labels != ignore_index
    truth = labels[valid]  # (M,), as all below
    confidence, coarse_class = coarse.max(dim=1)  # (B, H, W)
    bins = _confidence_bins(confidence[valid])
    outcomes = _outcomes(coarse_class[valid], fine.max(dim=1).indices[valid], truth)
    cells = (truth * CONFIDENCE_BINS + bins) * len(Outcomes._fields) + outcomes
    shape = (num_classes, CONFIDENCE_BINS, len(Outcomes._fields))
    return torch.bincount(cells, minlength=torch.Size(shape).numel()).view(shape)  # (N*10*5,) -> (N, 10, 5)


def _confidence_bins(confidence: Tensor) -> Tensor:
    """Bin numbers 0..9, int64 (M,). Averages over windows and scales may exceed 1 by rounding, hence the clamp."""
    if not ((confidence >= 0) & (confidence <= 1 + 1e-3)).all():
        raise ValueError("coarse must hold probabilities, but some pixel's largest is not in [0, 1]: take a softmax")
    return (confidence * CONFIDENCE_BINS).long().clamp(max=CONFIDENCE_BINS - 1)


def _outcomes(coarse_class: Tensor, fine_class: Tensor, truth: Tensor) -> Tensor:
    """Positions in :class:`Outcomes`, int64 (M,)."""
    coarse_right, fine_right = coarse_class == truth, fine_class == truth
    both_wrong = torch.where(coarse_class == fine_class, 3, 4)
    return torch.where(coarse_right, torch.where(fine_right, 0, 2), torch.where(fine_right, 1, both_wrong))


@dataclass(frozen=True)
class Corrections:
    """What the fine result made of the coarse one over a data set; see :func:`measure_corrections`."""

    classes: tuple[str, ...]
    counts: Tensor  # int64 (N, 10, 5), see count_outcomes

    def __add__(self, other: "Corrections") -> "Corrections":
        """The counts of both together.

        Raises:
            ValueError: if the classes are not the same.
        """
        if not isinstance(other, Corrections):
            return NotImplemented
        if self.classes != other.classes:
            raise ValueError("corrections of different classes cannot be added")
        return Corrections(self.classes, self.counts + other.counts)

    @property
    def total(self) -> Outcomes:
        return Outcomes(*self.counts.sum(dim=(0, 1)).tolist())

    @property
    def fixed(self) -> int:
        """Pixels that coarse has wrong and fine right."""
        return self.total.fixed

    @property
    def broken(self) -> int:
        """Pixels that coarse has right and fine wrong."""
        return self.total.broken

    @property
    def net(self) -> int:
        """Right pixels won from coarse to fine: fixed - broken."""
        return self.total.net

    @property
    def by_class(self) -> dict[str, Outcomes]:
        """True class -> outcomes."""
        return {name: Outcomes(*row) for name, row in zip(self.classes, self.counts.sum(dim=1).tolist(), strict=True)}

    @property
    def by_confidence(self) -> tuple[Outcomes, ...]:
        """The outcomes of the ten bins of coarse confidence, the least sure first."""
        return tuple(Outcomes(*row) for row in self.counts.sum(dim=0).tolist())

    def as_dict(self) -> dict:
        """Integers for a JSON file: {"outcomes": names, "counts": {class: 10 bins of 5 counts}}."""
        counts = dict(zip(self.classes, self.counts.tolist(), strict=True))
        return {"outcomes": list(Outcomes._fields), "confidence_bins": CONFIDENCE_BINS, "counts": counts}

    @classmethod
    def from_dict(cls, found: dict) -> "Corrections":
        """What :meth:`as_dict` gave.

        Raises:
            DataError: if it is something else.
        """
        shape = (CONFIDENCE_BINS, len(Outcomes._fields))
        try:
            rows = torch.tensor([*found["counts"].values()])
            fits = found["outcomes"] == list(Outcomes._fields) and rows.dtype == torch.int64
            fits = fits and rows.shape[1:] == shape and bool((rows >= 0).all())
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise DataError(f"these are no counts of corrections ({type(error).__name__}: {error})") from error
        if not fits:
            wanted = f"{CONFIDENCE_BINS} bins of {len(Outcomes._fields)} counts a class"
            raise DataError(f"these are no counts of corrections: {wanted}, named {', '.join(Outcomes._fields)}")
        return cls(tuple(found["counts"]), rows)

    def table(self, classes: Sequence[str] | None = None) -> str:
        """Two tables to print: by class (all, or those given), and by coarse confidence. Numbers of pixels.

        Raises:
            ValueError: if a class is not there.
        """
        unknown = [name for name in classes or () if name not in self.classes]
        if unknown:
            raise ValueError(f"no class {unknown[0]!r} here; the classes are: {', '.join(self.classes)}")
        by_class = self.by_class
        lines = [_line("true class", COLUMNS)]
        lines += [_line(name, _cells(by_class[name])) for name in classes or self.classes]
        lines += [_line("all classes", _cells(self.total)), "", _line("confidence", COLUMNS)]
        for k, outcomes in enumerate(self.by_confidence):
            name = f"{k / CONFIDENCE_BINS:.1f} - {(k + 1) / CONFIDENCE_BINS:.1f}"
            lines.append(_line(name, _cells(outcomes)))
        return "\n".join(lines)


COLUMNS = ("pixels", "both right", "fixed", "broken", "net", "same wrong", "other wrong")


def _cells(outcomes: Outcomes) -> tuple[str, ...]:
    o = outcomes
    numbers = (o.pixels, o.both_right, o.fixed, o.broken, f"{o.net:+d}", o.same_wrong, o.other_wrong)
    return tuple(map(str, numbers))


def _line(name: str, cells: Sequence[str]) -> str:
    return f"{name:<16}" + "".join(f"{cell:>12}" for cell in cells)


def measure_corrections(
    model: ACFNet, dataset: SegmentationDataset, batch_size: int = 20, progress: bool = False
) -> Corrections:
    """Count over a split where the fine result corrects the coarse one: one pass over the whole image each.

    The images and the probabilities are those of :func:`acflib.predict.evaluation.evaluate`. Under torchrun the
    processes share the images and the counts are added.

    Args:
        model: a network with an ACF module; it is evaluated where it is, and its training mode is put back.
        dataset: a split with labels.
        batch_size: images at a time; above 1 only where all have one size.
        progress: whether to show a progress bar (first process only).

    Raises:
        ConfigError: the network has no coarse result (variant None), or another number of classes than the data.
        DataError: a file cannot be used, or a batch holds images of different size.
    """
    if model.acf is None:
        raise ConfigError("this network has no coarse result to correct (variant None): give one with an ACF module")
    device = next(model.parameters()).device
    counts = torch.zeros(model.num_classes, CONFIDENCE_BINS, len(Outcomes._fields), dtype=torch.int64, device=device)
    with closing(probability_batches(model, dataset, batch_size=batch_size, progress=progress)) as batches:
        for found, labels in batches:
            counts += count_outcomes(found["coarse"], found["out"], labels)
    return Corrections(dataset.classes, distributed.sum_over_ranks(counts).cpu())
