"""Put known bugs into a copy of the library, one by one, and see that the unit tests catch each (`make mutate`).

    python tests/house/mutations.py               all of them, some minutes
    python tests/house/mutations.py --list
    python tests/house/mutations.py --only "Eq. 3: map transposed"
    python tests/house/mutations.py --notebooks   some, caught by the lessons alone (mutants/lessons.py)

The repository itself is never touched. Exit status 0: every mutation was caught.
"""

import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from tests.house.mutants import ablation, commands, evidence, network, networks, onnx, runs, training  # noqa: E402
from tests.house.mutants.mutation import Mutation  # noqa: E402

PARTS = (network, networks, training, runs, evidence, ablation, commands, onnx)
MUTATIONS: list[Mutation] = [mutation for part in PARTS for mutation in part.MUTATIONS]
COPIED = (
    "Makefile", "acflib", "benchmarks", "conftest.py", "data/weights", "docs", "pyproject.toml", "tests", "tools",
    "results/two_machines.json",
)  # fmt: skip
UNUSED_PLUGINS = ("nbval", "hypothesispytest", "anyio")  # they take longer to import than most tests to run
# A mutation that cannot even run proves nothing about the tests.
BROKEN = ("SyntaxError", "IndentationError", "ImportError", "ModuleNotFoundError", "NameError")


def copy_repository(folder: Path) -> None:
    """Copy what the tests need."""
    for name in COPIED:
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(source, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(source, folder / name)


def run_tests(folder: Path, tests: list[str], stop_at_first: bool = True) -> tuple[int, str]:
    """Run pytest in the copy: its exit status (0 green, 1 red, anything else did not run) and its output."""
    command = [sys.executable, "-m", "pytest", "-q", "-rfE", "--tb=short", "-p", "no:cacheprovider", *tests]
    command += [word for plugin in UNUSED_PLUGINS for word in ("-p", f"no:{plugin}")]
    environment = os.environ | {"OMP_NUM_THREADS": "1", "PYTHONDONTWRITEBYTECODE": "1", "COLUMNS": "400"}
    found = subprocess.run(
        command + ["-x"] * stop_at_first, cwd=folder, env=environment, capture_output=True, text=True, check=False
    )
    return found.returncode, found.stdout + found.stderr


def mutated(text: str, mutation: Mutation) -> str:
    """The text with the mutation in.

    Raises:
        ValueError: if the old text does not occur exactly once.
    """
    count = text.count(mutation.old)
    if count != 1:
        raise ValueError(f'"{mutation.name}": its old text occurs {count} times in {mutation.file}: mend the mutation')
    return text.replace(mutation.old, mutation.new)


def try_mutation(folder: Path, mutation: Mutation) -> tuple[bool, str]:
    """Whether the tests caught it, and by which test (or why not)."""
    path = folder / mutation.file
    original = path.read_text(encoding="utf-8")
    try:
        path.write_text(mutated(original, mutation), encoding="utf-8")
    except ValueError as error:
        return False, str(error)
    try:
        status, output = run_tests(folder, list(mutation.tests))
    finally:
        path.write_text(original, encoding="utf-8")
    return judge(status, output)


def judge(status: int, output: str) -> tuple[bool, str]:
    """Caught means: tests ran, one failed, and not because the mutated code cannot be imported or lacks a name."""
    failed = re.search(r"^FAILED (\S+?::\w+)(?:\[.*?\])?(?: - (.*))?$", output, re.MULTILINE)
    if status == 0:
        return False, "SURVIVED"
    if status != 1 or failed is None:
        return False, f"the tests did not run (pytest's exit status {status}): " + output.strip().splitlines()[-1]
    if (failed[2] or "").startswith(BROKEN):
        return False, f"the mutation does not run: {failed[2]}"
    return True, failed[1].removeprefix("tests/")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", metavar="NAME", help="the mutation of this name alone")
    parser.add_argument("--list", action="store_true", help="print the names and stop")
    parser.add_argument("--notebooks", action="store_true", help="the lessons alone must catch those meant for them")
    arguments = parser.parse_args()
    if arguments.notebooks:
        if arguments.only or arguments.list:
            parser.error("--notebooks runs all that are meant for the lessons: leave out --only and --list")
        from tests.house.notebook_mutations import try_lessons

        return try_lessons(MUTATIONS, mutated)
    chosen = [m for m in MUTATIONS if arguments.only in (None, m.name)]
    if not chosen:
        parser.error(f"no mutation is called {arguments.only!r}; --list shows the names")
    if arguments.list:
        print("\n".join(m.name + ("  (public bug)" if m.public_bug else "") for m in chosen))
        return 0
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        copy_repository(folder)
        tests = sorted({test for m in chosen for test in m.tests})
        start = time.monotonic()
        status, output = run_tests(folder, tests, stop_at_first=False)
        if status != 0:
            print(output, "\nThe tests fail without any mutation: mend that first.", sep="\n")
            return 1
        print(f"{len(tests)} tests and test files are green without a mutation ({time.monotonic() - start:.0f} s)\n")
        return try_all(folder, chosen)


def try_all(folder: Path, chosen: list[Mutation]) -> int:
    """Print a line for each mutation; 1 if one was not caught."""
    print(f"{'mutation (* a known public bug)':<66} {'caught by':<92} seconds")
    survivors = []
    for mutation in chosen:
        start = time.monotonic()
        caught, text = try_mutation(folder, mutation)
        name = mutation.name + (" *" if mutation.public_bug else "")
        print(f"{name:<66} {text:<92} {time.monotonic() - start:7.1f}", flush=True)
        if not caught:
            survivors.append(mutation.name)
    print(f"\n{len(chosen) - len(survivors)} of {len(chosen)} mutations caught")
    for name in survivors:
        print(f"NOT CAUGHT: {name}")
    return 1 if survivors else 0


if __name__ == "__main__":
    sys.exit(main())
