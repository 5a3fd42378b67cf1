"""The scale of a photograph: a network knows things at the size, in pixels, that they had in its training pictures."""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from PIL import Image

from acflib.errors import ConfigError

TRAINED, OWN = "trained", "own"
MAX_FACTOR = 16.0
Scale = str | float


@dataclass(frozen=True)
class TrainedScale:
    """How high the pictures were that a network was trained on, in pixels.

    Attributes:
        height: before random scaling.
        lowest, highest: after it.
    """

    height: int
    lowest: int
    highest: int

    def knows(self, height: int) -> bool:
        """Whether pictures of this height were among those it was trained on."""
        return self.lowest <= height <= self.highest


def picture_size(info: dict[str, Any]) -> list[int] | None:
    """Height and width of the training pictures, as ``model.info`` tells them; None where it does not.

    They stand in the card of weights with a name, and in a checkpoint since format 3.
    """
    data = info.get("data") or {}
    return [data["height"], data["width"]] if {"height", "width"} <= data.keys() else info.get("picture_size")


def trained_scale(info: dict[str, Any]) -> TrainedScale | None:
    """What ``model.info`` tells of the training pictures; None where it tells nothing.

    Where it tells their crop alone, that is taken: it has the height of the pictures where they were not cut.
    """
    training = info.get("training") or info.get("config") or {}
    size = picture_size(info) or training.get("crop_size")
    if not size:
        return None
    low, high = training.get("scale_range") or (1.0, 1.0)
    return TrainedScale(int(size[0]), round(size[0] * low), round(size[0] * high))


def check_scale(scale: Scale) -> Scale:
    """``scale`` as it is, or as a number where it is the text of one.

    Raises:
        ConfigError: neither "trained" nor "own" nor a positive number.
    """
    if scale in (TRAINED, OWN):
        return scale
    try:
        number = float(scale)
    except (TypeError, ValueError):
        number = math.nan
    if not 0 < number <= MAX_FACTOR:
        numbers = f"a number up to {MAX_FACTOR:g} (1 is the training height)"
        raise ConfigError(f'scale must be "{TRAINED}", "{OWN}" or {numbers}, got {scale!r}')
    return number


def seen_size(size: tuple[int, int], scale: Scale, trained: TrainedScale | None) -> tuple[int, int]:
    """Height and width at which a network is shown a picture of ``size`` = (height, width).

    Args:
        scale: "own": as it is. "trained": as it is where the training pictures had such heights, else at their height.
            A number: at that many times their height.
        trained: of the network; where None, "trained" is "own".

    Raises:
        ConfigError: a number, and the network does not say at which height it was trained; or a scale that is none.
    """
    scale = check_scale(scale)
    if trained is None and isinstance(scale, float):
        unknown = "this network does not say how high its training pictures were"
        raise ConfigError(f'scale {scale:g}: {unknown}; give "{OWN}"')
    height, width = size
    if trained is None or scale == OWN or (scale == TRAINED and trained.knows(height)):
        return height, width
    wanted = max(1, round(trained.height * (scale if isinstance(scale, float) else 1)))
    return wanted, max(1, round(width * wanted / height))


def scale_choices(size: tuple[int, int], scale: Scale, trained: TrainedScale | None) -> list[tuple[str, str]]:
    """Values and words of the control for the scale; none for a network that does not say how it was trained."""
    if trained is None:
        return []
    words = {TRAINED: "as in training", "0.5": "half of it", "2.0": "twice that", OWN: "its own"}
    words.setdefault(str(scale), f"{scale} of it")
    return [(name, f"{seen_size(size, name, trained)[0]} px high, {text}") for name, text in words.items()]


def scale_note(size: tuple[int, int], seen: tuple[int, int], trained: TrainedScale | None) -> str:
    """A line on a picture of ``size`` that is far from the training pictures, or is seen so; empty for any other."""
    if trained is None or (trained.knows(size[0]) and trained.knows(seen[0])):
        return ""
    far = "" if trained.knows(seen[0]) else "far from training: "
    known = f"the network was trained on pictures {trained.lowest} to {trained.highest} pixels high"
    return f"{far}{known}, and sees this one, {size[1]} x {size[0]}, at {seen[1]} x {seen[0]} pixels"


def resized(image: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """RGB uint8 (H, W, 3) -> (h, w, 3), smoothed; the same array where the size is the same."""
    if image.shape[:2] == tuple(size):
        return image
    return np.array(Image.fromarray(image).resize((size[1], size[0]), Image.Resampling.LANCZOS))
