"""Writing a Streets folder: what it refuses, and what an interruption leaves."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from acflib.datasets import Cityscapes, Streets, open_dataset
from acflib.datasets.streets import MANIFEST, write_streets
from acflib.datasets.streets import folder as module
from acflib.errors import ConfigError, DataError

pytestmark = pytest.mark.usefixtures("warm_python")


def small(root, **changes):
    """Write a set of four tiny scenes."""
    wanted = {"width": 64, "height": 32, "train": 2, "val": 1, "test": 1, "progress": False}
    return write_streets(root, **wanted | changes)


def test_matching_manifest_returns_at_once(tmp_path, monkeypatch):
    root = small(tmp_path / "streets")
    assert json.loads((root / MANIFEST).read_text())["counts"] == {"train": 2, "val": 1, "test": 1}

    def fail(*_):
        raise AssertionError("rendered again")

    monkeypatch.setattr(module, "render_street", fail)
    assert small(tmp_path / "streets") == root


@pytest.mark.parametrize("changes", [{"seed": 1}, {"train": 3}, {"width": 128, "height": 64}])
def test_another_set_is_not_overwritten(tmp_path, changes):
    root = small(tmp_path / "streets")
    before = sorted(root.rglob("*"))
    with pytest.raises(DataError, match="streets: holds another set .*Delete it or choose another folder"):
        small(root, **changes)
    assert sorted(root.rglob("*")) == before


def test_foreign_folder_is_not_touched(tmp_path):
    (tmp_path / "thesis.txt").write_text("precious")
    with pytest.raises(DataError, match="holds other files .thesis.txt.. Choose an empty or new folder"):
        small(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.txt"]


def test_root_that_is_a_file_or_cannot_be_made(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(DataError, match="file: is a file, not a folder"):
        small(tmp_path / "file")
    with pytest.raises(DataError, match="below: cannot be written"):
        small(tmp_path / "file" / "below")


def test_damaged_manifest(tmp_path):
    root = small(tmp_path / "streets")
    (root / MANIFEST).write_text("{")
    with pytest.raises(DataError, match=r"streets.json: damaged .*Delete the folder and write it again"):
        small(root)


@pytest.mark.parametrize("error", [KeyboardInterrupt, OSError(28, "No space left on device")])
def test_interrupted_writing_leaves_nothing(tmp_path, monkeypatch, error):
    real, calls = module.render_street, []

    def interrupted(*arguments):
        calls.append(arguments)
        if len(calls) == 3:
            raise error
        return real(*arguments)

    monkeypatch.setattr(module, "render_street", interrupted)
    root = tmp_path / "streets"
    with pytest.raises((KeyboardInterrupt, DataError)):
        small(root)
    assert list(root.iterdir()) == []
    with pytest.raises(DataError, match="no streets.json.*not a complete Streets folder.*Write one"):
        Streets(root, "train")
    assert len(Streets(small(root), "train")) == 2  # and it can be written now


def test_killed_run_leaves_nothing_that_looks_complete(tmp_path):
    """A real process, killed while it writes."""
    root = tmp_path / "streets"
    code = "import sys; from acflib.datasets.streets import write_streets; write_streets(sys.argv[1], train=100_000)"
    environment = os.environ | {"PYTHONPATH": str(Path(module.__file__).parents[3])}
    process = subprocess.Popen([sys.executable, "-c", code, str(root)], stderr=subprocess.DEVNULL, env=environment)
    deadline = time.monotonic() + 120
    while not list(root.rglob("*_color.png")) and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.05)
    process.kill()
    process.wait()
    assert list(root.rglob("*_color.png")), "the process was killed before it wrote anything"
    for split in ("train", "val", "test"):
        for opens in (open_dataset, Streets, Cityscapes):
            with pytest.raises(DataError):
                opens(root, split)
    assert len(Streets(small(root), "train")) == 2


def test_leftovers_of_a_killed_run_do_not_hinder(tmp_path):
    """Old ones are removed; a young one may belong to a run that is still at work."""
    root = tmp_path / "streets"
    old, young = root / ".partial-old", root / ".partial-young"
    for folder in (old, young):
        (folder / "leftImg8bit").mkdir(parents=True)
    os.utime(old, (0, 0))
    assert len(Streets(small(root), "train")) == 2
    assert not old.exists() and young.exists()


def test_missing_folder_and_bad_counts(tmp_path):
    with pytest.raises(DataError, match="nowhere: does not exist. Write it with"):
        Streets(tmp_path / "nowhere", "train")
    with pytest.raises(ConfigError, match="val=-1: give a number"):
        small(tmp_path / "streets", val=-1)
    root = small(tmp_path / "streets", val=0)
    with pytest.raises(DataError, match="val: no .* in this split"):
        Streets(root, "val")
