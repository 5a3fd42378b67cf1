"""What the similarity explorer shows, without any front end: a frozen state, and pure functions of it and the scene."""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from acflib.errors import ConfigError
from acflib.similarity import (
    check_pixel,
    next_wrong_pixel,
    similarity_map,
    similarity_to_centers,
    smooth_map,
    wrong_pixels,
)
from acflib.widgets.scene import ATTENDED, Layer, Scene

ALL_LAYERS = "all"
PINS = ("A", "B")
SCALES = ("fixed", "fitted")
WIDTHS = (0, 256, 384, 512, 768)  # of a panel, in CSS pixels; 0: as there is room
MAX_SMOOTHING = 3.0
Pixel = tuple[int, int]


@dataclass(frozen=True)
class ExplorerState:
    """What the user has chosen.

    Attributes:
        pixel: row and column in the picture.
        pins: pixels pinned as A and B, or None.
        layer: "all" (the maps of Fig. 5 and 6), or the name of one layer.
        smoothing: standard deviation of a Gaussian, in cells of the feature map; 0 shows the cells.
        scale: "fixed": the colors of all maps span the whole range; "fitted": from the smallest value shown to 1.
        width: of a panel, in CSS pixels; 0: as there is room.
    """

    pixel: Pixel
    pins: tuple[Pixel | None, Pixel | None] = (None, None)
    layer: str = ALL_LAYERS
    smoothing: float = 0.0
    scale: str = "fixed"
    width: int = 0


def initial_state(scene: Scene) -> ExplorerState:
    """The middle of the picture."""
    height, width = scene.size
    return ExplorerState((height // 2, width // 2))


def apply_action(state: ExplorerState, scene: Scene, action: dict[str, Any]) -> ExplorerState:
    """The state after an action of the user.

    Args:
        action: ``{"do": name, ...}`` with the name one of pick (row, column), wrong (kind), pin (as_), unpin, set
            (any of layer, smoothing, scale, width).

    Raises:
        ConfigError: the action is unknown, or a value is not possible; the message is shown in the widget.
    """
    what = action.get("do")
    if what == "pick":
        pixel = int(action["row"]), int(action["column"])
        check_pixel(*pixel, scene.size)
        return replace(state, pixel=pixel)
    if what == "wrong":
        return replace(state, pixel=_next_wrong(state, scene, str(action["kind"])))
    if what == "pin":
        if action["as_"] not in PINS:
            raise ConfigError(f"a pixel is pinned as one of {', '.join(PINS)}, not {action['as_']!r}")
        pins = [*state.pins]
        pins[PINS.index(action["as_"])] = state.pixel
        return replace(state, pins=(pins[0], pins[1]))
    if what == "unpin":
        return replace(state, pins=(None, None))
    if what == "set":
        return _set(state, scene, action)
    raise ConfigError(f"unknown action {what!r}")


def _set(state: ExplorerState, scene: Scene, action: dict[str, Any]) -> ExplorerState:
    changed = replace(
        state,
        layer=str(action.get("layer", state.layer)),
        smoothing=float(action.get("smoothing", state.smoothing)),
        scale=str(action.get("scale", state.scale)),
        width=int(action.get("width", state.width)),
    )
    if changed.layer != ALL_LAYERS and changed.layer not in scene.layers:
        raise ConfigError(f'no layer {changed.layer!r}; there are: "{ALL_LAYERS}", {", ".join(scene.layers)}')
    if not 0 <= changed.smoothing <= MAX_SMOOTHING:
        raise ConfigError(f"smoothing goes from 0 to {MAX_SMOOTHING:g} cells, got {changed.smoothing:g}")
    if changed.scale not in SCALES:
        raise ConfigError(f"scale must be one of {', '.join(SCALES)}, got {changed.scale!r}")
    if changed.width not in WIDTHS:
        raise ConfigError(f"the width of a panel is one of {WIDTHS}, got {changed.width}")
    return changed


def _next_wrong(state: ExplorerState, scene: Scene, kind: str) -> Pixel:
    if scene.picture.truth is None:
        raise ConfigError("without ground truth nobody knows which pixels are wrong: this picture has none")
    if scene.coarse is None:
        raise ConfigError("this network has no coarse and fine result to compare: it has no ACF module")
    found = next_wrong_pixel(wrong_pixels(kind, scene.coarse, scene.fine, scene.picture.truth, scene.grid), state.pixel)
    if found is None:
        raise ConfigError(f"in this picture no pixel was {kind} by the fine result")
    return found


def after_new_scene(state: ExplorerState, scene: Scene) -> ExplorerState:
    """The same choices for another picture, its middle; pins go."""
    layer = state.layer if state.layer in scene.layers else ALL_LAYERS
    return replace(state, pixel=initial_state(scene).pixel, pins=(None, None), layer=layer)


def shown_layers(state: ExplorerState, scene: Scene) -> list[Layer]:
    """The layers whose maps are shown."""
    if state.layer != ALL_LAYERS:
        return [scene.layers[state.layer]]
    return [layer for name, layer in scene.layers.items() if name != ATTENDED]


def layer_cell(layer: Layer, scene: Scene, pixel: Pixel) -> Pixel:
    """The cell of a layer under a pixel of the picture."""
    check_pixel(*pixel, scene.size)
    return layer.grid.cell(*pixel)


def layer_map(layer: Layer, scene: Scene, pixel: Pixel, smoothing: float = 0.0) -> np.ndarray:
    """The similarity map of a pixel of the picture in a layer, float32 (h, w)."""
    found = smooth_map(similarity_map(layer.units, *layer_cell(layer, scene, pixel)), smoothing)
    return found.float().numpy()


def color_range(maps: list[np.ndarray], scale: str) -> tuple[float, float]:
    """The one color scale of all maps: from -1, 0 (if nothing is below) or the smallest value shown, to 1."""
    smallest = min(float(values.min()) for values in maps)
    if scale == "fitted":
        return min(np.floor(20 * smallest) / 20, 0.95), 1.0  # whole steps of 0.05 are easy to read on the bar
    return (-1.0 if smallest < -1e-6 else 0.0), 1.0


def pixel_facts(scene: Scene, pixel: Pixel) -> dict[str, Any]:
    """The classes of a pixel, and of its cell: its class, its row P, its similarity to each class center. Plain values.

    The coarse class is of the map at the size of the picture, between the cells; P has one row for a whole cell. So the
    two may differ.
    """
    here = (slice(None), *scene.cell(pixel))
    row = scene.found.probabilities[0][here]
    facts: dict[str, Any] = {
        "truth": None if scene.picture.truth is None else int(scene.picture.truth[pixel]),
        "coarse": None if scene.coarse is None else int(scene.coarse[pixel]),
        "fine": int(scene.fine[pixel]),
        "row": [float(p) for p in row],
        "cell": int(row.argmax()),
        "to_centers": None,
    }
    if scene.reduced is not None:
        facts["to_centers"] = similarity_to_centers(scene.reduced[here], scene.centers).tolist()
    return facts


def compare_pins(state: ExplorerState, scene: Scene) -> list[dict[str, Any]] | None:
    """The similarity of pixel A to pixel B in each layer; None unless both are pinned."""
    a, b = state.pins
    if a is None or b is None:
        return None
    values = []
    for layer in scene.layers.values():
        cell = layer_cell(layer, scene, b)
        values.append({"layer": layer.title, "similarity": float(layer_map(layer, scene, a)[cell])})
    return values


def explorer_frame(state: ExplorerState, scene: Scene) -> dict[str, Any]:
    """All that the view paints for a state: plain values, and maps as bytes of float32."""
    rows = [("", state.pixel), *((name, pin) for name, pin in zip(PINS, state.pins, strict=True) if pin is not None)]
    layers = shown_layers(state, scene)
    maps = {name: [layer_map(layer, scene, pixel, state.smoothing) for layer in layers] for name, pixel in rows}
    low, high = color_range([values for group in maps.values() for values in group], state.scale)
    return {
        "pixel": list(state.pixel),
        "cell": list(scene.cell(state.pixel)),
        "rows": [
            {
                "pin": name,
                "pixel": list(pixel),
                "maps": [
                    {
                        "title": layer.title,
                        "height": values.shape[0],
                        "width": values.shape[1],
                        "align": layer.grid.align_corners,
                        "steps": list(layer.grid.steps),
                        "values": values.astype("<f4").tobytes(),
                    }
                    for layer, values in zip(layers, maps[name], strict=True)
                ],
                "facts": pixel_facts(scene, pixel),
            }
            for name, pixel in rows
        ],
        "range": [float(low), float(high)],
        "compare": compare_pins(state, scene),
        "layer": state.layer,
        "smoothing": state.smoothing,
        "scale": state.scale,
        "width": state.width,
        "spoken": spoken(state, scene),
    }


def spoken(state: ExplorerState, scene: Scene) -> str:
    """One sentence on the pixel, for screen readers and for the status line."""
    facts = pixel_facts(scene, state.pixel)
    named = [
        f"{what} {scene.class_name(facts[what])}" for what in ("truth", "coarse", "fine") if facts[what] is not None
    ]
    if facts["coarse"] not in (None, facts["cell"]):
        named[-2] += f" (its cell {scene.class_name(facts['cell'])})"
    return f"row {state.pixel[0]}, column {state.pixel[1]}: {', '.join(named)}"


def explorer_summary(state: ExplorerState, scene: Scene, error: str = "") -> str:
    """The state in words and whole numbers, the same on every machine."""
    height, width = scene.size
    lines = [
        f"picture {height} x {width}, feature map {scene.cells[0]} x {scene.cells[1]}",
        f"pixel {spoken(state, scene)}; cell {scene.cell(state.pixel)}",
        f"maps: {'; '.join(layer.title for layer in shown_layers(state, scene))}",
        f"smoothing {state.smoothing:g} cells, color scale {state.scale}",
    ]
    lines += [f"pin {name}: row {p[0]}, column {p[1]}" for name, p in zip(PINS, state.pins, strict=True) if p]
    return "\n".join(lines + ([f"message: {error}"] if error else []))
