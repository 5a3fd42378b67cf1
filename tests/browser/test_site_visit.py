"""A visit of the playground by someone new: what is drawn is counted, words fit what is shown, and ways back."""

import numpy as np
import pytest

from acflib.datasets.labels import CITYSCAPES_CLASSES
from tests.browser import lab
from tests.browser.playground import HASH_MS, LAPTOP, draw_photograph, drawn, hash_of, text, tour_to
from tests.browser.test_site_story import decided, right, scores

pytestmark = pytest.mark.browser
STREETS = [3, 7, 11, 12, 20, 21]


@pytest.fixture
def page(laptop):
    laptop.open()
    yield laptop
    assert laptop.foreign == [] and laptop.errors == []


@pytest.mark.parametrize("street", STREETS)
def test_the_drawn_guess_is_the_one_that_is_counted(page, model, street):
    if street != 3:
        page.choose(f"street-{street}")
    pixels, truth, _ = page.picture()
    for title, name, column in (("Coarse guess", "coarse", 1), ("Fine result", "fine", 2)):
        shown = drawn(page, title, model.info["colors"])
        assert (shown == decided(model, pixels)[name]).mean() > 0.999
        assert right(shown, truth) == pytest.approx(float(scores(page)[1][column].removesuffix(" %")), abs=0.06)


def test_drawn_and_counted_agree_after_changes(page, model):
    """A stroke, an absent class, all alike and the truth: map, table and shares say the same."""
    colors, truth = model.info["colors"], page.picture()[1]
    car = model.info["classes"].index("car")
    for number, name in enumerate(("", "Make absent", "Centers all alike", "Use the truth")):
        page.press(name) if name else page.stroke((30, 20), (34, 215))
        page.settle()
        page.page.mouse.move(1, 1)
        shown = drawn(page, "Coarse guess", colors)
        assert right(shown, truth) == pytest.approx(float(scores(page)[2][1].removesuffix(" %")), abs=0.06)
        assert number not in (1, 2) or not (shown == car).any()
        row, column = page.state()["pixel"]
        assert f"coarse {model.info['classes'][shown[row, column]]}," in text(page, "#status")
    cells = page.numbers()["attention_probs"].argmax(0).numpy()
    assert (drawn(page, "Coarse guess", colors) == np.kron(cells, np.ones((8, 8), int))).all()
    assert f"right in {scores(page)[2][1]}, not in 100 %: it is cut into 16 x 32 cells" in text(page, "#truth-note")


def test_shares_are_those_of_the_drawn_map(page, model):
    page.press("Centers all alike")
    page.stroke((20, 20), (20, 200))
    page.settle()
    maps = decided(model, page.picture()[0])["coarse"], drawn(page, "Coarse guess", model.info["colors"])
    before, after = (np.bincount(labels.ravel(), minlength=19) / labels.size for labels in maps)
    road = page.page.locator("#moved tr", has_text="road").locator("td").last.text_content()
    said = [float(part.removesuffix(" %")) for part in road.split(" to ")]
    assert said == pytest.approx([100 * before[0], 100 * after[0]], abs=0.6) and after[0] > before[0] + 0.05
    assert f"and {len(page.page.evaluate('window.acflib.scene().plane([0, 0]).centers')) - 7} more" in text(
        page, "#moved"
    )


def test_the_pixel_of_the_tour_lies_in_the_middle_of_its_cell(page, model):
    """And its patch of wrong pixels: how many of them become right is counted."""
    tour_to(page, 3)
    row, column = page.state()["pixel"]
    assert all(2 <= place % 8 <= 5 for place in (row, column))
    pixels, truth, _ = page.picture()
    maps = decided(model, pixels)
    wrong = (maps["coarse"] == maps["coarse"][row, column]) & (truth != maps["coarse"]) & (truth != 255)
    patch = np.zeros_like(wrong)
    patch[row, column] = True
    while True:  # grow by the four neighbors
        grown = patch.copy()
        grown[1:] |= patch[:-1]
        grown[:-1] |= patch[1:]
        grown[:, 1:] |= patch[:, :-1]
        grown[:, :-1] |= patch[:, 1:]
        grown &= wrong
        if (grown == patch).all():
            break
        patch = grown
    share = (maps["fine"] == truth)[patch].mean()
    told = f"Of the wrong patch that it belongs to, {100 * share:.0f} % becomes right."
    assert told in text(page, "#tour-text")
    assert "what it uses here is not known" in text(page, "#tour-text")


def test_the_tour_claims_no_cause(page, model):
    tour_to(page, 1)
    assert "the poles are missing, in the fine result, too" in text(page, "#tour-text")
    pixels, truth, _ = page.picture()
    poles, maps = truth == CITYSCAPES_CLASSES.index("pole"), decided(model, pixels)
    assert poles.sum() > 100 and all((maps[name][poles] == truth[poles]).mean() < 0.05 for name in ("coarse", "fine"))
    assert "borders are rough" not in text(page, "#tour-text")
    for _ in range(3):
        page.page.get_by_role("button", name="Next", exact=True).click()
        page.settle()
    page.page.locator("#tour[data-step='4']").wait_for()
    assert "two possible reasons" in text(page, "#tour-text") and "Lesson 14" in text(page, "#tour-text")
    moved, bar = page.page.locator("#moved tr").nth(3).bounding_box(), page.page.locator("#tour").bounding_box()
    assert moved["y"] + moved["height"] <= bar["y"]  # what is spoken of is seen
    page.page.get_by_role("button", name="Next", exact=True).click()
    page.page.locator("#tour[data-step='5']").wait_for()
    assert "Lesson 10 counts on a hundred" in text(page, "#tour-text")
    lead = text(page, ".lead")
    assert "is told what the cars" not in lead and "Whether it must go by class is open" in " ".join(lead.split())


def test_the_tour_does_not_speak_of_what_is_gone(page):
    tour_to(page, 3)
    before, words = page.state()["pixel"], text(page, "#tour-text")
    page.page.locator("#play").evaluate("element => element.scrollIntoView()")
    page.click((5, 128))
    assert "94 %" not in text(page, "#tour-text") and "You changed what is shown" in text(page, "#tour-text")
    page.press("Show this step again")
    assert page.state()["pixel"] == before and text(page, "#tour-text") == words
    page.page.evaluate("window.scrollTo(0, 0)")
    page.choose("street-12")
    assert "You changed what is shown" in text(page, "#tour-text")
    page.press("Show this step again")
    page.page.locator("#play[data-picture=street-3]").wait_for(state="attached")
    page.settle()
    assert text(page, "#tour-text") == words


def test_escape_ends_the_tour_wherever_the_keyboard_is(page):
    tour_to(page, 2)
    scrolled = page.page.evaluate("scrollY")
    page.panel("Picture").focus()
    page.page.evaluate("at => window.scrollTo(0, at)", scrolled)
    page.page.keyboard.press("Escape")
    page.page.locator("#tour").wait_for(state="hidden")
    page.settle()
    assert scrolled > 100 and page.page.evaluate("scrollY") > 100  # not at the top of the page
    assert page.page.evaluate("document.activeElement.id") == "centers"
    order = "document.getElementById('tour').compareDocumentPosition(document.querySelector('main'))"
    assert page.page.evaluate(order) & 4  # the bar comes before what it speaks of


def test_a_reload_in_the_tour_brings_back_what_was_there(page):
    page.choose("street-7")
    page.click((20, 30))
    before = hash_of(page)
    tour_to(page, 4)
    assert hash_of(page) == before
    page.page.reload()
    page.page.locator("body[data-ready=yes]").wait_for(state="attached", timeout=lab.WAIT_MS)
    page.settle()
    state = page.state()
    assert [state["picture"], state["pixel"], state["edits"]] == ["street-7", [20, 30], []]


def test_the_address_of_a_photograph_names_no_street(page, tmp_path):
    draw_photograph(tmp_path / "mine.png", (128, 200), seed=1)
    page.upload(tmp_path / "mine.png")
    assert "street" not in hash_of(page)
    assert text(page, "#own-name") == "mine.png" and page.page.locator(".own canvas").count() == 1
    assert "mine.png" in page.page.locator("#file").get_attribute("aria-label")
    assert page.page.locator("#of-own").is_visible() and page.page.locator("#of-streets").is_hidden()
    tour_to(page, 5)
    page.page.get_by_role("button", name="Done").click()
    page.page.locator("#tour").wait_for(state="hidden")
    page.settle()
    assert page.state()["picture"] == "own" and "street" not in hash_of(page)
    page.page.reload()
    page.page.locator("body[data-ready=yes]").wait_for(state="attached", timeout=lab.WAIT_MS)
    page.settle()
    assert "Your photograph was not kept" in page.says() and page.state()["edits"] == []


def test_back_leads_to_the_former_picture_with_its_changes(page, tmp_path):
    page.press("Make absent")
    page.choose("street-12")
    assert "brings it with your changes" in page.says() and page.state()["edits"] == []
    draw_photograph(tmp_path / "mine.png", (128, 200), seed=1)
    page.upload(tmp_path / "mine.png")
    page.page.wait_for_timeout(HASH_MS)
    page.choose("street-20")
    page.page.wait_for_timeout(HASH_MS)
    for expected, edits in (("own", 0), ("street-12", 0), ("street-3", 1)):
        page.page.go_back()
        page.page.locator(f"#play[data-picture={expected}]").wait_for(state="attached", timeout=lab.WAIT_MS)
        page.settle()
        page.page.wait_for_timeout(HASH_MS)
        assert [page.state()["picture"], len(page.state()["edits"])] == [expected, edits]
    page.page.go_forward()
    page.page.locator("#play[data-picture=street-12]").wait_for(state="attached", timeout=lab.WAIT_MS)


def test_a_place_of_the_page_is_no_picture(page):
    page.choose("street-12")
    page.press("Make absent")
    page.page.get_by_role("link", name="What was found").first.click()
    page.page.wait_for_timeout(HASH_MS)
    page.settle()
    assert page.state()["picture"] == "street-12" and len(page.state()["edits"]) == 1


def test_reset_is_one_step_that_undo_takes_back(page):
    for row in (10, 40):
        page.stroke((row, 20), (row, 90))
    page.press("Reset")
    undo, redo = (page.page.get_by_role("button", name=name, exact=True) for name in ("Undo", "Redo"))
    assert undo.is_enabled() and redo.is_disabled() and page.state()["edits"] == []
    page.press("Undo")
    assert len(page.state()["edits"]) == 2 and redo.is_enabled()
    page.press("Redo")
    assert page.state()["edits"] == []
    for count in (2, 1, 0):
        page.press("Undo")
        assert len(page.state()["edits"]) == count
    assert undo.is_disabled()


def test_the_truth_says_what_it_replaces(page):
    page.press("Centers all alike")
    assert "drawn as squares" not in text(page, "#edits"), "no cell of the coarse guess is another"
    page.press("Use the truth")
    assert "drawn as squares" in text(page, "#edits")
    assert "replaces the changes before it, centers all alike too" in page.says()


def test_a_center_that_is_gone_has_no_similarity(page, model):
    """No number, a name in the plot, and words for those who hear it."""
    page.page.evaluate("""() => { window.acflib.state.pixel = [70, 207]; }""")
    page.press("Make absent")  # car
    svg = page.page.locator("#plane svg")
    assert "car (gone)" in svg.locator("text").all_text_contents()
    assert svg.get_attribute("aria-label").startswith("Class centers in two dimensions; gone: car; ")
    found = page.page.evaluate("window.acflib.scene().facts([70, 207]).to_centers")
    car = model.info["classes"].index("car")
    assert found[car] is None and all(value is not None for i, value in enumerate(found) if i != car)
    page.page.evaluate("""async () => {
      const { pixelTable } = await import(new URL("widgets/tables.js", location.href));
      const about = { classes: ["a", "b"], colors: [[0, 0, 0], [1, 1, 1]] };
      document.body.append(pixelTable(about, { row: [0.5, 0.4], to_centers: [null, 0] }, 2));
    }""")
    cells = page.page.locator("body > table td:last-child").all_text_contents()
    assert cells == ["no center", "0.00"]
    assert scores(page)[2][3] == "–" and "–: not counted after a change" in text(page, "#scores")


@pytest.mark.parametrize("street", STREETS)
def test_every_dot_has_a_name(page, model, street):
    if street != 3:
        page.choose(f"street-{street}")
    labels = page.page.evaluate("window.acflib.scene().plane([0, 0]).centers.map((center) => center.label)")
    expected = [model.info["classes"][label] for label in labels]
    svg = page.page.locator("#plane svg")
    assert set(expected) <= set(svg.locator("text").all_text_contents())
    assert sorted(svg.locator("g > title").all_text_contents()) == sorted(expected)  # under the pointer
    boxes = [box.bounding_box() for box in svg.locator("text").all()]
    frame = svg.bounding_box()
    assert all(frame["x"] <= b["x"] and b["x"] + b["width"] <= frame["x"] + frame["width"] for b in boxes)


def test_panels_and_pixel_are_told_in_words(page, model):
    for title in ("Coarse guess", "Fine result", "Ground truth"):
        spoken = page.page.locator(f"[aria-label^='{title}']").first.get_attribute("aria-label")
        assert "road" in spoken and " %" in spoken
    page.click((64, 128))
    assert "row 64, column 128: truth" in text(page, "#status")
    assert (
        page.page.locator("#rings").is_hidden()
        and "trust the numbers" not in page.page.locator("#centers").inner_text()
    )


def test_the_start_shows_the_fine_result_as_a_whole(page):
    assert page.page.locator("#reasons").is_hidden(), "nothing was changed"
    fine = page.panel("Fine result").first.bounding_box()
    assert fine["y"] + fine["height"] <= LAPTOP["height"] and fine["height"] > 150
    for words in ("Playground", "What was found"):
        assert page.page.get_by_text(words).first.is_visible()
    assert page.page.locator("#found").get_by_text("lesson 10").is_visible()
    assert (
        page.page.locator("a[href^='https://openaccess.thecvf.com/'], a[href*='cityscapes-dataset.com']").count() == 2
    )
