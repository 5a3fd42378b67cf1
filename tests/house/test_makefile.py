"""`make test` runs all its parts and reports each; `make train` asks for its data; `make PYTHON=...` and `make CPU=1`.

All with a stand-in for Python.
"""

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PARTS = {
    "quick tests": "-m pytest -n auto -p no:nbval --dist worksteal",
    "browser tests": "-m pytest -n auto -p no:nbval -m browser and not slow",
    "notebooks": "-m pytest -n auto --dist loadfile --no-loadscope-reorder --nbval",
}

PYTHON = """#!/bin/sh
echo "$*" >> calls
echo "closing line of $*"
case "$*" in {fails}) exit 1;; esac
"""


def make(target: str, folder: Path, fails: str) -> tuple[int, str, list[str]]:
    """Exit status and output of a target where the calls of Python that fit a pattern fail, and all calls."""
    shutil.copy(ROOT / "Makefile", folder)
    for name in ("pyproject.toml", "constraints.txt"):
        (folder / name).touch()
    python = folder / ".venv" / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.write_text(PYTHON.format(fails=fails), encoding="utf-8")
    python.chmod(0o755)
    (folder / ".venv" / ".ready").touch()
    environment = {name: value for name, value in os.environ.items() if not name.startswith("MAKE")}
    done = subprocess.run(
        ["make", target], cwd=folder, env=environment, capture_output=True, text=True, timeout=60, check=False
    )
    return done.returncode, done.stdout, (folder / "calls").read_text(encoding="utf-8").splitlines()


@pytest.mark.skipif(shutil.which("make") is None, reason="there is no make here")
@pytest.mark.parametrize(
    "fails, failed",
    [
        ("nothing", set()),
        ("*worksteal", {"quick tests"}),
        ("*browser*", {"browser tests"}),
        ("*--nbval*", {"notebooks"}),
        ("*", set(PARTS)),
    ],
)
def test_every_part_runs_and_is_reported(tmp_path, fails, failed):
    status, printed, calls = make("test", tmp_path, fails)
    assert len(calls) == 3 and all(call.startswith(start) for call, start in zip(calls, PARTS.values(), strict=True))
    assert all(f"closing line of {call}" in printed for call in calls)
    assert printed.splitlines()[-3:] == [
        f"{name}: {'FAILED (exit status 1)' if name in failed else 'no failures'}" for name in PARTS
    ]
    assert (status == 0) == (not failed)


@pytest.mark.skipif(shutil.which("make") is None, reason="there is no make here")
@pytest.mark.parametrize("fails, commands", [("nothing", ["data", "train"]), ("*data*", ["data"])])
def test_training_starts_on_the_streets_of_this_version_alone(tmp_path, fails, commands):
    """`acflib data streets` refuses a folder of others; that such a folder is there must not pass it by."""
    old = tmp_path / "data" / "streets-128x64" / "streets.json"
    old.parent.mkdir(parents=True)
    old.write_text("{}")
    status, _, calls = make("train", tmp_path, fails)
    assert [call.split()[2] for call in calls] == commands and (status == 0) == (len(commands) == 2)


# A Python of version 3.12.1 whose environments hold one like it; {fails} and {version} as the cases need them.
FRESH = """#!/bin/sh
echo "$*" >> calls
case "$*" in
"-m venv .venv") mkdir -p .venv/bin; cp "$0" .venv/bin/python;;
*python_version*) echo {version};;
{fails}) exit 1;;
esac
"""
CPU_INSTALL = (
    "install .* -c constraints.txt .*--no-deps --index-url https://download.pytorch.org/whl/cpu torch torchvision"
)


def make_venv(folder: Path, *variables: str, fails: str = "nothing") -> tuple[int, str, list[str]]:
    """`make venv VARIABLES` in a folder: exit status, errors, and the calls of Python but for its version."""
    shutil.copy(ROOT / "Makefile", folder)
    for name in ("pyproject.toml", "constraints.txt"):
        if not (folder / name).exists():
            (folder / name).touch()
    python(folder / "python3.12", "3.12.1", fails)
    (folder / "calls").write_text("")
    done = subprocess.run(
        ["make", "venv", *variables], cwd=folder, capture_output=True, text=True, timeout=60, check=False,
        env={name: value for name, value in os.environ.items() if not name.startswith("MAKE")},
    )  # fmt: skip
    calls = (folder / "calls").read_text().splitlines()
    return done.returncode, done.stderr, [call for call in calls if "python_version" not in call]


def python(path: Path, version: str, fails: str = "nothing") -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(FRESH.format(version=version, fails=fails), encoding="utf-8")
    path.chmod(0o755)


@pytest.mark.skipif(shutil.which("make") is None, reason="there is no make here")
def test_without_gpu_libraries(tmp_path):
    """PyTorch first, from its own index and without what it needs; then the rest from where it always comes."""
    status, _, calls = make_venv(tmp_path, "PYTHON=./python3.12", "CPU=1")
    assert status == 0 and len(calls) == 4 and calls[0] == "-m venv .venv"
    assert re.search(CPU_INSTALL, calls[1]) and "'+cpu'" in calls[2]
    assert "--index-url" not in calls[3] and calls[3].endswith("-e .[notebooks,tensorboard,test,dev]")
    assert make_venv(tmp_path, "CPU=1")[::2] == (0, [])  # made already


@pytest.mark.skipif(shutil.which("make") is None, reason="there is no make here")
@pytest.mark.parametrize("fails", ["*--index-url*", "*+cpu*"])
def test_no_index_without_gpu_libraries(tmp_path, fails):
    """Not reached, or pip took a build with CUDA from elsewhere: nothing more is installed, the next try is anew."""
    for _ in range(2):
        status, errors, calls = make_venv(tmp_path, "PYTHON=./python3.12", "CPU=1", fails=fails)
        assert status and "CPU=1: no PyTorch without CUDA from https://download" in errors and "CPU_INDEX=URL" in errors
        assert not any("-e ." in call for call in calls)
    assert not (tmp_path / ".venv" / ".ready").exists()


@pytest.mark.skipif(shutil.which("make") is None, reason="there is no make here")
@pytest.mark.parametrize("variable", ["CPU=1", "PYTHON=./python3.12"])
def test_what_is_there_is_not_what_is_asked_for(tmp_path, variable):
    """An environment with CUDA, of Python 3.11."""
    python(tmp_path / ".venv" / "bin" / "python", "3.11.7")
    for name in ("pyproject.toml", "constraints.txt", ".venv/.ready"):
        (tmp_path / name).touch()
    status, errors, calls = make_venv(tmp_path, variable)
    assert status and ".venv is there already" in errors and "rename or delete it first" in errors and not calls
    python(tmp_path / ".venv" / "bin" / "python", "3.12.1")
    (tmp_path / ".venv" / ".cpu").touch()
    assert make_venv(tmp_path, variable)[::2] == (0, [])


@pytest.mark.skipif(shutil.which("make") is None, reason="there is no make here")
def test_a_python_that_cannot_be_started(tmp_path):
    status, errors, _ = make_venv(tmp_path, "PYTHON=./python9")
    assert status and "PYTHON=./python9 cannot be started" in errors


@pytest.mark.skipif(shutil.which("make") is None, reason="there is no make here")
def test_lab_serves_what_lessons_point_to(tmp_path):
    """It begins among the student's copies, and ``../docs/...`` of a lesson lies below the folder that is served."""
    *_, lab = make("lab", tmp_path, "nothing")[2]
    assert "--FileContentsManager.preferred_dir=my-lessons" in lab and not re.search(r"notebook-dir|root_dir", lab)
    links = {
        (lesson.name, link)
        for lesson in (ROOT / "notebooks").glob("*.ipynb")
        for link in re.findall(r"\]\((\.\.?/[^)#]*)", lesson.read_text(encoding="utf-8"))
    }
    assert len(links) >= 2
    for name, link in links:
        target = (ROOT / "my-lessons" / link).resolve()
        assert target.is_relative_to(ROOT) and target.exists(), f"{name}: {link}"
