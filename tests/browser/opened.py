"""A lesson that was opened and run in a page of its own, and what a hand does there: real mouse and key events only."""

import json
from pathlib import Path

from tests.browser import lab

SIZE = (128, 256)  # height and width of the streets
VIEW = {"width": 1500, "height": 1050}
# Cells that make the three views, of a network that was not trained.
THREE_VIEWS = [
    """import torch
from acflib.acfnet import ModelConfig, build_model
from acflib.datasets.labels import TRAIN_ID_OF_ID
from acflib.datasets.streets import render_street
from acflib.widgets import AttentionViewer, ClassCenterLab, Picture, SimilarityExplorer

torch.manual_seed(0)
config = ModelConfig(backbone="tiny", channels=16, align_corners=False, weights=None)
model = build_model(config).eval()
streets = {seed: render_street(seed, 256, 128) for seed in (3, 11)}
gallery = [Picture(f"street {seed}", s.image, TRAIN_ID_OF_ID[s.label_ids]) for seed, s in streets.items()]""",
    "explorer = SimilarityExplorer(model, gallery=gallery)\nexplorer",
    "lab = ClassCenterLab(model, gallery=gallery)\nlab",
    "AttentionViewer(model, gallery=gallery)",
]
CORNERS = [(0, 0), (0, 255), (127, 0), (127, 255)]


class Opened:
    """A notebook that was opened and run."""

    def __init__(self, browser, address: str, path: Path):
        self.errors = lab.Errors()
        self.page = browser.new_context(viewport=VIEW, accept_downloads=True).new_page()
        self.errors.watch(self.page)
        lab.open_notebook(self.page, address, path.name)
        self.path, self.notebook = path, lab.wait_until_run(self.page, path)
        self.log = path.parent / "jupyterlab.log"

    def complaints(self) -> list[str]:
        """All that the browser's console and the kernel say is wrong."""
        return [*self.errors, *lab.complaints_of(self.notebook, self.log)]

    def widget(self, name: str):
        """The first view of this name, scrolled to."""
        found = self.page.locator(f'.acf-root[aria-label="{name}"]').first
        found.scroll_into_view_if_needed(timeout=60000)
        return found

    def click(self, widget, stack, pixel, size=SIZE) -> None:
        """Click a pixel of a panel; wait for the answer."""
        version = lab.version_of(widget)
        self.page.mouse.click(*lab.point_of(stack, pixel, size))
        lab.settle(widget, self.page, version)

    def press(self, widget, name: str) -> None:
        """Press a button; wait for the answer."""
        version = lab.version_of(widget)
        widget.get_by_role("button", name=name, exact=True).click()
        lab.settle(widget, self.page, version)

    def keys(self, widget, *keys: str) -> None:
        """Press keys, one after the other; wait for each answer."""
        for key in keys:
            version = lab.version_of(widget)
            self.page.keyboard.press(key)
            lab.settle(widget, self.page, version)

    def focus(self, widget, label: str):
        """Give a control the focus by a click on its label's text; the control."""
        control = widget.get_by_label(label, exact=True)
        control.locator("xpath=ancestor::label").click(position={"x": 3, "y": 9})
        return control

    def choose(self, widget, label: str, text: str, answered: bool = True) -> None:
        """Choose in a select by arrow keys; ``answered``: Python answers to each step."""
        control = self.focus(widget, label)
        texts = control.locator("option").all_inner_texts()
        steps = texts.index(text) - texts.index(control.locator("option:checked").inner_text())
        keys = ["ArrowDown" if steps > 0 else "ArrowUp"] * abs(steps)
        if answered:
            self.keys(widget, *keys)
        else:
            for key in keys:
                self.page.keyboard.press(key)

    def upload(self, widget, path: Path) -> None:
        """Upload a file by the widget's button; wait until it is shown, or refused."""
        version = lab.version_of(widget)
        with self.page.expect_file_chooser() as waiting:
            widget.get_by_text("Upload a photograph", exact=True).click()
        waiting.value.set_files(path)
        lab.settle(widget, self.page, version, seconds=120)

    def heap(self) -> tuple[float, float]:
        """MB of the page's JavaScript heap after a collection, and the number of nodes."""
        session = self.page.context.new_cdp_session(self.page)
        session.send("Performance.enable")
        session.send("HeapProfiler.collectGarbage")
        found = {entry["name"]: entry["value"] for entry in session.send("Performance.getMetrics")["metrics"]}
        session.detach()
        return found["JSHeapUsedSize"] / 1e6, found["Nodes"]


def first_stack(widget):
    """The first panel of a view: the picture."""
    return widget.locator(".acf-stack").first


def captions(widget) -> list[str]:
    """The captions of the panels that are seen."""
    return widget.locator("figcaption:visible").all_inner_texts()


def message(widget) -> str:
    """The line of text that says what is wrong; empty if nothing is."""
    line = widget.locator(".acf-message")
    return line.inner_text() if line.is_visible() else ""


def printed(cell: dict) -> str:
    """What a code cell has printed."""
    return "".join("".join(output["text"]) for output in cell["outputs"] if output.get("name") == "stdout")


def assert_same_text(opened: Opened) -> None:
    """What strict nbval compares, in a JupyterLab: the printed texts are the stored ones."""
    stored = json.loads((lab.ROOT / "notebooks" / opened.path.name).read_text())
    for ours, theirs in zip(lab.code_cells(stored), lab.code_cells(opened.notebook), strict=True):
        assert printed(ours) == printed(theirs), ours["id"]


def quick_clicks(page, box, generator, count: int) -> tuple[int, int]:
    """Click random pixels of a panel's box as fast as the browser takes them; the last one."""
    for _ in range(count):
        pixel = tuple(int(generator.integers(length)) for length in SIZE)
        page.mouse.click(*point_in(box, pixel))
    return pixel


def quick_stroke(page, box, generator) -> None:
    """One stroke through three random pixels."""
    points = [point_in(box, tuple(int(generator.integers(length)) for length in SIZE)) for _ in range(3)]
    page.mouse.move(*points[0])
    page.mouse.down()
    for point in points[1:]:
        page.mouse.move(*point, steps=2)
    page.mouse.up()


def point_in(box: dict, pixel: tuple[int, int]) -> tuple[float, float]:
    """Where the middle of a pixel lies in the box of a panel that is in view."""
    x, y = ((place + 0.5) / length for place, length in zip(pixel[::-1], SIZE[::-1], strict=True))
    return box["x"] + x * box["width"], box["y"] + y * box["height"]
