"""Datasets: Cityscapes, CamVid, and Streets, a generated set in the layout of Cityscapes."""

from pathlib import Path

from acflib.datasets.base import Frame, SegmentationDataset, require_folder
from acflib.datasets.camvid import CamVid
from acflib.datasets.cityscapes import Cityscapes
from acflib.datasets.labels import IGNORE_INDEX
from acflib.datasets.streets import MANIFEST, Streets
from acflib.errors import DataError

__all__ = ["IGNORE_INDEX", "CamVid", "Cityscapes", "Frame", "SegmentationDataset", "Streets", "open_dataset"]


def open_dataset(root: str | Path, split: str) -> SegmentationDataset:
    """Open a data folder with the class that its layout asks for.

    Args:
        root: folder of Streets (holds ``streets.json``), Cityscapes (``leftImg8bit``) or CamVid (``train.txt``, ...).
        split: name of the part to read.

    Raises:
        DataError: no such folder, or no known layout in it.
    """
    root = Path(root)
    require_folder(root, "Give a data folder; `python -m acflib data streets` writes a small one.")
    if (root / MANIFEST).is_file():
        return Streets(root, split)
    if (root / "leftImg8bit").is_dir():
        return Cityscapes(root, split)
    if any((root / f"{name}.txt").is_file() for name in ("train", "val", "test")):
        return CamVid(root, split)
    raise DataError(
        f"{root}: no known layout. Known are Cityscapes (folders leftImg8bit and gtFine), "
        f"Streets (the same, with {MANIFEST}) and CamVid (train.txt and val.txt)."
    )
