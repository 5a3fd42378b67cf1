"""The command line from end to end, on small data."""

import json
import re
import socket
import subprocess
import sys

import numpy as np
import pytest
import torch
from PIL import Image

from acflib.acfnet import ACFNet
from acflib.cli import parser as cli
from acflib.cli.doctor import check_data
from acflib.engine.config import TrainConfig
from acflib.engine.presets import PRESETS
from acflib.engine.runlog import read_csv
from acflib.options import from_flags
from acflib.predict.pictures import add_legend, color_labels, overlay
from acflib.predict.pretrained import available
from tests.runs import assert_same_run, flags, tiny_config

pytestmark = pytest.mark.usefixtures("warm_python")


@pytest.fixture(scope="module")
def run_folder(streets, tmp_path_factory):
    """A finished run, made through the command line."""
    out = tmp_path_factory.mktemp("runs") / "run"
    assert cli.main(["train", *flags(tiny_config(streets, out, iterations=4))]) == 0
    return out


def test_train_writes_curve_and_predictions(run_folder):
    for name in ("curve.png", "predictions.png"):
        assert min(Image.open(run_folder / name).size) > 100


def test_evaluate_prints_and_writes_the_scores_of_the_log(run_folder, streets, tmp_path, capsys):
    found = tmp_path / "scores.json"
    arguments = ["--checkpoint", str(run_folder / "checkpoint.pt"), "--data", str(streets), "--json", str(found)]
    assert cli.main(["evaluate", *arguments]) == 0
    printed, scores = capsys.readouterr().out, json.loads(found.read_text())
    logged = float(read_csv(run_folder / "evaluation.csv")[-1]["miou_fine"])
    assert scores["miou_fine"] == pytest.approx(100 * logged) and scores["iteration"] == 4
    assert re.search(r"mIoU +\d+\.\d\d +\d+\.\d\d", printed) and "traffic light" in printed
    assert cli.main(["evaluate", *arguments, "--window", "16", "32", "--scales", "0.5", "1", "--flip"]) == 0


def test_predict_any_photograph(run_folder, tmp_path, capsys):
    photographs = tmp_path / "photographs"
    photographs.mkdir()
    generator = np.random.default_rng(0)
    Image.fromarray(generator.integers(0, 255, (50, 91, 3), dtype=np.uint8)).save(photographs / "a.jpg")
    Image.fromarray(generator.integers(0, 255, (40, 40), dtype=np.uint8)).save(photographs / "gray.png")
    arguments = ["--checkpoint", str(run_folder / "checkpoint.pt"), "--out", str(tmp_path / "out")]
    assert cli.main(["predict", *arguments, str(photographs)]) == 0
    assert np.asarray(Image.open(tmp_path / "out" / "a_classes.png")).shape == (50, 91)
    picture = Image.open(tmp_path / "out" / "gray_overlay.png")
    assert picture.height > picture.width  # a square photograph with a legend below
    assert cli.main(["predict", *arguments, str(tmp_path / "none.png")]) == 2
    assert "none.png: no such photograph" in capsys.readouterr().err


COMMANDS = {"evaluate": ["--data", "DATA"], "export": ["--data", "DATA", "--split", "val"], "predict": ["PHOTO"]}


@pytest.mark.skipif("streets-acf-sum" not in available(), reason="a copy without the shipped weights")
@pytest.mark.parametrize("command", COMMANDS)
def test_order_of_memory_and_precision_of_networks_that_only_predict(command, streets, tmp_path, monkeypatch):
    """What a GPU gets, channels last, with weights and images alike; and the precision that is asked for."""
    monkeypatch.setattr("acflib.engine.devices.memory_format", lambda *_: torch.channels_last)
    for module in ("evaluation", "predicting"):
        monkeypatch.setattr(f"acflib.predict.{module}.memory_format", lambda *_: torch.channels_last)
    found, forward = [], ACFNet.forward

    def noted_forward(model, *inputs, **keywords):
        weights = [p for p in model.parameters() if p.dim() == 4]
        ordered = all(t.is_contiguous(memory_format=torch.channels_last) for t in (*inputs, *weights))
        found.append(
            (ordered, torch.get_autocast_dtype("cpu") if torch.is_autocast_enabled("cpu") else inputs[0].dtype)
        )
        return forward(model, *inputs, **keywords)

    monkeypatch.setattr(ACFNet, "forward", noted_forward)
    places = {"DATA": str(streets), "PHOTO": str(next(streets.rglob("leftImg8bit/val/*/*.png")))}
    arguments = [command, "--checkpoint", "streets-acf-sum", *(places.get(a, a) for a in COMMANDS[command])]
    for precision, dtype in {"float32": torch.float32, "bf16": torch.bfloat16, "float64": torch.float64}.items():
        out = [] if command == "evaluate" else ["--out", str(tmp_path / precision)]
        assert cli.main([*arguments, *out, "--device", "cpu", "--precision", precision]) == 0
        assert found and set(found) == {(True, dtype)}
        found.clear()


@pytest.mark.parametrize("command", ["evaluate", "export", "train"])
def test_processes_are_left_after_an_error_too(command, run_folder, streets, tmp_path, monkeypatch, capsys):
    """Else the next call in the same process would find itself among processes that are gone."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    torchrun = {"RANK": 0, "WORLD_SIZE": 1, "LOCAL_RANK": 0, "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port}
    for name, value in torchrun.items():
        monkeypatch.setenv(name, str(value))
    arguments = ["--data", str(streets), "--device", "cpu", "--out" if command != "evaluate" else "--json"]
    arguments += [str(tmp_path / "out"), "--split", "nowhere"]
    if command != "train":
        arguments += ["--checkpoint", str(run_folder / "checkpoint.pt")]
    try:
        assert cli.main([command, *arguments]) == 2
        assert "nowhere" in capsys.readouterr().err
        assert not torch.distributed.is_initialized()
    finally:
        if torch.distributed.is_initialized():
            torch.distributed.destroy_process_group()


def test_predict_refuses_two_photographs_of_one_name(run_folder, tmp_path, capsys):
    for folder in ("x", "y"):
        (tmp_path / folder).mkdir()
        Image.new("RGB", (8, 8)).save(tmp_path / folder / "same.png")
    checkpoint = str(run_folder / "checkpoint.pt")
    assert cli.main(["predict", "--checkpoint", checkpoint, str(tmp_path / "x"), str(tmp_path / "y")]) == 2
    assert "named same" in capsys.readouterr().err


def test_data_streets(tmp_path, capsys):
    arguments = ["data", "streets", "--out", str(tmp_path / "s"), "--size", "64x32", "--train", "2", "--val", "1"]
    assert cli.main([*arguments, "--test", "0"]) == 0
    assert len(list((tmp_path / "s" / "leftImg8bit").rglob("*.png"))) == 3
    with pytest.raises(SystemExit):
        cli.main(["data", "streets", "--size", "big"])
    assert "width x height" in capsys.readouterr().err


def test_train_from_a_cache_gives_the_same_run(streets, run_folder, tmp_path, capsys):
    cache = str(tmp_path / "cache")
    assert cli.main(["data", "cache", "--data", str(streets), "--out", cache, "--verify"]) == 0
    assert "12 frames" in capsys.readouterr().out
    config = tiny_config(streets, tmp_path / "run", iterations=4)
    assert cli.main(["train", *flags(config), "--cache", cache]) == 0
    assert_same_run(tmp_path / "run", run_folder)


def test_doctor_approves_of_good_data_and_names_what_is_bad(streets, tmp_path, capsys):
    assert cli.main(["doctor", "--data", str(streets)]) == 0
    printed = capsys.readouterr().out
    assert "[OK]   train: 12 frames, Streets" in printed and "[FAIL]" not in printed
    assert cli.main(["doctor", "--data", str(tmp_path)]) == 1
    assert "[FAIL] train:" in capsys.readouterr().out


def test_doctor_finds_every_damaged_file(tmp_path):
    root = tmp_path / "data"
    cli.main(["data", "streets", "--out", str(root), "--size", "64x32", "--train", "3", "--val", "1", "--test", "1"])
    labels = sorted((root / "gtFine" / "train").rglob("*_labelTrainIds.png"))
    Image.fromarray(np.full((32, 64), 77, np.uint8)).save(labels[0])
    labels[1].write_bytes(b"no picture")
    faults = [finding.text for finding in check_data(root, files=0) if finding.ok is False]
    assert len(faults) == 2 and "77" in faults[0] and labels[1].name in faults[1]


def test_flags_change_a_preset_and_nothing_else():
    parser = cli.make_parser()
    given = parser.parse_args(
        ["train", "--variant", "none", "--crop-size", "33", "65", "--no-aux", "--align-corners", "--seed", "7"]
    )
    found = from_flags(TrainConfig(), given)
    assert (found.model.variant, found.crop_size, found.model.aux, found.seed) == (None, (33, 65), False, 7)
    assert found.loss == TrainConfig().loss and found.learning_rate == 0.01
    assert from_flags(PRESETS["tiny-acf-sum"], parser.parse_args(["train"])) == PRESETS["tiny-acf-sum"]


def test_defaults_are_the_values_of_section_4_2():
    config = TrainConfig()
    assert (config.learning_rate, config.momentum, config.weight_decay, config.poly_power) == (0.01, 0.9, 0.0005, 0.9)
    assert (config.loss.aux_weight, config.loss.coarse_weight, config.loss.fine_weight) == (0.4, 0.6, 0.7)
    assert (config.iterations, config.batch_size) == (40_000, 8)
    assert (config.crop_size, config.scale_range) == ((769, 769), (0.5, 2.0))
    assert (config.loss.bootstrap_threshold, config.loss.bootstrap_keep) == (0.7, 100_000)
    assert (config.model.backbone, config.model.channels, config.model.output_stride) == ("resnet101", 512, 8)


def test_help_and_version(capsys):
    for arguments in (["--help"], ["train", "--help"], ["data", "streets", "--help"], ["--version"]):
        with pytest.raises(SystemExit) as stop:
            cli.main(arguments)
        assert stop.value.code == 0
    assert cli.main([]) == 2
    assert "predict" in capsys.readouterr().out


def test_overlay_mixes_and_legend_lists_what_occurs():
    labels = np.array([[0, 1], [1, 255]], dtype=np.uint8)
    colors = [(200, 0, 0), (0, 100, 0), (0, 0, 50)]
    assert color_labels(labels, colors).tolist() == [[[200, 0, 0], [0, 100, 0]], [[0, 100, 0], [0, 0, 0]]]
    image = np.full((2, 2, 3), 100, dtype=np.uint8)
    assert overlay(image, labels, colors, opacity=0.25)[0, 0].tolist() == [125, 75, 75]
    picture = np.asarray(add_legend(image, labels, ("a", "b", "c"), colors))
    legend = {tuple(c) for c in picture[641:].reshape(-1, 3)}  # below the picture, enlarged to 640 pixels
    assert {(200, 0, 0), (0, 100, 0)} <= legend and (0, 0, 50) not in legend


def test_reader_that_goes_away_is_no_error():
    """As in `acflib doctor | head -1`."""
    process = subprocess.Popen(
        [sys.executable, "-m", "acflib", "doctor"], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    process.stdout.close()
    said = process.stderr.read().decode()
    process.stderr.close()
    assert process.wait(timeout=120) == 141
    assert "Traceback" not in said and "Broken pipe" not in said, said
