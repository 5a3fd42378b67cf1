"""What must be seen in the playground is seen: on each screen, in each theme, by pointer and by keyboard."""

import re
import threading
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer

import pytest

from tests.browser.playground import LAPTOP, Playground, draw_photograph, text, tour_to

pytestmark = pytest.mark.browser
WIDE = {"viewport": {"width": 1366, "height": 768}}
PHONE = {"viewport": {"width": 390, "height": 844}, "has_touch": True, "is_mobile": True}
SCREENS = [{"viewport": LAPTOP}, WIDE, PHONE]
SPOKEN_OF = {  # step of the tour -> what must lie above its words
    3: ("#facts .acf-fact", "#facts table", "#maps figure"),
    4: ("#plane svg", "#moved table"),
    5: (".truth .acf-stack", ".fine .acf-stack", "#scores table"),
}
DOTS = (
    "() => [...document.querySelectorAll('#plane svg circle')].map((c) => [c.getAttribute('cx'), c.getAttribute('cy')])"
)


@pytest.fixture
def page(laptop):
    laptop.open()
    laptop.page.locator("#play").evaluate("element => element.scrollIntoView()")
    yield laptop
    assert laptop.foreign == [] and laptop.errors == []


def overlap(a, b) -> bool:
    return all(a[at] < b[at] + b[size] and b[at] < a[at] + a[size] for at, size in (("x", "width"), ("y", "height")))


@pytest.mark.parametrize("screen", SCREENS, ids=["laptop", "wide", "phone"])
def test_the_tour_covers_nothing_that_it_speaks_of(browser, address, screen):
    found = Playground(browser, address, **screen)
    for step, places in SPOKEN_OF.items():
        tour_to(found, step)
        bar = found.page.locator("#tour").bounding_box()["y"]
        for place in places:
            boxes = [each.bounding_box() for each in found.page.locator(place).all()]
            assert boxes, place
            for box in boxes:
                assert box["y"] >= 0 and box["y"] + box["height"] <= bar, (step, place)
        found.page.keyboard.press("Escape")
        found.page.locator("#tour").wait_for(state="hidden")
        found.settle()
        found.page.evaluate("scrollTo(0, 0)")
    found.close()


def test_the_dots_stay_where_they_are_when_another_pixel_is_chosen(page):
    before = page.page.evaluate(DOTS)
    for pixel in ((5, 128), (120, 20), (64, 250), (90, 60)):
        page.click(pixel)
        assert page.page.evaluate(DOTS) == before, pixel
        cross, plot = (
            page.page.locator("#plane .acf-cross").bounding_box(),
            page.page.locator("#plane svg").bounding_box(),
        )
        assert plot["x"] < cross["x"] and cross["x"] + cross["width"] < plot["x"] + plot["width"]
        assert plot["y"] < cross["y"] and cross["y"] + cross["height"] < plot["y"] + plot["height"]
    page.click((5, 128))  # the sky
    assert "the pixel, farther away" in page.page.locator("#plane text").all_text_contents()


def test_no_dot_leaves_the_plot(page):
    """What moves far makes the axes reach farther; a new picture has axes of its own."""
    first = page.page.evaluate(DOTS)
    for name in ("Make absent", "Centers all alike"):
        page.press(name)
        page.stroke((5, 5), (60, 250), (120, 5))
        page.settle()
        assert all(0 < float(x) < 440 and 0 < float(y) < 330 for x, y in page.page.evaluate(DOTS))
    page.choose("street-12")
    page.choose("street-3")
    assert page.page.evaluate(DOTS) == first


@pytest.mark.parametrize("screen", [{"viewport": LAPTOP}, PHONE], ids=["laptop", "phone"])
def test_a_note_lies_beside_the_tools_that_it_speaks_of(browser, address, screen):
    found = Playground(browser, address, **screen)
    undo, line = found.page.get_by_role("button", name="Undo", exact=True), found.page.locator("#say")
    for height in (20, 60, 400, 700):
        found.press("Centers all alike")
        found.press("Use the truth")
        assert "“Undo” brings them back" in found.says()
        undo.evaluate("(e, y) => scrollBy(0, e.getBoundingClientRect().top - y)", height)
        found.page.wait_for_timeout(100)
        assert not overlap(undo.bounding_box(), line.bounding_box()), height
        found.press("Undo")
        assert found.says() == ""  # it spoke of what is gone
        found.press("Reset")
    found.close()


def test_the_first_screen_of_a_phone_shows_a_picture(browser, address):
    found = Playground(browser, address, **PHONE)
    box = found.panel("Picture").bounding_box()
    assert box["y"] + box["height"] / 2 <= 844 and box["width"] > 300
    found.page.set_viewport_size(LAPTOP)
    found.page.wait_for_timeout(200)
    found.settle()
    order = [found.panel(name).first.bounding_box() for name in ("Picture", "Coarse guess")]
    assert order[0]["y"] == order[1]["y"] and order[0]["x"] < order[1]["x"]
    assert found.page.locator("#gallery").bounding_box()["y"] < found.page.locator("#tools").bounding_box()["y"]
    found.close()


def luminance(color: str) -> float:
    parts = [int(part) / 255 for part in re.findall(r"\d+", color)[:3]]
    red, green, blue = (c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


def test_bars_stand_out_in_the_dark(browser, address):
    """3 : 1 at least against their ground, as WCAG 1.4.11 has it."""
    found = Playground(browser, address, viewport=LAPTOP, color_scheme="dark")
    colors = "bars => bars.map((b) => [b, b.firstChild].map((e) => getComputedStyle(e).backgroundColor))"
    for street in ("street-3", "street-12"):
        if street != "street-3":
            found.choose(street)
        found.press("Centers all alike")
        pairs = found.page.locator("#facts .acf-bar, #moved .acf-bar").evaluate_all(colors)
        assert len(pairs) > 10 and min(contrast(*pair) for pair in pairs) >= 3
    found.close()


def test_the_keyboard_learns_what_the_pointer_learns(page, model):
    """The class at the cross, under the brush, and of each dot."""
    classes, keys = model.info["classes"], page.page.keyboard

    def caption(name):
        return page.page.locator("figcaption", has_text=name).first.text_content()

    page.panel("Picture").focus()
    keys.press("ArrowDown")
    page.settle()
    at = page.page.evaluate("window.acflib.scene().facts(window.acflib.state.pixel)")
    for title, what in (("Coarse guess", "coarse"), ("Fine result", "fine"), ("Ground truth", "truth")):
        assert caption(title).endswith(f": {classes[at[what]]}")
    page.page.locator("#copy").focus()
    assert caption("Ground truth") == "Ground truth"
    page.panel("Coarse guess").focus()
    keys.press("Shift+ArrowUp")
    assert caption("Coarse guess").removeprefix("Coarse guess: paint here: ") in classes
    plot = page.page.locator(".acf-plane")
    expected = page.page.evaluate("window.acflib.scene().plane([0, 0]).centers.map((center) => center.label)")
    page.page.locator("#copy").focus()
    plot.focus()
    told = []
    for _ in expected:
        keys.press("ArrowRight")
        told.append(plot.locator(".acf-named").text_content())
        assert plot.locator(".acf-spoken").text_content() == told[-1]
    assert told == [classes[label] for label in expected]
    page.page.locator("#copy").focus()
    assert plot.locator(".acf-named, .acf-ring").count() == 0


def test_a_photograph_has_no_truth_to_name(page, tmp_path):
    """The keyboard at the picture asked a map for its class that is not there: an error in the console."""
    draw_photograph(tmp_path / "mine.png", (128, 200), seed=1)
    page.upload(tmp_path / "mine.png")
    page.panel("Picture").focus()
    page.page.keyboard.press("ArrowDown")
    page.settle()
    assert page.state()["pixel"][0] == 65 and page.errors == []
    assert not page.page.locator("figcaption", has_text="Fine result").first.text_content().endswith("Fine result")


def test_the_tour_answers_in_the_words_of_the_first_lines(page):
    """What it is good for, and when: one sentence each, said twice in the same words."""
    good, when = (" ".join(text(page, place).split()) for place in ("#good-for", "#when"))
    assert "(here 47 of 256 pixels across)" in good and "mend a wrong guess" in good
    assert when.startswith("Where the network sees little of a picture")
    for doubt in ("they gained 0.9 points", "the mean of the whole picture 1.5", "they gained nothing"):
        assert doubt in when
    for step, words, title in ((3, good, "What is it good for?"), (5, when, "When does it help?")):
        tour_to(page, step)
        assert words in text(page, "#tour-text") and title in text(page, "#tour-title")
        assert title in text(page, ".lead")
        page.page.keyboard.press("Escape")
        page.page.locator("#tour").wait_for(state="hidden")
        page.settle()


class Host(SimpleHTTPRequestHandler):
    """A host that keeps the site in a folder, and shows 404.html in place of what is missing."""

    def translate_path(self, path: str) -> str:
        return super().translate_path(path.removeprefix("/of-mine"))

    def send_error(self, code, message=None, explain=None):
        body = open(f"{self.directory}/404.html", "rb").read()
        self.send_response(code)
        self.send_header("Content-Type", "text/html")
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args):
        pass


@pytest.mark.parametrize("missing", ["nothing.html", "lessons/nothing.html", "api/acflib/nothing.html"])
def test_a_missing_page_leads_back(browser, site, missing):
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Host, directory=str(site)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    home = f"http://127.0.0.1:{server.server_port}/of-mine/"
    context = browser.new_context()
    page = context.new_page()
    asked = []
    page.on("request", lambda request: asked.append(request.url))
    answer = page.goto(home + missing)
    assert answer.status == 404 and "There is no such page" in page.locator("h1").text_content()
    page.wait_for_load_state("networkidle")
    addresses = page.locator("a, link").evaluate_all("all => all.map((e) => e.href)")
    assert len(addresses) >= 6 and all(each.startswith(home) for each in addresses)
    assert all(context.request.get(each).status == 200 for each in addresses)
    assert page.locator("main").evaluate("e => getComputedStyle(e).maxWidth") == "1360px"  # the site's style
    assert all(each.startswith(home.removesuffix("of-mine/")) for each in asked)
    page.locator("main a").click()
    page.locator("body[data-ready=yes]").wait_for(state="attached", timeout=60000)
    context.close()
    server.shutdown()
