"""Markdown and notebooks as HTML, by nbconvert; mathematics as MathML, which browsers set without any program."""

import html
import re
from collections.abc import Callable
from pathlib import Path

import nbformat
from bs4 import BeautifulSoup, Tag
from latex2mathml.converter import convert
from nbconvert.exporters import HTMLExporter
from nbconvert.filters.markdown_mistune import IPythonRenderer, MarkdownWithMath

ADDRESS = {"a": "href", "img": "src", "source": "srcset"}
OUTSIDE = re.compile(r"^(https?:|mailto:|data:|#)")
TAG = re.compile(r"\\tag\s*\{([^{}]*)\}")
WIDGET = "application/vnd.jupyter.widget-view+json"


class Renderer(IPythonRenderer):
    """nbconvert's renderer, with mathematics as MathML."""

    def block_math(self, body: str) -> str:
        return mathematics(body, display="block")

    def inline_math(self, body: str) -> str:
        return mathematics(body, display="inline")

    def latex_environment(self, name: str, body: str) -> str:
        return mathematics(f"\\begin{{{name}}}{body}\\end{{{name}}}", display="block")


def mathematics(latex: str, display: str) -> str:
    """LaTeX as MathML; as code, where there is something that the converter does not know.

    The number of an equation, ``\\tag``, stands apart from it.
    """
    apart = TAG.sub(r"\\qquad \\text{(\1)}", latex.strip())
    try:
        found = convert(apart, display=display)
    except Exception:  # it has many errors of its own
        return f"<code>{html.escape(latex)}</code>"
    label = html.escape(" ".join(latex.split()), quote=True)
    return found.replace("<math ", f'<math aria-label="{label}" ', 1)


def from_markdown(text: str) -> str:
    """The body of a page."""
    return MarkdownWithMath(renderer=Renderer(escape=False, anchor_link_text="#")).render(text)


def from_notebook(path: Path) -> str:
    """Cells and stored outputs of a notebook as the body of a page. Nothing is run."""
    notebook = nbformat.read(path, as_version=4)
    for cell in notebook.cells:
        for output in cell.get("outputs", []):
            output.get("data", {}).pop(WIDGET, None)  # needs a kernel; the text beside it stays
    notebook.metadata.pop("widgets", None)
    exporter = HTMLExporter(template_name="basic")
    exporter.register_filter("markdown2html", from_markdown)
    return exporter.from_notebook_node(notebook)[0]


def title_of(body: BeautifulSoup, otherwise: str) -> str:
    """The first heading of a page."""
    heading = body.find(["h1", "h2"])
    return heading.get_text(" ", strip=True).rstrip("#¶ ") if heading else otherwise


def rewrite_links(body: BeautifulSoup, rewrite: Callable[[str], str | None]) -> None:
    """Send each link and picture where ``rewrite`` says; one that it has no place for becomes its text."""
    for tag, attribute in ADDRESS.items():
        for element in body.find_all(tag):
            address = str(element.get(attribute, ""))
            if not address or OUTSIDE.match(address):
                continue
            found = rewrite(address)
            if found is not None:
                element[attribute] = found
            elif tag == "a":
                element.name, element.attrs = "span", {"title": f"in the repository: {address}"}
            else:
                element.decompose()


NUMBER = re.compile(r"[^\w]*\d")  # how a cell begins that is a number
NOTHING = ("", "-", "–", "not run yet")


def align_columns(body: BeautifulSoup) -> None:
    """Columns of numbers to the right, columns of words to the left, whatever the Markdown says."""
    for table in body.find_all("table"):
        rows = [row.find_all(["td", "th"], recursive=False) for row in table.find_all("tr")]
        lines = rows[1:]
        for column in range(max(map(len, rows), default=0)):
            texts = [plain(row[column]) for row in lines if column < len(row)]
            said = [text for text in texts if text not in NOTHING]
            numbers = 2 * sum(bool(NUMBER.match(text)) for text in said) > len(said)
            for row in rows:
                if column < len(row) and not row[column].has_attr("colspan"):
                    row[column]["style"] = f"text-align: {'right' if numbers else 'left'}"


def plain(element: Tag) -> str:
    """The text of an element in one line, without formulas."""
    copy = BeautifulSoup(str(element), "html.parser")
    for formula in copy.find_all("math"):
        formula.decompose()
    return " ".join(copy.get_text().split())


def name_entries(body: BeautifulSoup) -> list[tuple[str, str, str]]:
    """(anchor, word, meaning) of each row of a glossary, whose first cell has a word in bold. Rows get anchors."""
    found = []
    for row in body.find_all("tr"):
        cells = row.find_all("td", recursive=False)
        if len(cells) < 2 or not cells[0].find("strong"):
            continue
        word = plain(cells[0])
        row["id"] = "word-" + re.sub(r"[^a-z0-9]+", "-", word.lower()).strip("-")
        found.append((str(row["id"]), word, " ".join(plain(cell) for cell in cells[1:])))
    return found


def summary(body: BeautifulSoup, most: int = 190) -> str:
    """What a page is about: what a lesson teaches, or the beginning of the first paragraph; cut where a clause ends."""
    learn = next((cell for cell in body.find_all("td") if plain(cell) == "What you will learn"), None)
    told = learn.find_next_sibling("td") if learn else body.find("p")
    text = plain(told) if told else ""
    if len(text) <= most:
        return text
    ends = [match.end() for match in re.finditer(r"[.?!;](?= )", text[:most])]
    return text[: ends[-1]].rstrip(";") if ends else text[:most].rsplit(" ", 1)[0] + " …"


def sections(body: BeautifulSoup) -> list[tuple[str, str, str]]:
    """(anchor, heading, text) of each part between two headings, for the search."""
    body = BeautifulSoup(str(body), "html.parser")  # a copy
    for formula in body.find_all("math"):
        formula.decompose()
    found: list[list[str]] = [["", "", ""]]
    for element in body.find_all(["h1", "h2", "h3", "p", "li", "td", "th"]):
        text = element.get_text(" ", strip=True)
        if element.name in ("h1", "h2", "h3"):
            found.append([str(element.get("id", "")), text.rstrip("#¶ "), ""])
        elif not element.find(["p", "li"]) and not in_entry(element):
            found[-1][2] += " " + text
    return [(anchor, heading, " ".join(text.split())) for anchor, heading, text in found if heading or text.strip()]


def in_entry(element: Tag) -> bool:
    """Is this a cell of a row that :func:`name_entries` found?"""
    row = element.parent
    return element.name == "td" and row is not None and str(row.get("id", "")).startswith("word-")
