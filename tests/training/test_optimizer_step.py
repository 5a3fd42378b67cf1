"""A step of training equals section 4.2 written out, in float64: Eq. 4, gradients of this batch alone, SGD by hand."""

from dataclasses import replace
from functools import partial

import pytest
import torch

from acflib.acfnet import build_model
from acflib.engine import train_state
from acflib.engine.checkpoints import load_checkpoint
from acflib.engine.devices import has_fused_sgd
from acflib.engine.train_state import save_state, start_state
from acflib.losses import LossConfig, pixels_to_keep, total_loss
from acflib.training import optimizer_step
from tests.training.two_ranks import CONFIG, CPU, SIZE, Pictures

CLOSE = dict(rtol=0, atol=1e-10)
CLASS_WEIGHTS = torch.tensor([0.5, 1.0, 1.5, 2.0, 3.0], dtype=torch.float64)


def batches(count=3):
    for _ in range(count):
        labels = torch.randint(0, 5, (4, *SIZE))
        labels[1, :20] = 255
        yield torch.randn(4, 3, *SIZE, dtype=torch.float64), labels


@pytest.mark.parametrize("bootstrap", [False, True])
def test_three_steps_by_hand(bootstrap):
    loss = LossConfig(bootstrap=bootstrap, bootstrap_keep=0.1, bootstrap_threshold=0.1)
    config = replace(CONFIG, momentum=0.8, weight_decay=0.01, loss=loss)
    state = start_state(config, None, CPU, "float64", CLASS_WEIGHTS.tolist())
    network = build_model(config.model).double()
    network.load_state_dict(state.model.state_dict())
    velocity = [torch.zeros_like(p) for p in network.parameters()]
    for (images, labels), rate in zip(batches(), (0.1, 0.05, 0.02), strict=True):
        losses = optimizer_step(state, images, labels, rate, config)
        expected = total_loss(network(images), labels, loss, CLASS_WEIGHTS)
        gradients = torch.autograd.grad(expected["loss"], list(network.parameters()))
        with torch.no_grad():
            for i, (weight, gradient) in enumerate(zip(network.parameters(), gradients, strict=True)):
                velocity[i] = 0.8 * velocity[i] + gradient + 0.01 * weight
                weight -= rate * velocity[i]
        found = [losses[i].item() for i in range(4)]
        assert found == pytest.approx([*(expected[name].item() for name in ("loss", "fine", "coarse")), 0], abs=1e-10)
        for ours, by_hand in zip(state.model.state_dict().values(), network.state_dict().values(), strict=True):
            torch.testing.assert_close(ours, by_hand, **CLOSE)


def test_bootstrapping_in_micro_batches_keeps_each_its_share():
    """Two micro-batches of one step: K is shared out, the losses of the parts are averaged."""
    loss = LossConfig(bootstrap=True, bootstrap_keep=0.1, bootstrap_threshold=0.01)
    config = replace(CONFIG, micro_steps=2, loss=loss)
    state = start_state(config, None, CPU, "float64", CLASS_WEIGHTS.tolist())
    state.network.eval()  # without batch statistics, so that one pass gives the logits of both parts
    images, labels = next(batches())
    with torch.no_grad():
        logits = state.model(images)["out"]
    keep = pixels_to_keep(0.1, labels.numel(), 2)
    parts = [
        total_loss({"out": logits[part]}, labels[part], loss, CLASS_WEIGHTS, keep=keep)["fine"]
        for part in (slice(0, 2), slice(2, 4))
    ]
    found = optimizer_step(state, images, labels, 0.1, config)
    torch.testing.assert_close(found[1], sum(parts) / 2, **CLOSE)


def test_an_overflow_in_the_first_step_of_fp16_leaves_no_trace(monkeypatch):
    """The gradient scaler starts at 65536, so the first step usually overflows: it is skipped, the next one is small.

    A fused SGD keeps uninitialized memory as its momentum in such a step, and the network is lost in the next. CPU
    tensors have the kernels of a GPU too, so the choice is tried as a GPU gets it.
    """
    as_on_a_gpu = partial(has_fused_sgd, torch.device("cuda", 0))
    monkeypatch.setattr(train_state, "has_fused_sgd", lambda device, precision: as_on_a_gpu(precision))
    state = start_state(CONFIG, None, CPU, "fp16")
    state.precision = "float32"  # the sums of a GPU's half precision are not the point; the scaler stays
    before = {name: value.clone() for name, value in state.model.named_parameters()}
    overflow = state.model.classifier.weight.register_hook(lambda gradient: gradient * torch.inf)
    images, labels = next(batches())
    optimizer_step(state, images.float(), labels, 0.1, CONFIG)
    overflow.remove()
    assert all(torch.equal(value, before[name]) for name, value in state.model.named_parameters())
    assert state.scaler.get_scale() == 65536 / 2
    reference = start_state(CONFIG, None, CPU, "float32")
    for buffer, value in zip(reference.model.buffers(), state.model.buffers(), strict=True):
        buffer.copy_(value)
    for each in (state, reference):
        optimizer_step(each, images.float(), labels, 0.1, CONFIG)
    for ours, plain in zip(state.model.parameters(), reference.model.parameters(), strict=True):
        torch.testing.assert_close(ours, plain, rtol=1e-3, atol=1e-6)


@pytest.mark.parametrize("first", ["float32", "fp16"])
def test_a_run_goes_on_in_another_precision(first, tmp_path):
    """The loss scale of fp16 is put back where there was one; without one it starts anew."""
    state = start_state(CONFIG, None, CPU, first)
    if first == "fp16":
        state.scaler.scale(torch.ones(()))
        state.scaler.update(1024.0)
    save_state(tmp_path / "checkpoint.pt", state, CONFIG, Pictures(4))
    checkpoint = load_checkpoint(tmp_path / "checkpoint.pt")
    assert start_state(CONFIG, checkpoint, CPU, "float32").scaler.get_scale() == 1
    resumed = start_state(CONFIG, checkpoint, CPU, "fp16").scaler
    assert resumed.get_scale() == (1024 if first == "fp16" else 65536)


def test_a_file_says_the_field_that_a_configuration_leaves_open(tmp_path):
    config = replace(CONFIG, model=replace(CONFIG.model, field=None))
    save_state(tmp_path / "checkpoint.pt", start_state(config, None, CPU, "float32"), config, Pictures(4))
    assert load_checkpoint(tmp_path / "checkpoint.pt")["config"]["model"]["field"] == 47
