"""SimilarityExplorer: click a pixel, see which pixels the network holds to be alike (Fig. 5 and 6)."""

from typing import Any

from acflib.widgets import explorer_state
from acflib.widgets.base import AcfWidget
from acflib.widgets.bundle import module
from acflib.widgets.scene import Scene


class SimilarityExplorer(AcfWidget):
    """Similarity maps of a chosen pixel: baseline, ACFNet before coarse, ACFNet before fine.

    Click a pixel, or use arrow keys or sliders. Pin two pixels to compare them. Arguments as
    :class:`acflib.widgets.base.AcfWidget`; ``baseline`` is the network of the first map.

    Example:
        >>> explorer = SimilarityExplorer(model, image, labels, baseline=baseline)
        >>> explorer.pick(90, 130)
        >>> print(explorer.state_summary())
    """

    _esm = module("explorer")

    def set(self, **choices: Any) -> None:
        """Change any of layer, smoothing, scale and width; values as in ``explorer_state.ExplorerState``."""
        self.act({"do": "set", **choices})

    def pin(self, name: str) -> None:
        """Pin the chosen pixel as "A" or "B"."""
        self.act({"do": "pin", "as_": name})

    def unpin(self) -> None:
        """Take both pins away."""
        self.act({"do": "unpin"})

    def next_wrong(self, kind: str = "corrected") -> None:
        """Go to the next place that the fine result "corrected" or has "broken"; needs ground truth."""
        self.act({"do": "wrong", "kind": kind})

    def figure(self):
        """What is shown, as a matplotlib figure."""
        from acflib.widgets.plots import explorer_figure

        return explorer_figure(self.state, self._scene)

    def _first_state(self, scene: Scene) -> explorer_state.ExplorerState:
        if self.state is None:
            return explorer_state.initial_state(scene)
        return explorer_state.after_new_scene(self.state, scene)

    def _next_state(self, action: dict[str, Any]) -> explorer_state.ExplorerState:
        return explorer_state.apply_action(self.state, self._scene, action)

    def _paint(self) -> dict[str, Any]:
        return explorer_state.explorer_frame(self.state, self._scene)

    def _summary(self) -> str:
        return explorer_state.explorer_summary(self.state, self._scene, self.message)

    def _more_scenery(self, scene: Scene) -> dict[str, Any]:
        return {
            "layers": [[name, layer.title] for name, layer in scene.layers.items()],
            "widths": list(explorer_state.WIDTHS),
            "max_smoothing": explorer_state.MAX_SMOOTHING,
        }
