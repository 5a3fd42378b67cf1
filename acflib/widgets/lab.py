"""ClassCenterLab: break the coarse result on purpose and watch the class centers answer (the what-if for Fig. 4)."""

from collections.abc import Sequence
from typing import Any

from torch import Tensor

from acflib.widgets import lab_state, lab_view
from acflib.widgets.base import AcfWidget
from acflib.widgets.bundle import module
from acflib.widgets.lab_edits import Edit, apply_edit, edited_map
from acflib.widgets.scene import Scene


class ClassCenterLab(AcfWidget):
    """Edit the coarse map with a brush, mixtures, a temperature or the ground truth; see centers and fine result move.

    Arguments as :class:`acflib.widgets.base.AcfWidget`. The network needs class centers.

    Example:
        >>> lab = ClassCenterLab(model, image, labels)
        >>> lab.mix("person", "rider", 1.0)
        >>> print(lab.state_summary())
    """

    _esm = module("lab")

    def __init__(self, *arguments: Any, **settings: Any):
        self._maps: list[tuple[tuple[Edit, ...], Tensor]] = []  # the last two edited maps
        self._result: tuple[Any, lab_view.WhatIf] | None = None
        super().__init__(*arguments, **settings)

    def paint(self, label: str | int, points: Sequence[tuple[float, float]], radius: float = 8.0) -> None:
        """One stroke of the brush through (row, column) points of the picture; ``radius`` in pixels."""
        self.act({"do": "paint", "label": label, "points": list(points), "radius": radius})

    def mix(self, first: str | int, second: str | int, share: float) -> None:
        """Let two classes exchange a share of their probability; 1 swaps them."""
        self.act({"do": "mix", "first": first, "second": second, "share": share})

    def absent(self, label: str | int) -> None:
        """Take a class out of the coarse map."""
        self.act({"do": "absent", "label": label})

    def temperature(self, value: float) -> None:
        """Sharpen (below 1) or flatten (above 1) the coarse map."""
        self.act({"do": "temperature", "value": value})

    def use_truth(self) -> None:
        """Put the ground truth in place of the coarse map: Eq. 2 becomes Eq. 1."""
        self.act({"do": "truth"})

    def use_for(self, use: str) -> None:
        """Where the edited map replaces P: "centers" (Eq. 2), "attention" (Eq. 3 and 5) or "both"."""
        self.act({"do": "use", "use": use})

    def undo(self) -> None:
        """Take the last edit back."""
        self.act({"do": "undo"})

    def redo(self) -> None:
        """Do the edit again that was taken back last."""
        self.act({"do": "redo"})

    def reset(self) -> None:
        """Take all edits back."""
        self.act({"do": "reset"})

    @property
    def edited(self) -> Tensor:
        """The class map after all edits, (N, h, w)."""
        edits = self.state.edits
        for known, probabilities in self._maps:
            if known == edits:
                return probabilities
        truth, grid = self._scene.picture.truth, self._scene.grid
        found = None
        for known, probabilities in self._maps:  # one edit more than a known map: apply that one alone
            if edits and known == edits[:-1]:
                found = apply_edit(probabilities, edits[-1], truth, grid)
        if found is None:
            found = edited_map(self._scene.probabilities, edits[:-1], truth, grid)
            self._maps = [(edits[:-1], found)]
            found = edited_map(found, edits[-1:], truth, grid)
        # The map before the last edit stays known: while a stroke goes on, its last edit is replaced again and again.
        self._maps = [pair for pair in self._maps if pair[0] == edits[:-1]] + [(edits, found)]
        return found

    @property
    def result(self) -> lab_view.WhatIf:
        """What the network makes of the edited map."""
        key = (self._scene, self.state.edits, self.state.use)
        if self._result is None or self._result[0] != key:
            self._result = key, lab_view.what_if(self._scene, self.edited, self.state.use)
        return self._result[1]

    def figure(self):
        """What is shown, as a matplotlib figure."""
        from acflib.widgets.plots import lab_figure

        return lab_figure(self.state, self._scene, self.edited, self.result)

    def _first_state(self, scene: Scene) -> lab_state.LabState:
        lab_state.check_scene(scene)
        self._maps = []
        return lab_state.initial_state(scene)

    def _next_state(self, action: dict[str, Any]) -> lab_state.LabState:
        return lab_state.apply_action(self.state, self._scene, self.edited, action)

    def _paint(self) -> dict[str, Any]:
        return lab_view.lab_frame(self.state, self._scene, self.edited, self.result)

    def _summary(self) -> str:
        return lab_view.lab_summary(self.state, self._scene, self.edited, self.result, self.message)
