"""Where acflib lies, and what a measured number was measured on."""

import json
import os
import platform
import subprocess
from pathlib import Path
from typing import Any

import torch

from acflib.engine.files import write_whole

PACKAGE = Path(__file__).resolve().parents[1]  # the folder acflib
AROUND = PACKAGE.parent  # the clone, or site-packages where acflib is installed


def python_path() -> str:
    """PYTHONPATH with which a process finds this acflib, from whatever folder it was imported."""
    return os.pathsep.join(filter(None, [str(AROUND), os.environ.get("PYTHONPATH")]))


def usable_cores() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def describe_machine() -> dict[str, str | int | None]:
    """Processor, threads, GPU, versions and commit, for a result file. Holds no names of machines or users."""
    import torchvision  # slow to import: see acflib.layers.bases

    return {
        "cpu": cpu_name(),
        "cores": os.cpu_count(),
        "threads": torch.get_num_threads(),
        "gpu": torch.cuda.get_device_name() if torch.cuda.is_available() else None,
        "python": platform.python_version(),
        "torch": torch.__version__,
        "torchvision": torchvision.__version__,
        "commit": commit(),
    }


def write_result(path: Path, command: str, **content: Any) -> None:
    """Write a result file: the command that made it, the machine, and ``content``; the folder is made if missing."""
    path.parent.mkdir(parents=True, exist_ok=True)
    whole = {"command": command, "machine": describe_machine(), **content}
    write_whole(path, json.dumps(whole, indent=2).encode() + b"\n")


def cpu_name() -> str:
    """The processor's name, as Linux tells it; elsewhere the kind of machine."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return platform.machine()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()


def commit() -> str | None:
    """The commit of the clone that acflib runs from, with "+" where it was changed; None outside a clone of its own."""
    top = _git(AROUND, "rev-parse", "--show-toplevel")
    if not top or Path(top).resolve() != AROUND:  # installed in an environment that lies in another repository
        return None
    return _git(AROUND, "describe", "--always", "--dirty=+", "--abbrev=12")


def _git(folder: Path, *arguments: str) -> str | None:
    try:
        run = subprocess.run(["git", *arguments], cwd=folder, capture_output=True, check=False)
    except OSError:
        return None
    return os.fsdecode(run.stdout).strip() or None  # a path, in whatever letters and locale
