"""Spatial context modules a base network may end with: ASPP and PSP (paper, Fig. 1a and 1b)."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from acflib.layers.norm import conv_bn_relu


class ASPP(nn.Module):
    """Atrous spatial pyramid pooling as in section 4.1: a 1x1 and three dilated 3x3 branches, then a 1x1 projection.

    Args:
        in_channels: C of the incoming feature map.
        channels: of each branch and of the result; 512 in the paper ("change the output channel from 256 to 512").
        rates: dilations of the 3x3 branches, in feature pixels; 12, 24, 36 for output stride 8.
    """

    def __init__(self, in_channels: int, channels: int = 512, rates: tuple[int, ...] = (12, 24, 36)):
        super().__init__()
        branches = [conv_bn_relu(in_channels, channels)]
        branches += [conv_bn_relu(in_channels, channels, kernel_size=3, dilation=rate) for rate in rates]
        self.branches = nn.ModuleList(branches)
        self.project = conv_bn_relu(channels * len(branches), channels)

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W) -> (B, channels, H, W)."""
        return self.project(torch.cat([branch(x) for branch in self.branches], dim=1))


class PyramidPooling(nn.Module):
    """Means over the image at several scales, spread back over their regions.

    Args:
        in_channels: C of the incoming feature map.
        channels: of each level.
        bins: regions a side, one level each: 1 is the mean of the whole image.
        align_corners: of the bilinear upsampling of each level.
    """

    def __init__(self, in_channels: int, channels: int, bins: tuple[int, ...], align_corners: bool = False):
        super().__init__()
        self.bins, self.align_corners = bins, align_corners
        self.levels = nn.ModuleList(conv_bn_relu(in_channels, channels) for _ in bins)

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W) -> (B, channels * number of levels, H, W)."""
        maps = []
        for size, level in zip(self.bins, self.levels, strict=True):
            pooled = level(F.adaptive_avg_pool2d(x, size))  # (B, channels, size, size)
            # In float32 at least: in half precision the backward pass would add up hundreds of cells a region in it.
            wide = pooled.to(torch.promote_types(pooled.dtype, torch.float32))
            spread = F.interpolate(wide, x.shape[-2:], mode="bilinear", align_corners=self.align_corners)
            maps.append(spread.to(pooled.dtype))
        return torch.cat(maps, dim=1)


class PSP(PyramidPooling):
    """Pyramid pooling module (PSPNet): the pyramid beside the features themselves, and a 3x3 projection of both.

    Args:
        in_channels: C of the incoming feature map; each level keeps a quarter of it.
        channels: of the result.
        bins: regions a side, one level each.
        align_corners: of the bilinear upsampling of each level.
    """

    def __init__(
        self, in_channels: int, channels: int = 512, bins: tuple[int, ...] = (1, 2, 3, 6), align_corners: bool = False
    ):
        super().__init__(in_channels, in_channels // len(bins), bins, align_corners)
        self.project = conv_bn_relu(in_channels + in_channels // len(bins) * len(bins), channels, kernel_size=3)

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W) -> (B, channels, H, W)."""
        return self.project(torch.cat([x, super().forward(x)], dim=1))


def make_context(name: str | None, in_channels: int, channels: int, align_corners: bool) -> nn.Module:
    """What a base network ends with: "aspp", "psp", or None: nothing. (B, in_channels, H, W) -> (B, channels, H, W)."""
    if name is None:
        return nn.Identity()
    if name == "aspp":
        return ASPP(in_channels, channels)
    return PSP(in_channels, channels, align_corners=align_corners)
