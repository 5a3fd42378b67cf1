"""Seconds of a whole process that imports acflib, beside one that imports torch and torchvision alone.

    python benchmarks/import_time.py --out results/benchmarks/import_time.json

The processes run in turn, each with the same Python; the medians of the repeats are compared. The times are for
reading, never for a test.
"""

import argparse
import os
import statistics
import subprocess
import sys
import time
from pathlib import Path

from acflib.engine.machine import write_result
from acflib.study.ablation.grid import python_path

IMPORTS = {"peer": "import torch, torchvision", "acflib": "import acflib", "help": "from acflib.cli.parser import main"}


def seconds(code: str) -> float:
    """Seconds of one process that runs ``code``."""
    environment = os.environ | {"PYTHONPATH": python_path()}
    start = time.perf_counter()
    subprocess.run([sys.executable, "-c", code], check=True, env=environment)
    return time.perf_counter() - start


def measure(repeats: int) -> dict[str, float]:
    """Median seconds of each import, and their ratio to that of torch and torchvision."""
    times: dict[str, list[float]] = {name: [] for name in IMPORTS}
    for _ in range(repeats + 1):
        for name, code in IMPORTS.items():
            times[name].append(seconds(code))
    medians = {name: statistics.median(found[1:]) for name, found in times.items()}  # the first round fills the cache
    ratios = {f"{name} / peer": medians[name] / medians["peer"] for name in IMPORTS if name != "peer"}
    return {name: round(value, 3) for name, value in {**medians, **ratios}.items()}


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=9)
    parser.add_argument("--out", type=Path, help="JSON file for the results")
    given = parser.parse_args(arguments)
    found = measure(given.repeats)
    for name, value in found.items():
        print(f"{name:14s} {value:6.3f}")
    if given.out:
        command = f"python benchmarks/import_time.py --out {given.out}"
        write_result(given.out, command, imports=IMPORTS, repeats=given.repeats, seconds=found)


if __name__ == "__main__":
    main()
