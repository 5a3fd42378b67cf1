"""kill -9 of one of two processes under torchrun: the run ends, says how to go on, and goes on as one or as two."""

import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from acflib.engine.checkpoints import load_checkpoint
from acflib.engine.runlog import read_csv
from acflib.engine.stopping import last_words
from tests.runs import flags, tiny_config

# `python -m acflib`, whose process number is known to the test.
PROGRAM = """
import os, sys
from pathlib import Path
Path(os.environ["PIDS"], os.environ["RANK"]).write_text(str(os.getpid()))
from acflib.cli.parser import main
sys.exit(main(sys.argv[1:]))
"""
LOSSES = 10  # compared after the restart
# Without the auxiliary head, whose dropout differs between processes, and bootstrapping, which each does on its own.
SETTINGS = ["--precision", "float32", "--no-aux", "--no-bootstrap", "--val-split", "none"]


class Run:
    """A training run of several processes in ``folder``."""

    def __init__(self, config, folder: Path, processes: int, resume: bool = False):
        folder.mkdir(exist_ok=True)
        (folder / "program.py").write_text(PROGRAM)
        self.folder, self.output = folder, folder / "output.txt"
        launcher = [sys.executable, "-m", "torch.distributed.run", "--standalone", f"--nproc-per-node={processes}"]
        command = [*launcher, str(folder / "program.py"), "train", *flags(config), *SETTINGS]
        environment = os.environ | {"OMP_NUM_THREADS": "1", "PIDS": str(folder), "CUDA_VISIBLE_DEVICES": ""}
        environment["PYTHONPATH"] = str(Path(__file__).resolve().parents[2])
        with self.output.open("w") as output:
            self.process = subprocess.Popen(
                [*command, *(["--resume"] if resume else [])], env=environment, stdout=output, stderr=subprocess.STDOUT
            )

    def wait_for(self, path: Path, rows: int) -> None:
        """Until a log has that many rows."""
        deadline = time.time() + 300
        while len(read_csv(path)) < rows and time.time() < deadline:
            assert self.process.poll() is None, self.output.read_text()
            time.sleep(0.01)

    def kill(self, rank: int) -> float:
        """kill -9 of one process; the seconds until the launcher has ended."""
        start = time.time()
        os.kill(int((self.folder / str(rank)).read_text()), signal.SIGKILL)
        assert self.process.wait(timeout=120) != 0
        return time.time() - start

    def finish(self) -> None:
        assert self.process.wait(timeout=300) == 0, self.output.read_text()


def config_of(streets, folder: Path, **changes):
    """Checkpoints at odd places: not at the end of an epoch of 3 batches."""
    settings = {"iterations": 60, "save_every": 7, "eval_every": 0, "workers": 1}
    return tiny_config(streets, folder, **(settings | changes))


def losses_of(folder: Path) -> dict[int, float]:
    return {int(row["iteration"]): float(row["loss"]) for row in read_csv(folder / "log.csv")}


@pytest.fixture(scope="module")
def reference(streets, tmp_path_factory) -> dict[int, float]:
    """The losses of two processes that were never stopped."""
    folder = tmp_path_factory.mktemp("reference")
    Run(config_of(streets, folder / "run"), folder, 2).finish()
    return losses_of(folder / "run")


@pytest.mark.slow
@pytest.mark.parametrize("rank", [0, 1])
def test_kill_minus_nine_of_one_process(streets, tmp_path, reference, rank):
    config = config_of(streets, tmp_path / "run")
    run = Run(config, tmp_path, 2)
    run.wait_for(tmp_path / "run" / "log.csv", 17)
    seconds = run.kill(rank)
    said = run.output.read_text()
    print(f"rank {rank} killed: the run ended after {seconds:.1f} s, and said:\n{said}")
    # The launcher names the process that was killed, and the checkpoint.
    summary = said[said.index("Root Cause") :]
    assert re.search(rf"rank +: {rank} .*\n +exitcode +: -9 .*SIGKILL", summary), said
    assert f"{tmp_path / 'run'}/checkpoint.pt; go on with the same command and --resume" in summary
    position = load_checkpoint(tmp_path / "run" / "checkpoint.pt")["position"]
    assert position >= 14 and position % 7 == 0
    for processes in (1, 2):
        folder = tmp_path / f"with {processes}"
        shutil.copytree(tmp_path / "run", folder / "run")
        again = config_of(streets, folder / "run")
        Run(again, folder, processes, resume=True).finish()
        assert_continued(losses_of(Path(again.out)), reference, position)


def assert_continued(found: dict[int, float], reference: dict[int, float], position: int) -> None:
    """All iterations are there once, and the next losses after the checkpoint are those of the uninterrupted run."""
    assert list(found) == list(reference) == list(range(1, 61))
    for i in range(position + 1, position + 1 + LOSSES):
        assert found[i] == pytest.approx(reference[i], abs=1e-5), f"iteration {i}"


def test_last_words(tmp_path, monkeypatch):
    """What torchrun finds if the process dies: the hint from the start, an error with the hint after one."""
    path = tmp_path / "error.json"
    monkeypatch.setenv("TORCHELASTIC_ERROR_FILE", str(path))
    with pytest.raises(ValueError), last_words("go on with --resume"):
        assert "go on with --resume" in printed_by_torchrun(path)
        raise ValueError("a fault")
    assert "ValueError: a fault" in printed_by_torchrun(path) and "go on with --resume" in printed_by_torchrun(path)


def printed_by_torchrun(path: Path) -> str:
    from torch.distributed.elastic.multiprocessing.errors import ChildFailedError, ProcessFailure

    return str(ChildFailedError("acflib", {0: ProcessFailure(0, 1, -9, str(path))}))


def test_without_torchrun_nothing_is_written(tmp_path, monkeypatch):
    monkeypatch.delenv("TORCHELASTIC_ERROR_FILE", raising=False)
    monkeypatch.chdir(tmp_path)
    with last_words("go on"):
        pass
    assert not list(tmp_path.iterdir())
