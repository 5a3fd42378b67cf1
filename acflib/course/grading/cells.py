"""What a student's notebook holds: its lesson, and the cells that call a check. Nothing is run here."""

import ast
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from acflib.course.checks.catalog import Exercise
from acflib.datasets.folders import visible
from acflib.errors import ConfigError, DataError, package_fault

MISSING = "acflib grade runs notebooks with {package}: {fault}. All it needs: pip install nbclient ipykernel"
HEADING = re.compile(r"^# (?:Solutions )?(\d\d) · ", re.MULTILINE)


@dataclass(frozen=True)
class CheckCall:
    """A call such as ``checks.hard_centers(my_centers)`` in a notebook.

    Attributes:
        cell: index of the cell among all cells.
        check: name of the check.
        answer: source of its only argument; None where the call has another form.
    """

    cell: int
    check: str
    answer: str | None


def find_notebooks(paths: Sequence[Path]) -> dict[Path, str]:
    """Notebooks among files and anywhere below folders -> what each is called: in a folder, its path from there.

    Left out is what programs leave beside them: ``.ipynb_checkpoints``, ``__MACOSX``, ``._NAME.ipynb``.

    Raises:
        DataError: none there.
    """
    found: dict[Path, tuple[str, str]] = {}
    for path in paths:
        if is_folder(path):
            for notebook in notebooks_below(path):
                found.setdefault(notebook, (notebook.relative_to(path).as_posix(), str(notebook)))
        elif not path.name.startswith("._"):
            found.setdefault(path, (str(path), str(path)))
    if not found:
        zipped = any(is_folder(path) and visible(path.rglob("*.zip"), path) for path in paths)
        hint = "unpack the archives (.zip) first" if zipped else "give files (.ipynb), or folders of them"
        raise DataError(f"{', '.join(map(str, paths))}: holds no notebooks, nor do the folders below it; {hint}")
    often = Counter(short for short, _ in found.values())
    return {path: short if often[short] == 1 else whole for path, (short, whole) in found.items()}


def is_folder(path: Path) -> bool:
    """A folder called NAME.ipynb stands for a notebook that is none."""
    return path.is_dir() and path.suffix.lower() != ".ipynb"


def notebooks_below(folder: Path) -> list[Path]:
    """All notebooks below a folder, sorted."""
    found = visible((path for path in folder.rglob("*") if path.suffix.lower() == ".ipynb"), folder)
    return [path for path in found if not any(map(is_notebook_name, path.relative_to(folder).parts[:-1]))]


def is_notebook_name(name: str) -> bool:
    return name.lower().endswith(".ipynb")


def without_notebooks(paths: Sequence[Path], below: int | None = None) -> dict[Path, str]:
    """Folders that hold none -> what each is called: those in the one folder that is given, or those given.

    ``below`` says how many folders lie above each in the one that was given, itself counted: 2 for WEEK/STUDENT.
    """
    given = [path for path in paths if is_folder(path)]
    steps = below if below is not None else 1 if len(given) == 1 else 0
    found: dict[Path, str] = {}
    for start in given:
        level = [start]
        for _ in range(steps):
            level = [path for one in level for path in visible(one.iterdir(), one) if is_folder(path)]
        empty = [path for path in level if not notebooks_below(path)]
        found |= {path: path.relative_to(start).as_posix() if steps else path.name for path in empty}
    return found


def read_notebook(path: Path):
    """The notebook in the present format of nbformat, its outputs dropped.

    Raises:
        DataError: the file is missing, no notebook, or one of another language.
        ConfigError: nbformat is not installed.
    """
    try:
        import nbformat
    except Exception as error:  # missing, or broken
        raise ConfigError(MISSING.format(package="nbformat", fault=package_fault("nbformat", error))) from error
    try:
        notebook = nbformat.read(path, as_version=4)
        nbformat.validate(notebook)
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror}); give the path of a notebook (.ipynb)") from error
    except Exception as error:  # nbformat raises many kinds here, a RecursionError among them
        raise DataError(f"{path}: is no Jupyter notebook; give a file as JupyterLab saves it (.ipynb)") from error
    kernel = notebook.metadata.get("kernelspec")
    language = kernel.get("language", "python") if isinstance(kernel, dict) else "python"
    if language != "python":
        raise DataError(f"{path}: is a notebook in {language}; the exercises are in Python")
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.outputs, cell.execution_count = [], None
    return notebook


def check_calls(notebook, known: Sequence[Exercise]) -> list[CheckCall]:
    """All calls of the checks of these exercises, from top to bottom."""
    names = {exercise.check for exercise in known}
    sources = [(k, cell.source) for k, cell in enumerate(notebook.cells) if cell.cell_type == "code"]
    return [call for k, source in sources for call in calls_in(source, k) if call.check in names]


def calls_in(source: str, cell: int) -> list[CheckCall]:
    """The calls ``checks.NAME(...)`` in a cell; a cell that is no Python is searched as text."""
    try:
        tree = ast.parse(without_magics(source))
    except (SyntaxError, ValueError, RecursionError, MemoryError):  # null bytes, a thousand brackets
        found = re.findall(r"^checks\.(\w+)\(\s*([^\W\d]\w*)\s*\)", source, re.MULTILINE)
        return [CheckCall(cell, check, answer) for check, answer in found]
    calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call)]
    calls.sort(key=lambda call: (call.lineno, call.col_offset))  # from top to bottom: a walk goes by depth
    return [CheckCall(cell, name, _only_argument(call)) for call in calls if (name := _called(call))]


def lesson_of(notebook, path: Path, known: Sequence[Exercise]) -> str:
    """The number of the lesson: from its title or, where that was changed, from the checks that are called.

    Raises:
        DataError: neither tells.
    """
    lessons = {exercise.check: exercise.lesson for exercise in known}
    for cell in notebook.cells:
        if cell.cell_type == "markdown" and (match := HEADING.search(cell.source)):
            if match[1] in lessons.values():
                return match[1]
    called = [lessons[call.check] for call in check_calls(notebook, known)]
    if not called:
        raise DataError(f"{path}: is no lesson with exercises: it has no title such as '# 01 · ...' and calls no check")
    return max(sorted(set(called)), key=called.count)


def without_magics(source: str) -> str:
    """Lines such as ``%matplotlib inline`` or ``!ls`` as comments: they are no Python."""
    return "\n".join("pass" if line.lstrip()[:1] in ("%", "!") else line for line in source.splitlines())


def _called(call: ast.Call) -> str | None:
    """NAME of a call ``checks.NAME(...)`` or ``acflib.course.checks.NAME(...)``."""
    function = call.func
    if isinstance(function, ast.Attribute) and ast.unparse(function.value).split(".")[-1] == "checks":
        return function.attr
    return None


def _only_argument(call: ast.Call) -> str | None:
    return ast.unparse(call.args[0]) if len(call.args) == 1 and not call.keywords else None
