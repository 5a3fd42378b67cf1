"""Pretrained weights: there and back, every kind of damage, and names on the command line."""

import hashlib
import json
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import safetensors.torch
import torch

import acflib
from acflib.acfnet import ACFNet
from acflib.cli import parser as cli
from acflib.datasets import open_dataset
from acflib.datasets.labels import CITYSCAPES_CLASSES
from acflib.errors import CheckpointError, ConfigError
from acflib.layers.inplace import InPlaceABN
from acflib.predict import pretrained
from acflib.predict.pretrained import available, load_pretrained, pretrained_info, save_shipped
from acflib.training import train
from tests.runs import tiny_config

ABOUT = {"command": "python x.py", "data": {"name": "Streets", "seed": 0}, "metrics": {"val": {"miou_fine": 1.5}}}


@pytest.fixture
def folder(run, tmp_path):
    """A folder with the weights "small"."""
    model = load_pretrained(run)
    assert save_shipped(model, "small", tmp_path / "weights", model.info, **ABOUT).name == "small.safetensors"
    return tmp_path / "weights"


def change_sidecar(folder, **changes):
    path = folder / "small.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


def assert_same_network(model, other):
    ours, theirs = model.state_dict(), other.state_dict()
    assert ours.keys() == theirs.keys()
    assert all(torch.equal(ours[key], theirs[key]) for key in ours)
    image = torch.randn(1, 3, 32, 64)
    with torch.no_grad():
        assert torch.equal(model(image)["out"], other(image)["out"])


# ---- there and back


def test_loaded_network_is_the_one_that_was_saved(run, folder):
    model = load_pretrained(run)
    found = load_pretrained("small", folder=folder)
    assert isinstance(found, ACFNet) and not found.training
    assert_same_network(found, model)
    assert acflib.load_pretrained is load_pretrained


def test_the_file_is_plain_safetensors_in_float32(run, folder):
    found = safetensors.torch.load_file(folder / "small.safetensors")
    assert {value.dtype for value in found.values()} == {torch.float32, torch.int64}  # int64: batches counted
    weights = torch.load(run, weights_only=True)["model"]
    assert found.keys() == weights.keys() and all(torch.equal(found[key], weights[key]) for key in found)


def test_sidecar_says_how_the_weights_were_made(run, folder):
    info, model = pretrained_info("small", folder), load_pretrained(run)
    content = (folder / "small.safetensors").read_bytes()
    assert info["sha256"] == hashlib.sha256(content).hexdigest() and info["bytes"] == len(content)
    assert {key: info[key] for key in ABOUT} == ABOUT and info["name"] == "small"
    assert info["model"] == model.info["config"]["model"] and info["model"]["backbone"] == "tiny"
    assert info["training"]["iterations"] == info["position"] == 2 and info["training"]["crop_size"] == [32, 64]
    assert tuple(info["classes"]) == CITYSCAPES_CLASSES and info["colors"][0] == [128, 64, 128]
    assert info["parameters"] == sum(p.numel() for p in model.parameters())
    assert info["normalization"] == {"mean": [0.485, 0.456, 0.406], "std": [0.229, 0.224, 0.225]}
    assert {"commit", "torch", "threads"} <= info["machine"].keys()
    assert str(run.parent.parent) not in json.dumps(info)  # no path of the machine


@pytest.mark.parametrize("stored", [{}, {"field": None}])
def test_tiny_network_of_a_file_that_names_no_field_sees_239_pixels(streets, tmp_path, stored):
    """As all did in acflib 0.1; a run of today says in its files what it has."""
    config = tiny_config(streets, tmp_path / "run", iterations=1, eval_every=0)
    config = replace(config, model=replace(config.model, field=239))
    train(config, progress=False)
    model = load_pretrained(tmp_path / "run" / "checkpoint.pt")
    save_shipped(model, "small", tmp_path, model.info, **ABOUT)
    kept = {key: value for key, value in pretrained_info("small", tmp_path)["model"].items() if key != "field"}
    change_sidecar(tmp_path, model=kept | stored)
    assert_same_network(load_pretrained("small", folder=tmp_path), model)


def test_files_say_which_field_the_tiny_network_has(run, folder):
    assert (
        load_pretrained(run).info["config"]["model"]["field"]
        == pretrained_info("small", folder)["model"]["field"]
        == 47
    )


def test_float64_and_channels_last_become_plain_float32(run, tmp_path):
    model = load_pretrained(run)
    other = load_pretrained(run).double().to(memory_format=torch.channels_last)
    save_shipped(other, "double", tmp_path, model.info, **ABOUT)
    assert_same_network(load_pretrained("double", folder=tmp_path), model)


def test_activated_batchnorm_comes_back(streets, tmp_path):
    config = tiny_config(streets, tmp_path / "run", iterations=1, eval_every=0, norm="inplace")
    train(config, progress=False)
    model = load_pretrained(tmp_path / "run" / "checkpoint.pt")
    save_shipped(model, "leaky", tmp_path, model.info, **ABOUT)
    found = load_pretrained("leaky", folder=tmp_path)
    assert any(isinstance(module, InPlaceABN) for module in found.modules())
    assert_same_network(found, model)


def test_names_that_are_no_file_names_are_refused(run, tmp_path):
    model = load_pretrained(run)
    for name in ("../x", "A", "a b", "", "a.pt", "-a"):
        with pytest.raises(ConfigError, match="lower-case letters"):
            save_shipped(model, name, tmp_path, model.info, **ABOUT)
    assert list(tmp_path.iterdir()) == []


# ---- what can be wrong


def test_unknown_name_lists_the_names(folder, tmp_path):
    assert available(folder) == ("small",)
    for name in ("smal", "../small", "small.json"):
        with pytest.raises(ConfigError, match="no pretrained weights.*there are: small"):
            load_pretrained(name, folder=folder)
    with pytest.raises(ConfigError, match=r"there are none.*python tools/train_weights\.py"):
        load_pretrained("small", folder=tmp_path / "empty")


def flip_a_bit(path):
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


DAMAGE = {
    "one bit": (flip_a_bit, "damaged, or not the weights that small.json describes"),
    "truncated": (lambda path: path.write_bytes(path.read_bytes()[:1000]), "damaged.*1000 bytes, [0-9]+ expected"),
    "empty": (lambda path: path.write_bytes(b""), "damaged.*0 bytes"),
    "gone": (Path.unlink, "cannot be read.*No such file"),
    "pointer": (
        lambda path: path.write_text(f"version https://git-lfs.github.com/spec/v1\noid sha256:{'0' * 64}\nsize 9\n"),
        "holds a pointer of Git LFS.*git lfs pull",
    ),
}


@pytest.mark.parametrize("kind", DAMAGE)
def test_damaged_weights_are_named(folder, kind):
    damage, message = DAMAGE[kind]
    damage(folder / "small.safetensors")
    with pytest.raises(CheckpointError, match=f"small.safetensors: {message}"):
        load_pretrained("small", folder=folder)


def test_something_else_with_the_right_checksum(folder):
    content = b"\xff" * 64
    (folder / "small.safetensors").write_bytes(content)
    change_sidecar(folder, sha256=hashlib.sha256(content).hexdigest())
    with pytest.raises(CheckpointError, match="small.safetensors: not a safetensors file"):
        load_pretrained("small", folder=folder)


@pytest.mark.parametrize("text", ["{", "[]", "{}", '{"format": 1}', "\udcff"])
def test_a_damaged_sidecar_is_named(folder, text):
    (folder / "small.json").write_bytes(text.encode("utf-8", "surrogateescape"))
    with pytest.raises(CheckpointError, match="small.json: .*use another copy"):
        load_pretrained("small", folder=folder)


def test_a_sidecar_of_another_format_is_named(folder):
    change_sidecar(folder, format=2)
    with pytest.raises(CheckpointError, match="small.json: not a sidecar of weights of format 1"):
        load_pretrained("small", folder=folder)


def test_weights_of_another_network_are_named(folder):
    model = pretrained_info("small", folder)["model"]
    change_sidecar(folder, model=model | {"variant": None})
    with pytest.raises(CheckpointError, match=r"small.safetensors: its weights do not fit(.|\n)*acf\.center_block"):
        load_pretrained("small", folder=folder)
    for wrong, message in (({"depth": 3}, "depth"), ({"variant": "best"}, "variant must be")):
        change_sidecar(folder, model=model | wrong)
        with pytest.raises(
            CheckpointError, match=f"small.safetensors: this acflib cannot build its network: .*{message}"
        ):
            load_pretrained("small", folder=folder)


def test_without_safetensors_the_message_says_what_to_install(folder, monkeypatch, run):
    monkeypatch.setitem(sys.modules, "safetensors", None)
    monkeypatch.setitem(sys.modules, "safetensors.torch", None)
    with pytest.raises(ConfigError, match="pip install safetensors"):
        load_pretrained("small", folder=folder)
    model = load_pretrained(run)
    with pytest.raises(ConfigError, match="pip install safetensors"):
        save_shipped(model, "other", folder, model.info, **ABOUT)
    assert available(folder) == ("small",)  # names and sidecars can be read without it


def test_wrong_device_is_named(folder):
    with pytest.raises(ConfigError, match="device must be"):
        load_pretrained("small", "gpu", folder)


# ---- by name on the command line


@pytest.fixture
def installed(folder, monkeypatch):
    """As if "small" had come with acflib."""
    monkeypatch.setattr(pretrained, "weights_folder", lambda: folder)


def test_commands_take_a_name_in_place_of_a_checkpoint(installed, run, streets, tmp_path, capsys):
    printed = []
    for checkpoint in ("small", str(run)):
        out = tmp_path / "scores.json"
        arguments = ["--data", str(streets), "--checkpoint", checkpoint, "--json", str(out)]
        assert cli.main(["evaluate", *arguments]) == 0
        assert json.loads(out.read_text())["checkpoint"] == checkpoint
        printed.append((capsys.readouterr().out, json.loads(out.read_text()) | {"checkpoint": ""}))
    assert printed[0] == printed[1] and printed[0][1]["iteration"] == 2
    image = str(open_dataset(streets, "val").frames[0].image)
    assert cli.main(["predict", image, "--checkpoint", "small", "--out", str(tmp_path / "p")]) == 0
    assert len(list((tmp_path / "p").glob("*_overlay.png"))) == 1
    export = ["--data", str(streets), "--split", "test", "--checkpoint", "small", "--out", str(tmp_path / "e")]
    assert cli.main(["export", *export]) == 0


def test_a_file_goes_before_a_name(installed, folder, run, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("small").mkdir()  # a folder is no file
    assert load_pretrained("small").info == pretrained_info("small")
    Path("small").rmdir()
    Path("small").write_bytes(run.read_bytes())
    assert "name" not in load_pretrained("small").info
    assert load_pretrained("small", folder=folder).info["name"] == "small"


def test_neither_file_nor_name(installed, streets, capsys):
    assert cli.main(["evaluate", "--data", str(streets), "--checkpoint", "smal"]) == 2
    error = capsys.readouterr().err
    assert "smal: no such checkpoint" in error and "no pretrained weights of that name (small)" in error
    assert cli.main(["evaluate", "--data", str(streets)]) == 2
    assert "or the name of pretrained weights" in capsys.readouterr().err
