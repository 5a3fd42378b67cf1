"""What may change when a run goes on and what may not; evaluations in training."""

import json
import shutil
import signal
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from PIL import Image

from acflib import training
from acflib.acfnet import ModelConfig
from acflib.cli import parser as cli
from acflib.datasets import open_dataset
from acflib.datasets.cache import CachedDataset, build_cache
from acflib.engine import run_folder
from acflib.engine.checkpoints import load_checkpoint
from acflib.engine.run_folder import run_precision
from acflib.engine.runlog import read_csv
from acflib.errors import CheckpointError, ConfigError, DataError
from acflib.predict import evaluation
from acflib.training import train
from tests.runs import assert_same_run, final_weights, tiny_config

CPU = torch.device("cpu")


def run(config, **changes):
    return train(config, progress=False, **changes)


# What may change when a run goes on, and what may not.


@pytest.fixture(scope="module")
def finished(streets, tmp_path_factory):
    """A run that was never stopped."""
    return run(tiny_config(streets, tmp_path_factory.mktemp("runs") / "reference")).folder


def stopped_run(config, position, monkeypatch):
    """Begin a run, and end it without warning after its checkpoint at ``position``."""
    step = training.optimizer_step

    def failing(state, *arguments):
        if state.position == position:
            raise RuntimeError("power cut")
        return step(state, *arguments)

    with monkeypatch.context() as patch, pytest.raises(RuntimeError, match="power cut"):
        patch.setattr(training, "optimizer_step", failing)
        run(config)


@pytest.mark.parametrize(
    "changes",
    [
        {"eval_batch_size": 2},
        {"val_split": "none"},
        {"val_split": "test"},
        {"save_every": 5},
        {"log_every": 4},
        {"eval_every": 1},
        {"eval_every": 0},
        {"model": ModelConfig("tiny", channels=16, align_corners=False, weights=None, recompute=True)},
    ],
)
def test_what_cannot_change_the_weights_may_change(streets, tmp_path, monkeypatch, finished, changes):
    config = tiny_config(streets, tmp_path / "run")
    stopped_run(config, 2, monkeypatch)
    assert run(replace(config, **changes), resume=True).finished
    found, expected = final_weights(tmp_path / "run"), final_weights(finished)
    assert all(torch.equal(found[name], value) for name, value in expected.items())
    assert json.loads((tmp_path / "run" / "config.json").read_text())["seed"] == 0


def test_scores_of_two_splits_are_told_apart(streets, tmp_path, monkeypatch):
    """In the log and in the curve. A finished run that goes on with another split is evaluated on it."""
    figures = pytest.importorskip("acflib.study.figures")
    config = tiny_config(streets, tmp_path / "run")
    run(config)
    test = run(replace(config, val_split="test"), resume=True).scores
    assert test.fine.sum() < run(replace(config, out=str(tmp_path / "other"))).scores.fine.sum()  # 2 images, 5 images
    rows = read_csv(tmp_path / "run" / "evaluation.csv")
    assert [(row["iteration"], row["split"]) for row in rows] == [("4", "val"), ("6", "val"), ("6", "test")]
    assert float(rows[-1]["miou_fine"]) == test.miou_fine
    curve = figures.training_curve(tmp_path / "run").axes[2].lines[0]
    assert list(curve.get_xdata()) == [6]


@pytest.mark.parametrize("changes", [{"seed": 1}, {"batch_size": 2}, {"micro_steps": 2}, {"precision": "float64"}])
def test_what_changes_the_weights_may_not(streets, tmp_path, monkeypatch, changes):
    config = tiny_config(streets, tmp_path / "run")
    stopped_run(config, 2, monkeypatch)
    with pytest.raises(CheckpointError, match=f"{next(iter(changes))} is .*, was"):
        run(replace(config, **changes), resume=True)


def test_other_data_is_refused(streets, tmp_path, monkeypatch):
    """The folder of the data may be another one, but what is in it is the same: the order of batches hangs on it."""
    config = tiny_config(streets, tmp_path / "run")
    stopped_run(config, 2, monkeypatch)
    fewer = shutil.copytree(streets, tmp_path / "fewer")
    image = next((fewer / "leftImg8bit" / "train").rglob("*.png"))
    for path in (fewer / "gtFine" / "train").rglob(image.name.replace("leftImg8bit.png", "*")):
        path.unlink()
    image.unlink()
    with pytest.raises(CheckpointError, match=r"began with 12 frames, split 'train' of .*fewer has 11.*same data"):
        run(replace(config, data=str(fewer)), resume=True)
    moved = shutil.copytree(streets, tmp_path / "moved")
    assert run(replace(config, data=str(moved)), resume=True).finished


def test_other_classes_are_refused(streets, tmp_path):
    dataset = open_dataset(streets, "train")
    checkpoint = {"frames": 12, "classes": ["sky", *dataset.classes[1:]]}
    with pytest.raises(CheckpointError, match="other classes than"):
        run_folder.check_same_data(tmp_path, checkpoint, dataset)


@pytest.mark.parametrize("format, lacks", [(1, ("frames", "picture_size")), (2, ("picture_size",))])
def test_a_checkpoint_of_an_older_format_goes_on(streets, tmp_path, monkeypatch, finished, format, lacks):
    """Format 1 knows neither the number of frames nor the precision in use, format 2 not the size of the pictures."""
    config = tiny_config(streets, tmp_path / "run")
    stopped_run(config, 2, monkeypatch)
    path = tmp_path / "run" / "checkpoint.pt"
    old = torch.load(path, weights_only=True)
    for name in lacks:
        del old[name]
    old["format"] = format
    if format == 1:
        old["config"]["precision"] = "auto"
    torch.save(old, path)
    assert all(load_checkpoint(path)[name] is None for name in lacks)
    run(config, resume=True)
    assert_same_run(tmp_path / "run", finished)
    assert load_checkpoint(path)["frames"] == 12 and load_checkpoint(path)["picture_size"] == [32, 64]


def test_the_precision_in_use_is_stored(streets, tmp_path, monkeypatch):
    """A run that began in bf16 on a GPU, by "auto", goes on so wherever it goes on."""
    auto = tiny_config(streets, tmp_path / "run")
    stopped_run(replace(auto, precision="bf16"), 2, monkeypatch)
    run(auto, resume=True)
    assert load_checkpoint(tmp_path / "run" / "checkpoint.pt")["config"]["precision"] == "bf16"
    assert json.loads((tmp_path / "run" / "config.json").read_text())["precision"] == "bf16"
    run(replace(auto, out=str(tmp_path / "fresh"), iterations=1))
    assert load_checkpoint(tmp_path / "fresh" / "checkpoint.pt")["config"]["precision"] == "float32"


def test_a_run_in_fp16_goes_on_where_there_is_fp16(streets, tmp_path):
    config, checkpoint = tiny_config(streets, tmp_path), {"config": {"precision": "fp16"}}
    for precision in ("auto", "fp16"):
        with pytest.raises(CheckpointError, match="fp16, which needs a CUDA GPU: go on with it on one"):
            run_precision(replace(config, precision=precision), checkpoint, CPU)
    assert run_precision(config, checkpoint, torch.device("cuda", 0)) == "fp16"


# Evaluations in training.


def several_sizes(streets, folder: Path) -> Path:
    """The data with a val image, and its labels, turned upright."""
    shutil.copytree(streets, folder)
    image = sorted((folder / "leftImg8bit" / "val").rglob("*.png"))[-1]
    labels = sorted((folder / "gtFine" / "val").rglob("*_labelTrainIds.png"))[-1]
    for path in (image, labels):
        Image.open(path).rotate(90, expand=True).save(path)
    return folder


def test_images_of_several_sizes_are_found_before_training(streets, tmp_path, monkeypatch):
    data = several_sizes(streets, tmp_path / "data")
    config = tiny_config(data, tmp_path / "run", eval_batch_size=2)
    with monkeypatch.context() as patch:
        patch.setattr(training, "optimizer_step", None)  # no step is made
        with pytest.raises(DataError, match=r"2 sizes.*64x32.*32x64.*--eval-batch-size 1"):
            run(config)
    assert run(replace(config, eval_batch_size=1, iterations=1)).scores is not None


def test_evaluate_looks_first_too(streets, tmp_path, capsys, finished):
    data = several_sizes(streets, tmp_path / "data")
    arguments = ["evaluate", "--checkpoint", str(finished / "checkpoint.pt"), "--data", str(data), "--batch-size"]
    assert cli.main([*arguments, "2"]) == 2
    captured = capsys.readouterr()
    assert "2 sizes" in captured.err and "evaluating" not in captured.err and not captured.out
    assert cli.main([*arguments, "1"]) == 0


def test_a_photograph_with_an_exif_turn_has_its_turned_size(streets, tmp_path):
    dataset = open_dataset(shutil.copytree(streets, tmp_path / "data"), "val")
    picture = Image.open(dataset.frames[0].image)
    exif = Image.Exif()
    exif[0x0112] = 6  # the camera was held upright
    picture.save(dataset.frames[0].image, exif=exif)
    assert dataset.load_image(0).shape == (64, 32, 3)
    with pytest.raises(DataError, match="2 sizes"):
        evaluation.check_split(dataset, 2)


def test_a_split_without_labels_is_found_before_training(streets, tmp_path, monkeypatch):
    """As Cityscapes' test split on a disk without its gtFine."""

    def without_labels(root, split):
        dataset = open_dataset(root, split)
        dataset.frames = [replace(frame, labels=None) if split == "test" else frame for frame in dataset.frames]
        return dataset

    monkeypatch.setattr(training, "open_dataset", without_labels)
    monkeypatch.setattr(training, "optimizer_step", None)
    with pytest.raises(DataError, match="split 'test' has no labels to evaluate with"):
        run(tiny_config(streets, tmp_path / "run", val_split="test"))


@pytest.mark.parametrize("eval_every", [0, 3])
def test_an_evaluation_that_fails_loses_nothing(streets, tmp_path, monkeypatch, finished, eval_every):
    """The network was saved before; the run goes on with the evaluation."""
    config = tiny_config(streets, tmp_path / "run", save_every=100, eval_every=eval_every)

    def failing(*_, **__):
        raise RuntimeError("out of memory")

    with monkeypatch.context() as patch, pytest.raises(RuntimeError, match="out of memory"):
        patch.setattr(training, "evaluate", failing)
        run(config)
    assert load_checkpoint(tmp_path / "run" / "checkpoint.pt")["position"] == (eval_every or 6)
    result = run(config, resume=True)
    assert result.finished and result.scores is not None
    rows = read_csv(tmp_path / "run" / "evaluation.csv")
    assert [int(row["iteration"]) for row in rows] == ([3, 6] if eval_every else [6])
    assert final_weights(tmp_path / "run").keys() == final_weights(finished).keys()
    assert rows[-1]["miou_fine"] == read_csv(finished / "evaluation.csv")[-1]["miou_fine"]
    assert run(config, resume=True).scores is None  # nothing is left to do


def test_a_signal_during_an_evaluation_ends_the_run_after_it(streets, tmp_path, monkeypatch):
    real = training.evaluate

    def interrupted(*arguments, **settings):
        signal.raise_signal(signal.SIGTERM)
        return real(*arguments, **settings)

    config = tiny_config(streets, tmp_path / "run")
    monkeypatch.setattr(training, "evaluate", interrupted)
    result = run(config)
    assert (result.position, result.finished) == (4, False) and result.scores is not None
    assert load_checkpoint(tmp_path / "run" / "checkpoint.pt")["position"] == 4


def test_evaluations_read_in_loader_processes(streets, tmp_path, monkeypatch):
    """Not in the main process, which a GPU waits for."""
    seen, real = [], evaluation.DataLoader

    def watched(*arguments, **settings):
        seen.append(settings)
        return real(*arguments, **settings)

    monkeypatch.setattr(evaluation, "DataLoader", watched)
    run(tiny_config(streets, tmp_path / "run", workers=2))
    assert [settings["num_workers"] for settings in seen] == [2, 2]


@pytest.mark.parametrize("device", ["cpu", "cuda"])
def test_batches_for_a_gpu_lie_in_pinned_memory(streets, monkeypatch, device):
    """Without a GPU here, the network only says that it is on one."""
    seen, network = {}, torch.nn.Module()
    network.num_classes = 19
    network.parameters = lambda: iter([SimpleNamespace(device=torch.device(device), dtype=torch.float32)])

    def watched(*_, **settings):
        seen.update(settings)
        raise ConfigError("seen")

    monkeypatch.setattr(evaluation, "DataLoader", watched)
    with pytest.raises(ConfigError, match="seen"):
        next(evaluation.probability_batches(network, open_dataset(streets, "val"), progress=False))
    assert seen["pin_memory"] is (device == "cuda")


def test_the_cache_serves_evaluations_too(streets, tmp_path, monkeypatch):
    seen, real = [], training.evaluate

    def watched(model, dataset, **settings):
        seen.append(type(dataset) is CachedDataset)
        return real(model, dataset, **settings)

    monkeypatch.setattr(training, "evaluate", watched)
    build_cache(open_dataset(streets, "train"), tmp_path / "cache", progress=False)
    config = tiny_config(streets, tmp_path / "run", cache=str(tmp_path / "cache"), iterations=1)
    files = run(config)
    build_cache(open_dataset(streets, "val"), tmp_path / "cache", progress=False)
    cached = run(replace(config, out=str(tmp_path / "cached")))
    assert seen == [False, True]
    assert torch.equal(files.scores.fine, cached.scores.fine)
