"""The Cityscapes folder as it is unpacked from leftImg8bit_trainvaltest.zip and gtFine_trainvaltest.zip."""

from pathlib import Path

import numpy as np

from acflib.datasets.base import Frame, SegmentationDataset, require_folder, require_split
from acflib.datasets.folders import visible
from acflib.datasets.labels import (
    CITYSCAPES_CLASS_WEIGHTS,
    CITYSCAPES_CLASSES,
    CITYSCAPES_COLORS,
    TRAIN_ID_OF_ID,
    TRAIN_IDS,
)
from acflib.errors import DataError

IMAGE_END = "_leftImg8bit.png"
IDS_END = "_gtFine_labelIds.png"
TRAIN_IDS_END = "_gtFine_labelTrainIds.png"


class Cityscapes(SegmentationDataset):
    """Fine annotations of Cityscapes, 19 classes.

    Reads ``leftImg8bit/SPLIT/CITY/*_leftImg8bit.png`` with ``gtFine/SPLIT/CITY/*_gtFine_labelTrainIds.png`` where
    that file is present, else ``*_gtFine_labelIds.png``. The test split gives images only: its public label files are
    dummies.

    Args:
        root: folder that holds ``leftImg8bit`` and ``gtFine``.
        split: "train", "val", "trainval" or "test".

    Raises:
        DataError: a folder is missing or empty, or images and label files do not pair up.
    """

    splits = ("train", "val", "trainval", "test")
    labeled_splits: tuple[str, ...] = ("train", "val")
    known_weights: tuple[float, ...] | None = CITYSCAPES_CLASS_WEIGHTS
    color_advice = "Was a *_color.png given? Use *_labelIds.png or *_labelTrainIds.png."

    def __init__(self, root: str | Path, split: str) -> None:
        require_split(split, self.splits)
        root = Path(root)
        require_folder(root, "Give the folder that holds leftImg8bit and gtFine.")
        parts = ("train", "val") if split == "trainval" else (split,)
        frames = [frame for part in parts for frame in _frames(root, part, part in self.labeled_splits)]
        super().__init__(root, split, frames, CITYSCAPES_CLASSES, CITYSCAPES_COLORS, self.known_weights)

    def train_id_table(self, path: Path) -> np.ndarray:
        """Values of ``*_labelTrainIds.png`` are train ids already, those of ``*_labelIds.png`` are the 34 ids."""
        return TRAIN_IDS if path.name.endswith(TRAIN_IDS_END) else TRAIN_ID_OF_ID


def _frames(root: Path, split: str, labeled: bool) -> list[Frame]:
    """Pair the images of one split with their label files, by name."""
    images_folder, labels_folder = root / "leftImg8bit" / split, root / "gtFine" / split
    require_folder(images_folder, "Unpack leftImg8bit_trainvaltest.zip in the root, or give another root.")
    images = {_name(path, IMAGE_END): path for path in _files(images_folder, IMAGE_END)}
    if not images:
        raise DataError(
            f"{images_folder}: no CITY/*{IMAGE_END} in this split. "
            "Unpack leftImg8bit_trainvaltest.zip in the root, or choose another split."
        )
    if not labeled:
        return [Frame(path.name.removesuffix(IMAGE_END), path, None) for path in images.values()]

    require_folder(labels_folder, "Unpack gtFine_trainvaltest.zip in the root, beside leftImg8bit.")
    labels = {_name(path, IDS_END): path for path in _files(labels_folder, IDS_END)}
    labels |= {_name(path, TRAIN_IDS_END): path for path in _files(labels_folder, TRAIN_IDS_END)}
    _check_pairs(images, labels, labels_folder, images_folder)
    return [Frame(path.name.removesuffix(IMAGE_END), path, labels[name]) for name, path in images.items()]


def _files(folder: Path, end: str) -> list[Path]:
    """The files CITY/FRAME with this ending."""
    return visible(folder.glob(f"*/*{end}"), folder)


def _name(path: Path, end: str) -> str:
    """CITY/FRAME, which image and labels have in common."""
    return f"{path.parent.name}/{path.name.removesuffix(end)}"


def _check_pairs(images: dict[str, Path], labels: dict[str, Path], labels_folder: Path, images_folder: Path) -> None:
    """Raise DataError unless every image has labels and all labels have an image."""
    bare = sorted(images.keys() - labels.keys())
    if bare:
        raise DataError(
            f"{images[bare[0]]}: image without labels ({len(bare)} in all). "
            f"Expected {labels_folder / bare[0]}{IDS_END}: unpack gtFine_trainvaltest.zip again, or remove the image."
        )
    orphans = sorted(labels.keys() - images.keys())
    if orphans:
        raise DataError(
            f"{labels[orphans[0]]}: labels without an image ({len(orphans)} in all). "
            f"Expected {images_folder / orphans[0]}{IMAGE_END}: "
            "unpack leftImg8bit_trainvaltest.zip again, or remove the labels."
        )
