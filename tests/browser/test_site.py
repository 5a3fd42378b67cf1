"""The playground of ``acflib site``: its numbers are PyTorch's, nothing is lost, nothing leaves the page."""

from functools import partial

import numpy as np
import pytest
import torch
from PIL import Image

import acflib
from acflib.datasets.labels import TRAIN_ID_OF_ID
from acflib.datasets.streets import render_street
from tests.browser import lab
from tests.browser.playground import Playground, batch, draw_photograph, heap, place_in

pytestmark = pytest.mark.browser
STREETS = [3, 7, 11, 12, 20, 21]
CORNERS = [(0, 0), (0, 255), (127, 0), (127, 255)]
MAX_BYTES = 20e6
near = partial(torch.testing.assert_close, rtol=1e-4, atol=1e-4)


def check_numbers(play, model) -> None:
    """Centers, P, attended features, fine logits and the rest against PyTorch, for the class maps of the page."""
    pixels, _, fine = play.picture()
    found, image = play.numbers(), batch(pixels)
    own = acflib.inspect(model, image)
    near(found["P"], own.probabilities[0])
    near(found["coarse_features"], own.coarse_features[0])
    with torch.no_grad():
        expected = model.intermediates(image, found["center_probs"][None], found["attention_probs"][None])
        logits = model(image, found["center_probs"][None], found["attention_probs"][None])["out"]
    for name in ("centers", "attended", "fine_features", "fine_logits"):
        near(found[name], getattr(expected, name)[0])
    best = logits[0].topk(2, dim=0)  # where two classes are as likely as float32 tells, either will do
    sure = (best.values[0] - best.values[1] > 1e-3).numpy()
    assert (fine == best.indices[0].numpy())[sure].all() and sure.mean() > 0.99


@pytest.mark.parametrize("seed", STREETS)
def test_streets_have_the_numbers_of_pytorch(play, model, seed):
    play.choose(f"street-{seed}")
    street, (pixels, truth, _) = render_street(seed, 256, 128), play.picture()
    assert np.array_equal(pixels, street.image) and np.array_equal(truth, TRAIN_ID_OF_ID[street.label_ids])
    check_numbers(play, model)


@pytest.mark.parametrize(("name", "size"), [("wide.png", (150, 267)), ("upright.jpg", (190, 115))])
def test_photographs_have_the_numbers_of_pytorch(play, model, tmp_path, name, size):
    draw_photograph(tmp_path / name, size, seed=len(name))
    play.upload(tmp_path / name)
    assert play.size() == size and play.says() == ""
    if name.endswith("png"):
        assert np.array_equal(play.picture()[0], np.asarray(Image.open(tmp_path / name)))
    check_numbers(play, model)
    play.stroke((20, 20), (size[0] - 9, size[1] - 5))
    play.settle()
    check_numbers(play, model)


def test_edits_are_those_of_the_laboratory(play, model):
    """Strokes by hand, an absent class and the truth, applied by acflib/widgets/lab_edits.py, give the same map."""
    from acflib.widgets.lab_edits import Absent, Stroke, Truth, edited_map

    play.choose("street-7")
    truth = play.picture()[1]
    play.stroke((60, 30), (64, 200))
    play.stroke((3, 250))
    play.press("Make absent")  # car
    play.stroke((120, 5), (100, 100), (127, 255))
    check_edits(play, truth, edited_map, Stroke, Absent, Truth)
    check_numbers(play, model)
    play.press("Use the truth")
    play.stroke((0, 0), (127, 255))
    check_edits(play, truth, edited_map, Stroke, Absent, Truth)
    check_numbers(play, model)
    play.press("Centers all alike")
    check_numbers(play, model)
    centers = play.numbers()["centers"]
    near(centers, centers[:1].expand_as(centers))
    play.press("Reset")
    near(play.numbers()["attention_probs"], play.numbers()["P"], rtol=0, atol=0)


def check_edits(play, truth, edited_map, stroke, absent, use_truth) -> None:
    made = {
        "stroke": lambda e: stroke(e["label"], e["radius"], tuple(map(tuple, e["points"]))),
        "absent": lambda e: absent(e["label"]),
        "truth": lambda e: use_truth(),
    }
    edits = [made[e["do"]](e) for e in play.state()["edits"]]
    found = play.numbers()
    near(found["attention_probs"], edited_map(found["P"], edits, truth, play.size()), rtol=0, atol=1e-6)


def test_corner_pixels(play):
    for pixel in CORNERS:
        play.click(pixel)
        assert play.page.locator("#play").get_attribute("data-pixel") == f"{pixel[0]},{pixel[1]}"
        assert f"row {pixel[0]}, column {pixel[1]}:" in play.page.locator("#status").text_content()
    play.page.mouse.move(*lab.point_of(play.panel("Ground truth"), (120, 128), (128, 256)))
    assert play.page.get_by_text("Ground truth: road").is_visible()  # what lies under the pointer has a name


@pytest.mark.parametrize("count", [30, pytest.param(200, marks=pytest.mark.slow)])
def test_quick_clicks_and_strokes(play, model, count):
    """Every stroke is kept, the last pixel is the one shown, and memory does not grow."""
    random = np.random.default_rng(0)
    work(play, random, 40)  # warm
    play.settle()
    play.press("Reset")
    before, (strokes, last) = heap(play.page), work(play, random, count)
    play.settle()
    state = play.state()
    assert len(state["edits"]) == strokes and tuple(state["pixel"]) == last
    assert play.page.locator("#play").get_attribute("data-pixel") == f"{last[0]},{last[1]}"
    check_numbers(play, model)
    assert heap(play.page) < before + 12  # MB


def work(play, random, count) -> tuple[int, tuple[int, int]]:
    """Clicks and strokes without waiting; how many strokes, and the last pixel clicked."""
    play.panel("Picture").scroll_into_view_if_needed()
    boxes = [play.panel(name).bounding_box() for name in ("Picture", "Coarse guess")]
    mouse, strokes, last = play.page.mouse, 0, (0, 0)
    for _ in range(count):
        pixel, other = (tuple(int(place) for place in random.integers((128, 256))) for _ in range(2))
        paints = bool(random.random() < 0.5)
        mouse.move(*place_in(boxes[paints], pixel))
        mouse.down()
        if paints:
            mouse.move(*place_in(boxes[1], other), steps=3)
            strokes += 1
        else:
            last = pixel
        mouse.up()
    return strokes, last


def test_odd_uploads_say_so_in_a_line(play, tmp_path):
    play.choose("street-11")
    before = play.picture()[0]
    (tmp_path / "corrupt.png").write_bytes(b"\x89PNG\r\n\x1a\nnot a picture at all")
    Image.new("RGB", (1, 1), "red").save(tmp_path / "dot.png")
    for name, words in (("corrupt.png", "not a picture that"), ("dot.png", "1 x 1 pixels are too few")):
        play.upload(tmp_path / name)
        assert play.says().startswith(f"{name}: {words.split()[0]}") and words in play.says()
        assert "\n" not in play.says() and np.array_equal(play.picture()[0], before)
    rows = np.linspace(0, 255, 3000).astype(np.uint8)
    Image.fromarray(np.repeat(rows[:, None], 4000, 1)).save(tmp_path / "large.png")  # 12 megapixels
    play.upload(tmp_path / "large.png")
    assert play.says() == (
        "large.png: made smaller, from 4000 x 3000 to 171 x 128 pixels: "
        "the network was trained on pictures 96 to 192 pixels high"
    )
    assert play.size() == (128, 171)
    play.choose("street-11")
    assert play.says() == "" and np.array_equal(play.picture()[0], before)


def test_a_link_carries_the_state(play, browser, address):
    play.choose("street-20")
    play.stroke((10, 30), (90, 41), (33, 222))
    play.press("Make absent")
    play.press("Centers all alike")
    play.stroke((1, 1))
    play.click((77, 201))
    play.page.wait_for_timeout(500)
    link, found, state = play.page.evaluate("location.hash"), play.numbers(), play.state()
    other = Playground(browser, address, link)
    again = other.state()
    assert [again["picture"], again["pixel"]] == ["street-20", [77, 201]]
    forget = [{k: v for k, v in edit.items() if k != "stroke"} for edit in state["edits"]]
    assert again["edits"] == forget
    for name, values in other.numbers().items():
        near(values, found[name], rtol=0, atol=1e-6)
    for link, words in [
        ("#picture=street-99", 'there is no picture "street-99"'),
        ("#picture=street-3&pixel=7,999", "the pixel 7, 999, which is outside"),
        ("#picture=street-3&edits=s99.5.10,10", "there is no class 99"),
        ("#picture=street-3&edits=s1.5.10,10_9999999,9", "leads off the picture"),
        ("#picture=street-3&edits=%E0%A4%A", "is not well written"),
    ]:
        other.open(link)
        assert words in other.says() and other.page.locator("#play").is_visible()
    assert other.errors == [] and other.foreign == []
    other.close()


def test_by_keyboard_alone(play):
    """The tour from its first to its last step; a pixel by arrow keys; a stroke by the space bar."""
    page = play.page
    page.locator("#tour-start").focus()
    page.keyboard.press("Enter")
    for step in range(1, 6):
        page.locator(f"#tour[data-step='{step}']").wait_for(timeout=60000)
        play.settle()
        assert len(page.locator("#tour-text").text_content()) > 100
        page.keyboard.press("Enter")  # "Next" holds the focus
    page.locator("#tour").wait_for(state="hidden")
    play.settle()
    row, column = play.state()["pixel"]
    play.panel("Picture").focus()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Shift+ArrowUp")
    play.settle()
    assert play.state()["pixel"] == [row - 8, column + 1]
    play.panel("Coarse guess").focus()
    page.keyboard.press("ArrowDown")
    page.keyboard.press(" ")
    for _ in range(3):
        page.keyboard.down(" ")  # held down: a second stroke, and the key repeats
    page.keyboard.up(" ")
    play.settle()
    assert [edit["do"] for edit in play.state()["edits"]] == ["stroke", "stroke"]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_phone_width_and_themes(browser, address, scheme):
    found = Playground(browser, address, viewport={"width": 390, "height": 844}, color_scheme=scheme, has_touch=True)
    assert found.page.evaluate("document.documentElement.scrollWidth") <= 390
    shade = found.page.evaluate("getComputedStyle(document.body).backgroundColor.match(/[0-9]+/g).map(Number)")
    assert (max(shade) < 80) == (scheme == "dark")
    nameless = """() => [...document.querySelectorAll("button, input, select, canvas[role=img], [role=application]")]
      .filter((e) => e.checkVisibility() && !(e.getAttribute("aria-label") || e.textContent.trim() || e.labels?.length))
      .map((e) => e.outerHTML)"""
    assert found.page.evaluate(nameless) == []
    found.page.touchscreen.tap(*lab.point_of(found.panel("Picture"), (100, 20), (128, 256)))
    found.settle()
    assert found.state()["pixel"] == [100, 20] and found.errors == [] and found.foreign == []
    found.close()


def test_the_policy_forbids_what_is_foreign(play, address):
    """The page may not even ask another port of this computer; and no text of its own becomes a program."""
    other = f"http://127.0.0.1:{lab.free_port()}/x"
    assert play.page.evaluate("address => fetch(address).then(() => 'asked', (e) => e.name)", other) == "TypeError"
    assert play.page.evaluate(
        "() => new Promise((done) => { addEventListener('securitypolicyviolation', (e) => done(e.violatedDirective));"
        " const s = document.createElement('script'); s.textContent = 'window.hit = 1'; document.body.append(s); })"
    ).startswith("script-src")
    assert play.page.evaluate("window.hit") is None
    assert play.errors and all("Content Security Policy" in text for text in play.errors)
    play.errors.clear()
    play.foreign.clear()


def test_the_folder_is_small(site):
    assert sum(path.stat().st_size for path in site.rglob("*") if path.is_file()) < MAX_BYTES
