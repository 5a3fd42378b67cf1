"""Write acflib/course/checks/exercises.json, the list that `acflib grade` goes by, from the lessons.

    python tools/list_exercises.py

An exercise is a text cell "### Exercise 1: Title (10 minutes)" with a line "*Rubric: 2 points for ..., 1 for ...*", and
after it a code cell tagged `exercise` that calls its check.
"""

import json
import re
import sys
from pathlib import Path

import nbformat

ROOT = Path(__file__).resolve().parent.parent
if __name__ == "__main__":
    sys.path.insert(0, str(ROOT))

from acflib.course.checks.catalog import FILE  # noqa: E402
from acflib.course.grading.cells import calls_in  # noqa: E402
from acflib.engine.files import write_whole  # noqa: E402
from tools.notebook_cells import lessons  # noqa: E402

TITLE = re.compile(r"^### Exercise (\d+): (.+) \((\d+) minutes\)$", re.MULTILINE)
RUBRIC = re.compile(r"^\*Rubric: (.+?)\*$", re.MULTILINE)
LINE = re.compile(r"(?:^|, )(\d+)(?: points?)? for (.+?)(?=, \d+ (?:points? )?for |\.(?: |$))")


def exercises_in(path: Path) -> list[dict]:
    """The exercises of one lesson.

    Raises:
        ValueError: an exercise has not the form above; the message names the notebook and the cell.
    """
    notebook = nbformat.read(path, as_version=4)
    found, heading = [], None
    for number, cell in enumerate(notebook.cells):
        place = f"{path.name}, cell {number}"
        if cell.cell_type == "markdown":
            headings = TITLE.findall(cell.source)
            if len(headings) > 1:
                raise ValueError(f"{place}: two exercises in one text cell")
            heading = (headings[0], cell.source) if headings else None
        if "exercise" in cell.metadata.get("tags", []):
            if heading is None:
                raise ValueError(f'{place}: no "### Exercise 1: Title (10 minutes)" right above')
            found.append(exercise_record(path, heading, cell.source, place))
            heading = None
    numbers = [record["number"] for record in found]
    if numbers != list(range(1, len(found) + 1)):
        raise ValueError(f"{path.name}: the exercises are numbered {numbers}")
    return found


def exercise_record(path: Path, heading: tuple, source: str, place: str) -> dict:
    (number, title, minutes), text = heading
    rubric = RUBRIC.search(text)
    lines = [{"points": int(n), "text": what} for n, what in LINE.findall(rubric[1])] if rubric else []
    if not lines:
        raise ValueError(f'{place}: no line "*Rubric: 2 points for ..., 1 for ...*" above')
    calls = calls_in(source, 0)
    if len(calls) != 1 or not (calls[0].answer or "").isidentifier():
        raise ValueError(f"{place}: must call one check, checks.NAME(my_function)")
    return {
        "lesson": path.name[:2],
        "number": int(number),
        "title": title,
        "minutes": int(minutes),
        "points": sum(line["points"] for line in lines),
        "check": calls[0].check,
        "lines": lines,
    }


def listing() -> str:
    """The text of exercises.json, one exercise a line."""
    records = [record for path in lessons() for record in exercises_in(path)]
    return "[\n" + ",\n".join(json.dumps(record, ensure_ascii=False) for record in records) + "\n]\n"


def main() -> int:
    write_whole(FILE, listing().encode())
    print(f"{len(json.loads(FILE.read_text(encoding='utf-8')))} exercises in {FILE.relative_to(ROOT)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
