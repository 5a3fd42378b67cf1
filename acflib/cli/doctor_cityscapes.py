"""``acflib doctor`` for a Cityscapes folder: what can go wrong with it beyond what can with any data set."""

from collections import Counter
from pathlib import Path

import numpy as np
from PIL import Image

from acflib.cli.findings import SHOWN, Finding
from acflib.datasets import MANIFEST, SegmentationDataset
from acflib.datasets.cityscapes import IDS_END, IMAGE_END, TRAIN_IDS_END, Cityscapes
from acflib.datasets.folders import visible
from acflib.datasets.labels import TRAIN_ID_OF_ID
from acflib.datasets.reading import read_label_values
from acflib.errors import DataError

IMAGES, LABELS = "leftImg8bit", "gtFine"
ARCHIVES = {IMAGES: "leftImg8bit_trainvaltest.zip", LABELS: "gtFine_trainvaltest.zip"}
SIZE = (2048, 1024)  # width and height
# Images with fine annotations, by city; they add up to the official 2975, 500 and 1525.
CITIES = {
    "train": {
        "aachen": 174, "bochum": 96, "bremen": 316, "cologne": 154, "darmstadt": 85, "dusseldorf": 221, "erfurt": 109,
        "hamburg": 248, "hanover": 196, "jena": 119, "krefeld": 99, "monchengladbach": 94, "strasbourg": 365,
        "stuttgart": 196, "tubingen": 144, "ulm": 95, "weimar": 142, "zurich": 122,
    },
    "val": {"frankfurt": 267, "lindau": 59, "munster": 174},
    "test": {"berlin": 544, "bielefeld": 181, "bonn": 46, "leverkusen": 58, "mainz": 298, "munich": 398},
}  # fmt: skip


def is_cityscapes(root: Path) -> bool:
    """Whether a folder is meant to be Cityscapes, rightly unpacked or not. Streets has its layout, and is not."""
    if (root / MANIFEST).is_file():
        return False
    names = (IMAGES, LABELS, "gtCoarse")
    return any((root / name).is_dir() or visible(root.glob(f"*/{name}"), root) for name in names)


def check_layout(root: Path, subset: bool = False) -> list[Finding]:
    """Folders and files where they belong, and as many images as there should be.

    Args:
        root: the data folder.
        subset: it holds part of Cityscapes on purpose.
    """
    findings = [finding for name in (IMAGES, LABELS) for finding in _check_folder(root, name)]
    findings += _misplaced_files(root)
    return findings + [f for split in CITIES if (root / IMAGES / split).is_dir() for f in _counts(root, split, subset)]


def check_frames(dataset: SegmentationDataset, indices: list[int], subset: bool = False) -> list[Finding]:
    """Sizes of a sample of images, and whether both kinds of label files say the same.

    Args:
        dataset: a split of Cityscapes.
        indices: the frames to look at.
        subset: the files are smaller than the original ones on purpose.
    """
    findings = []
    sizes = {dataset.frames[i].image: _size(dataset.frames[i].image) for i in indices}
    wrong = [f"{path} is {size[0]}x{size[1]}" for path, size in sizes.items() if size not in (SIZE, None)]
    if wrong:
        text = f"{dataset.split}: {len(wrong)} of {len(indices)} images are not {SIZE[0]}x{SIZE[1]}, such as {wrong[0]}"
        mend = f"unpack {ARCHIVES[IMAGES]} again: results at another size cannot be compared (on purpose: --subset)"
        findings.append(_fault(text, mend, subset))
    if dataset.frames[0].labels is None:
        return findings + _read_images(dataset, indices)
    return findings + _compare_label_files(dataset, indices)


def _read_images(dataset: SegmentationDataset, indices: list[int]) -> list[Finding]:
    """Decode images of a split without labels; where there are labels, doctor opens both anyway."""
    faults = []
    for index in indices:
        try:
            dataset.load_image(index)
        except DataError as error:
            faults.append(Finding(False, f"{dataset.split}: {error}"))
    return faults[:SHOWN] + [Finding(True, f"{dataset.split}: {len(indices) - len(faults)} images read whole")]


def _check_folder(root: Path, name: str) -> list[Finding]:
    """Is ``leftImg8bit`` or ``gtFine`` where it belongs, or a level too deep, or are there coarse labels instead?"""
    folder, inner = root / name, root / name / name
    if inner.is_dir():
        return [Finding(False, f"{inner}: one folder too deep", f"move what is in it to {folder}")]
    if folder.is_dir():
        return []
    deeper = [path for path in visible(root.glob(f"*/{name}"), root) if path.is_dir()]
    if deeper:
        return [
            Finding(False, f"{deeper[0]}: one folder too deep", f"move it to {folder}, or give the folder around it")
        ]
    mend = f"unpack {ARCHIVES[name]} in {root}"
    if name == LABELS and (root / "gtCoarse").is_dir():
        text = f"{root}: has coarse labels (gtCoarse) and no fine ones; acflib trains and evaluates on the fine ones"
        return [Finding(False, text, mend)]
    return [Finding(False, f"{folder}: does not exist", mend)]


def _misplaced_files(root: Path) -> list[Finding]:
    """Images and label files that are not read, because they lie in the wrong folder."""
    found: dict[str, list[Path]] = {}
    for top, endings in READ.items():
        for path in visible((root / top).rglob("*.png"), root / top):
            parts = path.relative_to(root / top).parts
            known = [name for name, own in OWN.items() if own in path.name]
            if known != [top]:
                found.setdefault(f"no file of {top}", []).append(path)
            elif not path.name.endswith(endings) or parts[0] == "train_extra":
                continue  # pictures that other tools make of the labels, images that have coarse labels only
            elif len(parts) != 3 or parts[0] not in CITIES or not path.name.startswith(parts[1] + "_"):
                found.setdefault(f"not in {top}/SPLIT/CITY, so not read", []).append(path)
    return [
        Finding(False, f"{paths[0]}: {problem} ({len(paths)} in all)", "move it where it belongs, or remove it")
        for problem, paths in found.items()
    ]


OWN = {IMAGES: "_leftImg8bit", LABELS: "_gtFine_", "gtCoarse": "_gtCoarse_"}  # what the names in each folder hold
READ = {IMAGES: (IMAGE_END,), LABELS: (IDS_END, TRAIN_IDS_END)}


def _counts(root: Path, split: str, subset: bool) -> list[Finding]:
    """The number of images of each city against the official one."""
    folder = root / IMAGES / split
    found = Counter(path.parent.name for path in visible(folder.glob(f"*/*{IMAGE_END}"), folder))
    wanted = CITIES[split]
    total, official = sum(found.values()), sum(wanted.values())
    if found == wanted:
        return [Finding(True, f"{split}: {total} images, {len(wanted)} cities, all of Cityscapes")]
    off = [f"{city} {found[city]} of {count}" for city, count in wanted.items() if found[city] != count]
    off += [f"{city} is no city of it" for city in sorted(found.keys() - wanted.keys())]
    shown = ", ".join(off[:SHOWN]) + (f" and {len(off) - SHOWN} more" if len(off) > SHOWN else "")
    text = f"{split}: {total} images where Cityscapes has {official} ({shown})"
    return [_fault(text, f"unpack {ARCHIVES[IMAGES]} again (on purpose: --subset)", subset)]


def _compare_label_files(dataset: SegmentationDataset, indices: list[int]) -> list[Finding]:
    """Where a frame has ``labelIds`` and ``labelTrainIds``, the second must follow from the first."""
    split = dataset.split
    labels = {i: frame.labels for i, frame in enumerate(dataset.frames) if frame.labels is not None}
    with_train_ids = sum(path.name.endswith(TRAIN_IDS_END) for path in labels.values())
    if with_train_ids == 0:
        return [Finding(True, f"{split}: labels are read from *{IDS_END}; nothing else is needed")]
    findings, compared, different = [], 0, []
    if with_train_ids < len(dataset):
        text = (
            f"{split}: {with_train_ids} of {len(dataset)} frames have a *{TRAIN_IDS_END}, the others are read from ids"
        )
        findings.append(Finding(None, text))
    for index in indices:
        path = labels.get(index)
        if path is None or not path.name.endswith(TRAIN_IDS_END):
            continue
        ids = path.with_name(path.name.replace(TRAIN_IDS_END, IDS_END))
        if not ids.is_file():
            continue
        try:
            same = np.array_equal(TRAIN_ID_OF_ID[_label_values(ids)], _label_values(path))
        except DataError as error:
            findings.append(Finding(False, f"{split}: {error}"))
            continue
        compared += 1
        different += [] if same else [path]
    if different:
        text = f"{different[0]}: does not follow from its *{IDS_END} ({len(different)} of {compared} compared)"
        mend = f"remove the *{TRAIN_IDS_END} files (labels are then read from ids), or write them again"
        findings.append(Finding(False, text, mend))
    elif compared:
        findings.append(Finding(True, f"{split}: *{IDS_END} and *{TRAIN_IDS_END} agree in {compared} frames"))
    return findings


def _label_values(path: Path) -> np.ndarray:
    return read_label_values(path, Cityscapes.color_advice)


def _fault(text: str, mend: str, subset: bool) -> Finding:
    return Finding(None, text) if subset else Finding(False, text, mend)


def _size(path: Path) -> tuple[int, int] | None:
    """Width and height; None for a file that cannot be read, which is reported where it is decoded."""
    try:
        with Image.open(path) as picture:
            return picture.size
    except (OSError, SyntaxError, ValueError):
        return None
