"""Exported files, read by the official evaluator of Cityscapes, give our own scores."""

import json
import os
import time

import numpy as np
import pytest
import torch
from cityscapesscripts.evaluation import evalPixelLevelSemanticLabeling as official
from PIL import Image

from acflib.acfnet import ModelConfig, build_model
from acflib.cli import parser as cli
from acflib.datasets import Cityscapes, open_dataset
from acflib.datasets.labels import CITYSCAPES_CLASSES, ID_OF_TRAIN_ID
from acflib.errors import ConfigError, DataError
from acflib.metrics import iou_per_class, mean_iou
from acflib.predict.evaluation import evaluate
from acflib.predict.export import export_predictions
from acflib.predict.inference import InferenceConfig
from acflib.predict.predicting import predict_labels
from benchmarks.full_size_folder import write_full_size
from tests.runs import flags, tiny_config
from tests.training.test_torchrun import torchrun

WINDOWS = InferenceConfig(window=(32, 40), scales=(0.75, 1.0), flip=True)


@pytest.fixture(scope="module")
def model():
    """Not trained: it predicts a handful of classes all over the image, which is all that is needed here."""
    network = build_model(ModelConfig(backbone="tiny", channels=16, align_corners=False, weights=None))
    return network.eval()


@pytest.fixture(scope="module")
def checkpoint(streets, tmp_path_factory):
    out = tmp_path_factory.mktemp("run") / "run"
    assert cli.main(["train", *flags(tiny_config(streets, out, iterations=4, eval_every=0))]) == 0
    return str(out / "checkpoint.pt")


def official_scores(data, exported, monkeypatch, split="val"):
    """Let the official script find the prediction of every label file by its name, and score them all."""
    settings = {"quiet": True, "JSONOutput": False, "evalInstLevelScore": False, "evalPixelAccuracy": False}
    settings |= {"evalLabels": [], "predictionPath": str(exported), "predictionWalk": None}
    for name, value in settings.items():
        monkeypatch.setattr(official.args, name, value)
    truths = sorted(str(path) for path in (data / "gtFine" / split).rglob("*_gtFine_labelIds.png"))
    predictions = [official.getPrediction(official.args, truth) for truth in truths]
    return official.evaluateImgLists(predictions, truths, official.args)


def assert_equal_to_official(expected, confusion):
    for name, value in zip(CITYSCAPES_CLASSES, iou_per_class(confusion).tolist(), strict=True):
        assert value == pytest.approx(expected["classScores"][name], abs=1e-9, nan_ok=True), name
    assert mean_iou(confusion) == pytest.approx(expected["averageScoreClasses"], abs=1e-9)


@pytest.mark.parametrize("config", [InferenceConfig(), WINDOWS], ids=["whole", "windows"])
def test_the_official_evaluator_gives_our_scores(model, streets, tmp_path, monkeypatch, config):
    dataset = open_dataset(streets, "val")
    scores = evaluate(model, dataset, config, progress=False)
    assert scores.fine.sum() > 5000 and not scores.fine.equal(scores.coarse)
    for output, confusion in (("out", scores.fine), ("coarse", scores.coarse)):
        export_predictions(model, dataset, tmp_path / output, config, output, progress=False)
        assert_equal_to_official(official_scores(streets, tmp_path / output, monkeypatch), confusion)


def test_files_hold_ids_in_image_size(model, streets, tmp_path):
    dataset = open_dataset(streets, "test")
    dataset.frames = [type(frame)(frame.name, frame.image, None) for frame in dataset.frames]  # as in Cityscapes
    files = export_predictions(model, dataset, tmp_path / "out", progress=False)
    names = [frame.name + "_pred_labelIds.png" for frame in dataset.frames]
    assert [file.name for file in files] == names
    assert sorted(os.listdir(tmp_path / "out")) == sorted(["export.json", *names])
    for i, file in enumerate(files):
        picture = Image.open(file)
        assert picture.mode == "L" and picture.size == (64, 32)
        assert np.array_equal(picture, ID_OF_TRAIN_ID[predict_labels(model, dataset.load_image(i))])


def test_resume_keeps_what_is_there_and_adds_what_is_missing(model, streets, tmp_path):
    dataset = open_dataset(streets, "val")
    files = export_predictions(model, dataset, tmp_path, progress=False)
    whole = [file.read_bytes() for file in files]
    files[1].unlink()
    half = files[2].with_name(files[2].name + ".0123abcd.tmp")  # of a run that was killed an hour ago
    half.write_bytes(b"half")
    os.utime(half, (time.time() - 3600,) * 2)
    files[2].unlink()
    files[3].write_bytes(b"kept")
    with pytest.raises(ConfigError, match="already holds predictions: pass --resume"):
        export_predictions(model, dataset, tmp_path, progress=False)
    export_predictions(model, dataset, tmp_path, resume=True, progress=False)
    assert [file.read_bytes() for file in files] == [*whole[:3], b"kept", whole[4]]
    assert not list(tmp_path.glob("*.tmp"))


def test_resume_refuses_files_of_another_network_or_other_settings(model, streets, tmp_path):
    dataset = open_dataset(streets, "val")
    export_predictions(model, dataset, tmp_path, progress=False)
    with pytest.raises(ConfigError, match=r"another network, data or settings \(output, inference differ\)"):
        export_predictions(model, dataset, tmp_path, WINDOWS, "coarse", resume=True, progress=False)
    torch.manual_seed(1)  # other weights
    other = build_model(ModelConfig(backbone="tiny", channels=16, align_corners=False, weights=None))
    with pytest.raises(ConfigError, match=r"\(weights_sha256 differ\)"):
        export_predictions(other, dataset, tmp_path, resume=True, progress=False)
    (tmp_path / "export.json").write_text("{")
    with pytest.raises(ConfigError, match=r"export\.json: damaged"):
        export_predictions(model, dataset, tmp_path, resume=True, progress=False)
    (tmp_path / "export.json").unlink()
    with pytest.raises(ConfigError, match=r"predictions without export\.json"):
        export_predictions(model, dataset, tmp_path, resume=True, progress=False)


def test_the_folder_is_for_predictions_alone(model, streets, tmp_path):
    """The official script stops where it finds two PNGs of one frame, such as an overlay beside the prediction."""
    (tmp_path / "overlays").mkdir()
    with pytest.raises(ConfigError, match=r"holds other files \(overlays\).*evaluator reads every PNG"):
        export_predictions(model, open_dataset(streets, "val"), tmp_path, progress=False)


def test_other_layouts_are_refused(model, streets, tmp_path):
    dataset = open_dataset(streets, "val")
    dataset.classes = tuple(f"class {i}" for i in range(19))
    with pytest.raises(DataError, match="other classes than Cityscapes"):
        export_predictions(model, dataset, tmp_path / "a", progress=False)
    dataset = open_dataset(streets, "val")
    dataset.frames[1] = type(dataset.frames[1])("my_photograph", dataset.frames[1].image, None)
    with pytest.raises(DataError, match="its name is not CITY_SEQUENCE_FRAME"):
        export_predictions(model, dataset, tmp_path / "a", progress=False)
    assert not (tmp_path / "a").exists()


def test_network_that_does_not_fit(streets, tmp_path):
    config = dict(backbone="tiny", channels=16, align_corners=False, weights=None)
    dataset = open_dataset(streets, "val")
    with pytest.raises(ConfigError, match="11 classes"):
        export_predictions(build_model(ModelConfig(num_classes=11, **config)), dataset, tmp_path, progress=False)
    with pytest.raises(ConfigError, match='output="coarse" is not there'):
        export_predictions(build_model(ModelConfig(variant=None, **config)), dataset, tmp_path, output="coarse")


def test_training_mode_is_put_back(model, streets, tmp_path):
    model.train()
    export_predictions(model, open_dataset(streets, "val"), tmp_path, progress=False)
    assert model.training
    model.eval()


def test_command_line(checkpoint, streets, tmp_path, capsys, monkeypatch):
    out, scores = tmp_path / "out", tmp_path / "scores.json"
    arguments = ["--checkpoint", checkpoint, "--data", str(streets), "--split", "val", "--scales", "0.5", "1", "--flip"]
    assert cli.main(["export", *arguments, "--out", str(out)]) == 0
    assert f"5 label files are in {out}" in capsys.readouterr().out
    assert cli.main(["export", *arguments, "--out", str(out)]) == 2
    assert cli.main(["export", *arguments, "--out", str(out), "--resume"]) == 0
    assert cli.main(["evaluate", *arguments, "--json", str(scores)]) == 0
    expected = official_scores(streets, out, monkeypatch)["averageScoreClasses"]
    assert json.loads(scores.read_text())["miou_fine"] == pytest.approx(100 * expected, abs=1e-9)
    assert cli.main(["export", "--data", str(streets)]) == 2
    assert "--checkpoint is missing" in capsys.readouterr().err


@pytest.mark.slow
def test_two_processes_write_what_one_writes(checkpoint, streets, tmp_path):
    arguments = ["export", "--checkpoint", checkpoint, "--data", str(streets), "--split", "val", "--device", "cpu"]
    assert cli.main([*arguments, "--out", str(tmp_path / "1")]) == 0
    printed = torchrun(2, *arguments, "--out", str(tmp_path / "2"))
    assert printed.count("5 label files") == 1
    found = [{path.name: path.read_bytes() for path in (tmp_path / name).iterdir()} for name in "12"]
    assert found[0] == found[1] and len(found[0]) == 6


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_full_size_train_export_and_official_scores(tmp_path, monkeypatch):
    """Files of 2048 x 1024 with the names of Cityscapes, through sliding windows."""
    data, run, out, scores = (tmp_path / name for name in ("data", "run", "out", "scores.json"))
    write_full_size(data, train=2, val=2, distinct=2, progress=False)
    assert type(open_dataset(data, "val")) is Cityscapes
    settings = ["--crop-size", "257", "513", "--align-corners", "--batch-size", "2", "--iterations", "6"]
    settings += ["--eval-every", "0", "--val-split", "none", "--quiet", "--no-tensorboard", "--workers", "0"]
    assert cli.main(["train", "--preset", "tiny-acf-sum", "--data", str(data), "--out", str(run), *settings]) == 0
    shared = ["--checkpoint", str(run / "checkpoint.pt"), "--data", str(data), "--split", "val"]
    shared += ["--window", "769", "769", "--scales", "0.75", "1", "--flip"]
    for output in ("out", "coarse"):
        assert cli.main(["export", *shared, "--out", str(out / output), "--output", output]) == 0
    assert cli.main(["evaluate", *shared, "--json", str(scores)]) == 0
    found = json.loads(scores.read_text())
    for output, name in (("out", "fine"), ("coarse", "coarse")):
        expected = official_scores(data, out / output, monkeypatch)
        assert found[f"miou_{name}"] == pytest.approx(100 * expected["averageScoreClasses"], abs=1e-9)
        for label, value in found[f"iou_{name}"].items():
            ours = float("nan") if value is None else value
            assert ours == pytest.approx(100 * expected["classScores"][label], abs=1e-9, nan_ok=True)
