"""Which device, and in which precision."""

from contextlib import AbstractContextManager, nullcontext

import torch
from torch import nn

from acflib import distributed
from acflib.errors import ConfigError

PRECISIONS = ("auto", "float32", "float64", "bf16", "fp16")


def weights_dtype(precision: str) -> torch.dtype:
    """The dtype of weights and inputs; bf16 and fp16 keep float32 weights and compute under autocast."""
    return torch.float64 if precision == "float64" else torch.float32


def memory_format(device: torch.device) -> torch.memory_format:
    """The order of weights and images in memory: channels last on a GPU, whose convolutions are faster so."""
    return torch.channels_last if device.type == "cuda" else torch.contiguous_format


def place(model: nn.Module, device: torch.device, precision: str) -> nn.Module:
    """The network, moved to a device in the dtype of a precision and in the device's order of memory."""
    return model.to(device, weights_dtype(precision), memory_format=memory_format(device))


def pick_device(name: str = "auto") -> torch.device:
    """The device of a name: "auto" (a GPU if there is one), "cpu", "cuda", "cuda:1", "mps".

    Under torchrun, "cuda" is the GPU of this process's number.

    Raises:
        ConfigError: if it is not on this machine.
    """
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    try:
        device = torch.device(name)
    except RuntimeError:
        device = None
    if device is None or device.type not in ("cpu", "cuda", "mps") or (device.type != "cuda" and device.index):
        raise ConfigError(f'device must be "auto", "cpu", "cuda", "cuda:1" or "mps", got {name!r}')
    if device.type == "cuda" and not torch.cuda.is_available():
        raise ConfigError(f'device is {name!r}, but torch {torch.__version__} sees no CUDA GPU: use "cpu" or "auto"')
    if device.type == "cuda" and device.index is None:
        device = torch.device("cuda", distributed.local_rank())
    if device.type == "cuda" and device.index >= torch.cuda.device_count():
        raise ConfigError(f"{device} is not there: torch sees {torch.cuda.device_count()} GPU(s)")
    if device.type == "mps" and not torch.backends.mps.is_available():
        raise ConfigError('device is "mps", but this machine has none: use "cpu" or "auto"')
    return device


def pick_precision(name: str, device: torch.device) -> str:
    """What "auto" means: bf16 on a GPU that computes in it natively, fp16 on an older one, float32 elsewhere.

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
    return "bf16" if torch.cuda.is_bf16_supported(including_emulation=False) else "fp16"


def has_fused_sgd(device: torch.device, precision: str) -> bool:
    """Whether SGD updates all weights in a few kernels. Not on a CPU, where results stay those of the plain loop.

    Not in fp16 either: the fused kernel leaves the momentum uninitialised in a first step that the gradient scaler
    skips for an overflow, and at the scaler's first scale of 65536 that step usually overflows.
    """
    return device.type == "cuda" and precision != "fp16"


def autocast(device: torch.device, precision: str) -> AbstractContextManager:
    """The autocast context of a precision; for float32 and float64 one that does nothing."""
    dtype = {"bf16": torch.bfloat16, "fp16": torch.float16}.get(precision)
    return nullcontext() if dtype is None else torch.autocast(device.type, dtype)
