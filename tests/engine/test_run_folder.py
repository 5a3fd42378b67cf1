"""A run's folder belongs to one process at a time, and a run that goes on is the one that was stopped."""

import json
import os
import platform
import signal
import subprocess
import sys
import threading
import time
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from acflib.cli import parser as cli
from acflib.engine import run_folder
from acflib.engine.files import remove_leftovers, replacing, write_whole
from acflib.engine.run_folder import LOCK, locked, sole_run
from acflib.engine.runlog import read_csv
from acflib.errors import CheckpointError, ConfigError, TrainingError
from acflib.training import train
from tests.runs import flags, tiny_config

pytestmark = pytest.mark.usefixtures("warm_python")

CPU = torch.device("cpu")
# Holds a lock file until it is killed.
HOLDER = """
import sys, time
from pathlib import Path
from acflib.engine.run_folder import locked
with locked(Path(sys.argv[1])):
    print("locked", flush=True)
    time.sleep(600)
"""


def run(config, **changes):
    return train(config, progress=False, **changes)


def start_holder(path: Path) -> subprocess.Popen:
    holder = subprocess.Popen([sys.executable, "-c", HOLDER, str(path)], stdout=subprocess.PIPE, text=True)
    assert holder.stdout.readline() == "locked\n"
    return holder


def kill(process: subprocess.Popen) -> None:
    process.kill()
    process.wait(timeout=60)
    process.stdout.close()


def files_of(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.name != LOCK}


@pytest.mark.parametrize("resume", [True, False])
def test_two_runs_in_one_folder(streets, tmp_path, capsys, resume):
    """The second says which process is at work, and touches nothing; when that one is killed, it begins."""
    config = tiny_config(streets, tmp_path / "run", iterations=2)
    if resume:
        run(replace(config, save_every=1))
    (tmp_path / "run").mkdir(exist_ok=True)
    before = files_of(tmp_path / "run")
    holder = start_holder(tmp_path / "run" / LOCK)
    try:
        assert cli.main(["train", *flags(config), *(["--resume"] if resume else [])]) == 2
        said = capsys.readouterr().err
        assert f"process {holder.pid} on {platform.node()}" in said
        assert "--out" in said and str(tmp_path / "run") in said
        assert files_of(tmp_path / "run") == before
    finally:
        kill(holder)
    assert run(config, resume=resume).finished
    assert not (tmp_path / "run" / LOCK).exists()


def test_a_run_at_work_holds_its_folder(streets, tmp_path):
    """Two real runs, begun at once: one trains, the other is refused."""
    config = tiny_config(streets, tmp_path / "run", iterations=100_000, save_every=50_000, eval_every=0, workers=1)
    command = [sys.executable, "-m", "acflib", "train", *flags(config)]
    first = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    try:
        deadline = time.time() + 120
        while len(read_csv(tmp_path / "run" / "log.csv")) < 1 and time.time() < deadline:
            time.sleep(0.05)
        with pytest.raises(ConfigError, match=f"process {first.pid} on .* is at work in this folder"):
            run(config)
    finally:
        first.send_signal(signal.SIGKILL)
        first.wait(timeout=60)
        first.stderr.close()
    # Its loader process may live for some seconds more: it does not hold the lock.
    with locked(tmp_path / "run" / LOCK):
        pass


def test_one_process_does_not_run_twice_in_a_folder(tmp_path):
    with locked(tmp_path / LOCK):
        with pytest.raises(ConfigError, match=f"this process, {os.getpid()}, is at work"):
            with locked(tmp_path / ".." / tmp_path.name / LOCK):
                pass
        with locked(tmp_path / "another.lock"):
            pass
    with locked(tmp_path / LOCK):
        pass


def test_the_lock_goes_with_an_error(tmp_path):
    with pytest.raises(KeyboardInterrupt), locked(tmp_path / LOCK):
        raise KeyboardInterrupt
    assert not (tmp_path / LOCK).exists()
    with locked(tmp_path / LOCK):
        assert json.loads((tmp_path / LOCK).read_text())["process"] == os.getpid()


def test_only_one_of_many_gets_the_lock(tmp_path):
    """Also while the file is removed and made again: each owner is alone."""
    inside, most, turns = [], [], []

    def work():
        for _ in range(200):
            try:
                with locked(tmp_path / LOCK):
                    inside.append(1)
                    most.append(len(inside))
                    turns.append(1)
                    inside.pop()
            except ConfigError:
                pass

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert turns and max(most) == 1


def without_locks(*_):
    return None


def note(path: Path, process: int, machine: str) -> None:
    path.write_text(json.dumps({"process": process, "machine": machine, "since": "yesterday"}))


def test_a_disk_without_locks_asks_for_the_process(tmp_path, monkeypatch):
    """Such as some network disks: a living process is respected, a dead one is not."""
    if os.name == "nt":
        pytest.skip("Windows has locks everywhere")
    monkeypatch.setattr(run_folder, "_is_taken", without_locks)
    other = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    note(tmp_path / LOCK, other.pid, platform.node())
    try:
        with pytest.raises(ConfigError, match=f"process {other.pid} on .* is at work"), locked(tmp_path / LOCK):
            pass
    finally:
        other.communicate(timeout=60)
    with locked(tmp_path / LOCK):
        pass


@pytest.mark.parametrize("taken", [False, None])
def test_a_note_from_another_machine_is_shown(tmp_path, monkeypatch, capsys, taken):
    """Nobody can tell from here whether that process lives: the run begins, and says so. A batch system needs that."""
    monkeypatch.setattr(run_folder, "_is_taken", lambda _: taken)
    note(tmp_path / LOCK, 7, "another-machine")
    with locked(tmp_path / LOCK):
        pass
    assert "process 7 on another-machine (since yesterday) has not said that it ended" in capsys.readouterr().err


@pytest.mark.parametrize("content", [b"", b"{", b'{"process": null}', b"\xff\xfe", b"[1]"])
def test_a_damaged_note_keeps_nobody_out(tmp_path, content):
    (tmp_path / LOCK).write_bytes(content)
    with locked(tmp_path / LOCK):
        pass


def test_what_a_killed_run_left_half_written_goes(tmp_path):
    for name in ("checkpoint.pt.0123abcd.tmp", "mine.tmp", "log.csv"):
        (tmp_path / name).write_text("x")
    remove_leftovers(tmp_path)  # it may be another process's, at work just now
    assert (tmp_path / "checkpoint.pt.0123abcd.tmp").exists()
    with sole_run(tmp_path, CPU):
        assert {path.name for path in tmp_path.iterdir()} == {"mine.tmp", "log.csv", LOCK}


def test_two_writers_of_one_file_do_not_meet(tmp_path):
    """Each has a temporary file of its own; the one that ends last is kept, whole."""
    path = tmp_path / "scores.json"
    with replacing(path) as outer:
        outer.write_bytes(b"outer, first half;")
        write_whole(path, b"inner")
        with open(outer, "ab") as file:
            file.write(b" second half")
        assert path.read_bytes() == b"inner"
    assert path.read_bytes() == b"outer, first half; second half"
    assert [found.name for found in tmp_path.iterdir()] == ["scores.json"]


def test_only_a_full_disk_is_said_to_be_full(tmp_path):
    with pytest.raises(TrainingError, match="is its folder there") as caught:
        write_whole(tmp_path / "gone" / "scores.json", b"x")
    assert "free some space" not in str(caught.value)


@pytest.mark.parametrize("field, message", [(239, None), (None, "model.field is 47, was 239")])
def test_a_tiny_run_of_acflib_0_1_goes_on_at_its_field(streets, tmp_path, field, message):
    """Its checkpoint names none."""
    config = tiny_config(streets, tmp_path / "run", iterations=1, val_split="none")
    config = replace(config, model=replace(config.model, field=239))
    train(config, progress=False)
    path = tmp_path / "run" / "checkpoint.pt"
    old = torch.load(path, weights_only=True)
    del old["config"]["model"]["field"]
    torch.save(old, path)
    again = replace(config, model=replace(config.model, field=field))
    if message is None:
        assert train(again, resume=True, progress=False).finished
    else:
        with pytest.raises(CheckpointError, match=message):
            train(again, resume=True, progress=False)
