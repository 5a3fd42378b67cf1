"""The pages for instructors: links lead somewhere, tables are those of the files they are made from."""

import json
import re
import subprocess
from pathlib import Path

import nbformat
import pytest

from tools.measure_notebooks import BEGIN, END, PAGE, RESULTS, filled
from tools.notebook_cells import lessons

ROOT = Path(__file__).resolve().parents[2]
PAGES = ("instructors.md", "glossary.md", "data-licenses.md")


@pytest.mark.parametrize("name", PAGES)
def test_links_lead_somewhere(name: str):
    page = ROOT / "docs" / name
    links = re.findall(r"\]\(([^)#]+?)(?:#[^)]*)?\)", page.read_text(encoding="utf-8"))
    local = [link for link in links if not link.startswith("http")]
    assert local or name == "glossary.md"
    assert [link for link in local if not (page.parent / link).resolve().exists()] == []


def test_the_table_of_lessons_is_up_to_date():
    page = PAGE.read_text(encoding="utf-8")
    assert page == filled(page), "run: python tools/measure_notebooks.py --table"


def test_marks_of_the_table():
    with pytest.raises(ValueError, match="marks"):
        filled("no marks")
    with pytest.raises(ValueError, match="marks"):
        filled(f"{BEGIN}{BEGIN}{END}")


@pytest.mark.parametrize("path", lessons(), ids=lambda path: path.stem)
def test_a_header_tells_what_was_measured(path: Path):
    """Within a factor of two, or three seconds: a header is for planning, and machines differ."""
    measured = json.loads(RESULTS.read_text(encoding="utf-8"))["lessons"][path.name]
    head = nbformat.read(path, as_version=4).cells[0].source
    seconds, memory = re.search(r"(\d+) seconds? on 2 CPU cores.*?(\d+(?:\.\d+)?) GB", head).groups()
    assert measured["seconds"] / 2 - 3 <= int(seconds) <= measured["seconds"] * 2 + 3
    assert abs(float(memory) - measured["memory_bytes"] / 1e9) <= 0.3


def test_words_of_the_glossary_are_in_order_and_explained_once():
    rows = re.findall(r"^\| \*\*(.+?)\*\*.*? \| (.+) \|$", (ROOT / "docs/glossary.md").read_text(), re.MULTILINE)
    words = [word.lower() for word, _ in rows]
    assert words == sorted(words) and len(set(words)) == len(words) and len(words) > 50


def test_names_in_the_glossary_exist():
    """Names in backquotes that look like Python."""
    text = (ROOT / "docs/glossary.md").read_text()
    names = {name for name in re.findall(r"`([A-Za-z_]+)`", text) if "_" in name or name[0].isupper()}
    sources = "\n".join(path.read_text(encoding="utf-8") for path in (ROOT / "acflib").rglob("*.py"))
    assert [name for name in sorted(names) if not re.search(rf"\b(def|class) {name}\b", sources)] == []


def test_students_copies_hold_no_solutions_and_are_ignored():
    recipe = (ROOT / "Makefile").read_text().split("\nlab:")[1].split("\n\n")[0]
    assert "notebooks/*.ipynb" in recipe and "solutions" not in recipe
    ignored = (ROOT / ".gitignore").read_text().splitlines()
    assert {"my-lessons/", "/grades*.json", "/grades*.csv", "/slides/"} <= set(ignored)


@pytest.mark.parametrize("again", [False, True])
def test_lab_copies_each_lesson_once(tmp_path, again: bool):
    """The recipe itself, with lessons of three lines; JupyterLab is not started."""
    (tmp_path / "notebooks" / "solutions").mkdir(parents=True)
    for name in ("01_a.ipynb", "02_b.ipynb", "solutions/01_a.ipynb"):
        (tmp_path / "notebooks" / name).write_text("new")
    if again:
        (tmp_path / "my-lessons").mkdir()
        (tmp_path / "my-lessons" / "01_a.ipynb").write_text("the student's")
    lines = (ROOT / "Makefile").read_text().split("\nlab:")[1].split("\n\n")[0].splitlines()[1:]
    recipe = "\n".join(line.strip().removeprefix("@") for line in lines if "jupyter lab" not in line)
    subprocess.run(["sh", "-ec", recipe.replace("$$", "$")], cwd=tmp_path, check=True, capture_output=True)
    copies = {path.name: path.read_text() for path in (tmp_path / "my-lessons").rglob("*.ipynb")}
    assert copies == {"01_a.ipynb": "the student's" if again else "new", "02_b.ipynb": "new"}
