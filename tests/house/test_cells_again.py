"""A student runs cells twice, and goes back to earlier ones: nothing fails, and nothing else is said."""

import os
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

from conftest import KERNEL_ENVIRONMENT

ROOT = Path(__file__).resolve().parents[2]
LESSONS = sorted((ROOT / "notebooks").glob("*.ipynb"))
OTHER_NUMBERS = {"l07-13"}  # draws sixty other experiments, as its text wants


def printed(cell: nbformat.NotebookNode) -> str:
    """What a cell printed."""
    return "".join(part.text for part in cell.outputs if part.output_type == "stream" and part.name == "stdout")


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize("path", LESSONS, ids=lambda path: path.stem)
def test_cells_run_again(path: Path, monkeypatch):
    """All cells in order, each twice; then once more from the last to the first."""
    for name, value in KERNEL_ENVIRONMENT.items():
        monkeypatch.setitem(os.environ, name, value)
    stored = nbformat.read(path, as_version=4)
    code = [cell for cell in stored.cells if cell.cell_type == "code"]
    again = nbformat.v4.new_notebook(metadata=stored.metadata)
    order = [cell for cell in code for _ in range(2)] + code[::-1]
    again.cells = [nbformat.v4.new_code_cell(cell.source, metadata=dict(cell.metadata)) for cell in order]
    NotebookClient(again, timeout=300, resources={"metadata": {"path": path.parent}}).execute()
    for run, cell in zip(again.cells[: 2 * len(code)], order, strict=False):
        assert cell.id in OTHER_NUMBERS or printed(run) == printed(cell), f"{cell.id}, run again: {printed(run)}"
