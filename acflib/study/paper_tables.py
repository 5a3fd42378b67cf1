"""The numbers of ACFNet in the paper (Tables 1, 2 and 3), as printed, and ours beside them."""

from collections.abc import Sequence
from dataclasses import dataclass

from acflib.datasets.labels import CITYSCAPES_CLASSES
from acflib.errors import ConfigError
from acflib.metrics import Scores


@dataclass(frozen=True)
class PaperRow:
    """One row of a table: mIoU in percent on Cityscapes.

    Attributes:
        table: its number in the paper.
        method: as printed there.
        preset: our settings for it, for ``acflib train --preset``.
        trained_on: "train", or "trainval" for train and val together (fine annotations only).
        evaluated_on: "val", or "test", which is the evaluation server's.
        fine: mIoU, of the only result where there is one.
        coarse: mIoU of the coarse result, where the paper tells it.
        multi_scale: whether averaged over six scales and mirrored images.
        per_class: IoU in percent, in the order of ``CITYSCAPES_CLASSES``; Table 3 alone.
    """

    table: int
    method: str
    preset: str
    trained_on: str
    evaluated_on: str
    fine: float
    coarse: float | None = None
    multi_scale: bool = False
    per_class: tuple[float, ...] = ()


TABLE_1 = (
    PaperRow(1, "ResNet-101 Baseline", "r101-baseline", "train", "val", 75.85),
    PaperRow(1, "ResNet-101 + class center", "r101-center", "train", "val", 77.94, 76.42),
    PaperRow(1, "ResNet-101 + ACF (concat)", "r101-acf-concat", "train", "val", 79.17, 76.66),
    PaperRow(1, "ResNet-101 + ACF (sum)", "r101-acf-sum", "train", "val", 79.32, 76.56),
)
TABLE_2 = (
    PaperRow(2, "ResNet-101 + ASPP Baseline", "r101-aspp", "train", "val", 78.42),
    PaperRow(2, "ResNet-101 + ASPP + ACF", "r101-aspp-acf", "train", "val", 80.08),
    PaperRow(2, "ResNet-101 + ASPP + ACF + OB", "r101-aspp-acf-ob", "train", "val", 80.99),
    PaperRow(2, "ResNet-101 + ASPP + ACF + MS/Flip", "r101-aspp-acf", "train", "val", 81.46, multi_scale=True),
)
# fmt: off
TABLE_3 = (  # with online bootstrapping and MS/Flip (section 4.5, where the mIoU of the second is given as 81.85)
    PaperRow(3, "ACFNet (ours), train-fine", "r101-aspp-acf-ob", "train", "test", 80.8, multi_scale=True, per_class=(
        98.7, 87.1, 93.7, 60.8, 62.0, 69.7, 77.7, 80.4, 94.0, 73.6,
        95.7, 87.6, 73.6, 96.1, 65.6, 87.3, 83.0, 70.5, 78.0,
    )),
    PaperRow(3, "ACFNet (ours), train-fine and val-fine", "r101-aspp-acf-ob-trainval", "trainval", "test", 81.8,
             multi_scale=True, per_class=(
        98.7, 87.1, 93.9, 60.2, 63.9, 71.1, 78.6, 81.5, 94.0, 72.9,
        95.9, 88.1, 74.1, 96.5, 76.6, 89.3, 81.5, 72.1, 79.2,
    )),
)
# fmt: on


def check_classes_of_table_3(classes: Sequence[str]) -> None:
    """Raise ConfigError unless these are the 19 classes of Cityscapes."""
    if tuple(classes) != CITYSCAPES_CLASSES:
        raise ConfigError(
            "the paper's Table 3 has the 19 classes of Cityscapes, this data set has others: leave out --beside-paper"
        )


def table_beside_paper(scores: Scores, evaluated_on: str) -> str:
    """The table of ``scores`` with two more columns, the per-class IoU of the paper's Table 3, and what they are.

    Args:
        scores: ours, over the 19 classes of Cityscapes.
        evaluated_on: what ours were measured on, such as "Cityscapes val".

    Raises:
        ConfigError: other classes than those of Cityscapes.
    """
    check_classes_of_table_3(scores.classes)
    headings = [f"paper:{row.trained_on}" for row in TABLE_3]
    numbers = zip(*(row.per_class for row in TABLE_3), strict=True)
    cells = [headings, *([f"{n:.1f}" for n in line] for line in numbers), [f"{row.fine:.1f}" for row in TABLE_3]]
    lines = [
        ours + "".join(f"{cell:>16}" for cell in line)
        for ours, line in zip(scores.table().splitlines(), cells, strict=True)
    ]
    return "\n".join([*lines, "", NOTE.format(evaluated_on=evaluated_on)])


NOTE = (
    "Columns paper:train and paper:trainval are ACFNet in the paper's Table 3: scores on the TEST set of Cityscapes,\n"
    "by the evaluation server, with six scales and mirroring, trained on train-fine and on train-fine and val-fine.\n"
    "Ours are on {evaluated_on}. Other images: the columns show which classes are hard, not who is better."
)
