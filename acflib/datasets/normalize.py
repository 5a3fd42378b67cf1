"""The colors of an image as the networks expect them."""

import torch
from torch import Tensor

from acflib.layers.bases import IMAGENET_MEAN, IMAGENET_STD


def normalize_image(image: Tensor) -> Tensor:
    """Bring colors to the range the ImageNet networks were trained on: (x / 255 - mean) / std.

    Args:
        image: (..., 3, H, W) with values from 0 to 255, uint8 or float; it is not changed.

    Returns:
        float32 of the same shape.
    """
    mean = torch.tensor(IMAGENET_MEAN, device=image.device).view(3, 1, 1)
    std = torch.tensor(IMAGENET_STD, device=image.device).view(3, 1, 1)
    copy = image.as_subclass(Tensor).to(torch.float32, copy=True)  # float() would give a float32 input itself
    return copy.div_(255).sub_(mean).div_(std)
