"""The recipe of docs/instructors.md for a copy without solutions does what it says: its lines are run as they stand."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest

from tests.house.test_makefile import PYTHON

ROOT = Path(__file__).resolve().parents[2]
TEXT = (ROOT / "docs" / "instructors.md").read_text(encoding="utf-8")
RECIPE = re.search(r"<!-- recipe: .+? -->\n(.+?)<!-- end of recipe -->", TEXT, re.DOTALL)
REMOVED = ("notebooks/solutions", "tests", "docs/instructors.md")
NAMED = {f"GIT_{who}_{what}": "a@b.c" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}

pytestmark = [
    pytest.mark.skipif(shutil.which("git") is None or not (ROOT / ".git").exists(), reason="not a git checkout"),
    pytest.mark.skipif(os.name == "nt", reason="the recipe is for a POSIX shell"),
]


def git(*arguments: str, folder: Path = ROOT) -> str:
    done = subprocess.run(["git", *arguments], cwd=folder, capture_output=True, text=True, timeout=120, check=True)
    return done.stdout


@pytest.fixture(scope="module")
def pushed(tmp_path_factory) -> tuple[Path, Path]:
    """The repository that students get, and the folder in which it was made."""
    folder = tmp_path_factory.mktemp("recipe")
    git("init", "-q", "--bare", "-b", "main", str(folder / "students.git"))
    lines = [line.strip() for line in RECIPE[1].splitlines()]
    script = "\n".join(lines).replace("https://HOST/YOUR_COPY/acfnet", ROOT.as_uri())
    script = script.replace("https://HOST/FOR_STUDENTS/acfnet", (folder / "students.git").as_uri())
    assert "HOST" not in script
    environment = {**os.environ, **NAMED}
    subprocess.run(
        ["sh", "-e", "-c", script], cwd=folder, env=environment, check=True, capture_output=True, timeout=300
    )
    return folder / "students.git", folder


def test_no_commit_of_it_holds_what_was_removed(pushed):
    repository, _ = pushed
    assert len(git("rev-list", "--all", folder=repository).split()) == 1
    here = {line.split()[2] for line in git("ls-tree", "-r", "HEAD", "--", *REMOVED).splitlines()}
    stays = {
        line.split()[2]
        for line in git("ls-tree", "-r", "HEAD").splitlines()
        if not line.split("\t")[1].startswith(REMOVED)
    }
    there = {line.split()[0] for line in git("rev-list", "--objects", "--all", folder=repository).splitlines()}
    assert len(here) > 50 and not (here - stays) & there  # empty files are alike everywhere
    assert stays <= there


@pytest.mark.skipif(shutil.which("make") is None, reason="there is no make here")
def test_make_lab_gives_students_all_lessons_and_no_solution(pushed):
    repository, folder = pushed
    git("clone", "-q", str(repository), "theirs", folder=folder)
    theirs = folder / "theirs"
    python = theirs / ".venv" / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.write_text(PYTHON.format(fails="nothing"), encoding="utf-8")
    python.chmod(0o755)
    (theirs / ".venv" / ".ready").touch()
    environment = {name: value for name, value in os.environ.items() if not name.startswith("MAKE")}
    subprocess.run(["make", "lab"], cwd=theirs, env=environment, check=True, capture_output=True, timeout=60)
    assert (theirs / "calls").read_text().splitlines()[0] == "tools/my_lessons.py"
    subprocess.run([sys.executable, "tools/my_lessons.py"], cwd=theirs, check=True, capture_output=True, timeout=60)
    copies = sorted(path.name for path in (theirs / "my-lessons").rglob("*.ipynb"))
    assert copies == sorted(path.name for path in (ROOT / "notebooks").glob("*.ipynb"))
    assert not list(theirs.rglob("*solutions*"))


def test_its_notebooks_are_tested_without_the_tests_folder(pushed, tmp_path):
    """As `make test` does it, by workers: the stored output of a cell is compared, and a wrong one is found."""
    repository, _ = pushed
    git("clone", "-q", str(repository), "theirs", folder=tmp_path)
    assert not (tmp_path / "theirs" / "tests").exists()
    cell = nbformat.v4.new_code_cell("6 * 7", execution_count=1)
    for name, stored in (("right", "42"), ("wrong", "41")):
        data = {"text/plain": stored}
        cell.outputs = [nbformat.v4.new_output("execute_result", data=data, execution_count=1)]
        nbformat.write(nbformat.v4.new_notebook(cells=[cell]), tmp_path / "theirs" / f"{name}.ipynb")
    command = [sys.executable, "-m", "pytest", "-n", "1", "--nbval", "right.ipynb", "wrong.ipynb"]
    done = subprocess.run(command, cwd=tmp_path / "theirs", capture_output=True, text=True, timeout=120)
    assert "1 failed, 1 passed" in done.stdout, done.stdout + done.stderr
