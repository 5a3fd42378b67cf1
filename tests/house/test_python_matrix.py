"""Which Pythons acflib ran on: the file of tools/python_matrix.py, the README's table of it, and how it is made."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tools import python_matrix
from tools.python_matrix import count, examine, filled, find_python, oldest_pins, promised, store, stored, table, worked

ROOT = Path(__file__).resolve().parents[2]
MAKEFILE = "import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 12))"
ROW = {
    "python": "3.11.7", "pins": "constraints.txt", "problem": "", "packages": {"torch": "2.6.0"}, "calls": {"help": 0},
    "tests": ["tests/a.py"], "pytest_status": 0, "passed": 5, "failed": 0, "skipped": 1,
}  # fmt: skip


def test_the_table_of_the_readme_is_up_to_date():
    page = (ROOT / "README.md").read_text(encoding="utf-8")
    assert page == filled(page), "run: python tools/python_matrix.py --table"


def test_all_that_ran_worked():
    assert stored() and {name: row for name, row in stored().items() if not worked(row)} == {}


def test_the_oldest_that_ran_are_those_that_are_promised():
    """At least one row; its versions are the lower ends of the ranges."""
    rows = [row for row in stored().values() if row["pins"] != "constraints.txt"]
    pins = dict(pin.split("==") for pin in oldest_pins((ROOT / "pyproject.toml").read_text(encoding="utf-8")))
    assert rows and set(pins) == {"torch", "torchvision", "numpy", "pillow", "tqdm"}
    for row in rows:
        for name, version in pins.items():
            found = row["packages"][name].split("+")[0]
            assert found.startswith(version) and found.removeprefix(version).strip(".0") == "", name


def test_what_an_environment_without_gpu_libraries_saves():
    """The page for instructors has the numbers of the last Python whose disk was measured."""
    disk = [row["disk"] for row in stored().values() if row["pins"] == "constraints.txt" and "disk" in row][-1]
    page = (ROOT / "docs" / "instructors.md").read_text(encoding="utf-8")
    assert f"{disk['gpu'] / 1e9:.1f} of the {disk['all'] / 1e9:.1f} GB" in page


def test_oldest_pins():
    text = '[project]\ndependencies = [\n    "torch>=2.6",\n    "a-b>=10",\n]\n[x]\nother = ["c>=1"]\n'
    assert oldest_pins(text) == ["torch==2.6", "a-b==10"]


def test_count():
    """A report as pytest writes it: an error while a test is set up is a failure."""
    cases = '<testcase classname="a" name="one"/><testcase classname="a" name="two"><failure/></testcase>'
    cases += '<testcase classname="b" name="three"><error/></testcase><testcase name="four"><skipped/></testcase>'
    found = count(f"<testsuites><testsuite>{cases}</testsuite></testsuites>")
    assert found == {"passed": 1, "failed": 2, "skipped": 1, "failures": ["a::two", "b::three"]}


def test_a_new_row_takes_the_place_of_the_old_one_alone(tmp_path, monkeypatch):
    monkeypatch.setattr(python_matrix, "RESULTS", tmp_path / "matrix.json")
    for name, row in (("3.12", {"n": 1}), ("3.10 oldest", {"n": 2}), ("3.10", {"n": 3}), ("3.12", {"n": 4})):
        store(name, row)
    assert list(stored().items()) == [("3.10", {"n": 3}), ("3.12", {"n": 4}), ("3.10 oldest", {"n": 2})]
    assert [path.name for path in tmp_path.iterdir()] == ["matrix.json"]


@pytest.mark.parametrize(
    "change",
    [{"problem": "no"}, {"calls": {"help": 2}}, {"pytest_status": -1}, {"failed": 1}, {"passed": 0}],
    ids=lambda change: next(iter(change)),
)
def test_what_did_not_work(change):
    assert worked(ROW) and not worked(ROW | change)


def test_table():
    failed = {"python": "3.13.0", "pins": "constraints.txt", "problem": "no such wheel"}
    lines = table({"3.11": ROW, "3.13": failed}, MAKEFILE).splitlines()
    assert lines[2] == "| 3.11.7 | `constraints.txt` | 2.6.0 | yes | 5, 0, 1 | `tests/a.py` |"
    assert "failed: no such wheel | not run" in lines[3] and lines[-1] == "Not run yet: Python 3.12."
    assert list(promised(MAKEFILE)) == [11, 12]


def test_an_installation_that_fails_is_a_row(tmp_path, monkeypatch):
    """Here it fails at its first step, for this is no Python."""
    monkeypatch.setattr(python_matrix, "version_of", lambda python: "3.12.1")
    row = examine("/bin/false" if Path("/bin/false").exists() else "/usr/bin/false", False, ["tests"], 60, tmp_path)
    assert row["problem"] and not worked(row) and "passed" not in row and json.dumps(row)


def test_a_python_that_is_not_there():
    assert find_python("3.99") is None and find_python("/no/such/python") is None and find_python(sys.executable)
    command = [sys.executable, str(ROOT / "tools" / "python_matrix.py"), "--python", "3.99"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert done.returncode == 2 and "no Python 3.99 here" in done.stderr
