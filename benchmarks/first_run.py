"""What `make train` reaches, against what needs no network at all.

    python benchmarks/first_run.py [--seeds 0 1 2] [--out results/first_run.json]

Trains the preset "tiny-acf-sum" on Streets 128x64 once a seed and compares its fine mIoU on the val split with
- the position prior: the most frequent class at each position over the train split, the same for every image;
- logistic regression on color and position of a pixel (R, G, B, x, y), fitted on train pixels by scikit-learn;
- the same trained network with other class centers at test time: zero, all alike, permuted.
"""

import argparse
import dataclasses
from pathlib import Path

import numpy as np
import torch
from peers import command_line
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from acflib.datasets import SegmentationDataset, open_dataset
from acflib.datasets.streets import write_streets
from acflib.engine.machine import write_result
from acflib.engine.presets import PRESETS
from acflib.engine.runlog import read_csv
from acflib.functional import IGNORE_INDEX
from acflib.metrics import confusion_matrix, mean_iou
from acflib.study.listening import CHANGES, measure_listening
from acflib.training import train

PIXELS_PER_IMAGE = 300  # for the logistic regression, drawn at random


def position_prior(train_set: SegmentationDataset, val_set: SegmentationDataset) -> float:
    """mIoU of predicting, everywhere, the class that is most frequent at that position in the train split."""
    counts = sum(np.eye(256, dtype=np.int64)[train_set.load_labels(i)] for i in range(len(train_set)))  # (H, W, 256)
    guess = counts[..., : train_set.num_classes].argmax(axis=-1)
    return score(val_set, lambda index: guess)


def logistic_regression(train_set: SegmentationDataset, val_set: SegmentationDataset) -> float:
    """mIoU of a linear classifier of single pixels."""
    generator = np.random.default_rng(0)
    samples, targets = [], []
    for index in range(len(train_set)):
        labels = train_set.load_labels(index).ravel()
        chosen = generator.choice(np.flatnonzero(labels != IGNORE_INDEX), PIXELS_PER_IMAGE, replace=False)
        samples.append(pixel_features(train_set.load_image(index))[chosen])
        targets.append(labels[chosen])
    classifier = make_pipeline(StandardScaler(), LogisticRegression(max_iter=300))
    classifier.fit(np.concatenate(samples), np.concatenate(targets))

    def predict(index: int) -> np.ndarray:
        image = val_set.load_image(index)
        return classifier.predict(pixel_features(image)).reshape(image.shape[:2])

    return score(val_set, predict)


def pixel_features(image: np.ndarray) -> np.ndarray:
    """RGB uint8 (H, W, 3) -> one row (R, G, B, x, y) a pixel, (H*W, 5)."""
    rows, columns = np.mgrid[: image.shape[0], : image.shape[1]]
    stacked = np.dstack([image, columns * 255 / image.shape[1], rows * 255 / image.shape[0]])
    return stacked.reshape(-1, 5).astype(np.float64)  # (H, W, 5) -> (H*W, 5)


def score(dataset: SegmentationDataset, predict) -> float:
    """mIoU in percent of a function from an index to a class map."""
    total = 0
    for index in range(len(dataset)):
        labels = torch.from_numpy(dataset.load_labels(index))
        total = total + confusion_matrix(torch.from_numpy(predict(index)), labels, dataset.num_classes)
    return 100 * mean_iou(total)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--data", type=Path, default=Path("data/streets-128x64"))
    parser.add_argument("--runs", type=Path, default=Path("runs/first_run"))
    parser.add_argument("--out", type=Path, help="also write the numbers to this JSON file")
    arguments = parser.parse_args()
    write_streets(arguments.data)
    train_set, val_set = open_dataset(arguments.data, "train"), open_dataset(arguments.data, "val")
    rows = []
    for seed in arguments.seeds:
        folder = arguments.runs / f"seed-{seed}"
        config = dataclasses.replace(PRESETS["tiny-acf-sum"], data=str(arguments.data), out=str(folder), seed=seed)
        model = train(config, resume=True).model  # a finished run is not trained again
        miou = measure_listening(model, val_set).miou
        row: dict[str, float] = {"seed": seed, "miou_fine": miou["own"], "miou_coarse": miou["coarse"]}
        row |= {f"miou_fine_centers_{change}": miou[change] for change in CHANGES[1:]}
        row["seconds"] = float(read_csv(folder / "evaluation.csv")[-1]["seconds"])  # of training and evaluation
        rows.append(row)
        print(row)
    baselines = {
        "position_prior": position_prior(train_set, val_set),
        "logistic_regression": logistic_regression(train_set, val_set),
    }
    print(baselines)
    if arguments.out:
        write_result(arguments.out, command_line("first_run.py"), runs=rows, baselines=baselines)


if __name__ == "__main__":
    main()
