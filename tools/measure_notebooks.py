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

from acflib.course.checks.catalog import exercises, exercises_of  # noqa: E402
from acflib.engine.files import write_whole  # noqa: E402
from acflib.engine.machine import write_result  # noqa: E402
from tools import marked  # noqa: E402
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


def minutes_of(path: Path) -> tuple[int, int]:
    """How long a lesson takes with its exercises, (least, most) minutes, as its header says.

    Raises:
        ValueError: the row **Time and memory** does not begin with "30 to 45 minutes", "one to two hours" or the like.
    """
    head = nbformat.read(path, as_version=4).cells[0].source
    row = re.search(r"\*\*Time and memory\*\* \| (.+)", head)
    found = re.match(r"(.+?)(?: to (.+?))? (minutes|hours?)\b", row[1]) if row else None
    amounts = [read_amount(text) for text in found.groups()[:2] if text] if found else []
    if found is None or None in amounts:
        raise ValueError(
            f'{path.name}: Time and memory must begin with "one to two hours", "2 to 2.5 hours" or the like'
        )
    minutes = [round(amount * (1 if found[3] == "minutes" else 60)) for amount in amounts]
    return minutes[0], minutes[-1]


def read_amount(text: str) -> float | None:
    """ "two", "one and a half", "2.5" or "2½" as a number; None for anything else."""
    whole = re.sub(r" and a half$|½$", "", text)
    number = {"one": 1, "two": 2, "three": 3}.get(whole)
    if number is None and re.fullmatch(r"\d+(\.\d+)?", whole):
        number = float(whole)
    return None if number is None else number + (0.5 if whole != text else 0)


def as_hours(least: int, most: int) -> str:
    """ "30 to 45 min", "1 h", "2 to 2.5 h"."""
    scale, unit = (1, "min") if most < 60 else (60, "h")
    return f"{least / scale:g}" + (f" to {most / scale:g}" if most > least else "") + f" {unit}"


def table() -> str:
    """The table of lessons, from the notebooks, the list of exercises and the measured file."""
    measured = json.loads(RESULTS.read_text(encoding="utf-8"))["lessons"]
    lines = [
        "| lesson | all of it | exercises | their minutes | points | cells run in | memory of the kernel |",
        "| --- | --- | --- | --- | --- | --- | --- |",
    ]
    for path in lessons():
        found = exercises_of(path.name[:2])
        minutes, points = sum(e.minutes for e in found), sum(e.points for e in found)
        cost = measured[path.name]
        cells = [
            f"[{path.name[:2]} {title(path)}](../notebooks/{path.name})",
            as_hours(*minutes_of(path)),
            *(str(number) if found else "" for number in (len(found), minutes, points)),
            f"{cost['seconds']:.0f} s",
            f"{cost['memory_bytes'] / 1e9:.1f} GB",
        ]
        lines.append("| " + " | ".join(cells) + " |")
    whole = as_hours(*(sum(minutes) for minutes in zip(*map(minutes_of, lessons()), strict=True)))
    minutes, points = sum(e.minutes for e in exercises()), sum(e.points for e in exercises())
    lines.append(f"| **together** | {whole} | {len(exercises())} | {minutes} | {points} |  |  |")
    return "\n".join(lines)


def filled(page: str) -> str:
    """The page with the table of today."""
    return marked.filled(page, BEGIN, END, table())


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
