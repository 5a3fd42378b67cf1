"""Install the wheel in a fresh environment of each Python, run it there, and fill the table of the README.

    python tools/python_matrix.py --python 3.10 3.12          these Pythons, with the pins of constraints.txt
    python tools/python_matrix.py --python 3.10 --oldest      with the oldest versions that pyproject.toml allows
    python tools/python_matrix.py --python 3.13 --tests tests/layers "tests/test_*.py"
    python tools/python_matrix.py --table                     fills the table from the stored file alone

Each Python is a row of results/python_matrix.json, written when it is done; the other rows stay. An environment takes
some gigabytes, lies in the temporary folder (TMPDIR), and is deleted afterwards. Pythons are looked for on the path,
then in ~/.pyenv/versions; a path to one works too. The exit status is 1 where anything failed.
"""

import argparse
import glob
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
import time
import xml.etree.ElementTree as ElementTree
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
if __name__ == "__main__":
    sys.path.insert(0, str(ROOT))

from acflib.engine.files import write_whole  # noqa: E402
from acflib.engine.machine import commit, cpu_name  # noqa: E402
from tools import marked  # noqa: E402

RESULTS, PAGE = ROOT / "results" / "python_matrix.json", ROOT / "README.md"
MAKEFILE = ROOT / "Makefile"
BEGIN, END = "<!-- pythons: made by tools/python_matrix.py -->", "<!-- end of pythons -->"
EXTRAS = "notebooks,tensorboard,test,dev"  # as make
# The oldest versions are promised for the core and the command line: beside them only what their tests import.
OLDEST_TOOLS = (
    "pytest", "pytest-timeout", "hypothesis", "scikit-learn", "scipy", "matplotlib", "cityscapesscripts", "safetensors",
)  # fmt: skip
TESTS = ("tests",)
OLDEST_TESTS = ("tests/test_*.py", "tests/layers", "tests/engine", "tests/cli/test_cli.py")
CALLS = {
    "import acflib": ("python", "-c", "import acflib"),
    "acflib --help": ("acflib", "--help"),
    "acflib doctor": ("acflib", "doctor"),
}


def find_python(name: str) -> str | None:
    """The executable of "3.12" (on the path, else the last of pyenv's), or of a path; None where there is none."""
    if os.sep in name:
        return name if version_of(name) else None
    of_pyenv = sorted(glob.glob(os.path.expanduser(f"~/.pyenv/versions/{name}.*/bin/python")), reverse=True)
    found = [python for python in (shutil.which(f"python{name}"), *of_pyenv) if python and version_of(python)]
    return found[0] if found else None


def version_of(python: str) -> str:
    """ "3.12.1"; "" where it cannot be started, like pyenv's stand-in for a Python that is not chosen."""
    try:
        command = [python, "-c", "import platform; print(platform.python_version())"]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return ""


def oldest_pins(pyproject: str) -> list[str]:
    """The lower ends of the ranges of ``dependencies`` in the text of pyproject.toml, as pins such as "torch==2.6"."""
    ranges = re.search(r"^dependencies = \[(.*?)^\]", pyproject, re.MULTILINE | re.DOTALL)
    return [f"{name}=={least}" for name, least in re.findall(r'"([\w-]+)>=([\d.]+)"', ranges[1])] if ranges else []


def examine(python: str, oldest: bool, tests: list[str], timeout: float, folder: Path) -> dict:
    """Make an environment in ``folder``, install, run: a row of the file. Minutes, and gigabytes of disk."""
    start = time.perf_counter()
    problem = install(python, oldest, folder)
    row = {
        "python": version_of(python),
        "pins": "the oldest of pyproject.toml" if oldest else "constraints.txt",
        "install_seconds": round(time.perf_counter() - start),
        "problem": problem,
    }
    if not problem:
        row |= {"packages": packages(folder), "disk": disk(folder / "venv")}
        row["calls"] = {
            name: run(bin_of(folder, command[0]), *command[1:], cwd=folder, timeout=timeout)[0]
            for name, command in CALLS.items()
        }
        row["tests"] = tests
        row |= run_tests(folder, tests, timeout)
    return row | {"machine": {"system": sys.platform, "cpu": cpu_name(), "cores": os.cpu_count(), "commit": commit()}}


def install(python: str, oldest: bool, folder: Path) -> str:
    """The wheel of this working tree and what it needs, into the new ``folder/venv``; "" or what went wrong."""
    source = copy_source(folder / "source")
    pip = (bin_of(folder, "python"), "-m", "pip", "--disable-pip-version-check")
    for step in (
        (python, "-m", "venv", str(folder / "venv")),
        (*pip, "wheel", "--quiet", "--no-deps", "--wheel-dir", str(folder), str(source)),
    ):
        status, output = run(*step, cwd=folder)
        if status:
            return last_line(output)
    wheel = next(folder.glob("*.whl")).as_uri()
    if oldest:
        what = (f"acflib @ {wheel}", *oldest_pins((ROOT / "pyproject.toml").read_text(encoding="utf-8")), *OLDEST_TOOLS)
    else:
        what = ("-c", str(ROOT / "constraints.txt"), f"acflib[{EXTRAS}] @ {wheel}")
    status, output = run(*pip, "install", "--quiet", *what, cwd=folder)
    return last_line(output) if status else ""


def copy_source(folder: Path) -> Path:
    """What a wheel is built from, in a new folder: a build leaves files beside its source."""
    folder.mkdir()
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, folder)
    for name in ("acflib", "data/weights"):
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    return folder


def last_line(output: str) -> str:
    return (output.strip().splitlines() or ["it said nothing"])[-1]


def run(*command: str, cwd: Path, timeout: float | None = None) -> tuple[int, str]:
    """Exit status (-1: it took too long) and joint output; nothing of this process's Python reaches the command."""
    environment = {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "VIRTUAL_ENV")}
    try:
        done = subprocess.run(
            command, cwd=cwd, env=environment, timeout=timeout, check=False, text=True, errors="replace",
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        return -1, ""
    print(done.stdout, flush=True)
    return done.returncode, done.stdout


def bin_of(folder: Path, name: str) -> str:
    """A program of the environment in ``folder``."""
    return str(folder / "venv" / ("Scripts" if os.name == "nt" else "bin") / name)


def packages(folder: Path) -> dict[str, str]:
    """Name -> version of all that is installed, without acflib."""
    _, listed = run(
        bin_of(folder, "python"), "-m", "pip", "list", "--format", "json", "--disable-pip-version-check", cwd=folder
    )
    found = {entry["name"].lower(): entry["version"] for entry in json.loads(listed)}
    return {name: found[name] for name in sorted(found) if name != "acflib"}


def disk(environment: Path) -> dict[str, int]:
    """Bytes of an environment, and of what in it serves NVIDIA GPUs alone: "all" and "gpu"."""
    sizes = {"all": 0, "gpu": 0}
    for path in environment.rglob("*"):
        if path.is_file() and not path.is_symlink():
            inside = path.as_posix().partition("site-packages/")[2]
            gpu = re.match(r"(nvidia|cuda|triton)[^/]*/|torch/lib/lib\w*cuda\w*\.so|torch/lib/lib\w*nvshmem", inside)
            for kind in ("all", "gpu") if gpu else ("all",):
                sizes[kind] += path.stat().st_size
    return sizes


def run_tests(folder: Path, tests: list[str], timeout: float) -> dict:
    """Run test files, folders or patterns of the working tree; counts, and the names of what failed."""
    paths = [path for test in tests for path in sorted(glob.glob(test, root_dir=ROOT))]
    report = folder / "report.xml"
    start = time.perf_counter()
    pytest = (bin_of(folder, "python"), "-m", "pytest", "-q", "-p", "no:cacheprovider", "--junit-xml", str(report))
    status, _ = run(*pytest, *paths, cwd=ROOT, timeout=timeout)
    counts = {"passed": 0, "failed": 0, "skipped": 0, "failures": []}
    if report.exists():
        counts = count(report.read_text(encoding="utf-8"))
    return {"pytest_status": status, "seconds": round(time.perf_counter() - start), **counts}


def count(report: str) -> dict:
    """Passed, failed (errors too) and skipped in a report of pytest (JUnit XML), and the names of what failed."""
    cases = list(ElementTree.fromstring(report).iter("testcase"))
    failures = [case for case in cases if case.find("failure") is not None or case.find("error") is not None]
    skipped = [case for case in cases if case.find("skipped") is not None]
    return {
        "passed": len(cases) - len(failures) - len(skipped),
        "failed": len(failures),
        "skipped": len(skipped),
        "failures": sorted(f"{case.get('classname')}::{case.get('name')}" for case in failures),
    }


def worked(row: dict) -> bool:
    """Whether all that a row tells of went well, and there were tests."""
    if row["problem"] or any(row["calls"].values()):
        return False
    return row["pytest_status"] == 0 and row["failed"] == 0 and row["passed"] > 0


def stored() -> dict[str, dict]:
    """The rows of the file: "3.12" or "3.10 oldest" -> row."""
    return json.loads(RESULTS.read_text(encoding="utf-8"))["rows"] if RESULTS.exists() else {}


def store(name: str, row: dict) -> None:
    """Put one row into the file, in the place of an older one."""
    rows = stored() | {name: row}
    ordered = {key: rows[key] for key in sorted(rows, key=lambda key: (" " in key, key))}
    write_whole(RESULTS, (json.dumps({"rows": ordered}, indent=2) + "\n").encode())


def table(rows: dict[str, dict], makefile: str) -> str:
    """The rows as a table in Markdown, and what did not run of the Pythons that the text of the Makefile promises."""
    lines = [
        "| Python | versions | torch | installed, imported, `--help`, `doctor` | tests: passed, failed, skipped | of |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    for row in rows.values():
        wrong = [row["problem"]] if row["problem"] else [name for name, status in row["calls"].items() if status]
        counts = ", ".join(str(row[key]) for key in ("passed", "failed", "skipped")) if "passed" in row else "not run"
        cells = [row["python"], f"`{row['pins']}`", row.get("packages", {}).get("torch", "")]
        cells += ["failed: " + ", ".join(wrong) if wrong else "yes", counts]
        lines.append("| " + " | ".join([*cells, ", ".join(f"`{test}`" for test in row.get("tests", []))]) + " |")
    missing = [f"3.{minor}" for minor in promised(makefile) if f"3.{minor}" not in rows]
    return "\n".join([*lines, *(["", f"Not run yet: Python {', '.join(missing)}."] if missing else [])])


def promised(makefile: str) -> range:
    """The minor versions of Python 3 that make takes, from the text of the Makefile."""
    found = re.search(r"\(3, (\d+)\) <= sys.version_info\[:2\] <= \(3, (\d+)\)", makefile)
    return range(int(found[1]), int(found[2]) + 1) if found else range(0)


def filled(page: str) -> str:
    """The page with the table of today."""
    return marked.filled(page, BEGIN, END, table(stored(), MAKEFILE.read_text(encoding="utf-8")))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--python", nargs="+", default=[], metavar="3.12", help="versions, or paths to Pythons")
    parser.add_argument("--oldest", action="store_true", help="the oldest versions that pyproject.toml allows")
    parser.add_argument("--tests", nargs="+", help="test files, folders or patterns (default: all quick tests)")
    parser.add_argument(
        "--timeout", type=float, default=3600, help="seconds for a command or the tests (default: 3600)"
    )
    parser.add_argument("--table", action="store_true", help="run nothing, fill the table from the stored file")
    given = parser.parse_args()
    if bool(given.python) == given.table:
        parser.error("give --python 3.10 3.11 ..., or --table")
    pythons = {name: find_python(name) for name in given.python}
    if missing := [name for name, found in pythons.items() if not found]:
        parser.error(f"no Python {', '.join(missing)} here, on the path or in ~/.pyenv/versions: give its path")
    tests = given.tests or list(OLDEST_TESTS if given.oldest else TESTS)
    if empty := [test for test in tests if not glob.glob(test, root_dir=ROOT)]:
        parser.error(
            f"no tests of that name: {', '.join(empty)} (files, folders or patterns from the repository's root)"
        )
    good = True
    for python in pythons.values():
        assert python is not None
        with tempfile.TemporaryDirectory(prefix="acflib-matrix-") as folder:
            row = examine(python, given.oldest, tests, given.timeout, Path(folder))
        name = ".".join(row["python"].split(".")[:2])
        flags = (" --oldest" if given.oldest else "") + (f" --tests {shlex.join(given.tests)}" if given.tests else "")
        row["command"] = f"python tools/python_matrix.py --python {name}{flags}"
        store(name + (" oldest" if given.oldest else ""), row)
        good = good and worked(row)
    write_whole(PAGE, filled(PAGE.read_text(encoding="utf-8")).encode())
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
