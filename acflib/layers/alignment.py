"""Which pixels of a picture a cell of a feature map stands for, and back: the one place that knows.

A convolution of stride 2 that keeps the middle of its kernel on its first pixel puts feature j of a ResNet on pixel
``stride * j``. Two ways of upsampling are in use:

- ``align_corners=False``: each cell covers an equal part of the picture, whatever the network looks at.
- ``align_corners=True``: cell j lies on pixel ``stride * j``. That holds for pictures of ``k * stride + 1`` pixels,
  such as the paper's 769; others are padded to such a size, and the result is cropped.
"""

from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from acflib.errors import ConfigError

Size = tuple[int, int]  # height, width
Places = TypeVar("Places", int, np.ndarray)


def map_size(maps: Tensor) -> Size:
    """(H, W) of maps (..., H, W)."""
    height, width = maps.shape[-2:]
    return height, width


def padded_size(size: Size, stride: int) -> Size:
    """The smallest (k * stride + 1, l * stride + 1) that holds ``size``."""
    # No division of negative numbers: ONNX rounds them toward 0, Python down.
    height, width = ((length + stride - 2) // stride * stride + 1 for length in size)
    return height, width


def pad_to_stride(images: Tensor, stride: int) -> Tensor:
    """Normalized images (B, C, H, W), padded right and bottom to :func:`padded_size`.

    The last row and column go on. The mean color, 0, would be an edge beside pixels that count.
    """
    height, width = padded_size(map_size(images), stride)
    missing = width - images.shape[-1], height - images.shape[-2]
    return F.pad(images, (0, missing[0], 0, missing[1]), mode="replicate") if any(missing) else images


def check_cells(size: Size, cells: Size, stride: int) -> None:
    """Raise ConfigError unless a base network has the cells that its output stride promises, for padded images."""
    expected = tuple((length - 1) // stride + 1 for length in padded_size(size, stride))
    if tuple(cells) != expected:
        raise ConfigError(
            f"the base network has {cells[0]} x {cells[1]} cells for {size[0]} x {size[1]} pixels; with output_stride="
            f"{stride} they would be {expected[0]} x {expected[1]}. Give it the right one, or take align_corners=False"
        )


@dataclass(frozen=True)
class CellGrid:
    """How the cells of a feature map lie over a picture.

    Attributes:
        size: height and width of the picture.
        cells: height and width of the feature map.
        align_corners: as in the network.
        stride: pixels from one cell to the next, where ``align_corners``; None: the corner cells lie on the corner
            pixels.
    """

    size: Size
    cells: Size
    align_corners: bool = False
    stride: int | None = None

    @property
    def steps(self) -> tuple[float, float]:
        """Pixels from one cell to the next, down and to the right."""
        pairs = zip(self.size, self.cells, strict=True)
        if not self.align_corners:
            down, right = (length / count for length, count in pairs)
        else:
            down, right = (self.stride or max(1, length - 1) / max(1, count - 1) for length, count in pairs)
        return down, right

    def cell(self, row: Places, column: Places) -> tuple[Places, Places]:
        """The cell nearest to a pixel, in the sense of the network's upsampling; of arrays, that of each."""
        return self._cell(0, row), self._cell(1, column)

    def _cell(self, axis: int, place: Places) -> Places:
        length, count = self.size[axis], self.cells[axis]
        if not self.align_corners:
            return place * count // length
        span, gaps = (self.stride, 1) if self.stride else (max(1, length - 1), count - 1)  # of span pixels
        return (2 * place * gaps + span) // (2 * span)  # place * gaps / span, to the nearest; half goes up

    def centers(self) -> tuple[np.ndarray, np.ndarray]:
        """The middles of the cells in pixels, float64 (h,) and (w,); 0.0 is the middle of the first pixel."""
        shift = 0.0 if self.align_corners else 0.5
        rows, columns = (
            (np.arange(count) + shift) * step - shift for count, step in zip(self.cells, self.steps, strict=True)
        )
        return rows, columns

    def spread(self, values: np.ndarray) -> np.ndarray:
        """A map of cells (h, w) at the size of the picture: each pixel takes the value of its cell."""
        rows, columns = self.cell(np.arange(self.size[0]), np.arange(self.size[1]))
        return values[np.ix_(rows, columns)]

    def average(self, maps: Tensor) -> Tensor:
        """Maps of pixels (B, N, H, W) -> means over the pixels of each cell, (B, N, h, w), in their own dtype.

        Where ``align_corners``, the pixels of a cell are those up to half a step from its middle; one that two cells
        share counts half for each. Pixels outside the picture do not count. A cell that has none of its own takes the
        nearest line of pixels.
        """
        if not self.align_corners:
            return F.adaptive_avg_pool2d(maps, self.cells)
        rows, columns = (self._weights(axis, maps) for axis in (0, 1))  # (h, H), (w, W)
        with without_autocast(maps.device.type):
            return rows @ maps @ columns.T  # (h, H) @ (B, N, H, W) @ (W, w) -> (B, N, h, w)

    def _weights(self, axis: int, like: Tensor) -> Tensor:
        step, centers = self.steps[axis], torch.from_numpy(self.centers()[axis])
        pixels = torch.arange(self.size[axis], dtype=torch.float64)
        # A pixel is as wide as 1: so much of it lies within half a step of the middle of the cell.
        weights = (step / 2 + 0.5 - (pixels - centers[:, None]).abs()).clamp(0, min(1.0, step))  # (cells, length)
        weights[weights.sum(dim=1) == 0, -1] = 1
        return (weights / weights.sum(dim=1, keepdim=True)).to(like)


def without_autocast(device_type: str) -> AbstractContextManager:
    """Context manager: computations keep the dtype of their arguments, also under autocast."""
    if device_type == "meta":  # has none; torch.amp.is_autocast_available breaks a compiled graph under torch 2.6
        return nullcontext()
    return torch.autocast(device_type, enabled=False)
