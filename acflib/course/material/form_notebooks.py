"""Parallel forms as files: notebooks for students, and the folder of checks that judges them."""

import json
import random
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path

from acflib.course.checks.catalog import Exercise, exercises
from acflib.course.material.dealing import draw_form
from acflib.course.material.folder import new_folder, notebook_text, write_text
from acflib.course.material.form_verdict import form_lines
from acflib.course.material.forms import Form, said, tasks
from acflib.errors import ConfigError

# What a form is called: a word that tells nothing of the exercise. One for each exercise, and some to spare.
WORDS = (
    "adder alder ash aspen badger basil beech birch bison cedar clover cod comet crane crow daisy dove eagle "
    "elder elm fennel fern finch fir fox gannet ginger gull hare hazel heron holly ibis ivy jay juniper "
    "kestrel lark laurel lily linden lynx magpie maple marten mint mole moss myrtle newt oak olive orca otter "
    "owl perch pine plover poplar quail raven robin rowan sage seal sorrel spruce stoat stork swan swift tern "
    "thyme trout viper vole walnut willow wren yew"
).split()
LEGEND = """B pictures, N classes, C channels, H x W pixels. Where nothing else is said:

- Tensors hold float64, those of class numbers and whole numbers int64, those of bools torch.bool; other whole numbers
  are ints. Your result is like this, too.
- Rows are counted from the top, columns from the left, and pixels stand row by row.
- Your function changes nothing that it is given.
- The point for the form's units and layout: an answer that is right but for how values are written (percent, the sign,
  what is counted from 1, other words), or but for the order of its result's axes, loses this alone.
- Words such as center, mass and P, and the equations, are those of the lesson."""
CHECK = '''"""The check of {word}, a form of {lesson}.{number}, {title}. It is Python, and it is run."""

from acflib.course.material.form_verdict import form_check
from acflib.course.material.forms import Form

FORM = Form(
    check={form.check!r},
    word={form.word!r},
    names={form.names!r},
    order={form.order!r},
    axes={form.axes!r},
    kinds={form.kinds!r},
)


def check(student):
    return form_check(FORM, student)
'''


def draw_forms(seed: str, lessons: Sequence[str] = (), place: int = 0) -> list[tuple[Exercise, Form]]:
    """The forms that belong to a seed and a place in a list of students, of all lessons or of some.

    Raises:
        ConfigError: the seed is empty, or a lesson has no exercises.
    """
    if not seed.strip():
        raise ConfigError("--seed is empty: give a word or a number that your students do not know")
    known = sorted({exercise.lesson for exercise in exercises()})
    for lesson in lessons:
        if lesson not in known:
            raise ConfigError(f"--lesson {lesson}: has no exercises; those that have: {', '.join(known)}")
    words = random.Random(f"{seed}/{place}").sample(WORDS, len(exercises()))
    return [
        (exercise, draw_form(exercise.check, word, seed, place))
        for exercise, word in zip(exercises(), words, strict=True)
        if not lessons or exercise.lesson in lessons
    ]


def write_forms(out: Path, seed: str, lessons: Sequence[str] = ()) -> int:
    """Write OUT/students/LESSON.ipynb, and OUT/material/ with a check for each form; their number.

    Raises:
        ConfigError: the seed is empty, a lesson has no exercises, or ``out`` is there and not empty.
        TrainingError: a file cannot be written.
    """
    forms = draw_forms(seed, lessons)
    with new_folder(out) as folder:
        write_material(folder / "material", forms)
        write_notebooks(folder / "students", forms)
    return len(forms)


def write_material(folder: Path, forms: Sequence[tuple[Exercise, Form]]) -> None:
    """Write FOLDER/WORD/exercise.json and check.py for each form."""
    for exercise, form in forms:
        home = folder / form.word
        record = asdict(form_exercise(exercise, form))
        names = {"word": form.word, "lesson": exercise.lesson, "number": exercise.number, "title": exercise.title}
        write_text(home / "exercise.json", json.dumps(record, ensure_ascii=False))
        write_text(home / "check.py", CHECK.format(form=form, **names))


def write_notebooks(folder: Path, forms: Sequence[tuple[Exercise, Form]]) -> None:
    """Write FOLDER/LESSON.ipynb for each lesson, as students get it."""
    for lesson in sorted({exercise.lesson for exercise, _ in forms}):
        cells = form_cells(lesson, [pair for pair in forms if pair[0].lesson == lesson])
        write_text(folder / f"{lesson}.ipynb", notebook_text(cells))


def form_exercise(exercise: Exercise, form: Form) -> Exercise:
    """The record of a form: that of its exercise with the form's name, and its rubric."""
    lines = form_lines(form)
    return replace(exercise, title=form.word, check=form.word, points=sum(line.points for line in lines), lines=lines)


def form_cells(lesson: str, forms: Sequence[tuple[Exercise, Form]]) -> list[tuple[str, str]]:
    """The cells of a student's notebook: for each form its text, and a stub with the call of its check."""
    cells = [
        ("markdown", f"# {lesson} · Exercises\n\n{LEGEND}"),
        ("code", "import numpy as np\nimport torch\n\nfrom acflib.course.material import checks"),
    ]
    for exercise, form in forms:
        cells += [("markdown", form_text(exercise, form)), ("code", form_stub(form))]
    return cells


def form_text(exercise: Exercise, form: Form) -> str:
    """What the student reads: the task, its arguments in the order of the form, the result."""
    task, record = tasks()[form.check], form_exercise(exercise, form)
    lines = [f"- `{form.names[place]}`: {said(form, task.arguments[place])}" for place in form.order]
    heading = f"### Exercise {exercise.number}: {form.word} ({record.minutes} minutes, {record.points} points)"
    points = [f"{line.points} for {line.text}" for line in record.lines]
    return "\n".join(
        [
            heading,
            "",
            task.idea,
            "",
            *lines,
            f"- the result: {said(form, task.result)}",
            "",
            f"*Points: {', '.join(points)}.*",
        ]
    )


def form_stub(form: Form) -> str:
    """A function to fill in, and the call of its check."""
    arguments = ", ".join(form.names[place] for place in form.order)
    stub = f"def {form.word}({arguments}):\n    # TODO: your code here\n    return None"
    return f"{stub}\n\n\nchecks.{form.word}({form.word})"
