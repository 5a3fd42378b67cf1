"""What the attention viewer shows, without any front end: who listens to which class center, and what comes of it."""

from dataclasses import dataclass, replace
from typing import Any

import torch

from acflib.errors import ConfigError
from acflib.similarity import check_pixel, feature_picture, most_taken_class, taken_shares
from acflib.widgets.lab_view import mass_shares, percent
from acflib.widgets.scene import ATTENDED, Scene

MIN_PEAK = 0.5  # a class that is nowhere more likely than this is left out


@dataclass(frozen=True)
class AttentionState:
    """What the user has chosen: a pixel of the picture, and whether classes that are nowhere likely are shown too."""

    pixel: tuple[int, int]
    all_classes: bool = False


def check_scene(scene: Scene) -> None:
    """Raise ConfigError unless the network attends to class centers (Eq. 3 or 5)."""
    if scene.model.acf is None or scene.model.acf.attention_block is None:
        what = "no ACF module" if scene.model.acf is None else f'the variant "{scene.model.acf.variant}"'
        raise ConfigError(f"this network has {what}, so its pixels attend to no class centers: choose sum or concat")


def initial_state(scene: Scene) -> AttentionState:
    """The middle of the picture."""
    return AttentionState((scene.size[0] // 2, scene.size[1] // 2))


def apply_action(state: AttentionState, scene: Scene, action: dict[str, Any]) -> AttentionState:
    """The state after an action: ``{"do": "pick", "row", "column"}`` or ``{"do": "all", "on"}``.

    Raises:
        ConfigError: the action is unknown, or the pixel is outside.
    """
    if action.get("do") == "pick":
        pixel = int(action["row"]), int(action["column"])
        check_pixel(*pixel, scene.size)
        return replace(state, pixel=pixel)
    if action.get("do") == "all":
        return replace(state, all_classes=bool(action["on"]))
    raise ConfigError(f"unknown action {action.get('do')!r}")


def shown_classes(state: AttentionState, scene: Scene) -> list[int]:
    """The classes with a map, those with most probability first: all, or those with a peak; at least one."""
    own = scene.probabilities
    shares = mass_shares(own)
    peaks = [float(map_.max()) for map_ in own]
    least = min(MIN_PEAK, max(peaks))  # a network that is sure of nothing shows its highest peak
    kept = [i for i, peak in enumerate(peaks) if state.all_classes or peak >= least]
    return sorted(kept, key=lambda i: -shares[i])


def attention_pictures(scene: Scene) -> dict[str, Any]:
    """Independent of the pixel: the attended feature in false colors, and whose center each pixel takes most from."""
    check_scene(scene)
    taken = most_taken_class(scene.centers, scene.found.probabilities[0], scene.acf.variant)
    return {
        "attended": feature_picture(scene.layers[ATTENDED].units),
        "most_taken": taken.byte().cpu().numpy(),
    }


def attention_frame(state: AttentionState, scene: Scene) -> dict[str, Any]:
    """All that the view paints for a state."""
    own = scene.probabilities
    shares = mass_shares(own)
    cell = scene.cell(state.pixel)
    here = (slice(None), *cell)
    with torch.no_grad():
        taken = taken_shares(scene.centers, scene.found.probabilities[0], scene.acf.variant)[here]
    return {
        "pixel": list(state.pixel),
        "cell": list(cell),
        "cells": list(scene.cells),
        "align": scene.model.align_corners,
        "steps": list(scene.grid.steps),
        "all_classes": state.all_classes,
        "maps": [
            {"label": i, "share": shares[i], "values": own[i].float().numpy().astype("<f4").tobytes()}
            for i in shown_classes(state, scene)
        ],
        "row": own[here].tolist(),
        "taken": taken.tolist(),
        "spoken": spoken(state, scene),
    }


def spoken(state: AttentionState, scene: Scene) -> str:
    """One sentence on the pixel, for screen readers and for the status line."""
    here = (slice(None), *scene.cell(state.pixel))
    row = scene.probabilities[here]
    label = int(row.argmax())
    return (
        f"row {state.pixel[0]}, column {state.pixel[1]}: "
        f"most attention to {scene.classes[label]}, {percent(float(row[label]))}"
    )


def attention_summary(state: AttentionState, scene: Scene, error: str = "") -> str:
    """The state in words and whole percent."""
    pictures = attention_pictures(scene)
    agree = float((pictures["most_taken"] == scene.probabilities.argmax(dim=0).numpy()).mean())
    lines = [
        f"picture {scene.size[0]} x {scene.size[1]}, attention maps {scene.cells[0]} x {scene.cells[1]}",
        f"pixel {spoken(state, scene)}",
        f"classes shown: {', '.join(scene.classes[i] for i in shown_classes(state, scene))}",
        f"cells that take most from the center of their most likely class: {percent(agree)}",
    ]
    return "\n".join(lines + ([f"message: {error}"] if error else []))
