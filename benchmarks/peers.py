"""What training_step.py and inference.py share: the networks to compare with, clocks, memory, result files."""

import gc
import shlex
import sys
import time
from collections.abc import Callable
from pathlib import Path

import torch
import torchvision
from torch import nn

from acflib.machine import write_result

BASELINE = "r101-baseline"
PEERS = ("deeplabv3_resnet101", "fcn_resnet101")  # torchvision's, output stride 8 like ours
REFERENCES = (BASELINE, "deeplabv3_resnet101")  # ratios are taken to these
MEGABYTE = 1e6


def make_peer(name: str, num_classes: int, aux: bool) -> nn.Module:
    """A network of torchvision without pretrained weights; its result is a dict of logits at image size, as ours."""
    make = getattr(torchvision.models.segmentation, name)
    return make(weights=None, weights_backbone=None, num_classes=num_classes, aux_loss=aux)


def wait_for(device: torch.device) -> None:
    """Until the device has done all it was told to do."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def seconds(run: Callable[[], object], times: int, device: torch.device) -> float:
    """Mean seconds of ``run()`` over that many calls in a row, the device's work included."""
    wait_for(device)
    start = time.perf_counter()
    for _ in range(times):
        run()
    wait_for(device)
    return (time.perf_counter() - start) / times


def allocated(device: torch.device) -> int:
    """Bytes in use on a GPU; 0 on a CPU, where nobody counts them."""
    return torch.cuda.memory_allocated(device) if device.type == "cuda" else 0


def peak_megabytes(run: Callable[[], object], device: torch.device, before: int, resident: int) -> float:
    """Most memory in use at once during ``run()``, in MB of 10**6 bytes, the network itself included.

    Args:
        before: on a GPU, ``allocated`` before the network was built.
        resident: on a CPU, bytes of the network; what ``run`` allocates on top is read from torch's profiler.
    """
    gc.collect()
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)
        run()
        wait_for(device)
        return (torch.cuda.max_memory_allocated(device) - before) / MEGABYTE
    with torch.profiler.profile(activities=[torch.profiler.ProfilerActivity.CPU], profile_memory=True) as profile:
        run()
    level = peak = 0
    for event in profile.profiler.kineto_results.events():
        if event.name() == "[memory]":
            level += event.nbytes()
            peak = max(peak, level)
    return (resident + peak) / MEGABYTE


def use_device(device: torch.device, threads: int | None, cudnn_benchmark: bool) -> None:
    """Threads of the CPU, and whether cuDNN tries its algorithms out; training itself leaves both as they are."""
    if threads:
        torch.set_num_threads(threads)
    torch.backends.cudnn.benchmark = cudnn_benchmark
    if device.type == "cuda":
        torch.cuda.set_device(device)


def write_results(path: Path, script: str, settings: dict, labels: dict[str, str], results: dict) -> None:
    """A JSON file: command, settings, machine, what each number is, and the numbers."""
    shown = {name: str(value) if isinstance(value, Path) else value for name, value in settings.items()}
    command = shlex.join(["python", f"benchmarks/{script}", *sys.argv[1:]])
    write_result(path, command, settings=shown, labels=labels, results=results)
