"""What a run takes: counted on fake tensors against real steps, and time only where it was measured."""

import gc
import json
import shutil
from dataclasses import replace

import pytest
import torch

from acflib import doctor_preset
from acflib.acfnet import ModelConfig, without_weights
from acflib.doctor_preset import check_disk, check_preset
from acflib.errors import ConfigError
from acflib.estimates import count_training_memory, measured_seconds
from acflib.presets import PRESETS
from acflib.train_state import start_state
from acflib.training import optimiser_step


def measured_peak(config, precision):
    """The CPU allocator's peak over two real steps."""
    gc.collect()
    with torch.profiler.profile(activities=[torch.profiler.ProfilerActivity.CPU], profile_memory=True) as profile:
        config = replace(config, model=without_weights(config.model))
        state = start_state(config, None, torch.device("cpu"), precision)
        class_weights = torch.ones(19)
        for _ in range(2):
            images = torch.zeros(config.batch_size, 3, *config.crop_size)
            labels = torch.zeros(config.batch_size, *config.crop_size, dtype=torch.int64)
            optimiser_step(state, images, labels, 0.01, config, class_weights, precision)
    level = peak = 0
    for event in profile.profiler.kineto_results.events():
        if event.name() == "[memory]":
            level += event.nbytes()
            peak = max(peak, level)
    return peak


TINY = replace(PRESETS["tiny-acf-sum"], crop_size=(129, 257), batch_size=4)
RESNET = ModelConfig("resnet18", align_corners=False, weights=None)


@pytest.mark.parametrize("precision", ["float32", "bf16"])
@pytest.mark.parametrize(
    "config",
    [
        TINY,
        replace(TINY, loss=replace(TINY.loss, bootstrap=True), norm="inplace"),
        replace(TINY, model=replace(RESNET, recompute=True), crop_size=(129, 129), micro_steps=2),
    ],
    ids=["tiny", "inplace", "recompute"],
)
def test_counted_memory_is_that_of_real_steps(config, precision):
    """Real kernels take workspaces on top; here at most a tenth."""
    counted = count_training_memory(config, precision)
    assert 0.99 < measured_peak(config, precision) / counted.peak < 1.1
    assert counted.between_steps < counted.peak


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


def test_full_disk(monkeypatch, tmp_path):
    monkeypatch.setattr(doctor_preset.shutil, "disk_usage", lambda folder: shutil._ntuple_diskusage(1, 1, 10**8))
    finding = check_disk("r101-aspp-acf-ob")
    assert finding.ok is False and "needs 1.3 GB (checkpoints of 0.6 GB" in finding.text and "--out" in finding.mend


def test_unknown_preset():
    with pytest.raises(ConfigError, match="nothing is unknown"):
        check_preset("nothing")


def test_time_is_said_only_where_it_was_measured(tmp_path):
    path = tmp_path / "training_step.json"
    assert measured_seconds("r101-acf-sum", "H100", path) is None
    settings = {"size": None, "batch": None, "compile": False, "precision": "auto"}
    content = {"machine": {"gpu": "H100"}, "results": {"r101-acf-sum": {"seconds_per_iteration": 0.25}}}
    path.write_text(json.dumps({**content, "settings": settings}))
    assert measured_seconds("r101-acf-sum", "H100", path) == 0.25
    assert measured_seconds("r101-acf-sum", "A100", path) is None
    assert measured_seconds("r101-baseline", "H100", path) is None
    for change in ({"size": 97}, {"batch": 2}, {"compile": True}, {"precision": "float32"}):
        path.write_text(json.dumps({**content, "settings": {**settings, **change}}))
        assert measured_seconds("r101-acf-sum", "H100", path) is None
    path.write_text("[]")
    assert measured_seconds("r101-acf-sum", "H100", path) is None
    unknown = check_preset("tiny-acf-sum", "cpu")[2]
    assert unknown.ok is None and "the time of a run is unknown" in unknown.text
