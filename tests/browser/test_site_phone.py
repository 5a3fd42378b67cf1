"""The playground on a phone: a touch, a narrow screen."""

import pytest

from tests.browser import lab
from tests.browser.playground import Playground, tour_to

pytestmark = pytest.mark.browser


def test_on_a_phone_the_tour_shows_what_it_compares_and_its_notice_goes(browser, address):
    found = Playground(browser, address, viewport={"width": 390, "height": 844}, has_touch=True, is_mobile=True)
    coarse, page = found.panel("Coarse guess"), found.page

    def tap():
        coarse.scroll_into_view_if_needed()
        page.touchscreen.tap(*lab.point_of(coarse, (100, 20), (128, 256)))
        found.settle()

    tap()
    assert "Paint with a finger" in found.says()
    page.get_by_role("button", name="Paint with a finger").tap()
    assert found.says() == ""
    shown = "e => [getComputedStyle(e).backgroundColor, getComputedStyle(e).color]"
    assert page.locator(".finger[aria-pressed=true]").evaluate(shown) == ["rgb(21, 101, 192)", "rgb(255, 255, 255)"]
    page.get_by_role("button", name="Paint with a finger").tap()
    tour_to(found, 1)
    for step, titles in ((1, ("Coarse guess", "Ground truth")), (5, ("Ground truth", "Fine result"))):
        while page.locator("#tour").get_attribute("data-step") != str(step):
            at = int(page.locator("#tour").get_attribute("data-step"))
            page.get_by_role("button", name="Next", exact=True).click()
            page.locator(f"#tour[data-step='{at + 1}']").wait_for()
            found.settle()
        bar = page.locator("#tour").bounding_box()["y"]
        for title in titles:
            box = found.panel(title).first.bounding_box()
            assert box["y"] >= 0 and box["y"] + box["height"] <= bar, (step, title)
    assert found.errors == []
    found.close()
