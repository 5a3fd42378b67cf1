"""``index.json`` of a cache: what is stored, of which source files, and whether both still belong together."""

import json
import os
from pathlib import Path
from typing import Any

from acflib.datasets.base import Frame, SegmentationDataset
from acflib.errors import DataError

CACHE_FORMAT = 1
INDEX = "index.json"
PLANES = {"images": (3,), "labels": ()}  # a data file -> its shape between frames and (H, W)


def make_index(dataset: SegmentationDataset, height: int, width: int, frames: list[dict[str, Any]]) -> dict[str, Any]:
    """The content of the file.

    Args:
        frames: one entry a frame: {"name": ..., "images": {stamp and "crc32"}, "labels": {stamp and "crc32"}}.
    """
    root = str(dataset.root.resolve())
    return {"format": CACHE_FORMAT, "root": root, **about(dataset), "height": height, "width": width, "frames": frames}


def about(dataset: SegmentationDataset) -> dict[str, Any]:
    """What a cache must have in common with its source, as JSON gives it back."""
    return {
        "split": dataset.split,
        "classes": list(dataset.classes),
        "colors": [list(color) for color in dataset.colors],
        "class_weights": None if dataset.class_weights is None else list(dataset.class_weights),
    }


def stamp(path: Path, root: Path) -> dict[str, Any]:
    """By which a source file is known again: its place in the data folder, size in bytes, time of the last change."""
    status = path.stat()
    place = Path(os.path.relpath(path, root)).as_posix()
    return {"path": place, "size": status.st_size, "mtime_ns": status.st_mtime_ns}


def read_index(folder: Path) -> dict[str, Any]:
    """Read the index of CACHE/SPLIT.

    Raises:
        DataError: there is none, it is damaged, or of another format version.
    """
    path = folder / INDEX
    if not path.is_file():
        raise DataError(f"{folder}: no cache ({INDEX} is missing). {mend(folder)}")
    try:
        index = json.loads(path.read_text(encoding="utf-8"))
        version = index["format"]
        if version == CACHE_FORMAT:
            _use_all(index)
    except (ValueError, KeyError, TypeError) as error:
        raise DataError(f"{path}: damaged ({type(error).__name__}: {error}). {mend(folder)}") from error
    if version != CACHE_FORMAT:
        raise DataError(f"{path}: has format {version}, this acflib reads format {CACHE_FORMAT}. {mend(folder)}")
    return index


def recorded_source(index: dict[str, Any]) -> SegmentationDataset:
    """The data set that a cache was made of, as far as the index tells."""
    root = Path(index["root"])
    frames = [
        Frame(entry["name"], root / entry["images"]["path"], root / entry["labels"]["path"])
        for entry in index["frames"]
    ]
    colors = [tuple(color) for color in index["colors"]]
    return SegmentationDataset(root, index["split"], frames, index["classes"], colors, index["class_weights"])


def check_source(folder: Path, index: dict[str, Any], source: SegmentationDataset) -> None:
    """Compare an index with the data set, and every source file with its stamp.

    Raises:
        DataError: another data set, or a file is gone or has changed since the cache was written.
    """
    for name, value in about(source).items():
        if index[name] != value:
            raise DataError(
                f"{folder}: the cache of another data set: its {name} are not those of {source.root}. "
                f"{mend(folder, source.root)}"
            )
    names, wanted = [entry["name"] for entry in index["frames"]], [frame.name for frame in source.frames]
    if names != wanted:
        odd = sorted(set(names) ^ set(wanted))
        raise DataError(
            f"{folder}: the cache of another data set: it holds {len(names)} frames, {source.root} has {len(wanted)}, "
            f"and not all are the same (the first that differs: {odd[0] if odd else names[0]}). "
            f"{mend(folder, source.root)}"
        )
    for entry, frame in zip(index["frames"], source.frames, strict=True):
        for kind, path in (("images", frame.image), ("labels", frame.labels)):
            if path is None:
                raise DataError(
                    f"{frame.image}: its labels, a source of the cache {folder}, are gone. Put them back, or open the "
                    "data set without its cache."
                )
            recorded = {key: entry[kind][key] for key in ("path", "size", "mtime_ns")}
            try:
                found = stamp(path, source.root)
            except OSError as error:
                raise DataError(
                    f"{path}: a source of the cache {folder} is gone. Put it back, or give the data folder's new place."
                ) from error
            if found != recorded:
                raise DataError(
                    f"{path}: is not the file of which the cache {folder} was made (place, size or time differ). "
                    f"{mend(folder, source.root)}"
                )


def mend(folder: Path, root: Path | str = "ROOT") -> str:
    """How to get a good cache at CACHE/SPLIT."""
    again = f"acflib data cache --data {root} --split {folder.name} --out {folder.parent}"
    return f"Delete {folder} and build it again: {again}" if folder.exists() else f"Build it: {again}"


def _use_all(index: dict[str, Any]) -> None:
    """Look at every entry, so that a missing or senseless one is met now."""
    recorded_source(index)
    numbers = [index["height"], index["width"]]
    for entry in index["frames"]:
        numbers += [entry[kind][key] for kind in PLANES for key in ("size", "mtime_ns", "crc32")]
    if not all(isinstance(number, int) and number >= 0 for number in numbers):
        raise ValueError("a size, time or checksum is not a number from 0 up")
