"""What a user does in the class center laboratory, without any front end: a frozen state, and its changes."""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from torch import Tensor

from acflib.errors import ConfigError
from acflib.similarity import check_pixel
from acflib.widgets.lab_edits import (
    MAX_RADIUS,
    MAX_TEMPERATURE,
    MIN_TEMPERATURE,
    Absent,
    Edit,
    Mix,
    Stroke,
    Temperature,
    Truth,
    add_edit,
)
from acflib.widgets.scene import Scene

USES = ("both", "centers", "attention")


@dataclass(frozen=True)
class LabState:
    """What the user has chosen and done.

    Attributes:
        pixel: row and column in the picture.
        edits: of the coarse map, in order.
        use: where the edited map replaces P: in Eq. 2 ("centers"), in Eq. 3 and 5 ("attention"), or in "both".
        undone: edits that were taken back one by one, the last one last; a new edit forgets them.
    """

    pixel: tuple[int, int]
    edits: tuple[Edit, ...] = ()
    use: str = "both"
    undone: tuple[Edit, ...] = ()


def check_scene(scene: Scene) -> None:
    """Raise ConfigError unless the network has class centers."""
    if scene.reduced is None:
        variant = getattr(scene.model.acf, "variant", None)
        what = "no ACF module" if variant is None else f'the variant "{variant}", a control'
        raise ConfigError(f"this network has {what}, so it has no class centers: choose sum, concat or center")


def initial_state(scene: Scene) -> LabState:
    """The middle of the picture, no edits."""
    return LabState((scene.size[0] // 2, scene.size[1] // 2))


def class_number(scene: Scene, given: str | int) -> int:
    """A class by its name or number.

    Raises:
        ConfigError: there is no such class.
    """
    if isinstance(given, str) and given in scene.classes:
        return scene.classes.index(given)
    if not isinstance(given, str) and 0 <= int(given) < len(scene.classes):
        return int(given)
    raise ConfigError(f"no class {given!r}; the classes are: {', '.join(scene.classes)}")


def apply_action(state: LabState, scene: Scene, current: Tensor, action: dict[str, Any]) -> LabState:
    """The state after an action of the user.

    Args:
        current: the class map as it is now, (N, h, w), to see which classes are absent.
        action: ``{"do": name, ...}`` with the name one of pick (row, column), paint (label, radius, points, number),
            mix (first, second, share), absent (label), temperature (value), truth, undo, redo, reset, use (use).

    Raises:
        ConfigError: the action is unknown, or a value is not possible; the message is shown in the widget.
    """
    what = action.get("do")
    if what == "pick":
        pixel = int(action["row"]), int(action["column"])
        check_pixel(*pixel, scene.size)
        return replace(state, pixel=pixel)
    if what == "use":
        if action["use"] not in USES:
            raise ConfigError(f"the edited map is used for one of {', '.join(USES)}, got {action['use']!r}")
        return replace(state, use=action["use"])
    if what == "undo":
        if not state.edits:
            raise ConfigError("nothing to undo: the coarse map is the network's own")
        return replace(state, edits=state.edits[:-1], undone=(*state.undone, state.edits[-1]))
    if what == "redo":
        if not state.undone:
            raise ConfigError("nothing to do again: no edit was taken back")
        return replace(state, edits=(*state.edits, state.undone[-1]), undone=state.undone[:-1])
    if what == "reset":
        return replace(state, edits=(), undone=())
    return replace(state, edits=add_edit(state.edits, _edit(scene, current, action)), undone=())


def _edit(scene: Scene, current: Tensor, action: dict[str, Any]) -> Edit:
    what = action.get("do")
    if what == "paint":
        return _stroke(scene, action)
    if what == "mix":
        first, second = (class_number(scene, action[name]) for name in ("first", "second"))
        share = float(action["share"])
        if first == second:
            raise ConfigError(f"choose two different classes to mix; both are {scene.classes[first]}")
        if not 0 <= share <= 1:
            raise ConfigError(f"classes are mixed by a share from 0 to 1, got {share:g}")
        if all(is_absent(current, label) for label in (first, second)):
            raise ConfigError(
                f"{scene.classes[first]} and {scene.classes[second]} are both absent from this coarse map"
            )
        return Mix(first, second, share)
    if what == "absent":
        label = class_number(scene, action["label"])
        if is_absent(current, label):
            raise ConfigError(f"{scene.classes[label]} is absent already: no cell of the coarse map is most likely it")
        return Absent(label)
    if what == "temperature":
        value = float(action["value"])
        if not MIN_TEMPERATURE <= value <= MAX_TEMPERATURE:
            raise ConfigError(f"the temperature goes from {MIN_TEMPERATURE:g} to {MAX_TEMPERATURE:g}, got {value:g}")
        return Temperature(value)
    if what == "truth":
        if scene.picture.truth is None:
            raise ConfigError("this picture has no ground truth to put in place of the coarse map")
        return Truth()
    raise ConfigError(f"unknown action {what!r}")


def _stroke(scene: Scene, action: dict[str, Any]) -> Stroke:
    radius = float(action["radius"])
    if not 0 <= radius <= MAX_RADIUS:
        raise ConfigError(f"the brush has a radius from 0 to {MAX_RADIUS:g} pixels, got {radius:g}")
    points = tuple((float(row), float(column)) for row, column in action["points"])
    if not points:
        raise ConfigError("a stroke needs at least one point")
    for row, column in points:
        check_pixel(int(np.floor(row)), int(np.floor(column)), scene.size)
    return Stroke(class_number(scene, action["label"]), radius, points, int(action.get("number", 0)))


def is_absent(probabilities: Tensor, label: int) -> bool:
    """Whether no cell of a class map (N, h, w) is most likely this class."""
    return not bool(((probabilities.argmax(dim=0) == label) & (probabilities.sum(dim=0) > 0)).any())
