"""``acflib predict``: overlays of photographs."""

import argparse
from dataclasses import dataclass
from pathlib import Path

from acflib.cli.common import CHECKPOINT, placed_network, require
from acflib.engine.devices import pick_device
from acflib.options import from_flags, option
from acflib.predict.inference import InferenceConfig
from acflib.predict.predicting import predict_files
from acflib.predict.scale import TRAINED


@dataclass(frozen=True)
class PredictConfig:
    """``acflib predict``."""

    checkpoint: str = option("", CHECKPOINT)
    out: str = option("predictions", "folder for the pictures")
    inference: InferenceConfig = InferenceConfig()
    opacity: float = option(0.5, "of the colors over the photograph, 0 to 1")
    max_side: int | None = option(None, "make larger photographs smaller for the network, to save memory and time")
    scale: str = option(
        TRAINED,
        "height at which the network sees a photograph: trained (as it is where the training pictures had such "
        "heights, else at their height), own (as it is), or a number of training heights, such as 1.5",
    )
    device: str = option("auto", "auto, cpu, cuda, cuda:1 or mps")
    precision: str = option("float32", "auto, float32, bf16, fp16 or float64")


def run_predict(given: argparse.Namespace) -> int:
    """``acflib predict``."""
    config = from_flags(PredictConfig(), given)
    require(config.checkpoint, "--checkpoint", CHECKPOINT)
    model, precision = placed_network(config.checkpoint, pick_device(config.device), config.precision)
    colors = [tuple(color) for color in model.info["colors"]]
    predict_files(
        model, given.images, Path(config.out), model.info["classes"], colors, config.inference, config.opacity,
        max_side=config.max_side, precision=precision, scale=config.scale,
    )  # fmt: skip
    print(f"overlays and class maps are in {config.out}")
    return 0
