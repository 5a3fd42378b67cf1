"""Scores of a network on a data set."""

from collections.abc import Generator
from contextlib import closing
from pathlib import Path

import torch
from PIL import ExifTags, Image
from torch import Tensor
from torch.utils.data import DataLoader, Dataset, Subset
from tqdm import tqdm

from acflib import distributed
from acflib.acfnet import ACFNet, evaluation_mode
from acflib.datasets.base import SegmentationDataset
from acflib.engine.devices import autocast, memory_format
from acflib.engine.oracle import classes_that_occur, oracle_probs
from acflib.engine.workers import clear_errors, ended_with, ignore_interrupts, shared_batch
from acflib.errors import ConfigError, DataError
from acflib.metrics import Scores, confusion_matrix
from acflib.predict.inference import InferenceConfig, predict_probabilities


class _Prepared(Dataset):
    """A data set whose items are ready for the network."""

    def __init__(self, dataset: SegmentationDataset):
        # torchvision is slow to import: see acflib.layers.bases
        from acflib.datasets.transforms import evaluation_transform

        self.dataset, self.transform = dataset, evaluation_transform()

    def __len__(self) -> int:
        return len(self.dataset)

    def __getitem__(self, index: int):
        return self.transform(*self.dataset[index])


def evaluate(
    model: ACFNet,
    dataset: SegmentationDataset,
    config: InferenceConfig = InferenceConfig(),
    batch_size: int = 1,
    workers: int = 0,
    precision: str = "float32",
    progress: bool = True,
    oracle: str = "none",
    presence: bool = False,
) -> Scores:
    """Confusion matrices of the fine and the coarse result over a data set.

    Under torchrun each process takes every n-th image and the counts are added: every image counts once, none twice.

    Args:
        model: the network; it is evaluated where it is, and the training mode of each of its modules is put back.
        dataset: a split with labels.
        config: whole image, sliding window, scales, flip.
        batch_size: images at a time; above 1 only where all have one size.
        workers: data loading processes.
        precision: "float32", "bf16", "fp16" or "float64".
        progress: whether to show a progress bar (first process only).
        oracle: one of :data:`acflib.engine.oracle.ORACLES`, ground truth in the place of P (whole images only).
        presence: whether each pixel chooses among the classes that occur in its image alone, as the labels tell.

    Raises:
        DataError: a file cannot be used, or a batch holds images of different size.
        ConfigError: the network has another number of classes than the data, or an oracle meets windows or scales.
        LoaderError: a loading process was killed, or shared memory is too small for it.
    """
    distributed.share_buffers(model)  # else each process would score its images with running statistics of its own
    device = next(model.parameters()).device
    zeros = torch.zeros(model.num_classes, model.num_classes, dtype=torch.int64, device=device)
    counts = {"out": zeros, "coarse": zeros.clone()}
    stream = probability_batches(model, dataset, config, batch_size, workers, precision, progress, oracle)
    with closing(stream) as batches:
        for found, labels in batches:
            occurs = classes_that_occur(labels, model.num_classes) if presence else None  # (B, N)
            for name, probabilities in found.items():
                if occurs is not None:
                    probabilities = probabilities.masked_fill(~occurs[..., None, None], -1)
                guess = probabilities.max(dim=1).indices  # as argmax, which is slower on a CPU
                counts[name] += confusion_matrix(guess, labels, model.num_classes)
    counts = {name: distributed.sum_over_ranks(count).cpu() for name, count in counts.items()}
    return Scores(dataset.classes, counts["out"], counts["coarse"] if model.acf is not None else None)


def probability_batches(
    model: ACFNet,
    dataset: SegmentationDataset,
    config: InferenceConfig = InferenceConfig(),
    batch_size: int = 1,
    workers: int = 0,
    precision: str = "float32",
    progress: bool = True,
    oracle: str = "none",
) -> Generator[tuple[dict[str, Tensor], Tensor], None, None]:
    """Class probabilities and labels of a data set, batch by batch: what every measure of a network is made from.

    Arguments and errors as :func:`evaluate`. Under torchrun each process yields every n-th image. The network is in
    evaluation mode until the end; use ``contextlib.closing``, so that its training mode comes back after an error too.

    Yields:
        Probabilities (B, N, H, W), "out" and with an ACF module "coarse", and labels int64 (B, H, W), on the network's
        device.
    """
    if batch_size < 1 or workers < 0:
        raise ConfigError(f"batch_size must be at least 1 and workers at least 0, got {batch_size} and {workers}")
    check_classes(model.num_classes, dataset)
    parameter = next(model.parameters())
    device, first, step = parameter.device, distributed.rank(), distributed.world_size()
    loader = DataLoader(
        Subset(_Prepared(dataset), range(first, len(dataset), step)),
        batch_size,
        num_workers=workers,
        pin_memory=device.type == "cuda",
        persistent_workers=workers > 0,  # so that ended_with can end them
        collate_fn=_collate,
        worker_init_fn=ignore_interrupts,
        generator=torch.Generator(),  # else the loader would draw from the global random state
    )
    order = memory_format(device, model)
    bar = tqdm(clear_errors(loader), "evaluating", len(loader), disable=not progress or first > 0)
    with evaluation_mode(model), ended_with(loader):
        for images, labels in bar:
            images = images.to(device, parameter.dtype, non_blocking=True, memory_format=order)
            labels = labels.to(device, non_blocking=True)
            class_maps = oracle_probs(oracle, labels, model.num_classes)
            with autocast(device, precision):
                found = predict_probabilities(model, images, config, **class_maps)
            yield found, labels


def check_classes(num_classes: int, dataset: SegmentationDataset) -> None:
    """Raise ConfigError unless network and data have the same number of classes."""
    if num_classes != dataset.num_classes:
        raise ConfigError(
            f"the network has {num_classes} classes, {dataset.root} has {dataset.num_classes}: "
            f"pass num_classes={dataset.num_classes} (--num-classes {dataset.num_classes})"
        )


def check_split(dataset: SegmentationDataset, batch_size: int) -> None:
    """Look whether a split can be evaluated, before hours of training: labels, and one size where batches need it.

    Only the heads of the pictures are read.

    Raises:
        DataError: no labels, images of several sizes with a batch size above 1, or a picture cannot be opened.
    """
    sizes: dict[tuple[int, int], Path] = {}
    for frame in dataset.frames:
        if frame.labels is None:
            raise DataError(f"{frame.image}: split {dataset.split!r} has no labels to evaluate with; choose another")
        if batch_size > 1:
            sizes.setdefault(_picture_size(frame.image), frame.image)
    if len(sizes) > 1:
        found = ", ".join(f"{path} is {width}x{height}" for (width, height), path in list(sizes.items())[:2])
        raise DataError(
            f"split {dataset.split!r} has images of {len(sizes)} sizes ({found}), which do not go into one batch: "
            "evaluate with a batch size of 1 (--eval-batch-size 1 in training, --batch-size 1 in evaluate)"
        )


def _picture_size(path: Path) -> tuple[int, int]:
    """Width and height as read_image gives them: an EXIF turn exchanges the two."""
    try:
        with Image.open(path) as picture:
            turned = picture.getexif().get(ExifTags.Base.Orientation, 1) >= 5
            return (picture.height, picture.width) if turned else picture.size
    except (OSError, SyntaxError, ValueError) as error:
        raise DataError(f"{path}: cannot be read as a picture ({error}). Copy or download it again.") from error


def _collate(items: list) -> tuple[Tensor, Tensor]:
    return shared_batch(items, _stack)


def _stack(items: list) -> tuple[Tensor, Tensor]:
    sizes = {tuple(image.shape[-2:]) for image, _ in items}
    if len(sizes) > 1:
        raise DataError(f"images of different size in one batch: {sorted(sizes)}; evaluate with a batch size of 1")
    return torch.stack([image for image, _ in items]), torch.stack([labels for _, labels in items])
