"""What the playground says to someone who has never heard of ACFNet: its numbers, its tour, and where things lie."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from acflib.site.pages import SEARCH, write_page
from tests.browser import lab
from tests.browser.playground import LAPTOP, Playground, batch

pytestmark = pytest.mark.browser
CELLS = "The network guesses for 16 x 32 cells: changed ones are drawn as squares."


@pytest.fixture
def small(laptop):
    """The page on a small laptop, its panels in view."""
    laptop.open()
    laptop.page.locator("#play").evaluate("element => element.scrollIntoView()")
    yield laptop
    assert laptop.foreign == [] and laptop.errors == []


def decided(model, pixels) -> dict[str, np.ndarray]:
    """Class maps of PyTorch, (H, W): coarse, fine, and fine with all class centers alike."""
    image = batch(pixels)
    with torch.no_grad():
        coarse = model.intermediates(image).coarse_logits
        fine = model(image)["out"]
        alike = model(image, torch.full_like(coarse, 1 / coarse.shape[1]), coarse.softmax(1))["out"]
    coarse = F.interpolate(coarse, pixels.shape[:2], mode="bilinear", align_corners=False)
    return {name: x[0].argmax(0).numpy() for name, x in {"coarse": coarse, "fine": fine, "alike": alike}.items()}


def right(labels, truth) -> float:
    return 100 * (labels == truth)[truth != 255].mean()


def scores(play) -> list[list[str]]:
    rows = play.page.locator("#scores tr").all()
    return [[cell.text_content() for cell in row.locator("th, td").all()] for row in rows]


def numbers_of(row) -> list[float]:
    return [float(text.removesuffix(" %")) for text in row[1:] if text != "–"]


@pytest.mark.parametrize("street", [3, 7])
def test_the_score_stands_beside_that_of_centers_all_alike(small, model, street):
    small.choose(f"street-{street}")
    pixels, truth, _ = small.picture()
    head, own = scores(small)
    assert head == ["right pixels", "coarse", "fine", "fine with all centers alike"]
    expected = [right(labels, truth) for labels in decided(model, pixels).values()]
    assert numbers_of(own) == pytest.approx(expected, abs=0.06)  # one digit is shown
    small.press("Centers all alike")
    assert numbers_of(scores(small)[2])[1] == pytest.approx(expected[2], abs=0.06)
    said = small.page.locator("#results").text_content()
    assert "two possible reasons: each pixel keeps its own feature" in said and "simply follow" not in said


def test_coarse_is_counted_anew_after_an_edit(small, model):
    small.choose("street-3")
    pixels, truth, _ = small.picture()
    before = scores(small)[1]
    small.stroke((30, 20), (34, 215))
    small.settle()
    found = small.numbers()
    own, edited = (found[name].argmax(0).numpy() for name in ("P", "attention_probs"))
    size = truth.shape[0] // own.shape[0]
    large = [np.kron(labels, np.ones((size, size), labels.dtype)) for labels in (own, edited)]
    gone = set(np.unique(own)) - set(np.unique(edited))  # a class without a cell is not drawn
    kept = ~np.isin(decided(model, pixels)["coarse"], list(gone))
    expected = np.where((large[0] == large[1]) & kept, decided(model, pixels)["coarse"], large[1])
    assert scores(small)[1] == before
    assert numbers_of(scores(small)[2])[0] == pytest.approx(right(expected, truth), abs=0.06)
    assert right(expected, truth) < numbers_of(before)[0] - 10
    small.press("Undo")
    assert len(scores(small)) == 2


def test_the_tour_shows_what_it_speaks_of_and_gives_back_what_was_there(small, model):
    small.choose("street-7")
    small.stroke((60, 30), (64, 200))
    small.click((9, 9))
    before, page = small.state(), small.page
    page.locator("#tour-start").click()
    for step in range(1, 6):
        page.locator(f"#tour[data-step='{step}']").wait_for(timeout=60000)
        small.settle()
        shown, box = page.locator(".shown").bounding_box(), page.locator("#tour").bounding_box()
        least = min(shown["height"], 560)  # a longer one is seen from its title to below its maps
        assert shown["y"] >= -1 and shown["y"] + least <= box["y"] + 1, step
        if step == 3:
            check_the_pixel_that_centers_decide(small, model)
        if step == 5:
            assert [b.text_content() for b in page.locator("#tour button").all() if b.is_visible()] == ["Back", "Done"]
        page.get_by_role("button", name="Done" if step == 5 else "Next", exact=True).click()
    page.locator("#tour").wait_for(state="hidden")
    small.settle()
    assert small.state() == before


def check_the_pixel_that_centers_decide(play, model) -> None:
    pixels, truth, _ = play.picture()
    row, column = play.state()["pixel"]
    maps = {name: labels[row, column] for name, labels in decided(model, pixels).items()}
    assert maps["fine"] == truth[row, column] and truth[row, column] not in (maps["coarse"], maps["alike"])
    name, text = model.info["classes"], play.page.locator("#tour-text").text_content()
    assert f"the coarse guess is {name[maps['coarse']]}, which is wrong" in text
    assert f"{name[maps['fine']]}, which is right" in text
    assert f"With all centers alike it says {name[maps['alike']]}" in text
    assert f"fine with all centers alike {name[maps['alike']]}" in play.page.locator("#status").text_content()


def test_a_stroke_and_the_moving_dots_are_on_one_screen(small):
    plot = small.page.locator("#plane svg")
    for place in (*small.page.locator("#panels .acf-stack").all(), plot):
        box = place.bounding_box()
        assert box["y"] >= 0 and box["y"] + box["height"] <= LAPTOP["height"]
    maps = [box.bounding_box()["y"] for box in small.page.locator("#maps figure").all()]
    assert len(maps) == 3 and len(set(maps)) == 1  # in one row


def test_changes_that_count_are_listed_and_come_and_go_by_keys(small):
    def says():
        return small.page.locator("#edits").text_content()

    for row in (10, 30, 50):
        small.stroke((row, 20), (row, 90))
    small.press("Make absent")
    assert says() == "Your changes: 3 strokes of road; no car. " + CELLS
    for keys, expected in [
        ("Control+z", "Your changes: 3 strokes of road."),
        ("Control+z", "Your changes: 2 strokes of road."),
        ("Control+Shift+Z", "Your changes: 3 strokes of road."),
    ]:
        small.page.keyboard.press(keys)
        small.settle()
        assert says() == f"{expected} {CELLS}"
    assert small.page.locator("#truth-note").is_hidden()
    small.press("Use the truth")
    assert says() == f"Your changes: the truth as coarse guess. {CELLS}"
    assert small.page.locator("#truth-note").is_visible()
    small.press("Centers all alike")
    small.press("Centers all alike")
    assert small.says() == "All centers are alike already." and len(small.state()["edits"]) == 5


def test_the_plot_says_what_is_open_and_what_is_gone(small):
    page = small.page
    car, moved = page.locator('#plane circle.acf-rim[fill="rgb(0, 0, 142)"]'), page.locator("#moved")
    assert page.locator("#rings").is_hidden() and car.count() == 1
    small.press("Make absent")  # car
    assert page.locator("#rings").is_visible() and car.count() == 0
    assert "car (gone)" in page.locator("#plane svg").text_content()
    gone = moved.locator("tr", has_text="gone")
    assert gone.count() == 1 and "car" in gone.text_content() and gone.locator(".acf-bar").count() == 0
    assert "share of the map" in moved.text_content()
    small.press("Centers all alike")
    assert "share of the map" not in moved.text_content() and "moved, in %" in moved.text_content()


def test_messages_do_not_move_the_page_and_say_what_is_shown(small, tmp_path):
    before = small.panel("Picture").bounding_box()
    small.page.evaluate("document.getElementById('copy').click()")
    small.page.locator("#say").wait_for()
    assert small.panel("Picture").bounding_box() == before
    (tmp_path / "broken.png").write_bytes(b"no picture")
    small.upload(tmp_path / "broken.png")
    assert small.says().endswith("The former picture is still shown.")
    assert small.panel("Picture").bounding_box() == before
    small.page.get_by_role("button", name="Close this message").click()
    assert small.page.locator("#say").is_hidden()


def test_a_finger_scrolls_until_it_is_told_to_paint(browser, address):
    found = Playground(browser, address, viewport={"width": 390, "height": 844}, has_touch=True, is_mobile=True)
    coarse, page = found.panel("Coarse guess"), found.page
    action = "element => getComputedStyle(element).touchAction"

    def tap():
        coarse.scroll_into_view_if_needed()
        page.touchscreen.tap(*lab.point_of(coarse, (100, 20), (128, 256)))
        found.settle()
        return len(found.state()["edits"])

    assert "pan-y" in coarse.evaluate(action) and tap() == 0 and "Paint with a finger" in found.says()
    page.get_by_role("button", name="Paint with a finger").tap()
    assert coarse.evaluate(action) == "none" and tap() == 1
    assert page.get_by_text("Picture: tap a pixel").count() == 1 and found.errors == []
    found.close()


def test_the_hint_of_the_keyboard_is_seen_by_those_who_use_it(small):
    hint = small.panel("Coarse guess").locator(".keys")
    small.stroke((30, 20), (34, 60))
    assert hint.is_hidden()
    small.page.locator("#copy").focus()
    small.panel("Coarse guess").focus()
    small.page.keyboard.press("ArrowUp")
    assert hint.is_visible() and "space paints" in hint.text_content()


def test_a_panel_without_room_draws_nothing(small):
    """A width of 0 gave paths with "Infinity", and errors in the console."""
    found = small.page.evaluate(
        """async () => {
          const { Panel } = await import(new URL("widgets/panel.js", location.href));
          const panel = new Panel("x");
          for (const width of [0, -3]) {
            panel.setSize([4, 8], width);
            panel.mark([{ pixel: [1, 1], text: "A" }]);
            panel.write([[0, 1, 1]], ["road"]);
          }
          return panel.root.outerHTML;
        }"""
    )
    assert "Infinity" not in found and "NaN" not in found and "<path" not in found


def test_the_search_gives_words_of_the_glossary_first(browser, address, site):
    """And its excerpts begin and end with whole words."""
    long = " ".join(f"word{i}" for i in range(40)) + " the center of it " + " ".join(f"other{i}" for i in range(40))
    pages = [
        {"page": "a.html", "title": "Center center", "entries": [], "sections": [["top", "Center", long]]},
        {"page": "g.html", "title": "Glossary", "sections": [],
         "entries": [["word-x", "feature", "not the center"], ["word-c", "class center", "the mean feature"]]},
    ]  # fmt: skip
    (site / "play" / "code.css").touch()
    write_page(site, "search.html", "Search", SEARCH, [])
    context = browser.new_context()
    page = context.new_page()
    page.route("**/search.json", lambda route: route.fulfill(json=pages))
    page.goto(f"{address}/search.html")
    page.locator("#words").fill("center")
    items = page.locator("#found li")
    items.first.wait_for()
    assert [item.locator("a").get_attribute("href") for item in items.all()] == [
        "g.html#word-c",
        "a.html#top",
        "g.html#word-x",
    ]
    words = items.nth(1).locator("div").text_content().strip("… ").split()
    assert "center" in words and set(words) <= set(long.split()) and 10 < len(words) < 40
    (site / "search.html").unlink()
    context.close()
