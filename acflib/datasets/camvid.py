"""CamVid, 11 classes, in the layout that most segmentation projects share."""

from pathlib import Path

import numpy as np

from acflib.datasets.base import IMAGE_SUFFIXES, Frame, SegmentationDataset, require_folder, require_split
from acflib.datasets.labels import CAMVID_CLASSES, CAMVID_COLORS, CAMVID_TRAIN_IDS
from acflib.errors import DataError


class CamVid(SegmentationDataset):
    """CamVid driving photographs with 11 classes.

    ``SPLIT.txt`` lists one pair a line, ``train/NAME.png trainannot/NAME.png``; only the last two parts of each path
    count, so lists that were written on another computer work too. Photographs may be PNG or JPEG whatever the list
    says. Label values are 0 to 10, and 11 = void, which becomes 255.

    Args:
        root: folder that holds the lists and the folders they name.
        split: "train", "val", "trainval" or "test" (with labels, where ``test.txt`` is present).

    Raises:
        DataError: a list is missing or empty, or a file that it names is missing.
    """

    splits = ("train", "val", "trainval", "test")

    def __init__(self, root: str | Path, split: str) -> None:
        require_split(split, self.splits)
        root = Path(root)
        require_folder(root, "Give the folder that holds train.txt and val.txt.")
        parts = ("train", "val") if split == "trainval" else (split,)
        frames = [frame for part in parts for frame in _frames(root, part)]
        super().__init__(root, split, frames, CAMVID_CLASSES, CAMVID_COLORS)

    def train_id_table(self, path: Path) -> np.ndarray:
        """All label files hold 0 to 10, and 11 for void."""
        return CAMVID_TRAIN_IDS


def _frames(root: Path, split: str) -> list[Frame]:
    """Read ``SPLIT.txt`` and find both files of every line."""
    listing = root / f"{split}.txt"
    if not listing.is_file():
        raise DataError(f"{listing}: does not exist. It lists pairs, one a line: {_example(split)}")
    lines = [line.split() for line in listing.read_text(encoding="utf-8").splitlines() if line.strip()]
    if not lines:
        raise DataError(f"{listing}: the split is empty. List pairs, one a line: {_example(split)}")
    frames = []
    for number, line in enumerate(lines, start=1):
        if len(line) != 2:
            raise DataError(f"{listing}: line {number} has {len(line)} words. Write an image, a space, its label file.")
        image, labels = (root.joinpath(*Path(word).parts[-2:]) for word in line)
        photograph = _photograph(image, listing, number)
        if not labels.is_file():
            raise DataError(
                f"{labels}: labels of {photograph.name} are missing ({listing}, line {number}). Put them back."
            )
        frames.append(Frame(image.stem, photograph, labels))
    return frames


def _example(split: str) -> str:
    """A line of a list, for messages."""
    return f"{split}/NAME.png {split}annot/NAME.png"


def _photograph(path: Path, listing: Path, number: int) -> Path:
    """The file at ``path``, or the one beside it that differs in its ending (PNG here, JPEG there)."""
    for suffix in (path.suffix, *IMAGE_SUFFIXES):
        candidate = path.with_suffix(suffix)
        if candidate.is_file():
            return candidate
    raise DataError(f"{path}: image is missing, as .png and as .jpg ({listing}, line {number}). Put it back.")
