"""Small training runs for tests."""

import contextlib
import signal
from collections.abc import Iterator
from pathlib import Path

import torch

from acflib.acfnet import ModelConfig
from acflib.engine.checkpoints import load_checkpoint
from acflib.engine.config import TrainConfig
from acflib.engine.runlog import TIME_COLUMNS, read_csv
from acflib.losses import LossConfig


def tiny_config(data: Path, out: Path, **changes) -> TrainConfig:
    """A run of seconds: tiny base, crops of 32 x 64, augmentation, dropout and bootstrapping on."""
    model = ModelConfig(backbone="tiny", channels=16, align_corners=False, weights=None)
    settings = {
        "model": model,
        "loss": LossConfig(bootstrap=True, bootstrap_keep=0.021),
        "crop_size": (32, 64),
        "batch_size": 4,
        "iterations": 6,
        "log_every": 1,
        "eval_every": 4,
        "save_every": 2,
        "workers": 0,
        "tensorboard": False,
        "device": "cpu",
    }
    return TrainConfig(data=str(data), out=str(out), **(settings | changes))


def flags(config: TrainConfig) -> list[str]:
    """The command line that gives the same run as :func:`tiny_config`."""
    texts = ["--preset", "tiny-acf-sum", "--data", config.data, "--out", config.out, "--channels", "16"]
    texts += ["--bootstrap", "--bootstrap-keep", "0.021", "--crop-size", *map(str, config.crop_size)]
    texts += ["--scale-range", *map(str, config.scale_range)]
    for name in ("batch_size", "iterations", "log_every", "eval_every", "save_every", "workers", "device"):
        texts += ["--" + name.replace("_", "-"), str(getattr(config, name))]
    texts += ["--learning-rate", str(config.learning_rate), "--eval-batch-size", "1"]
    return [*texts, "--no-tensorboard", "--quiet"]


@contextlib.contextmanager
def in_the_background() -> Iterator[None]:
    """What is started inside ignores Ctrl-C, as where a script starts a command with &."""
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def final_weights(folder: Path) -> dict[str, torch.Tensor]:
    """Weights and buffers of the last checkpoint."""
    return load_checkpoint(folder / "checkpoint.pt")["model"]


def assert_same_run(folder: Path, reference: Path) -> None:
    """Weights bit for bit, optimizer state, and both logs but for their time columns."""
    a, b = load_checkpoint(folder / "checkpoint.pt"), load_checkpoint(reference / "checkpoint.pt")
    assert a["position"] == b["position"]
    for name, value in b["model"].items():
        assert torch.equal(a["model"][name], value), f"{name} differs"
    for key, state in b["optimizer"]["state"].items():
        assert torch.equal(a["optimizer"]["state"][key]["momentum_buffer"], state["momentum_buffer"])
    for name in ("log.csv", "evaluation.csv"):
        assert without_times(folder / name) == without_times(reference / name), name


def without_times(path: Path) -> list[dict[str, str]]:
    """The rows of a log without the columns that tell the time."""
    return [{k: v for k, v in row.items() if k not in TIME_COLUMNS} for row in read_csv(path)]
