"""Controls: what else could stand in the place of the class centers? The paper compares with none of these.

Each module here makes a context map from the features alone, without class centers, for the same fusion and the same
fine classifier (:class:`acflib.acf.ACFModule`). If one of them does as well as ACF, the gain is not due to the centers.
"""

import torch
from torch import Tensor, nn

from acflib.errors import ConfigError
from acflib.layers.contexts import PyramidPooling
from acflib.layers.norm import conv_bn_relu

CONTROLS = ("self", "global", "psp")
PERMUTED = "permuted"  # ACF(sum) whose class centers change places: see permute_centers
PYRAMID = (1, 2, 3, 6)  # regions a side, as in PSPNet


def permute_centers(centers: Tensor, training: bool) -> Tensor:
    """Class centers (B, N, C) in another order for each image: what is left of them without their classes?

    On average one class of an image keeps its own center. In training the orders are drawn anew each time, from torch's
    global generator. In evaluation image k of a batch always has the same one, so that a score can be repeated; batches
    of another size give other orders.
    """
    generator = None if training else torch.Generator().manual_seed(0)
    order = torch.rand(centers.shape[:2], generator=generator).argsort(dim=1).to(centers.device)  # (B, N)
    return centers.gather(1, order[..., None].expand_as(centers))


class SelfContext(nn.Module):
    """Capacity without context: the reduced feature of the pixel itself goes where the attended feature went.

    Layers and number of parameters are those of ACF(sum): a 1x1 convolution that reduces, one that refines. What is
    missing is Eq. 2 and Eq. 3 between the two, which have no parameters.
    """

    def __init__(self, in_channels: int, channels: int = 512):
        super().__init__()
        self.reduce = conv_bn_relu(in_channels, channels)
        self.refine = conv_bn_relu(channels, channels)

    def forward(self, features: Tensor) -> Tensor:
        """(B, C, H, W) -> (B, C', H, W)."""
        return self.refine(self.reduce(features))


def make_control(variant: str, in_channels: int, channels: int = 512) -> nn.Module:
    """The context module of a control: features (B, C, H, W) -> context (B, channels, H, W).

    Args:
        variant: "self", "global" (the mean over the whole image at every pixel) or "psp" (means over 1, 2x2, 3x3 and
            6x6 regions, a quarter of the channels each).
        in_channels: C.
        channels: of the result, C' of the ACF module.

    Raises:
        ConfigError: for another variant, or "psp" with channels that four levels cannot share.
    """
    if variant == "self":
        return SelfContext(in_channels, channels)
    if variant == "global":
        return PyramidPooling(in_channels, channels, bins=(1,))
    if variant != "psp":
        raise ConfigError(f"a control is one of {', '.join(CONTROLS)}, got {variant!r}")
    if channels % len(PYRAMID):
        raise ConfigError(f'channels={channels} cannot be shared by the four levels of "psp": choose a multiple of 4')
    return PyramidPooling(in_channels, channels // len(PYRAMID), bins=PYRAMID)
