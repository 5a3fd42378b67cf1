"""An uncompressed copy of one split, read through memory maps: no picture is decoded while a network trains.

A folder CACHE/SPLIT holds ``images.u8`` (frames x H x W x 3), ``labels.u8`` (frames x H x W train ids) and
``index.json``: names, classes, the size and time of every source file, and a CRC-32 of every stored picture. All loader
processes read the same maps, so the operating system keeps one copy of them in memory.

The price is disk space, 4 bytes per pixel: 25 GB for the 2975 frames of 2048x1024 in the train split of Cityscapes.
"""

import json
import os
import secrets
import shutil
import time
import zlib
from pathlib import Path
from typing import Any

import numpy as np
from tqdm.auto import tqdm

from acflib.datasets.base import Frame, SegmentationDataset
from acflib.errors import DataError

CACHE_FORMAT = 1
INDEX = "index.json"
BYTES_PER_PIXEL = 4  # three colors and a train id
LEFTOVER_AGE = 600  # seconds without a write after which an unfinished cache is taken for that of a killed run


class CachedDataset(SegmentationDataset):
    """A split that is read from a cache: the same frames, images and labels as its source, bit for bit.

    Made by :func:`build_cache` and :func:`open_cache`. The checksum of a picture is compared when a process reads it
    for the first time, so that damage is never trained on; :meth:`verify` compares all of them.

    Attributes:
        folder: CACHE/SPLIT. All others are those of the source.
    """

    def __init__(self, folder: Path, index: dict[str, Any], source: SegmentationDataset) -> None:
        super().__init__(
            source.root, source.split, source.frames, source.classes, source.colors, source.class_weights
        )
        self.folder = folder
        shape = (len(source.frames), index["height"], index["width"])
        self._shapes = {"images": (*shape, 3), "labels": shape}
        self._checksums = {kind: [frame[kind]["crc32"] for frame in index["frames"]] for kind in self._shapes}
        self._checked: dict[str, set[int]] = {kind: set() for kind in self._shapes}
        self._maps: dict[str, np.memmap] = {}

    def load_image(self, index: int) -> np.ndarray:
        """The photograph as RGB, uint8 (H, W, 3), a copy that may be written to.

        Raises:
            DataError: the cache is damaged there.
        """
        return self._read("images", index)

    def load_labels(self, index: int) -> np.ndarray:
        """Train ids, uint8 (H, W), 255 = ignore, a copy that may be written to.

        Raises:
            DataError: the cache is damaged there.
        """
        return self._read("labels", index)

    def verify(self, progress: bool = True) -> None:
        """Read the whole cache and compare all checksums.

        Raises:
            DataError: names the damaged frames.
        """
        damaged = []
        for index, frame in enumerate(tqdm(self.frames, "checking", unit="frame", disable=not progress)):
            damaged += [f"{frame.name} ({kind}.u8)" for kind in self._shapes if not self._is_whole(kind, index)]
        if damaged:
            shown = ", ".join(damaged[:10]) + (f" and {len(damaged) - 10} more" if len(damaged) > 10 else "")
            raise DataError(f"{self.folder}: damaged: {shown}. {_mend(self.folder, self)}")

    def _read(self, kind: str, index: int) -> np.ndarray:
        frame = self.frames[index]
        if index not in self._checked[kind]:
            if not self._is_whole(kind, index):
                raise DataError(f"{self.folder / kind}.u8: frame {frame.name} is damaged. {_mend(self.folder, self)}")
            self._checked[kind].add(index)
        return np.array(self._map(kind)[index])

    def _is_whole(self, kind: str, index: int) -> bool:
        return zlib.crc32(self._map(kind)[index]) == self._checksums[kind][index]

    def _map(self, kind: str) -> np.memmap:
        """The memory map, opened by each process where it is first needed."""
        if kind not in self._maps:
            self._maps[kind] = np.memmap(self.folder / f"{kind}.u8", np.uint8, "r", shape=self._shapes[kind])
        return self._maps[kind]

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_maps": {}}  # a pickled map would carry all its pixels to the loader processes


def build_cache(dataset: SegmentationDataset, folder: str | Path, progress: bool = True) -> CachedDataset:
    """Write the cache of a split, or open it where it lies already.

    Everything is written to a hidden folder beside the final one and renamed when it is whole: an interrupted run
    leaves nothing that opens, and starts anew the next time.

    Args:
        dataset: a split with labels, all frames of one size.
        folder: holds one folder a split; made if missing.
        progress: say how much disk is needed, and show a progress bar.

    Raises:
        DataError: no labels, frames of several sizes, too little space, the folder cannot be written, or it holds a
            cache that does not fit ``dataset``.
    """
    folder = Path(folder)
    target = folder / dataset.split
    bare = [frame.image for frame in dataset.frames if frame.labels is None]
    if bare:
        raise DataError(f"{bare[0]}: split {dataset.split!r} has no labels. A cache is for training: choose 'train'.")
    height, width = dataset.load_image(0).shape[:2]
    try:
        folder.mkdir(parents=True, exist_ok=True)
        _remove_leftovers(folder, dataset.split)
        if target.exists():
            return open_cache(folder, dataset.split, dataset)
        _check_space(folder, len(dataset), height, width, progress)
        partial = folder / f".{dataset.split}.partial-{secrets.token_hex(4)}"
        try:
            partial.mkdir()
            _write(dataset, partial, height, width, progress)
            os.replace(partial, target)
        finally:
            shutil.rmtree(partial, ignore_errors=True)
    except OSError as error:
        raise DataError(f"{folder}: writing failed ({error}). Free some space or choose another folder.") from error
    return open_cache(folder, dataset.split, dataset)


def open_cache(folder: str | Path, split: str, source: SegmentationDataset | None = None) -> CachedDataset:
    """Open the cache of a split. Sizes and source files are compared now, checksums when frames are read.

    Args:
        folder: what :func:`build_cache` was given.
        split: name of the part.
        source: the data set that the cache must be of. None takes what the cache says, at its recorded place.

    Raises:
        DataError: no cache there, damaged or truncated, of another format version, of another data set, or the source
            files have changed.
    """
    target = Path(folder) / split
    index = _read_index(target, split)
    if source is None:
        source = _recorded_source(target, index)
    mend = _mend(target, source)
    for kind, channels in (("images", 3), ("labels", 1)):
        path = target / f"{kind}.u8"
        expected = len(index["frames"]) * index["height"] * index["width"] * channels
        found = path.stat().st_size if path.is_file() else 0
        if found != expected:
            raise DataError(f"{path}: has {found} bytes, not {expected}; it was cut short or replaced. {mend}")
    _check_source(target, index, source, mend)
    return CachedDataset(target, index, source)


def _write(dataset: SegmentationDataset, partial: Path, height: int, width: int, progress: bool) -> None:
    """Write both data files, then the index."""
    frames = []
    with open(partial / "images.u8", "wb") as images, open(partial / "labels.u8", "wb") as labels:
        for i, frame in enumerate(tqdm(dataset.frames, f"cache of {dataset.split}", unit="frame", disable=not progress)):
            entry: dict[str, Any] = {"name": frame.name}
            for kind, path, file in (("images", frame.image, images), ("labels", frame.labels, labels)):
                print_before = _fingerprint(path, dataset.root)  # before reading: a change during it is found later
                pixels = dataset.load_image(i) if kind == "images" else dataset.load_labels(i)
                if pixels.shape[:2] != (height, width):
                    raise DataError(
                        f"{path}: is {pixels.shape[1]}x{pixels.shape[0]}, but {dataset.frames[0].image} is "
                        f"{width}x{height}. A cache needs frames of one size: train without it."
                    )
                pixels = np.ascontiguousarray(pixels)
                file.write(pixels)
                entry[kind] = {**print_before, "crc32": zlib.crc32(pixels)}
            frames.append(entry)
        for file in (images, labels):
            file.flush()
            os.fsync(file.fileno())
    index = {"format": CACHE_FORMAT, "root": str(dataset.root.resolve()), **_about(dataset)}
    index |= {"height": height, "width": width, "frames": frames}
    (partial / INDEX).write_text(json.dumps(index) + "\n", encoding="utf-8")
