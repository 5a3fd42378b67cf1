"""The tool that makes the shipped weights, with a few steps on small pictures."""

import json
import shutil
from types import SimpleNamespace

import pytest

from acflib.datasets import open_dataset
from acflib.datasets.streets import write_streets
from acflib.predict.evaluation import evaluate
from acflib.predict.pretrained import load_pretrained, pretrained_info
from acflib.training import train
from tools import train_weights


def command(streets, folder, *more):
    folders = ["--data", str(streets), "--runs", str(folder / "runs"), "--out", str(folder / "weights")]
    return [*folders, "--iterations", "2", *more]


@pytest.fixture(scope="module")
def made(streets, tmp_path_factory):
    """A folder in which the tool has made all."""
    folder = tmp_path_factory.mktemp("made")
    assert train_weights.main(command(streets, folder)) == 0
    return folder


def test_all_networks_are_written_with_their_sidecars(made, streets):
    names = {path.name for path in (made / "weights").iterdir()}
    assert names == {f"{name}.{kind}" for name in train_weights.VARIANTS for kind in ("safetensors", "json")}
    baseline, acf = (pretrained_info(name, made / "weights") for name in ("streets-baseline", "streets-acf-sum"))
    assert baseline["training"] == acf["training"] and acf["training"]["crop_size"] == [32, 64]
    assert baseline["model"] | {"variant": "sum"} == acf["model"]
    assert acf["data"] == {"name": "Streets", **json.loads((streets / "streets.json").read_text())}
    assert acf["command"] == (
        "python tools/train_weights.py streets-acf-sum --iterations 2 --learning-rate 0.1 --seed 0 --device cpu"
    )
    assert str(made) not in json.dumps([baseline, acf])


def test_scores_are_those_of_the_weights(made, streets):
    for name in train_weights.VARIANTS:
        model, metrics = (
            load_pretrained(name, folder=made / "weights"),
            pretrained_info(name, made / "weights")["metrics"],
        )
        for split in ("val", "test"):
            scores = evaluate(model, open_dataset(streets, split), batch_size=20, progress=False)
            assert metrics[split] == scores.as_dict()
        assert ("miou_coarse" in metrics["val"]) == (name != "streets-baseline")


def test_a_finished_run_is_not_trained_again_and_gives_the_same_file(made, streets, tmp_path):
    shutil.copytree(made / "runs", tmp_path / "runs")
    log = (tmp_path / "runs" / "streets-baseline" / "evaluation.csv").read_bytes()
    assert train_weights.main(command(streets, tmp_path, "streets-baseline")) == 0
    assert [path.name for path in sorted((tmp_path / "weights").iterdir())] == [
        "streets-baseline.json",
        "streets-baseline.safetensors",
    ]
    name = "weights/streets-baseline.safetensors"
    assert (tmp_path / name).read_bytes() == (made / name).read_bytes()
    assert (tmp_path / "runs" / "streets-baseline" / "evaluation.csv").read_bytes() == log


def test_a_stopped_run_writes_no_weights(streets, tmp_path, monkeypatch, capsys):
    asked = []

    def stopped(config, resume):
        asked.append(resume)
        return SimpleNamespace(finished=False)

    monkeypatch.setattr(train_weights, "train", stopped)
    assert train_weights.main(command(streets, tmp_path)) == 130
    assert asked == [True] and not (tmp_path / "weights").exists()
    assert "the same command goes on" in capsys.readouterr().err
    monkeypatch.setattr(train_weights, "train", train)
    assert train_weights.main(command(streets, tmp_path, "streets-acf-sum")) == 0


def test_other_settings_for_the_same_run_folder_are_refused(made, streets, tmp_path, capsys):
    shutil.copytree(made / "runs", tmp_path / "runs")
    assert train_weights.main(command(streets, tmp_path, "--learning-rate", "0.2")) == 2
    assert "learning_rate is 0.2, was 0.1" in capsys.readouterr().err


def test_data_of_another_generator_is_refused(streets, tmp_path, capsys):
    shutil.copytree(streets, tmp_path / "old")
    manifest = json.loads((streets / "streets.json").read_text())
    (tmp_path / "old" / "streets.json").write_text(json.dumps(manifest | {"generator": 0}))
    assert train_weights.main(command(tmp_path / "old", tmp_path)) == 2
    assert "drawn by version 0 of the generator" in capsys.readouterr().err


def test_data_of_another_palette_is_refused(tmp_path, capsys):
    few = {"width": 64, "height": 32, "train": 2, "val": 1, "test": 1, "progress": False}
    write_streets(tmp_path / "turned", **few, palette="turned")
    assert train_weights.main(command(tmp_path / "turned", tmp_path)) == 2
    assert "its palette is not 'own'" in capsys.readouterr().err


def test_missing_data_is_written_at_256_x_128(tmp_path, monkeypatch, streets):
    asked = []

    def write(folder, width, height):
        asked.append((width, height))
        shutil.copytree(streets, folder)

    monkeypatch.setattr(train_weights, "write_streets", write)
    assert train_weights.main(command(tmp_path / "new", tmp_path, "streets-baseline")) == 0
    assert asked == [(256, 128)]


def test_unknown_name(capsys):
    with pytest.raises(SystemExit):
        train_weights.main(["streets-acf"])
    assert "there are: streets-baseline, streets-acf-sum, streets-self, streets-global" in capsys.readouterr().err
