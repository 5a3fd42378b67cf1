"""`make test` runs all its parts and reports each; `make train` asks for its data. Here with a stand-in for Python."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PARTS = {
    "quick tests": "-m pytest -n auto --dist worksteal",
    "browser tests": "-m pytest -n auto --dist loadfile -m browser",
    "notebooks": "-m pytest -n auto --dist loadfile --nbval",
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
        ("*nbval*", {"notebooks"}),
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
