"""The talk in a browser: nothing hangs over the edge of a slide, and the PDF has a page for each."""

import re

import pytest

from tools import slides

pytestmark = pytest.mark.browser
OVER = """slide => {
  const inner = slide.firstElementChild, edge = inner.getBoundingClientRect();
  const low = Math.max(...[...inner.children].map(part => part.getBoundingClientRect().bottom));
  return [inner.scrollHeight - inner.clientHeight, inner.scrollWidth - inner.clientWidth, low - edge.bottom];
}"""
SMALLEST = """slide => [...slide.querySelectorAll("img")].map(i => [i.naturalWidth, i.clientWidth, i.clientHeight])"""


def test_slides_and_pdf(browser, tmp_path):
    assert slides.main(["--out", str(tmp_path)]) == 0
    page = browser.new_page(viewport={"width": 1300, "height": 760})
    page.goto((tmp_path / "slides.html").as_uri())
    found = page.query_selector_all(".slide")
    over = {number: slide.evaluate(OVER) for number, slide in enumerate(found, 1)}
    assert {number: pixels for number, pixels in over.items() if max(pixels) > 1} == {}
    pictures = [size for slide in found for size in slide.evaluate(SMALLEST)]
    assert pictures and all(natural > 0 and width > 400 and height > 300 for natural, width, height in pictures)
    page.close()
    pdf = (tmp_path / "slides.pdf").read_bytes()
    assert len(re.findall(rb"/MediaBox \[0 0 960 540\]", pdf)) == len(found)  # 1280 x 720 pixels, in points
