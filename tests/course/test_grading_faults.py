"""Files and installations that the grader cannot work with, and stops in between."""

import csv
import json
import os
import subprocess
import sys
import time
from pathlib import Path

import nbformat
import pytest

from acflib.cli.parser import main
from acflib.course.grading import session as grading_session
from acflib.course.grading.grade import grade_notebook
from acflib.errors import ConfigError, DataError
from tests.course.test_grading import RIGHT, ROWS, SOLUTIONS, found, grade, write
from tests.runs import in_the_background

pytestmark = pytest.mark.usefixtures("warm_python")

# ---- files and installations that do not do

NO_NOTEBOOKS = {
    "text": ("no notebook", "is no Jupyter notebook"),
    "another JSON": ("[1, 2]", "is no Jupyter notebook"),
    "empty": ("", "is no Jupyter notebook"),
    "R": (
        '{"cells":[],"metadata":{"kernelspec":{"name":"ir","display_name":"R","language":"R"}},"nbformat":4,"nbformat_minor":5}',
        "in R",
    ),
    "no lesson": ('{"cells":[],"metadata":{},"nbformat":4,"nbformat_minor":5}', "no lesson with exercises"),
}


@pytest.mark.parametrize("kind", NO_NOTEBOOKS)
def test_files_that_are_no_notebook_are_named(tmp_path, kind):
    text, message = NO_NOTEBOOKS[kind]
    path = tmp_path / "strange.ipynb"
    path.write_text(text)
    with pytest.raises(DataError, match="strange.ipynb") as error:
        grade(path)
    assert message in str(error.value)


def test_a_file_that_is_no_notebook_costs_its_owner_alone(tmp_path, capsys):
    """Those before it and after it are graded; it has a row that says why not, and the status tells of it."""
    bad = []
    for kind, (text, _) in NO_NOTEBOOKS.items():
        bad.append(tmp_path / f"{kind}.ipynb")
        bad[-1].write_text(text)
    (tmp_path / "folder.ipynb").mkdir()
    anna, boris = write(tmp_path / "anna.ipynb", ROWS), write(tmp_path / "boris.ipynb", RIGHT["hard_centers"])
    paths = [anna, *bad, tmp_path / "folder.ipynb", boris]
    assert main(["grade", *map(str, paths), "--out", str(tmp_path / "g"), "--seed", "3"]) == 1
    with open(tmp_path / "g.csv", encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert list(dict.fromkeys(row["notebook"] for row in rows)) == [str(path) for path in paths]
    strange = [row for row in rows if row["notebook"] not in (str(anna), str(boris))]
    assert len(strange) == len(bad) + 1 and len(rows) == len(strange) + 6
    assert all(row["earned"] == "0" and row["solved"] == "False" and row["lesson"] == "" for row in strange)
    said = capsys.readouterr().err
    for row, (_, message) in zip(strange, NO_NOTEBOOKS.values(), strict=False):
        assert message in row["message"] and message in said
    record = json.loads((tmp_path / "g.json").read_text(encoding="utf-8"))
    assert [n["earned"] for n in record["notebooks"]] == [2] + [0] * (len(paths) - 2) + [4]
    assert [bool(n["problem"]) for n in record["notebooks"]] == [False, *[True] * len(strange), False]


STRANGE_CELLS = {
    "a thousand brackets": "x = " + "(" * 1000 + ")" * 1000,
    "null bytes": "x = '\0'",
    "half a character": "x = '\udc80'",
}


@pytest.mark.parametrize("kind", STRANGE_CELLS)
def test_strange_cells_cost_nobody_else(tmp_path, kind):
    strange, boris = tmp_path / "strange.ipynb", write(tmp_path / "boris.ipynb", RIGHT["hard_centers"])
    notebook = nbformat.read(write(strange, "STRANGE", RIGHT["hard_centers"]), as_version=4)
    notebook.cells[2].source = STRANGE_CELLS[kind]
    strange.write_text(json.dumps(notebook), encoding="utf-8")
    assert main(["grade", str(strange), str(boris), "--out", str(tmp_path / "g"), "--seed", "3"]) in (0, 1)
    record = json.loads((tmp_path / "g.json").read_text(encoding="utf-8"))
    assert record["notebooks"][1]["earned"] == 4


def test_grades_are_written_as_they_come(tmp_path, monkeypatch):
    """What comes after the first notebook, here an error of the grader, loses nothing of it."""
    anna, boris = write(tmp_path / "anna.ipynb", RIGHT["hard_centers"]), write(tmp_path / "boris.ipynb", ROWS)

    def only_once(*arguments):
        monkeypatch.setattr(grading_session, "start_kernel", no_more)
        return start(*arguments)

    def no_more(*_):
        raise ConfigError("no kernel starts")

    start = grading_session.start_kernel
    monkeypatch.setattr(grading_session, "start_kernel", only_once)
    assert main(["grade", str(anna), str(boris), "--out", str(tmp_path / "g"), "--jobs", "1"]) == 2
    assert [n["earned"] for n in json.loads((tmp_path / "g.json").read_text(encoding="utf-8"))["notebooks"]] == [4]


def test_a_kernel_that_dies_at_its_start_is_started_again(tmp_path, monkeypatch):
    """As where another process takes its port: the first one ends before it answers."""
    from ipykernel import kernelspec

    died = tmp_path / "died"
    code = (
        f"import os, sys; died = {str(died)!r}\n"
        "if not os.path.exists(died): open(died, 'w').close(); sys.exit(1)\n"
        "from ipykernel import kernelapp; kernelapp.launch_new_instance(['-f', sys.argv[1]])"
    )
    found = kernelspec.get_kernel_dict() | {"argv": [sys.executable, "-c", code, "{connection_file}"]}
    monkeypatch.setattr(kernelspec, "get_kernel_dict", lambda *_: found)
    anna = write(tmp_path / "anna.ipynb", RIGHT["hard_centers"])
    assert main(["grade", str(anna), "--out", str(tmp_path / "g"), "--jobs", "1"]) in (0, 1)
    assert died.exists()
    assert json.loads((tmp_path / "g.json").read_text(encoding="utf-8"))["notebooks"][0]["earned"] == 4


@pytest.mark.skipif(os.name == "nt", reason="needs a POSIX shell")
def test_stopped_in_the_background(tmp_path):
    """SIGTERM, where a script has started it with & and SIGINT is ignored: it ends at once, its kernel too."""
    psutil = pytest.importorskip("psutil")
    loop = "import os\nwith open('reached', 'w') as file:\n    file.write(str(os.getpid()))\nwhile True:\n    pass"
    paths = [write(tmp_path / "anna.ipynb", RIGHT["hard_centers"]), write(tmp_path / "boris.ipynb", loop, ROWS)]
    command = [sys.executable, "-m", "acflib", "grade", *map(str, paths), "--out", str(tmp_path / "g"), "--jobs", "1"]
    with in_the_background():
        process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    deadline = time.monotonic() + 120
    waited_for = [tmp_path / "reached", tmp_path / "g.csv"]  # boris is at work, anna is written
    while not all(path.exists() and path.read_text() for path in waited_for) and time.monotonic() < deadline:
        time.sleep(0.1)
    time.sleep(1)  # and counted
    kernel = psutil.Process(int((tmp_path / "reached").read_text()))
    process.terminate()
    assert process.wait(timeout=28) == 130
    assert "stopped: 1 notebooks in" in process.stderr.read()
    with open(tmp_path / "g.csv", encoding="utf-8", newline="") as file:
        assert [row["earned"] for row in csv.DictReader(file)] == ["4", "0", "0"]
    assert psutil.wait_procs([kernel], timeout=20)[1] == []


def test_a_missing_file_is_named_before_anything_runs(tmp_path, monkeypatch):
    monkeypatch.setattr(grading_session, "start_kernel", lambda *_: pytest.fail("a kernel was started"))
    good = write(tmp_path / "good.ipynb", ROWS)
    assert main(["grade", str(good), str(tmp_path / "none.ipynb")]) == 2
    with pytest.raises(DataError, match="none.ipynb: cannot be read"):
        grade(tmp_path / "none.ipynb")


@pytest.mark.parametrize("package", ["nbclient", "ipykernel", "nbformat"])
def test_missing_packages(tmp_path, monkeypatch, package):
    path = write(tmp_path / "a.ipynb", ROWS)
    for name in [name for name in sys.modules if name.split(".")[0] == package]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(ConfigError, match=f"{package} is not installed.*pip install nbclient ipykernel"):
        grade(path)


def test_a_kernel_that_does_not_start(tmp_path, monkeypatch):
    import ipykernel.kernelspec

    dead = {"argv": [sys.executable, "-c", "raise SystemExit(1)"], "display_name": "dead", "language": "python"}
    monkeypatch.setattr(ipykernel.kernelspec, "get_kernel_dict", lambda: dead)
    with pytest.raises(ConfigError, match="no Python kernel starts"):
        grade(write(tmp_path / "a.ipynb", ROWS))


@pytest.mark.parametrize(
    "flags",
    [
        ["--timeout", "0"],
        ["--seed", "-1"],
        ["--out", "{file}/grades"],
        ["--jobs", "0"],
        ["--columns", "blackboard", "--totals", "{file}.csv"],
        ["--columns", "moodle"],
        ["--student", "name"],
    ],
)
def test_wrong_flags(tmp_path, capsys, flags):
    path = write(tmp_path / "a.ipynb", ROWS)
    assert main(["grade", str(path), *[flag.format(file=path) for flag in flags]]) == 2
    assert flags[0] in capsys.readouterr().err


@pytest.mark.slow
@pytest.mark.parametrize("path", sorted(SOLUTIONS.glob("*.ipynb")), ids=lambda path: path.stem)
def test_the_solutions_earn_all_points(path: Path):
    graded = grade_notebook(path, seed=11)
    assert graded.earned == graded.points > 0, found(graded)
