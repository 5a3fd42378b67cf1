"""Put known bugs into a copy of the library and see that a lesson alone turns red (`make mutate NOTEBOOKS=1`).

The table of which cell caught which is printed and written to results/notebook_mutations.json.
"""

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import nbformat

from acflib.engine.files import write_whole
from tests.house.mutants.lessons import LESSONS
from tests.house.mutants.mutation import Mutation
from tools.notebook_cells import code_cells

ROOT = Path(__file__).resolve().parents[2]
RESULTS = ROOT / "results" / "notebook_mutations.json"
COPIED = ("acflib", "notebooks", "conftest.py", "pyproject.toml", "data/weights", "results")
COMMAND = "python tests/house/mutations.py --notebooks"


@dataclass(frozen=True)
class Caught:
    """A mutation and the first cell that did not give its stored output.

    Attributes:
        mutation: its name.
        file: the mutated file.
        notebook: of the lesson that was run.
        cell: number of the code cell, from 1, as in ``In [cell]``.
        heading: the heading that the cell stands under.
    """

    mutation: str
    file: str
    notebook: str
    cell: int
    heading: str


def copy_course(folder: Path) -> None:
    """Copy what the lessons need."""
    for name in COPIED:
        source = ROOT / name
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        if source.is_dir():
            shutil.copytree(source, folder / name, ignore=shutil.ignore_patterns("__pycache__", ".ipynb_checkpoints"))
        else:
            shutil.copy(source, folder / name)


def run_lesson(folder: Path, notebook: str) -> tuple[int, str]:
    """Compare one lesson with its stored output: pytest's exit status and its output."""
    command = [sys.executable, "-m", "pytest", "--nbval", "-q", "-x", "-rf", "--tb=short", "-p", "no:cacheprovider"]
    environment = os.environ | {"PYTHONDONTWRITEBYTECODE": "1", "COLUMNS": "400"}
    found = subprocess.run(
        [*command, f"notebooks/{notebook}"], cwd=folder, env=environment, capture_output=True, text=True, check=False
    )
    return found.returncode, found.stdout + found.stderr


def failed_cell(status: int, output: str) -> int | None:
    """Number, from 1, of the first code cell that failed; None if all are green.

    Raises:
        ValueError: pytest did not get so far, or the mutated code cannot be imported.
    """
    failed = re.search(r"^FAILED \S+?\.ipynb::Cell (\d+)", output, re.MULTILINE)
    if status == 0:
        return None
    if status != 1 or failed is None:
        raise ValueError(f"pytest ended with {status}: {output.strip().splitlines()[-1:]}")
    if re.search(r"^(SyntaxError|IndentationError|ImportError|ModuleNotFoundError): ", output, re.MULTILINE):
        raise ValueError("the mutated library cannot be imported")
    return int(failed[1]) + 1


def heading_of(path: Path, cell: int) -> str:
    """The last heading above a code cell."""
    return code_cells(nbformat.read(path, as_version=4))[cell - 1].heading


def try_lessons(mutations: Sequence[Mutation], mutated) -> int:
    """Run each lesson of ``LESSONS`` without a mutation, then with each of its mutations; write the table.

    Args:
        mutations: all that there are.
        mutated: function of a file's text and a mutation, the text with the mutation in.

    Returns:
        Exit status: 1 if a lesson is red without a mutation, or green with one; then no file is written.
    """
    by_name = {mutation.name: mutation for mutation in mutations}
    caught, survivors = [], []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        copy_course(folder)
        for stem, names in LESSONS.items():
            notebook = f"{stem}.ipynb"
            status, output = run_lesson(folder, notebook)
            if status != 0:
                print(output, f"\n{notebook} is red without any mutation: mend that first.", sep="\n")
                return 1
            for mutation in (by_name[name] for name in names):
                found = try_lesson(folder, notebook, mutation, mutated)
                text = f"{notebook} In [{found.cell}], {found.heading}" if found else f"SURVIVED {notebook}"
                print(f"{mutation.name:<66} {text}", flush=True)
                (caught if found else survivors).append(found or mutation.name)
    print(f"\n{len(caught)} of {len(caught) + len(survivors)} mutations caught by the lessons alone")
    if survivors:
        return 1
    record = {"command": COMMAND, "caught": [asdict(each) for each in caught]}
    write_whole(RESULTS, (json.dumps(record, indent=2, ensure_ascii=False) + "\n").encode())
    print(f"written: {RESULTS.relative_to(ROOT)}")
    return 0


def try_lesson(folder: Path, notebook: str, mutation: Mutation, mutated) -> Caught | None:
    """Run a lesson with a mutation in; None if it stays green."""
    path = folder / mutation.file
    original = path.read_text(encoding="utf-8")
    path.write_text(mutated(original, mutation), encoding="utf-8")
    try:
        cell = failed_cell(*run_lesson(folder, notebook))
    finally:
        path.write_text(original, encoding="utf-8")
    if cell is None:
        return None
    heading = heading_of(folder / "notebooks" / notebook, cell)
    return Caught(mutation.name, mutation.file, notebook, cell, heading)
