"""What a run takes: counted on fake tensors against real steps, and time only where it was measured."""

import json
import shutil
from dataclasses import replace

import pytest
import torch

from acflib.acfnet import without_weights
from acflib.cli import doctor_preset
from acflib.cli.doctor_preset import check_disk, check_preset
from acflib.cli.estimates import PeakMemory, count_training_flops, count_training_memory, measured_seconds
from acflib.engine.presets import PRESETS, SMALL_GPU
from acflib.engine.train_state import start_state
from acflib.errors import ConfigError
from acflib.training import optimizer_step
from benchmarks.memory import cpu_allocations, cpu_peak, saved_bytes


def real_steps(config, precision, count=2):
    """Optimizer steps on real tensors, and the state after them."""
    config = replace(config, model=without_weights(config.model))
    state = start_state(config, None, torch.device("cpu"), precision, [1.0] * 19)
    for _ in range(count):
        images = torch.zeros(config.batch_size, 3, *config.crop_size)
        labels = torch.zeros(config.batch_size, *config.crop_size, dtype=torch.int64)
        optimizer_step(state, images, labels, 0.01, config)
    return state


def tensors_of(state) -> list[torch.Tensor]:
    """What stays between two steps: weights, buffers, gradients and momentum."""
    weights = list(state.model.parameters())
    momentum = [state.optimizer.state[p]["momentum_buffer"] for p in weights]
    return [*weights, *state.model.buffers(), *(p.grad for p in weights), *momentum]


TINY = replace(PRESETS["tiny-acf-sum"], crop_size=(129, 257), batch_size=4)


INPLACE = replace(TINY, loss=replace(TINY.loss, bootstrap=True), norm="inplace")
RECOMPUTE = replace(TINY, model=replace(TINY.model, recompute=True), micro_steps=2)


@pytest.mark.parametrize(
    ("config", "precision"),
    [
        pytest.param(TINY, "float32", id="tiny"),
        pytest.param(INPLACE, "bf16", id="inplace-bf16"),
        pytest.param(RECOMPUTE, "float32", id="recompute"),
        pytest.param(TINY, "bf16", id="tiny-bf16", marks=pytest.mark.slow),
        pytest.param(INPLACE, "float32", id="inplace", marks=pytest.mark.slow),
        pytest.param(RECOMPUTE, "bf16", id="recompute-bf16", marks=pytest.mark.slow),
    ],
)
def test_counted_memory_is_that_of_real_steps(config, precision):
    """All tensors of real steps, and never more than the allocator gave out.

    How much more it gave out is not ours to test: kernels borrow workspaces, and which kernels there are depends on
    the processor.
    """
    counted = count_training_memory(config, precision)
    real, between_steps = PeakMemory(), []

    def run():
        with real:
            between_steps.append(sum(tensor.nbytes for tensor in tensors_of(real_steps(config, precision))))

    given_out = cpu_peak(run)
    assert real.peak == pytest.approx(counted.peak, rel=0.01) and given_out > 0.99 * counted.peak
    assert between_steps == [pytest.approx(counted.between_steps, rel=0.01)]


@pytest.mark.parametrize("norm", ["sync", "inplace"])
def test_counted_memory_holds_what_autograd_keeps(norm):
    """At the end of the forward pass: weights, buffers, momentum, and what is kept for the backward pass."""
    config = replace(TINY, norm=norm)
    state = real_steps(config, "float32", count=1)
    gradients = sum(p.grad.nbytes for p in state.model.parameters())
    there = sum(tensor.nbytes for tensor in tensors_of(state)) - gradients
    kept = saved_bytes(state.network, torch.zeros(config.batch_size, 3, *config.crop_size))
    assert kept > there  # so the bound is about activations
    assert there + kept < count_training_memory(config, "float32").peak


def test_the_peak_is_the_highest_level_and_not_the_sum():
    """Twice 4 kB one after the other, then 8 kB beside 4 kB that stay."""

    def run():
        for _ in range(2):
            torch.zeros(1000)
        kept = torch.zeros(1000)
        return kept, torch.zeros(2000)

    run()  # what torch allocates once and for all
    assert [size for size in cpu_allocations(run) if size > 0] == [4000, 4000, 4000, 8000]
    assert cpu_peak(run) == 12_000


# Multiplications with an addition each, from the sizes of the layers at 769 x 769 and output stride 8.


def macs(inside, outside, kernel, side):
    """Of a convolution whose result is ``side`` x ``side``."""
    return inside * outside * kernel**2 * side**2


def layer_macs(inside, width, blocks, before, after):
    """Of a ResNet layer of bottlenecks; the 3x3 convolution of the first block halves the side, or does not."""
    outside = 4 * width
    middle = macs(width, width, 3, after) + macs(width, outside, 1, after)
    first = macs(inside, width, 1, before) + middle + macs(inside, outside, 1, after)
    return first + (blocks - 1) * (macs(outside, width, 1, after) + middle)


STEM = macs(3, 64, 7, 385)
LAYERS = layer_macs(64, 64, 3, 193, 193) + layer_macs(256, 128, 4, 193, 97)
LAYERS += layer_macs(512, 256, 23, 97, 97) + layer_macs(1024, 512, 3, 97, 97)
HEADS = macs(1024, 256, 3, 97) + macs(256, 19, 1, 97) + macs(2048, 19, 1, 97)  # auxiliary; classifier
# Reduction, fusion of 512 + 2048 channels, classifier; Eq. 2 and Eq. 3 are products with 19 x 9409 probabilities, and
# the convolution of the refinement works on the 19 class centers.
ACF = macs(2048, 512, 1, 97) + macs(2560, 512, 1, 97) + macs(512, 19, 1, 97) + 2 * 19 * 512 * 97**2 + 19 * 512**2


@pytest.mark.parametrize("name, heads", [("r101-baseline", HEADS), ("r101-acf-sum", HEADS + ACF)])
def test_arithmetic_equals_the_count_by_hand(name, heads):
    """Backward costs twice the forward pass: gradients of weights and of inputs; the image needs none."""
    assert count_training_flops(PRESETS[name]) == 2 * 8 * (2 * STEM + 3 * (LAYERS + heads))


@pytest.mark.slow
def test_arithmetic_of_other_settings():
    """Cut into passes, a batch costs the same; recomputing runs the four layers of the trunk forward once more."""
    whole = count_training_flops(PRESETS["r101-acf-sum"])
    assert count_training_flops(PRESETS["r101-acf-sum-12gb"]) == whole
    assert count_training_flops(PRESETS["r101-acf-sum-8gb"]) == whole + 2 * 8 * LAYERS


def test_counting_draws_no_random_numbers():
    before = torch.get_rng_state()
    count_training_memory(TINY, "float32")
    assert torch.equal(torch.get_rng_state(), before)


@pytest.mark.parametrize("memory, ok", [(10**9, False), (10**12, True), (None, None)])
def test_memory_against_the_device(monkeypatch, memory, ok):
    monkeypatch.setattr(doctor_preset, "_memory_of", lambda device: memory)
    finding = check_preset("tiny-acf-sum", "cpu")[0]
    assert finding.ok is ok and "an estimate" in finding.text and "2.0 GiB allowed" in finding.text
    assert ("--micro-steps" in finding.mend) == (ok is False)
    assert all((name in finding.mend) == (ok is False) for name in SMALL_GPU)


def test_full_disk(monkeypatch, tmp_path):
    monkeypatch.setattr(doctor_preset.shutil, "disk_usage", lambda folder: shutil._ntuple_diskusage(1, 1, 10**8))
    finding = check_disk("r101-aspp-acf-ob")
    assert finding.ok is False and "needs 1.3 GB (checkpoints of 0.6 GB" in finding.text and "--out" in finding.mend


def test_unknown_preset():
    with pytest.raises(ConfigError, match="nothing is unknown"):
        check_preset("nothing")


def test_time_is_said_only_where_it_was_measured(tmp_path):
    """For the same GPU, preset and precision, as training runs by default."""
    path = tmp_path / "training_step.json"
    asked = ("r101-acf-sum", "H100", "bf16", path)
    assert measured_seconds(*asked) is None
    settings = {"size": None, "batch": None, "compile": False, "cudnn_benchmark": False, "precision": "bf16"}
    content = {"machine": {"gpu": "H100"}, "results": {"r101-acf-sum": {"seconds_per_iteration": 0.25}}}
    path.write_text(json.dumps({**content, "settings": settings}))
    assert measured_seconds(*asked) == 0.25
    assert measured_seconds("r101-acf-sum", "A100", "bf16", path) is None
    assert measured_seconds("r101-acf-sum", "H100", "fp16", path) is None
    assert measured_seconds("r101-baseline", "H100", "bf16", path) is None
    for change in ({"size": 97}, {"batch": 2}, {"compile": True}, {"precision": "float32"}, {"cudnn_benchmark": True}):
        path.write_text(json.dumps({**content, "settings": {**settings, **change}}))
        assert measured_seconds(*asked) is None
    path.write_text("[]")
    assert measured_seconds(*asked) is None


def test_time_of_a_run_is_what_was_measured(monkeypatch):
    unknown = check_preset("tiny-acf-sum", "cpu")[2]
    assert unknown.ok is None and "the time of a run is unknown" in unknown.text
    asked = []
    monkeypatch.setattr(doctor_preset, "measured_seconds", lambda *question: asked.append(question) or 0.25)
    monkeypatch.setattr(doctor_preset.torch.cuda, "get_device_name", lambda device: "H100")
    gpu = torch.device("cuda:0")
    finding = doctor_preset._time("r101-acf-sum", PRESETS["r101-acf-sum"], gpu, "bf16")
    assert asked == [("r101-acf-sum", "H100", "bf16")]
    assert finding.ok and "40000 iterations take about 2.8 hours" in finding.text and "(0.250 s" in finding.text
