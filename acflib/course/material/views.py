"""Other ways to write a value: another layout, another label for "ignore", percent instead of shares.

A :class:`View` leads there and back, so that an exercise written in it can be judged by the check of the lesson, and a
right answer of the lesson can be turned into a right one of the form.
"""

from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass
from itertools import permutations
from typing import Any

import numpy as np
import torch
from torch import Tensor

from acflib.functional import IGNORE_INDEX

LAYER = ("kernel", "stride", "dilation")


@dataclass(frozen=True)
class View:
    """``there`` leads from the lesson's way to this one, ``back`` again; ``text`` tells the student."""

    text: str
    there: Callable[[Any], Any]
    back: Callable[[Any], Any]


@dataclass(frozen=True)
class Kind:
    """What a value means: the lesson's way in words, and other ways, by name."""

    text: str
    views: dict[str, View]


def other_orders(axes: str) -> list[str]:
    """Other orders of axes such as "b c h w". Rows and columns stay neighbors, but do not stay last.

    Where they stay last, an answer for (B, C, H, W) may be right for (C, B, H, W). Axes in capitals stay as they are.
    """
    letters = axes.split()
    if not axes.islower() or len(letters) < 2:
        return []
    orders = [list(order) for order in permutations(letters) if list(order) != letters]
    if "h" in letters and len(letters) > 2:
        orders = [order for order in orders if "h w" in " ".join(order) and order[-2:] != ["h", "w"]]
    return [" ".join(order) for order in orders]


def reordered(value: Any, axes: str, order: str) -> Any:
    """A tensor or array with ``axes`` in another order.

    Raises:
        TypeError: it is none, or has another number of axes.
    """
    letters = axes.split()
    if not isinstance(value, (Tensor, np.ndarray)) or value.ndim != len(letters):
        raise TypeError(f"no tensor with the axes {shown_axes(axes)}")
    places = [letters.index(letter) for letter in order.split()]
    return value.permute(places) if isinstance(value, Tensor) else value.transpose(places)


def shown_axes(axes: str) -> str:
    """ "b c h w" -> "(B, C, H, W)"; one axis: "(N,)"."""
    letters = axes.upper().split()
    return f"({letters[0]},)" if len(letters) == 1 else f"({', '.join(letters)})"


def scaled(text: str, factor: float) -> View:
    return View(text, lambda x: x * factor, lambda x: x / factor)


def times(text: str, factor: int) -> View:
    return View(text, lambda n: n * factor, lambda n: n // factor)


def added(text: str, number: int) -> View:
    """For numbers and tensors; on a tuple, for each of its parts."""

    def add(x: Any, n: int) -> Any:
        return tuple(part + n for part in x) if isinstance(x, (tuple, list)) else x + n

    return View(text, lambda x: add(x, number), lambda x: add(x, -number))


def own_inverse(text: str, change: Callable[[Any], Any]) -> View:
    return View(text, change, change)


def called(names: Mapping[Hashable, str]) -> View:
    """Strings in the place of the lesson's, each told."""
    return renamed(", ".join(f'"{new}" for {old}' for old, new in names.items()), names)


def renamed(text: str, names: Mapping[Hashable, str]) -> View:
    back = {new: old for old, new in names.items()}
    return View(text, names.__getitem__, back.__getitem__)


def label_view(first: int, ignore: int) -> View:
    def changed(y: Tensor, add: int, old: int, new: int) -> Tensor:
        """A label that is ``new`` by chance becomes ``old``, so that it is no longer ignored."""
        return torch.where(y == old, new, torch.where(y == new - add, old + add, y + add))

    return View(
        f"class numbers from {first}; {ignore} = ignore",
        lambda y: changed(y, first, IGNORE_INDEX, ignore),
        lambda y: changed(y, -first, ignore, IGNORE_INDEX),
    )


def labels_in_parts(text: str, change: View) -> View:
    """A view of the labels in a list of (logits, labels)."""
    return View(
        text,
        lambda parts: [(z, change.there(y)) for z, y in parts],
        lambda parts: [(z, change.back(y)) for z, y in parts],
    )


def in_each(change: View) -> View:
    return View(change.text, lambda parts: [*map(change.there, parts)], lambda parts: [*map(change.back, parts)])


def layers_view(order: tuple[str, ...], end: str) -> View:
    """A list of layers, each in an order of ``LAYER``, with the first or the last one first."""
    there = [LAYER.index(part) for part in order]
    back = [order.index(part) for part in LAYER]

    def changed(layers: Any, places: list[int]) -> list[tuple]:
        return [tuple(layer[k] for k in places) for layer in (layers if end == "first" else layers[::-1])]

    return View(
        f"a list of ({', '.join(order)}), the {end} layer first",
        lambda layers: changed(layers, there),
        lambda layers: changed(layers, back),
    )


def blocks_moved(weight: Tensor, first: int) -> Tensor:
    return torch.cat([weight[:, first:], weight[:, :first]], 1)


def swapped_pair(pair: Any) -> tuple:
    first, second = pair
    return second, first


def middle_and_half(ends: Any) -> tuple:
    low, high = ends
    return (low + high) / 2, (high - low) / 2


def flipped(photo: Any) -> Any:
    return photo.flip(-1) if isinstance(photo, Tensor) else photo[..., ::-1].copy()


def turned(text: str, order: tuple[int, int, int]) -> View:
    """The colors of a photograph in another order."""
    back = [order.index(color) for color in range(3)]
    return View(text, lambda photo: photo[..., list(order)], lambda photo: photo[..., back])
