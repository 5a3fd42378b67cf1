"""``acflib doctor --preset NAME``: will a run fit this device and this disk, and how long will it take?"""

import os
import shutil
from pathlib import Path

import torch

from acflib.cli.estimates import (
    MEASURED,
    OVERHEAD,
    TrainingMemory,
    checkpoint_bytes,
    count_training_memory,
    measured_seconds,
)
from acflib.cli.findings import Finding
from acflib.engine.config import TrainConfig
from acflib.engine.devices import pick_device, pick_precision
from acflib.engine.presets import PRESETS, SMALL_GPU
from acflib.errors import ConfigError

LOGS = 100 * 2**20  # log files, pictures and TensorBoard files of a run, generously


def check_preset(name: str, device_name: str = "auto") -> list[Finding]:
    """Memory, disk space and time of training with a preset on one device of this machine.

    Raises:
        ConfigError: no such preset or device.
    """
    if name not in PRESETS:
        raise ConfigError(f"--preset {name} is unknown; choose one of {', '.join(PRESETS)}")
    config, device = PRESETS[name], pick_device(device_name)
    precision = pick_precision(config.precision, device)
    memory = count_training_memory(config, precision)
    return [
        _memory(name, config, memory, device, precision),
        check_disk(name),
        _time(name, config, device, precision),
    ]


def check_disk(name: str) -> Finding:
    """Space for a run of a preset: its checkpoint, the next one while it is written, and the logs."""
    checkpoint = checkpoint_bytes(PRESETS[name])
    needed = 2 * checkpoint + LOGS
    folder = Path(PRESETS[name].out).absolute()
    while not folder.exists():
        folder = folder.parent
    free = shutil.disk_usage(folder).free
    text = f"disk: {_gigabytes(free)} free, a run of {name} needs {_gigabytes(needed)} (checkpoints of "
    text += f"{_gigabytes(checkpoint)}, two while one is written)"
    return Finding(
        free >= needed, text, "" if free >= needed else "free some space, or train with --out on another disk"
    )


def _memory(name: str, config: TrainConfig, memory: TrainingMemory, device: torch.device, precision: str) -> Finding:
    images = config.batch_size // config.micro_steps
    text = (
        f"{name} on {_device_text(device)}: {_gibibytes(memory.peak)} for a step, {images} images at a time in "
        f"{precision} (an estimate: every tensor of a step is counted, none computed), and {_gibibytes(OVERHEAD)} "
        "allowed for the device's own workspaces"
    )
    there = _memory_of(device)
    if there is None:
        return Finding(None, text)
    fits = memory.peak + OVERHEAD <= there
    text += f"; the device has {_gibibytes(there)}"
    mend = f"a smaller preset ({', '.join(SMALL_GPU)}), --micro-steps, --recompute, or several GPUs"
    return Finding(fits, text, "" if fits else mend)


def _time(name: str, config: TrainConfig, device: torch.device, precision: str) -> Finding:
    where = "/".join(MEASURED.parts[-3:])
    gpu = device.type == "cuda"
    seconds = measured_seconds(name, torch.cuda.get_device_name(device), precision) if gpu else None
    if seconds is None:
        text = f"{name}: the time of a run is unknown, {where} holds no measurement of it on such a device"
        return Finding(None, text, "python benchmarks/training_step.py measures one, or look at the first iterations")
    hours = seconds * config.iterations / 3600
    return Finding(
        True,
        f"{name}: {config.iterations} iterations take about {hours:.1f} hours, without evaluation ({seconds:.3f} s an "
        f"iteration measured on such a device, {where})",
    )


def _device_text(device: torch.device) -> str:
    return torch.cuda.get_device_name(device) if device.type == "cuda" else f"this {device.type.upper()}"


def _memory_of(device: torch.device) -> int | None:
    """Bytes of a GPU, or of the computer; None where it cannot be told."""
    if device.type == "cuda":
        return torch.cuda.get_device_properties(device).total_memory
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, ValueError, OSError):  # not on Windows
        return None


def _gibibytes(size: int) -> str:
    return f"{size / 2**30:.1f} GiB"


def _gigabytes(size: int) -> str:
    return f"{size / 1e9:.1f} GB"
