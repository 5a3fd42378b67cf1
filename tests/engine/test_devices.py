"""Devices and precisions, also those that this machine does not have."""

from types import SimpleNamespace

import pytest
import torch
from torch import nn

from acflib import distributed
from acflib.acfnet import ModelConfig
from acflib.engine.config import TrainConfig
from acflib.engine.devices import (
    autocast,
    choose_device,
    memory_format,
    pick_device,
    pick_precision,
    place,
    weights_dtype,
)
from acflib.errors import ConfigError

GPU = torch.device("cuda", 0)


def pretend_gpus(monkeypatch, *capabilities):
    """GPUs of these compute capabilities; the first is the current one, which torch takes when none is named."""
    monkeypatch.setattr(torch.cuda, "is_available", lambda: len(capabilities) > 0)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: len(capabilities))
    monkeypatch.setattr(torch.cuda, "current_device", lambda: 0)
    capability = lambda device=None: capabilities[getattr(device, "index", device) or 0]  # noqa: E731
    monkeypatch.setattr(torch.cuda, "get_device_capability", capability)
    properties = lambda device=0: SimpleNamespace(major=capability(device)[0])  # noqa: E731
    monkeypatch.setattr(torch.cuda, "get_device_properties", properties)


A100, V100 = (8, 0), (7, 0)


def test_auto_takes_a_gpu_where_there_is_one(monkeypatch):
    pretend_gpus(monkeypatch)
    assert pick_device("auto").type == "cpu"
    pretend_gpus(monkeypatch, A100, A100)
    assert pick_device("auto") == torch.device("cuda", 0) and pick_device("cuda:1") == torch.device("cuda", 1)
    monkeypatch.setenv("LOCAL_RANK", "1")
    assert pick_device("cuda") == torch.device("cuda", 1)
    with pytest.raises(ConfigError, match="cuda:2 is not there: torch sees 2"):
        pick_device("cuda:2")


@pytest.mark.parametrize("name", ["auto", "cuda"])
def test_each_process_of_a_machine_gets_its_own_gpu(name):
    found = [choose_device(name, gpus=4, local_rank=rank, processes=4) for rank in range(4)]
    assert found == [torch.device("cuda", rank) for rank in range(4)]


@pytest.mark.parametrize("name", ["cuda:0", "cuda:1", "mps"])
def test_several_processes_do_not_share_a_device(name):
    with pytest.raises(ConfigError, match=f"{name}.*all 2 processes.*--device cuda.*CUDA_VISIBLE_DEVICES"):
        choose_device(name, gpus=2, local_rank=1, processes=2)
    assert str(choose_device(name, gpus=2, processes=1)) == name  # one process, by torchrun or not, may choose


def test_torchrun_says_how_many_processes_there_are(monkeypatch):
    pretend_gpus(monkeypatch, A100, A100)
    monkeypatch.setenv("LOCAL_WORLD_SIZE", "2")
    with pytest.raises(ConfigError, match="all 2 processes"):
        pick_device("cuda:1")


def test_more_processes_than_gpus():
    with pytest.raises(ConfigError, match=r"cuda:2 is not there: torch sees 2 GPU\(s\); start no more processes"):
        choose_device("auto", gpus=2, local_rank=2, processes=4)
    assert choose_device("cpu", gpus=2, local_rank=3, processes=4).type == "cpu"


def test_auto_precision(monkeypatch):
    pretend_gpus(monkeypatch, A100)
    assert pick_precision("auto", GPU) == "bf16"
    pretend_gpus(monkeypatch, V100)
    assert pick_precision("auto", GPU) == "fp16"
    assert pick_precision("auto", torch.device("cpu")) == "float32"
    assert pick_precision("float64", GPU) == "float64"


def test_auto_precision_is_that_of_the_gpu_in_use(monkeypatch):
    """A machine with an old and a new GPU: the current one is another until training has begun."""
    pretend_gpus(monkeypatch, V100, A100)
    assert pick_precision("auto", torch.device("cuda", 1)) == "bf16"
    pretend_gpus(monkeypatch, A100, V100)
    assert pick_precision("auto", torch.device("cuda", 1)) == "fp16"


def test_processes_agree_on_a_precision(monkeypatch):
    """This GPU could do bf16, the one of another process cannot."""
    pretend_gpus(monkeypatch, A100)
    monkeypatch.setattr(distributed, "any_rank", lambda flag, device: True)
    assert pick_precision("auto", GPU) == "fp16"


def test_autocast_is_on_only_for_half_precisions():
    cpu = torch.device("cpu")
    with autocast(cpu, "bf16"):
        assert torch.is_autocast_enabled("cpu")
    with autocast(cpu, "float32"):
        assert not torch.is_autocast_enabled("cpu")
    assert weights_dtype("float64") == torch.float64 and weights_dtype("fp16") == torch.float32


def test_channels_last_on_a_gpu_and_for_depthwise_convolutions_on_a_cpu():
    cpu, mps = torch.device("cpu"), torch.device("mps")
    plain, depthwise = nn.Conv2d(4, 4, 3), nn.Sequential(nn.Conv2d(4, 4, 3, groups=4))
    assert memory_format(GPU, plain) is torch.channels_last is memory_format(cpu, depthwise)
    for device, network in [(cpu, plain), (cpu, nn.Conv2d(1, 4, 3)), (mps, plain), (mps, depthwise)]:
        assert memory_format(device, network) is torch.contiguous_format
    with torch.device("meta"):
        placed = place(nn.Conv2d(4, 4, 3), torch.device("meta"), "float64")
    assert placed.weight.dtype == torch.float64 and placed.weight.is_contiguous()
    assert place(nn.Conv2d(4, 4, 3, groups=4), cpu, "float32").weight.is_contiguous(memory_format=torch.channels_last)


def test_several_gpus_without_nccl(monkeypatch):
    """As under Windows."""
    monkeypatch.setenv("RANK", "0")
    monkeypatch.setattr(torch.cuda, "set_device", lambda device: None)
    monkeypatch.setattr(distributed.dist, "is_nccl_available", lambda: False)
    with pytest.raises(ConfigError, match="WSL"):
        distributed.setup(GPU)


def test_an_output_stride_of_0_is_refused_before_a_crop_is_fitted_to_it():
    with pytest.raises(ConfigError, match="output_stride must be 8, 16 or 32, got 0"):
        TrainConfig(model=ModelConfig(output_stride=0))
