"""Augmentation and normalization of an image together with its labels.

Built on ``torchvision.transforms.v2``: a transform gets ``(tv_tensors.Image, tv_tensors.Mask)``, draws its random
numbers once, and applies them to both.
"""

import math
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor, nn
from torch.utils.data import Dataset
from torchvision import tv_tensors
from torchvision.transforms import v2

from acflib.datasets.base import SegmentationDataset
from acflib.datasets.labels import IGNORE_INDEX
from acflib.datasets.normalize import normalize_image
from acflib.errors import ConfigError, DataError


class RandomScale(v2.Transform):
    """Resize by one factor drawn uniformly from ``scale_range``, and keep a random crop of the result.

    Args:
        scale_range: limits of the factor, the same for both sides.
        crop_size: (height, width); a side that is shorter after resizing is left as it is. None keeps all.
    """

    def __init__(self, scale_range: tuple[float, float], crop_size: tuple[int, int] | None = None) -> None:
        super().__init__()
        self.scale_range = scale_range
        self.crop_size = crop_size

    def make_params(self, flat_inputs: list[Any]) -> dict[str, Any]:
        low, high = self.scale_range
        factor = low + (high - low) * torch.rand(()).item()
        full = tuple(max(1, round(side * factor)) for side in flat_inputs[0].shape[-2:])
        height, width = (min(pair) for pair in zip(full, self.crop_size or full, strict=True))
        top = _random_int(full[0] - height)
        left = _random_int(full[1] - width)
        return {"full": full, "top": top, "left": left, "height": height, "width": width}

    def transform(self, inpt: Tensor, params: dict[str, Any]) -> Tensor:
        if isinstance(inpt, tv_tensors.Mask):
            plain = inpt.as_subclass(Tensor)[None]  # (H, W) -> (1, H, W)
            return tv_tensors.wrap(resize_part(plain, **params, resample=Image.Resampling.NEAREST)[0], like=inpt)
        return tv_tensors.wrap(resize_part(inpt, **params, resample=Image.Resampling.BILINEAR), like=inpt)


def resize_part(
    planes: Tensor, full: tuple[int, int], top: int, left: int, height: int, width: int, resample: Image.Resampling
) -> Tensor:
    """Resize to ``full`` and cut out a rectangle, without computing what lies outside of it.

    The rectangle is where it would lie in the resized whole, to a fraction of a source pixel, and interpolation at its
    border reads the source pixels beyond it. So it equals resizing first and cutting then, but for rounding, of at
    most two gray levels. BILINEAR antialiases; NEAREST takes the nearest pixel *center*, so labels do not shift
    against the image.

    Args:
        planes: uint8 (C, H, W).
        full: (height, width) of the resized whole.
        top, left, height, width: the rectangle in it.

    Returns:
        uint8 (C, height, width).
    """
    step_y, step_x = planes.shape[-2] / full[0], planes.shape[-1] / full[1]  # source pixels per resized pixel
    box = (left * step_x, top * step_y, (left + width) * step_x, (top + height) * step_y)
    pictures = (Image.fromarray(plane) for plane in planes.numpy())
    return torch.from_numpy(np.stack([np.asarray(p.resize((width, height), resample, box)) for p in pictures]))


class NormalizePair(v2.Transform):
    """Image uint8 -> normalized float32; train ids uint8 -> int64, as the losses want them."""

    def transform(self, inpt: Tensor, params: dict[str, Any]) -> Tensor:
        if isinstance(inpt, tv_tensors.Mask):
            return tv_tensors.Mask(inpt.as_subclass(Tensor).long())
        return tv_tensors.Image(normalize_image(inpt))


class RandomPad(v2.Transform):
    """Place a picture that is smaller than (height, width) at random in a frame of that size.

    It comes after normalization, so that the border is exactly 0, the mean color. Labels there are 255.
    """

    def __init__(self, size: tuple[int, int]) -> None:
        super().__init__()
        self.size = size

    def make_params(self, flat_inputs: list[Any]) -> dict[str, Any]:
        height, width = flat_inputs[0].shape[-2:]
        spare_height, spare_width = max(0, self.size[0] - height), max(0, self.size[1] - width)
        top, left = _random_int(spare_height), _random_int(spare_width)
        return {"left": left, "right": spare_width - left, "top": top, "bottom": spare_height - top}

    def transform(self, inpt: Tensor, params: dict[str, Any]) -> Tensor:
        border = (params["left"], params["right"], params["top"], params["bottom"])
        if not any(border):  # the usual case: spare the copy
            return inpt.as_subclass(Tensor)
        fill = IGNORE_INDEX if isinstance(inpt, tv_tensors.Mask) else 0
        return nn.functional.pad(inpt.as_subclass(Tensor), border, value=fill)


def training_transform(
    crop_size: tuple[int, int],
    scale_range: tuple[float, float] = (0.5, 2.0),
    flip_probability: float = 0.5,
) -> v2.Transform:
    """Random flip, scale and crop as in section 4.2 of the paper, then normalization.

    Args:
        crop_size: (height, width) of the result; smaller images are padded (image 0, labels 255).
        scale_range: limits of the scale factor.
        flip_probability: chance of a mirror image.

    Returns:
        A transform from (Image uint8 (3, H, W), Mask uint8 (H, W)) to (float32 (3, h, w), int64 (h, w)).

    Raises:
        ConfigError: a size, range or probability makes no sense.
    """
    if len(crop_size) != 2 or min(crop_size) < 1:
        raise ConfigError(f"crop_size={crop_size}: give (height, width), both at least 1.")
    if not 0 < scale_range[0] <= scale_range[1] < math.inf:
        raise ConfigError(f"scale_range={scale_range}: give (smallest, largest), such as (0.5, 2.0).")
    if not 0 <= flip_probability <= 1:
        raise ConfigError(f"flip_probability={flip_probability}: give a number from 0 to 1.")
    return v2.Compose(
        [
            v2.RandomHorizontalFlip(flip_probability),
            RandomScale(scale_range, crop_size),
            NormalizePair(),
            RandomPad(crop_size),
        ]
    )


def evaluation_transform() -> v2.Transform:
    """Normalization alone: (Image uint8 (3, H, W), Mask uint8 (H, W)) -> (float32 (3, H, W), int64 (H, W))."""
    return v2.Compose([NormalizePair(), v2.ToPureTensor()])


class SeededAugmentation(Dataset):
    """A dataset whose key is ``(epoch, index)`` and whose random numbers follow from (seed, epoch, index) alone.

    So a sample is the same in any worker process, in any order, and after a resumed run.

    Args:
        dataset: gives (image, labels) for an index.
        transform: applied to the pair; may use torch's random numbers.
        seed: at least 0.
    """

    def __init__(self, dataset: SegmentationDataset, transform: v2.Transform, seed: int) -> None:
        self.dataset = dataset
        self.transform = transform
        self.seed = seed

    def __len__(self) -> int:
        return len(self.dataset)

    def __getitem__(self, key: tuple[int, int]) -> tuple[Tensor, Tensor]:
        epoch, index = key
        state = np.random.SeedSequence([self.seed, epoch, index]).generate_state(1, np.uint64)
        image, labels = self.dataset[index]
        with torch.random.fork_rng(devices=[]):  # puts torch's CPU random state back afterwards
            # Not torch.manual_seed: that would seed every GPU as well.
            torch.random.default_generator.manual_seed(int(state[0]))
            return self.transform(image, labels)


def class_balance(dataset: SegmentationDataset) -> tuple[float, ...]:
    """Weights for a class-balanced loss: 1 / ln(1.02 + f), f = share of the class among labeled pixels; mean 1.

    The formula is ENet's (Paszke et al. 2016). A class that never occurs gets the largest weight.

    Raises:
        DataError: no pixel of the dataset has a class.
    """
    counts = np.zeros(256, dtype=np.int64)
    for index in range(len(dataset)):
        counts += np.bincount(dataset.load_labels(index).ravel(), minlength=256)
    counts = counts[: dataset.num_classes]
    if counts.sum() == 0:
        raise DataError(f"{dataset.root}: every pixel of split {dataset.split!r} is ignored. Check its label files.")
    weights = 1 / np.log(1.02 + counts / counts.sum())
    return tuple((weights / weights.mean()).tolist())


def _random_int(largest: int) -> int:
    """A whole number from 0 to ``largest``, both included."""
    return int(torch.randint(largest + 1, ()).item())
