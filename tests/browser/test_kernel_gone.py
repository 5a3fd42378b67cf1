"""A view whose kernel is gone says so, takes no clicks and changes no menu: by JupyterLab's own menu."""

import re

import pytest

from tests.browser import lab
from tests.browser.opened import THREE_VIEWS, Opened, first_stack, message

pytestmark = pytest.mark.browser
VIEWS = ("Similarity explorer", "Class center laboratory", "Attention viewer")


@pytest.fixture(scope="module")
def notebook(browser, server, folder):
    path = folder / "gone.ipynb"
    lab.write_notebook(path, THREE_VIEWS)
    found = Opened(browser, server.address, path)
    yield found
    found.page.close()


@pytest.fixture
def opened(notebook):
    """The notebook with all three views alive, whatever the test before has done to them."""
    if live_views(notebook.page).count() < 3:
        lab.run_all(notebook.page)
    wait_for_views(notebook.page)
    return notebook


def live_views(page):
    return page.locator(".acf-root[data-python=live]")


def wait_for_views(page):
    for name in VIEWS:
        page.locator(f'.acf-root[aria-label="{name}"][data-python=live]').wait_for(timeout=lab.WAIT_MS)


def test_after_a_restart(opened):
    """Click, menu, brush, key and button: nothing moves, and each view says why. A cell that is run again works."""
    page = opened.page
    assert [message(opened.widget(name)) for name in VIEWS] == [""] * 3
    lab.kernel_menu(page, "Restart Kernel…", sure="Restart")
    for name in VIEWS:
        widget = opened.widget(name)
        widget.locator(".acf-message", has_text="Run its cell again").wait_for(timeout=15000)
        version, pixel = lab.version_of(widget), widget.get_attribute("data-pixel")
        page.mouse.click(*lab.point_of(first_stack(widget), (100, 30), (128, 256)))
        menu = widget.get_by_label("Picture", exact=True)
        page.mouse.click(*middle(menu))
        for key in ("ArrowDown", "ArrowDown", "Enter", "Tab", "Enter"):
            page.keyboard.press(key)
        page.wait_for_timeout(500)
        assert menu.locator("option:checked").inner_text() == "street 3"
        assert (lab.version_of(widget), widget.get_attribute("data-pixel")) == (version, pixel)
        assert not page.evaluate("document.activeElement.closest('.acf-root') !== null")
    lab.run_all(page)
    wait_for_views(page)
    for name in VIEWS:
        widget = opened.widget(name)
        page.mouse.click(*lab.point_of(first_stack(widget), (100, 30), (128, 256)))
        lab.wait_for_pixel(widget, page, (100, 30))
        assert message(widget) == ""


def test_after_a_restart_and_a_reload(opened):
    """JupyterLab has words of its own for a view without a kernel; a line below them says what to do."""
    page = opened.page
    hints = page.get_by_text("Where it is missing, run this cell.", exact=False)
    assert hints.count() == 3 and not any(hint.is_visible() for hint in hints.all())
    # The views are told before the old kernel has ended: a page that loads in between finds it, and the views with it.
    with page.expect_response(re.compile(r"/api/kernels/[^/]+/restart"), timeout=lab.WAIT_MS) as restarted:
        lab.kernel_menu(page, "Restart Kernel…", sure="Restart")
    assert restarted.value.ok
    gone = "() => [...document.querySelectorAll('.acf-root')].every((root) => root.dataset.python === 'gone')"
    page.wait_for_function(gone, timeout=lab.WAIT_MS)
    page.keyboard.press("Control+s")
    page.wait_for_function("() => !document.querySelector('.jp-mod-dirty')", timeout=lab.WAIT_MS)
    page.wait_for_timeout(1000)
    page.reload(wait_until="domcontentloaded")
    page.locator(".jp-Notebook").first.wait_for(timeout=lab.WAIT_MS)
    for number in range(3):
        hints.nth(number).wait_for(state="visible", timeout=60000)
    page.wait_for_timeout(3000)  # a page that is still at work shows them for a moment too
    assert page.locator(".acf-root").count() == 0
    assert hints.count() == 3 and all(hint.is_visible() for hint in hints.all())


def test_after_a_shutdown(opened):
    """JupyterLab does not tell the views: the first click finds nobody there. The menu shows again what is shown."""
    page = opened.page
    widget = opened.widget("Class center laboratory")
    pixel = widget.get_attribute("data-pixel")
    lab.kernel_menu(page, "Shut Down Kernel")
    page.locator(".jp-Toolbar-kernelName", has_text="No Kernel").wait_for(timeout=60000)
    opened.choose(widget, "Picture", "street 11", answered=False)
    line = widget.locator(".acf-message")
    line.filter(has_text=re.compile("cell again")).wait_for(timeout=30000)
    assert widget.get_by_label("Picture", exact=True).locator("option:checked").inner_text() == "street 3"
    page.mouse.click(*lab.point_of(first_stack(widget), (20, 200), (128, 256)))
    page.wait_for_timeout(500)
    assert widget.get_attribute("data-pixel") == pixel != "20,200"


def middle(locator):
    box = locator.bounding_box()
    return box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
