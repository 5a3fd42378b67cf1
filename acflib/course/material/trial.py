"""Tries the exercises of a folder: right answers must be accepted, wrong ones refused, each with its own words."""

import io
import json
import re
from collections.abc import Callable, Sequence
from contextlib import redirect_stdout
from functools import wraps
from pathlib import Path
from traceback import extract_tb
from typing import Any

from acflib.course import checks
from acflib.course.checks.catalog import Exercise
from acflib.course.checks.judge import Answer, Verdict
from acflib.course.material.folder import Check, load_check, run_file
from acflib.course.material.forms import Form, solution
from acflib.errors import DataError

SEEDS = (0, 1, 2, 3)  # 0 is what students see
RUBRIC = re.compile(r"^\*Rubric: (.+?)\*$", re.MULTILINE)
LINE = re.compile(r"(?:^|, )(\d+)(?: points?)? for (.+?)(?=, \d+(?: points?)? for |$)")


def try_exercise(folder: Path, exercise: Exercise) -> list[str]:
    """What is wrong with FOLDER/NAME, judged by its ``answers.py``; empty where nothing is.

    Raises:
        DataError: one of its files is missing, or raises.
    """
    home = folder / exercise.check
    answers, check = run_file(home / "answers.py"), load_check(folder, exercise.check)
    rights, wrongs = list(getattr(answers, "RIGHT", [])), dict(getattr(answers, "WRONG", {}))
    faults = [] if rights else ["answers.py: RIGHT has no answer"]
    faults += [] if len(wrongs) >= 3 else [f"answers.py: WRONG has {len(wrongs)} answers; give at least 3"]
    faults += _each_once({seed: _faults(check, rights, wrongs, seed) for seed in SEEDS})
    return faults + _line_faults(exercise, check) + _stub_faults(home, exercise)


def lines_lost(folder: Path, exercise: Exercise) -> list[str]:
    """What each wrong answer of FOLDER/NAME loses, and warnings: a line that none loses, an answer that loses none.

    Raises:
        DataError: one of its files is missing, or raises.
    """
    if not exercise.lines:
        return ['warning: exercise.json has no "lines", so all points are earned at once, or none']
    check = load_check(folder, exercise.check)
    wrongs = dict(getattr(run_file(folder / exercise.check / "answers.py"), "WRONG", {}))
    found, never = [], {line.text for line in exercise.lines}
    for label, (answer, _) in wrongs.items():
        lost = [_lost(_judged(check, answer, seed)) for seed in SEEDS]
        never -= set(lost[0])
        found.append(f"the wrong answer {label!r} loses {_listed(lost[0], len(exercise.lines))}")
        if not lost[0]:
            found.append(f"warning: the wrong answer {label!r} loses no line; list its message in the rubric's costs")
        other = next((seed for seed, texts in zip(SEEDS, lost, strict=True) if texts != lost[0]), None)
        if other is not None:
            words = _listed(lost[other], len(exercise.lines))
            found.append(f"warning: on seed {other} the wrong answer {label!r} loses {words}")
    unseen = [line.text for line in exercise.lines if line.text in never]
    return found + [f"warning: no wrong answer loses {text!r}; answers.py needs one that does" for text in unseen]


def _lost(verdict: Verdict) -> list[str]:
    return [line.text for line in verdict.lines if line.earned < line.points]


def _listed(texts: Sequence[str], count: int) -> str:
    return "all lines" if len(texts) == count else " and ".join(map(repr, texts)) or "nothing"


def _line_faults(exercise: Exercise, check: Check) -> list[str]:
    """Whether the check gives the lines of exercise.json, and these have its points."""
    found = []
    if exercise.lines and sum(line.points for line in exercise.lines) != exercise.points:
        found.append(f'exercise.json: its "lines" do not sum to its {exercise.points} points')
    given = [(line.points, line.text) for line in _judged(check, lambda *_: None, 0).lines]
    if given != [(line.points, line.text) for line in exercise.lines]:
        found.append("check.py: its lines are not those of exercise.json; give judge(..., rubric=..., lines=...)")
    return found


def _judged(check: Check, answer: Answer, seed: int) -> Verdict:
    with checks.with_seed(seed):
        return check(answer)


def _each_once(found: dict[int, dict[str, str]]) -> list[str]:
    """The faults of all seeds, each once, as the first seed tells it; with the seeds where it is not on all."""
    seeds: dict[str, list[int]] = {}
    for seed, faults in found.items():
        for fault in faults:
            seeds.setdefault(fault, []).append(seed)
    told = []
    for fault, where in seeds.items():
        only = "" if len(where) == len(found) else f"seed {', '.join(map(str, where))}: "
        told.append(f"{only}{fault}{found[where[0]][fault]}")
    return told


def _faults(check: Check, rights: Sequence[Answer], wrongs: dict[str, tuple[Answer, str]], seed: int) -> dict[str, str]:
    """The faults on one seed: what it is -> what is told besides, which may be another on each seed."""
    found: dict[str, str] = {}
    said: dict[str, str] = {}  # message -> the wrong answer that is told it
    for answer in rights:
        verdict, raised = _judged_with_error(check, answer, seed)
        name = f"the right answer {answer.__name__}"
        if not verdict.solved:
            found.update({f"{name} raises {raised}": ""} if raised else {f"{name} is refused: ": verdict.message})
    if _judged(check, lambda *_: None, seed).solved:
        found["a function that returns nothing is accepted"] = ""
    for label, (answer, words) in wrongs.items():
        verdict, raised = _judged_with_error(check, answer, seed)
        name = f"the wrong answer {label!r}"
        if verdict.solved:
            found[f"{name} is accepted"] = ""
        elif words not in verdict.message:
            besides = f"; it raises {raised}" if raised else ""
            found[f"{name} is told "] = f"{verdict.message!r}, without {words!r}{besides}"
        elif (other := said.setdefault(verdict.message, label)) != label:
            found[f"the wrong answers {other!r} and {label!r} are told the same: "] = (
                f"{verdict.message!r}. Remove one of them, or give it a message of its own in check.py"
            )
    return found


def _judged_with_error(check: Check, answer: Answer, seed: int) -> tuple[Verdict, str]:
    """The verdict, and the first error inside of the answer, with its place; empty where none was raised."""
    errors: list[str] = []

    @wraps(answer)
    def watched(*given: Any) -> Any:
        try:
            return answer(*given)
        except Exception as error:
            errors.append(_with_place(error))
            raise

    return _judged(check, watched, seed), next(iter(errors), "")


def _with_place(error: Exception) -> str:
    """The error and the line of answers.py that it comes from."""
    places = [place for place in extract_tb(error.__traceback__) if Path(place.filename).name == "answers.py"]
    where = f" (answers.py, line {places[-1].lineno})" if places else ""
    return f"{type(error).__name__}: {error}{where}"


def _stub_faults(home: Path, exercise: Exercise) -> list[str]:
    """Whether stub.ipynb calls the check, and its rubric has the points of exercise.json."""
    path = home / "stub.ipynb"
    try:
        cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
        text = "\n".join("".join(cell["source"]) for cell in cells)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise DataError(
            f"{path}: cannot be read as a notebook ({error}); acflib course new-exercise writes one"
        ) from error
    found = [] if f"checks.{exercise.check}(" in text else [f"stub.ipynb: no cell calls checks.{exercise.check}(...)"]
    rubric = RUBRIC.search(text)
    lines = [(int(number), words) for number, words in LINE.findall(rubric[1].rstrip("."))] if rubric else []
    points = sum(number for number, _ in lines)
    if points != exercise.points:
        found.append(f"stub.ipynb: its rubric has {points} points, exercise.json has {exercise.points}")
    elif exercise.lines and lines != [(line.points, line.text) for line in exercise.lines]:
        found.append('stub.ipynb: the lines of its rubric are not those of exercise.json, "lines"')
    return found


def try_form(folder: Path, exercise: Exercise, published: dict[str, list[Answer]]) -> list[str]:
    """What is wrong with a form: its exercise's published solutions must fail as they are, and pass when adapted."""
    form: Form = run_file(folder / exercise.check / "check.py").FORM
    check = load_check(folder, exercise.check)
    found = []
    for seed in SEEDS[:2]:
        for answer in published[form.check]:
            if _judged(check, answer, seed).solved:
                found.append(f"seed {seed}: the published solution of {form.check} is accepted as it is")
            if not (verdict := _judged(check, solution(form, answer), seed)).solved:
                found.append(f"seed {seed}: the adapted solution of {form.check} is refused: {verdict.message}")
    return found


def published_solutions(folder: Path) -> dict[str, list[Answer]]:
    """Run the solutions of the course, and keep the functions that they check: check -> functions.

    Raises:
        DataError: the folder holds no notebooks, or one cannot be run.
    """
    paths = sorted(folder.glob("[0-9][0-9]_*.ipynb"))
    if not paths:
        raise DataError(f"{folder}: holds no solutions; give the folder notebooks/solutions of a checkout")
    found: dict[str, list[Answer]] = {}
    for path in paths:
        cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
        sources = ["".join(cell["source"]) for cell in cells if cell["cell_type"] == "code"]
        names: dict = {"checks": _Recorder(found)}
        for source in sources:
            try:
                with redirect_stdout(io.StringIO()):
                    exec(compile(source.replace("from acflib.course import checks", ""), str(path), "exec"), names)
            except Exception as error:
                raise DataError(f"{path}: cannot be run ({type(error).__name__}: {error})") from error
    return found


class _Recorder:
    """Stands for ``checks`` in a solution: keeps the functions instead of judging them."""

    def __init__(self, found: dict[str, list[Answer]]) -> None:
        self._found = found

    def __getattr__(self, name: str) -> Callable[[Answer], None]:
        return lambda answer: self._found.setdefault(name, []).append(answer)
