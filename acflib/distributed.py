"""The few things training needs to know about other processes. All work without any, as one process of one."""

import os
import platform
from collections.abc import Iterator
from contextlib import contextmanager

import torch
import torch.distributed as dist

# Not used here. Imported after the group is made, as torchvision does, it would keep the group beyond its end, and with
# it threads of gloo, which abort the process where one is still at work when Python ends.
import torch.distributed.nn
from torch import Tensor, nn

from acflib.errors import ConfigError


def setup(device: torch.device) -> bool:
    """Join the processes that torchrun started; False (and nothing joined) where it did not start this one.

    Raises:
        ConfigError: GPUs cannot work together here.
    """
    if device.type == "cuda":
        torch.cuda.set_device(device)  # before the first collective, which would otherwise use GPU 0 on every process
    if "RANK" not in os.environ or dist.is_initialized():
        return False
    if device.type == "cuda" and not dist.is_nccl_available():
        raise ConfigError(
            "several GPUs work together by NCCL, which this PyTorch does not have (on Windows none has): start without "
            "torchrun, on one GPU, or under Linux (on Windows: WSL)"
        )
    dist.init_process_group("nccl" if device.type == "cuda" else "gloo")
    return True


def shutdown() -> None:
    """Leave the other processes, at the end of a command."""
    if dist.is_initialized():
        dist.destroy_process_group()


@contextmanager
def joined(device: torch.device) -> Iterator[None]:
    """Context manager: the processes that torchrun started work together inside, and part at its end, errors too."""
    own = setup(device)
    try:
        yield
    finally:
        if own:
            shutdown()


def env_rank() -> int:
    """Number of this process as torchrun set it, also before and after it has joined the others."""
    return int(os.environ.get("RANK", 0))


def local_rank() -> int:
    """Number of this process on its machine, as torchrun set it: which GPU is its own."""
    return int(os.environ.get("LOCAL_RANK", 0))


def local_world_size() -> int:
    """Number of processes on this machine, as torchrun set it."""
    return int(os.environ.get("LOCAL_WORLD_SIZE", 1))


def rank() -> int:
    """Number of this process, from 0."""
    return dist.get_rank() if dist.is_initialized() else 0


def world_size() -> int:
    """Number of processes."""
    return dist.get_world_size() if dist.is_initialized() else 1


def sum_over_ranks(value: Tensor) -> Tensor:
    """The sum of a tensor over all processes; without gradient."""
    if world_size() == 1:
        return value
    value = value.detach().clone()
    dist.all_reduce(value)
    return value


class _Sum(torch.autograd.Function):
    """Every process's value goes into every sum, so the gradient of a value is the sum of the gradients."""

    @staticmethod
    def forward(ctx, value: Tensor) -> Tensor:
        return sum_over_ranks(value)

    @staticmethod
    def backward(ctx, gradient: Tensor) -> Tensor:
        return _Sum.apply(gradient)


def sum_with_gradient(value: Tensor) -> Tensor:
    """The sum of a tensor over all processes, which passes gradients back to each of them."""
    return value if world_size() == 1 else _Sum.apply(value)


def mean_over_ranks(value: Tensor) -> Tensor:
    """The mean of a tensor over all processes; without gradient."""
    return sum_over_ranks(value) / world_size()


def gather(value: Tensor, device: torch.device) -> list[Tensor]:
    """The tensors of all processes in rank order, on the CPU; all must have one shape. ``device`` carries them."""
    if world_size() == 1:
        return [value.cpu()]
    found = [torch.empty_like(value, device=device) for _ in range(world_size())]
    dist.all_gather(found, value.to(device))
    return [v.cpu() for v in found]


def machines(device: torch.device) -> list[str]:
    """The names of the machines that the processes run on, in rank order."""
    name = torch.tensor(list(platform.node().encode()[:64].ljust(64, b"\0")), dtype=torch.uint8)
    return [bytes(found.tolist()).rstrip(b"\0").decode(errors="replace") for found in gather(name, device)]


def share_buffers(module: nn.Module) -> None:
    """Give every process the buffers of the first, such as the running statistics of a BatchNorm; in place."""
    if world_size() > 1:
        for buffer in module.buffers():
            dist.broadcast(buffer, 0)


def any_rank(flag: bool, device: torch.device) -> bool:
    """Whether the flag is set on any process."""
    return flag if world_size() == 1 else bool(sum_over_ranks(torch.tensor(float(flag), device=device)).item())


def barrier() -> None:
    """Wait until every process is here."""
    if world_size() > 1:
        dist.barrier()
