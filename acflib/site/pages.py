"""Lessons and documents of the repository as pages to read, with a search over them that needs no server."""

import html
import json
import re
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from bs4 import BeautifulSoup
from pygments.formatters import HtmlFormatter

from acflib.errors import ConfigError
from acflib.site.library import first_lines, write_library
from acflib.site.markup import (
    align_columns,
    from_markdown,
    from_notebook,
    name_entries,
    rewrite_links,
    sections,
    summary,
    title_of,
)

ROOT = Path(__file__).resolve().parents[2]
DOCUMENTS = {  # page -> file of the repository, in the order in which they are listed
    "readme": "README.md",
    "results": "RESULTS.md",
    "paper-map": "docs/paper-map.md",
    "paper-versus-code": "docs/paper-versus-code.md",
    "related": "docs/related.md",
    "glossary": "docs/glossary.md",
    "cityscapes": "docs/cityscapes.md",
    "streets": "data/streets.md",
    "data": "data/README.md",
    "data-licenses": "docs/data-licenses.md",
    "onnx": "docs/onnx.md",
    "instructors": "docs/instructors.md",
    "study-plan": "docs/study-plan.md",
    "networks": "docs/networks.md",
    "contributing": "CONTRIBUTING.md",
}
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'"
)
TO_RUN = "Two-commands"  # heading of the README
THEMES = {"light": "default", "dark": "github-dark"}  # of code, by pygments' names


@dataclass(frozen=True)
class Page:
    """A page of the site.

    Attributes:
        path: in the site, such as "lessons/01_class_centers.html".
        source: in the repository.
        title: its first heading.
        body: its content; links still lead through the repository.
    """

    path: str
    source: str
    title: str
    body: BeautifulSoup


def write_pages(new: Path, say: Callable[[str], None] = lambda text: None, root: Path = ROOT) -> None:
    """Write lessons, documents, library reference and search into a site.

    Args:
        new: the site's folder.
        say: told each step.
        root: of the repository.

    Raises:
        ConfigError: the repository is not at hand, as beside an installed acflib.
    """
    if not (root / "notebooks").is_dir():
        raise ConfigError("the lessons are not installed with acflib: run this in a clone, or pass --no-lessons")
    say("writing lessons and documents")
    lessons = [
        make_page(f"lessons/{path.stem}.html", path.relative_to(root).as_posix(), root)
        for path in sorted((root / "notebooks").glob("*.ipynb"))
    ]
    known = {name: source for name, source in DOCUMENTS.items() if (root / source).is_file()}
    documents = [make_page(f"docs/{name}.html", source, root) for name, source in known.items()]
    say("writing the library reference")
    library = write_library(new / "api", root)
    pages = [*lessons, *documents]
    places = {page.source: page.path for page in pages} | library
    anchors = {page.source: {str(e["id"]).lower(): str(e["id"]) for e in page.body.find_all(id=True)} for page in pages}
    index = [indexed(page) for page in pages]
    lists = {"Lessons": lessons, "Documents": documents}
    for group, members in lists.items():
        for page in members:
            links_of(page, places, anchors, new, root)
            above = printed(page, places) if group == "Lessons" else ""
            write_page(new, page.path, page.title, above + str(page.body), members)
        write_page(
            new, str(PurePosixPath(members[0].path).parent / "index.html"), group, contents(group, members), members
        )
    (new / "search.json").write_text(json.dumps(index), encoding="utf-8")
    write_page(new, "search.html", "Search", SEARCH, [])
    write_page(new, "api/index.html", "Library", library_contents(root), [])
    styles = (f"@media (prefers-color-scheme: {theme}) {{ {HtmlFormatter(style=style).get_style_defs('.highlight')} }}"
              for theme, style in THEMES.items())  # fmt: skip
    (new / "play" / "code.css").write_text("\n".join(styles), encoding="utf-8")


def printed(page: Page, places: dict[str, str]) -> str:
    """What stands above a lesson: that nothing runs here, and where it does."""
    run = "<code>make lab</code>"
    if "README.md" in places:
        run = f'<a href="{relative(places["README.md"], page.path)}#{TO_RUN}">{run}</a>'
    views = f'<a href="{relative("index.html", page.path)}">Playground</a>'
    return (
        '<p class="printed">You are reading a printed lesson: nothing runs here, and its results are those of a copy '
        f"in which no exercise was solved and nothing predicted. To run it: {run}. To paint and click in this browser: "
        f"the {views}.</p>"
    )


def indexed(page: Page) -> dict[str, Any]:
    """What the search knows of a page. Words of the glossary are entries: they come first."""
    entries = name_entries(page.body) if page.source == DOCUMENTS["glossary"] else []
    return {"page": page.path, "title": page.title, "entries": entries, "sections": sections(page.body)}


def make_page(path: str, source: str, root: Path) -> Page:
    """A page of a notebook or of a Markdown file."""
    file = root / source
    found = from_notebook(file) if file.suffix == ".ipynb" else from_markdown(file.read_text(encoding="utf-8"))
    body = BeautifulSoup(found, "html.parser")
    if file.suffix != ".ipynb":
        align_columns(body)
    for wide in body.find_all("table"):
        wide.wrap(body.new_tag("div", attrs={"class": "scroll"}))
    for heading in body.find_all("th"):
        if not heading.get_text(strip=True):
            heading.name = "td"  # a heading without words says nothing to a screen reader
    return Page(path, source, title_of(body, file.stem), body)


def links_of(page: Page, places: dict[str, str], anchors: dict[str, dict[str, str]], new: Path, root: Path) -> None:
    """Send the links of a page to pages of the site; pictures of the repository are copied beside the documents.

    GitHub writes anchors in small letters, the headings here keep theirs: ``anchors`` has both, by source.
    """
    folder = PurePosixPath(page.source).parent

    def rewrite(address: str) -> str | None:
        target, _, anchor = address.partition("#")
        source = normal(folder / target)
        if source in places:
            there = anchors.get(source, {}).get(anchor.lower(), anchor)
            return relative(places[source], page.path) + (f"#{there}" if anchor else "")
        if re.search(r"\.(png|webp|svg|jpg)$", source) and (root / source).is_file():
            picture = new / "docs" / "images" / PurePosixPath(source).name
            picture.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(root / source, picture)
            return relative(f"docs/images/{picture.name}", page.path)
        return None

    rewrite_links(page.body, rewrite)
    for link in page.body.find_all("a", href=re.compile("^#.")):  # to a place of this very page
        anchor = str(link["href"])[1:]
        link["href"] = "#" + anchors.get(page.source, {}).get(anchor.lower(), anchor)


def normal(path: PurePosixPath) -> str:
    """A path without "..": docs/../acflib/acf.py -> acflib/acf.py."""
    parts: list[str] = []
    for part in path.parts:
        if part == ".." and parts:
            parts.pop()
        elif part != ".":
            parts.append(part)
    return "/".join(parts)


def relative(target: str, page: str) -> str:
    """The way from one page of the site to another."""
    return "../" * page.count("/") + target


def contents(title: str, pages: list[Page]) -> str:
    """The list of a group of pages, with a line on each."""
    items = "".join(
        f'<li><a href="{PurePosixPath(page.path).name}">{html.escape(page.title)}</a>'
        f'<div class="acf-note">{html.escape(summary(page.body))}</div></li>'
        for page in pages
    )
    return f'<h1>{title}</h1><ul class="listed">{items}</ul>'


def library_contents(root: Path) -> str:
    """The list of modules, with the first sentence of each."""
    lines = "".join(
        f'<tr><td><a href="{name.replace(".", "/")}.html"><code>{name}</code></a></td><td>{html.escape(text)}</td></tr>'
        for name, text in first_lines(root)
    )
    return f'<h1>The library</h1><div class="scroll"><table><tbody>{lines}</tbody></table></div>'


def write_page(new: Path, path: str, title: str, body: str, beside: list[Page]) -> None:
    """Write a page: the site's links above, the pages of its group at the side, the next one below."""
    up = "../" * path.count("/")
    links = {"index.html": "Playground", "lessons/index.html": "Lessons", "docs/index.html": "Documents",
             "api/index.html": "Library", "search.html": "Search"}  # fmt: skip
    site = " ".join(f'<a href="{up}{target}">{name}</a>' for target, name in links.items())

    def here(page: Page) -> str:
        return " aria-current=page" if page.path == path else ""

    listed = "".join(f'<li><a href="{up}{page.path}"{here(page)}>{html.escape(page.title)}</a></li>' for page in beside)
    side = f'<nav class="side" aria-label="Pages beside this one"><ul>{listed}</ul></nav>' if beside else ""
    paths = [page.path for page in beside]
    after = beside[paths.index(path) + 1] if path in paths[:-1] else None
    onward = f'<p class="onward">Next: <a href="{up}{after.path}">{html.escape(after.title)}</a></p>' if after else ""
    script = f'<script type="module" src="{up}play/search.js"></script>' if path == "search.html" else ""
    text = f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="{POLICY}">
<meta name="color-scheme" content="light dark">
<title>{html.escape(title)} - ACFNet</title>
<link rel="icon" href="{up}play/icon.svg" type="image/svg+xml">
<link rel="stylesheet" href="{up}widgets/widgets.css">
<link rel="stylesheet" href="{up}play/site.css">
<link rel="stylesheet" href="{up}play/code.css">
{script}
</head>
<body class="acf-root">
<a class="skip" href="#text">Go to the text</a>
<header><strong><a href="{up}index.html">ACFNet</a></strong><nav aria-label="Site">{site}</nav></header>
<div class="reading">
{side}
<main id="text">
{body}
{onward}
</main>
</div>
</body>
</html>
"""
    file = new / path
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text, encoding="utf-8")


SEARCH = """<h1>Search</h1>
<p><label>Words in lessons and documents <input type="search" id="words" autofocus></label></p>
<p id="count" role="status"></p>
<ol id="found"></ol>
<p>The library has a search of its own: <a href="api/acflib.html">names in acflib</a>.</p>"""
