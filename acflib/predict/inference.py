"""From logits to a class map: whole image or sliding window, several scales, mirrored too (paper, section 4.4)."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache, wraps

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from acflib.acfnet import ACFNet, resize
from acflib.errors import ConfigError, MemoryShortage, is_out_of_memory
from acflib.layers.alignment import map_size
from acflib.options import option

PAPER_SCALES = (0.75, 1.0, 1.25, 1.5, 1.75, 2.0)  # section 4.4, MS/Flip
MIRRORED = 3  # the dimension of (B, C, H, W) that is mirrored: the width
CHANNELS_AT_A_TIME = 4
OUTPUTS = ("out", "coarse")  # fine, and that before the ACF module
MAX_SCALE = 8  # 64 times the pixels, and the memory


@dataclass(frozen=True)
class InferenceConfig:
    """How to segment an image. The default is one pass over the whole image."""

    window: tuple[int, int] | None = option(None, "height and width of a sliding window; none: the whole image")
    overlap: float = option(1 / 3, "share of a window that neighbors have in common, at least")
    scales: tuple[float, ...] = option((1.0,), "image scales to average over; the paper's: 0.75 1 1.25 1.5 1.75 2")
    flip: bool = option(False, "average over the mirrored image too")

    def __post_init__(self):
        if not self.scales or not all(0 < scale <= MAX_SCALE for scale in self.scales):  # False for NaN
            raise ConfigError(f"scales must be positive numbers up to {MAX_SCALE}, got {self.scales}")
        if not 0 <= self.overlap < 1:
            raise ConfigError(f"overlap must be in [0, 1), got {self.overlap}")
        if self.window is not None and (len(self.window) != 2 or None in self.window or min(self.window) < 1):
            raise ConfigError(f"window must be (height, width) of at least 1 pixel, got {self.window}")


def advising_on_memory(predict: Callable) -> Callable:
    """Turn what an allocator raises into a MemoryShortage that says what takes less, as flags of the command line."""

    @wraps(predict)
    def advising(model, images, config=InferenceConfig(), *arguments, **keywords):
        try:
            return predict(model, images, config, *arguments, **keywords)
        except (RuntimeError, MemoryError) as error:
            if not is_out_of_memory(error):
                raise
            reason = str(error).strip().splitlines() or ["MemoryError"]
        height, width = images.shape[-2:]
        mend = f"predict: --max-side {min(2048, max(height, width, 2) // 2)}"
        if len(images) > 1:
            mend = "a smaller --batch-size"
        elif config.window is None:
            mend = f"--window 769 769, a sliding window (with {mend}, too)"
        else:
            mend = f"a smaller --window ({mend}, too)"
        raise MemoryShortage(f"not enough memory for {width}x{height} pixels at once: pass {mend} [{reason[0]}]")

    return advising


@advising_on_memory
@torch.no_grad()
def predict_probabilities(
    model: nn.Module,
    images: Tensor,
    config: InferenceConfig = InferenceConfig(),
    outputs: tuple[str, ...] = OUTPUTS,
    **class_maps: Tensor,
) -> dict[str, Tensor]:
    """Class probabilities, averaged over scales and mirrored copies.

    Memory: beside the network's own, one accumulator of image size per result. With a sliding window nothing of the
    size of a scaled image is ever built but the scaled image itself.

    Args:
        model: an ACFNet (or a module with the same dict result) in evaluation mode.
        images: normalized (B, 3, H, W) on the model's device.
        config: window, scales, flip.
        outputs: the results wanted; one that the network does not have is left out.
        class_maps: ``center_probs`` or ``attention_probs`` of ``ACFNet.forward``, for a pass over whole images.

    Returns:
        float32 probabilities (B, N, H, W) at image size: "out" (fine) and, with an ACF module, "coarse".

    Raises:
        ValueError: if the model is in training mode.
        ConfigError: if class maps are given together with windows, scales or flip, or memory does not suffice.
    """
    if model.training:
        raise ValueError("the model is in training mode: call model.eval() first")
    if class_maps:
        if config != InferenceConfig():
            raise ConfigError("class maps (oracles) fit one pass over whole images: no window, no scales, no flip")
    if _is_one_pass(map_size(images), config):
        return _probabilities(model, images, outputs, **class_maps)  # nothing to average
    totals: dict[str, Tensor] = {}
    for scale in config.scales:
        _add_scale(totals, model, images, scale, config, outputs)
    return totals


def _add_scale(
    totals: dict[str, Tensor],
    model: nn.Module,
    images: Tensor,
    scale: float,
    config: InferenceConfig,
    outputs: tuple[str, ...],
) -> None:
    """Add the result at one scale to the means. What it builds goes when it returns, before the next scale's."""
    align_corners = getattr(model, "align_corners", False)
    flips = (False, True) if config.flip else (False,)
    passes = len(config.scales) * len(flips)
    scaled = _resize_thriftily(images, _scaled_size(map_size(images), scale), align_corners)
    for flip in flips:
        for rows, columns, share in _window_slices(map_size(scaled), config):
            place = _mirror(columns, scaled.shape[-1]) if flip else columns
            view = scaled[..., rows, place]
            window = Window(rows, place, map_size(scaled), share.to(images.device) / passes, flip, align_corners)
            found = _probabilities(model, view.flip(dims=[MIRRORED]) if flip else view, outputs)
            for name in list(found):
                if name not in totals:
                    totals[name] = found[name].new_zeros(*found[name].shape[:2], *images.shape[-2:])
                add_window(totals[name], found.pop(name), window)  # pop: one result less to keep


def windows(length: int, window: int, overlap: float) -> list[int]:
    """First positions of windows that cover 0..length-1, the last one flush with the end.

    Neighbors share at least ``overlap`` of the window. A length below the window gives the one position 0.
    """
    if length <= window:
        return [0]
    step = max(1, int(window * (1 - overlap)))
    return [*range(0, length - window, step), length - window]


@dataclass(frozen=True)
class Window:
    """Where a window lies in the scaled image, and how its result counts."""

    rows: slice
    columns: slice
    scaled_size: tuple[int, int]  # (height, width) of the scaled image
    share: Tensor  # (h, w), of each pixel in the mean over windows and passes
    mirrored: bool  # whether the result is that of the mirrored window
    align_corners: bool


def add_window(total: Tensor, part: Tensor, window: Window) -> None:
    """Add what one window contributes to the bilinear resize of the whole scaled result, which is never built.

    A resized pixel is a weighted sum of two rows and two columns; those outside the window weigh nothing here. A few
    channels at a time, so that what lies between is small.

    Args:
        total: (B, N, H, W), changed in place.
        part: probabilities of the window, (B, N, h, w).
        window: its place and weight.
    """
    same_size = tuple(window.scaled_size) == tuple(total.shape[-2:])
    if not same_size:
        settings = window.align_corners, total.device
        rows = resized_side(window.rows, window.scaled_size[0], total.shape[-2], *settings)
        columns = resized_side(window.columns, window.scaled_size[1], total.shape[-1], *settings)
    for sums, piece in zip(total.split(CHANNELS_AT_A_TIME, 1), part.split(CHANNELS_AT_A_TIME, 1), strict=True):
        piece = piece * window.share  # windows that overlap share a pixel
        piece = piece.flip(dims=[MIRRORED]) if window.mirrored else piece
        if same_size:
            sums[..., window.rows, window.columns] += piece
        else:
            piece = rows.weigh(piece, dim=2)
            sums[..., rows.reached, columns.reached] += columns.weigh(piece, dim=3)


@dataclass(frozen=True)
class ResizedSide:
    """Bilinear resizing along one side: which pixels of a window make up each resized pixel that it reaches.

    Attributes:
        reached: the resized pixels, M in number.
        first, second: positions in the window, int64 (M,).
        weights: of both, float32 (2, M); 0 for a position outside the window.
    """

    reached: slice
    first: Tensor
    second: Tensor
    weights: Tensor

    def weigh(self, maps: Tensor, dim: int) -> Tensor:
        """(..., n, ...) -> (..., M, ...) along ``dim``, counted from 0 of 4."""
        shape = [-1 if d == dim else 1 for d in range(4)]  # (M,) -> (1, 1, M, 1) or (1, 1, 1, M)
        found = maps.index_select(dim, self.first).mul_(self.weights[0].view(shape))
        return found.addcmul_(maps.index_select(dim, self.second), self.weights[1].view(shape))


def resized_side(place: slice, length: int, new_length: int, align_corners: bool, device: torch.device) -> ResizedSide:
    """How a window at ``place`` on a side of ``length`` pixels takes part where that is resized to ``new_length``."""
    return _resized_side(place.start, place.stop, length, new_length, align_corners, device)


@lru_cache(maxsize=256)  # the windows of all scales come again with every image; an entry has some kilobytes
def _resized_side(
    start: int, stop: int, length: int, new_length: int, align_corners: bool, device: torch.device
) -> ResizedSide:
    # Resizing is linear: the weights are what comes out for one pixel of 1 at a time. So they are torch's own.
    units = torch.zeros(1, stop - start, length, device=device)
    units[0, :, start:stop].fill_diagonal_(1)
    weights = F.interpolate(units, new_length, mode="linear", align_corners=align_corners)[0]  # (n, new_length)
    found = weights.any(dim=0).nonzero().flatten().tolist()
    reached = slice(found[0], found[-1] + 1) if found else slice(0, 0)
    weights = weights[:, reached]
    first = (weights > 0).int().argmax(dim=0)
    second = (first + 1).clamp(max=stop - start - 1)
    pair = torch.stack([weights.gather(0, first[None])[0], weights.gather(0, second[None])[0]])
    pair[1] *= second > first  # the last pixel of the window has none after it
    return ResizedSide(reached, first, second, pair)


def _is_one_pass(size: Sequence[int], config: InferenceConfig) -> bool:
    """Whether the network sees each image once, whole and in its own size."""
    whole = config.window is None or all(side <= window for side, window in zip(size, config.window, strict=True))
    return whole and config.scales == (1.0,) and not config.flip


def _probabilities(
    model: nn.Module, images: Tensor, outputs: tuple[str, ...], **class_maps: Tensor
) -> dict[str, Tensor]:
    # Networks of another kind give all that they have.
    logits = model(images, outputs=outputs, **class_maps) if isinstance(model, ACFNet) else model(images, **class_maps)
    return {name: logits[name].float().softmax(dim=1) for name in outputs if name in logits}


def _window_slices(size: Sequence[int], config: InferenceConfig) -> Iterator[tuple[slice, slice, Tensor]]:
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


def _resize_thriftily(images: Tensor, size: tuple[int, int], align_corners: bool) -> Tensor:
    """As ``resize``, a channel at a time: on the CPU torch makes copies of all it resizes at once."""
    if images.shape[-2:] == tuple(size):
        return images
    resized = images.new_empty(*images.shape[:2], *size)
    for channel in range(images.shape[1]):
        resized[:, channel : channel + 1] = resize(images[:, channel : channel + 1], size, align_corners)
    return resized


def _mirror(columns: slice, width: int) -> slice:
    """The same columns counted from the other side."""
    return slice(width - columns.stop, width - columns.start)


def _scaled_size(size: Sequence[int], scale: float) -> tuple[int, int]:
    return max(1, round(size[0] * scale)), max(1, round(size[1] * scale))
