"""``acflib evaluate``: scores of a checkpoint on a split."""

import argparse
import json
from dataclasses import dataclass
from pathlib import Path

from acflib import distributed
from acflib.acfnet import ACFNet
from acflib.cli.common import CHECKPOINT, DATA, network_and_data, require
from acflib.engine.checkpoints import config_as_dict
from acflib.engine.files import write_whole
from acflib.errors import ConfigError
from acflib.metrics import Scores
from acflib.options import from_flags, option
from acflib.predict.evaluation import check_split, evaluate
from acflib.predict.export import fingerprint
from acflib.predict.inference import InferenceConfig
from acflib.study.paper_tables import check_classes_of_table_3, table_beside_paper


@dataclass(frozen=True)
class EvaluateConfig:
    """``acflib evaluate``."""

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


def run_evaluate(given: argparse.Namespace) -> int:
    """``acflib evaluate``."""
    config = from_flags(EvaluateConfig(), given)
    require(config.checkpoint, "--checkpoint", CHECKPOINT)
    require(config.data, "--data", DATA)
    if config.json and not Path(config.json).absolute().parent.is_dir():
        raise ConfigError(f"--json {config.json}: no such folder; make it first")
    opened = network_and_data(config.checkpoint, config.device, config.precision, config.data, config.split)
    with opened as (model, precision, dataset):
        if config.beside_paper:
            check_classes_of_table_3(dataset.classes)
        check_split(dataset, config.batch_size)
        scores = evaluate(model, dataset, config.inference, config.batch_size, config.workers, precision)
        if distributed.rank() == 0:
            report_scores(config, scores, type(dataset).__name__, model)
    return 0


def report_scores(config: EvaluateConfig, scores: Scores, dataset: str, model: ACFNet) -> None:
    """Write the scores to a file, where one is asked for, with what they are scores of; print them."""
    if config.json:  # before anything is printed, which may find no reader
        found = {
            "checkpoint": config.checkpoint,
            "iteration": model.info["position"],
            "weights_sha256": fingerprint(model),
            "dataset": dataset,
            "split": config.split,
            "inference": config_as_dict(config.inference),
        }
        write_whole(Path(config.json), json.dumps({**found, **scores.as_dict()}, indent=2).encode() + b"\n")
    print(table_beside_paper(scores, f"{dataset} {config.split}") if config.beside_paper else scores.table())
