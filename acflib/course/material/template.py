"""The files that a new exercise starts with: a small one that works, to be changed line by line."""

import json
from dataclasses import asdict
from pathlib import Path

from acflib.course.checks.catalog import Exercise, RubricLine
from acflib.course.material.folder import new_folder, notebook_text, write_text
from acflib.errors import ConfigError

CHECK = '''"""The check of NAME. It is Python, and it is run where the exercise is tried or graded."""

import torch
from torch import Tensor

from acflib.course.checks.catalog import lines_beside
from acflib.course.checks.judge import Answer, Case, Verdict, distinct_sizes, judge, random_cases
from acflib.course.checks.rubric import Rubric

IGNORED = "Pixels of label 255 belong to no class: they count neither as right nor as wrong."
UNLABELED = "Where no pixel is labeled the share is 0."
# What costs which line of the rubric; the lines, counted from 0, stand in exercise.json.
RUBRIC = Rubric(
    # line -> pieces of the messages below that cost it; a message that stands nowhere costs all lines
    costs={0: ("number of right pixels",), 1: (IGNORED,), 2: (UNLABELED,)},
    # line -> an input on which it alone matters, for an answer that is wrong in a way of its own; 0: none but the first
    only={0: lambda predicted, labels: (predicted, labels % 255), 1: lambda *case: case},
)


def check(student: Answer) -> Verdict:
    """``student(predicted, labels)`` -> the share of labeled pixels that are right; 0 where none is labeled."""
    cases = random_cases(inputs)  # other inputs for each seed of `acflib grade`
    predicted, labels = cases[0]
    # message -> a function with this mistake: whoever makes it reads the message
    mistakes = {
        IGNORED: lambda p, y: (p == y).double().mean(),
        "This is the number of right pixels. Divide it by the number of labeled ones.": (
            lambda p, y: ((p == y) & (y != 255)).sum().double()
        ),
        "This is the share of wrong pixels.": lambda p, y: 1 - right(p, y),
    }
    # message -> an input of a kind of its own, tried when all others are right
    corners = {UNLABELED: (predicted, torch.full_like(labels, 255))}
    lines = lines_beside(__file__)
    return judge(student, cases, right, mistakes, corners=corners, rubric=RUBRIC, lines=lines)


def right(predicted: Tensor, labels: Tensor) -> Tensor:
    """The right answer."""
    labeled = labels != 255
    return ((predicted == labels) & labeled).sum().double() / labeled.sum().clamp(min=1)


def inputs(random: torch.Generator) -> Case:
    """One random input. Its sides differ, so that no two axes can be mistaken for each other."""
    height, width = distinct_sizes(random, 2, low=4)
    predicted, labels = torch.randint(3, (2, height, width), generator=random)
    labels[0] = 255
    return predicted, labels
'''

ANSWERS = '''"""Answers to NAME: `acflib course try` demands that right ones pass, and that wrong ones are told why."""

import torch  # noqa: F401  answers of yours may need it


def loops(predicted, labels):
    hits = labeled = 0
    for guess, truth in zip(predicted.flatten().tolist(), labels.flatten().tolist()):
        if truth != 255:
            hits, labeled = hits + (guess == truth), labeled + 1
    return hits / max(labeled, 1)


def all_pixels(predicted, labels):
    return (predicted == labels).double().mean()


def a_count(predicted, labels):
    return ((predicted == labels) & (labels != 255)).sum().double()


def nothing_labeled(predicted, labels):
    return (predicted == labels)[labels != 255].double().mean()  # NaN where no pixel is labeled


RIGHT = [loops]
# what is wrong -> (an answer, words that its message must say); at least three
WRONG = {
    "ignored pixels count": (all_pixels, "belong to no class"),
    "a count": (a_count, "Divide it by"),
    "no labeled pixel": (nothing_labeled, "no pixel is labeled"),
}
'''

TEXT = """### Exercise 1: TITLE (10 minutes)

Return the share of labeled pixels whose class is right. Labels are `(H, W)` with 255 = ignore. Where no pixel is
labeled the share is 0.
*Rubric: RUBRIC.*"""

LINES = (RubricLine(2, "the share"), RubricLine(1, "ignored pixels"), RubricLine(1, "maps without any label"))

STUB = """def my_answer(predicted, labels):
    # two class maps (H, W) -> a number
    # TODO: your code here
    return None


checks.NAME(my_answer)"""


def new_exercise(folder: Path, name: str, lesson: str, title: str) -> Path:
    """Write stub.ipynb, check.py, answers.py and exercise.json into FOLDER/NAME; its path.

    Raises:
        ConfigError: the name is no name of Python's, the lesson no two digits, or the exercise is there already.
        TrainingError: a file cannot be written.
    """
    if not (name.isidentifier() and name.islower()):
        raise ConfigError(
            f'"{name}": the name becomes checks.NAME: give small letters, digits and _, such as pixel_share'
        )
    if not (len(lesson) == 2 and lesson.isdigit()):
        raise ConfigError(f'--lesson {lesson}: give two digits, such as 90; the notebook begins with "# 90 · ..."')
    number = 1 + len(list(folder.glob("*/exercise.json")))
    points = sum(line.points for line in LINES)
    record = Exercise(lesson, number, title, minutes=10, points=points, check=name, lines=LINES)
    rubric = ", ".join(f"{line.points}{' points' * (k == 0)} for {line.text}" for k, line in enumerate(LINES))
    cells = [
        ("markdown", f"# {lesson} · {title}"),
        ("code", "import torch\n\nfrom acflib.course.material import checks"),
        (
            "markdown",
            TEXT.replace("TITLE", title).replace("Exercise 1", f"Exercise {number}").replace("RUBRIC", rubric),
        ),
        ("code", STUB.replace("NAME", name)),
    ]
    with new_folder(folder / name) as out:
        write_text(out / "exercise.json", json.dumps(asdict(record), ensure_ascii=False, indent=1))
        write_text(out / "check.py", CHECK.replace("NAME", name))
        write_text(out / "answers.py", ANSWERS.replace("NAME", name))
        write_text(out / "stub.ipynb", notebook_text(cells))
    return folder / name
