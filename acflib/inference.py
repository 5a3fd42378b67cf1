"""From logits to a class map: whole image or sliding window, several scales, mirrored too (paper, section 4.4)."""

from collections.abc import Iterator
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from acflib.acfnet import resize
from acflib.errors import ConfigError
from acflib.options import option

PAPER_SCALES = (0.75, 1.0, 1.25, 1.5, 1.75, 2.0)  # section 4.4, MS/Flip


@dataclass(frozen=True)
class InferenceConfig:
    """How to segment an image. The default is one pass over the whole image."""

    window: tuple[int, int] | None = option(None, "height and width of a sliding window; none: the whole image")
    overlap: float = option(1 / 3, "share of a window that neighbours have in common, at least")
    scales: tuple[float, ...] = option((1.0,), "image scales to average over; the paper's: 0.75 1 1.25 1.5 1.75 2")
    flip: bool = option(False, "average over the mirrored image too")

    def __post_init__(self):
        if not self.scales or min(self.scales) <= 0:
            raise ConfigError(f"scales must be positive numbers, got {self.scales}")
        if not 0 <= self.overlap < 1:
            raise ConfigError(f"overlap must be in [0, 1), got {self.overlap}")
        if self.window is not None and min(self.window) < 1:
            raise ConfigError(f"window must be (height, width) of at least 1 pixel, got {self.window}")


@torch.no_grad()
def predict_probabilities(
    model: nn.Module, images: Tensor, config: InferenceConfig = InferenceConfig()
) -> dict[str, Tensor]:
    """Class probabilities, averaged over scales and mirrored copies.

    Memory: beside the network's own, one accumulator of image size per result. With a sliding window nothing of the
    size of a scaled image is ever built but the scaled image itself.

    Args:
        model: an ACFNet (or a module with the same dict result) in evaluation mode.
        images: normalised (B, 3, H, W) on the model's device.
        config: window, scales, flip.

    Returns:
        float32 probabilities (B, N, H, W) at image size: "out" (fine) and, with an ACF module, "coarse".

    Raises:
        ValueError: if the model is in training mode.
    """
    if model.training:
        raise ValueError("the model is in training mode: call model.eval() first")
    size = images.shape[-2:]
    align_corners = getattr(model, "align_corners", False)
    flips = (False, True) if config.flip else (False,)
    passes = len(config.scales) * len(flips)
    totals: dict[str, Tensor] = {}
    for scale in config.scales:
        scaled = resize(images, _scaled_size(size, scale), align_corners)
        for flip in flips:
            for rows, columns, share in _window_slices(scaled.shape[-2:], config):
                place = _mirror(columns, scaled.shape[-1]) if flip else columns
                view = scaled[..., rows, place]
                found = _probabilities(model, view.flip(dims=[3]) if flip else view)  # dim 3 is the width
                for name, part in found.items():
                    if name not in totals:
                        totals[name] = part.new_zeros(*part.shape[:2], *size)
                    part = part * (share.to(part.device) / passes)  # windows that overlap share a pixel
                    part = part.flip(dims=[3]) if flip else part
                    add_resized(totals[name], part, rows, place, scaled.shape[-2:], align_corners)
    return totals


def windows(length: int, window: int, overlap: float) -> list[int]:
    """First positions of windows that cover 0..length-1, the last one flush with the end.

    Neighbours share at least ``overlap`` of the window. A length below the window gives the one position 0.
    """
    if length <= window:
        return [0]
    step = max(1, int(window * (1 - overlap)))
    return [*range(0, length - window, step), length - window]


def add_resized(
    total: Tensor, part: Tensor, rows: slice, columns: slice, size: tuple[int, int], align_corners: bool
) -> None:
    """Add to ``total`` the bilinear resize of a map that is 0 but in one window, without building that map.

    Resizing is linear and separable: what a window adds is ``down @ part @ across.T`` with two small matrices.

    Args:
        total: (B, N, H, W), changed in place.
        part: the window, (B, N, h, w).
        rows, columns: its place in the map.
        size: (height, width) of the map.
        align_corners: as in :func:`acflib.acfnet.resize`.
    """
    if tuple(size) == tuple(total.shape[-2:]):
        total[..., rows, columns] += part
    elif part.shape[-2:] == tuple(size):
        total += resize(part, total.shape[-2:], align_corners)
    else:
        down, to_rows = _interpolation(rows, size[0], total.shape[-2], align_corners, part)  # (h, H')
        across, to_columns = _interpolation(columns, size[1], total.shape[-1], align_corners, part)  # (w, W')
        total[..., to_rows, to_columns] += down.T @ part @ across


def _interpolation(
    place: slice, length: int, new_length: int, align_corners: bool, like: Tensor
) -> tuple[Tensor, slice]:
    """How much each of the pixels in ``place`` gives to each pixel of the resized line, and which of those get any."""
    units = like.new_zeros(1, place.stop - place.start, length)
    units[0, :, place] = torch.eye(place.stop - place.start, dtype=like.dtype, device=like.device)
    weights = F.interpolate(units, new_length, mode="linear", align_corners=align_corners)[0]  # (n, new_length)
    reached = weights.any(dim=0).nonzero().flatten().tolist()
    to = slice(reached[0], reached[-1] + 1) if reached else slice(0, 0)
    return weights[:, to], to


def _probabilities(model: nn.Module, images: Tensor) -> dict[str, Tensor]:
    logits = model(images)
    return {name: logits[name].float().softmax(dim=1) for name in ("out", "coarse") if name in logits}


def _window_slices(size: tuple[int, int], config: InferenceConfig) -> Iterator[tuple[slice, slice, Tensor]]:
    """Rows and columns of each window, and the share (h, w) that it has in the mean of each of its pixels."""
    lines = []
    for length, window in zip(size, config.window or size, strict=True):
        places = [slice(start, min(start + window, length)) for start in windows(length, window, config.overlap)]
        count = torch.zeros(length)  # windows over each pixel of this side
        for place in places:
            count[place] += 1
        lines.append((places, 1 / count))
    (rows_of, row_share), (columns_of, column_share) = lines
    for rows in rows_of:
        for columns in columns_of:
            yield rows, columns, row_share[rows, None] * column_share[columns]


def _mirror(columns: slice, width: int) -> slice:
    """The same columns counted from the other side."""
    return slice(width - columns.stop, width - columns.start)


def _scaled_size(size: tuple[int, int], scale: float) -> tuple[int, int]:
    return max(1, round(size[0] * scale)), max(1, round(size[1] * scale))
