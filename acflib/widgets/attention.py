"""AttentionViewer: which class centers each pixel listens to, and the attended feature that comes of it."""

from typing import Any

from acflib.widgets import attention_state
from acflib.widgets.base import AcfWidget
from acflib.widgets.bundle import module
from acflib.widgets.names import name_places
from acflib.widgets.packing import pack_labels
from acflib.widgets.scene import Scene


class AttentionViewer(AcfWidget):
    """P as one small map a class, the attended feature as a picture, and whose center each pixel takes most from.

    Arguments as :class:`acflib.widgets.base.AcfWidget`. The network needs attention (variant "sum" or "concat").
    """

    _esm = module("attention")

    def show_all(self, on: bool = True) -> None:
        """Show the classes too that are nowhere likely."""
        self.act({"do": "all", "on": on})

    def figure(self):
        """What is shown, as a matplotlib figure."""
        from acflib.widgets.plots import attention_figure

        return attention_figure(self.state, self._scene)

    def _first_state(self, scene: Scene) -> attention_state.AttentionState:
        attention_state.check_scene(scene)
        return attention_state.initial_state(scene)

    def _next_state(self, action: dict[str, Any]) -> attention_state.AttentionState:
        return attention_state.apply_action(self.state, self._scene, action)

    def _paint(self) -> dict[str, Any]:
        return attention_state.attention_frame(self.state, self._scene)

    def _summary(self) -> str:
        return attention_state.attention_summary(self.state, self._scene, self.message)

    def _more_scenery(self, scene: Scene) -> dict[str, Any]:
        pictures = attention_state.attention_pictures(scene)
        taken = pictures["most_taken"]
        return {
            "attended": pictures["attended"].tobytes(),
            "most_taken": pack_labels(taken),
            "most_taken_places": name_places(scene.grid.spread(taken)),
        }
