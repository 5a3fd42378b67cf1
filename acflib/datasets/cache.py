"""An uncompressed copy of one split, read through memory maps: no picture is decoded while a network trains.

A folder CACHE/SPLIT holds ``images.u8`` (frames x 3 x H x W), ``labels.u8`` (frames x H x W train ids) and
``index.json``: names, classes, the size and time of every source file, and a CRC-32 of every stored picture. All loader
processes read the same maps, so the operating system keeps one copy of them in memory.

The price is disk space, 4 bytes per pixel: 25.0 GB for the 2975 frames of 2048x1024 in Cityscapes' train split.
"""

import json
import math
import os
import secrets
import shutil
import sys
import time
import zlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from tqdm.auto import tqdm

from acflib.datasets.base import SegmentationDataset, as_pair, check_pair
from acflib.datasets.cache_index import (
    INDEX,
    PLANES,
    check_source,
    make_index,
    mend,
    read_index,
    recorded_source,
    stamp,
)
from acflib.errors import DataError

if TYPE_CHECKING:
    from torchvision import tv_tensors

BYTES_PER_PIXEL = 4  # three colors and a train id
LEFTOVER_AGE = 600  # seconds without a write after which an unfinished cache is taken for that of a killed run


class CachedDataset(SegmentationDataset):
    """A split that is read from a cache: the same frames, images and labels as its source, bit for bit.

    Made by :func:`build_cache` and :func:`open_cache`. A picture's checksum is compared when a process reads it for
    the first time, so damage is never trained on; :meth:`verify` compares all of them.

    Args:
        folder: CACHE/SPLIT.
        index: content of its ``index.json``.
        source: the data set it was made of; its attributes become those of the cache.
    """

    def __init__(self, folder: Path, index: dict[str, Any], source: SegmentationDataset) -> None:
        super().__init__(
            source.root, source.split, source.frames, source.classes, source.colors, source.class_weights
        )  # fmt: skip
        self.folder = folder
        count, *size = len(index["frames"]), index["height"], index["width"]
        self._shapes = {kind: (count, *planes, *size) for kind, planes in PLANES.items()}
        self._checksums = {kind: [entry[kind]["crc32"] for entry in index["frames"]] for kind in PLANES}
        self._checked: dict[str, set[int]] = {kind: set() for kind in PLANES}
        self._maps: dict[str, np.memmap] = {}

    def __getitem__(self, index: int) -> "tuple[tv_tensors.Image, tv_tensors.Mask]":
        """The image, uint8 (3, H, W), and its train ids, uint8 (H, W), 255 = ignore; copies, as all that is read.

        Raises:
            DataError: a checksum is wrong.
        """
        image, labels = self._read("images", index), self._read("labels", index)
        return as_pair(torch.from_numpy(image), torch.from_numpy(labels))

    def load_image(self, index: int) -> np.ndarray:
        """The photograph as RGB, uint8 (H, W, 3).

        Raises:
            DataError: its checksum is wrong.
        """
        return np.ascontiguousarray(self._read("images", index).transpose(1, 2, 0))  # (3, H, W) -> (H, W, 3)

    def load_labels(self, index: int) -> np.ndarray:
        """Train ids, uint8 (H, W), 255 = ignore.

        Raises:
            DataError: their checksum is wrong.
        """
        return self._read("labels", index)

    def verify(self, progress: bool = True) -> None:
        """Read the whole cache and compare all checksums.

        Raises:
            DataError: names the damaged frames.
        """
        damaged = []
        for index, frame in enumerate(tqdm(self.frames, "checking", unit="frame", disable=not progress)):
            damaged += [f"{frame.name} in {kind}.u8" for kind in PLANES if not self._is_whole(kind, index)]
        if damaged:
            shown = ", ".join(damaged[:10]) + (f" and {len(damaged) - 10} more" if len(damaged) > 10 else "")
            raise DataError(f"{self.folder}: damaged: {shown}. {mend(self.folder, self.root)}")

    def _read(self, kind: str, index: int) -> np.ndarray:
        name = self.frames[index].name  # an IndexError beyond the end, which is how a loop over a data set stops
        if index not in self._checked[kind]:
            if not self._is_whole(kind, index):
                path = self.folder / f"{kind}.u8"
                raise DataError(f"{path}: frame {name} is damaged. {mend(self.folder, self.root)}")
            self._checked[kind].add(index)
        return np.array(self._map(kind)[index])

    def _is_whole(self, kind: str, index: int) -> bool:
        return zlib.crc32(self._map(kind)[index]) == self._checksums[kind][index]

    def _map(self, kind: str) -> np.memmap:
        """The memory map, opened by each process where it first needs it."""
        if kind not in self._maps:
            self._maps[kind] = np.memmap(self.folder / f"{kind}.u8", np.uint8, "r", shape=self._shapes[kind])
        return self._maps[kind]

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_maps": {}}  # a pickled map would carry all its pixels to the loader processes


def open_cache(folder: str | Path, split: str, source: SegmentationDataset | None = None) -> CachedDataset:
    """Open the cache of a split. Sizes and source files are compared now, checksums when frames are read.

    Args:
        folder: what :func:`build_cache` was given.
        split: name of the part.
        source: the data set that the cache must be of. None takes the recorded one, at its recorded place.

    Raises:
        DataError: no cache there, damaged or truncated, of another format version, of another data set, or a source
            file has changed.
    """
    target = Path(folder) / split
    index = read_index(target)
    source = recorded_source(index) if source is None else source
    for kind, planes in PLANES.items():
        path = target / f"{kind}.u8"
        wanted = math.prod((len(index["frames"]), *planes, index["height"], index["width"]))
        found = path.stat().st_size if path.is_file() else 0
        if found != wanted:
            raise DataError(f"{path}: has {found} bytes where {wanted} belong. {mend(target, source.root)}")
    check_source(target, index, source)
    return CachedDataset(target, index, source)


def build_cache(dataset: SegmentationDataset, folder: str | Path, progress: bool = True) -> CachedDataset:
    """Write the cache of a split, or open it where it lies already.

    Everything is written to a hidden folder beside the final one, which is renamed when it is whole: an interrupted
    run leaves nothing that opens, and the next one starts anew.

    Args:
        dataset: a split with labels, all frames of one size.
        folder: will hold one folder a split; made if missing.
        progress: say how much disk is needed, and show a progress bar.

    Raises:
        DataError: no labels, frames of several sizes, too little space, the folder cannot be written, or it holds a
            cache that is not of this ``dataset``.
    """
    folder, split = Path(folder), dataset.split
    bare = [frame.image for frame in dataset.frames if frame.labels is None]
    if bare:
        raise DataError(f"{bare[0]}: split {split!r} has no labels. A cache is for training: choose 'train'.")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        _remove_leftovers(folder, split)
        if (folder / split).exists():
            return open_cache(folder, split, dataset)
        partial = folder / f".{split}.partial-{secrets.token_hex(4)}"
        _check_space(dataset, folder, progress)
        try:
            partial.mkdir()
            _write(dataset, partial, progress)
            try:
                os.replace(partial, folder / split)
            except OSError:
                if not (folder / split).is_dir():
                    raise
                # Else another process has just built it too: its cache is compared and opened.
        finally:
            shutil.rmtree(partial, ignore_errors=True)
    except OSError as error:
        raise DataError(f"{folder}: writing failed ({error}). Free some space or choose another folder.") from error
    return open_cache(folder, split, dataset)


def _check_space(dataset: SegmentationDataset, folder: Path, progress: bool) -> None:
    """Say what the cache will cost; DataError where the disk has too little left."""
    height, width = dataset.load_image(0).shape[:2]
    needed, free = len(dataset) * height * width * BYTES_PER_PIXEL, shutil.disk_usage(folder).free
    cost = f"cache of {len(dataset)} frames {width}x{height} needs {needed / 1e9:.1f} GB in {folder}"
    if needed > free:
        raise DataError(f"{cost}, {free / 1e9:.1f} GB are free. Free some space or choose another folder.")
    if progress:
        tqdm.write(f"{cost}; {free / 1e9:.1f} GB are free", file=sys.stderr)


def _write(dataset: SegmentationDataset, partial: Path, progress: bool) -> None:
    """Write both data files, then the index."""
    entries, size = [], dataset.load_image(0).shape[:2]
    with open(partial / "images.u8", "wb") as images, open(partial / "labels.u8", "wb") as labels:
        for i in tqdm(range(len(dataset)), f"cache of {dataset.split}", unit="frame", disable=not progress):
            frame = dataset.frames[i]
            # Stamps before reading, so that a change in between is found when the cache is opened.
            stamps = {"images": stamp(frame.image, dataset.root), "labels": stamp(frame.labels, dataset.root)}
            pixels = {"images": dataset.load_image(i), "labels": dataset.load_labels(i)}
            check_pair(frame, pixels["images"], pixels["labels"])
            for kind, file in (("images", images), ("labels", labels)):
                _check_size(frame.image, pixels[kind].shape[:2], dataset.frames[0].image, size)
                # A network wants its colors one after the other, so they are turned now and not at every reading.
                data = np.ascontiguousarray(np.moveaxis(pixels[kind], -1, 0) if kind == "images" else pixels[kind])
                file.write(data.data)
                stamps[kind]["crc32"] = zlib.crc32(data.data)
            entries.append({"name": frame.name, **stamps})
        for file in (images, labels):
            file.flush()
            os.fsync(file.fileno())
    index = make_index(dataset, size[0], size[1], entries)
    (partial / INDEX).write_text(json.dumps(index) + "\n", encoding="utf-8")


def _check_size(path: Path, size: tuple[int, int], first_path: Path, first_size: tuple[int, int]) -> None:
    """Raise DataError unless two (height, width) are the same."""
    if size != first_size:
        (h, w), (first_h, first_w) = size, first_size
        raise DataError(
            f"{path}: image or labels are {w}x{h}, but {first_path} is {first_w}x{first_h}. "
            "A cache needs frames of one size: train without it."
        )


def _remove_leftovers(folder: Path, split: str) -> None:
    """Remove what a killed run left. Where something was written just now, another process may still be at work."""
    for path in folder.glob(f".{split}.partial-*"):
        if time.time() - max(entry.stat().st_mtime for entry in (path, *path.iterdir())) > LEFTOVER_AGE:
            shutil.rmtree(path, ignore_errors=True)
