"""The cell that fetches the course where there is no acflib, as on Colab.

Simulated: a Python without acflib and without any package, a folder of its own, no make, a git server (a repository on
this disk), pip (a module that writes down what it is asked for), google.colab. Not simulated, and never tried: Colab,
its packages, a real pip.
"""

import ast
import json
import os
import re
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

from acflib.errors import ConfigError
from tests.house.lesson_form import check_copies, check_hand_cells, check_tags, check_text_share
from tests.house.test_packaging import PROJECT
from tools.first_cell import NOWHERE, TAG, first_cell, main, put_first_cell
from tools.notebook_cells import lessons

pytestmark = pytest.mark.usefixtures("warm_python")

ROOT = Path(__file__).resolve().parents[2]
GIT = shutil.which("git")
FAKE_PIP = """
import json, os, pathlib, sys
with open(os.environ["PIP_LOG"], "a") as log:
    log.write(json.dumps(sys.argv[1:]) + chr(10))
if os.environ.get("PIP_FAILS"):
    sys.exit("no space left")
"""
# After the cell: what a lesson needs. The packages of this Python stand in for those that pip would have installed.
NEXT_CELLS = """
sys.path.append({packages!r})
import acflib
model = acflib.load_pretrained("streets-acf-sum")
repository = Path(acflib.__file__).resolve().parents[1]
print(repository, model.num_classes, (repository / "results" / "notebooks.json").is_file())
"""


@pytest.fixture(scope="module")
def server(tmp_path_factory) -> Path:
    """The course as git would serve it: what a lesson reads, in a repository of one commit."""
    if GIT is None:
        pytest.skip("needs git")
    folder = tmp_path_factory.mktemp("server") / "course"
    for name in ("acflib", "data/weights", "results"):
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", folder)
    author = ("-c", "user.name=a", "-c", "user.email=a@b.c", "-c", "commit.gpgsign=false")
    for command in (["init", "-q"], ["add", "-A"], [*author, "commit", "-q", "-m", "course"]):
        subprocess.run([GIT, *command], cwd=folder, check=True, capture_output=True)
    return folder


@pytest.fixture
def machine(tmp_path):
    """A fresh Python in an empty folder: a function that runs code in it, with nothing but git on the path."""
    python = tmp_path / "python"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", python], check=True)
    (site,) = python.glob("lib/python*/site-packages")
    (site / "pip").mkdir()
    (site / "pip" / "__main__.py").write_text(FAKE_PIP)
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "git").symlink_to(GIT)
    (tmp_path / "content").mkdir()

    def run(code: str, **variables: str) -> subprocess.CompletedProcess:
        own = {"PATH": str(tmp_path / "bin"), "HOME": str(tmp_path), "PIP_LOG": str(tmp_path / "pip.log")}
        command = [python / "bin" / "python", "-c", code]
        return subprocess.run(command, cwd=tmp_path / "content", env=own | variables, capture_output=True, text=True)

    run.folder, run.log = tmp_path / "content", tmp_path / "pip.log"
    return run


def asked(log: Path) -> list[list[str]]:
    return [json.loads(line) for line in log.read_text().splitlines()] if log.exists() else []


needs_posix = pytest.mark.skipif(os.name == "nt", reason="the simulated machine is a POSIX one")


@needs_posix
def test_a_machine_without_the_course_gets_it(machine, server):
    cell = first_cell(server.as_uri())
    assert "No module named 'acflib'" in machine("import acflib").stderr  # it is a fresh one
    done = machine(cell + NEXT_CELLS.format(packages=sysconfig.get_path("purelib")))
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == [str(machine.folder / "acfnet"), "19", "True"]
    ((*command, editable, course, other),) = asked(machine.log)
    assert (command, editable) == (["install", "--quiet"], "--editable")
    assert course == "./acfnet[figures,weights,photographs]"
    assert other == "anywidget>=0.9"


@needs_posix
def test_what_broke_off_goes_on_where_it_was(machine, server):
    cell = first_cell(server.as_uri())
    broken = machine(cell, PIP_FAILS="yes")
    assert broken.returncode != 0 and "no space left" in broken.stderr
    assert (machine.folder / "acfnet").is_dir()
    assert machine(cell).returncode == 0 and len(asked(machine.log)) == 2


@needs_posix
def test_an_address_without_a_course_says_what_git_says(machine, tmp_path):
    done = machine(first_cell((tmp_path / "nothing").as_uri()))
    assert "AssertionError: fatal:" in done.stderr and asked(machine.log) == []


@needs_posix
def test_the_placeholder_says_what_to_do(machine):
    done = machine(first_cell())
    assert "AssertionError: no acflib here: start with `make lab`" in done.stderr and "COURSE" in done.stderr


def test_where_acflib_is_installed_nothing_happens(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(subprocess, "run", lambda *a, **k: pytest.fail("ran a command"))
    before = list(sys.path)
    exec(first_cell(), {})
    assert sys.path == before and list(tmp_path.iterdir()) == []


def test_colab_shows_widgets(monkeypatch):
    calls = []
    colab = type(sys)("google.colab")
    colab.output = type(sys)("google.colab.output")
    colab.output.enable_custom_widget_manager = lambda: calls.append("on")
    monkeypatch.setitem(sys.modules, "google", type(sys)("google"))
    monkeypatch.setitem(sys.modules, "google.colab", colab)
    exec(first_cell(), {})
    assert calls == ["on"]


def test_it_installs_all_that_lessons_import():
    """Everything of the extra `notebooks` but JupyterLab and the kernel, which run already."""
    names = lambda texts: {re.match(r"[\w.-]+", text)[0] for text in texts}  # noqa: E731
    extras = re.search(r"acfnet\[([\w,]+)\]", first_cell())[1].split(",")
    installed = names(text for extra in extras for text in PROJECT["optional-dependencies"][extra])
    installed |= {"anywidget", "ipywidgets"}  # the first needs the second
    wanted = names(PROJECT["optional-dependencies"]["notebooks"]) - {"jupyterlab", "ipykernel"}
    assert wanted <= installed
    assert '"anywidget>=0.9"' in first_cell() and "anywidget>=0.9" in PROJECT["optional-dependencies"]["notebooks"]


def test_it_is_short_and_of_no_machine():
    cell = first_cell()
    assert len(cell.splitlines()) <= 30 and max(map(len, cell.splitlines())) <= 120
    ast.parse(cell)  # no magics: other tools read lessons as Python
    assert NOWHERE in cell and str(ROOT) not in cell


@pytest.mark.parametrize("address", ["", " ", 'a"b', "a\nb", "a{b}", "--upload-pack=x", "a\\b"])
def test_what_is_no_address(address: str):
    with pytest.raises(ConfigError, match="--course"):
        first_cell(address)


@pytest.fixture
def lesson(tmp_path) -> Path:
    cells = [new_markdown_cell("# 01 · A lesson", id="l01-00"), new_code_cell("x = 1", id="l01-01")]
    path = tmp_path / "01_a.ipynb"
    nbformat.write(new_notebook(cells=cells), path)
    return path


def test_it_is_written_once_and_replaced(lesson):
    assert main([str(lesson), "--course", "https://host.example/first"]) == 0
    assert main([str(lesson), "--course", "https://host.example/second"]) == 0
    notebook = nbformat.read(lesson, as_version=4)
    nbformat.validate(notebook)
    assert [cell.id for cell in notebook.cells] == ["l01-00", f"l01-{TAG}", "l01-01"]
    assert notebook.cells[1].source == first_cell("https://host.example/second")


def test_a_bad_file_is_named_and_no_other_is_changed(lesson, tmp_path, capsys):
    before, bad = lesson.read_bytes(), tmp_path / "02_b.ipynb"
    nbformat.write(new_notebook(cells=[new_code_cell("x = 1")]), bad)
    assert main([str(lesson), str(bad)]) == 2
    assert "02_b.ipynb" in capsys.readouterr().err and lesson.read_bytes() == before
    bad.write_text("no notebook")
    assert main([str(lesson), str(bad)]) == 2
    assert "02_b.ipynb" in capsys.readouterr().err and lesson.read_bytes() == before


def test_cells_that_lessons_have_are_those_of_the_tool():
    """All of them, of one address: a cell mended by hand would be lost with the next address."""
    paths = lessons() + lessons(ROOT / "notebooks" / "solutions")
    found = {path: setup_cells(nbformat.read(path, as_version=4)) for path in paths}
    sources = [source for cells in found.values() for source in cells]
    wanted = {first_cell(re.search(r'^COURSE = "(.+)"$', source, re.MULTILINE)[1]) for source in sources}
    assert len(wanted) <= 1 and set(sources) == wanted
    assert {len(cells) for cells in found.values()} in ({0}, {1}), "python tools/first_cell.py writes all of them"


def setup_cells(notebook: nbformat.NotebookNode) -> list[str]:
    return [cell.source for cell in notebook.cells if TAG in cell.metadata.get("tags", [])]


@pytest.mark.parametrize("path", lessons(), ids=lambda path: path.stem)
def test_lessons_keep_their_form_with_it(path: Path):
    notebook = nbformat.read(path, as_version=4)
    put_first_cell(notebook)
    checks = (check_text_share, check_tags, check_hand_cells, check_copies)
    assert [complaint for check in checks for complaint in check(notebook)] == []
