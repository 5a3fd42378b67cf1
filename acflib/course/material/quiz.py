"""A short quiz for each lesson, with numbers that a seed draws and a key that is computed from the same numbers."""

import random
from collections.abc import Callable, Sequence
from pathlib import Path

from acflib.course.material import quiz_00_02, quiz_03_05, quiz_06_08, quiz_09_11, quiz_12_14
from acflib.course.material.folder import new_folder, write_text
from acflib.course.material.questions import Question
from acflib.errors import ConfigError

Ask = Callable[[random.Random], Question]
PARTS = (quiz_00_02, quiz_03_05, quiz_06_08, quiz_09_11, quiz_12_14)
QUESTIONS: dict[str, tuple[Ask, ...]] = {lesson: asks for part in PARTS for lesson, asks in part.QUESTIONS.items()}
LESSONS = tuple(sorted(QUESTIONS))


def quiz(lesson: str, seed: str) -> list[Question]:
    """The questions on a lesson that belong to a seed.

    Raises:
        ConfigError: there is no such lesson, or the seed is empty.
    """
    if lesson not in QUESTIONS:
        raise ConfigError(f"--lesson {lesson}: there is no such lesson; give {LESSONS[0]} to {LESSONS[-1]}")
    if not seed.strip():
        raise ConfigError("--seed is empty: give a word or a number that your students do not know")
    return [_drawn(ask, random.Random(f"{seed}/{lesson}/{number}")) for number, ask in enumerate(QUESTIONS[lesson], 1)]


def _drawn(ask: Ask, draw: random.Random) -> Question:
    """A question with numbers that tell the right answer from the usual wrong ones."""
    while (question := ask(draw)).accepted_mistakes:
        pass
    return question


def write_quiz(out: Path, seed: str, lessons: Sequence[str] = LESSONS) -> int:
    """Write OUT/quiz.md, OUT/key.md and OUT/moodle.gift; the number of questions.

    Raises:
        ConfigError: a lesson or the seed is none, or ``out`` is there and not empty.
        TrainingError: a file cannot be written.
    """
    asked = {lesson: quiz(lesson, seed) for lesson in lessons}
    with new_folder(out) as folder:
        write_text(folder / "quiz.md", _pages(asked, "Quiz", _as_question))
        write_text(folder / "key.md", _pages(asked, "Key", _as_answer))
        gift = [_gift(lesson, number, q) for lesson, asks in asked.items() for number, q in enumerate(asks, 1)]
        write_text(folder / "moodle.gift", "\n\n".join(gift))
    return len(gift)


def _pages(asked: dict[str, list[Question]], title: str, shown: Callable[[Question], str]) -> str:
    parts = []
    for lesson, questions in asked.items():
        lines = [f"{number}. {shown(question)}" for number, question in enumerate(questions, 1)]
        parts.append(f"# {title}, lesson {lesson}\n\n" + "\n".join(lines))
    return "\n\n".join(parts)


def _as_answer(question: Question) -> str:
    near = f" (right within {question.tolerance:g})" if question.tolerance else ""
    return f"**{question.shown}**{near}"


def _as_question(question: Question) -> str:
    return "\n".join([question.text, *(f"   - [ ] {choice}" for choice in question.choices)])


def _gift(lesson: str, number: int, question: Question) -> str:
    """One question in Moodle's GIFT format."""
    if question.choices:
        answers = " ".join(("=" if choice == question.shown else "~") + _escaped(choice) for choice in question.choices)
    else:
        answers = f"#{question.shown}:{question.tolerance:g}"
    return f"::{lesson}.{number}::{_escaped(question.text)} {{{answers}}}"


def _escaped(text: str) -> str:
    return "".join(f"\\{letter}" if letter in "~=#{}:\\" else letter for letter in text)
