"""CamVid, 11 classes, in the layout that most segmentation projects share."""

from pathlib import Path

import numpy as np

from acflib.datasets.base import IMAGE_SUFFIXES, Frame, SegmentationDataset, require_folder, require_split
from acflib.datasets.camvid_lists import Finder, read_list
from acflib.datasets.labels import CAMVID_CLASSES, CAMVID_COLORS, CAMVID_TRAIN_IDS
from acflib.errors import DataError


class CamVid(SegmentationDataset):
    """CamVid driving photographs with 11 classes.

    ``SPLIT.txt`` lists one pair a line, ``train/NAME.png trainannot/NAME.png``. Lists that were written on another
    computer work too: where there is no file of a whole path, its last two parts count, with either separator, and
    :func:`acflib.datasets.camvid_lists.read_list` tells encodings, quotes and spaces that are understood. Photographs
    may be PNG or JPEG whatever the list says. Label values are 0 to 10, and 11 = void, which becomes 255.

    Args:
        root: folder that holds the lists and the folders they name.
        split: "train", "val", "trainval" or "test" (with labels, where ``test.txt`` is present).

    Raises:
        DataError: a list is missing or empty, or a file that it names is missing, or named twice.
    """

    splits = ("train", "val", "trainval", "test")
    color_advice = (
        "Colors are those of the first release, with 32 classes. This layout wants the numbers of 11 classes: the "
        "folders trainannot, valannot and testannot of the SegNet tutorial hold them."
    )
    value_advice = "Is this the release with 32 classes, or was the file resized with interpolation?"

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
    example = f"{split}/NAME.png {split}annot/NAME.png"
    if not listing.is_file():
        raise DataError(f"{listing}: does not exist. It lists pairs, one a line: {example}")
    pairs, finder = read_list(listing), Finder(root)
    if not pairs:
        raise DataError(f"{listing}: the split is empty. List pairs, one a line: {example}")
    frames: list[Frame] = []
    lines: dict[Path, int] = {}
    for pair in pairs:
        where = f"({listing}, line {pair.number})"
        photograph, labels = finder.find(pair.image, IMAGE_SUFFIXES), finder.find(pair.labels)
        if photograph is None:
            missing = root.joinpath(*pair.image[-2:])
            raise DataError(f"{missing}: image is missing, as .png and as .jpg {where}. {_mend(pair.image, 'it')}")
        if labels is None:
            missing = root.joinpath(*pair.labels[-2:])
            raise DataError(f"{missing}: labels of {photograph.name} are missing {where}. {_mend(pair.labels, 'them')}")
        if photograph in lines:
            raise DataError(f"{photograph}: listed twice {where}, first in line {lines[photograph]}. Take one out.")
        lines[photograph] = pair.number
        frames.append(Frame(photograph.stem, photograph, labels))
    return frames


def _mend(parts: tuple[str, ...], what: str) -> str:
    """What to do about a file that is missing."""
    if "".join(parts).isascii():
        return f"Put {what} back."
    return f"Put {what} back, or save the list as UTF-8, if the name looks wrong here."
