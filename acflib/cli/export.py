"""``acflib export``: predictions as files for the evaluation server of Cityscapes."""

import argparse
from dataclasses import dataclass

from acflib import distributed
from acflib.cli.common import CHECKPOINT, network_and_data, require
from acflib.options import from_flags, option
from acflib.predict.export import export_predictions
from acflib.predict.inference import InferenceConfig


@dataclass(frozen=True)
class ExportConfig:
    """``acflib export``."""

    checkpoint: str = option("", CHECKPOINT)
    data: str = option("", "data folder")
    split: str = option("test", "part of the data to predict; it needs no labels")
    out: str = option("submission", "folder for the PNGs, one a frame; for nothing else")
    output: str = option("out", "out (the fine result) or coarse")
    resume: bool = option(False, "keep the files that are there already")
    inference: InferenceConfig = InferenceConfig()
    device: str = option("auto", "auto, cpu, cuda, cuda:1 or mps")
    precision: str = option("float32", "auto, float32, bf16, fp16 or float64")


def run_export(given: argparse.Namespace) -> int:
    """``acflib export``."""
    config = from_flags(ExportConfig(), given)
    require(config.checkpoint, "--checkpoint", CHECKPOINT)
    require(config.data, "--data", "a Cityscapes or Streets folder")
    opened = network_and_data(config.checkpoint, config.device, config.precision, config.data, config.split)
    with opened as (model, precision, dataset):
        files = export_predictions(
            model, dataset, config.out, config.inference, config.output, precision, config.resume
        )
        if distributed.rank() == 0:
            print(f"{len(files)} label files are in {config.out}")
    return 0
