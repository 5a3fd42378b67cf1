"""What all segmentation datasets share: a list of frames, and careful reading of images and label files."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset

from acflib.datasets.labels import UNKNOWN
from acflib.datasets.reading import is_turned, read_image, read_label_values
from acflib.errors import DataError

if TYPE_CHECKING:  # torchvision is slow to import: see acflib.layers.bases
    from torchvision import tv_tensors

IMAGE_SUFFIXES = (".png", ".jpg", ".jpeg", ".webp", ".tif", ".tiff", ".bmp")  # all that read_image is asked for


@dataclass(frozen=True)
class Frame:
    """One photograph and its label file. ``labels`` is None where labels are not public (a test split)."""

    name: str
    image: Path
    labels: Path | None


class SegmentationDataset(Dataset):
    """Images with one class label per pixel.

    A subclass finds the frames and says by ``train_id_table(path)`` what the values of a label file mean.

    Attributes:
        root: the data folder.
        split: name of the part that is read, such as "train".
        frames: list of ``Frame``, sorted by name.
        classes: class names in train-id order.
        colors: one (red, green, blue) per class.
        class_weights: known weights for a class-balanced loss, or None.
        color_advice, value_advice: what to do about label files of colors, and about values that no class has.
    """

    color_advice = "Give class numbers, not colors."
    value_advice = "Are ids and train ids mixed up, or was the file resized with interpolation?"

    def __init__(
        self,
        root: str | Path,
        split: str,
        frames: Sequence[Frame],
        classes: Sequence[str],
        colors: Sequence[tuple[int, int, int]],
        class_weights: Sequence[float] | None = None,
    ) -> None:
        self.root = Path(root)
        self.split = split
        self.frames = sorted(frames, key=lambda frame: frame.name)
        self.classes = tuple(classes)
        self.colors = tuple(colors)
        self.class_weights = None if class_weights is None else tuple(class_weights)
        if not self.frames:
            raise DataError(f"{self.root}: split {split!r} holds no images. Check that the archive was unpacked here.")

    @property
    def num_classes(self) -> int:
        """Number of classes, ignore not counted."""
        return len(self.classes)

    def __len__(self) -> int:
        return len(self.frames)

    def __getitem__(self, index: int) -> "tuple[tv_tensors.Image, tv_tensors.Mask]":
        """The image, uint8 (3, H, W), and its train ids, uint8 (H, W), 255 = ignore.

        Raises:
            DataError: a file is missing or damaged, has no labels, or image and labels differ in size.
        """
        image, labels = self.load_image(index), self.load_labels(index)
        check_pair(self.frames[index], image, labels)
        channels_first = torch.from_numpy(image).permute(2, 0, 1).contiguous()  # (H, W, 3) -> (3, H, W)
        return as_pair(channels_first, torch.from_numpy(labels))

    def load_image(self, index: int) -> np.ndarray:
        """The photograph as RGB, uint8 (H, W, 3)."""
        return read_image(self.frames[index].image)

    def load_labels(self, index: int) -> np.ndarray:
        """Train ids, uint8 (H, W), 255 = ignore.

        Raises:
            DataError: no labels, a damaged file, or a value that the label map does not know.
        """
        frame = self.frames[index]
        if frame.labels is None:
            raise DataError(
                f"{frame.image}: split {self.split!r} has no labels. "
                "Train on 'train' and evaluate on 'val'; load_image() works here too."
            )
        values = read_label_values(frame.labels, self.color_advice)
        return to_train_ids(values, self.train_id_table(frame.labels), frame.labels, self.value_advice)

    def train_id_table(self, path: Path) -> np.ndarray:
        """The 256-entry lookup, file value -> train id, for this label file."""
        raise NotImplementedError


def require_split(split: str, splits: Sequence[str]) -> None:
    """Raise DataError unless ``split`` is one of ``splits``."""
    if split not in splits:
        raise DataError(f"split={split!r} is unknown. Choose one of: {', '.join(splits)}.")


def require_folder(path: Path, mend: str) -> None:
    """Raise DataError with the advice ``mend`` unless ``path`` is a folder."""
    if not path.is_dir():
        problem = "is a file, not a folder" if path.exists() else "does not exist"
        raise DataError(f"{path}: {problem}. {mend}")


def as_pair(image: Tensor, labels: Tensor) -> "tuple[tv_tensors.Image, tv_tensors.Mask]":
    """Image (3, H, W) and labels (H, W), marked as such for the transforms; nothing is copied."""
    from torchvision import tv_tensors

    return tv_tensors.Image(image), tv_tensors.Mask(labels)


def check_pair(frame: Frame, image: np.ndarray, labels: np.ndarray) -> None:
    """Raise DataError unless the image (H, W, 3) and the labels (H, W) of a frame have the same size."""
    if image.shape[:2] == labels.shape:
        return
    (h, w), (lh, lw) = image.shape[:2], labels.shape
    mend = "Copy both files again from one release of the data."
    if (lh, lw) == (w, h) and is_turned(frame.image):
        mend = (
            "The photograph is turned as its EXIF tag says, its labels are not: turn the labels the same way, or, if "
            "they were drawn on the photograph as it is stored, remove the tag."
        )
    raise DataError(f"{frame.labels}: labels are {lw}x{lh}, but the image {frame.image} is {w}x{h}. {mend}")


def to_train_ids(
    values: np.ndarray, table: np.ndarray, path: Path, advice: str = SegmentationDataset.value_advice
) -> np.ndarray:
    """Map file values to train ids by a 256-entry table; ``advice`` ends the message about unknown values.

    Raises:
        DataError: a value is not in the table. Found here, it never becomes an assertion on the GPU.
    """
    train_ids = table[values]
    unknown = train_ids == UNKNOWN
    if unknown.any():
        found = ", ".join(str(value) for value in np.unique(values[unknown])[:10])
        raise DataError(
            f"{path}: label values {found} are not in the label map "
            f"(known: {_ranges(np.flatnonzero(table != UNKNOWN))}). {advice}"
        )
    return train_ids


def _ranges(values: np.ndarray) -> str:
    """Short text for sorted numbers: [0, 1, 2, 255] -> "0-2, 255"."""
    runs = np.split(values, np.flatnonzero(np.diff(values) > 1) + 1)
    return ", ".join(f"{run[0]}-{run[-1]}" if len(run) > 1 else str(run[0]) for run in runs)
