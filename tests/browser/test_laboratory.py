"""Lesson 14 in a JupyterLab: the brush and the other edits, and the attention viewer."""

import numpy as np
import pytest

from tests.browser import lab
from tests.browser.opened import (
    CORNERS,
    SIZE,
    assert_same_text,
    first_stack,
    message,
    quick_clicks,
    quick_stroke,
)

pytestmark = pytest.mark.browser
NO_EDITS = "No edits: the coarse map is the network's own."


@pytest.fixture
def widget(laboratory):
    """The laboratory without edits, its brush set to sky."""
    found = laboratory.widget("Class center laboratory")
    laboratory.press(found, "Use ground truth as coarse")  # so that there is an edit to take back
    laboratory.press(found, "Reset")
    laboratory.choose(found, "Class of the brush", "sky", answered=False)
    return found


def coarse_stack(widget):
    return widget.locator(".acf-paint .acf-stack")


def edits(widget):
    return widget.locator(".acf-edits").inner_text()


def drag(opened, stack, *pixels):
    """One stroke with the mouse."""
    points = [lab.point_of(stack, pixel, SIZE) for pixel in pixels]
    opened.page.mouse.move(*points[0])
    opened.page.mouse.down()
    for point in points[1:]:
        opened.page.mouse.move(*point, steps=4)
    opened.page.mouse.up()


def wait_for_edits(opened, widget, text, seconds=60):
    for _ in range(seconds * 20):
        if edits(widget) == text:
            return
        opened.page.wait_for_timeout(50)
    raise AssertionError(f"the laboratory says {edits(widget)!r}, not {text!r}")


def test_lesson_14_runs_as_stored(laboratory):
    assert_same_text(laboratory)


def test_paint_undo_reset(laboratory, widget):
    drag(laboratory, coarse_stack(widget), (100, 20), (100, 200))
    wait_for_edits(laboratory, widget, "Edits: stroke of sky")
    row = widget.locator(".acf-card tbody tr").first.inner_text()
    assert row.startswith("sky") and int(row.split()[1]) > 5  # its center moved most
    drag(laboratory, coarse_stack(widget), (20, 20), (20, 40))
    wait_for_edits(laboratory, widget, "Edits: stroke of sky; stroke of sky")
    laboratory.press(widget, "Undo")
    wait_for_edits(laboratory, widget, "Edits: stroke of sky")
    laboratory.press(widget, "Reset")
    wait_for_edits(laboratory, widget, NO_EDITS)
    assert widget.get_by_role("button", name="Undo", exact=True).is_disabled()


def test_what_is_painted_is_what_was_pointed_at(laboratory, widget):
    """The class named under the pointer is the painted one, in the corners and nowhere beside them."""
    stack = coarse_stack(widget)
    laboratory.choose(widget, "Class of the brush", "train", answered=False)
    for number, corner in enumerate(CORNERS):
        laboratory.click(widget, stack, corner)
        assert edits(widget).count("stroke of train") == number + 1
        assert widget.locator(".acf-paint figcaption").inner_text().endswith(": train")
    laboratory.page.mouse.move(*lab.point_of(stack, (64, 128), SIZE))
    assert not widget.locator(".acf-paint figcaption").inner_text().endswith(": train")
    laboratory.press(widget, "Reset")


def test_brush_by_keys(laboratory, widget):
    laboratory.focus(widget, "Radius of the brush")
    for _ in range(40):  # forward to the coarse map, by the Tab key alone
        laboratory.page.keyboard.press("Tab")
        if laboratory.page.evaluate("(document.activeElement.ariaLabel || '').startsWith('Coarse map')"):
            break
    for key in ("ArrowRight", "Shift+ArrowDown"):
        laboratory.page.keyboard.press(key)
    laboratory.keys(widget, " ")
    assert edits(widget) == "Edits: stroke of sky"
    laboratory.press(widget, "Undo")


def test_the_other_edits(laboratory, widget):
    laboratory.press(widget, "Swap person and rider")
    laboratory.press(widget, "Use ground truth as coarse")
    laboratory.focus(widget, "Temperature")
    laboratory.keys(widget, "ArrowRight", "ArrowRight")
    assert edits(widget) == "Edits: person and rider swapped; ground truth as coarse; temperature 1.26"
    laboratory.press(widget, "Undo")
    laboratory.press(widget, "Make absent")
    assert edits(widget) == "Edits: person and rider swapped; ground truth as coarse; no car"
    laboratory.press(widget, "Make absent")
    assert "car is absent already" in message(widget)
    laboratory.choose(widget, "The edited map is used for", "centers only (Eq. 2)")
    assert message(widget) == ""
    laboratory.choose(widget, "The edited map is used for", "centers and attention")
    laboratory.press(widget, "Mix")
    assert edits(widget).endswith("no car; person and rider mixed by 50 %")
    laboratory.press(widget, "Reset")


@pytest.mark.parametrize("number", [30, pytest.param(200, marks=pytest.mark.slow)])
def test_quick_strokes_and_clicks(laboratory, widget, number):
    """No stroke is lost, the last pixel is shown, and the page does not grow.

    The kernel does not grow either: widgets/test_actions.py.
    """
    page, generator = laboratory.page, np.random.default_rng(1)

    def go(count):
        picture = first_stack(widget)
        picture.scroll_into_view_if_needed()
        box, coarse_box = picture.bounding_box(), coarse_stack(widget).bounding_box()
        for number in range(count // 2):
            if number % 2:
                quick_stroke(page, coarse_box, generator)
            else:
                quick_clicks(page, coarse_box, generator, 1)
            last = quick_clicks(page, box, generator, 1)
        return last

    lab.wait_for_pixel(widget, page, go(30), seconds=120)
    laboratory.press(widget, "Reset")
    heap, nodes = laboratory.heap()
    last = go(number)
    lab.wait_for_pixel(widget, page, last, seconds=240)
    wait_for_edits(laboratory, widget, f"Edits: {number // 2 - 6} earlier; " + "; ".join(["stroke of sky"] * 6))
    page.wait_for_timeout(500)
    assert widget.get_attribute("data-pixel") == f"{last[0]},{last[1]}"  # and it stays
    laboratory.press(widget, "Reset")
    heap_after, nodes_after = laboratory.heap()
    assert heap_after < heap + 8 and nodes_after < 1.2 * nodes


def test_attention_viewer(laboratory):
    widget = laboratory.widget("Attention viewer")
    maps = widget.locator(".acf-panel").count()
    for pixel in [(64, 128), *CORNERS]:
        laboratory.click(widget, first_stack(widget), pixel)
        assert widget.get_attribute("data-pixel") == f"{pixel[0]},{pixel[1]}"
    laboratory.keys(widget, "ArrowUp", "Shift+ArrowLeft")
    assert widget.get_attribute("data-pixel") == "126,247"
    version = lab.version_of(widget)
    widget.get_by_label("All classes", exact=False).check()
    lab.settle(widget, laboratory.page, version)
    assert widget.locator(".acf-panel").count() == 4 + 19 >= maps
    assert widget.locator(".acf-card tbody tr").count() == 19
