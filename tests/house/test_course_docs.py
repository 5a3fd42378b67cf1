"""The pages for instructors: links lead somewhere, tables are those of the files they are made from."""

import json
import re
from pathlib import Path

import nbformat
import pytest
from nbformat.v4 import new_markdown_cell, new_notebook

from acflib.course.checks.catalog import exercises_of
from acflib.study.paper_tables import TABLE_1, TABLE_2, TABLE_3
from tools import my_lessons
from tools.measure_notebooks import BEGIN, END, PAGE, RESULTS, as_hours, filled, minutes_of
from tools.notebook_cells import lessons

ROOT = Path(__file__).resolve().parents[2]
INSTRUCTORS = (ROOT / "docs" / "instructors.md").read_text(encoding="utf-8")
PAGES = ("instructors.md", "glossary.md", "data-licenses.md", "related.md")


@pytest.mark.parametrize("name", PAGES)
def test_links_lead_somewhere(name: str):
    page = ROOT / "docs" / name
    links = re.findall(r"\]\(([^)#]+?)(?:#[^)]*)?\)", page.read_text(encoding="utf-8"))
    local = [link for link in links if not link.startswith("http")]
    assert local or name == "glossary.md"
    assert [link for link in local if not (page.parent / link).resolve().exists()] == []


def test_each_related_idea_has_one_paragraph_and_one_equation():
    page = (ROOT / "docs/related.md").read_text(encoding="utf-8")
    assert len(page.splitlines()) <= 250
    ideas = re.split(r"^### ", page, flags=re.MULTILINE)[1:]
    blocks = {idea.splitlines()[0]: re.split(r"\n\n(?!\n)", idea.split("\n## ")[0].strip())[1:] for idea in ideas}
    kinds = {name: [block[:3] == "$$\n" and block[-3:] == "\n$$" for block in found] for name, found in blocks.items()}
    assert len(kinds) >= 12 and {name: kind for name, kind in kinds.items() if kind != [False, True]} == {}


def test_scores_on_the_related_page_are_those_that_were_printed():
    page = (ROOT / "docs/related.md").read_text(encoding="utf-8")
    ours = {row.fine for row in (*TABLE_1, *TABLE_2, *TABLE_3)} | {81.85}  # the last one: section 4.5
    others_in_table_3 = {78.4, 70.4}  # PSPNet with train-fine, DeepLab-v2
    abstracts = {81.5, 81.4, 81.3}  # of DANet, CCNet and the context prior
    found = {float(number) for number in re.findall(r"(?<![\d.])[6-9]\d\.\d\d?\b", page)}
    assert found - ours == others_in_table_3 | abstracts


def test_the_table_of_lessons_is_up_to_date():
    page = PAGE.read_text(encoding="utf-8")
    assert page == filled(page), "run: python tools/measure_notebooks.py --table"


@pytest.mark.parametrize(
    "says, minutes, printed",
    [
        ("30 to 45 minutes; the cells", (30, 45), "30 to 45 min"),
        ("one hour with the exercises", (60, 60), "1 h"),
        ("one and a half to two hours with", (90, 120), "1.5 to 2 h"),
        ("2 to 2.5 hours with the exercises", (120, 150), "2 to 2.5 h"),
        ("two to two and a half hours with", (120, 150), "2 to 2.5 h"),
        ("2 to 2½ hours", (120, 150), "2 to 2.5 h"),
    ],
)
def test_minutes_that_a_header_promises(tmp_path, says, minutes, printed):
    assert minutes_of(lesson_with(tmp_path, f"| **Time and memory** | {says} |")) == minutes
    assert as_hours(*minutes) == printed


@pytest.mark.parametrize("row", ["", "| **Time and memory** | a few hours |", "| **Time and memory** | 5 seconds |"])
def test_a_header_without_a_time_is_named(tmp_path, row: str):
    with pytest.raises(ValueError, match="01_a.ipynb: Time and memory must begin with"):
        minutes_of(lesson_with(tmp_path, row))


def lesson_with(folder: Path, row: str) -> Path:
    path = folder / "01_a.ipynb"
    nbformat.write(new_notebook(cells=[new_markdown_cell(f"# 01 · A\n\n{row}")]), path)
    return path


@pytest.mark.parametrize("path", lessons(), ids=lambda path: path.stem)
def test_exercises_fit_into_the_time_of_their_lesson(path: Path):
    assert sum(exercise.minutes for exercise in exercises_of(path.name[:2])) < minutes_of(path)[1]


@pytest.mark.parametrize("name, minutes", [("Two hours", 120), ("Six hours", 360)])
def test_minutes_of_a_schedule_add_up(name: str, minutes: int):
    rows = re.findall(r"^\| (\d+) \| ((?:\d\d)(?:(?:,| and) \d\d)*)", schedule(name), re.MULTILINE)
    assert sum(int(number) for number, _ in rows) == minutes
    taught = [number for _, text in rows for number in re.findall(r"\d\d", text)]
    assert taught == sorted(set(taught)) and {"13", "14"} <= set(taught)


def test_six_sessions_hold_each_lesson_once():
    rows = re.findall(r"^\| (\d|at home, by choice) \| (.+?) \|", schedule("Twelve hours"), re.MULTILINE)
    assert len(rows) == 7
    named = [number for _, text in rows for number in re.findall(r"\b\d\d\b", text)]
    assert sorted(named) == [path.name[:2] for path in lessons()]


def schedule(name: str) -> str:
    return INSTRUCTORS.split(f"\n**{name}**")[1].split("\n**")[0].split("\n## ")[0]


def test_ten_words_for_week_one_are_in_the_glossary():
    text = re.search(r"\*\*Ten words for week one:\*\* (.+?)\.", INSTRUCTORS)[1]
    glossary = (ROOT / "docs/glossary.md").read_text(encoding="utf-8").lower()
    words = text.split(", ")
    missing = [word for word in words if not re.search(rf"\| \*\*[^|]*\b{word.lower()}\b[^|]*\|", glossary)]
    assert len(set(words)) == 10 and missing == []


def test_each_question_to_think_about_has_a_key():
    """And each key a question: the exercise is named as in its lesson."""
    asked = set()
    for path in lessons():
        for cell in nbformat.read(path, as_version=4).cells:
            title = re.search(r"^### Exercise \d+: (.+?) \(\d+ minutes\)", cell.source, re.MULTILINE)
            if "to think about" in cell.source.lower() and cell.cell_type == "markdown":
                asked.add((path.name[:2], title[1]))
    keys = INSTRUCTORS.split("\n## Keys to the questions\n")[1].split("\n## ")[0]
    given = re.findall(r"^- \*\*(\d\d), (.+?)[.?]\*\* \S", keys, re.MULTILINE)
    assert len(asked) >= 12 and {(number, title.rstrip("?")) for number, title in asked} == set(given)


def test_points_of_the_project_rubric():
    rows = re.findall(r"^\| (\d) \| .+ \|$", INSTRUCTORS.split("| points | for |")[1].split("\n\n")[0], re.MULTILINE)
    assert sum(map(int, rows)) == 20


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


def test_what_students_write_is_ignored():
    ignored = (ROOT / ".gitignore").read_text().splitlines()
    assert {"my-lessons/", "/grades*.json", "/grades*.csv", "/slides/"} <= set(ignored)


@pytest.mark.parametrize("again", [False, True])
def test_lab_copies_each_lesson_once_without_outputs(tmp_path, again: bool):
    """`make lab` calls the same. Of the solutions nothing is copied."""
    assert "tools/my_lessons.py" in (ROOT / "Makefile").read_text().split("\nlessons:")[1].split("\n\n")[0]
    cells = [
        {"cell_type": "markdown", "source": ["Predict."]},
        {"cell_type": "code", "source": ["1 + 1"], "outputs": [{"output_type": "stream"}], "execution_count": 7},
    ]
    ran = {"cells": cells, "metadata": {"widgets": {}, "kernelspec": {"name": "python3"}}, "nbformat": 4}
    (tmp_path / "notebooks" / "solutions").mkdir(parents=True)
    for name in ("01_a.ipynb", "02_b.ipynb", "solutions/01_a.ipynb"):
        (tmp_path / "notebooks" / name).write_text(json.dumps(ran))
    own = tmp_path / "my-lessons"
    if again:
        own.mkdir()
        (own / "01_a.ipynb").write_text("the student's")
    my_lessons.copy_lessons(tmp_path / "notebooks", own)
    fresh = {"cells": [cells[0], cells[1] | {"outputs": [], "execution_count": None}],
             "metadata": {"kernelspec": {"name": "python3"}}, "nbformat": 4}  # fmt: skip
    copies = {path.name: path.read_text() for path in own.rglob("*")}
    assert copies.keys() == {"01_a.ipynb", "02_b.ipynb"} and json.loads(copies["02_b.ipynb"]) == fresh
    assert copies["01_a.ipynb"] == "the student's" if again else json.loads(copies["01_a.ipynb"]) == fresh
