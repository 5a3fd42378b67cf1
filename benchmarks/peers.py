"""What training_step.py and inference.py share: the networks to compare with, flags, clocks, memory, result files."""

import argparse
import gc
import shlex
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import torch
import torchvision
from full_size_folder import DEFAULT_FOLDER
from memory import cpu_peak
from torch import nn

from acflib.engine.machine import write_result
from acflib.engine.presets import PRESETS

BASELINE = "r101-baseline"
PEERS = ("deeplabv3_resnet101", "fcn_resnet101")  # torchvision's, output stride 8 like ours
REFERENCES = (BASELINE, "deeplabv3_resnet101")  # ratios are taken to these
MEGABYTE = 1e6


def make_peer(name: str, num_classes: int, aux: bool) -> nn.Module:
    """A network of torchvision without pretrained weights; its result is a dict of logits at image size, as ours."""
    make = getattr(torchvision.models.segmentation, name)
    return make(weights=None, weights_backbone=None, num_classes=num_classes, aux_loss=aux)


def make_parser(description: str, presets: Sequence[str]) -> argparse.ArgumentParser:
    """The flags that both scripts have.

    Args:
        presets: measured where none are named.
    """
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--presets", nargs="+", choices=PRESETS, default=presets, metavar="NAME")
    parser.add_argument("--device", default="auto")
    parser.add_argument("--precision", default="auto", help="auto: bf16 on a GPU, float32 on a CPU")
    parser.add_argument("--cudnn-benchmark", action=argparse.BooleanOptionalAction, default=False)
    parser.add_argument("--rounds", type=int, help="default: 5; CPU 3")
    parser.add_argument("--threads", type=int, help="of the CPU, in this process; a loading process has one")
    parser.add_argument("--data", type=Path, help="also measure with the files of this Cityscapes folder")
    parser.add_argument(
        "--generate", type=int, metavar="N", help=f"write N full-size frames there first (default: {DEFAULT_FOLDER})"
    )
    parser.add_argument("--out", type=Path, help="also write the numbers to this JSON file")
    return parser


def use_device(device: torch.device, threads: int | None, cudnn_benchmark: bool) -> None:
    """Threads of the CPU, and whether cuDNN tries its algorithms out; training itself leaves both as they are."""
    if threads:
        torch.set_num_threads(threads)
    torch.backends.cudnn.benchmark = cudnn_benchmark
    if device.type == "cuda":
        torch.cuda.set_device(device)


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
    if device.type != "cuda":
        return (resident + cpu_peak(run)) / MEGABYTE
    gc.collect()
    torch.cuda.reset_peak_memory_stats(device)
    run()
    wait_for(device)
    return (torch.cuda.max_memory_allocated(device) - before) / MEGABYTE


def ratios(found: dict[str, float], *quantities: str) -> list[str]:
    """Printed ratios to each of ``REFERENCES``, such as "1.05x 0.98x" for two quantities."""
    return [" ".join(f"{found[f'{name}_ratio_to_{other}']:.2f}x" for name in quantities) for other in REFERENCES]


def write_results(given: argparse.Namespace, script: str, settings: dict, labels: dict[str, str], **content) -> None:
    """The JSON file of ``--out``, if asked for: command, settings, machine, what each number is, and the numbers."""
    if not given.out:
        return
    settings = {**settings, "cudnn_benchmark": given.cudnn_benchmark, "threads": given.threads}
    shown = {name: str(value) if isinstance(value, Path) else value for name, value in settings.items()}
    write_result(given.out, command_line(script), settings=shown, labels=labels, **content)


def command_line(script: str) -> str:
    """What was typed to run a script of this folder."""
    return shlex.join(["python", f"benchmarks/{script}", *sys.argv[1:]])
