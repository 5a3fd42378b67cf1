"""The command line: ``python -m acflib train | evaluate | predict | data streets | doctor``."""

import argparse
import json
import sys
from dataclasses import dataclass, replace
from pathlib import Path

from acflib import __version__
from acflib.errors import AcflibError, ConfigError
from acflib.inference import InferenceConfig
from acflib.options import add_flags, from_flags, image_size, option

INTERRUPTED = 130  # exit status, as a shell gives it after Ctrl-C


@dataclass(frozen=True)
class EvaluateConfig:
    """``acflib evaluate``: scores of a checkpoint on a split."""

    checkpoint: str = option("", "checkpoint.pt of a run")
    data: str = option("", "data folder")
    split: str = option("val", "part of the data to evaluate on")
    inference: InferenceConfig = InferenceConfig()
    batch_size: int = option(1, "images at a time; above 1 only for images of one size")
    device: str = option("auto", "auto, cpu, cuda, cuda:1 or mps")
    precision: str = option("float32", "auto, float32, bf16, fp16 or float64")
    workers: int = option(0, "data loading processes")
    json: str | None = option(None, "also write the scores to this JSON file")


@dataclass(frozen=True)
class PredictConfig:
    """``acflib predict``: overlays of photographs."""

    checkpoint: str = option("", "checkpoint.pt of a run")
    out: str = option("predictions", "folder for the pictures")
    inference: InferenceConfig = InferenceConfig()
    opacity: float = option(0.5, "of the colors over the photograph, 0 to 1")
    device: str = option("auto", "auto, cpu, cuda, cuda:1 or mps")


@dataclass(frozen=True)
class StreetsConfig:
    """``acflib data streets``: write the generated street scenes."""

    out: str = option("data/streets-128x64", "folder to write")
    train: int = option(200, "scenes in the train split")
    val: int = option(100, "scenes in the val split")
    test: int = option(100, "scenes in the test split")
    seed: int = option(0, "another seed gives other scenes")


@dataclass(frozen=True)
class DoctorConfig:
    """``acflib doctor``: is everything in place?"""

    data: str | None = option(None, "data folder to check too")
    files: int = option(50, "frames to open per split, 0 for all")


def main(arguments: list[str] | None = None) -> int:
    """Run a command; the exit status: 0, 1 (doctor found a fault), 2 (a mistake to mend), 130 (Ctrl-C)."""
    parser = make_parser()
    given = parser.parse_args(arguments)
    if not hasattr(given, "run"):
        parser.print_help()
        return 2
    try:
        return given.run(given)
    except AcflibError as error:
        print(f"acflib: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("acflib: stopped", file=sys.stderr)
        return INTERRUPTED


def make_parser() -> argparse.ArgumentParser:
    """The parser with one subcommand a function below."""
    parser = argparse.ArgumentParser("acflib", description="ACFNet: train, evaluate, predict.")
    parser.add_argument("--version", action="version", version=f"acflib {__version__}")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND")
    _add_train(commands)
    evaluate = _add(commands, "evaluate", run_evaluate, "scores of a checkpoint on a data set", EvaluateConfig)
    evaluate.epilog = "Under torchrun, the processes share the images."
    predict = _add(commands, "predict", run_predict, "segment photographs, write overlays with a legend", PredictConfig)
    predict.usage = "acflib predict IMAGE [IMAGE ...] --checkpoint FILE [options, see below]"
    predict.add_argument("images", nargs="+", type=Path, help="photographs, or folders of them")
    data = commands.add_parser("data", help="make data").add_subparsers(title="kinds", metavar="KIND", required=True)
    text = "write generated street scenes in the layout of Cityscapes"
    streets = _add(data, "streets", run_streets, text, StreetsConfig)
    streets.add_argument("--size", type=image_size, default=(128, 64), help="width x height (default: 128x64)")
    _add(commands, "doctor", run_doctor, "check this installation and, if given, a data folder", DoctorConfig)
    return parser


def run_train(given: argparse.Namespace) -> int:
    """``acflib train``."""
    from acflib.datasets import open_dataset
    from acflib.presets import PRESETS
    from acflib.training import train

    config = from_flags(PRESETS[given.preset], given)
    _require(config.data, "--data", "a Cityscapes, CamVid or Streets folder")
    if "num_classes" not in given:
        classes = open_dataset(config.data, config.split).num_classes
        config = replace(config, model=replace(config.model, num_classes=classes))
    result = train(config, given.resume, progress=not given.quiet)
    if not result.finished:
        again = " ".join(["acflib", *_without_resume(sys.argv[1:]), "--resume"])
        print(f"stopped after iteration {result.position} and saved; go on with: {again}", file=sys.stderr)
        return INTERRUPTED
    _report(config, result)
    return 0


def run_evaluate(given: argparse.Namespace) -> int:
    """``acflib evaluate``."""
    from acflib import distributed
    from acflib.checkpoints import load_model, write_whole
    from acflib.datasets import open_dataset
    from acflib.devices import pick_device, pick_precision
    from acflib.evaluation import evaluate

    config = from_flags(EvaluateConfig(), given)
    _require(config.checkpoint, "--checkpoint", "checkpoint.pt of a run")
    _require(config.data, "--data", "a Cityscapes, CamVid or Streets folder")
    device = pick_device(config.device)
    distributed.setup(device)
    model, state = load_model(config.checkpoint)
    precision = pick_precision(config.precision, device)
    scores = evaluate(
        model.to(device),
        open_dataset(config.data, config.split),
        config.inference,
        config.batch_size,
        config.workers,
        precision,
    )
    if distributed.rank() == 0:
        print(scores.table())
        if config.json:
            found = {"checkpoint": config.checkpoint, "iteration": state["position"], "split": config.split}
            write_whole(Path(config.json), json.dumps({**found, **scores.as_dict()}, indent=2).encode() + b"\n")
    distributed.shutdown()
    return 0


def run_predict(given: argparse.Namespace) -> int:
    """``acflib predict``."""
    from acflib.checkpoints import load_model
    from acflib.devices import pick_device
    from acflib.predicting import predict_files

    config = from_flags(PredictConfig(), given)
    _require(config.checkpoint, "--checkpoint", "checkpoint.pt of a run")
    model, state = load_model(config.checkpoint)
    out = Path(config.out)
    predict_files(
        model.to(pick_device(config.device)), given.images, out, state["classes"],
        [tuple(color) for color in state["colors"]], config.inference, config.opacity,
    )  # fmt: skip
    print(f"overlays and class maps are in {out}")
    return 0


def run_streets(given: argparse.Namespace) -> int:
    """``acflib data streets``."""
    from acflib.datasets.streets import write_streets

    config = from_flags(StreetsConfig(), given)
    width, height = given.size
    write_streets(config.out, width, height, config.train, config.val, config.test, config.seed)
    print(f"Streets {width}x{height} is in {config.out}")
    return 0


def run_doctor(given: argparse.Namespace) -> int:
    """``acflib doctor``."""
    from acflib.doctor import check_data, check_environment

    config = from_flags(DoctorConfig(), given)
    findings = check_environment() + (check_data(Path(config.data), config.files) if config.data else [])
    for finding in findings:
        print(finding)
    return 1 if any(finding.ok is False for finding in findings) else 0


def _report(config, result) -> None:
    """After training: the scores, and pictures of the curve and of predictions (first process only)."""
    from acflib import distributed
    from acflib.checkpoints import replacing
    from acflib.datasets import open_dataset
    from acflib.predicting import prediction_sheet

    if distributed.env_rank() > 0:
        return
    if result.scores is not None:
        print(result.scores.table())
        picture = result.folder / "predictions.png"
        with replacing(picture) as temporary:
            prediction_sheet(result.model.eval(), open_dataset(config.data, config.val_split)).save(temporary, "PNG")
        print(f"predictions: {picture}")
    try:
        from acflib.figures import save_training_curve
    except ImportError:
        print("no picture of the curve: matplotlib is not installed (pip install matplotlib)")
    else:
        print(f"curve: {save_training_curve(result.folder)}")
    print(f"checkpoint: {result.folder / 'checkpoint.pt'}")


def _add_train(commands) -> None:
    from acflib.config import TrainConfig
    from acflib.presets import PRESETS

    text = "train a network; several GPUs: torchrun --nproc-per-node 4 -m acflib train ..."
    parser = _add(commands, "train", run_train, text, TrainConfig)
    parser.add_argument("--preset", choices=PRESETS, default="r101-acf-sum", help="settings that the flags then change")
    parser.add_argument("--resume", action="store_true", help="go on from the checkpoint in --out, if there is one")
    parser.add_argument("--quiet", action="store_true", help="no progress bar")


def _add(commands, name: str, run, text: str, config: type) -> argparse.ArgumentParser:
    parser = commands.add_parser(name, help=text, description=text, usage=f"acflib ... {name} [options, see below]")
    add_flags(parser, config)
    parser.set_defaults(run=run)
    return parser


def _require(value: str, flag: str, what: str) -> None:
    if not value:
        raise ConfigError(f"{flag} is missing: give {what}")


def _without_resume(arguments: list[str]) -> list[str]:
    return [argument for argument in arguments if argument != "--resume"]
