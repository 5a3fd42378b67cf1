"""What the subcommands of ``acflib`` do: a function each, and a frozen dataclass with its settings.

Imports that take long are made by the command that needs them, so that ``--help`` is quick.
"""

import argparse
import json
import os
import shlex
import sys
from dataclasses import dataclass, replace
from pathlib import Path

from acflib.errors import ConfigError
from acflib.options import from_flags, option
from acflib.predict.inference import InferenceConfig

CHECKPOINT = "checkpoint.pt of a run, or the name of pretrained weights, such as streets-acf-sum"
INTERRUPTED = 130  # exit status, as a shell gives it after Ctrl-C


@dataclass(frozen=True)
class EvaluateConfig:
    """``acflib evaluate``: scores of a checkpoint on a split."""

    checkpoint: str = option("", CHECKPOINT)
    data: str = option("", "data folder")
    split: str = option("val", "part of the data to evaluate on")
    inference: InferenceConfig = InferenceConfig()
    batch_size: int = option(1, "images at a time; above 1 only for images of one size")
    device: str = option("auto", "auto, cpu, cuda, cuda:1 or mps")
    precision: str = option("float32", "auto, float32, bf16, fp16 or float64")
    workers: int = option(0, "data loading processes")
    json: str | None = option(None, "also write the scores to this JSON file")
    beside_paper: bool = option(False, "print the paper's per-class scores (its Table 3) beside ours")


@dataclass(frozen=True)
class ExportConfig:
    """``acflib export``: predictions as files for the evaluation server of Cityscapes."""

    checkpoint: str = option("", CHECKPOINT)
    data: str = option("", "data folder")
    split: str = option("test", "part of the data to predict; it needs no labels")
    out: str = option("submission", "folder for the PNGs, one a frame; for nothing else")
    output: str = option("out", "out (the fine result) or coarse")
    resume: bool = option(False, "keep the files that are there already")
    inference: InferenceConfig = InferenceConfig()
    device: str = option("auto", "auto, cpu, cuda, cuda:1 or mps")
    precision: str = option("float32", "auto, float32, bf16, fp16 or float64")


@dataclass(frozen=True)
class PredictConfig:
    """``acflib predict``: overlays of photographs."""

    checkpoint: str = option("", CHECKPOINT)
    out: str = option("predictions", "folder for the pictures")
    inference: InferenceConfig = InferenceConfig()
    opacity: float = option(0.5, "of the colors over the photograph, 0 to 1")
    max_side: int | None = option(None, "make larger photographs smaller for the network, to save memory and time")
    device: str = option("auto", "auto, cpu, cuda, cuda:1 or mps")
    precision: str = option("float32", "auto, float32, bf16, fp16 or float64")


@dataclass(frozen=True)
class StreetsConfig:
    """``acflib data streets``: write the generated street scenes."""

    out: str = option("data/streets-128x64", "folder to write")
    train: int = option(200, "scenes in the train split")
    val: int = option(100, "scenes in the val split")
    test: int = option(100, "scenes in the test split")
    seed: int = option(0, "another seed gives other scenes")
    palette: str = option("turned", "colors of an image: turned by one angle of hue, own hue of each class, or fixed")
    crowded: bool = option(False, "most classes in most images")


@dataclass(frozen=True)
class CacheConfig:
    """``acflib data cache``: a split, decoded, in memory-mapped files."""

    data: str = option("", "data folder")
    split: str = option("train", "part of the data to cache")
    out: str = option("data/cache", "folder for the caches, one subfolder a split")
    verify: bool = option(False, "read everything back and compare the checksums")


@dataclass(frozen=True)
class DoctorConfig:
    """``acflib doctor``: is everything in place?"""

    data: str | None = option(None, "data folder to check too")
    files: int = option(50, "frames to open per split, 0 for all")
    subset: bool = option(False, "part of Cityscapes, or resized, on purpose: other counts and sizes are no fault")
    preset: str | None = option(None, "also estimate memory, disk space and time of training with this preset")
    device: str = option("auto", "device for the estimate: auto, cpu, cuda or cuda:1")


def run_train(given: argparse.Namespace) -> int:
    """``acflib train``."""
    from acflib import distributed
    from acflib.cli.report import report
    from acflib.datasets import open_dataset
    from acflib.engine.presets import PRESETS
    from acflib.training import train

    config = from_flags(PRESETS[given.preset], given)
    _require(config.data, "--data", "a Cityscapes, CamVid or Streets folder")
    if "num_classes" not in given:
        classes = open_dataset(config.data, config.split).num_classes
        config = replace(config, model=replace(config.model, num_classes=classes))
    result = train(config, given.resume, progress=not given.quiet)
    if not result.finished:
        if distributed.env_rank() == 0:
            print(f"stopped after iteration {result.position} and saved; go on with: {again()}", file=sys.stderr)
        return INTERRUPTED
    report(config, result)
    return 0


def run_evaluate(given: argparse.Namespace) -> int:
    """``acflib evaluate``."""
    from acflib import distributed
    from acflib.datasets import open_dataset
    from acflib.engine.checkpoints import write_whole
    from acflib.engine.devices import pick_device, pick_precision, place
    from acflib.predict.evaluation import check_split, evaluate
    from acflib.predict.pretrained import load_network
    from acflib.study.paper_tables import check_classes_of_table_3, table_beside_paper

    config = from_flags(EvaluateConfig(), given)
    _require(config.checkpoint, "--checkpoint", CHECKPOINT)
    _require(config.data, "--data", "a Cityscapes, CamVid or Streets folder")
    if config.json and not Path(config.json).absolute().parent.is_dir():
        raise ConfigError(f"--json {config.json}: no such folder; make it first")
    device = pick_device(config.device)
    distributed.setup(device)
    model, state = load_network(config.checkpoint)
    precision = pick_precision(config.precision, device)
    dataset = open_dataset(config.data, config.split)
    if config.beside_paper:
        check_classes_of_table_3(dataset.classes)
    check_split(dataset, config.batch_size)
    model = place(model, device, precision)
    scores = evaluate(model, dataset, config.inference, config.batch_size, config.workers, precision)
    if distributed.rank() == 0:
        where = f"{type(dataset).__name__} {config.split}"
        if config.json:  # before anything is printed, which may find no reader
            found = {"checkpoint": config.checkpoint, "iteration": state["position"], "split": config.split}
            write_whole(Path(config.json), json.dumps({**found, **scores.as_dict()}, indent=2).encode() + b"\n")
        print(table_beside_paper(scores, where) if config.beside_paper else scores.table())
    distributed.shutdown()
    return 0


def run_export(given: argparse.Namespace) -> int:
    """``acflib export``."""
    from acflib import distributed
    from acflib.datasets import open_dataset
    from acflib.engine.devices import pick_device, pick_precision, place
    from acflib.predict.export import export_predictions
    from acflib.predict.pretrained import load_network

    config = from_flags(ExportConfig(), given)
    _require(config.checkpoint, "--checkpoint", CHECKPOINT)
    _require(config.data, "--data", "a Cityscapes or Streets folder")
    device = pick_device(config.device)
    distributed.setup(device)
    model, _ = load_network(config.checkpoint)
    precision = pick_precision(config.precision, device)
    files = export_predictions(
        place(model, device, precision), open_dataset(config.data, config.split), config.out,
        config.inference, config.output, precision, config.resume,
    )  # fmt: skip
    if distributed.rank() == 0:
        print(f"{len(files)} label files are in {config.out}")
    distributed.shutdown()
    return 0


def run_predict(given: argparse.Namespace) -> int:
    """``acflib predict``."""
    from acflib.engine.devices import pick_device, pick_precision, place
    from acflib.predict.predicting import predict_files
    from acflib.predict.pretrained import load_network

    config = from_flags(PredictConfig(), given)
    _require(config.checkpoint, "--checkpoint", CHECKPOINT)
    device = pick_device(config.device)
    precision = pick_precision(config.precision, device)
    model, state = load_network(config.checkpoint)
    out = Path(config.out)
    predict_files(
        place(model, device, precision), given.images, out, state["classes"],
        [tuple(color) for color in state["colors"]], config.inference, config.opacity, max_side=config.max_side,
        precision=precision,
    )  # fmt: skip
    print(f"overlays and class maps are in {out}")
    return 0


def run_streets(given: argparse.Namespace) -> int:
    """``acflib data streets``."""
    from acflib.datasets.streets import write_streets

    config = from_flags(StreetsConfig(), given)
    width, height = given.size
    write_streets(
        config.out, width, height, config.train, config.val, config.test, config.seed, palette=config.palette,
        crowded=config.crowded,
    )  # fmt: skip
    print(f"Streets {width}x{height} is in {config.out}")
    return 0


def run_cache(given: argparse.Namespace) -> int:
    """``acflib data cache``."""
    from acflib.datasets import open_dataset
    from acflib.datasets.cache import build_cache

    config = from_flags(CacheConfig(), given)
    _require(config.data, "--data", "a Cityscapes, CamVid or Streets folder")
    cached = build_cache(open_dataset(config.data, config.split), config.out)
    if config.verify:
        cached.verify()
    print(f"{len(cached)} frames are in {config.out}; train with --cache {config.out}")
    return 0


def run_doctor(given: argparse.Namespace) -> int:
    """``acflib doctor``."""
    from acflib.cli.doctor import check_data, check_environment
    from acflib.cli.doctor_preset import check_preset

    config = from_flags(DoctorConfig(), given)
    findings = check_environment()
    if config.data:
        findings += check_data(Path(config.data), config.files, config.subset)
    if config.preset:
        findings += [f for f in check_preset(config.preset, config.device) if f not in findings]
    for finding in findings:
        print(finding)
    return 1 if any(finding.ok is False for finding in findings) else 0


def _require(value: str, flag: str, what: str) -> None:
    if not value:
        raise ConfigError(f"{flag} is missing: give {what}")


def again() -> str:
    """The command that goes on with a stopped run, as a shell takes it."""
    start = "acflib"
    if "TORCHELASTIC_RUN_ID" in os.environ:
        start = "torchrun <its options> -m acflib"
    return f"{start} {shlex.join(a for a in sys.argv[1:] if a != '--resume')} --resume"
