"""What the three widgets share: the picture, the way of a user's action from the browser and back, errors, progress.

The browser sends each action as a message with the number ``seq`` of its view (``client``); Python applies it to a
frozen state, and answers with one new ``frame``, which says whose action it answers. The frame is a synced trait: a
view that is opened later paints the newest one. The browser keeps one action on its way and lets a newer pick replace
one that has not left yet, so quick clicks never pile up and the last one is always shown. Strokes are joined, never
dropped.
"""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, NoReturn

import anywidget
import numpy as np
import traitlets
from torch import nn

from acflib.errors import AcflibError, DataError
from acflib.predict.scale import TRAINED, Scale, check_scale, scale_choices, trained_scale
from acflib.widgets.bundle import styles
from acflib.widgets.names import name_places
from acflib.widgets.packing import pack_labels, pack_picture
from acflib.widgets.photographs import labels_to_size, read_photograph
from acflib.widgets.scene import Picture, Scene, analyze, as_seen, same_place

MAX_UPLOAD = 64 * 2**20
# Below each view, and hidden by its style sheet: what is left of it in a page that was loaded again without its kernel.
HINT = "The view above needs a running kernel. Where it is missing, run this cell."
Source = str | Path | bytes | np.ndarray


class AcfWidget(anywidget.AnyWidget):
    """A picture, the networks, and a view in the browser. Not for use by itself.

    Args:
        model: an ACFNet, or a network wrapped by :func:`acflib.tap`.
        image: a path, the bytes of a picture file, or an array (H, W, 3).
        labels: ground truth, train ids (H, W), 255 = ignore; may be missing.
        classes, colors: names and colors in train-id order; by default the model's own, else known for 19 and 11.
        gallery: further pictures to choose from in the widget.
        scale: at which height the network sees a picture: "trained" (as it is where the training pictures had such
            heights, else at their height), "own" (as it is), or a number of training heights. What is shown, its pixels
            and its cells are of the picture as the network sees it.

    A mistake (a picture that cannot be read, a pixel outside, a network without class centers ...) is shown as a line
    of text in the widget and kept in ``message``; the state stays as it was. What was done to a picture to make it fit
    (gray, alpha, 16 bit, turned, made smaller) is shown as a line, too, and kept in ``note``.
    """

    _css = styles()
    scenery = traitlets.Dict().tag(sync=True)  # what changes with the picture only
    frame = traitlets.Dict().tag(sync=True)  # what the view paints
    busy = traitlets.Dict().tag(sync=True)  # {"text", "done", "total"} while something long runs, else empty
    # The pixel, (row, column), or None; may be observed.
    picked: Any = traitlets.Tuple(allow_none=True, default_value=None)

    def __init__(
        self,
        model: nn.Module,
        image: Source | None = None,
        labels: np.ndarray | None = None,
        *,
        baseline: nn.Module | None = None,
        classes: Sequence[str] | None = None,
        colors: Sequence[tuple[int, int, int]] | None = None,
        gallery: Sequence[Picture] = (),
        name: str = "picture",
        scale: Scale = TRAINED,
    ):
        super().__init__()
        self._scale: Scale = scale
        self._given: tuple[Picture, str] | None = None  # the picture at its own size, and what was done to it
        self._model, self._baseline, self._names = model, baseline, (classes, colors)
        self.gallery = tuple(gallery)
        self.scene: Scene | None = None
        self.state: Any = None
        self.message = self.note = ""
        self._version, self._quiet = 0, True
        self._notes: dict[str, str] = {}  # what was done to uploaded pictures, by name
        self._uploads: dict[str, list[bytes]] = {}
        self.on_msg(self._receive)
        if image is None and self.gallery:
            self.act({"do": "picture", "index": 0})
        elif image is None:
            self._guarded(self._no_picture)
        else:
            self.show(image, labels, name)

    # ---- for Python

    def show(self, image: Source, labels: np.ndarray | None = None, name: str = "picture") -> None:
        """Show another picture; arguments as for the class."""
        self._guarded(lambda: self._show_photograph(image, name, labels))

    def act(self, action: dict[str, Any]) -> None:
        """Do what a user could do in the browser; ``action`` is ``{"do": name, ...}``, as the state's module says."""
        self._guarded(lambda: self._apply(action))

    def pick(self, row: int, column: int) -> None:
        """Choose a pixel of the picture."""
        self.act({"do": "pick", "row": row, "column": column})

    def rescale(self, scale: Scale) -> None:
        """Show the picture to the network at another height; ``scale`` as for the class."""
        self.act({"do": "rescale", "scale": scale})

    def choose(self, index: int) -> None:
        """Show a picture of the gallery."""
        self.act({"do": "picture", "index": index})

    def state_summary(self) -> str:
        """What is shown, in words and whole numbers: the same on every machine."""
        if self.scene is None:
            return f"message: {self.message}"
        note = f"\nnote: {self.note}" if self.note else ""
        return self._summary() + note

    def __repr__(self) -> str:
        return f"{type(self).__name__}: {self.state_summary().splitlines()[0]}"

    def _ipython_display_(self) -> None:
        """Show the view in a notebook, and a hint for a page that has no kernel."""
        from IPython.display import display

        data, metadata = self._repr_mimebundle_() or ({}, {})
        display(data, metadata=metadata, raw=True)
        hint = {"text/html": f'<div class="acf-again">{HINT}</div>', "text/plain": HINT}
        display(hint, raw=True)

    # ---- for the classes below

    @property
    def _scene(self) -> Scene:
        """The picture that is shown; DataError where there is none yet."""
        return self.scene or self._no_picture()

    def _first_state(self, scene: Scene) -> Any:
        raise NotImplementedError

    def _next_state(self, action: dict[str, Any]) -> Any:
        raise NotImplementedError

    def _paint(self) -> dict[str, Any]:
        raise NotImplementedError

    def _summary(self) -> str:
        raise NotImplementedError

    def _more_scenery(self, scene: Scene) -> dict[str, Any]:
        return {}

    # ---- how an action goes through

    def _receive(self, _, content: dict[str, Any], buffers: list) -> None:
        """A message of a view."""
        reply = {"client": content.get("client"), "seq": content.get("seq")}
        if content.get("do") == "hello":  # of a view that was just made: is anybody there?
            self._send_frame(reply)
            return
        if content.get("do") == "upload":
            upload = self._collect(content, buffers)
            if upload is None:
                return  # more parts are on their way
            content = upload
        self._guarded(lambda: self._apply(content), reply)

    def _collect(self, content: dict[str, Any], buffers: list) -> dict[str, Any] | None:
        """Put the parts of an upload together; the action when all are there, or when they are too many."""
        client, name, part = str(content.get("client")), str(content.get("name")), content.get("part")
        if part == 0:
            self._uploads[client] = []
        parts = self._uploads.get(client)
        if parts is None or len(parts) != part:
            return None  # the rest of an upload that was refused
        parts.append(bytes(buffers[0]) if buffers else b"")
        too_large = sum(map(len, parts)) > MAX_UPLOAD
        if not too_large and len(parts) < content.get("parts", 1):
            return None
        data = b"".join(self._uploads.pop(client))
        return {"do": "upload", "name": name, "data": data, "too_large": too_large}

    def _guarded(self, work, reply: dict[str, Any] | None = None) -> None:
        """Run ``work``, then send a frame: the new one, or the old one with a line that says what is wrong."""
        self.message, self._quiet = "", reply is None
        try:
            work()
        except AcflibError as error:
            self.message = str(error)
        except Exception as error:  # shown to the user, and raised for the log: nothing is swallowed
            self.message = f"unexpected {type(error).__name__}: {error}"
            raise
        finally:
            self.busy = {}
            self._send_frame(reply)

    def _apply(self, action: dict[str, Any]) -> None:
        what = action.get("do")
        if what == "upload" and action["too_large"]:
            raise DataError(f"{action['name']}: larger than {MAX_UPLOAD // 2**20} MiB; make it smaller first")
        if what == "upload":
            self._show_photograph(action["data"], str(action["name"]), keep=True)
        elif what == "picture":
            if not 0 <= int(action["index"]) < len(self.gallery):
                raise DataError(f"no picture {action['index']}; the gallery has {len(self.gallery)}")
            picture = self.gallery[int(action["index"])]
            self._show(picture, self._notes.get(picture.name, ""))
        elif self.scene is None or self._given is None:
            raise DataError("there is no picture yet: upload one")
        elif what == "rescale":
            self._show(*self._given, scale=check_scale(action["scale"]))
        else:
            self.state = self._next_state(action)

    def _no_picture(self) -> NoReturn:
        raise DataError("there is no picture yet: upload one, or give image=")

    def _show_photograph(self, source: Source, name: str, labels: np.ndarray | None = None, keep: bool = False) -> None:
        found = read_photograph(source, name)
        if labels is not None:
            labels = labels_to_size(labels, found.full_size, found.image.shape[:2])
        picture = Picture(name, found.image, labels)
        self._show(picture, found.note, gallery=with_picture(self.gallery, picture) if keep else None)
        if keep:
            self._notes[name] = found.note

    def _show(
        self, given: Picture, note: str = "", scale: Scale | None = None, gallery: tuple[Picture, ...] | None = None
    ) -> None:
        scale = check_scale(self._scale if scale is None else scale)
        trained = trained_scale(getattr(self._model, "info", {}))
        picture, far = as_seen(given, scale, trained)
        scene = analyze(picture, self._model, self._baseline, *self._names, progress=self._progress)
        state = self._first_state(scene)  # raises for a network that cannot be shown
        if self.scene is not None:
            state = replace(state, pixel=same_place(self.state.pixel, self.scene.size, scene.size))
        self.scene, self.state, self.note = scene, state, "; ".join(filter(None, (note, far)))
        self._given, self._scale = (given, note), scale
        self.gallery = self.gallery if gallery is None else gallery
        self.scenery = {
            "version": self._version + 1,
            "name": picture.name,
            "note": self.note,
            "scale": str(scale),
            "scales": scale_choices(given.image.shape[:2], scale, trained),
            "size": list(scene.size),
            "image": pack_picture(given.image),
            "truth": _packed(scene.picture.truth),
            "coarse": _packed(scene.coarse),
            "fine": _packed(scene.fine),
            "places": {
                "truth": _places(scene.picture.truth),
                "coarse": _places(scene.coarse),
                "fine": _places(scene.fine),
            },
            "classes": list(scene.classes),
            "colors": [list(color) for color in scene.colors],
            "gallery": [item.name for item in self.gallery],
            **self._more_scenery(scene),
        }

    def follow(self, other: "AcfWidget") -> None:
        """Show the picture and the pixel that another widget shows, at the same scale, with the same gallery."""
        if other.scene is not None:
            self._guarded(lambda: self._follow(other))

    def _follow(self, other: "AcfWidget") -> None:
        assert other._given is not None
        same = self._given is not None and self._given[0] is other._given[0] and self._scale == other._scale
        if not same or self.gallery is not other.gallery:
            self._show(*other._given, scale=other._scale, gallery=other.gallery)
        self._notes = other._notes
        self.state = replace(self.state, pixel=other.state.pixel)

    def _progress(self, text: str, done: int, total: int) -> None:
        self.busy = {"text": text, "done": done, "total": total}

    def _send_frame(self, reply: dict[str, Any] | None) -> None:
        self._version += 1
        shown = {} if self.scene is None else self._paint()
        self.picked = None if self.scene is None else tuple(self.state.pixel)
        quiet = self._quiet and self.scene is not None  # a mistake of a cell is no alarm in a view
        self.frame = {**shown, "version": self._version, "reply": reply, "message": self.message, "quiet": quiet}


def with_picture(gallery: tuple[Picture, ...], picture: Picture) -> tuple[Picture, ...]:
    """A gallery with one more picture, in the place of one of its name if there is one."""
    names = [item.name for item in gallery]
    if picture.name not in names:
        return (*gallery, picture)
    return tuple(picture if item.name == picture.name else item for item in gallery)


def _places(labels: np.ndarray | None) -> list[tuple[int, int, int]]:
    return [] if labels is None else name_places(labels)


def _packed(labels: np.ndarray | None) -> bytes | None:
    return None if labels is None else pack_labels(labels)
