"""Files for training_step.py and inference.py: the folder they lie in, loaders, and the time of a batch from them."""

import argparse
import math
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import torch
from full_size_folder import DEFAULT_FOLDER, write_full_size
from peers import wait_for
from PIL import Image
from torch import Tensor
from torch.utils.data import DataLoader, Dataset
from torchvision import tv_tensors

from acflib.datasets import SegmentationDataset, open_dataset
from acflib.datasets.cache import build_cache
from acflib.datasets.transforms import evaluation_transform, resize_part
from acflib.engine.config import TrainConfig
from acflib.engine.workers import ended_with, ignore_interrupts
from acflib.predict.evaluation import check_classes
from acflib.training import make_loader

PREFETCH = 2  # batches that each loading process holds ready: acflib's default, and torch's

# A function that gives a loader of so many batches (images, labels).
Batches = Callable[[int], DataLoader]


def folder_of(given: argparse.Namespace, split: str) -> Path | None:
    """The folder of ``--data``, with ``--generate`` frames in a split of it; None where neither was given."""
    data = given.data or (DEFAULT_FOLDER if given.generate else None)
    if given.generate:
        write_full_size(data, **{"train": 0, "val": 0, split: given.generate})
    return data


def open_frames(data: Path, split: str, cache: Path | None, num_classes: int) -> SegmentationDataset:
    """A split of the folder, read from PNG files or, where there is a folder for it, from the cache (made if missing).

    Raises:
        ConfigError: it has another number of classes.
    """
    dataset = open_dataset(data, split)
    check_classes(num_classes, dataset)
    return build_cache(dataset, cache) if cache else dataset


def describe(dataset: SegmentationDataset) -> dict[str, float]:
    """What the files are, for a result file."""
    height, width = dataset.load_labels(0).shape
    size = sum(frame.image.stat().st_size for frame in dataset.frames) / len(dataset)
    return {"images": len(dataset), "mb_per_png": size / 1e6, "height": height, "width": width}


def training_batches(config: TrainConfig, dataset: SegmentationDataset, workers: int, device: torch.device) -> Batches:
    """Those of training: flip, scale, crop, in ``workers`` processes (0: in this one), pinned for a GPU."""
    return lambda count: make_loader(replace(config, workers=workers, iterations=count), dataset, 0, device)


class Frames(Dataset):
    """Images and labels as evaluation sees them, resized to (height, width) where that is not their size.

    Item ``i`` is frame ``i`` modulo their number, so that there are as many as it takes.
    """

    def __init__(self, dataset: SegmentationDataset, size: tuple[int, int]) -> None:
        self.dataset, self.size, self.transform = dataset, size, evaluation_transform()

    def __getitem__(self, index: int) -> tuple[Tensor, Tensor]:
        image, labels = self.dataset[index % len(self.dataset)]
        if labels.shape != self.size:
            place = {"full": self.size, "top": 0, "left": 0, "height": self.size[0], "width": self.size[1]}
            image = tv_tensors.Image(resize_part(image, **place, resample=Image.Resampling.BILINEAR))
            planes = labels.as_subclass(Tensor)[None]  # (H, W) -> (1, H, W)
            labels = tv_tensors.Mask(resize_part(planes, **place, resample=Image.Resampling.NEAREST)[0])
        return self.transform(image, labels)


def image_batches(frames: Frames, workers: int) -> Batches:
    """One image at a time, loaded as ``acflib evaluate`` does."""
    settings = {"num_workers": workers, "persistent_workers": workers > 0, "worker_init_fn": ignore_interrupts}
    return lambda count: DataLoader(frames, 1, sampler=range(count), generator=torch.Generator(), **settings)


def batch_seconds(
    use: Callable[[Tensor, Tensor], object], batches: Batches, workers: int, times: int, device: torch.device
) -> float:
    """Mean seconds of ``use(images, labels)`` over batches in a row, loading and the device's work included.

    The batches that loading processes hold ready at the start are used and not timed, and the timed ones are followed
    by as many, so that the processes work all the time. They deliver in turn: each is timed equally often.

    Args:
        times: batches that are timed, at least.
    """
    ahead = PREFETCH * workers
    times = math.ceil(times / max(1, workers)) * max(1, workers)
    loader = batches(ahead + times + ahead)
    with ended_with(loader):
        source = iter(loader)
        for _ in range(ahead):
            use(*next(source))
        wait_for(device)
        start = time.perf_counter()
        for _ in range(times):
            use(*next(source))
        wait_for(device)
        return (time.perf_counter() - start) / times
