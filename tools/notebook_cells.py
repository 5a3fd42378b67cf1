"""The numbered lessons, and the code cells of a notebook under their headings: what several tools read."""

import re
from pathlib import Path
from typing import NamedTuple

from nbformat import NotebookNode

ROOT = Path(__file__).resolve().parent.parent
HEADING = re.compile(r"^#{1,3} (.+)$", re.MULTILINE)


class CodeCell(NamedTuple):
    """A code cell, its number from 1 as in ``In [number]``, and the last heading above it ("" for none)."""

    number: int
    heading: str
    cell: NotebookNode


def lessons(folder: Path = ROOT / "notebooks") -> list[Path]:
    """The numbered notebooks, in order."""
    return sorted(folder.glob("[0-9][0-9]_*.ipynb"))


def code_cells(notebook: NotebookNode) -> list[CodeCell]:
    """All code cells of a notebook, in order."""
    found, heading = [], ""
    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            heading = (HEADING.findall(cell.source) or [heading])[-1]
        elif cell.cell_type == "code":
            found.append(CodeCell(len(found) + 1, heading, cell))
    return found
