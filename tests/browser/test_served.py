"""``acflib app``, without notebooks."""

import sys

import psutil
import pytest

from tests.browser import lab
from tests.browser.opened import SIZE, VIEW, first_stack

pytestmark = pytest.mark.browser


def test_app(browser, tmp_path):
    port = lab.free_port()
    command = [sys.executable, "-m", "acflib", "app", "--no-browser", "--port", str(port), "--theme", "dark"]
    address = f"http://127.0.0.1:{port}"
    with lab.serving(command, f"{address}/no-such-page", tmp_path / "app.log") as process:
        errors = lab.Errors()
        page = browser.new_page(viewport=VIEW)
        errors.watch(page)
        page.goto(address, wait_until="domcontentloaded", timeout=lab.WAIT_MS)
        widget = page.locator('.acf-root[aria-label="Similarity explorer"]')
        widget.wait_for(timeout=lab.WAIT_MS)
        page.wait_for_timeout(500)
        version = lab.version_of(widget)
        page.mouse.click(*lab.point_of(first_stack(widget), (127, 0), SIZE))
        lab.settle(widget, page, version)
        assert widget.get_attribute("data-pixel") == "127,0"
        page.get_by_role("tab", name="Class center laboratory").click()
        laboratory = page.locator('.acf-root[aria-label="Class center laboratory"]')
        laboratory.get_by_role("button", name="Swap person and rider", exact=True).click()
        laboratory.get_by_text("Edits: person and rider swapped").wait_for(timeout=60000)
        page.get_by_role("tab", name="Attention viewer").click()
        page.locator('.acf-root[aria-label="Attention viewer"]').wait_for(timeout=60000)
        page.close()
        assert errors == []
        children = psutil.Process(process).children(recursive=True)
        assert len(children) >= 2  # Voila and its kernel
    assert not psutil.wait_procs(children, timeout=20)[1]  # nothing is left behind
