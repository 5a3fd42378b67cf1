"""What the class center laboratory shows: the what-if for Fig. 4 as pure functions of the scene and its edited map."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from acflib import functional
from acflib.acfnet import evaluation_mode
from acflib.similarity import principal_axes, project
from acflib.widgets.lab_edits import Temperature, describe_edit
from acflib.widgets.lab_state import LabState, check_scene
from acflib.widgets.names import name_places
from acflib.widgets.packing import pack_labels
from acflib.widgets.scene import Scene, class_map

PRESENT = 0.005  # a class below this share of the map's mass is not drawn


@dataclass(frozen=True, eq=False)
class WhatIf:
    """What the network makes of a class map."""

    centers: Tensor  # (N, C')
    fine: np.ndarray  # class map of the picture, uint8 (H, W)


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
    acf, found, classifier = scene.acf, scene.found, scene.model.classifier
    assert scene.reduced is not None and classifier is not None  # a network with class centers has both
    edited = edited.to(found.probabilities)[None]  # (1, N, h, w)
    center_probs = edited if use in ("both", "centers") else found.probabilities
    attention_probs = functional.sum_to_one(edited) if use in ("both", "attention") else found.probabilities
    with evaluation_mode(scene.model):
        centers = functional.class_centers(scene.reduced[None], center_probs)
        context = centers if acf.attention_block is None else acf.attention_block(centers, attention_probs)
        logits = classifier(acf.fuse(context, found.coarse_features))
    return WhatIf(centers[0].cpu(), class_map(scene.model, logits, scene.size))


def distance_unit(centers: Tensor) -> float:
    """The mean distance between two different class centers of (n, C'), the yardstick for how far one moved."""
    return float(torch.pdist(centers.double()).mean()) if len(centers) > 1 else 1.0


def center_steps(before: Tensor, after: Tensor, present: Sequence[int]) -> list[float]:
    """How far each class center moved, (N,), in mean distances between two of the ``present`` centers before."""
    unit = distance_unit(before[list(present)]) or 1.0
    return ((after - before).double().norm(dim=1) / unit).tolist()


def mass_shares(probabilities: Tensor) -> list[float]:
    """The share of each class in a class map (N, h, w); they sum to 1."""
    mass = probabilities.double().sum(dim=(1, 2))
    return (mass / mass.sum().clamp_min(1e-300)).tolist()


def right_share(labels: np.ndarray, truth: np.ndarray | None) -> float | None:
    """The share of labeled pixels with the right class; None without ground truth."""
    if truth is None or (truth == 255).all():
        return None
    return float((labels == truth)[truth != 255].mean())


def lab_frame(state: LabState, scene: Scene, edited: Tensor, result: WhatIf) -> dict[str, Any]:
    """All that the view paints for a state."""
    own = scene.probabilities
    before, after = scene.centers.cpu(), result.centers
    shares_before, shares_after = mass_shares(own), mass_shares(edited)
    present = [i for i, share in enumerate(shares_before) if share >= PRESENT]
    shown = [i for i in range(len(own)) if max(shares_before[i], shares_after[i]) >= PRESENT]
    mean, axes = principal_axes(before[present], 2)
    cell = scene.cell(state.pixel)
    here = (slice(None), *cell)
    steps = center_steps(before, after, present)
    truth = scene.picture.truth
    most_likely = edited.argmax(dim=0).byte().masked_fill(edited.sum(dim=0) == 0, 255)
    return {
        "pixel": list(state.pixel),
        "cell": list(cell),
        "use": state.use,
        "undone": len(state.undone),
        "edits": [describe_edit(edit, scene.classes) for edit in state.edits],
        "temperature": state.edits[-1].value if state.edits and isinstance(state.edits[-1], Temperature) else 1.0,
        "coarse": pack_labels(most_likely.numpy()),
        "cells": list(scene.cells),
        "align": scene.model.align_corners,
        "steps": list(scene.grid.steps),
        "fine": pack_labels(result.fine),
        "places": {
            "coarse": name_places(scene.grid.spread(most_likely.numpy())),
            "fine": name_places(result.fine),
        },
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
        "point": project(scene.feature(state.pixel)[None], mean, axes)[0].tolist(),
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
    changed = f"{percent((result.fine != scene.fine).mean())} of the fine result changed"
    return f"{edits}; {changed}; row {row}, column {column}: {became}"


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
