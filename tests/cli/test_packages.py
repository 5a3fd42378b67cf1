"""Packages that acflib can do without, there but broken: their import raises something else than ImportError."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from acflib.errors import package_fault
from tests.course.test_grading import ROWS, write
from tests.runs import flags, tiny_config

pytestmark = pytest.mark.usefixtures("warm_python")

ROOT = Path(__file__).resolve().parents[2]
BROKEN = ("tensorboard", "matplotlib", "safetensors", "voila", "anywidget", "nbclient", "nbformat")
FAULT = "raise TypeError('Descriptors cannot be created directly.')\n"


@pytest.fixture(scope="module")
def broken(tmp_path_factory) -> Path:
    """A folder of packages that raise TypeError, as an old TensorBoard does beside a new protobuf."""
    folder = tmp_path_factory.mktemp("broken")
    for name in BROKEN:
        (folder / name).mkdir()
        (folder / name / "__init__.py").write_text(FAULT)
    return folder


def acflib(broken: Path, *arguments: str) -> subprocess.CompletedProcess:
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(broken), str(ROOT)]), "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-m", "acflib", *arguments]
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120)


def test_training_does_without(streets, tmp_path, broken):
    """The run, its checkpoint and its scores are worth more than curves."""
    config = tiny_config(streets, tmp_path / "run", iterations=2)
    found = acflib(broken, "train", *flags(config), "--tensorboard")
    assert found.returncode == 0, found.stderr
    assert "no files for TensorBoard: tensorboard is broken (TypeError: Descriptors" in found.stderr
    assert "no picture of the curve: matplotlib is broken (TypeError: Descriptors" in found.stdout
    assert "mIoU" in found.stdout and (tmp_path / "run" / "checkpoint.pt").exists()


def test_doctor_finds_them(broken):
    found = acflib(broken, "doctor")
    assert found.returncode == 1, found.stderr
    for name in ("tensorboard", "matplotlib", "safetensors"):
        assert f"[FAIL] {name} is broken (TypeError: Descriptors cannot be created directly.)" in found.stdout
        assert f"-> pip install --force-reinstall {name}" in found.stdout


@pytest.mark.parametrize("command", ["evaluate", "app", "grade", "ablate"])
def test_commands_that_need_them_say_so(streets, tmp_path, broken, command):
    arguments = {
        "evaluate": ["--checkpoint", "streets-acf-sum", "--data", str(streets)],
        "app": ["--no-browser"],
        "grade": [str(write(tmp_path / "a.ipynb", ROWS)), "--out", str(tmp_path / "grades")],
        "ablate": ["--plot", str(tmp_path / "x.png")],
    }
    name = {"evaluate": "safetensors", "app": "voila", "grade": "nbformat", "ablate": "matplotlib"}[command]
    found = acflib(broken, command, *arguments[command])
    assert found.returncode == 2 and "Traceback" not in found.stderr, found.stderr
    assert f"{name} is broken (TypeError" in found.stderr and f"pip install --force-reinstall {name}" in found.stderr


def test_missing_and_broken_are_told_apart():
    assert package_fault("x", ModuleNotFoundError("no x", name="x")) == "x is not installed: pip install x"
    assert package_fault("x", ModuleNotFoundError("no x.y", name="x.y")) == "x is not installed: pip install x"
    needs = package_fault("x", ModuleNotFoundError("No module named 'y'", name="y"))
    assert needs.startswith("x is broken (ModuleNotFoundError: No module named 'y')")
    assert package_fault("x", AttributeError()).startswith("x is broken (AttributeError: )")
