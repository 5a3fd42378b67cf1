"""kill -9, ten times over, then --resume: the run ends as if nothing had happened."""

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from acflib.engine.runlog import read_csv
from tests.runs import assert_same_run, flags, tiny_config, without_times

KILLS = 10
# Kills itself between writing a checkpoint's temporary file and renaming it, the n-th time that happens.
FAILPOINT = """
import os, signal, sys
from acflib.cli.parser import main
left, replace = int(sys.argv.pop(1)), os.replace
def kill_before_rename(source, target):
    global left
    if str(target).endswith("checkpoint.pt"):
        left -= 1
        if left == 0:
            os.kill(os.getpid(), signal.SIGKILL)
    replace(source, target)
os.replace = kill_before_rename
sys.exit(main(sys.argv[1:]))
"""


def command(config, resume=False, failpoint=None):
    start = [sys.executable, "-m", "acflib"] if failpoint is None else [sys.executable, "-c", FAILPOINT, str(failpoint)]
    return [*start, "train", *flags(config), *(["--resume"] if resume else [])]


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_kill_minus_nine_ten_times(streets, tmp_path):
    """Random moments in mid-epoch and the failpoint, in turn; two persistent workers, augmentation, bootstrapping."""
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    settings = {"iterations": 150, "save_every": 7, "eval_every": 40, "workers": 2}
    reference = tiny_config(streets, tmp_path / "reference", **settings)
    subprocess.run(command(reference), check=True, env=environment)
    config = tiny_config(streets, tmp_path / "killed", **settings)
    log, chance = tmp_path / "killed" / "log.csv", random.Random(0)
    for kill in range(KILLS):
        before = {row["iteration"]: row for row in without_times(log)}
        failpoint = 1 + kill % 3 if kill % 2 else None
        process = subprocess.Popen(command(config, kill > 0, failpoint), env=environment)
        if failpoint is None:
            wait_for_rows(log, kill * 10 + chance.randint(1, 12), process)
            time.sleep(chance.random() * 0.2)
            process.send_signal(signal.SIGKILL)
        assert process.wait(timeout=300) == -signal.SIGKILL, "the run ended before it was killed"
        assert_rows_agree(before, log)
    subprocess.run(command(config, resume=True), check=True, env=environment)
    assert_rows_agree({row["iteration"]: row for row in without_times(log)}, reference_log(reference))
    assert_same_run(tmp_path / "killed", tmp_path / "reference")


def wait_for_rows(log: Path, rows: int, process: subprocess.Popen) -> None:
    deadline = time.time() + 300
    while len(read_csv(log)) < rows and process.poll() is None and time.time() < deadline:
        time.sleep(0.01)


def reference_log(config) -> Path:
    return Path(config.out) / "log.csv"


def assert_rows_agree(before: dict, log: Path) -> None:
    """Each iteration that was logged before the kill, and again after it, has the same losses."""
    for row in without_times(log):
        assert before.get(row["iteration"], row) == row
