"""Flags, files and surroundings that make no sense: nothing is guessed, and no fault is blamed on another."""

import argparse
import re
import subprocess
from urllib.error import URLError

import numpy as np
import pytest
import torch
from PIL import Image

from acflib.acfnet import ModelConfig, build_model
from acflib.cli import parser as cli
from acflib.datasets.base import read_image
from acflib.engine import machine
from acflib.engine.files import replacing, write_whole
from acflib.errors import ConfigError
from acflib.options import add_flags, from_flags
from acflib.predict.inference import InferenceConfig


@pytest.mark.parametrize("error", [RuntimeError("CUDA out of memory"), ValueError("format"), KeyboardInterrupt()])
def test_a_fault_while_writing_is_not_blamed_on_the_disk(tmp_path, error):
    """And what was half written is gone, the older file is whole."""
    path = tmp_path / "file"
    write_whole(path, b"old")
    with pytest.raises(type(error)), replacing(path) as temporary:
        temporary.write_bytes(b"half")
        raise error
    assert [found.name for found in tmp_path.iterdir()] == ["file"] and path.read_bytes() == b"old"


def test_weights_that_cannot_be_downloaded(monkeypatch):
    def offline(*_, **__):
        raise URLError("no network")

    monkeypatch.setattr(torch.hub, "download_url_to_file", offline)
    monkeypatch.setattr(torch.hub, "get_dir", lambda: "/nowhere-at-all")
    monkeypatch.setattr("os.makedirs", lambda *_, **__: None)
    with pytest.raises(ConfigError, match="no network.*nowhere-at-all/checkpoints.*--weights none"):
        build_model(ModelConfig("resnet18", weights="IMAGENET1K_V1"))


@pytest.mark.parametrize(
    "arguments, message",
    [
        (["predict", "PHOTO", "--opacity", "5"], "opacity must be in"),
        (["predict", "PHOTO", "--scales", "nan"], "scales must be positive"),
        (["predict", "PHOTO", "--scales", "100"], "scales must be positive numbers up to 8"),
        (["predict", "PHOTO", "--window", "64"], "window must be"),
        (["predict", "PHOTO", "--out", "PHOTO"], "pass another --out"),
        (["evaluate", "--data", "DATA", "--batch-size", "0"], "batch_size must be at least 1"),
        (["evaluate", "--data", "DATA", "--workers", "-1"], "workers at least 0"),
        (["evaluate", "--data", "DATA", "--json", "nowhere/scores.json"], "--json.*no such folder"),
        (["doctor", "--data", "DATA", "--files", "-3"], "files must be at least 0"),
        (["data", "streets", "--out", "nowhere", "--seed", "-1"], "seed must be at least 0"),
    ],
)
def test_flags_that_make_no_sense(streets, tmp_path, capsys, arguments, message):
    photo = tmp_path / "photo.png"
    Image.new("RGB", (64, 32)).save(photo)
    places = {"PHOTO": str(photo), "DATA": str(streets)}
    arguments = [places.get(argument, argument) for argument in arguments]
    if arguments[0] in ("predict", "evaluate"):
        arguments += ["--checkpoint", "streets-acf-sum"]
    assert cli.main(arguments) == 2
    assert re.search(message, capsys.readouterr().err)


def test_the_window_may_be_taken_back(capsys):
    """The help says "none: the whole image"."""
    parser = argparse.ArgumentParser()
    add_flags(parser, InferenceConfig)
    assert from_flags(InferenceConfig(window=(64, 64)), parser.parse_args(["--window", "none"])).window is None
    assert from_flags(InferenceConfig(), parser.parse_args(["--window", "64", "32"])).window == (64, 32)


def test_a_gray_picture_of_16_bit_keeps_its_upper_byte(tmp_path, monkeypatch):
    """Pillow calls its mode "I;16", older ones "I"; converting it would make nearly all of it white."""
    Image.fromarray(np.array([[0, 256, 32768, 65535]], dtype=np.uint16)).save(tmp_path / "gray.png")
    expected = [[[v] * 3 for v in (0, 1, 128, 255)]]
    assert read_image(tmp_path / "gray.png").tolist() == expected
    older = Image.fromarray(np.array([[0, 256, 32768, 65535]], dtype=np.int32))
    older.format, older.tile = "PNG", []
    monkeypatch.setattr(Image, "open", lambda path: older)
    assert read_image(tmp_path / "gray.png").tolist() == expected


@pytest.mark.parametrize(("precision", "dtype"), [("float32", torch.float32), ("float64", torch.float64)])
def test_evaluation_computes_in_the_precision_that_was_asked_for(streets, monkeypatch, precision, dtype):
    seen = []

    def stop(model, *_):
        seen.append(model.classifier.weight.dtype)
        raise ConfigError("seen")

    monkeypatch.setattr("acflib.cli.evaluate.evaluate", stop)
    monkeypatch.setattr("acflib.cli.export.export_predictions", stop)
    for command in ("evaluate", "export"):
        cli.main([command, "--checkpoint", "streets-acf-sum", "--data", str(streets), "--precision", precision])
    assert seen == [dtype, dtype]


def test_the_commit_is_not_that_of_another_repository(tmp_path, monkeypatch):
    """acflib installed in an environment that lies inside somebody's own repository."""
    commit = ["-c", "user.name=a", "-c", "user.email=a@b", "commit", "-q", "--allow-empty", "-m", "x"]
    for command in (["init", "-q"], commit):
        subprocess.run(["git", *command], cwd=tmp_path, check=True)
    package = tmp_path / "site-packages" / "acflib"
    package.mkdir(parents=True)
    monkeypatch.setattr(machine, "AROUND", package.parent)
    assert machine.commit() is None
    monkeypatch.setattr(machine, "AROUND", tmp_path)
    (tmp_path / "acflib").mkdir()
    assert machine.commit()
