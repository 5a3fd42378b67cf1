"""Make the slides of docs/slides.md: slides.html (with the speaker's notes) and slides.pdf (without).

    python tools/slides.py [--out slides]        (or: make slides)

In docs/slides.md a line ``---`` ends a slide, a line ``Notes:`` begins what the speaker says. Two things are taken from
where they are made, so that they cannot grow old: ``![text](figure:03/fig-1a)`` is the figure of lesson 03 with that
tag or heading (``/2``: the second one), and a line ``{{results:headline}}`` is that block of RESULTS.md (with ``#H1``:
its line on H1). Other pictures are paths in the repository. The PDF needs a Chromium (or ``ACFLIB_BROWSER``, its path).
"""

import argparse
import base64
import html
import re
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parent.parent
if __name__ == "__main__":
    sys.path.insert(0, str(ROOT))

from acflib.engine.files import write_whole  # noqa: E402
from acflib.errors import AcflibError, ConfigError  # noqa: E402
from acflib.site.markup import from_markdown  # noqa: E402
from tests.browser.lab import find_browser  # noqa: E402
from tools.export_figures import figures  # noqa: E402
from tools.notebook_cells import lessons  # noqa: E402

DECK = ROOT / "docs" / "slides.md"
STYLE = Path(__file__).with_name("slides.css")
PICTURE = re.compile(r"!\[([^\]]*)\]\(([^)\s]+)\)")
KINDS = {".png": "png", ".webp": "webp", ".jpg": "jpeg"}
PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>{title}</title><style>{style}</style></head>
<body>
{slides}
</body></html>
"""


class Slide(NamedTuple):
    """One slide: its Markdown, and what the speaker says."""

    text: str
    notes: str


def read_slides(text: str) -> list[Slide]:
    """The slides of a deck.

    Raises:
        ConfigError: a slide without a heading or without notes, by its number.
    """
    found = []
    for number, part in enumerate(re.split(r"^---$", text, flags=re.MULTILINE), 1):
        body, _, notes = part.partition("\nNotes:")
        if not re.match(r"#{1,2} \S", body.strip()) or not notes.strip():
            raise ConfigError(f"slide {number} needs a heading and, behind a line 'Notes:', what the speaker says")
        found.append(Slide(body.strip(), notes.strip()))
    return found


def figure(name: str) -> bytes:
    """The PNG of a stored figure: lesson/tag or heading, and /number where there are several.

    Raises:
        ConfigError: there is none; the message lists those of the lesson.
    """
    lesson, label, *which = [*name.split("/"), "", ""]
    stored = [found for path in lessons() if path.name[:2] == lesson for found in figures(path)]
    known = [(re.sub(r"^.*?-\d\d[a-z]?-|\.png$", "", file), content) for file, content in stored]
    fitting = [content for other, content in known if other == label]
    number = int(which[0]) if which[0].isdigit() else 1
    if not 1 <= number <= len(fitting):
        labels = ", ".join(dict.fromkeys(other for other, _ in known)) or "none"
        raise ConfigError(f"figure:{name}: lesson {lesson} has no such figure; it has: {labels}")
    return fitting[number - 1]


def picture(address: str) -> str:
    """A picture as an address that holds it.

    Raises:
        ConfigError: there is no such picture.
    """
    if address.startswith("figure:"):
        content, kind = figure(address.removeprefix("figure:")), "png"
    else:
        path = ROOT / address
        kind = KINDS.get(path.suffix, "")
        if not kind or not path.is_file():
            raise ConfigError(f"{address}: no such picture (.png, .webp, .jpg) in the repository")
        content = path.read_bytes()
    return f"data:image/{kind};base64,{base64.b64encode(content).decode()}"


def results(name: str, text: str) -> str:
    """A block of RESULTS.md by its name, or of its list the line that begins with the word behind a ``#``.

    Raises:
        ConfigError: there is none; the message lists the names.
    """
    name, _, word = name.partition("#")
    block = re.search(rf"<!-- table:{re.escape(name)} -->\n(.*?)<!-- end -->", text, re.DOTALL)
    if block is None:
        known = ", ".join(re.findall(r"<!-- table:(\S+) -->", text))
        raise ConfigError(f"results:{name}: RESULTS.md has no such block; it has: {known}")
    if not word:
        return block[1].strip()
    lines = [line for line in block[1].splitlines() if line.startswith(f"- **{word}**")]
    if len(lines) != 1:
        raise ConfigError(f"results:{name}#{word}: {len(lines)} lines of that block begin with **{word}**")
    return lines[0]


def render(slides: list[Slide], measured: str) -> str:
    """The slides as one page that needs no other file."""
    parts = []
    for number, slide in enumerate(slides, 1):
        text = re.sub(r"^\{\{results:(\S+)\}\}$", lambda m: results(m[1], measured), slide.text, flags=re.MULTILINE)
        body = PICTURE.sub(lambda m: f'<figure><img alt="{html.escape(m[1])}" src="{picture(m[2])}"></figure>', text)
        shown = from_markdown(body).replace('<a class="anchor-link"', '<a hidden class="anchor-link"')
        parts.append(
            f'<section class="slide"><div>{shown}</div><footer>{number} / {len(slides)}</footer></section>\n'
            f"<aside>{from_markdown(slide.notes)}</aside>"
        )
    title = slides[0].text.splitlines()[0].lstrip("# ")
    return PAGE.format(title=html.escape(title), style=STYLE.read_text(encoding="utf-8"), slides="\n".join(parts))


def print_pdf(page: Path) -> bytes:
    """A page as PDF, printed by a Chromium.

    Raises:
        ConfigError: there is none, or it printed nothing.
    """
    browser = find_browser()
    if browser is None:
        raise ConfigError("slides.pdf needs a Chromium: install one, or set ACFLIB_BROWSER to its path")
    with tempfile.TemporaryDirectory() as folder:
        pdf = Path(folder) / "slides.pdf"
        flags = ("--headless", "--no-sandbox", "--disable-gpu", "--no-pdf-header-footer")
        command = [
            browser,
            *flags,
            f"--user-data-dir={folder}/profile",
            f"--print-to-pdf={pdf}",
            page.resolve().as_uri(),
        ]
        done = subprocess.run(command, capture_output=True, text=True, timeout=300)
        if not pdf.is_file():
            end = done.stderr.strip()[-300:]
            raise ConfigError(f"{browser} printed no PDF (exit status {done.returncode}): {end}")
        return pdf.read_bytes()


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=ROOT / "slides", help="the folder for both files")
    out = parser.parse_args(arguments).out
    try:
        page = render(read_slides(DECK.read_text(encoding="utf-8")), (ROOT / "RESULTS.md").read_text(encoding="utf-8"))
        out.mkdir(parents=True, exist_ok=True)
        write_whole(out / "slides.html", page.encode())
        print(out / "slides.html", flush=True)
        write_whole(out / "slides.pdf", print_pdf(out / "slides.html"))
        print(out / "slides.pdf")
    except AcflibError as error:
        print(error, file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
