"""From logits to a class map: whole image or sliding window, several scales, mirrored too (paper, section 4.4)."""

from collections.abc import Iterator
from dataclasses import dataclass

import torch
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
    totals: dict[str, Tensor] = {}
    for scale in config.scales:
        scaled = resize(images, _scaled_size(size, scale), align_corners)
        for flip in (False, True) if config.flip else (False,):
            found = _predict_once(model, scaled.flip(dims=[3]) if flip else scaled, config)
            for name, probabilities in found.items():
                back = probabilities.flip(dims=[3]) if flip else probabilities  # dim 3 is the width
                back = resize(back, size, align_corners)
                totals[name] = totals[name] + back if name in totals else back
    passes = len(config.scales) * (2 if config.flip else 1)
    return {name: total / passes for name, total in totals.items()}


def windows(length: int, window: int, overlap: float) -> list[int]:
    """First positions of windows that cover 0..length-1, the last one flush with the end.

    Neighbours share at least ``overlap`` of the window. A length below the window gives the one position 0.
    """
    if length <= window:
        return [0]
    step = max(1, int(window * (1 - overlap)))
    return [*range(0, length - window, step), length - window]


def _predict_once(model: nn.Module, images: Tensor, config: InferenceConfig) -> dict[str, Tensor]:
    """Probabilities (B, N, h, w) of one pass; overlapping windows are averaged."""
    if config.window is None:
        return _probabilities(model, images)
    totals: dict[str, Tensor] = {}
    count = torch.zeros(1, 1, *images.shape[-2:], device=images.device)  # windows over each pixel
    for rows, columns in _window_slices(images.shape[-2:], config):
        count[..., rows, columns] += 1
        for name, part in _probabilities(model, images[..., rows, columns]).items():
            if name not in totals:
                totals[name] = part.new_zeros(*part.shape[:2], *images.shape[-2:])
            totals[name][..., rows, columns] += part
    return {name: total / count for name, total in totals.items()}


def _probabilities(model: nn.Module, images: Tensor) -> dict[str, Tensor]:
    logits = model(images)
    return {name: logits[name].float().softmax(dim=1) for name in ("out", "coarse") if name in logits}


def _window_slices(size: tuple[int, int], config: InferenceConfig) -> Iterator[tuple[slice, slice]]:
    height, width = config.window
    for top in windows(size[0], height, config.overlap):
        for left in windows(size[1], width, config.overlap):
            yield slice(top, top + height), slice(left, left + width)


def _scaled_size(size: tuple[int, int], scale: float) -> tuple[int, int]:
    return max(1, round(size[0] * scale)), max(1, round(size[1] * scale))
