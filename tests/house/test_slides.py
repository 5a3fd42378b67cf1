"""The talk: what it takes from lessons and results is there, and its numbers are the paper's."""

import re

import pytest

pytest.importorskip("nbconvert")
pytest.importorskip("latex2mathml")

from bs4 import BeautifulSoup  # noqa: E402

from acflib.errors import ConfigError  # noqa: E402
from acflib.study.paper_tables import TABLE_1, TABLE_2, TABLE_3  # noqa: E402
from tools import slides  # noqa: E402

DECK = slides.DECK.read_text(encoding="utf-8")
RESULTS = (slides.ROOT / "RESULTS.md").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def page() -> BeautifulSoup:
    return BeautifulSoup(slides.render(slides.read_slides(DECK), RESULTS), "html.parser")


def test_half_an_hour_of_slides_with_notes(page):
    deck = slides.read_slides(DECK)
    minutes = [int(number) for slide in deck for number in re.findall(r"\((\d+) minutes?\)$", slide.notes)]
    assert 18 <= len(deck) <= 24 and len(minutes) >= len(deck) - 2 and sum(minutes) <= 30
    assert len(page.select("section.slide")) == len(page.select("aside")) == len(deck)


def test_the_page_needs_no_other_file(page):
    pictures = page.find_all("img")
    assert len(pictures) >= 8 and all(picture["src"].startswith("data:image/") for picture in pictures)
    assert all(picture["alt"].strip() for picture in pictures)
    assert page.find_all(["script", "link", "iframe"]) == [] and "{{" not in page.get_text()


def test_formulas_are_understood(page):
    assert len(page.find_all("math")) >= 8 and "$" not in page.get_text() and "\\" not in page.get_text()


def test_numbers_of_the_paper():
    """Every number of two decimals in a table of the talk stands in the paper's tables (81.85: section 4.5)."""
    printed = {number for row in (*TABLE_1, *TABLE_2, *TABLE_3) for number in (row.fine, row.coarse)} | {81.85}
    found = {float(number) for number in re.findall(r"\| \**(\d\d\.\d\d?)\b", DECK)}
    assert len(found) >= 13 and found <= printed


def test_class_centers_of_the_small_picture():
    """The sums that the audience checks."""
    rows = re.findall(r"^\| (\w+) \| ([\d ]+) \| ([\d ]+) \| \((\d), (\d)\) \|$", DECK, re.MULTILINE)
    assert [row[0] for row in rows] == ["sky", "road", "car"]
    for _, *features, brightness, redness in rows:
        means = [sum(values) / len(values) for values in ([int(v) for v in text.split()] for text in features)]
        assert means == [int(brightness), int(redness)]


def test_results_are_those_of_the_page(page):
    shown = slides.results("headline", RESULTS) + slides.results("verdicts:test#H1", RESULTS)
    numbers = re.findall(r"[+−][\d.]+ ± [\d.]+", shown)
    assert len(numbers) >= 5 and all(number in page.get_text() for number in numbers)


def test_a_line_that_is_not_there():
    with pytest.raises(ConfigError, match=r"results:verdicts:test#H9: 0 lines"):
        slides.results("verdicts:test#H9", RESULTS)


@pytest.mark.parametrize(
    "text, message",
    [
        ("# A\n\nNotes:\nsay\n---\n# B\n", "slide 2 needs"),
        ("text without a heading\n\nNotes:\nsay\n", "slide 1 needs"),
        ("# A\n\nNotes:\n \n", "slide 1 needs"),
    ],
)
def test_a_slide_that_lacks_something(text: str, message: str):
    with pytest.raises(ConfigError, match=message):
        slides.read_slides(text)


@pytest.mark.parametrize("name", ["03/fig-9", "03/fig-1a/2", "03/fig-1a/0", "03", "99/fig-1a"])
def test_a_figure_that_is_not_there(name: str):
    with pytest.raises(ConfigError, match=f"figure:{name}: lesson .* it has: (.*fig-1a|none)"):
        slides.figure(name)


@pytest.mark.parametrize("address", ["docs/images/none.png", "README.md", "docs/images"])
def test_a_picture_that_is_not_there(address: str):
    with pytest.raises(ConfigError, match=address):
        slides.picture(address)


def test_a_block_that_is_not_there():
    with pytest.raises(ConfigError, match="results:none: RESULTS.md has no such block; it has: .*headline"):
        slides.results("none", RESULTS)


def test_without_a_browser_the_page_is_written(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("ACFLIB_BROWSER", str(tmp_path / "none"))
    assert slides.main(["--out", str(tmp_path / "new")]) == 2
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["slides.html"]
    assert "ACFLIB_BROWSER" in capsys.readouterr().err
