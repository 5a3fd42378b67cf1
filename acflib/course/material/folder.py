"""A folder of exercises that students do not have: NAME/exercise.json and NAME/check.py for each.

``check.py`` is Python that an instructor wrote, and it is run, with the rights of whoever grades. Nothing in such a
folder is unpickled. Where each student has forms of her own (``students.py``), they lie in folders of it, and key.csv
says whose are whose.
"""

import csv
import importlib.util
import json
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

from acflib.course import checks
from acflib.course.checks.catalog import MATERIAL, exercises_in
from acflib.course.checks.judge import Answer, Verdict
from acflib.errors import ConfigError, DataError, TrainingError

Check = Callable[[Answer], Verdict]
KEY = "key.csv"
KERNEL = {"kernelspec": {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"}}


@dataclass(frozen=True)
class FormsOwner:
    """A student's id, as the list has it, and the code that stands in the names of the forms."""

    id: str
    code: str


def read_key(material: Path) -> tuple[FormsOwner, ...]:
    """The students of a folder of forms; none where it holds no key, because all have the same forms.

    Raises:
        DataError: the key cannot be read, or the forms of a student are not there.
    """
    path = material / KEY
    if not path.exists():
        return ()
    students = tuple(FormsOwner(*pair) for pair in dict.fromkeys(_columns(path, "student", "code")))
    missing = next((student for student in students if not (material / student.code).is_dir()), None)
    if missing or not students:
        lost = f"the folder {missing.code}, with the forms of {missing.id}, is missing" if missing else "names nobody"
        raise DataError(f"{path}: {lost}; write the forms again, with the same seed and the same list")
    return students


def forms_in_key(material: Path) -> dict[str, tuple[str, str]]:
    """Name of a form -> its student and its exercise, such as "11.3"; empty where all students have the same forms.

    Raises:
        DataError: the key cannot be read.
    """
    path = material / KEY
    if not path.exists():
        return {}
    rows = _columns(path, "form", "student", "lesson", "exercise")
    return {form: (student, f"{lesson}.{exercise}") for form, student, lesson, exercise in rows if form}


def _columns(path: Path, *names: str) -> list[tuple[str, ...]]:
    try:
        with open(path, encoding="utf-8-sig", newline="") as file:
            return [tuple(row[name] for name in names) for row in csv.DictReader(file)]
    except (OSError, UnicodeDecodeError, csv.Error, KeyError) as error:
        raise DataError(f"{path}: is no key of forms ({error!r}); acflib course forms --students writes one") from error


def material_folders(material: Path) -> list[Path]:
    """The folders with exercises: one for each student, or the folder itself.

    Raises:
        DataError: the key cannot be read.
    """
    return [material / student.code for student in read_key(material)] or [material]


@contextmanager
def using_material(folder: str | None) -> Iterator[None]:
    """Context manager: this process, and kernels that it starts, judge the exercises of a folder, not the course's.

    None changes nothing.

    Raises:
        DataError: the folder holds no exercises.
    """
    if folder is None:
        yield
        return
    for one in material_folders(Path(folder)):
        exercises_in(one)
    before = os.environ.get(MATERIAL)
    os.environ[MATERIAL] = str(Path(folder).resolve())
    try:
        yield
    finally:
        os.environ.pop(MATERIAL)
        if before is not None:
            os.environ[MATERIAL] = before


def run_file(path: Path) -> ModuleType:
    """Run a Python file of an instructor, and return what it defines.

    Raises:
        DataError: it is missing, or raises.
    """
    spec = importlib.util.spec_from_file_location(f"material_{path.parent.name}_{path.stem}", path)
    if spec is None or spec.loader is None or not path.is_file():
        raise DataError(f"{path}: there is no such file; acflib course new-exercise shows what an exercise needs")
    module = importlib.util.module_from_spec(spec)
    try:
        spec.loader.exec_module(module)
    except Exception as error:
        raise DataError(f"{path}: cannot be run ({type(error).__name__}: {error}); mend it") from error
    return module


def load_check(folder: Path, name: str) -> Check:
    """The function ``check(student)`` of NAME/check.py. It raises DataError where it gives no Verdict.

    Raises:
        DataError: the file is missing, raises, or has no such function.
    """
    path = folder / name / "check.py"
    check = getattr(run_file(path), "check", None)
    if not callable(check):
        raise DataError(f"{path}: defines no function check(student) that returns a Verdict")

    def checked(student: Answer) -> Verdict:
        try:
            verdict = check(student)
        except Exception as error:
            raise DataError(f"{path}: its check raised {type(error).__name__}: {error}") from error
        if not isinstance(verdict, Verdict):
            raise DataError(f"{path}: its check returned {verdict!r}, which is no Verdict; end with: return judge(...)")
        return verdict

    return checked


def check_named(name: str, folder: str | None) -> Check:
    """The check that grading calls: that of a folder, or, without one, that of the course."""
    if folder is not None:
        return load_check(Path(folder), name)
    return getattr(checks, name)


def refuse_the_course(out: Path) -> None:
    """A push publishes what lies in a checkout of the course, and `git clean` removes it.

    Raises:
        ConfigError: the folder lies in one.
    """
    for folder in (out.resolve(), *out.resolve().parents):
        if (folder / "acflib" / "course").is_dir() and (folder / ".git").exists():
            raise ConfigError(f"{out}: lies in the checkout {folder}, which students may get; choose a folder outside")


@contextmanager
def new_folder(out: Path) -> Iterator[Path]:
    """Context manager: a temporary folder that becomes ``out`` at the end, and vanishes where something is raised.

    Raises:
        ConfigError: ``out`` is there and not empty, or lies in a checkout of the course.
        TrainingError: it cannot be written.
    """
    refuse_the_course(out)
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise ConfigError(f"{out}: is there already, and not empty; choose another name, or remove it")
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        temporary = Path(tempfile.mkdtemp(prefix=f".{out.name}-", dir=out.parent))
        try:
            yield temporary
            temporary.chmod(0o755)  # mkdtemp makes it for one user alone
            if out.exists():
                out.rmdir()  # Windows does not rename onto a folder, not even an empty one
            os.replace(temporary, out)
        finally:
            shutil.rmtree(temporary, ignore_errors=True)
    except OSError as error:
        raise TrainingError(f"{out}: cannot be written ({error}); free some space, or choose another folder") from error


def notebook_text(cells: list[tuple[str, str]]) -> str:
    """A notebook of ("markdown" or "code", source) as the text of its file."""
    made: list[dict[str, Any]] = []
    for number, (kind, source) in enumerate(cells):
        cell: dict[str, Any] = {"cell_type": kind, "id": f"cell-{number}", "metadata": {}, "source": source}
        made.append(cell | {"execution_count": None, "outputs": []} if kind == "code" else cell)
    return json.dumps(
        {"cells": made, "metadata": KERNEL, "nbformat": 4, "nbformat_minor": 5}, indent=1, ensure_ascii=False
    )


def write_text(path: Path, text: str) -> None:
    """Write a file of a new folder, and the folders on its way."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text if text.endswith("\n") else f"{text}\n", encoding="utf-8", newline="\n")
