"""What a hand meets on a small screen: pictures that stay where they are, and all that belongs together in sight."""

import numpy as np
import pytest
from PIL import Image

from tests.browser import lab
from tests.browser.opened import SIZE, THREE_VIEWS, Opened, message

pytestmark = pytest.mark.browser
VIEWS = ("Similarity explorer", "Class center laboratory", "Attention viewer")
# Texts that are wider or higher than their place, and a plane of centers whose border is outside.
CUT = """(all) => all.filter((e) => e.checkVisibility())
  .filter((e) => e.scrollWidth > e.clientWidth || e.scrollHeight > e.clientHeight + 1)
  .map((e) => `${e.className || e.tagName}: ${e.innerText.slice(0, 60)}`)"""
NO_EDITS = "No edits: the coarse map is the network's own."


@pytest.fixture(scope="module")
def opened(browser, server, folder):
    path = folder / "screen.ipynb"
    lab.write_notebook(path, [*THREE_VIEWS, "lab.undo()"])
    found = Opened(browser, server.address, path)
    found.page.set_viewport_size({"width": 1280, "height": 800})
    yield found
    found.page.context.close()


@pytest.fixture
def laboratory(opened):
    yield opened.widget("Class center laboratory")
    assert opened.complaints() == []


def boxes(widget, selector):
    """Left, top, right and bottom of what is seen, in CSS pixels of the page's window."""
    found = "(all) => all.filter((e) => e.checkVisibility()).map((e) => e.getBoundingClientRect())"
    edges = ".map((b) => [b.left, b.top, b.right, b.bottom])"
    return widget.locator(selector).evaluate_all(found + edges)


def to_top(opened, widget):
    widget.evaluate("(root) => root.scrollIntoView({ block: 'start' })")
    opened.page.wait_for_timeout(500)


def test_a_mistake_of_a_later_cell_is_no_alarm(opened, laboratory):
    """After Run All: the last cell undoes what was never done."""
    line = laboratory.locator(".acf-message")
    assert line.inner_text() == "A call from Python: nothing to undo: the coarse map is the network's own"
    red, shown = (line.evaluate(f"(e) => {{ {code} }}") for code in (
        "const probe = e.cloneNode(); probe.className = 'acf-message'; e.after(probe);"
        "const found = getComputedStyle(probe).borderLeftColor; probe.remove(); return found;",
        "return getComputedStyle(e).borderLeftColor;",
    ))  # fmt: skip
    assert red != shown
    assert message(opened.widget("Similarity explorer")) == ""


def test_a_message_moves_no_picture(opened, laboratory):
    """It goes while the button of the mouse is down, as the stroke is answered: the stroke is where the hand is."""
    page, stack = opened.page, laboratory.locator(".acf-paint .acf-stack")
    opened.choose(laboratory, "Class of the brush", "train", answered=False)
    before = boxes(laboratory, ".acf-stack")
    opened.press(laboratory, "Make absent")
    if message(laboratory) == "":  # this class was there; now it is not
        opened.press(laboratory, "Make absent")
    assert "absent already" in message(laboratory) and boxes(laboratory, ".acf-stack") == before
    point = lab.point_of(stack, (60, 100), SIZE)
    before = boxes(laboratory, ".acf-stack")
    page.mouse.move(*point)
    page.mouse.down()
    laboratory.locator(".acf-edits", has_text="stroke of train").wait_for(timeout=60000)
    assert message(laboratory) == "" and boxes(laboratory, ".acf-stack") == before
    page.mouse.move(point[0] + 1, point[1])
    page.mouse.up()
    page.wait_for_timeout(500)
    assert laboratory.locator(".acf-paint figcaption").inner_text().endswith(": train")
    opened.press(laboratory, "Reset")


def test_what_a_stroke_does_is_in_sight(opened, laboratory):
    """Picture, edited map, result and the plane of centers on one screen of 1280 x 800, with all that edits."""
    to_top(opened, laboratory)
    tools, pictures, plane = (boxes(laboratory, name) for name in (".acf-group", ".acf-stack", ".acf-plot"))
    for left, top, right, bottom in [*tools, *pictures[:4], *plane]:
        assert top >= 90 and bottom <= 770 and left >= 290 and right <= 1245, (left, top, right, bottom)


@pytest.mark.parametrize("width", [1280, 1000, 700])
def test_a_narrow_page_scrolls_downwards_only(opened, width):
    """No view is wider than its place, and no prediction stands alone on a line."""
    page = opened.page
    page.set_viewport_size({"width": width, "height": 900})
    try:
        page.wait_for_timeout(1000)
        for name in VIEWS:
            widget = opened.widget(name)
            room, needed = widget.evaluate("(root) => [root.clientWidth, root.scrollWidth]")
            assert needed <= room, (name, needed, room)
            assert widget.locator(".acf-status, figcaption, .acf-side").evaluate_all(CUT) == [], name
        explorer = opened.widget("Similarity explorer")
        to_top(opened, explorer)
        tops = [top for _, top, _, _ in boxes(explorer, ".acf-stack")]
        assert len(tops) == 6 and tops.count(tops[3]) >= 2
    finally:
        page.set_viewport_size({"width": 1280, "height": 800})


def test_a_canvas_says_what_it_shows(opened, laboratory):
    """In words: the classes and their shares, the range of a map."""
    labels = "(all) => all.map((e) => e.getAttribute('aria-label'))"
    told = laboratory.locator("canvas:not([aria-hidden]), .acf-paint .acf-stack").evaluate_all(labels)
    assert sum(any(f"{name} " in label and label.endswith(" %") for name in ("road", "sky")) for label in told) >= 1
    assert any(label.startswith("Coarse map") and label.endswith(" %") for label in told)
    told = opened.widget("Similarity explorer").locator("canvas:not([aria-hidden])").evaluate_all(labels)
    assert sum("similarity from " in label and ", mean " in label for label in told) == 2
    told = opened.widget("Attention viewer").locator("canvas:not([aria-hidden])").evaluate_all(labels)
    assert any("attention from " in label for label in told)


def test_undo_by_keys(opened, laboratory):
    page, stack = opened.page, laboratory.locator(".acf-paint .acf-stack")
    opened.press(laboratory, "Use ground truth as coarse")
    opened.click(laboratory, stack, (60, 100))
    edits = laboratory.locator(".acf-edits")
    assert "; stroke of" in edits.inner_text()
    opened.keys(laboratory, "Control+z", "Control+z")
    assert edits.inner_text() == NO_EDITS
    opened.keys(laboratory, "Control+Shift+z")
    assert edits.inner_text() == "Edits: ground truth as coarse"
    opened.press(laboratory, "Redo")
    assert "; stroke of" in edits.inner_text()
    opened.press(laboratory, "Reset")
    assert page.locator(".jp-Notebook .jp-Cell").count() == 5


def test_a_new_picture_keeps_the_brush_and_an_upload_its_place(opened, laboratory, tmp_path):
    opened.choose(laboratory, "Class of the brush", "sky", answered=False)
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (96, 160, 3), dtype=np.uint8)).save(tmp_path / "mine.png")
    opened.upload(laboratory, tmp_path / "mine.png")
    menu = laboratory.get_by_label("Picture", exact=True).locator("option")
    assert menu.all_inner_texts() == ["street 3", "street 11", "mine.png"]
    opened.choose(laboratory, "Picture", "street 11")
    assert menu.all_inner_texts() == ["street 3", "street 11", "mine.png"]
    brush = laboratory.get_by_label("Class of the brush", exact=True)
    assert brush.locator("option:checked").inner_text() == "sky"
    (tmp_path / "bad.png").write_bytes(b"no picture")
    opened.upload(laboratory, tmp_path / "bad.png")
    assert message(laboratory).startswith("bad.png: cannot be read") and "object at" not in message(laboratory)
