"""What a run says when it cannot work: each message names the file or argument and the mend, and nothing is lost.

Faults of data files have their tests in tests/datasets.
"""

import math
import pickle
import resource
import shutil

import numpy as np
import pytest
import torch
from PIL import Image

from acflib import training
from acflib.acfnet import ModelConfig, build_model
from acflib.cli import parser as cli
from acflib.datasets import open_dataset
from acflib.engine.checkpoints import load_checkpoint
from acflib.engine.config import TrainConfig
from acflib.errors import AcflibError, CheckpointError, ConfigError, DataError, TrainingError
from acflib.predict.evaluation import evaluate
from acflib.predict.pretrained import load_pretrained
from acflib.training import train
from tests.runs import final_weights, flags, tiny_config


def model_config(**changes):
    return ModelConfig(**({"backbone": "tiny", "channels": 16, "align_corners": False, "weights": None} | changes))


def run(config, **changes):
    return train(config, progress=False, **changes)


def copy_of(streets, tmp_path):
    """A Streets folder that a test may damage."""
    return shutil.copytree(streets, tmp_path / "data")


def label_files(root, split="train"):
    return sorted((root / "gtFine" / split).rglob("*_labelTrainIds.png"))


@pytest.mark.parametrize(
    "changes, error, message",
    [
        ({"model": model_config(num_classes=11)}, ConfigError, r"11 classes.*has 19.*--num-classes 19"),
        ({"device": "cuda"}, ConfigError, "no CUDA GPU"),
        ({"device": "tpu9000"}, ConfigError, "tpu9000"),
        ({"device": "meta"}, ConfigError, "device must be.*meta"),
        ({"device": "cpu:3"}, ConfigError, "device must be.*cpu:3"),
        ({"precision": "fp16"}, ConfigError, "fp16.*GPU"),
        ({"precision": "half"}, ConfigError, "precision must be one of"),
        ({"batch_size": 100}, ConfigError, "12 images.*batch_size=100"),
        ({"batch_size": 3, "micro_steps": 2}, ConfigError, "batch_size=3.*multiple"),
        ({"split": "training"}, DataError, "training"),
        ({"val_split": "validation"}, DataError, "validation"),
    ],
)
def test_settings_that_cannot_work(streets, tmp_path, changes, error, message):
    if changes.get("device") == "cuda" and torch.cuda.is_available():
        pytest.skip("there is a GPU")
    with pytest.raises(error, match=message):
        run(tiny_config(streets, tmp_path / "run", **changes))
    assert not (tmp_path / "run" / "checkpoint.pt").exists()


def test_a_data_folder_that_is_not_there(tmp_path):
    with pytest.raises(DataError, match="nowhere: does not exist"):
        run(tiny_config(tmp_path / "nowhere", tmp_path / "run"))


@pytest.mark.parametrize(
    "changes, message",
    [
        ({"iterations": 0}, "iterations"),
        ({"batch_size": -1}, "batch_size"),
        ({"learning_rate": 0.0}, "learning_rate"),
        ({"learning_rate": math.nan}, "learning_rate"),
        ({"poly_power": -1.0}, "poly_power.*would rise"),
        ({"scale_range": (2.0, 0.5)}, "scale_range"),
        ({"flip_probability": 1.5}, "flip_probability"),
        ({"norm": "group"}, "norm"),
        ({"crop_size": (512, 1024)}, "align_corners"),  # the default, True, suits 8k+1 alone
    ],
)
def test_values_out_of_range(changes, message):
    with pytest.raises(ConfigError, match=message):
        TrainConfig(data="x", **changes)


@pytest.mark.parametrize(
    "changes, message",
    [
        ({"backbone": "vgg16"}, "vgg16"),
        ({"context": "ocr"}, "ocr"),
        ({"variant": "mean"}, "mean"),
        ({"output_stride": 4}, "output_stride"),
        ({"channels": 0}, "channels must be at least 1"),
        ({"num_classes": 0}, "num_classes must be at least 1"),
        ({"num_classes": -1}, "num_classes must be at least 1"),
        ({"num_classes": 256}, "at most 255 classes: class maps are bytes; got 256"),
        ({"num_classes": None}, "num_classes=None.*data.*give a number"),
        ({"weights": "IMAGENET1K_V1"}, "tiny.*no pretrained weights"),
        ({"backbone": "resnet18", "weights": "IMAGENET22K"}, "IMAGENET1K_V1"),
    ],
)
def test_unknown_networks(changes, message):
    with pytest.raises(ConfigError, match=message):
        build_model(model_config(**changes))


def test_batch_of_one_where_batch_norm_sees_one_value(streets, tmp_path):
    with pytest.raises(ConfigError, match="one value per channel.*batch size of at least 2"):
        run(tiny_config(streets, tmp_path / "run", model=model_config(context="psp"), batch_size=1))


def test_a_crop_in_which_everything_is_ignored(streets, tmp_path):
    """Loss 0, gradients 0, no NaN: only weight decay and running statistics move."""
    root = copy_of(streets, tmp_path)
    for path in label_files(root):
        Image.fromarray(np.full((32, 64), 255, np.uint8)).save(path)
    config = tiny_config(root, tmp_path / "run", class_balance=False, weight_decay=0.0, iterations=2)
    torch.manual_seed(config.seed)
    before = build_model(config.model)
    run(config)
    after = final_weights(tmp_path / "run")
    for name, parameter in before.named_parameters():
        assert torch.equal(after[name], parameter), name
    assert all(value.isfinite().all() for value in after.values())
    with pytest.raises(DataError, match="every pixel of split 'train' is ignored"):
        run(tiny_config(root, tmp_path / "balanced"))


def test_a_damaged_file_is_named_once_and_without_traceback(streets, tmp_path):
    root = copy_of(streets, tmp_path)
    path = label_files(root)[3]
    path.write_bytes(path.read_bytes()[:60])
    for workers in (0, 2):
        config = tiny_config(root, tmp_path / f"run{workers}", workers=workers, class_balance=False)
        with pytest.raises(DataError) as caught:
            run(config)
        assert str(path) in str(caught.value) and "\n" not in str(caught.value)


def test_a_loss_that_is_not_finite_stops_and_keeps_the_last_good_checkpoint(streets, tmp_path, monkeypatch):
    config = tiny_config(streets, tmp_path / "run")
    step, done = training.optimizer_step, []

    def poisoned(state, *arguments):
        done.append(1)
        losses = step(state, *arguments)
        return losses * float("nan") if len(done) == 3 else losses

    monkeypatch.setattr(training, "optimizer_step", poisoned)
    with pytest.raises(TrainingError, match="not finite after iteration 3.*checkpoint.pt.*learning-rate"):
        run(config)
    checkpoint = load_checkpoint(tmp_path / "run" / "checkpoint.pt")
    assert checkpoint["position"] == 2 and all(v.isfinite().all() for v in checkpoint["model"].values())
    monkeypatch.undo()
    assert run(config, resume=True).finished


def test_a_learning_rate_that_diverges(streets, tmp_path):
    with pytest.raises(TrainingError, match="not finite.*Nothing was saved yet"):
        run(tiny_config(streets, tmp_path / "run", learning_rate=1e30))
    assert not (tmp_path / "run" / "checkpoint.pt").exists()


def test_a_folder_that_holds_a_run(streets, tmp_path):
    config = tiny_config(streets, tmp_path / "run", iterations=2)
    run(config)
    with pytest.raises(CheckpointError, match="already holds a run.*--resume"):
        run(config)
    with pytest.raises(CheckpointError, match="learning_rate is 0.02, was 0.01"):
        run(tiny_config(streets, tmp_path / "run", iterations=2, learning_rate=0.02), resume=True)
    with pytest.raises(CheckpointError, match="model.variant is 'concat', was 'sum'"):
        run(tiny_config(streets, tmp_path / "run", iterations=2, model=model_config(variant="concat")), resume=True)


class Exploit:
    """A pickle that would run a program."""

    def __reduce__(self):
        return (print, ("this must never run",))


@pytest.mark.parametrize(
    "damage, message",
    [
        (lambda path: path.write_bytes(path.read_bytes()[:2000]), "truncated"),
        (lambda path: path.write_bytes(b""), "truncated"),
        (lambda path: path.write_text("hello"), "not a checkpoint"),
        (lambda path: path.write_bytes(pickle.dumps({"format": 1})), "not a checkpoint"),
        (lambda path: torch.save({"weights": torch.ones(2)}, path), "not a checkpoint of acflib"),
        (lambda path: torch.save({"format": 99}, path), "format 99"),
        (lambda path: torch.save({"format": 1, "config": Exploit()}, path), "cannot be read"),
        (lambda path: path.unlink(), "no such checkpoint"),
    ],
)
def test_checkpoints_that_are_none(streets, tmp_path, damage, message, capfd):
    config = tiny_config(streets, tmp_path / "run", iterations=2)
    run(config)
    path = tmp_path / "run" / "checkpoint.pt"
    damage(path)
    with pytest.raises(CheckpointError, match=message) as caught:
        load_pretrained(path)
    assert str(path) in str(caught.value)
    assert "must never run" not in capfd.readouterr().out
    if path.exists():
        with pytest.raises(CheckpointError, match=message):
            run(config, resume=True)


def test_a_full_disk_leaves_the_old_checkpoint_whole(streets, tmp_path, monkeypatch):
    """The limit on file size makes a real write fail halfway, as a full disk does."""
    config = tiny_config(streets, tmp_path / "run")
    run_step, done = training.optimizer_step, []
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)

    def step(*arguments):
        done.append(1)
        if len(done) == 3:
            resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, hard))
        return run_step(*arguments)

    monkeypatch.setattr(training, "optimizer_step", step)
    try:
        with pytest.raises(TrainingError, match="cannot be written.*older checkpoint.pt is whole"):
            run(config)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert load_checkpoint(tmp_path / "run" / "checkpoint.pt")["position"] == 2
    assert not list((tmp_path / "run").glob("*.tmp"))
    monkeypatch.undo()
    assert run(config, resume=True).finished


def test_a_folder_that_cannot_be_written(streets, tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(ConfigError, match="cannot write there.*--out"):
        run(tiny_config(streets, tmp_path / "file" / "run"))


def test_evaluation_of_a_network_with_other_classes(streets):
    with pytest.raises(ConfigError, match="11 classes.*has 19"):
        evaluate(build_model(model_config(num_classes=11)), open_dataset(streets, "val"), progress=False)


def test_the_command_line_prints_the_message_alone(streets, tmp_path, capsys):
    config = tiny_config(streets, tmp_path / "run", iterations=2)
    assert cli.main(["train", *flags(config), "--num-classes", "7"]) == 2
    errors = capsys.readouterr().err
    assert "7 classes" in errors and "Traceback" not in errors and len(errors.splitlines()) == 1


def test_all_errors_can_be_caught_as_one():
    assert all(issubclass(error, AcflibError) for error in (CheckpointError, ConfigError, DataError, TrainingError))
