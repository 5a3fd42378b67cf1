"""What one feature of a base network sees of the image: in theory, and effectively.

The theoretical field holds every input pixel that can change the feature. The effective one (Luo et al., 2016,
"Understanding the effective receptive field in deep convolutional neural networks") holds those whose gradient is not
negligible; in a trained network it is a small part of the other.
"""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

NEGLIGIBLE = 1 - 0.9545  # of the largest gradient, as in the paper: two standard deviations


@dataclass(frozen=True)
class FieldOfView:
    """What the central feature of an image sees. All sizes in input pixels.

    Attributes:
        theoretical: (height, width) of the smallest rectangle of pixels that can change it, inside the image.
        effective: side of a square of as many pixels as have a gradient above 4.55 % of the largest one.
        gradients: mean absolute gradient at each pixel, the largest is 1; (H, W).
    """

    theoretical: tuple[int, int]
    effective: float
    gradients: Tensor


def field_of_view(base: nn.Module, images: Tensor, draws: int = 4, seed: int = 0) -> FieldOfView:
    """Measure the field of view of a base network in evaluation mode; the mode of each of its modules is put back.

    Args:
        base: a base network (:class:`acflib.ResNetBase`, or :func:`acflib.tap` of any other network), or any module
            whose result is a feature map (B, C, h, w).
        images: normalized images (B, 3, H, W) to take the mean gradient over; they should be wider than the field.
        draws: random directions in feature space per image, of whose gradient the mean is taken.
        seed: of these directions.
    """
    modes = [(module, module.training) for module in base.modules()]
    base.eval()
    try:
        gradients = gradient_map(base, images, draws, seed)
        height, width = (theoretical_extent(base, images[:1], dimension) for dimension in (2, 3))
    finally:
        for module, training in modes:
            module.training = training
    return FieldOfView((height, width), effective_size(gradients), gradients)


def gradient_map(base: nn.Module, images: Tensor, draws: int, seed: int = 0) -> Tensor:
    """Mean absolute gradient of the central feature at each input pixel, the largest is 1; float64 (H, W)."""
    generator = torch.Generator().manual_seed(seed)
    total = torch.zeros(images.shape[-2:], dtype=torch.float64)
    for image in images:
        x = image[None].clone().requires_grad_()
        with torch.enable_grad():
            center = central_feature(base, x)  # (C,)
            for k in range(draws):
                direction = torch.randn(center.shape, generator=generator, dtype=torch.float64).to(center)
                (found,) = torch.autograd.grad(center @ direction, x, retain_graph=k < draws - 1)
                total += found[0].abs().sum(dim=0).double().cpu()  # (3, H, W) -> (H, W)
    return total / total.max()


def effective_size(gradients: Tensor) -> float:
    """Side of the square of as many pixels as have a gradient above 4.55 % of the largest one."""
    return float((gradients > NEGLIGIBLE * gradients.max()).sum().sqrt())


@torch.no_grad()
def theoretical_extent(base: nn.Module, image: Tensor, dimension: int) -> int:
    """Number of rows (dimension 2) or columns (3) of an image (1, 3, H, W) that can change the central feature.

    A pixel that is not a number spoils every feature that looks at it. So the first line that counts is where the
    feature is spoiled by all lines up to it, but not by those before it: found by halving, on each side. In float64,
    whose convolutions look at no pixel outside their kernel.
    """
    base_dtype = next((p.dtype for p in base.parameters()), torch.float32)
    base.double()
    try:
        image, length = image.double(), image.shape[dimension]

        def spoiled(first: int, count: int) -> bool:
            x = image.clone()
            x.narrow(dimension, first, count).fill_(torch.nan)
            return bool(central_feature(base, x).isnan().any())

        before = fewest(length, lambda count: spoiled(0, count))
        after = fewest(length, lambda count: spoiled(length - count, count))
    finally:
        base.to(base_dtype)
    return (length - after) - (before - 1) + 1


def fewest(most: int, holds) -> int:
    """The fewest lines, 1 to ``most``, for which ``holds``; it holds for all above it, and for ``most``."""
    low, high = 1, most
    while low < high:
        middle = (low + high) // 2
        low, high = (low, middle) if holds(middle) else (middle + 1, high)
    return low


def central_feature(base: nn.Module, x: Tensor) -> Tensor:
    """The feature in the middle of the map, (C,), of an image (1, 3, H, W)."""
    found = base(x)
    features = getattr(found, "features", found)
    return features[0, :, features.shape[2] // 2, features.shape[3] // 2]
