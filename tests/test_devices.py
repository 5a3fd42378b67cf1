"""Devices and precisions, also those that this machine does not have."""

import pytest
import torch
from torch import nn

from acflib.devices import autocast, memory_format, pick_device, pick_precision, place, weights_dtype
from acflib.errors import ConfigError

GPU = torch.device("cuda", 0)


def pretend_gpus(monkeypatch, count=2, native_bf16=True):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: count > 0)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: count)
    # Without the argument, torch counts emulation too: an old GPU would seem to have bf16.
    supported = lambda including_emulation=True: including_emulation or native_bf16  # noqa: E731
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", supported)


def test_auto_takes_a_gpu_where_there_is_one(monkeypatch):
    pretend_gpus(monkeypatch, count=0)
    assert pick_device("auto").type == "cpu"
    pretend_gpus(monkeypatch)
    assert pick_device("auto") == torch.device("cuda", 0) and pick_device("cuda:1") == torch.device("cuda", 1)
    monkeypatch.setenv("LOCAL_RANK", "1")
    assert pick_device("cuda") == torch.device("cuda", 1)
    with pytest.raises(ConfigError, match="cuda:2 is not there: torch sees 2"):
        pick_device("cuda:2")


def test_auto_precision(monkeypatch):
    pretend_gpus(monkeypatch, native_bf16=True)
    assert pick_precision("auto", GPU) == "bf16"
    pretend_gpus(monkeypatch, native_bf16=False)
    assert pick_precision("auto", GPU) == "fp16"
    assert pick_precision("auto", torch.device("cpu")) == "float32"
    assert pick_precision("float64", GPU) == "float64"


def test_autocast_is_on_only_for_half_precisions():
    cpu = torch.device("cpu")
    with autocast(cpu, "bf16"):
        assert torch.is_autocast_enabled("cpu")
    with autocast(cpu, "float32"):
        assert not torch.is_autocast_enabled("cpu")
    assert weights_dtype("float64") == torch.float64 and weights_dtype("fp16") == torch.float32


def test_channels_last_on_a_gpu_alone():
    assert memory_format(GPU) is torch.channels_last
    assert memory_format(torch.device("cpu")) is torch.contiguous_format is memory_format(torch.device("mps"))
    with torch.device("meta"):
        placed = place(nn.Conv2d(4, 4, 3), torch.device("meta"), "float64")
    assert placed.weight.dtype == torch.float64 and placed.weight.is_contiguous()
