"""What strict nbval does not see: a notebook that was never run has nothing to compare, and passes.

The checks are functions of a notebook that return complaints. Real notebooks must give none; each bad notebook below
must give the complaint that is meant for it.
"""

import importlib.util
import re
from collections.abc import Callable
from pathlib import Path

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

NOTEBOOKS = Path(__file__).resolve().parents[2] / "notebooks"
PATHS = sorted(path for path in NOTEBOOKS.rglob("*.ipynb") if ".ipynb_checkpoints" not in path.parts)

MAX_BYTES = 1_000_000
MAX_IGNORED_SHARE = 0.05
IGNORE = "NBVAL_IGNORE_OUTPUT"
SKIP = "NBVAL_SKIP"

# Text that differs between machines or runs, and so must not stand in an output that is compared.
UNSTABLE = {
    "a device": r"\bcuda(:\d|\b)|\bGPU \d|device\(type=|NVIDIA|\bmps:\d",
    "a version": r"\b(torch|torchvision|numpy|python|matplotlib|acflib)\s*[=:v ]*\s*\d+\.\d+|\d\+cpu\b|\d\+cu\d",
    "a time": r"\b\d+(\.\d+)?\s*(ms|µs|us|ns|s|sec|secs|seconds|minutes)\b|it/s\b"
    r"|\b\d{1,2}:\d\d:\d\d\b|\b20\d\d-\d\d-\d\d\b",
    "a memory address": r"\b0x[0-9a-f]{6,}\b",
    "a raw float": r"\d\.\d{5,}",
}
MACHINE_PATH = re.compile(
    r"(?<![\w.~/-])/(root|home/\w+|Users/\w+|work|tmp/\w+|opt/\w+|usr/(local|lib)|mnt|content)/"
    r"|[A-Za-z]:\\+Users\\|site-packages"
)


def code_cells(notebook: nbformat.NotebookNode) -> list[nbformat.NotebookNode]:
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def has_marker(cell: nbformat.NotebookNode, marker: str) -> bool:
    tag = marker.lower().replace("_", "-")
    lines = (line.strip() for line in cell.source.splitlines())
    return tag in cell.metadata.get("tags", []) or any(
        line.startswith("#") and line.lstrip("#").strip() == marker for line in lines
    )


def output_texts(cell: nbformat.NotebookNode) -> list[str]:
    """The texts of a cell's output that a reader sees, warnings included."""
    texts = []
    for output in cell.outputs:
        if output.output_type == "stream":
            texts.append(output.text)
        elif output.output_type == "error":
            texts.append("\n".join(output.traceback))
        else:
            texts += [value for kind, value in output.data.items() if kind in ("text/plain", "text/html")]
    return texts


def check_was_run(notebook: nbformat.NotebookNode) -> list[str]:
    counts = [cell.execution_count for cell in code_cells(notebook)]
    if not counts:
        return ["has no code cell"]
    expected = list(range(1, len(counts) + 1))
    return [] if counts == expected else [f"was not run once from top to bottom: counts {counts}"]


def check_no_error(notebook: nbformat.NotebookNode) -> list[str]:
    return [
        f"cell {number} holds the error {output.ename}"
        for number, cell in enumerate(code_cells(notebook), 1)
        for output in cell.outputs
        if output.output_type == "error"
    ]


def check_end(notebook: nbformat.NotebookNode) -> list[str]:
    empty = [number for number, cell in enumerate(notebook.cells) if not cell.source.strip()]
    complaints = [f"cells {empty} (counted from 0, text cells too) are empty"] if empty else []
    if not notebook.cells or notebook.cells[-1].cell_type != "markdown":
        complaints.append("must end with a text cell: the summary, and what comes next")
    return complaints


def check_ignored(notebook: nbformat.NotebookNode) -> list[str]:
    cells = code_cells(notebook)
    ignored = sum(has_marker(cell, IGNORE) for cell in cells)
    if ignored <= MAX_IGNORED_SHARE * len(cells):
        return []
    return [f"{ignored} of {len(cells)} code cells ignore their output; at most {MAX_IGNORED_SHARE:.0%} may"]


def check_paths(notebook: nbformat.NotebookNode) -> list[str]:
    texts = [cell.source for cell in notebook.cells]
    texts += [text for cell in code_cells(notebook) for text in output_texts(cell)]
    found = [match.group() for text in texts for match in [MACHINE_PATH.search(text)] if match]
    return [f"holds paths of one machine: {found}"] if found else []


def check_stable(notebook: nbformat.NotebookNode) -> list[str]:
    complaints = []
    for number, cell in enumerate(code_cells(notebook), 1):
        if has_marker(cell, IGNORE) or has_marker(cell, SKIP):
            continue
        for text in output_texts(cell):
            for name, pattern in UNSTABLE.items():
                if match := re.search(pattern, text):
                    complaints.append(f"cell {number} prints {name}: {match.group()!r}")
    return complaints


def check_metadata(notebook: nbformat.NotebookNode) -> list[str]:
    complaints = []
    if notebook.metadata.get("kernelspec", {}).get("name") != "python3":
        complaints.append("kernelspec is not python3; run `make notebooks`")
    if "version" in notebook.metadata.get("language_info", {}):
        complaints.append("stores the Python version; run `make notebooks`")
    if any("execution" in cell.metadata for cell in notebook.cells):
        complaints.append("stores execution times; run `make notebooks`")
    return complaints


CHECKS = (check_was_run, check_no_error, check_end, check_ignored, check_paths, check_stable, check_metadata)


def test_there_are_notebooks():
    assert PATHS, f"no notebook under {NOTEBOOKS.name}/"


@pytest.mark.parametrize("path", PATHS, ids=lambda path: path.relative_to(NOTEBOOKS).as_posix())
def test_notebook(path: Path):
    assert path.stat().st_size < MAX_BYTES, "a notebook stays under 1 MB, outputs included"
    notebook = nbformat.read(path, as_version=4)
    nbformat.validate(notebook)
    assert [complaint for check in CHECKS for complaint in check(notebook)] == []


# From here on: the checks themselves are checked.


def good_notebook() -> nbformat.NotebookNode:
    cells = [
        new_markdown_cell("# A lesson"),
        new_code_cell("print(1)", execution_count=1, outputs=[stream("shape (2, 3), 5 classes, 0.25\n")]),
        new_code_cell("x = 1", execution_count=2),
        new_markdown_cell("Next: notebook 02, from https://example.org/home/page"),
    ]
    metadata = {"kernelspec": {"name": "python3", "display_name": "Python 3"}, "language_info": {"name": "python"}}
    return new_notebook(cells=cells, metadata=metadata)


def stream(text: str, name: str = "stdout") -> nbformat.NotebookNode:
    return new_output("stream", text=text, name=name)


def result(text: str) -> nbformat.NotebookNode:
    return new_output("execute_result", data={"text/plain": text}, execution_count=1)


def test_good_notebook_has_no_complaint():
    assert [complaint for check in CHECKS for complaint in check(good_notebook())] == []


def set_code(index: int, **changes) -> Callable:
    return lambda notebook: code_cells(notebook)[index].update(changes)


SPOILED = {
    "not run": (check_was_run, set_code(1, execution_count=None)),
    "run twice": (check_was_run, set_code(1, execution_count=3)),
    "wrong order": (check_was_run, lambda n: n.cells.insert(0, new_code_cell("y = 2", execution_count=3))),
    "no code": (check_was_run, lambda n: n.update(cells=[new_markdown_cell("# Empty")])),
    "error": (check_no_error, set_code(0, outputs=[new_output("error", ename="ValueError", evalue="", traceback=[])])),
    "empty last cell": (check_end, lambda n: n.cells.append(new_code_cell(" "))),
    "ends in code": (check_end, lambda n: n.cells.pop()),
    "ignored by comment": (check_ignored, set_code(0, source="# NBVAL_IGNORE_OUTPUT\nprint(1)")),
    "ignored by tag": (check_ignored, set_code(0, metadata={"tags": ["nbval-ignore-output"]})),
    "path in source": (check_paths, set_code(0, source="open('/home/" + "ann/data/x.png')")),
    "path in warning": (check_paths, set_code(0, outputs=[stream("/tmp/" + "ipykernel_3/1.py: oh", "stderr")])),
    "path of Windows": (check_paths, set_code(0, outputs=[stream("C:\\" + "Users\\ann")])),
    "device": (check_stable, set_code(0, outputs=[stream("using cuda")])),
    "device in tensor": (check_stable, set_code(0, outputs=[result("tensor([1], device='cuda:0')")])),
    "version": (check_stable, set_code(0, outputs=[stream("torch 2.14.1")])),
    "time": (check_stable, set_code(0, outputs=[stream("took 3.2 s")])),
    "clock": (check_stable, set_code(0, outputs=[stream("at 12:03:55")])),
    "progress bar": (check_stable, set_code(0, outputs=[stream("100% 3/3 [00:00, 53092it/s]", "stderr")])),
    "address": (check_stable, set_code(0, outputs=[result("<Line2D at 0x" + "7fc8ecf6f9d0>")])),
    "raw float": (check_stable, set_code(0, outputs=[result("0.7718660735")])),
    "kernel of one machine": (check_metadata, lambda n: n.metadata.kernelspec.update(name="my-env")),
    "Python version": (check_metadata, lambda n: n.metadata.language_info.update(version="3.11.7")),
    "execution times": (check_metadata, set_code(0, metadata={"execution": {"iopub.status.busy": "x"}})),
}


@pytest.mark.parametrize("name", SPOILED)
def test_bad_notebook_is_caught(name: str):
    check, spoil = SPOILED[name]
    notebook = good_notebook()
    spoil(notebook)
    assert check(notebook), f"{check.__name__} did not see: {name}"


def test_ignored_cell_may_print_a_time():
    notebook = good_notebook()
    cell = code_cells(notebook)[0]
    cell.update(source="# NBVAL_IGNORE_OUTPUT\nprint(1)", outputs=[stream("took 3.2 s")])
    assert check_stable(notebook) == []


def test_a_kernel_that_dies_at_its_start_is_started_again():
    """By the settings of `pytest --nbval`: twice, then the error is told."""
    spec = importlib.util.spec_from_file_location("settings_of_tests", NOTEBOOKS.parent / "conftest.py")
    settings = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(settings)
    calls = []

    def start(name, deaths):
        calls.append(name)
        if len(calls) <= deaths:
            raise RuntimeError("Kernel died before replying to kernel_info")
        return "kernel"

    assert settings.started_again(start)("python3", deaths=2) == "kernel" and calls == ["python3"] * 3
    calls.clear()
    with pytest.raises(RuntimeError, match="Kernel died"):
        settings.started_again(start)("python3", deaths=3)
