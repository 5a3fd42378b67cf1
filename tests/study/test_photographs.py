"""The pairs on photographs: their rows, and a grid of seconds on a small folder in CamVid's layout."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from acflib.acfnet import ModelConfig, build_model
from acflib.datasets import open_dataset
from acflib.predict.evaluation import evaluate
from acflib.predict.pretrained import load_pretrained
from acflib.study.ablation.cells import make_runs
from acflib.study.ablation.grid import run_grid
from acflib.study.ablation.photographs import PHOTOGRAPH_BASES, PHOTOGRAPH_PAIRS, PHOTOGRAPH_TEST, SEEN
from acflib.study.ablation.rows import config_of, evaluations_of

COUNTS = (("train", 4), ("val", 3), ("test", 2))


def write_camvid(root: Path) -> Path:
    """A folder in CamVid's layout, images of 96 x 64 pixels: train, val and test."""
    random = np.random.default_rng(0)
    for split, count in COUNTS:
        lines = []
        for index in range(count):
            for folder, values in ((split, (64, 96, 3)), (f"{split}annot", (64, 96))):
                path = root / folder / f"{index}.png"
                path.parent.mkdir(parents=True, exist_ok=True)
                Image.fromarray(random.integers(0, 12 if len(values) == 2 else 256, values, dtype=np.uint8)).save(path)
            lines.append(f"{split}/{index}.png {split}annot/{index}.png")
        (root / f"{split}.txt").write_text("\n".join(lines) + "\n")
    return root


def small(study, folder: Path):
    """The same rows and evaluations with runs of seconds."""
    model = ModelConfig(backbone="tiny", num_classes=11, channels=16, align_corners=False, weights=None)
    base = replace(study.base, model=model, iterations=2, crop_size=(32, 48), batch_size=2, eval_batch_size=2)
    data = replace(study.data, width=96, height=64, counts=COUNTS)
    return replace(study, base=base, data=data, results=str(folder / study.results))


@pytest.mark.slow
def test_the_grid_goes_from_the_base_network_to_the_test_part(tmp_path):
    study = replace(small(PHOTOGRAPH_PAIRS, tmp_path), start=small(PHOTOGRAPH_BASES, tmp_path))
    data, runs = str(write_camvid(tmp_path / "camvid")), str(tmp_path / "runs")
    made = make_runs([study], ["self", "sum"], [90], data=data, runs=runs)
    assert [(run.study.name, run.row.name) for run in made] == [
        ("base-photographs", "base"), ("photographs", "self"), ("photographs", "sum"),
    ]  # fmt: skip
    assert run_grid(made, jobs=2, progress=False) == []
    content = made[2].read().content
    assert content["start"]["iterations"] == 2 and set(content["evaluations"]) == {"val", "val_present"}
    assert content["evaluations"]["val"]["scales"] == [0.75] and data not in json.dumps(content)

    test = replace(small(PHOTOGRAPH_TEST, tmp_path), trained=study, start=study.start)
    scored = make_runs([test], ["sum"], [90], data=data, runs=runs)
    assert run_grid(scored, jobs=1, progress=False) == []
    found = scored[0].read().content["evaluations"]
    assert set(found) == {"test", "test_present"}
    network = load_pretrained(made[2].checkpoint)
    again = evaluate(network, open_dataset(data, "test"), SEEN, progress=False)
    assert found["test"]["miou_fine"] == pytest.approx(again.as_dict()["miou_fine"])


def test_rows_differ_in_their_head_alone_and_nothing_is_scored_on_test_by_the_way():
    configs = {row.name: config_of(PHOTOGRAPH_PAIRS, row, 0) for row in PHOTOGRAPH_PAIRS.rows}
    assert set(configs) == {"baseline", "self", "psp", "sum", "center", "concat"}  # of the plan
    assert all(
        replace(config, model=replace(config.model, variant=None)) == configs["baseline"] for config in configs.values()
    )
    assert PHOTOGRAPH_PAIRS.start.base.model == configs["sum"].model
    for study in (PHOTOGRAPH_BASES, PHOTOGRAPH_PAIRS):
        assert {e.split for row in study.rows for e in evaluations_of(study, row)} == {"val"}
    assert {e.split for row in PHOTOGRAPH_TEST.rows for e in evaluations_of(PHOTOGRAPH_TEST, row)} == {"test"}
    assert dict(PHOTOGRAPH_PAIRS.data.counts) == {"train": 367, "val": 101, "test": 233}


def test_the_base_network_is_built():
    pytest.importorskip("timm")
    config = replace(config_of(PHOTOGRAPH_PAIRS, PHOTOGRAPH_PAIRS.row("sum"), 0).model, weights=None)
    assert build_model(config).base.output_stride == 16
