"""Lesson 13 in a JupyterLab: clicks, keys, sliders, pins, wrong pixels, a photograph."""

import numpy as np
import pytest
from PIL import Image

from tests.browser import lab
from tests.browser.opened import (
    CORNERS,
    SIZE,
    VIEW,
    assert_same_text,
    captions,
    first_stack,
    message,
    quick_clicks,
)
from tests.browser.playground import draw_photograph

pytestmark = pytest.mark.browser
SCREENS = [(zoom, ratio) for ratio in (1, 2) for zoom in (1, 1.5)]


@pytest.fixture
def widget(explorer):
    return explorer.widget("Similarity explorer")


def test_lesson_13_runs_as_stored(explorer):
    assert_same_text(explorer)


@pytest.mark.parametrize(("zoom", "ratio"), SCREENS)
def test_clicks_are_exact(explorer, widget, zoom, ratio):
    """The zoom of a browser makes the CSS pixel larger: fewer of them on the screen, more device pixels to each."""
    page = explorer.page
    session = page.context.new_cdp_session(page)
    screen = {"width": round(VIEW["width"] / zoom), "height": round(VIEW["height"] / zoom), "mobile": False}
    session.send("Emulation.setDeviceMetricsOverride", {**screen, "deviceScaleFactor": ratio * zoom})
    try:
        assert page.evaluate("devicePixelRatio") == ratio * zoom
        for width, panels in (("256 px", (0, 1, 5)), ("384 px", (0,))):  # the picture, the truth, a similarity map
            explorer.choose(widget, "Size", width)
            for number in panels:
                for pixel in [(64, 128), *CORNERS]:
                    explorer.click(widget, widget.locator(".acf-stack").nth(number), pixel)
                    assert widget.get_attribute("data-pixel") == f"{pixel[0]},{pixel[1]}"
    finally:
        session.send("Emulation.clearDeviceMetricsOverride")
        session.detach()


def test_neighbors_are_told_apart(explorer, widget):
    """Also beside the border of two pixels: each click lands where it points."""
    stack = first_stack(widget)
    explorer.choose(widget, "Size", "512 px")
    for column in (0, 1, 2, 100, 101, 254, 255):
        explorer.click(widget, stack, (31, column))
        assert widget.get_attribute("data-pixel") == f"31,{column}"
    explorer.choose(widget, "Size", "256 px")


def test_keys(explorer, widget):
    page = explorer.page
    cells = page.locator(".jp-Notebook .jp-Cell").count()
    explorer.click(widget, first_stack(widget), (10, 20))
    explorer.keys(widget, "ArrowDown", "ArrowRight", "ArrowRight", "Shift+ArrowDown", "ArrowUp", "ArrowLeft")
    assert widget.get_attribute("data-pixel") == "18,21"
    explorer.keys(widget, "Shift+ArrowUp", "Shift+ArrowUp", "Shift+ArrowUp", "ArrowLeft")
    assert widget.get_attribute("data-pixel") == "0,20"  # it stays in the picture
    for key in ("d", "d", "a", "b", "x"):  # JupyterLab deletes and adds cells by these
        page.keyboard.press(key)
    assert page.locator(".jp-Notebook .jp-Cell").count() == cells


def test_sliders(explorer, widget):
    explorer.click(widget, first_stack(widget), (10, 20))
    explorer.focus(widget, "Row")
    explorer.keys(widget, "ArrowRight", "ArrowRight", "End")
    assert widget.get_attribute("data-pixel") == "127,20"
    explorer.focus(widget, "Column")
    explorer.keys(widget, "ArrowLeft", "Home")
    assert widget.get_attribute("data-pixel") == "127,0"
    smoothing = explorer.focus(widget, "Smoothing")
    explorer.keys(widget, "ArrowRight", "ArrowRight")
    assert smoothing.get_attribute("aria-valuetext") == "0.5 cells"
    explorer.keys(widget, "Home")


def test_a_slider_by_mouse(explorer, widget):
    version = lab.version_of(widget)
    box = widget.get_by_label("Column", exact=True).bounding_box()
    explorer.page.mouse.move(box["x"] + 5, box["y"] + box["height"] / 2)
    explorer.page.mouse.down()
    explorer.page.mouse.move(box["x"] + box["width"] + 30, box["y"] + box["height"] / 2, steps=4)
    explorer.page.mouse.up()
    lab.wait_for_pixel(widget, explorer.page, (int(widget.get_attribute("data-pixel").split(",")[0]), 255))
    assert lab.version_of(widget) > version


def test_layers_and_wrong_pixels(explorer, widget):
    explorer.choose(widget, "Maps", "ACFNet, attended feature")
    assert captions(widget)[4:] == ["ACFNet, attended feature"]
    explorer.choose(widget, "Maps", "Fig. 5 and 6, all")
    assert captions(widget)[4:] == ["baseline", "ACFNet, before coarse", "ACFNet, before fine"]
    explorer.press(widget, "Next corrected")
    first = widget.get_attribute("data-pixel")
    truth, coarse, fine = facts(widget)
    assert truth == fine != coarse
    explorer.press(widget, "Next corrected")
    assert widget.get_attribute("data-pixel") != first
    explorer.press(widget, "Next broken")
    truth, coarse, fine = facts(widget)
    assert truth == coarse != fine


def facts(widget):
    """What the card says of the pixel: its class in truth, coarse, fine."""
    return (widget.locator(".acf-fact").nth(i).inner_text().split(maxsplit=1)[1] for i in range(3))


def test_colors_may_be_fitted(explorer, widget):
    explorer.click(widget, first_stack(widget), (70, 195))
    ticks = widget.locator(".acf-ticks span")
    assert ticks.all_inner_texts() == ["0", "0.5", "1"]
    explorer.choose(widget, "Colors", "fitted to the maps")
    explorer.focus(widget, "Smoothing")
    explorer.keys(widget, "End")  # what is smooth has no value near 0
    assert 0 < float(ticks.first.inner_text()) < 1 and ticks.last.inner_text() == "1"
    explorer.keys(widget, "Home")
    explorer.choose(widget, "Colors", "whole range")


def test_all_classes(explorer, widget):
    """Its attention row and its similarity to each class center: six classes, or all 19."""
    lines = widget.locator(".acf-card").first.locator("tbody tr")
    assert lines.count() == 6
    everything = widget.get_by_label("All classes", exact=True)
    everything.check()
    assert lines.count() == 19
    shares = [float(line.split()[-3].replace("<1", "0")) for line in lines.all_inner_texts()]
    assert shares == sorted(shares, reverse=True) and 95 < sum(shares) <= 102  # percent, rounded
    everything.uncheck()
    assert lines.count() == 6


def test_the_class_under_the_pointer_is_named(explorer, widget):
    """A reader who cannot tell two colors apart reads the name."""
    truth = widget.locator(".acf-panel").nth(1)
    explorer.click(widget, truth.locator(".acf-stack"), (120, 128))
    named = widget.locator(".acf-fact").first.inner_text().split(maxsplit=1)[1]
    assert truth.locator("figcaption").inner_text() == f"ground truth: {named}"
    widget.locator(".acf-status").hover()
    assert truth.locator("figcaption").inner_text() == "ground truth"


def test_names_stand_in_the_maps(explorer, widget):
    """And go, where they are in the way."""
    truth = widget.locator(".acf-panel").nth(1).locator(".acf-names text")
    assert {"road", "building", "sky", "person"} <= set(truth.all_text_contents())
    assert widget.locator(".acf-panel").first.locator(".acf-names text").count() == 0  # the picture is a picture
    names = widget.get_by_label("Names in the maps", exact=True)
    names.uncheck()
    assert truth.first.is_hidden()
    names.check()
    assert truth.first.is_visible()


def test_two_pins(explorer, widget):
    stack = first_stack(widget)
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


def test_upload(explorer, widget, tmp_path):
    photograph = tmp_path / "mine.jpg"
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (100, 160), dtype=np.uint8)).save(photograph)
    explorer.upload(widget, photograph)
    assert message(widget) == "" and widget.locator(".acf-note").inner_text() == "mine.jpg: gray, shown as RGB"
    assert captions(widget)[:3] == ["picture", "coarse prediction", "fine prediction"]  # there is no ground truth
    explorer.click(widget, first_stack(widget), (99, 159), size=(100, 160))
    assert widget.get_attribute("data-pixel") == "99,159"
    broken = tmp_path / "broken.jpg"
    broken.write_bytes(photograph.read_bytes()[:400])
    explorer.upload(widget, broken)
    assert "broken.jpg: cannot be read as a picture" in message(widget)
    assert widget.get_attribute("data-pixel") == "99,159"  # and shows what it showed


def test_a_large_upload_shows_its_progress(explorer, widget, tmp_path):
    """It goes to Python in several parts, and the networks need a while."""
    large = tmp_path / "large.png"
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (1200, 1700, 3), dtype=np.uint8)).save(large)
    assert large.stat().st_size > 6e6
    explorer.choose(widget, "Network sees it", "100 px high, its own")  # of the photograph of the test before
    version = lab.version_of(widget)
    with explorer.page.expect_file_chooser() as waiting:
        widget.get_by_text("Upload a photograph", exact=True).click()
    waiting.value.set_files(large)
    widget.locator(".acf-progress", has_text="(step").wait_for(timeout=120000)
    lab.settle(widget, explorer.page, version, seconds=120)
    assert widget.locator(".acf-progress").is_hidden() and message(widget) == ""
    assert "made smaller, from 1700 x 1200 to 1024 x 723 pixels" in widget.locator(".acf-note").inner_text()
    explorer.choose(widget, "Network sees it", "128 px high, as in training")
    explorer.choose(widget, "Picture", "street 21")  # the one beside it in the list
    assert widget.locator(".acf-note").is_hidden()


def test_a_photograph_is_seen_at_the_scale_of_training(explorer, widget, tmp_path):
    """By default; another scale is a choice, and a line says that it is far away. The cross stays where it was."""
    draw_photograph(tmp_path / "phone.png", (768, 1024), seed=3)
    explorer.upload(widget, tmp_path / "phone.png")
    note, seen = widget.locator(".acf-note"), widget.get_by_label("Network sees it", exact=True)
    known = "the network was trained on pictures 96 to 192 pixels high, and sees this one, 1024 x 768, at"
    assert note.inner_text() == f"phone.png: {known} 171 x 128 pixels"
    assert seen.locator("option:checked").inner_text() == "128 px high, as in training"
    explorer.click(widget, first_stack(widget), (96, 171 * 3 // 4), size=(128, 171))
    explorer.choose(widget, "Network sees it", "256 px high, twice that")
    assert note.inner_text() == f"phone.png: far from training: {known} 341 x 256 pixels"
    row, column = map(int, widget.get_attribute("data-pixel").split(","))
    assert abs(row - 2 * 96) <= 2 and abs(column - 2 * 128) <= 2
    size = widget.locator("canvas").first.evaluate("(canvas) => [canvas.height, canvas.width]")
    assert size == [768, 1024]  # shown as sharp as it is
    explorer.choose(widget, "Network sees it", "128 px high, as in training")
    explorer.choose(widget, "Picture", "street 21")
    assert widget.locator(".acf-note").is_hidden()


def test_the_pixel_that_is_seen_is_the_one_that_is_picked(explorer, widget, tmp_path):
    """In this picture each pixel's color says where it is: what the screen shows under the mouse is what is picked.

    Enlarged twice: at one point a pixel, a canvas that begins between two points of the screen decides by rounding.
    """
    rows, columns = np.indices(SIZE, dtype=np.uint8)
    coded = tmp_path / "coded.png"
    Image.fromarray(np.dstack([rows, columns, np.full(SIZE, 77, np.uint8)])).save(coded)
    explorer.upload(widget, coded)
    explorer.choose(widget, "Size", "512 px")
    stack = first_stack(widget)
    explorer.click(widget, stack, (64, 128))  # so that the cross covers no pixel that is asked for
    explorer.page.wait_for_timeout(300)
    for pixel in [(20, 30), (100, 201), *CORNERS]:
        x, y = lab.point_of(stack, pixel, SIZE)
        explorer.page.screenshot(path=tmp_path / "seen.png")
        seen = Image.open(tmp_path / "seen.png").convert("RGB").getpixel((int(x), int(y)))
        assert seen == (*pixel, 77)
        explorer.page.mouse.click(x, y)
        lab.wait_for_pixel(widget, explorer.page, seen[:2])
        explorer.click(widget, stack, (64, 128))
    explorer.choose(widget, "Size", "256 px")
    explorer.choose(widget, "Picture", "street 21")


def test_save_as_png(explorer, widget, tmp_path):
    with explorer.page.expect_download() as waiting:
        widget.get_by_role("button", name="Save as PNG", exact=True).click()
    waiting.value.save_as(tmp_path / "saved.png")
    assert waiting.value.suggested_filename == "similarity-explorer.png"
    picture = np.asarray(Image.open(tmp_path / "saved.png").convert("RGB"))
    assert picture.shape[1] > 1000 and len(np.unique(picture.reshape(-1, 3), axis=0)) > 500


def test_two_hundred_quick_clicks(explorer, widget):
    """The last state shown is the last asked for, and the page does not grow. (The kernel: widgets/test_actions.py.)"""
    page = explorer.page
    stack = first_stack(widget)
    generator = np.random.default_rng(0)
    stack.scroll_into_view_if_needed()
    box = stack.bounding_box()
    lab.wait_for_pixel(widget, page, quick_clicks(page, box, generator, 30))  # warm
    heap, nodes = explorer.heap()
    last = quick_clicks(page, box, generator, 200)
    lab.wait_for_pixel(widget, page, last)
    page.wait_for_timeout(500)
    assert widget.get_attribute("data-pixel") == f"{last[0]},{last[1]}"  # and it stays
    heap_after, nodes_after = explorer.heap()
    assert heap_after < heap + 8 and nodes_after < 1.2 * nodes
