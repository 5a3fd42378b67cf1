"""Cross entropy, Eq. 4 and the poly rule against loops from the paper, in float64; ignored pixels never count."""

import pytest
import torch
from torch.autograd import gradcheck

from acflib.engine.config import TrainConfig
from acflib.errors import ConfigError
from acflib.functional import check_labels
from acflib.losses import (
    LossConfig,
    class_balanced_cross_entropy,
    pixel_cross_entropy,
    pixel_weights,
    poly_learning_rate,
    total_loss,
)
from tests import paper_loops as loops

CLOSE = dict(rtol=0, atol=1e-10)
WEIGHTS = torch.tensor([0.5, 1.0, 2.0, 4.0], dtype=torch.float64)
BATCHES = pytest.mark.parametrize("batch", [1, 2])


def make(batch=2, height=3, width=5):
    """Logits and labels with 4 classes; a corner of the first image is ignored."""
    logits = torch.randn(batch, 4, height, width, dtype=torch.float64) * 2
    labels = torch.randint(0, 4, (batch, height, width))
    labels[0, :2, :3] = 255
    return logits, labels


def network_result(names=("out", "coarse", "aux")):
    return {name: make()[0] for name in names}, make()[1]


@BATCHES
@pytest.mark.parametrize("class_weights", [None, WEIGHTS])
def test_cross_entropy_equals_the_paper(batch, class_weights):
    logits, labels = make(batch)
    used = torch.ones(4, dtype=torch.float64) if class_weights is None else class_weights
    expected = loops.weighted_mean(loops.cross_entropies(logits, labels), labels, used)
    found = class_balanced_cross_entropy(logits, labels, class_weights)
    torch.testing.assert_close(found, expected, **CLOSE)


def test_ignored_pixels_change_nothing():
    """Neither the loss nor the gradient of the other pixels knows what stands at an ignored pixel."""
    logits, labels = make()
    results = []
    for noise in (0.0, 50.0):
        changed = (logits + noise * torch.randn_like(logits) * (labels == 255).unsqueeze(1)).requires_grad_()
        loss = class_balanced_cross_entropy(changed, labels, WEIGHTS)
        loss.backward()
        results.append((loss.detach(), changed.grad))
    for a, b in zip(*results, strict=True):
        torch.testing.assert_close(a, b, **CLOSE)
    assert (results[1][1][0, :, :2, :3] == 0).all()


def test_known_public_bug_ignored_pixels_are_not_in_the_denominator():
    logits, labels = torch.randn(1, 4, 1, 4, dtype=torch.float64), torch.tensor([[[2, 255, 255, 255]]])
    one_pixel = loops.cross_entropies(logits, labels)[0, 0, 0]
    torch.testing.assert_close(class_balanced_cross_entropy(logits, labels).item(), one_pixel, **CLOSE)


def test_pixel_weights_by_hand():
    labels = torch.tensor([[[0, 255, 3]]])
    assert pixel_weights(labels, None).tolist() == [[[1, 0, 1]]]
    assert pixel_weights(labels, WEIGHTS).tolist() == [[[0.5, 0, 4]]]


def test_half_precision_logits_are_summed_in_float32():
    logits, labels = make()
    found = class_balanced_cross_entropy(logits.bfloat16(), labels)
    assert found.dtype == torch.float32
    torch.testing.assert_close(found, class_balanced_cross_entropy(logits.bfloat16().float(), labels))
    assert pixel_cross_entropy(logits.half(), labels).dtype == torch.float32


def test_gradients():
    logits, labels = make()
    logits.requires_grad_()
    assert gradcheck(lambda x: class_balanced_cross_entropy(x, labels, WEIGHTS), (logits,))
    for config in (LossConfig(), LossConfig(bootstrap=True, bootstrap_keep=5)):
        maps = [torch.randn(2, 4, 3, 5, dtype=torch.float64, requires_grad=True) for _ in range(3)]

        def loss(out, coarse, aux, config=config):
            return total_loss({"out": out, "coarse": coarse, "aux": aux}, labels, config, WEIGHTS)["loss"]

        assert gradcheck(loss, maps)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("class_weights", [None, WEIGHTS])
@pytest.mark.parametrize("bootstrap", [False, True])
def test_all_ignored_gives_zero_and_zero_gradients(dtype, class_weights, bootstrap):
    logits = {name: (100 * torch.randn(2, 4, 3, 5, dtype=dtype)).requires_grad_() for name in ("out", "coarse", "aux")}
    losses = total_loss(logits, torch.full((2, 3, 5), 255), LossConfig(bootstrap=bootstrap), class_weights)
    assert all(value == 0 for value in losses.values())
    losses["loss"].backward()
    for value in logits.values():
        assert torch.equal(value.grad, torch.zeros_like(value))


@pytest.mark.parametrize("class_weights", [None, WEIGHTS])
def test_parts_of_a_batch_add_up_to_the_whole(class_weights):
    """Two parts, one of them with many ignored pixels, each divided by the whole batch's denominator."""
    logits, labels = make()
    labels[1] = 255
    labels[1, 0, 0] = 1
    denominator = pixel_weights(labels, class_weights).sum()
    whole = class_balanced_cross_entropy(logits, labels, class_weights)
    parts = [
        class_balanced_cross_entropy(logits[i : i + 1], labels[i : i + 1], class_weights, denominator) for i in (0, 1)
    ]
    torch.testing.assert_close(sum(parts), whole, **CLOSE)
    own = [class_balanced_cross_entropy(logits[i : i + 1], labels[i : i + 1], class_weights) for i in (0, 1)]
    assert abs(sum(own) / 2 - whole) > 1e-3  # what most code does: the loss would depend on the cut


def test_eq4_is_the_weighted_sum_of_section_4_2():
    logits, labels = network_result()
    ce = {
        name: loops.weighted_mean(loops.cross_entropies(value, labels), labels, WEIGHTS)
        for name, value in logits.items()
    }
    losses = total_loss(logits, labels, class_weights=WEIGHTS)
    expected = 0.4 * ce["aux"] + 0.6 * ce["coarse"] + 0.7 * ce["out"]
    torch.testing.assert_close(losses["loss"], expected, **CLOSE)
    for name, entry in (("fine", "out"), ("coarse", "coarse"), ("aux", "aux")):
        torch.testing.assert_close(losses[name], ce[entry], **CLOSE)


def test_weights_of_networks_without_auxiliary_head_or_acf_module():
    logits, labels = network_result()
    ce = {name: class_balanced_cross_entropy(value, labels) for name, value in logits.items()}
    without_aux = total_loss({"out": logits["out"], "coarse": logits["coarse"]}, labels)
    assert set(without_aux) == {"loss", "fine", "coarse"}
    torch.testing.assert_close(without_aux["loss"], 0.6 * ce["coarse"] + 0.7 * ce["out"], **CLOSE)
    baseline = total_loss({"out": logits["out"], "aux": logits["aux"]}, labels)
    assert set(baseline) == {"loss", "fine", "aux"}
    torch.testing.assert_close(baseline["loss"], 1.0 * ce["out"] + 0.4 * ce["aux"], **CLOSE)


def test_only_the_total_carries_a_gradient():
    logits, labels = network_result()
    losses = total_loss({name: value.requires_grad_() for name, value in logits.items()}, labels)
    assert [name for name, value in losses.items() if value.requires_grad] == ["loss"]


def test_every_weight_of_eq4_is_a_field():
    logits, labels = network_result()
    ce = {name: class_balanced_cross_entropy(value, labels) for name, value in logits.items()}
    config = LossConfig(aux_weight=2.0, coarse_weight=3.0, fine_weight=5.0)
    expected = 2 * ce["aux"] + 3 * ce["coarse"] + 5 * ce["out"]
    torch.testing.assert_close(total_loss(logits, labels, config)["loss"], expected, **CLOSE)


def test_poly_rule_by_hand():
    assert poly_learning_rate(0.01, 0, 40_000) == 0.01
    assert poly_learning_rate(0.01, 20_000, 40_000) == pytest.approx(0.005358867312681466, abs=1e-15)  # 0.01 * 0.5^0.9
    assert poly_learning_rate(0.01, 36_000, 40_000) == pytest.approx(0.0012589254117941673, abs=1e-15)  # 0.01 * 0.1^0.9
    assert poly_learning_rate(0.01, 40_000, 40_000) == 0
    assert poly_learning_rate(0.2, 1, 4, power=2) == pytest.approx(0.1125, abs=1e-15)  # 0.2 * 0.75^2


def test_defaults_are_those_of_section_4_2():
    config = TrainConfig()
    assert (config.learning_rate, config.momentum, config.weight_decay) == (0.01, 0.9, 0.0005)
    assert (config.poly_power, config.batch_size, config.iterations) == (0.9, 8, 40_000)
    assert (config.crop_size, config.scale_range) == ((769, 769), (0.5, 2.0))
    loss = config.loss
    assert (loss.aux_weight, loss.coarse_weight, loss.fine_weight, loss.baseline_weight) == (0.4, 0.6, 0.7, 1.0)
    assert (loss.bootstrap, loss.bootstrap_threshold, loss.bootstrap_keep) == (False, 0.7, 100_000)


@pytest.mark.parametrize("label", [4, 19, 254, -1, -100])
def test_labels_out_of_range_are_refused(label):
    """On a GPU such a label would be an assertion without a name, after which the process is lost."""
    labels = make()[1]
    labels[1, 2, 4] = label
    with pytest.raises(ValueError, match=rf"\[{label}\].*0\.\.3 or 255"):
        check_labels(labels, 4)


@pytest.mark.parametrize(
    "settings, message",
    [
        (dict(bootstrap_threshold=0.0), "bootstrap_threshold"),
        (dict(bootstrap_threshold=1.5), "bootstrap_threshold"),
        (dict(bootstrap_keep=0), "bootstrap_keep"),
        (dict(bootstrap_keep=-5), "bootstrap_keep"),
    ],
)
def test_wrong_settings_are_named(settings, message):
    with pytest.raises(ConfigError, match=message):
        LossConfig(**settings)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"bootstrap_keep": float("inf")}, "bootstrap_keep must be positive and finite, got inf"),
        ({"bootstrap_keep": float("nan")}, "bootstrap_keep must be positive and finite, got nan"),
        ({"bootstrap_keep": 0}, "bootstrap_keep must be positive"),
        ({"coarse_weight": -2.0}, "coarse_weight must be 0 or more, and finite; got -2.0"),
        ({"aux_weight": float("nan")}, "aux_weight must be 0 or more, and finite; got nan"),
        ({"fine_weight": float("inf")}, "fine_weight must be 0 or more"),
        ({"baseline_weight": -1.0}, "baseline_weight must be 0 or more"),
    ],
)
def test_settings_that_make_no_loss(changes, message):
    with pytest.raises(ConfigError, match=message):
        LossConfig(**changes)
