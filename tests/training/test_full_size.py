"""Full-size files (2048x1024) through the whole chain: slow, so only in `make test-slow`."""

import os
import signal
import subprocess

import pytest
from PIL import Image

from acflib.cli import parser as cli
from acflib.datasets import Cityscapes, open_dataset
from acflib.engine.runlog import read_csv
from benchmarks.full_size_folder import write_full_size
from tests.runs import assert_same_run, tiny_config
from tests.training.test_kill import command


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_train_evaluate_predict_at_full_size(tmp_path):
    data, run = tmp_path / "data", tmp_path / "run"
    sizes = ["--size", "2048x1024", "--train", "4", "--val", "2", "--test", "0"]
    assert cli.main(["data", "streets", "--out", str(data), *sizes]) == 0
    settings = ["--crop-size", "257", "513", "--align-corners", "--batch-size", "2", "--iterations", "6"]
    settings += ["--eval-batch-size", "1", "--eval-every", "0", "--save-every", "3", "--quiet", "--no-tensorboard"]
    assert cli.main(["train", "--preset", "tiny-acf-sum", "--data", str(data), "--out", str(run), *settings]) == 0
    assert [int(row["iteration"]) for row in read_csv(run / "evaluation.csv")] == [6]
    checkpoint = ["--checkpoint", str(run / "checkpoint.pt")]
    windows = ["--window", "769", "769", "--scales", "0.75", "1", "--flip"]
    assert cli.main(["evaluate", *checkpoint, "--data", str(data), *windows]) == 0
    photograph = next((data / "leftImg8bit" / "val").rglob("*.png"))
    assert cli.main(["predict", *checkpoint, "--out", str(tmp_path / "out"), str(photograph)]) == 0
    assert Image.open(next((tmp_path / "out").glob("*_classes.png"))).size == (2048, 1024)


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_kill_minus_nine_with_textured_files_of_real_names(tmp_path):
    """Killed between writing and renaming the second checkpoint, then resumed: the same weights, bit for bit."""
    data = tmp_path / "data"
    write_full_size(data, train=4, val=2, distinct=2, progress=False)
    assert type(open_dataset(data, "train")) is Cityscapes
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    settings = {"crop_size": (257, 513), "batch_size": 2, "iterations": 6, "eval_every": 0, "workers": 2}
    reference = tiny_config(data, tmp_path / "reference", **settings)
    subprocess.run(command(reference), check=True, env=environment)
    config = tiny_config(data, tmp_path / "killed", **settings)
    assert subprocess.run(command(config, failpoint=2), env=environment).returncode == -signal.SIGKILL
    subprocess.run(command(config, resume=True), check=True, env=environment)
    assert_same_run(tmp_path / "killed", tmp_path / "reference")
