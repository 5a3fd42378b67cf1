"""The ablation's grid on runs of seconds: what it writes, what it skips, what it does again, and how it stops."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from acflib.cli import parser as cli
from acflib.datasets import open_dataset
from acflib.engine.checkpoints import load_checkpoint
from acflib.engine.runlog import read_csv
from acflib.errors import ConfigError
from acflib.metrics import mean_iou
from acflib.predict.evaluation import evaluate
from acflib.study.ablation.cells import Run
from acflib.study.ablation.grid import run_grid
from acflib.study.ablation.rows import config_of
from acflib.study.ablation.run import training_seconds
from acflib.study.ablation.studies import STUDIES
from acflib.study.corrections import measure_corrections
from acflib.training import train
from tests.runs import in_the_background
from tests.study.ablation_cases import runs_of, small_study
from tests.warm import REAL

pytestmark = pytest.mark.usefixtures("warm_python")

ROOT = Path(__file__).resolve().parents[2]
STOPPED_ITERATIONS = 80  # of a grid that is stopped: enough for the signal to come in the middle of a run


def content(run: Run) -> dict:
    return json.loads(run.result.read_text())


@pytest.fixture(scope="module")
def grid(tmp_path_factory):
    """A finished grid of two rows and two seeds, made by the command with two jobs, and what it said."""
    folder = tmp_path_factory.mktemp("grid")
    study = small_study(folder)
    flags = ["--rows", "sum", "baseline", "--seeds", "0", "4", "--jobs", "2", "--keep"]
    command = [sys.executable, "-m", "tests.study.ablation_grid", str(folder), "6", *flags]
    process = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert process.returncode == 0, process.stderr
    return study, runs_of(study, ["sum", "baseline"], (0, 4)), process


@pytest.fixture
def copy(grid, tmp_path):
    """The finished grid in a folder of its own, to be damaged."""
    study, runs, _ = grid
    shutil.copytree(Path(study.results).parent, tmp_path, dirs_exist_ok=True)
    study = small_study(tmp_path)
    return study, runs_of(study, ["sum", "baseline"], (0, 4))


def test_grid_writes_data_and_one_sound_file_a_run(grid):
    study, runs, process = grid
    files = sorted(path.relative_to(study.results) for path in Path(study.results).rglob("*.json"))
    names = [f"{row}/seed-{seed}.json" for row in ("baseline", "sum") for seed in (0, 4)]
    assert files == sorted(Path(name) for name in names)
    assert len(open_dataset(study.data.folder, "train")) == 12
    for run in runs:
        run.read()  # raises where anything is unsound
        assert f"{run.name}: test mIoU" in process.stderr
    assert "4 of 4 runs are done" in process.stdout and "24/24" in process.stderr
    assert "Table 1 on Streets: mIoU in % on test" in process.stdout


def test_result_tells_what_was_run_on_what(grid):
    found = content(grid[1][0])
    assert found["command"] == "python -m acflib ablate --study table1 --rows baseline --seeds 0"
    assert (found["schema"], found["dataset"], found["row"], found["seed"]) == (1, "streets-64x32", "baseline", 0)
    assert found["machine"]["threads"] == 1 and {"torch", "commit", "cpu", "python"} <= found["machine"].keys()
    assert found["config"]["model"]["variant"] is None and found["config"]["iterations"] == 6
    assert not {"data", "out", "cache"} & found["config"].keys()
    assert found["seconds"]["parts"] == 1 and found["seconds"]["training"] > 0
    assert str(ROOT) not in json.dumps(found) and str(Path(grid[0].results).parent) not in json.dumps(found)


def test_numbers_are_those_of_the_trained_network(grid):
    """The same run made here, in this process, by the public functions: same weights, same scores, same corrections."""
    _, runs, _ = grid
    run = next(run for run in runs if run.name == "sum/seed-4")
    config = replace(config_of(run.study, run.row, 4), data=run.data, out=str(run.folder) + "-here", device="cpu")
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        model = train(config, progress=False).model
        stored = load_checkpoint(run.folder / "checkpoint.pt")["model"]
        assert all(torch.equal(stored[name], value) for name, value in model.state_dict().items())
        found, test = content(run)["evaluations"], open_dataset(run.data, "test")
        for name, oracle in {"test": "none", "test_oracle_centers": "centers", "test_oracle_both": "both"}.items():
            scores = evaluate(model, test, batch_size=2, progress=False, oracle=oracle)
            assert found[name]["miou_fine"] == pytest.approx(100 * mean_iou(scores.fine), abs=1e-9)
            assert found[name]["miou_coarse"] == pytest.approx(100 * mean_iou(scores.coarse), abs=1e-9)
        assert run.read().corrections.counts.equal(measure_corrections(model, test, batch_size=2).counts)
    finally:
        torch.set_num_threads(threads)


def test_second_grid_does_nothing(copy, capsys):
    _, runs = copy
    before = {run.name: run.result.stat().st_mtime_ns for run in runs}
    assert run_grid(runs, jobs=2, progress=False) == []
    assert {run.name: run.result.stat().st_mtime_ns for run in runs} == before
    assert capsys.readouterr().err == ""


def test_damaged_result_is_named_and_made_again_with_the_same_numbers(copy, capsys):
    """From the start, so it is also a second run of the same row and seed: identical to the last digit."""
    study, runs = copy
    damaged, other = (next(run for run in runs if run.name == name) for name in ("sum/seed-0", "sum/seed-4"))
    before, untouched = content(damaged), other.result.stat().st_mtime_ns
    damaged.result.write_bytes(damaged.result.read_bytes()[:-100])
    shutil.rmtree(damaged.folder)
    assert run_grid(runs, jobs=1, progress=False) == []
    assert f"rerun: {damaged.result}: no whole JSON file" in capsys.readouterr().err
    after = content(damaged)
    assert after["evaluations"] == before["evaluations"] and after["corrections"] == before["corrections"]
    assert other.result.stat().st_mtime_ns == untouched
    assert not (damaged.folder / "checkpoint.pt").exists()  # without keep


def test_stale_result_and_checkpoint_are_named_and_made_again(copy, capsys):
    """Another schedule: neither the old numbers nor the old weights are taken for the new ones."""
    study, _ = copy
    slower = replace(study, base=replace(study.base, learning_rate=0.01))
    (run,) = runs_of(slower, ["sum"])
    before = content(run)
    assert run_grid([run], jobs=1, progress=False) == []
    captured = capsys.readouterr().err
    assert f"rerun: {run.result}" in captured and "learning_rate was 0.05, is 0.01" in captured
    assert "the run starts anew: it belongs to other settings" in run.log.read_text()
    assert content(run)["config"]["learning_rate"] == 0.01 and content(run)["seconds"]["parts"] == 1
    assert content(run)["evaluations"] != before["evaluations"]


def test_failing_run_is_named_with_its_log_and_the_grid_goes_on(tmp_path, capsys, monkeypatch):
    """18 channels cannot be shared by the four levels of pyramid pooling; the other row has no trouble with them."""
    study = small_study(tmp_path, "controls")
    study = replace(study, base=replace(study.base, model=replace(study.base.model, channels=18)))
    monkeypatch.setitem(STUDIES, "controls", study)
    flags = ["--study", "controls", "--rows", "psp", "self", "--seeds", "0", "--jobs", "1", "--quiet"]
    assert cli.main(["ablate", *flags, "--runs", str(tmp_path / "runs")]) == 1
    captured = capsys.readouterr()
    log = tmp_path / "runs" / "streets-64x32" / "psp" / "seed-0.log"
    failure = next(line for line in captured.err.splitlines() if line.startswith("acflib:"))
    assert "psp/seed-0: exit status 2" in failure and "multiple of 4" in failure and f"(log: {log})" in failure
    assert "multiple of 4" in log.read_text()
    assert "1 of 2 runs are done" in captured.out
    assert (tmp_path / "results" / "self" / "seed-0.json").exists()


def start_grid(folder: Path, *flags: str, cold: bool = False) -> subprocess.Popen:
    """``cold``: from a new Python, so that the runs are its children."""
    arguments = [str(folder), str(STOPPED_ITERATIONS), "--jobs", "1", "--quiet", *flags]
    command = [sys.executable, "-m", "tests.study.ablation_grid", *arguments]
    popen = REAL if cold else subprocess.Popen
    return popen(command, cwd=ROOT, stderr=subprocess.PIPE, text=True, start_new_session=True)


def wait_for(condition, process=None, seconds: float = 240) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "waited too long"
        assert process is None or process.poll() is None, process.stderr.read()
        time.sleep(0.02)


def rows_in(run: Run) -> int:
    return len(read_csv(run.folder / "log.csv"))


@pytest.mark.parametrize("number", [pytest.param(signal.SIGKILL, marks=pytest.mark.slow), signal.SIGINT])
def test_grid_that_is_stopped_loses_nothing_but_steps_of_the_run_in_flight(tmp_path, number):
    """The first run is finished, the second one on its way: afterwards the first is as it was, the second goes on."""
    study = small_study(tmp_path, iterations=STOPPED_ITERATIONS)
    first, second = runs_of(study, ["baseline", "sum"])
    process = start_grid(tmp_path, "--rows", "baseline", "sum", "--seeds", "0")
    wait_for(lambda: rows_in(second) >= 5, process)
    process.send_signal(number)
    assert process.wait(timeout=120) == (130 if number == signal.SIGINT else -signal.SIGKILL)
    said = process.stderr.read()
    finished, unfinished = first.result.read_bytes(), second.result.exists()
    if number == signal.SIGINT:
        assert "stopped with 1 of 2 runs done; the others go on with: acflib " in said
    assert not unfinished
    if number == signal.SIGKILL:  # the run notices by itself that nobody waits for it any more, and saves
        wait_for(lambda: not is_locked(second))
    position = load_checkpoint(second.folder / "checkpoint.pt")["position"]
    assert 5 <= position < STOPPED_ITERATIONS
    assert run_grid([first, second], jobs=2, progress=False) == []
    assert first.result.read_bytes() == finished
    found = content(second)
    assert found["seconds"]["parts"] == 2
    reference = small_study(tmp_path / "reference", iterations=STOPPED_ITERATIONS)
    reference = replace(reference, data=study.data)
    (unbroken,) = runs_of(reference, ["sum"])
    assert run_grid([unbroken], jobs=1, progress=False) == []
    assert found["evaluations"] == content(unbroken)["evaluations"]
    assert content(unbroken)["seconds"]["parts"] == 1


@pytest.mark.skipif(os.name == "nt", reason="needs a POSIX shell")
@pytest.mark.parametrize(
    "everybody",
    [
        pytest.param(False, id="the grid alone"),
        pytest.param(True, id="every process, as a batch system does", marks=pytest.mark.slow),
    ],
)
def test_grid_in_the_background_ends_with_sigterm(tmp_path, everybody):
    """Within the 30 s after which a batch system kills, with the run at work saved, and without the next run."""
    study = small_study(tmp_path, iterations=STOPPED_ITERATIONS)
    first, second = runs_of(study, ["baseline", "sum"])
    with in_the_background():
        process = start_grid(tmp_path, "--rows", "baseline", "sum", "--seeds", "0", cold=everybody)
    wait_for(lambda: rows_in(first) >= 5, process)
    children = children_of(process.pid) if everybody else []
    assert bool(children) is everybody
    for number in [process.pid, *children]:
        os.kill(number, signal.SIGTERM)
    assert process.wait(timeout=28) == 130
    assert "stopped with 0 of 2 runs done" in process.stderr.read()
    assert load_checkpoint(first.folder / "checkpoint.pt")["position"] >= 5
    assert not second.folder.exists()


def children_of(pid: int) -> list[int]:
    return [child.pid for child in pytest.importorskip("psutil").Process(pid).children(recursive=True)]


def is_locked(run: Run) -> bool:
    fcntl = pytest.importorskip("fcntl")
    with open(run.folder.with_name(run.folder.name + ".lock")) as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            return True
        return False


def test_damaged_checkpoint_does_not_stop_a_run(copy):
    _, runs = copy
    run = next(run for run in runs if run.name == "baseline/seed-0")
    before = content(run)["evaluations"]
    run.result.unlink()
    (run.folder / "checkpoint.pt").write_bytes(b"half a checkpoint")
    assert run_grid([run], jobs=1, progress=False) == []
    assert "the run starts anew" in run.log.read_text() and content(run)["evaluations"] == before


def test_run_at_work_is_left_to_its_process(tmp_path, monkeypatch):
    fcntl = pytest.importorskip("fcntl")
    from acflib.study.ablation import run as ablation_run

    monkeypatch.setattr(ablation_run, "LOCK_SECONDS", 0.1)
    with open(tmp_path / "seed-0.lock", "w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        with pytest.raises(ConfigError, match="another grid is at work on this run"):
            with ablation_run.sole_owner(tmp_path / "seed-0"):
                pass
    with ablation_run.sole_owner(tmp_path / "seed-0"):
        assert is_locked(Run(None, None, 0, "", tmp_path, tmp_path / "seed-0"))


def test_seconds_of_all_parts_of_a_run_are_added(tmp_path):
    lines = ["iteration,seconds", "1,0.5", "2,1.5", "3,0.4", "4,2.0", "5,0.25"]
    (tmp_path / "log.csv").write_text("\n".join(lines) + "\n")
    assert training_seconds(tmp_path) == {"training": 3.75, "parts": 3}


def test_finished_grid_leaves_no_process(grid):
    """The runs' processes are children of the grid's, which has ended: none of them may still hold its lock."""
    if os.name == "nt":
        pytest.skip("no file locks")
    assert not any(is_locked(run) for run in grid[1])
