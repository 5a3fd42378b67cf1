"""The controls and oracles: same head, same parameters, same code path, something else than P or the class centers."""

import pytest
import torch

from acflib.acf import ACFModule
from acflib.acfnet import ModelConfig, build_model
from acflib.datasets import open_dataset
from acflib.datasets.streets import write_streets
from acflib.datasets.transforms import evaluation_transform
from acflib.engine.config import TrainConfig
from acflib.engine.oracle import oracle_probs
from acflib.errors import ConfigError
from acflib.functional import hard_class_centers
from acflib.layers.controls import CONTROLS, make_control
from acflib.metrics import confusion_matrix
from acflib.predict.evaluation import evaluate
from acflib.predict.inference import InferenceConfig
from acflib.training import train
from tests.runs import final_weights, tiny_config


def tiny(variant: str | None, **changes) -> ModelConfig:
    settings = {"backbone": "tiny", "variant": variant, "channels": 16, "align_corners": False, "weights": None}
    return ModelConfig(**(settings | changes))


def count(module: torch.nn.Module) -> int:
    return sum(p.numel() for p in module.parameters())


def test_self_has_the_parameters_of_sum_one_by_one():
    """Control (a): capacity is equal, layer by layer, not only in sum."""
    ours, control = build_model(tiny("sum")), build_model(tiny("self"))
    assert sorted(p.shape for p in ours.parameters()) == sorted(p.shape for p in control.parameters())
    assert count(ours) == count(control)
    paper_size = [ACFModule(2048, 19, 512, variant) for variant in ("sum", "self")]
    assert count(paper_size[0]) == count(paper_size[1])


def test_self_is_sum_without_eq_2_and_3():
    """With the same weights, ``sum`` gives the result of ``self`` where each pixel is a class of its own."""
    torch.manual_seed(0)
    pixels = 6
    ours = ACFModule(5, pixels, 4, "sum").double().eval()
    control = ACFModule(5, pixels, 4, "self").double().eval()
    names = {"center_block.reduce.": "control.reduce.", "attention_block.refine.weight": "control.refine.0.weight"}
    names["attention_block.bn."] = "control.refine.1."
    state = {}
    for name, value in ours.state_dict().items():
        for old, new in names.items():
            name = name.replace(old, new)
        state[name] = value
    control.load_state_dict(state)
    features = torch.randn(1, 5, 2, 3, dtype=torch.float64)
    own_class = torch.eye(pixels, dtype=torch.float64).view(1, pixels, 2, 3)  # (6, 6) -> (1, 6, 2, 3)
    torch.testing.assert_close(ours(features, own_class).fused, control(features, own_class).fused)


def test_global_is_the_mean_of_the_image_at_every_pixel():
    torch.manual_seed(0)
    control = make_control("global", 3, 4).double().eval()
    features = torch.randn(2, 3, 5, 7, dtype=torch.float64)
    conv, norm, _ = control.levels[0]
    expected = torch.zeros(2, 4, 5, 7, dtype=torch.float64)
    for b in range(2):
        mean = sum(features[b, :, i, j] for i in range(5) for j in range(7)) / 35  # (3,)
        value = conv.weight[:, :, 0, 0] @ mean / (1 + norm.eps) ** 0.5  # fresh statistics: mean 0, variance 1
        expected[b] = value.clamp(min=0).view(4, 1, 1)  # (4,) -> (4, 1, 1)
    torch.testing.assert_close(control(features), expected)


def test_psp_keeps_four_levels_apart():
    """A region's mean reaches its level only; the finest level tells the corners apart, the coarsest does not."""
    control = make_control("psp", 1, 8).eval()
    for level in control.levels:
        torch.nn.init.ones_(level[0].weight)
    image = torch.zeros(1, 1, 12, 12)
    image[..., :2, :2] = 36.0  # one of the 6x6 regions, 2x2 pixels each
    context = control(image)[0, ::2, 0, 0] * (1 + 1e-5) ** 0.5  # (4,), one channel a level, at the corner
    torch.testing.assert_close(context, torch.tensor([1.0, 4.0, 9.0, 36.0]))
    assert control(image)[0, 6, 11, 11] == 0 and control(image)[0, 0, 11, 11] > 0


@pytest.mark.parametrize("variant", CONTROLS)
def test_controls_share_head_and_network(variant):
    model = build_model(tiny(variant))
    assert type(model) is type(build_model(tiny("sum")))
    assert type(model.acf.fuse) is type(build_model(tiny("sum")).acf.fuse)
    images = torch.randn(2, 3, 32, 64)
    logits = model(images)
    assert {name: tuple(value.shape) for name, value in logits.items()} == dict.fromkeys(
        ("out", "coarse", "aux"), (2, 19, 32, 64)
    )
    logits["out"].sum().backward()
    assert all(p.grad is not None for name, p in model.named_parameters() if name.startswith("acf."))
    with pytest.raises(ValueError, match=f'"{variant}" has no class centers'):
        model(images, center_probs=torch.zeros(2, 19, 32, 64))


def test_psp_needs_a_multiple_of_four():
    with pytest.raises(ConfigError, match="multiple of 4"):
        make_control("psp", 8, 6)
    with pytest.raises(ConfigError, match="self, global, psp"):
        make_control("sum", 8, 8)


def test_the_base_network_starts_alike_in_every_row():
    """Same seed: rows differ in the head alone, so differences between rows are paired."""
    networks = []
    for variant in (None, "sum", "concat", "center", *CONTROLS):
        torch.manual_seed(3)
        networks.append(build_model(tiny(variant)).base.state_dict())
    for other in networks[1:]:
        assert all(torch.equal(value, other[name]) for name, value in networks[0].items())


def test_maps_of_the_oracle_leave_ignored_pixels_out():
    labels = torch.tensor([[[0, 2, 255], [1, 255, 2]]])
    maps = oracle_probs("centers", labels, 3)["center_probs"]
    expected = [[[1, 0, 0], [0, 0, 0]], [[0, 0, 0], [1, 0, 0]], [[0, 1, 0], [0, 0, 1]]]
    assert maps.tolist() == [expected] and maps.dtype == torch.float32


@pytest.mark.parametrize(
    ("oracle", "keys"),
    [("none", set()), ("centers", {"center_probs"}), ("attention", {"attention_probs"}),
     ("both", {"center_probs", "attention_probs"})],
)  # fmt: skip
def test_oracle_names(oracle, keys):
    assert set(oracle_probs(oracle, torch.zeros(1, 2, 2, dtype=torch.int64), 3)) == keys


def test_centers_of_the_oracle_are_eq_1():
    """Where the feature map has the size of the labels, the oracle's class centers are the means of Eq. 1."""
    torch.manual_seed(0)
    module = ACFModule(5, 3, 4, "sum").double().eval()
    features = torch.randn(2, 5, 4, 6, dtype=torch.float64)
    labels = torch.randint(0, 3, (2, 4, 6))
    labels[0, 0] = 255
    found = module(features, torch.rand(2, 3, 4, 6, dtype=torch.float64), **oracle_probs("centers", labels, 3))
    expected = hard_class_centers(module.center_block.reduce(features), labels, 3)
    torch.testing.assert_close(found.centers, expected)


def test_evaluation_with_an_oracle_is_the_forward_pass_with_it(tmp_path):
    transform = evaluation_transform()
    dataset = open_dataset(write_streets(tmp_path / "data", 64, 32, 0, 3, 0, progress=False), "val")
    torch.manual_seed(0)
    model = build_model(tiny("sum")).train()
    model(torch.randn(8, 3, 32, 64) * 3)  # statistics of its own, so that pixels differ
    model.classifier.weight.data *= 30  # an untrained network may hold every pixel to be of one class
    model.classifier.bias.data.zero_()
    plain = evaluate(model, dataset, batch_size=3, progress=False)
    oracle = evaluate(model, dataset, batch_size=3, progress=False, oracle="both")
    assert torch.equal(plain.coarse, oracle.coarse)
    images, labels = (torch.stack(items) for items in zip(*(transform(*dataset[i]) for i in range(3)), strict=True))
    logits = model.eval()(images, **oracle_probs("both", labels, 19))["out"]
    assert torch.equal(oracle.fine, confusion_matrix(logits.argmax(dim=1), labels, 19))
    assert not torch.equal(plain.fine, oracle.fine)
    with pytest.raises(ConfigError, match="one pass over whole images"):
        evaluate(model, dataset, InferenceConfig(flip=True), progress=False, oracle="both")


def test_training_with_an_oracle_takes_the_ground_truth(tmp_path):
    """The oracle reaches the training step: other weights than without, by the same loop; and twice the same."""
    data = write_streets(tmp_path / "data", 64, 32, 4, 2, 0, progress=False)
    runs = {}
    for name, oracle in (("plain", "none"), ("centers", "centers"), ("again", "centers")):
        config = tiny_config(data, tmp_path / name, iterations=3, eval_every=0, oracle=oracle)
        train(config, progress=False)
        runs[name] = final_weights(tmp_path / name)
    assert any(not torch.equal(value, runs["plain"][name]) for name, value in runs["centers"].items())
    assert all(torch.equal(value, runs["again"][name]) for name, value in runs["centers"].items())


@pytest.mark.parametrize("variant", [None, "self"])
def test_an_oracle_needs_class_centers(variant):
    with pytest.raises(ConfigError, match="needs class centers"):
        TrainConfig(model=tiny(variant), crop_size=(64, 128), oracle="centers")
    with pytest.raises(ConfigError, match="no attention"):
        TrainConfig(model=tiny("center"), crop_size=(64, 128), oracle="both")
    with pytest.raises(ConfigError, match="oracle must be one of"):
        TrainConfig(model=tiny("sum"), crop_size=(64, 128), oracle="truth")


def test_feature_cells_of_the_oracle_with_ignored_pixels():
    """Cells of 8x8 pixels. In Eq. 2 one with a quarter ignored counts 0.75; in Eq. 3 its weights must sum to 1."""
    torch.manual_seed(0)
    model = build_model(tiny("sum")).eval()
    seen = {}
    model.acf.center_block.register_forward_pre_hook(lambda _, given: seen.update(centers=given[1]))
    model.acf.attention_block.register_forward_pre_hook(lambda _, given: seen.update(attention=given[1]))
    labels = torch.ones(1, 16, 24, dtype=torch.int64)
    labels[0, :4, :4] = 255  # a quarter of the first cell
    labels[0, 8:, :8] = 255  # all of the cell below it
    labels[0, 8:, 8:12] = 2  # half of the next one
    model(torch.randn(1, 3, 16, 24), **oracle_probs("both", labels, 19))
    assert seen["centers"][0, 1].tolist() == [[0.75, 1, 1], [0, 0.5, 1]]
    assert seen["attention"][0, 1].tolist() == [[1, 1, 1], [0, 0.5, 1]]
    assert seen["attention"].sum(dim=1)[0].tolist() == [[1, 1, 1], [0, 1, 1]]
