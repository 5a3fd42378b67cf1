"""Which device, and in which precision."""

from contextlib import AbstractContextManager, nullcontext
from typing import TypeVar

import torch
from torch import nn

from acflib import distributed
from acflib.errors import ConfigError

Network = TypeVar("Network", bound=nn.Module)
PRECISIONS = ("auto", "float32", "float64", "bf16", "fp16")


def weights_dtype(precision: str) -> torch.dtype:
    """The dtype of weights and inputs; bf16 and fp16 keep float32 weights and compute under autocast."""
    return torch.float64 if precision == "float64" else torch.float32


def memory_format(device: torch.device, model: nn.Module) -> torch.memory_format:
    """The order of weights and images in memory: channels last where convolutions are faster so.

    On a GPU all are. On a CPU depthwise ones are, such as those of MobileNet and EfficientNet.
    """
    faster = device.type == "cuda" or (device.type == "cpu" and any(map(is_depthwise, model.modules())))
    return torch.channels_last if faster else torch.contiguous_format


def is_depthwise(module: nn.Module) -> bool:
    """Whether the module is a convolution of each channel by itself."""
    return isinstance(module, nn.Conv2d) and module.groups == module.in_channels > 1


def place(model: Network, device: torch.device, precision: str) -> Network:
    """The network, moved to a device in the dtype of a precision and in the device's order of memory."""
    return model.to(device, weights_dtype(precision)).to(memory_format=memory_format(device, model))


def pick_device(name: str = "auto") -> torch.device:
    """The device of a name: "auto" (a GPU if there is one), "cpu", "cuda", "cuda:1", "mps".

    Under torchrun, "cuda" is the GPU of this process's number.

    Raises:
        ConfigError: it is not on this machine, or several processes would share it.
    """
    gpus = torch.cuda.device_count() if torch.cuda.is_available() else 0
    device = choose_device(name, gpus, distributed.local_rank(), distributed.local_world_size())
    if device.type == "mps" and not torch.backends.mps.is_available():
        raise ConfigError('device is "mps", but this machine has none: use "cpu" or "auto"')
    return device


def choose_device(name: str, gpus: int, local_rank: int = 0, processes: int = 1) -> torch.device:
    """The device of a name for one of the processes on a machine; nothing is asked of the machine itself.

    Args:
        name: see :func:`pick_device`.
        gpus: CUDA GPUs that a process sees.
        local_rank: number of the process on its machine.
        processes: on this machine.

    Raises:
        ConfigError: no such device, or several processes would share it.
    """
    if name == "auto":
        name = "cuda" if gpus else "cpu"
    try:
        device = torch.device(name)
    except RuntimeError:
        device = None
    if device is None or device.type not in ("cpu", "cuda", "mps") or (device.type != "cuda" and device.index):
        raise ConfigError(f'device must be "auto", "cpu", "cuda", "cuda:1" or "mps", got {name!r}')
    if device.type == "cuda" and not gpus:
        raise ConfigError(f'device is {name!r}, but torch {torch.__version__} sees no CUDA GPU: use "cpu" or "auto"')
    if processes > 1 and (device.type == "mps" or device.index is not None and device.type == "cuda"):
        raise ConfigError(
            f"device={name!r} would be shared by all {processes} processes of this machine: give --device cuda, which "
            "is another GPU for each (CUDA_VISIBLE_DEVICES=2,3 chooses which), or start one process"
        )
    if device.type == "cuda" and device.index is None:
        device = torch.device("cuda", local_rank)
    if device.type == "cuda" and device.index >= gpus:
        mend = "start no more processes on a machine than it has GPUs" if processes > 1 else "choose another"
        raise ConfigError(f"{device} is not there: torch sees {gpus} GPU(s); {mend}")
    return device


def pick_precision(name: str, device: torch.device) -> str:
    """What "auto" means: bf16 on a GPU that computes in it natively, fp16 on an older one, float32 elsewhere.

    Several processes take one precision, which all their GPUs compute in: each must call this, after
    :func:`acflib.distributed.setup`.

    Raises:
        ConfigError: for an unknown name, or fp16 where there is no GPU.
    """
    if name not in PRECISIONS:
        raise ConfigError(f"precision must be one of {', '.join(PRECISIONS)}, got {name!r}")
    if name == "fp16" and device.type != "cuda":
        raise ConfigError('precision "fp16" needs a CUDA GPU; use "bf16" or "float32"')
    if name != "auto":
        return name
    if device.type != "cuda":
        return "float32"
    # With loss scaling on one process and none on another, the mean of their gradients would be that of neither.
    return "fp16" if distributed.any_rank(not has_bf16(device), device) else "bf16"


def has_bf16(device: torch.device) -> bool:
    """Whether this very GPU, not the one that torch takes when none is named, computes in bf16 natively."""
    # Not torch.cuda.is_bf16_supported(), which asks the current GPU. Compute capability 8.0 is its rule too.
    return torch.version.hip is not None or torch.cuda.get_device_capability(device) >= (8, 0)


def has_fused_sgd(device: torch.device, precision: str) -> bool:
    """Whether SGD updates all weights in a few kernels. Not on a CPU, where results stay those of the plain loop.

    Not in fp16 either: the fused kernel leaves the momentum uninitialized in a first step that the gradient scaler
    skips for an overflow, and at the scaler's first scale of 65536 that step usually overflows.
    """
    return device.type == "cuda" and precision != "fp16"


def autocast(device: torch.device, precision: str) -> AbstractContextManager:
    """The autocast context of a precision; for float32 and float64 one that does nothing."""
    dtype = {"bf16": torch.bfloat16, "fp16": torch.float16}.get(precision)
    return nullcontext() if dtype is None else torch.autocast(device.type, dtype)
