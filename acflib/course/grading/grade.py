"""Students' notebooks, graded: run in a fresh kernel, each exercise judged again on inputs that no student has seen.

What a notebook prints counts for nothing. After the student's cells the grader calls each check itself, with the
function that the exercise's cell checked, and with an acflib loaded anew.

A student's code runs with the rights of the one who grades. Grade strangers' notebooks in a container.
"""

import csv
import io
import json
import os
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from acflib import __version__
from acflib.course.checks.catalog import MATERIAL, Exercise, LinePoints, exercises, exercises_in
from acflib.course.grading.cells import CheckCall, check_calls, lesson_of, read_notebook
from acflib.course.grading.owners import FOREIGN, own_material
from acflib.course.grading.parallel import Kernels
from acflib.course.grading.session import NO_VERDICT, KernelLost, Session
from acflib.engine.files import write_whole
from acflib.errors import ConfigError, DataError

COLUMNS = (
    "notebook", "lesson", "exercise", "check", "title", "points", "earned", "lines", "solved", "message", "seconds"
)  # fmt: skip


@dataclass(frozen=True)
class Grade:
    """What was found of one exercise; ``seconds`` of the wall clock are those of its judgment, not of its cell.

    ``found`` are the lines of the rubric as the check gives them. Where it gives none, all points are earned at once.
    """

    exercise: Exercise
    solved: bool
    message: str
    seconds: float = 0.0
    found: tuple[LinePoints, ...] = ()

    @property
    def lines(self) -> tuple[LinePoints, ...]:
        """The lines of the rubric; those of the exercise where nothing was judged."""
        every = (LinePoints(line.text, line.points, line.points * self.solved) for line in self.exercise.lines)
        return self.found or tuple(every)

    @property
    def earned(self) -> int:
        """The sum of the lines."""
        return sum(line.earned for line in self.lines) if self.lines else self.exercise.points * self.solved


@dataclass(frozen=True)
class GradedNotebook:
    """A student's notebook: its path, its lesson, and one grade for each exercise of the lesson.

    Where it could not be graded, ``problem`` says why, ``lesson`` is empty and there are no grades. ``notes`` are about
    cells and judgments that were broken off or ended the kernel, and about forms of other students. ``seconds`` of the
    wall clock are those of all: kernels, cells and judgments. ``name`` is what the notebook is called: in a
    folder, its path from there.
    """

    path: Path
    lesson: str
    grades: tuple[Grade, ...]
    problem: str = ""
    notes: tuple[str, ...] = ()
    seconds: float = 0.0
    name: str = ""

    @property
    def shown(self) -> str:
        return self.name or str(self.path)

    @property
    def foreign(self) -> bool:
        """Whether the forms are those of another student than the one whom the path names."""
        return any(note.startswith(FOREIGN) for note in self.notes)

    @property
    def points(self) -> int:
        """What could be earned."""
        return sum(grade.exercise.points for grade in self.grades)

    @property
    def earned(self) -> int:
        return sum(grade.earned for grade in self.grades)


def check_paths(paths: Sequence[Path]) -> None:
    """Look for all notebooks before the first is run, which may take long.

    Raises:
        DataError: there is no file of a name: a slip of whoever grades, not of a student.
    """
    for path in paths:
        if not path.exists():
            raise DataError(f"{path}: cannot be read, there is no such file; give the paths of notebooks (.ipynb)")


def grade_or_say(
    path: Path, seed: int, timeout: float = 120, kernels: Kernels | None = None, name: str = ""
) -> GradedNotebook:
    """:func:`grade_notebook`; a file that cannot be graded costs its owner alone, and ``problem`` says why.

    Raises:
        ConfigError: nothing can be graded: a package is missing, or no kernel starts.
    """
    try:
        return grade_notebook(path, seed, timeout, kernels, name)
    except ConfigError:
        raise
    except DataError as error:
        problem = str(error)
    except Exception as error:  # whatever a student's file makes Jupyter do
        problem = f"{path}: cannot be graded ({type(error).__name__}: {error}); read it yourself"
    problem = problem.replace(str(path), name or str(path))  # by its path from the folder that was given
    return GradedNotebook(path, "", (), " ".join(problem.split()), name=name)


def grade_notebook(
    path: Path, seed: int, timeout: float = 120, kernels: Kernels | None = None, name: str = ""
) -> GradedNotebook:
    """Run a notebook and judge its exercises. The file is not changed.

    A cell that ends its kernel, or cannot be stopped, is left out of a second run, so that it costs only its own
    exercise.

    Args:
        path: the student's notebook.
        seed: of the random inputs; 0 gives those that students see.
        timeout: seconds of the processor that a cell, or one judgment, may take.
        kernels: counts the kernels in, so that another thread can stop them.
        name: what the notebook is called, see :class:`GradedNotebook`.

    Raises:
        DataError: the file is no notebook of a lesson with exercises.
        ConfigError: nbclient or ipykernel is not installed, or no kernel starts.
    """
    start, kernels = time.perf_counter(), kernels or Kernels()
    notebook = read_notebook(path)
    material, remarks = own_material(notebook, path, name, os.environ.get(MATERIAL))
    known = exercises_in(Path(material)) if material else exercises()
    lesson, calls = lesson_of(notebook, path, known), check_calls(notebook, known)
    lost: dict[int, str] = {}
    found = None
    while found is None:
        session = Session(notebook, path.resolve().parent, timeout, lost, kernels.threads, material)
        kernels.add(session)
        try:
            found = session.run(calls, seed)
        except KernelLost as error:
            if kernels.stopped:
                raise
            lost[error.cell] = error.reason
        finally:
            kernels.discard(session)
            session.close()
    grades = tuple(_grade(exercise, calls, found) for exercise in known if exercise.lesson == lesson)
    notes = (*remarks, *_notes({**lost, **session.slow}), *_broken_judgments(found))
    return GradedNotebook(path, lesson, grades, notes=notes, seconds=time.perf_counter() - start, name=name)


def _notes(faults: dict[int, str]) -> tuple[str, ...]:
    """What is said of cells that were broken off: exercises behind them may fail for want of what they define."""
    return tuple(f"Cell {k + 1} {faults[k]}." for k in sorted(faults))


def _broken_judgments(found: dict[str, dict]) -> tuple[str, ...]:
    messages = {check: one["message"] for check, one in found.items()}
    return tuple(f"checks.{check}: {said}" for check, said in messages.items() if said.startswith(NO_VERDICT))


def _grade(exercise: Exercise, calls: Sequence[CheckCall], found: dict[str, dict]) -> Grade:
    name = exercise.check
    if name in found:
        lines = tuple(LinePoints(**line) for line in found[name].get("lines", ()))
        return Grade(exercise, found[name]["solved"], found[name]["message"], found[name].get("seconds", 0.0), lines)
    if any(call.check == name for call in calls):
        return Grade(exercise, False, f"No answer: the check takes one function, checks.{name}(your_function).")
    return Grade(exercise, False, f'Missing: no cell calls checks.{name}(...), exercise "{exercise.title}".')


def make_folder(out: str) -> None:
    """Make the folder of ``OUT.json``: better before a class is graded than after.

    Raises:
        ConfigError: it cannot be made.
    """
    folder = Path(out).parent
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigError(f"--out {out}: the folder {folder} cannot be made ({error.strerror})") from error


def rows(graded: Sequence[GradedNotebook]) -> list[dict]:
    """One row for each exercise of each notebook, with the names of ``COLUMNS``; one for each problem and note."""
    found = []
    for notebook in graded:
        start = {"notebook": notebook.shown, "lesson": notebook.lesson}
        if notebook.problem:
            found.append({**start, "earned": 0, "solved": False, "message": notebook.problem})
        found += [{**start, "message": note} for note in notebook.notes]
        for grade in notebook.grades:
            exercise = grade.exercise
            what = {"exercise": exercise.number, "check": exercise.check, "title": exercise.title}
            lines = "; ".join(map(str, grade.lines))
            earned = {"points": exercise.points, "earned": grade.earned, "lines": lines, "solved": grade.solved}
            found.append({**start, **what, **earned, "message": grade.message, "seconds": round(grade.seconds, 3)})
    return found


def write_grades(graded: Sequence[GradedNotebook], seed: int, out: str) -> tuple[Path, Path]:
    """Write ``OUT.json`` and ``OUT.csv`` (see :func:`make_folder`), each whole or not at all; their paths.

    Raises:
        TrainingError: a file cannot be written.
    """
    json_path, csv_path = Path(out + ".json"), Path(out + ".csv")
    record = {"acflib": __version__, "seed": seed, "notebooks": [_record(notebook) for notebook in graded]}
    write_whole(json_path, as_bytes(json.dumps(record, indent=2, ensure_ascii=False)))
    text = io.StringIO(newline="")
    table = csv.DictWriter(text, COLUMNS)
    table.writeheader()
    table.writerows(rows(graded))
    write_whole(csv_path, as_bytes(text.getvalue()))
    return json_path, csv_path


def as_bytes(text: str) -> bytes:
    """UTF-8. What it cannot hold, half a character in a student's message or a file name, is written as \\udc80."""
    return text.encode(errors="backslashreplace")


def _record(notebook: GradedNotebook) -> dict:
    return {
        "notebook": notebook.shown,
        "lesson": notebook.lesson,
        "points": notebook.points,
        "earned": notebook.earned,
        "problem": notebook.problem,
        "notes": list(notebook.notes),
        "seconds": round(notebook.seconds, 3),
        "exercises": [_grade_record(grade) for grade in notebook.grades],
    }


def _grade_record(grade: Grade) -> dict:
    exercise = {key: value for key, value in asdict(grade.exercise).items() if key != "lines"}
    lines = [asdict(line) for line in grade.lines]
    found = {"solved": grade.solved, "message": grade.message, "seconds": grade.seconds, "earned": grade.earned}
    return {"exercise": exercise, **found, "lines": lines}
