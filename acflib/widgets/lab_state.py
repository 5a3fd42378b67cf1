"""What the class center laboratory shows, without any front end: the what-if for Fig. 4 as pure functions."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from acflib import functional
from acflib.errors import ConfigError
from acflib.similarity import check_pixel, principal_axes, project
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
    describe,
    sum_to_one,
)
from acflib.widgets.scene import Scene, class_map

USES = ("both", "centers", "attention")
PRESENT = 0.005  # a class below this share of the map's mass is not drawn


@dataclass(frozen=True)
class LabState:
    """What the user has chosen and done.

    Attributes:
        pixel: row and column in the picture.
        edits: of the coarse map, in order.
        use: where the edited map replaces P: in Eq. 2 ("centers"), in Eq. 3 and 5 ("attention"), or in "both".
    """

    pixel: tuple[int, int]
    edits: tuple[Edit, ...] = ()
    use: str = "both"


@dataclass(frozen=True, eq=False)
class WhatIf:
    """What the network makes of a class map."""

    centers: Tensor  # (N, C')
    fine: np.ndarray  # class map of the picture, uint8 (H, W)


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
            mix (first, second, share), absent (label), temperature (value), truth, undo, reset, use (use).

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
        return replace(state, edits=state.edits[:-1])
    if what == "reset":
        return replace(state, edits=())
    return replace(state, edits=add_edit(state.edits, _edit(scene, current, action)))


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
            raise ConfigError(f"{scene.classes[first]} and {scene.classes[second]} are both absent from this coarse map")
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


@torch.no_grad()
def what_if(scene: Scene, edited: Tensor, use: str = "both") -> WhatIf:
    """Run the network on from its feature map with another class map in place of P.

    The same as ``model(x, center_probs=..., attention_probs=...)``, without computing the feature map again.

    Args:
        scene: of a network with class centers.
        edited: (N, h, w). In Eq. 2 it is taken as it is; in Eq. 3 and 5 the classes of each pixel are scaled to sum 1.
        use: "centers" (Eq. 2), "attention" (Eq. 3 and 5) or "both".
    """
    check_scene(scene)
    acf, found = scene.model.acf, scene.found
    edited = edited.to(found.probabilities)[None]  # (1, N, h, w)
    center_probs = edited if use in ("both", "centers") else found.probabilities
    attention_probs = sum_to_one(edited[0])[None] if use in ("both", "attention") else found.probabilities
    was_training = scene.model.training
    scene.model.eval()
    try:
        centers = functional.class_centers(scene.reduced[None], center_probs)
        context = centers if acf.attention_block is None else acf.attention_block(centers, attention_probs)
        logits = scene.model.classifier(acf.fuse(context, found.coarse_features))
    finally:
        scene.model.train(was_training)
    return WhatIf(centers[0].cpu(), class_map(logits, scene.size, scene.model.align_corners))


def distance_unit(centers: Tensor) -> float:
    """The mean distance between two different class centers of (n, C'), the yardstick for how far one moved."""
    return float(torch.pdist(centers.double()).mean()) if len(centers) > 1 else 1.0


def moved(before: Tensor, after: Tensor, present: Sequence[int]) -> list[float]:
    """How far each class center moved, (N,), in mean distances between two of the ``present`` centers before."""
    unit = distance_unit(before[list(present)]) or 1.0
    return ((after - before).double().norm(dim=1) / unit).tolist()


def mass_shares(probabilities: Tensor) -> list[float]:
    """The share of each class in a class map (N, h, w); they sum to 1."""
    mass = probabilities.double().sum(dim=(1, 2))
    return (mass / mass.sum().clamp_min(1e-300)).tolist()


def right_share(labels: np.ndarray, truth: np.ndarray | None) -> float | None:
    """The share of labelled pixels with the right class; None without ground truth."""
    if truth is None or (truth == 255).all():
        return None
    return float((labels == truth)[truth != 255].mean())


def lab_frame(state: LabState, scene: Scene, edited: Tensor, result: WhatIf) -> dict[str, Any]:
    """All that the view paints for a state."""
    own = scene.probabilities
    before, after = scene.found.centers[0].cpu(), result.centers
    shares_before, shares_after = mass_shares(own), mass_shares(edited)
    present = [i for i, share in enumerate(shares_before) if share >= PRESENT]
    shown = [i for i in range(len(own)) if max(shares_before[i], shares_after[i]) >= PRESENT]
    mean, axes = principal_axes(before[present], 2)
    cell = scene.cell(state.pixel)
    here = (slice(None), *cell)
    steps = moved(before, after, present)
    truth = scene.picture.truth
    most_likely = edited.argmax(dim=0).byte().masked_fill(edited.sum(dim=0) == 0, 255)
    return {
        "pixel": list(state.pixel),
        "cell": list(cell),
        "use": state.use,
        "edits": [describe(edit, scene.classes) for edit in state.edits],
        "temperature": state.edits[-1].value if state.edits and isinstance(state.edits[-1], Temperature) else 1.0,
        "coarse": most_likely.numpy().tobytes(),
        "cells": list(scene.cells),
        "fine": result.fine.tobytes(),
        "centers": [
            {
                "label": i,
                "before": place_before,
                "after": place_after,
                "moved": steps[i],
                "share_before": shares_before[i],
                "share_after": shares_after[i],
                "zero": not bool(after[i].any()),
            }
            for i, place_before, place_after in zip(
                shown,
                project(before[shown], mean, axes).tolist(),
                project(after[shown], mean, axes).tolist(),
                strict=True,
            )
        ],
        "point": project(scene.reduced[here].cpu()[None], mean, axes)[0].tolist(),
        "row_before": own[here].tolist(),
        "row_after": edited[here].tolist(),
        "classes_here": {
            "truth": None if truth is None else int(truth[state.pixel]),
            "coarse": int(most_likely[cell]),
            "before": int(scene.fine[state.pixel]),
            "after": int(result.fine[state.pixel]),
        },
        "changed": float((result.fine != scene.fine).mean()),
        "right_before": right_share(scene.fine, truth),
        "right_after": right_share(result.fine, truth),
        "spoken": spoken(state, scene, result),
    }


def spoken(state: LabState, scene: Scene, result: WhatIf) -> str:
    """One sentence on the state, for screen readers."""
    row, column = state.pixel
    names = scene.class_name(int(scene.fine[row, column])), scene.class_name(int(result.fine[row, column]))
    became = f"{names[0]}, now {names[1]}" if names[0] != names[1] else f"{names[0]}, unchanged"
    edits = f"{len(state.edits)} edit{'s' * (len(state.edits) != 1)}"
    return f"{edits}; {percent((result.fine != scene.fine).mean())} of the fine result changed; row {row}, column {column}: {became}"


def percent(share: float) -> str:
    """A share in whole percent; what is above 0 and below 1 % says so."""
    return "below 1 %" if 0 < share < 0.005 else f"{100 * share:.0f} %"


def lab_summary(state: LabState, scene: Scene, edited: Tensor, result: WhatIf, error: str = "") -> str:
    """The state in words and whole percent."""
    frame = lab_frame(state, scene, edited, result)
    order = sorted(frame["centers"], key=lambda center: -center["moved"])
    far = [f"{scene.classes[c['label']]} {100 * c['moved']:.0f} %" for c in order[:3] if c["moved"] >= 0.005]
    lines = [
        f"picture {scene.size[0]} x {scene.size[1]}, feature map {scene.cells[0]} x {scene.cells[1]}",
        f"edits: {'; '.join(frame['edits']) or 'none'}",
        f"the edited map replaces P for: {state.use}",
        f"centers that moved most, in mean distances between centers: {', '.join(far) or 'none'}",
        f"fine result: {percent(frame['changed'])} of the pixels changed",
    ]
    if frame["right_before"] is not None:
        lines.append(f"right pixels: {percent(frame['right_before'])} before, {percent(frame['right_after'])} after")
    return "\n".join(lines + ([f"message: {error}"] if error else []))
