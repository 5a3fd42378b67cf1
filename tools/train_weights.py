"""Train the small networks of the lessons, and write their weights with a sidecar that says how they were made.

    python tools/train_weights.py                     all, one after the other
    python tools/train_weights.py streets-acf-sum     this one

All have the tiny base network and the same schedule, order of images and augmentation, on Streets 256x128 (written if
it is not there). Two are controls: a head of the same size that sees no other pixel ("self"), and one that sees the
mean of the whole image and knows no classes ("global"). Training can be stopped at any moment: the same command goes on
with it. A finished run is not trained again, only scored, on val and on test. Nothing is chosen by these scores: the
weights are those of the last step.
"""

import argparse
import json
import sys
from dataclasses import replace
from pathlib import Path

from acflib.datasets import open_dataset
from acflib.datasets.streets import GENERATOR_VERSION, MANIFEST, write_streets
from acflib.datasets.streets.color import PALETTE
from acflib.engine.config import TrainConfig
from acflib.engine.presets import PRESETS
from acflib.errors import AcflibError, ConfigError
from acflib.predict.evaluation import evaluate
from acflib.predict.pretrained import load_pretrained, save_shipped
from acflib.training import train

VARIANTS = {"streets-baseline": None, "streets-acf-sum": "sum", "streets-self": "self", "streets-global": "global"}
ITERATIONS = 1600  # of 8 images: 120 epochs of 200
LEARNING_RATE = 0.1
INTERRUPTED = 130  # exit status, as a shell gives it after Ctrl-C


def read_arguments(given: list[str] | None) -> argparse.Namespace:
    """The command line; nobody but a test needs other settings than the defaults."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"{', '.join(VARIANTS)} (default: all)")
    parser.add_argument("--data", type=Path, default=Path("data/streets-256x128"), help="Streets folder")
    parser.add_argument("--runs", type=Path, default=Path("runs/weights"), help="folder for checkpoints and logs")
    parser.add_argument("--out", type=Path, default=Path("data/weights"), help="folder for weights and sidecars")
    parser.add_argument("--iterations", type=int, default=ITERATIONS, help="optimizer steps (default: %(default)s)")
    parser.add_argument("--learning-rate", type=float, default=LEARNING_RATE, help="initial (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=0, help="(default: %(default)s)")
    parser.add_argument("--device", default="cpu", help="cpu, cuda or mps (default: %(default)s)")
    arguments = parser.parse_args(given)
    unknown = [name for name in arguments.names if name not in VARIANTS]
    if unknown:
        parser.error(f"no weights are called {unknown[0]!r}; there are: {', '.join(VARIANTS)}")
    return arguments


def training_config(name: str, manifest: dict, arguments: argparse.Namespace) -> TrainConfig:
    """The preset of `make train`, at the size of the data and with a longer schedule."""
    preset = PRESETS["tiny-acf-sum"]
    return replace(
        preset,
        data=str(arguments.data),
        out=str(arguments.runs / name),
        model=replace(preset.model, variant=VARIANTS[name]),
        crop_size=(manifest["height"], manifest["width"]),
        iterations=arguments.iterations,
        learning_rate=arguments.learning_rate,
        seed=arguments.seed,
        device=arguments.device,
        eval_every=500,
        save_every=100,
        tensorboard=False,
    )


def command_of(name: str, arguments: argparse.Namespace) -> str:
    """The command that makes these weights again. The folders are left out: they say nothing about the weights."""
    settings = ("iterations", "learning_rate", "seed", "device")
    flags = [f"--{setting.replace('_', '-')} {getattr(arguments, setting)}" for setting in settings]
    return " ".join(["python tools/train_weights.py", name, *flags])


def prepare_data(folder: Path) -> dict:
    """Write Streets 256x128 if it is not there; the manifest of what is there.

    Raises:
        ConfigError: it was drawn by another version of the generator, or with another palette.
    """
    path = folder / MANIFEST
    if not path.is_file():
        write_streets(folder, 256, 128)
    manifest = json.loads(path.read_text(encoding="utf-8"))
    if manifest["generator"] != GENERATOR_VERSION:
        raise ConfigError(
            f"{folder}: drawn by version {manifest['generator']} of the generator, this is {GENERATOR_VERSION}; "
            "delete the folder, or pass another --data"
        )
    if manifest.get("palette") != PALETTE:
        raise ConfigError(f"{folder}: its palette is not {PALETTE!r}; delete the folder, or pass another --data")
    return manifest


def make(name: str, arguments: argparse.Namespace) -> Path | None:
    """Train, score and write one network; None if training was stopped."""
    manifest = prepare_data(arguments.data)
    result = train(training_config(name, manifest, arguments), resume=True)
    if not result.finished:
        return None
    model = load_pretrained(result.folder / "checkpoint.pt")
    metrics = {}
    for split in ("val", "test"):
        metrics[split] = evaluate(model, open_dataset(arguments.data, split), batch_size=20).as_dict()
        scores = {key: value for key, value in metrics[split].items() if key.startswith("miou")}
        print(f"{name}, {split}: " + ", ".join(f"{key} {value:.2f}" for key, value in scores.items()))
    data = {"name": "Streets", **manifest}
    return save_shipped(model, name, arguments.out, model.info, command_of(name, arguments), data, metrics)


def main(given: list[str] | None = None) -> int:
    """Exit status: 0, 2 for a mistake to mend, 130 where training was stopped."""
    arguments = read_arguments(given)
    try:
        for name in arguments.names or VARIANTS:
            path = make(name, arguments)
            if path is None:
                print("stopped and saved; the same command goes on", file=sys.stderr)
                return INTERRUPTED
            print(f"weights: {path}, {path.stat().st_size} bytes")
    except AcflibError as error:
        print(f"train_weights: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
