"""``acflib doctor``: is this installation complete, is this data folder usable, and what to mend where not."""

import argparse
import importlib
import importlib.metadata
import platform
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from tqdm import tqdm

from acflib.cli.doctor_cityscapes import check_frames, check_layout, is_cityscapes
from acflib.cli.doctor_preset import check_disk, check_preset
from acflib.cli.doctor_weights import check_weights
from acflib.cli.findings import SHOWN, Finding
from acflib.datasets import SegmentationDataset, open_dataset
from acflib.datasets.reading import is_turned
from acflib.errors import ConfigError, DataError, package_fault
from acflib.options import from_flags, option

MINIMUM = {"torch": (2, 6), "torchvision": (0, 21)}
OPTIONAL = {
    "matplotlib": "pictures of curves",
    "jupyterlab": "the lessons",
    "ipywidgets": "the lessons",
    "tensorboard": "TensorBoard files",
    "safetensors": "weights that come with the lessons",
    "timm": "backbones of timm",
    "huggingface_hub": "sharing networks on a hub",
}
LARGEST = "r101-aspp-acf-ob"  # of the presets; a run of it needs most space


@dataclass(frozen=True)
class DoctorConfig:
    """``acflib doctor``."""

    data: str | None = option(None, "data folder to check too")
    files: int = option(50, "frames to open per split, 0 for all")
    subset: bool = option(False, "part of Cityscapes, or resized, on purpose: other counts and sizes are no fault")
    preset: str | None = option(None, "also estimate memory, disk space and time of training with this preset")
    device: str = option("auto", "device for the estimate: auto, cpu, cuda or cuda:1")


def run_doctor(given: argparse.Namespace) -> int:
    """``acflib doctor``: 0, or 1 where there is a fault."""
    config = from_flags(DoctorConfig(), given)
    findings = check_environment()
    if config.data:
        findings += check_data(Path(config.data), config.files, config.subset)
    if config.preset:
        findings += [f for f in check_preset(config.preset, config.device) if f not in findings]
    for finding in findings:
        print(finding)
    return 1 if any(finding.ok is False for finding in findings) else 0


def check_environment() -> list[Finding]:
    """Versions and devices. Packages for extras may be missing; that is said, and is no fault."""
    findings = [Finding(True, f"Python {platform.python_version()} on {platform.system()} {platform.machine()}")]
    for name, minimum in MINIMUM.items():
        version = importlib.metadata.version(name)
        ok = tuple(int(part) for part in version.split("+")[0].split(".")[:2]) >= minimum
        wanted = ".".join(map(str, minimum))
        findings.append(Finding(ok, f"{name} {version}", "" if ok else f"pip install '{name}>={wanted}'"))
    for name, use in OPTIONAL.items():
        findings.append(_check_optional(name, use))
    findings.append(Finding(True, f"CPU: {torch.get_num_threads()} threads"))
    for i in range(torch.cuda.device_count()):
        memory = torch.cuda.get_device_properties(i).total_memory / 2**30
        findings.append(Finding(True, f"GPU {i}: {torch.cuda.get_device_name(i)}, {memory:.0f} GiB"))
    if not torch.cuda.device_count():
        findings.append(Finding(None, "no CUDA GPU: training runs on the CPU"))
    return findings + check_weights()


def _check_optional(name: str, use: str) -> Finding:
    """Whether a package for extras can be imported: one that is there may be broken."""
    try:
        importlib.import_module(name)
        return Finding(True, f"{name} {importlib.metadata.version(name)}")
    except Exception as error:
        fault = package_fault(name, error)
    text, _, mend = fault.rpartition(": ")
    missing = fault.startswith(f"{name} is not installed")
    return Finding(None, f"{text} (only for {use})") if missing else Finding(False, f"{text} ({use})", mend)


def check_data(root: Path, files: int = 50, subset: bool = False) -> list[Finding]:
    """A data folder: layout, pairs, sizes, label values, classes.

    Args:
        root: Cityscapes, CamVid or Streets.
        files: frames to open per split, evenly spread; 0 for all.
        subset: this is part of Cityscapes, or a smaller copy, on purpose.

    Raises:
        ConfigError: ``files`` is negative.
    """
    if files < 0:
        raise ConfigError(f"files must be at least 0, got {files}")
    cityscapes = is_cityscapes(root)
    findings = check_layout(root, subset) if cityscapes else []
    for split in ("train", "val", "test"):
        try:
            dataset = open_dataset(root, split)
        except DataError as error:
            # Only train and val are needed to work with a data set.
            findings.append(Finding(None if split == "test" else False, f"{split}: {error}"))
            continue
        findings.append(Finding(True, f"{split}: {len(dataset)} frames, {type(dataset).__name__} at {root}"))
        indices = _spread(len(dataset), files)
        if dataset.frames[0].labels is not None:
            findings += _check_files(dataset, indices)
        if cityscapes:
            findings += check_frames(dataset, indices, subset)
    return findings + ([check_disk(LARGEST)] if cityscapes else [])


def _spread(count: int, files: int) -> list[int]:
    """``files`` of ``count`` indices, evenly spread; 0 for all."""
    return np.linspace(0, count - 1, min(files, count) or count).round().astype(int).tolist()


def _check_files(dataset: SegmentationDataset, indices: list[int]) -> list[Finding]:
    """Open frames as training does, to their last byte, and count the classes in them."""
    faults, sizes, pixels, turned = [], set(), np.zeros(256, dtype=np.int64), []
    for index in tqdm(indices, dataset.split, leave=False):
        try:
            image, labels = dataset[index]
        except DataError as error:
            faults.append(Finding(False, f"{dataset.split}: {error}"))
            continue
        turned += [dataset.frames[index].image] if is_turned(dataset.frames[index].image) else []
        sizes.add((image.shape[-1], image.shape[-2]))
        pixels += np.bincount(labels.numpy().ravel(), minlength=256)
    findings = faults[:SHOWN]
    if len(faults) > SHOWN:
        findings.append(Finding(False, f"{dataset.split}: {len(faults) - SHOWN} more files with faults"))
    if turned:
        text = f"{dataset.split}: {len(turned)} photographs are turned as their EXIF tag says, such as {turned[0]}"
        findings.append(Finding(None, text, "check that their labels were drawn on the turned photograph"))
    if sizes:
        shown = ", ".join(f"{width}x{height}" for width, height in sorted(sizes)[:SHOWN])
        findings.append(Finding(True, f"{dataset.split}: {len(indices) - len(faults)} frames read whole, size {shown}"))
        findings.append(_classes(dataset, pixels))
    return findings


def _classes(dataset: SegmentationDataset, pixels: np.ndarray) -> Finding:
    """Which classes occur, and the share of ignored pixels."""
    absent = [name for name, n in zip(dataset.classes, pixels, strict=False) if n == 0]
    ignored = 100 * (1 - pixels[: dataset.num_classes].sum() / pixels.sum())
    text = f"{dataset.split}: {dataset.num_classes - len(absent)} of {dataset.num_classes} classes occur in them"
    text += f" (not: {', '.join(absent)})" if absent else ""
    if ignored == 100:
        return Finding(False, f"{dataset.split}: every pixel is ignored", "put the real label files in place")
    return Finding(True, f"{text}, {ignored:.1f} % of the pixels are ignored")
