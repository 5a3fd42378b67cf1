"""Measure what each lesson costs, and fill the table of lessons in docs/instructors.md.

    python tools/measure_notebooks.py            runs all lessons, writes results/notebooks.json, fills the table
    python tools/measure_notebooks.py --table    fills the table from that file alone

Seconds are those of the cells, without the start of the kernel; memory is the highest resident memory of the kernel
(Linux and macOS). Run it on a machine that does nothing else: the seconds of all processors (with the start
of the kernel) are stored too, and tell whether it did. The notebooks are not changed.
"""

import argparse
import json
import os
import re
import subprocess
import sys
import time
from pathlib import Path

import nbformat

ROOT = Path(__file__).resolve().parent.parent
if __name__ == "__main__":
    sys.path.insert(0, str(ROOT))

from acflib.course.checks.catalog import exercises_of  # noqa: E402
from acflib.engine.files import write_whole  # noqa: E402
from acflib.engine.machine import write_result  # noqa: E402
from tools.notebook_cells import lessons  # noqa: E402

RESULTS = ROOT / "results" / "notebooks.json"
PAGE = ROOT / "docs" / "instructors.md"
BEGIN, END = "<!-- lessons: made by tools/measure_notebooks.py -->", "<!-- end of lessons -->"
COSTS = """
import resource, sys
own, children = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
peak = own.ru_maxrss * (1 if sys.platform == "darwin" else 1024)
print(peak, own.ru_utime + own.ru_stime + children.ru_utime + children.ru_stime)
"""


def measure(path: Path) -> dict:
    """Seconds of all cells of a notebook, seconds of all processors together, and the kernel's highest memory."""
    from jupyter_client.manager import AsyncKernelManager
    from nbclient import NotebookClient
    from nbformat.v4 import new_code_cell

    from tools.run_notebooks import KERNEL_ENVIRONMENT, ThisPython

    notebook = nbformat.read(path, as_version=4)
    notebook.cells.append(new_code_cell(COSTS))
    client = NotebookClient(
        notebook,
        km=AsyncKernelManager(kernel_name="python3", kernel_spec_manager=ThisPython()),
        timeout=600,
        resources={"metadata": {"path": str(path.parent)}},
    )
    with client.setup_kernel(env={**os.environ, **KERNEL_ENVIRONMENT}, stderr=subprocess.DEVNULL):
        start = time.perf_counter()
        for index, cell in enumerate(notebook.cells[:-1]):
            client.execute_cell(cell, index)
        seconds = time.perf_counter() - start
        costs = client.execute_cell(notebook.cells[-1], len(notebook.cells) - 1)
    memory, cpu_seconds = costs.outputs[-1].text.split()
    return {"seconds": round(seconds, 1), "cpu_seconds": round(float(cpu_seconds), 1), "memory_bytes": int(memory)}


def title(path: Path) -> str:
    """The title of a lesson, without its number."""
    head = nbformat.read(path, as_version=4).cells[0].source
    return re.match(r"# \d\d · (.+)", head)[1]


def table() -> str:
    """The table of lessons, from the notebooks, the list of exercises and the measured file."""
    measured = json.loads(RESULTS.read_text(encoding="utf-8"))["lessons"]
    lines = [
        "| lesson | exercises | their minutes | points | cells run in | memory of the kernel |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    for path in lessons():
        exercises = exercises_of(path.name[:2])
        minutes, points = sum(e.minutes for e in exercises), sum(e.points for e in exercises)
        cost = measured[path.name]
        cells = [
            f"[{path.name[:2]} {title(path)}](../notebooks/{path.name})",
            *(str(number) if exercises else "" for number in (len(exercises), minutes, points)),
            f"{cost['seconds']:.0f} s",
            f"{cost['memory_bytes'] / 1e9:.1f} GB",
        ]
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


def filled(page: str) -> str:
    """The page with the table between its two marks.

    Raises:
        ValueError: the marks are not there, once each.
    """
    if page.count(BEGIN) != 1 or page.count(END) != 1:
        raise ValueError(f"{PAGE.name} must hold the marks {BEGIN} and {END} once each")
    before, rest = page.split(BEGIN)
    return f"{before}{BEGIN}\n{table()}\n{END}{rest.split(END)[1]}"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--table", action="store_true", help="run nothing, fill the table from the stored file")
    if not parser.parse_args().table:
        found = {}
        for path in lessons():
            found[path.name] = measure(path)
            seconds, cpu_seconds, memory = found[path.name].values()
            print(f"{path.name:<40} {seconds:6.1f} s {cpu_seconds:6.1f} CPU s  {memory / 1e9:.2f} GB", flush=True)
        write_result(RESULTS, "python tools/measure_notebooks.py", lessons=found)
    write_whole(PAGE, filled(PAGE.read_text(encoding="utf-8")).encode())
    print(f"filled the table in {PAGE.relative_to(ROOT)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
