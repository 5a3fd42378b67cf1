"""A trained network as a folder for others: there and back, the model card, damage, the mixin of huggingface_hub."""

import json
import shutil
import sys
from pathlib import Path

import pytest
import safetensors.torch
import torch

import acflib
from acflib.cli import parser as cli
from acflib.datasets import open_dataset
from acflib.errors import CheckpointError, ConfigError
from acflib.predict.pretrained import available, load_pretrained, pretrained_info
from acflib.predict.scale import trained_scale
from acflib.predict.sharing import save_pretrained
from acflib.training import train
from tests.predict.conftest import TOLD
from tests.runs import tiny_config


def assert_same_network(model, other):
    ours, theirs = model.state_dict(), other.state_dict()
    assert ours.keys() == theirs.keys() and all(torch.equal(ours[key], theirs[key]) for key in ours)
    image = torch.randn(1, 3, 32, 64)
    with torch.no_grad():
        assert torch.equal(model(image)["out"], other(image)["out"])


# ---- there and back


def test_folder_has_the_files_of_a_hub_and_no_pickle(folder):
    assert sorted(path.name for path in folder.iterdir()) == ["README.md", "config.json", "model.safetensors"]


def test_loaded_network_is_the_one_that_was_saved(run, folder):
    model = load_pretrained(run)
    found = acflib.load_pretrained(folder)
    assert not found.training
    assert_same_network(found, model)
    assert_same_network(load_pretrained(str(folder)), model)
    stored = safetensors.torch.load_file(folder / "model.safetensors")
    assert stored.keys() == model.state_dict().keys()


def test_configuration_says_what_a_hub_and_a_reader_want(run, folder):
    config, checkpoint = json.loads((folder / "config.json").read_text()), load_pretrained(run).info
    assert config["model_type"] == "acfnet" and config["architectures"] == ["ACFNet"]
    assert config["model"] == checkpoint["config"]["model"] and config["position"] == 2
    assert config["id2label"]["0"] == "road" and config["label2id"]["bicycle"] == 18
    assert config["picture_size"] == [32, 64]
    assert config["license"] == "apache-2.0" and config["data"]["name"] == "Streets 64x32"
    assert config["metrics"]["val"]["miou_fine"] == pytest.approx(100 * (3 / 4 + 2 / 3) / 2)
    assert str(run.parent.parent) not in json.dumps(config)  # no path of the machine


def test_where_a_run_started_from_is_not_shared(run, tmp_path):
    model = load_pretrained(run)
    model.info["config"]["start"] = "runs/of-anna/checkpoint.pt"
    folder = save_pretrained(model, tmp_path / "started", **TOLD)
    assert not [path.name for path in folder.iterdir() if b"of-anna" in path.read_bytes()]


def test_commands_take_the_folder_in_place_of_a_checkpoint(folder, run, streets, tmp_path, capsys):
    printed = []
    for checkpoint in (str(folder), str(run)):
        assert cli.main(["evaluate", "--data", str(streets), "--checkpoint", checkpoint]) == 0
        printed.append(capsys.readouterr().out)
    assert printed[0] == printed[1] and "mIoU" in printed[0]
    image = str(open_dataset(streets, "val").frames[0].image)
    assert cli.main(["predict", image, "--checkpoint", str(folder), "--out", str(tmp_path / "p")]) == 0


@pytest.mark.skipif("streets-baseline" not in available(), reason="acflib lies here without its weights")
def test_shipped_weights_can_be_shared_again(tmp_path):
    """From a sidecar instead of a checkpoint."""
    name = "streets-baseline"
    info = pretrained_info(name)
    save_pretrained(load_pretrained(name), tmp_path / "mine", **TOLD | {"metrics": info["metrics"]})
    shared = load_pretrained(tmp_path / "mine")
    assert_same_network(shared, load_pretrained(name))
    assert trained_scale(shared.info) == trained_scale(info) and trained_scale(info).height == 128
    assert f"**{info['metrics']['val']['miou_fine']:.2f}**" in (tmp_path / "mine" / "README.md").read_text()


def test_leaky_network_comes_back(streets, tmp_path):
    train(tiny_config(streets, tmp_path / "run", iterations=1, eval_every=0, norm="inplace"), progress=False)
    model = load_pretrained(tmp_path / "run" / "checkpoint.pt")
    assert_same_network(load_pretrained(save_pretrained(model, tmp_path / "leaky", **TOLD)), model)


def test_a_folder_goes_before_weights_of_its_name(run, tmp_path, monkeypatch):
    """What the card of a shared network says works, whatever it is called."""
    model = load_pretrained(run)
    save_pretrained(model, tmp_path / "streets-baseline", **TOLD)
    monkeypatch.chdir(tmp_path)
    for name in ("streets-baseline", Path("streets-baseline"), "./streets-baseline"):
        assert_same_network(load_pretrained(name), model)


@pytest.mark.parametrize("name", ["model.safetensors", "config.json"])
def test_a_file_of_a_folder_is_told_from_a_damaged_checkpoint(folder, name):
    with pytest.raises(CheckpointError, match=f"{name}: a part of a network: give its folder, {folder}"):
        load_pretrained(folder / name)


# ---- what can be wrong


@pytest.mark.parametrize(
    "changes, message",
    [
        ({"license": "Apache 2.0"}, "license='Apache 2.0': name it as hubs do"),
        ({"license": ""}, "name it as hubs do"),
        ({"data": ""}, "give the name of the data set"),
        ({"data": {"seed": 0}}, "give the name of the data set"),
        ({"data": None}, "give the name of the data set"),
        ({"metrics": {"val": {"accuracy": 1.0}}}, r"metrics\['val'\] has no miou_fine"),
        ({"metrics": {"miou_fine": 50.0, "iou_fine": {}}}, r"metrics\['miou_fine'\] has no miou_fine"),
        ({"metrics": {"val": {"miou_fine": float("nan"), "iou_fine": {}}}}, r"metrics\['val'\] has no miou_fine"),
        ({"metrics": {"val": {"miou_fine": 1.0, "iou_fine": {}, "miou_coarse": 1.0}}}, r"metrics\['val'\] has no"),
    ],
)
def test_what_a_card_needs_is_asked_for(run, tmp_path, changes, message):
    model = load_pretrained(run)
    with pytest.raises(ConfigError, match=message):
        save_pretrained(model, tmp_path / "x", **TOLD | changes)
    assert not (tmp_path / "x").exists()


def test_checkpoint_of_another_network_is_refused(run, tmp_path):
    other = acflib.build_model(acflib.ModelConfig(backbone="tiny", variant=None, weights=None, align_corners=False))
    with pytest.raises(ConfigError, match="its info is empty.*load_pretrained"):
        save_pretrained(other, tmp_path / "x", **TOLD)
    other.info = load_pretrained(run).info
    with pytest.raises(ConfigError, match="describes another network.*acf.*differ"):
        save_pretrained(other, tmp_path / "x", **TOLD)


def flip_a_bit(path):
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


@pytest.mark.parametrize(
    "damage, message",
    [
        (lambda f: flip_a_bit(f / "model.safetensors"), "model.safetensors: damaged.*that config.json"),
        (lambda f: (f / "model.safetensors").unlink(), "model.safetensors: cannot be read"),
        (lambda f: (f / "config.json").write_text("{"), "config.json: cannot be read"),
        (lambda f: (f / "config.json").write_text("{}"), "config.json: not the configuration of a network of acflib"),
        (lambda f: (f / "config.json").write_text('{"model_type": "bert"}'), "not the configuration of a network"),
    ],
)  # fmt: skip
def test_damage_is_named(folder, damage, message):
    damage(folder)
    with pytest.raises(CheckpointError, match=message):
        load_pretrained(folder)


def test_a_pickle_is_never_read(folder):
    """A folder with the old weights file of PyTorch alone is refused, whatever is in it."""
    (folder / "model.safetensors").rename(folder / "pytorch_model.bin")
    with pytest.raises(CheckpointError, match="model.safetensors: cannot be read"):
        load_pretrained(folder)


def test_mistyped_paths_are_not_sent_to_a_hub(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "runs").mkdir()
    monkeypatch.setitem(sys.modules, "acflib.predict.hub", None)  # importing it would be an ImportError, and said so
    for name in ("runs/acfnet", "nowhere/checkpoint.pt", "../x/y", "a/b/c", "./a/b"):
        with pytest.raises(CheckpointError, match="no such checkpoint"):
            load_pretrained(name)
    with pytest.raises(ConfigError, match=r'me/network: no such folder.*pip install "acflib\[hub\]"'):
        load_pretrained("me/network")


# ---- a hub, which here is the cache of one


@pytest.fixture
def hub_cache(folder, tmp_path, monkeypatch):
    """huggingface_hub's cache, as after a download of "me/my-network" and without a network from then on."""
    constants = pytest.importorskip("huggingface_hub.constants", reason="huggingface_hub is not installed")
    repository = tmp_path / "cache" / "models--me--my-network"
    shutil.copytree(folder, repository / "snapshots" / ("0" * 40))
    (repository / "refs").mkdir()
    (repository / "refs" / "main").write_text("0" * 40)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    monkeypatch.chdir(tmp_path)
    return repository


def test_a_name_on_a_hub_is_loaded(hub_cache, run):
    model = load_pretrained(run)
    assert_same_network(acflib.load_pretrained("me/my-network"), model)
    info = load_pretrained("me/my-network").info
    assert info["classes"] == list(model.info["classes"]) and info["position"] == 2


def test_a_name_that_the_hub_does_not_give(hub_cache):
    with pytest.raises(ConfigError, match="me/other: no such folder, and the hub does not give.*the connection"):
        acflib.load_pretrained("me/other")


def test_mixin_goes_there_and_back(folder, run, tmp_path, monkeypatch):
    hub = pytest.importorskip("huggingface_hub", reason="huggingface_hub is not installed")
    from acflib.predict.hub import SharedNetwork

    model = load_pretrained(run)
    shared = SharedNetwork(model, TOLD | {"notes": "Mine."})
    assert isinstance(shared, hub.ModelHubMixin)
    shared.save_pretrained(tmp_path / "again")
    assert sorted(path.name for path in (tmp_path / "again").iterdir()) == sorted(p.name for p in folder.iterdir())
    assert "70.83" in (tmp_path / "again" / "README.md").read_text()  # our card, not the mixin's
    found = SharedNetwork.from_pretrained(tmp_path / "again")
    assert_same_network(found.network, model)
    found.save_pretrained(tmp_path / "third")
    assert "\nMine.\n" in (tmp_path / "third" / "README.md").read_text()
    assert (tmp_path / "third" / "model.safetensors").read_bytes() == (folder / "model.safetensors").read_bytes()

    pushed = {}

    class Hub:
        def __init__(self, token=None):
            pass

        def create_repo(self, repo_id, **_):
            return hub.RepoUrl(f"https://huggingface.co/{repo_id}")

        def upload_folder(self, repo_id, folder_path, **_):
            pushed.update({path.name: path.read_bytes() for path in Path(folder_path).iterdir()}, id=repo_id)

    monkeypatch.setattr("huggingface_hub.hub_mixin.HfApi", Hub)
    shared.push_to_hub("me/my-network")
    assert pushed["id"] == "me/my-network"
    assert pushed["model.safetensors"] == (folder / "model.safetensors").read_bytes()
    assert b'license: "apache-2.0"' in pushed["README.md"] and json.loads(pushed["config.json"])["position"] == 2
