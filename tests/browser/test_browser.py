"""Lessons 13 and 14 and the app in a real JupyterLab and a real Chromium, by mouse and keyboard.

Skipped, with the reason, where there is no Chromium or no playwright. A machine with two free cores takes two to three
minutes.
"""

import itertools
import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.browser import lab

REASON = lab.missing()
pytestmark = [pytest.mark.browser, pytest.mark.skipif(REASON is not None, reason=f"browser tests: {REASON}")]

SIZE = (128, 256)  # height and width of the streets
VIEW = {"width": 1500, "height": 1050}
CORNERS = [(0, 0), (0, 255), (127, 0), (127, 255)]
SCREENS = [(zoom, ratio) for ratio in (1, 2) for zoom in (1, 1.5)]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Copies of both lessons, never run."""
    found = tmp_path_factory.mktemp("lessons")
    for path in sorted((lab.ROOT / "notebooks").glob("1[34]_*.ipynb")):
        shutil.copy(path, found)
        lab.forget_outputs(found / path.name)
    return found


@pytest.fixture(scope="module")
def address(folder):
    with lab.jupyterlab(folder) as found:
        yield found


@pytest.fixture(scope="module")
def browser():
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        found = playwright.chromium.launch(executable_path=lab.find_browser(), args=["--no-sandbox"])
        yield found
        found.close()


class Opened:
    """A lesson that was opened and run in a page of its own."""

    def __init__(self, browser, address: str, path: Path):
        self.errors = lab.Errors()
        self.page = browser.new_context(viewport=VIEW, accept_downloads=True).new_page()
        self.errors.watch(self.page)
        lab.open_notebook(self.page, address, path.name)
        self.path, self.notebook = path, lab.wait_until_run(self.page, path)
        self.log = path.parent / "jupyterlab.log"

    def widget(self, name: str):
        found = self.page.locator(f'.acf-root[aria-label="{name}"]').first
        found.scroll_into_view_if_needed(timeout=60000)
        return found

    def click(self, widget, stack, pixel, settle=True):
        version = int(widget.get_attribute("data-version"))
        self.page.mouse.click(*lab.point_of(stack, pixel, SIZE))
        if settle:
            lab.settle(widget, self.page, version)

    def press(self, widget, name: str):
        version = int(widget.get_attribute("data-version"))
        widget.get_by_role("button", name=name, exact=True).click()
        lab.settle(widget, self.page, version)

    def keys(self, widget, *keys: str):
        for key in keys:
            version = int(widget.get_attribute("data-version"))
            self.page.keyboard.press(key)
            lab.settle(widget, self.page, version)

    def heap(self) -> tuple[float, float]:
        """MB of the page's JavaScript heap after a collection, and the number of nodes."""
        session = self.page.context.new_cdp_session(self.page)
        session.send("Performance.enable")
        session.send("HeapProfiler.collectGarbage")
        found = {entry["name"]: entry["value"] for entry in session.send("Performance.getMetrics")["metrics"]}
        session.detach()
        return found["JSHeapUsedSize"] / 1e6, found["Nodes"]


@pytest.fixture(scope="module")
def explorer(browser, address, folder):
    return Opened(browser, address, folder / "13_similarity_explorer.ipynb")


@pytest.fixture(scope="module")
def laboratory(browser, address, folder):
    return Opened(browser, address, folder / "14_what_if.ipynb")


def first_stack(widget):
    return widget.locator(".acf-stack").first


# ---- lesson 13


def test_lesson_13_runs_as_stored(explorer):
    assert_same_text(explorer)


def assert_same_text(opened):
    """What strict nbval compares, in a JupyterLab: the printed texts are the stored ones."""
    stored = json.loads((lab.ROOT / "notebooks" / opened.path.name).read_text())
    for ours, theirs in zip(lab.code_cells(stored), lab.code_cells(opened.notebook), strict=True):
        assert printed(ours) == printed(theirs), ours["id"]


def printed(cell):
    return "".join("".join(output["text"]) for output in cell["outputs"] if output.get("name") == "stdout")


@pytest.mark.parametrize(("zoom", "ratio"), SCREENS)
@pytest.mark.parametrize("width", [256, 384])
def test_clicks_are_exact(explorer, zoom, ratio, width):
    """The zoom of a browser makes the CSS pixel larger: fewer of them on the screen, more device pixels to each."""
    page, widget = explorer.page, explorer.widget("Similarity explorer")
    session = page.context.new_cdp_session(page)
    screen = {"width": round(VIEW["width"] / zoom), "height": round(VIEW["height"] / zoom), "mobile": False}
    session.send("Emulation.setDeviceMetricsOverride", {**screen, "deviceScaleFactor": ratio * zoom})
    try:
        assert page.evaluate("devicePixelRatio") == ratio * zoom
        choose(explorer, widget, "Size", str(width))
        for pixel in [(64, 128), *CORNERS]:
            for number in (0, 1, 5):  # the picture, the ground truth, a similarity map
                explorer.click(widget, widget.locator(".acf-stack").nth(number), pixel)
                assert widget.get_attribute("data-pixel") == f"{pixel[0]},{pixel[1]}"
    finally:
        session.send("Emulation.clearDeviceMetricsOverride")
        session.detach()


def choose(opened, widget, label, value):
    """Choose in a select, unless it is chosen."""
    select = widget.get_by_label(label, exact=True)
    if select.input_value() != value:
        version = int(widget.get_attribute("data-version"))
        select.select_option(value)
        lab.settle(widget, opened.page, version)


def test_every_pixel_of_a_line_can_be_hit(explorer):
    """Also at the very border between two pixels: each click lands where it points."""
    widget = explorer.widget("Similarity explorer")
    stack = first_stack(widget)
    choose(explorer, widget, "Size", "512")
    for column in (0, 1, 2, 100, 101, 254, 255):
        explorer.click(widget, stack, (31, column))
        assert widget.get_attribute("data-pixel") == f"31,{column}"
        explorer.click(widget, stack, (30, 128))


def test_keys(explorer):
    page, widget = explorer.page, explorer.widget("Similarity explorer")
    cells = page.locator(".jp-Notebook .jp-Cell").count()
    explorer.click(widget, first_stack(widget), (10, 20))
    explorer.keys(widget, "ArrowDown", "ArrowRight", "ArrowRight", "Shift+ArrowDown", "ArrowUp", "ArrowLeft")
    assert widget.get_attribute("data-pixel") == "18,21"
    explorer.keys(widget, "Shift+ArrowUp", "Shift+ArrowUp", "Shift+ArrowUp", "ArrowLeft")
    assert widget.get_attribute("data-pixel") == "0,20"  # it stays in the picture
    for key in ("d", "d", "a", "b", "x"):  # JupyterLab deletes and adds cells by these
        page.keyboard.press(key)
    assert page.locator(".jp-Notebook .jp-Cell").count() == cells


def test_everything_can_be_reached_by_tab(explorer):
    page, widget = explorer.page, explorer.widget("Similarity explorer")
    wanted = {"Picture", "Upload a photograph", "Row", "Column", "Maps", "Colors", "Smoothing", "Size"}
    wanted |= {"Save as PNG", "Next corrected", "Next broken", "Pin as A", "Pin as B"}
    widget.get_by_label("Picture", exact=True).focus()
    seen = set()
    for _ in range(25):
        seen.add(page.evaluate("document.activeElement.ariaLabel || document.activeElement.textContent"))
        page.keyboard.press("Tab")
    assert wanted <= seen and any(name.startswith("Picture. Click a pixel") for name in seen)


def test_sliders(explorer):
    widget = explorer.widget("Similarity explorer")
    explorer.click(widget, first_stack(widget), (10, 20))
    widget.get_by_label("Row", exact=True).focus()
    explorer.keys(widget, "ArrowRight", "ArrowRight", "End")
    assert widget.get_attribute("data-pixel") == "127,20"
    widget.get_by_label("Column", exact=True).focus()
    explorer.keys(widget, "ArrowLeft", "Home")
    assert widget.get_attribute("data-pixel") == "127,0"
    widget.get_by_label("Smoothing", exact=True).focus()
    explorer.keys(widget, "ArrowRight", "ArrowRight")
    assert "0.5 cells" in widget.locator("label", has_text="Smoothing").inner_text()


def shown_captions(widget):
    """The captions of the panels that are seen."""
    return widget.locator("figcaption:visible").all_inner_texts()


def test_layers_and_wrong_pixels(explorer):
    widget = explorer.widget("Similarity explorer")
    choose(explorer, widget, "Maps", "attended")
    assert shown_captions(widget)[4:] == ["ACFNet, attended feature"]
    choose(explorer, widget, "Maps", "all")
    assert shown_captions(widget)[4:] == [
        "baseline",
        "ACFNet, before coarse",
        "ACFNet, before fine",
    ]
    explorer.press(widget, "Next corrected")
    first = widget.get_attribute("data-pixel")
    truth, coarse, fine = (widget.locator(".acf-fact").nth(i).inner_text().split()[1] for i in range(3))
    assert truth == fine != coarse
    explorer.press(widget, "Next corrected")
    assert widget.get_attribute("data-pixel") != first
    explorer.press(widget, "Next broken")
    truth, coarse, fine = (widget.locator(".acf-fact").nth(i).inner_text().split()[1] for i in range(3))
    assert truth == coarse != fine


def test_two_pins(explorer):
    widget = explorer.widget("Similarity explorer")
    stack = first_stack(widget)
    choose(explorer, widget, "Size", "256")
    for pixel, name in (((70, 195), "A"), ((70, 65), "B")):
        explorer.click(widget, stack, pixel)
        explorer.press(widget, f"Pin as {name}")
    explorer.click(widget, stack, (110, 128))
    cards = widget.locator(".acf-card h4").all_inner_texts()
    assert cards[1:] == ["Pixel A: row 70, column 195", "Pixel B: row 70, column 65", "A beside B"]
    lines = widget.locator(".acf-compare tbody tr").all_inner_texts()
    assert len(lines) == 4 and all(0.2 < float(line.split()[-1]) <= 1 for line in lines)  # two cars
    assert widget.locator(".acf-stack").count() == 4 + 9
    explorer.press(widget, "Remove pins")
    assert widget.locator(".acf-stack").count() == 4 + 3


def test_upload(explorer, tmp_path):
    widget = explorer.widget("Similarity explorer")
    photograph = tmp_path / "mine.jpg"
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (90, 160, 3), dtype=np.uint8)).save(photograph)
    send(explorer, widget, photograph)
    assert widget.locator(".acf-message").is_hidden()
    assert shown_captions(widget)[:3] == ["picture", "coarse prediction", "fine prediction"]  # there is no ground truth
    version = int(widget.get_attribute("data-version"))
    explorer.page.mouse.click(*lab.point_of(first_stack(widget), (89, 159), (90, 160)))
    lab.settle(widget, explorer.page, version)
    assert widget.get_attribute("data-pixel") == "89,159"
    broken = tmp_path / "broken.jpg"
    broken.write_bytes(photograph.read_bytes()[:400])
    send(explorer, widget, broken)
    assert "broken.jpg: cannot be read as a picture" in widget.locator(".acf-message").inner_text()
    assert widget.get_attribute("data-pixel") == "89,159"  # and shows what it showed
    large = tmp_path / "large.png"  # several parts
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (1200, 1700, 3), dtype=np.uint8)).save(large)
    assert large.stat().st_size > 6e6
    send(explorer, widget, large)
    assert widget.locator(".acf-message").is_hidden()
    choose(explorer, widget, "Picture", "0")
    assert widget.get_attribute("data-pixel") is not None


def send(opened, widget, path):
    version = int(widget.get_attribute("data-version"))
    widget.get_by_label("Upload a photograph", exact=True).set_input_files(path)
    lab.settle(widget, opened.page, version, seconds=60)


def test_save_as_png(explorer, tmp_path):
    widget = explorer.widget("Similarity explorer")
    with explorer.page.expect_download() as waiting:
        widget.get_by_role("button", name="Save as PNG", exact=True).click()
    waiting.value.save_as(tmp_path / "saved.png")
    assert waiting.value.suggested_filename == "similarity-explorer.png"
    picture = np.asarray(Image.open(tmp_path / "saved.png").convert("RGB"))
    assert picture.shape[1] > 1000 and len(np.unique(picture.reshape(-1, 3), axis=0)) > 500


def test_two_hundred_quick_clicks(explorer):
    """The last state shown is the last asked for, and the page does not grow."""
    page, widget = explorer.page, explorer.widget("Similarity explorer")
    choose(explorer, widget, "Picture", "0")
    stack = first_stack(widget)
    generator = np.random.default_rng(0)
    stack.scroll_into_view_if_needed()
    box = stack.bounding_box()
    quick_clicks(page, box, generator, 20)  # warm
    lab.wait_for_pixel(widget, page, quick_clicks(page, box, generator, 1))
    heap, nodes = explorer.heap()
    last = quick_clicks(page, box, generator, 200)
    lab.wait_for_pixel(widget, page, last)
    page.wait_for_timeout(500)
    assert widget.get_attribute("data-pixel") == f"{last[0]},{last[1]}"  # and it stays
    heap_after, nodes_after = explorer.heap()
    assert heap_after < heap + 8 and nodes_after < 1.2 * nodes


def quick_clicks(page, box, generator, count):
    for _ in range(count):
        pixel = tuple(int(generator.integers(length)) for length in SIZE)
        x, y = ((place + 0.5) / length for place, length in zip(pixel[::-1], SIZE[::-1], strict=True))
        page.mouse.click(box["x"] + x * box["width"], box["y"] + y * box["height"])
    return pixel


def test_lesson_13_leaves_no_error(explorer):
    assert explorer.errors == [] and lab.complaints_of(explorer.notebook, explorer.log) == []


# ---- lesson 14


def test_lesson_14_runs_as_stored(laboratory):
    assert_same_text(laboratory)


def coarse_stack(widget):
    return widget.locator(".acf-paint .acf-stack")


def edits(widget):
    return widget.locator(".acf-note").first.inner_text()


def drag(opened, stack, *pixels):
    """One stroke with the mouse."""
    points = [lab.point_of(stack, pixel, SIZE) for pixel in pixels]
    opened.page.mouse.move(*points[0])
    opened.page.mouse.down()
    for point in points[1:]:
        opened.page.mouse.move(*point, steps=4)
    opened.page.mouse.up()


def wait_for_edits(opened, widget, text, seconds=30):
    for _ in range(seconds * 20):
        if edits(widget) == text:
            return
        opened.page.wait_for_timeout(50)
    raise AssertionError(f"the laboratory says {edits(widget)!r}, not {text!r}")


NO_EDITS = "No edits: the coarse map is the network's own."


def fresh(opened):
    """The laboratory without edits, its brush set to sky."""
    widget = opened.widget("Class center laboratory")
    opened.press(widget, "Use ground truth as coarse")  # so that there is an edit to take back
    opened.press(widget, "Reset")
    widget.get_by_label("Class", exact=True).first.select_option(label="sky")
    return widget


def test_paint_undo_reset(laboratory):
    widget = fresh(laboratory)
    drag(laboratory, coarse_stack(widget), (100, 20), (100, 200))
    wait_for_edits(laboratory, widget, "Edits: stroke of sky")
    row = widget.locator(".acf-card tbody tr").first.inner_text()
    assert row.startswith("sky") and int(row.split()[1]) > 5  # its center moved most
    drag(laboratory, coarse_stack(widget), (20, 20), (20, 40))
    wait_for_edits(laboratory, widget, "Edits: stroke of sky; stroke of sky")
    laboratory.press(widget, "Undo")
    assert edits(widget) == "Edits: stroke of sky"
    laboratory.press(widget, "Reset")
    assert edits(widget) == NO_EDITS
    assert widget.get_by_role("button", name="Undo", exact=True).is_disabled()


def test_brush_by_keys(laboratory):
    widget = fresh(laboratory)
    coarse_stack(widget).focus()
    for key in ("ArrowRight", "Shift+ArrowDown"):
        laboratory.page.keyboard.press(key)
    laboratory.keys(widget, " ")
    assert edits(widget) == "Edits: stroke of sky"
    laboratory.press(widget, "Undo")


def test_the_other_edits(laboratory):
    widget = fresh(laboratory)
    laboratory.press(widget, "Swap person and rider")
    laboratory.press(widget, "Use ground truth as coarse")
    widget.get_by_label("T", exact=True).focus()
    laboratory.keys(widget, "ArrowRight", "ArrowRight")
    assert edits(widget) == "Edits: person and rider swapped; ground truth as coarse; temperature 1.26"
    laboratory.press(widget, "Undo")
    laboratory.press(widget, "Make absent")
    assert edits(widget) == "Edits: person and rider swapped; ground truth as coarse; no car"
    laboratory.press(widget, "Make absent")
    assert "car is absent already" in widget.locator(".acf-message").inner_text()
    choose(laboratory, widget, "The edited map is used for", "centers")
    assert widget.locator(".acf-message").is_hidden()
    choose(laboratory, widget, "The edited map is used for", "both")
    laboratory.press(widget, "Mix")
    laboratory.press(widget, "Reset")


def test_quick_strokes_and_clicks(laboratory):
    """No stroke is lost, the last pixel is shown, and the page does not grow."""
    page, widget = laboratory.page, fresh(laboratory)
    generator = np.random.default_rng(1)

    def go(count):
        picture = first_stack(widget)
        picture.scroll_into_view_if_needed()
        boxes = picture.bounding_box(), coarse_stack(widget).bounding_box()
        for box in itertools.islice(itertools.cycle(boxes[::-1]), count):
            last = quick_clicks(page, box, generator, 1)
        return last

    lab.wait_for_pixel(widget, page, go(20))
    laboratory.press(widget, "Reset")
    heap, nodes = laboratory.heap()
    last = go(200)
    lab.wait_for_pixel(widget, page, last, seconds=60)
    wait_for_edits(laboratory, widget, "Edits: 94 earlier; " + "; ".join(["stroke of sky"] * 6))
    laboratory.press(widget, "Reset")
    heap_after, nodes_after = laboratory.heap()
    assert heap_after < heap + 8 and nodes_after < 1.2 * nodes


def test_attention_viewer(laboratory):
    widget = laboratory.widget("Attention viewer")
    maps = widget.locator(".acf-panel").count()
    laboratory.click(widget, first_stack(widget), (127, 255))
    assert widget.get_attribute("data-pixel") == "127,255"
    version = int(widget.get_attribute("data-version"))
    widget.get_by_role("checkbox").check()
    lab.settle(widget, laboratory.page, version)
    assert widget.locator(".acf-panel").count() == 4 + 19 >= maps


def test_lesson_14_leaves_no_error(laboratory):
    assert laboratory.errors == [] and lab.complaints_of(laboratory.notebook, laboratory.log) == []


# ---- without notebooks


def test_app(browser, tmp_path):
    port = lab.free_port()
    command = [lab.sys.executable, "-m", "acflib", "app", "--no-browser", "--port", str(port), "--theme", "dark"]
    address = f"http://127.0.0.1:{port}"
    with lab.serving(command, f"{address}/no-such-page", tmp_path / "app.log"):
        errors = lab.Errors()
        page = browser.new_page(viewport=VIEW)
        errors.watch(page)
        page.goto(address, wait_until="domcontentloaded", timeout=120000)
        widget = page.locator('.acf-root[aria-label="Similarity explorer"]')
        widget.wait_for(timeout=120000)
        page.wait_for_timeout(500)
        version = int(widget.get_attribute("data-version"))
        page.mouse.click(*lab.point_of(first_stack(widget), (127, 0), SIZE))
        lab.settle(widget, page, version)
        assert widget.get_attribute("data-pixel") == "127,0"
        page.get_by_role("tab", name="Class center laboratory").click()
        laboratory = page.locator('.acf-root[aria-label="Class center laboratory"]')
        laboratory.get_by_role("button", name="Swap person and rider", exact=True).click()
        laboratory.get_by_text("Edits: person and rider swapped").wait_for(timeout=20000)
        page.close()
        assert errors == []
