"""The training loop: it learns, logs, resumes exactly, and stops cleanly."""

import csv
import multiprocessing
import os
import re
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from acflib import training
from acflib.acfnet import ACFNet, ModelConfig
from acflib.cli.common import placed_network
from acflib.datasets import open_dataset
from acflib.engine import runlog
from acflib.engine.checkpoints import load_checkpoint
from acflib.engine.runlog import CsvLog, read_csv
from acflib.engine.train_state import start_state
from acflib.errors import MemoryShortage, TrainingError
from acflib.losses import LossConfig, poly_learning_rate
from acflib.predict.evaluation import evaluate
from acflib.predict.pretrained import load_pretrained
from acflib.training import train
from tests.runs import assert_same_run, final_weights, flags, tiny_config

pytestmark = pytest.mark.usefixtures("warm_python")


@pytest.fixture(scope="module")
def finished(streets, tmp_path_factory):
    """A run that was never interrupted."""
    out = tmp_path_factory.mktemp("runs") / "reference"
    return train(tiny_config(streets, out), progress=False)


def test_a_run_leaves_what_it_promises(finished):
    assert finished.finished and finished.position == 6
    assert {p.name for p in finished.folder.iterdir()} == {"checkpoint.pt", "config.json", "log.csv", "evaluation.csv"}
    rows = read_csv(finished.folder / "log.csv")
    assert [int(row["iteration"]) for row in rows] == [1, 2, 3, 4, 5, 6]
    assert [int(row["epoch"]) for row in rows] == [0, 0, 0, 1, 1, 1]  # 12 images, 4 a batch
    for i, row in enumerate(rows):
        assert float(row["learning_rate"]) == poly_learning_rate(0.01, i, 6, 0.9)
        total = 0.4 * float(row["aux"]) + 0.6 * float(row["coarse"]) + 0.7 * float(row["fine"])  # Eq. 4
        assert float(row["loss"]) == pytest.approx(total, rel=1e-6)
    assert [int(row["iteration"]) for row in read_csv(finished.folder / "evaluation.csv")] == [4, 6]


def test_scores_in_the_log_are_those_of_the_checkpoint(finished, streets):
    model = load_pretrained(finished.folder / "checkpoint.pt")
    scores = evaluate(model, open_dataset(streets, "val"), progress=False)
    assert float(read_csv(finished.folder / "evaluation.csv")[-1]["miou_fine"]) == scores.miou_fine
    assert model.info["classes"][0] == "road" and model.info["colors"][0] == [128, 64, 128]


def test_training_lowers_the_loss(streets, tmp_path):
    changes = {"iterations": 80, "learning_rate": 0.05, "log_every": 20, "eval_every": 0, "loss": LossConfig()}
    train(tiny_config(streets, tmp_path, **changes), progress=False)
    losses = [float(row["loss"]) for row in read_csv(tmp_path / "log.csv")]
    assert losses[-1] < 0.8 * losses[0]


def test_same_seed_same_weights_other_seed_others(finished, streets, tmp_path):
    again = train(tiny_config(streets, tmp_path / "again"), progress=False)
    assert_same_run(again.folder, finished.folder)
    other = train(tiny_config(streets, tmp_path / "other", seed=1), progress=False)
    name = "classifier.weight"
    assert not torch.equal(final_weights(other.folder)[name], final_weights(finished.folder)[name])


def train_until_power_cut(config, steps, monkeypatch):
    """Train, and fail without warning after ``steps`` optimizer steps."""
    step, done = training.optimizer_step, []

    def failing_step(*arguments):
        if len(done) == steps:
            raise RuntimeError("power cut")
        done.append(1)
        return step(*arguments)

    with monkeypatch.context() as patch, pytest.raises(RuntimeError, match="power cut"):
        patch.setattr(training, "optimizer_step", failing_step)
        train(config, progress=False)


@pytest.mark.parametrize("stop_at", [1, 2, 3, 5])
def test_resume_is_exact(finished, streets, tmp_path, monkeypatch, stop_at):
    """Stopped without warning after any iteration, resumed from the last checkpoint before it (or from the start)."""
    config = tiny_config(streets, tmp_path / "run", workers=2)
    train_until_power_cut(config, stop_at, monkeypatch)
    result = train(config, resume=True, progress=False)
    assert result.finished
    assert_same_run(result.folder, finished.folder)


def test_the_loader_processes_end_with_a_run_that_failed(streets, tmp_path, monkeypatch):
    """Also where the error, and so the loader in its traceback, is kept: else Python would wait for them at its end."""

    def failing_step(*_):
        raise RuntimeError("power cut")

    monkeypatch.setattr(training, "optimizer_step", failing_step)
    with pytest.raises(RuntimeError, match="power cut") as kept:
        train(tiny_config(streets, tmp_path, workers=2), progress=False)
    assert kept.value.__traceback__ is not None and not multiprocessing.active_children()


def test_losses_between_log_lines_survive_a_resume(streets, tmp_path, monkeypatch):
    """log_every=3 with a checkpoint every 2: the window of the log is part of the checkpoint."""
    whole = train(tiny_config(streets, tmp_path / "whole", log_every=3), progress=False)
    config = tiny_config(streets, tmp_path / "cut", log_every=3)
    train_until_power_cut(config, 4, monkeypatch)
    assert_same_run(train(config, resume=True, progress=False).folder, whole.folder)


STOPS = [getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)]


@pytest.mark.parametrize("number", STOPS)
def test_ctrl_c_saves_and_says_how_to_go_on(streets, tmp_path, number):
    config = tiny_config(streets, tmp_path / "run", iterations=100_000, save_every=50_000, workers=1, eval_every=0)
    command = [sys.executable, "-m", "acflib", "train", *flags(config)]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True, start_new_session=True)
    deadline = time.time() + 120
    while len(read_csv(tmp_path / "run" / "log.csv")) < 3 and time.time() < deadline:
        time.sleep(0.05)
    os.killpg(process.pid, number)  # as a terminal does: the loader processes get it too
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 130, errors
    assert "--resume" in errors and "Traceback" not in errors
    position = load_checkpoint(tmp_path / "run" / "checkpoint.pt")["position"]
    assert f"after iteration {position}" in errors and position >= 3


def test_micro_steps_divide_by_the_whole_batch(streets, tmp_path):
    """Micro-batches of two, and of one, no batch statistics, float64: the same step as one batch of four."""
    results = []
    for micro_steps in (1, 2, 4):
        model = ModelConfig("tiny", channels=16, align_corners=False, weights=None, aux=False)
        config = tiny_config(
            streets, tmp_path, model=model, loss=LossConfig(), precision="float64", micro_steps=micro_steps
        )
        dataset, device = open_dataset(streets, "train"), torch.device("cpu")
        weights = training.class_weights_of(config, dataset)
        state = start_state(config, None, device, "float64", weights)
        state.network.eval()  # running statistics: each image is on its own
        images, labels = next(iter(training.make_loader(config, dataset, 0, device)))
        for i, rows in enumerate((32, 20, 7, 0)):  # the micro-batches differ in what counts; image 0 has nothing
            labels[i, :rows] = 255
        losses = training.optimizer_step(state, images, labels, 0.1, config)
        gradients = [p.grad for p in state.model.parameters()]
        momenta = [s["momentum_buffer"] for s in state.optimizer.state_dict()["state"].values()]
        results.append([losses, *gradients, *momenta, *(p.detach() for p in state.model.parameters())])
    whole, *parts = results
    assert len(whole) > 100 and len(set(weights)) > 2
    for part in parts:
        for a, b in zip(whole, part, strict=True):
            torch.testing.assert_close(a, b, rtol=0, atol=1e-10)


def test_baseline_has_one_main_loss(streets, tmp_path):
    model = ModelConfig(backbone="tiny", variant=None, channels=16, align_corners=False, weights=None)
    result = train(tiny_config(streets, tmp_path, model=model, iterations=2), progress=False)
    row = read_csv(tmp_path / "log.csv")[0]
    assert row["coarse"] == ""
    assert float(row["loss"]) == pytest.approx(0.4 * float(row["aux"]) + 1.0 * float(row["fine"]), rel=1e-6)
    assert result.scores.miou_coarse is None


@pytest.mark.parametrize("variant, context", [("concat", "aspp"), ("center", "psp")])
def test_other_rows_of_the_tables_train_too(streets, tmp_path, variant, context):
    model = ModelConfig("tiny", context, variant, channels=16, align_corners=False, weights=None)
    assert train(tiny_config(streets, tmp_path, model=model, iterations=2), progress=False).finished


def test_inplace_norm_trains_resumes_and_is_loaded_as_what_it_is(streets, tmp_path, monkeypatch):
    """A checkpoint trained with leaky ReLU would give other logits in a network with ReLU, without any error."""
    whole = train(tiny_config(streets, tmp_path / "whole", norm="inplace"), progress=False)
    model = load_pretrained(whole.folder / "checkpoint.pt")
    scores = evaluate(model, open_dataset(streets, "val"), progress=False)
    assert scores.miou_fine == whole.scores.miou_fine
    config = tiny_config(streets, tmp_path / "cut", norm="inplace")
    train_until_power_cut(config, 3, monkeypatch)
    assert_same_run(train(config, resume=True, progress=False).folder, whole.folder)


def test_csv_log_drops_what_a_resumed_run_writes_again(tmp_path):
    path = tmp_path / "log.csv"
    path.write_text("iteration,loss\n1,0.5\n2,0.25\n3,0.1\n4,0.")  # the last line was cut by a kill
    CsvLog(path, ("iteration", "loss"), position=2).write(iteration=3, loss=0.125)
    with open(path) as file:
        assert list(csv.reader(file)) == [["iteration", "loss"], ["1", "0.5"], ["2", "0.25"], ["3", "0.125"]]


def test_tensorboard_files(streets, tmp_path):
    pytest.importorskip("tensorboard")
    train(tiny_config(streets, tmp_path, iterations=1, tensorboard=True), progress=False)
    assert list((tmp_path / "tensorboard").glob("events*"))


def test_float64_loses_no_digit_in_a_resume_or_an_evaluation(streets, tmp_path, monkeypatch):
    config = tiny_config(streets, tmp_path / "run", precision="float64", iterations=4)
    train_until_power_cut(config, 2, monkeypatch)
    result = train(config, resume=True, progress=False)
    whole = train(replace(config, out=str(tmp_path / "whole")), progress=False)
    assert_same_run(result.folder, whole.folder)
    stored, checkpoint = final_weights(whole.folder), whole.folder / "checkpoint.pt"
    placed, _ = placed_network(str(checkpoint), torch.device("cpu"), "float64")
    assert all(torch.equal(value, stored[name]) for name, value in placed.state_dict().items())
    assert next(load_pretrained(checkpoint).parameters()).dtype == torch.float32


def test_an_evaluation_that_needs_too_much_memory_names_flags_of_training(streets, tmp_path, monkeypatch):
    def failing(*_, **__):
        raise torch.OutOfMemoryError("CUDA out of memory")

    config = tiny_config(streets, tmp_path / "run", eval_batch_size=2)
    monkeypatch.setattr(ACFNet, "forward", only_in_training(ACFNet.forward, failing))
    with pytest.raises(MemoryShortage) as caught:
        train(config, progress=False)
    flags_named = set(re.findall(r"--[a-z-]+", str(caught.value)))
    assert flags_named == {"--resume", "--eval-batch-size", "--val-split", "--window"}
    assert load_checkpoint(tmp_path / "run" / "checkpoint.pt")["position"] == 4, "it says that this is written"


def only_in_training(forward, otherwise):
    return lambda model, *arguments, **maps: (forward if model.training else otherwise)(model, *arguments, **maps)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full, a disk that is always full")
def test_a_log_that_cannot_be_written_is_named(tmp_path):
    log = CsvLog(tmp_path / "log.csv", ("iteration", "loss"), 0)
    (tmp_path / "log.csv").unlink()
    (tmp_path / "log.csv").symlink_to("/dev/full")
    with pytest.raises(TrainingError, match=r"log\.csv: cannot be written .*--resume"):
        log.write(iteration=1, loss=0.5)


@pytest.mark.parametrize("at_once", [True, False])
def test_curves_that_cannot_be_written_do_not_end_a_run(streets, tmp_path, monkeypatch, capsys, at_once):
    """TensorBoard writes in a thread: it may notice a full disk at its end only."""

    class Full:
        def add_scalar(self, *_):
            if at_once:
                self.close()

        def close(self):
            raise OSError(28, "No space left on device")

    monkeypatch.setattr(runlog, "_tensorboard", lambda *_: Full())
    assert train(tiny_config(streets, tmp_path / "run", tensorboard=True), progress=False).finished
    assert capsys.readouterr().err.count("no more TensorBoard curves") == at_once
