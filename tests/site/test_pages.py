"""Lessons and documents as pages: mathematics, links, and that nothing is loaded from elsewhere."""

import json
import re
import shutil
from pathlib import Path
from urllib.parse import unquote, urljoin

import nbformat
import pytest

pytest.importorskip("nbconvert")
pytest.importorskip("latex2mathml")
pytest.importorskip("pdoc")

from bs4 import BeautifulSoup  # noqa: E402

from acflib.errors import ConfigError  # noqa: E402
from acflib.site import markup, pages  # noqa: E402

ROOT = Path(__file__).resolve().parents[2]
LOADED = {"img": "src", "script": "src", "link": "href", "source": "srcset", "iframe": "src", "video": "src"}


def test_mathematics_is_mathml():
    found = BeautifulSoup(
        markup.from_markdown(r"Eq. 2: $$c_i = \frac{\sum_j P_{ij} f_j}{\sum_j P_{ij}}$$ and $x<y$."), "html.parser"
    )
    block, inline = found.find_all("math")
    assert block["display"] == "block" and block.find("mfrac") and block["aria-label"].startswith(r"c_i = \frac")
    assert inline["display"] == "inline" and "$" not in found.get_text()


@pytest.mark.skipif(not (ROOT / "notebooks").is_dir(), reason="a copy without the lessons")
def test_every_formula_of_the_lessons_is_understood(monkeypatch):
    texts = [path.read_text(encoding="utf-8") for path in ROOT.glob("docs/*.md")]
    for path in ROOT.glob("notebooks/*.ipynb"):
        texts += [cell.source for cell in nbformat.read(path, 4).cells if cell.cell_type == "markdown"]
    known = []
    real = markup.mathematics
    monkeypatch.setattr(markup, "mathematics", lambda latex, display: known.append(real(latex, display)) or known[-1])
    for text in texts:
        markup.from_markdown(text)
    assert len(known) > 50 and all(text.startswith("<math ") and "\\" not in text.split(">", 1)[1] for text in known)


@pytest.fixture
def small(tmp_path, monkeypatch):
    """A repository of a lesson and a document, and the site of it."""
    root, new = tmp_path / "repository", tmp_path / "site"
    (root / "notebooks").mkdir(parents=True)
    (root / "docs" / "images").mkdir(parents=True)
    (new / "play").mkdir(parents=True)
    (root / "docs" / "images" / "x.png").write_bytes(b"picture")
    text = (
        "# First\n\n[words](../docs/glossary.md#center), [near](../docs/glossary.md#Center), "
        "[code](../acflib/acf.py), [tests](../tests/test_acf.py), "
        "[paper](https://arxiv.org/abs/1909.09408), [next](02_b.ipynb#cell-id=b0), [out](../../secret.md)\n\n"
        "![picture](../docs/images/x.png) ![gone](../docs/images/y.png)"
    )
    widget = {"application/vnd.jupyter.widget-view+json": {"model_id": "1"}, "text/plain": "SimilarityExplorer: here"}
    output = nbformat.v4.new_output("display_data", widget)
    for name, cells in {
        "01_a": [nbformat.v4.new_markdown_cell(text), nbformat.v4.new_code_cell("1 + 1", outputs=[output])],
        "02_b": [nbformat.v4.new_markdown_cell("# Second\n\nSpread over `H*W`", id="b0")],
    }.items():
        nbformat.write(nbformat.v4.new_notebook(cells=cells), root / "notebooks" / f"{name}.ipynb")
    (root / "docs" / "glossary.md").write_text("# Words\n\n## Center\n\nThe mean feature of a class $c$.\n")
    monkeypatch.setattr(pages, "write_library", lambda out, root: {"acflib/acf.py": "api/acflib/acf.html"})
    monkeypatch.setattr(pages, "first_lines", lambda root: [("acflib.acf", "The <module>.")])
    pages.write_pages(new, root=root)
    return new


def test_links_lead_to_pages(small):
    body = BeautifulSoup((small / "lessons" / "01_a.html").read_text(), "html.parser").main
    assert {a.get_text(): a["href"] for a in body.find_all("a") if "anchor-link" not in a.get("class", [])} == {
        "words": "../docs/glossary.html#Center",  # as the heading is called there
        "near": "../docs/glossary.html#Center",
        "code": "../api/acflib/acf.html",
        "paper": "https://arxiv.org/abs/1909.09408",
        "next": "../lessons/02_b.html#cell-id=b0",
        "Second": "../lessons/02_b.html",
        "Playground": "../index.html",
    }
    assert [s.get_text() for s in body.find_all("span", title=re.compile("in the repository"))] == ["tests", "out"]
    assert [image["src"] for image in body.find_all("img")] == ["../docs/images/x.png"]
    assert (small / "docs" / "images" / "x.png").read_bytes() == b"picture"
    assert "SimilarityExplorer: here" in body.get_text()  # what a widget says of itself stays
    assert "The &lt;module&gt;." in (small / "api" / "index.html").read_text()


def test_the_search_knows_headings_and_text(small):
    index = {page["page"]: page for page in json.loads((small / "search.json").read_text())}
    assert ["Center", "The mean feature of a class ."] in [part[1:] for part in index["docs/glossary.html"]["sections"]]
    assert index["lessons/02_b.html"]["title"] == "Second"


def test_words_of_a_glossary_are_entries_with_a_place():
    rows = "| **class center** (F) | the mean of a class |\n| plain | no entry |\n"
    text = "# Words\n\n| word | meaning |\n| --- | --- |\n" + rows
    body = BeautifulSoup(markup.from_markdown(text), "html.parser")
    assert markup.name_entries(body) == [("word-class-center-f", "class center (F)", "the mean of a class")]
    assert body.find(id="word-class-center-f").name == "tr"
    (heading,) = markup.sections(body)
    assert "no entry" in heading[2] and "mean of a class" not in heading[2]  # not found twice


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("# A\n\nShort.\n\nMore.", "Short."),
        ("# A\n\nFirst.\n\n| | |\n| --- | --- |\n| **What you will learn** | to count $x$ cells |", "to count cells"),
        ("# A\n\nOne is short. " + "long " * 60, "One is short."),
        ("# A\n\n" + "long " * 60, "long " * 38 + "…"),
        ("# A", ""),
    ],
)
def test_a_page_in_a_line(text, line):
    assert markup.summary(BeautifulSoup(markup.from_markdown(text), "html.parser")) == line


def test_lists_of_pages_say_what_each_is_about(small):
    body = BeautifulSoup((small / "docs" / "index.html").read_text(), "html.parser").main
    assert "The mean feature of a class ." in body.get_text()


def test_without_a_clone_it_says_so(tmp_path):
    with pytest.raises(ConfigError, match="run this in a clone, or pass --no-lessons"):
        pages.write_pages(tmp_path, root=tmp_path)


@pytest.mark.slow
def test_every_link_of_the_whole_site_leads_somewhere(tmp_path):
    """Pages of the real repository and library: targets and anchors are there, and nothing is loaded from elsewhere."""
    shutil.copytree(ROOT / "acflib" / "site" / "static", tmp_path / "play")
    shutil.copytree(ROOT / "acflib" / "widgets" / "static", tmp_path / "widgets")
    (tmp_path / "play" / "index.html").rename(tmp_path / "index.html")
    pages.write_pages(tmp_path)
    soups = {path: BeautifulSoup(path.read_text(encoding="utf-8"), "html.parser") for path in tmp_path.rglob("*.html")}
    anchors = {path: {e["id"] for e in soup.find_all(id=True)} for path, soup in soups.items()}
    assert len(soups) > 90
    broken = []
    for path, soup in soups.items():
        page = path.relative_to(tmp_path).as_posix()
        found = [(e.get(attribute), True) for tag, attribute in LOADED.items() for e in soup.find_all(tag)]
        found += [(e.get("href"), False) for e in soup.find_all("a")]
        for address, loaded in found:
            if not address or address.startswith("data:"):
                continue
            if re.match(r"\w+:", address):
                broken += [f"{page} loads {address}"] if loaded else []
                continue
            target, _, anchor = urljoin(page, address).partition("#")
            file = tmp_path / (unquote(target) or page)
            ours = not page.startswith("api/") or page == "api/index.html"
            if not file.is_file() and not target.startswith(("play/runtime", "play/page")):
                broken.append(f"{page}: {address}")
            elif anchor and ours and not {anchor, unquote(anchor)} & anchors.get(file, set()):  # as browsers look
                broken.append(f"{page}: no place {address}")
    assert broken == []
    for path, soup in soups.items():  # a screen reader says something of each link
        for link in soup.find_all("a", href=True):
            assert link.get_text(strip=True) or link.get("aria-label") or link.find("img", alt=True), f"{path}: {link}"


def contrast(one: str, other: str) -> float:
    """The contrast ratio of two colors #rrggbb, by the Web Content Accessibility Guidelines 2.2."""

    def luminance(color: str) -> float:
        parts = [int(color[i : i + 2], 16) / 255 for i in (1, 3, 5)]
        linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    darker, lighter = sorted([luminance(one), luminance(other)])
    return (lighter + 0.05) / (darker + 0.05)


def test_code_can_be_read():
    """Each color that lessons use for code has the contrast of WCAG AA, in both themes."""
    from pygments import highlight
    from pygments.formatters import HtmlFormatter
    from pygments.lexers import PythonLexer

    style = (ROOT / "acflib" / "site" / "static" / "site.css").read_text(encoding="utf-8")
    light, dark = re.findall(r"--code: (#[0-9a-f]{6})", style)
    assert round(contrast("#000000", "#ffffff")) == 21
    code = """
import x as y

@f
class A(B):
    'Doc.'
    def g(self, *a):  # why
        return not a in "b" + f"{1.5:.2f}"
"""
    shown = BeautifulSoup(highlight(code, PythonLexer(), HtmlFormatter()), "html.parser")
    used = {kind for span in shown.find_all("span", class_=True) for kind in span["class"]} - {"w"}  # white space
    for background, name in ((light, pages.THEMES["light"]), (dark, pages.THEMES["dark"])):
        styles = HtmlFormatter(style=name).get_style_defs(".highlight")
        rules = dict(re.findall(r"\.highlight \.(\w+) {[^}]*?(?<!-)color: (#[0-9a-fA-F]{6})", styles))
        assert len(used & set(rules)) > 5
        for kind in used & set(rules):
            assert contrast(rules[kind], background) >= 4.5, f"{name}: .{kind} {rules[kind]} on {background}"


def test_a_table_has_no_empty_heading(tmp_path):
    (tmp_path / "a.md").write_text("# A\n\n| | mean |\n| --- | --- |\n| sum | 1 |\n", encoding="utf-8")
    body = pages.make_page("docs/a.html", "a.md", tmp_path).body
    assert [heading.get_text() for heading in body.find_all("th")] == ["mean"] and len(body.find_all("td")) == 3


def test_words_stand_left_and_numbers_right(tmp_path):
    text = (
        "| row | difference | mean | n |\n| --- | ---: | ---: | --- |\n"
        "| H1 | center − self, own-47 | +0.65 ± 0.16 | 8 |\n| H2 | gain of sum | not run yet | 0 |\n"
    )
    (tmp_path / "a.md").write_text(text, encoding="utf-8")
    rows = pages.make_page("docs/a.html", "a.md", tmp_path).body.find_all("tr")
    for row in rows:
        assert [cell["style"].split()[-1] for cell in row.find_all(["td", "th"])] == ["left", "left", "right", "right"]


def test_the_number_of_an_equation_stands_apart():
    (formula,) = BeautifulSoup(markup.from_markdown(r"$$a = \frac{b}{c} \tag{2}$$"), "html.parser").find_all("math")
    number = formula.find("mtext")
    assert number.get_text() == "(2)" and number.find_previous_sibling().name == "mspace"
    assert r"\tag{2}" in formula["aria-label"]


def test_a_lesson_says_that_it_is_printed_and_how_to_run_it(small):
    for name in ("01_a", "02_b"):
        note = BeautifulSoup((small / "lessons" / f"{name}.html").read_text(), "html.parser").main.find(
            class_="printed"
        )
        assert "make lab" in note.get_text() and note.find("a", string="Playground")["href"] == "../index.html"
    assert 'class="printed"' not in (small / "docs" / "glossary.html").read_text()


@pytest.mark.skipif(not (ROOT / "README.md").is_file(), reason="a copy without the README")
def test_the_readme_says_how_to_run_a_lesson():
    body = pages.make_page("docs/readme.html", "README.md", ROOT).body
    page = pages.Page("lessons/x.html", "notebooks/x.ipynb", "x", body)
    target = BeautifulSoup(pages.printed(page, {"README.md": "docs/readme.html"}), "html.parser").find("a")["href"]
    file, anchor = target.split("#")
    assert file == "../docs/readme.html" and "make lab" in body.find(id=anchor).find_next("pre").get_text()


@pytest.mark.skipif(not (ROOT / "docs").is_dir(), reason="a copy without the documents")
def test_every_document_that_a_page_names_is_on_the_site():
    """Of the folder docs; slides have a form of their own."""
    there = {path.relative_to(ROOT).as_posix() for path in (ROOT / "docs").glob("*.md")} - {"docs/slides.md"}
    assert there <= set(pages.DOCUMENTS.values())


def test_links_of_headings_and_resting_buttons_can_be_read():
    """The color of quiet text has the contrast of WCAG AA on the pages' ground, and nothing fades it."""
    style = (ROOT / "acflib" / "site" / "static" / "site.css").read_text(encoding="utf-8")
    for rule in (r"\.anchor-link {([^}]*)}", r"\.acf-button:disabled {([^}]*)}"):
        found = re.search(rule, style)
        assert found and "color: var(--jp-ui-font-color2)" in found[1]
        assert float((re.search(r"opacity: ([\d.]+)", found[1]) or [0, 1])[1]) == 1
    colors, grounds = (re.findall(rf"--jp-{name}: (#\w+)", style) for name in ("ui-font-color2", "layout-color1"))

    def long(color: str) -> str:
        return color if len(color) == 7 else "#" + "".join(2 * letter for letter in color[1:])

    for color, ground in zip(colors, grounds, strict=True):
        assert contrast(long(color), long(ground)) >= 4.5
