"""Small studies and invented results for the tests of the ablation."""

import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from acflib.study.ablation.cells import Run, make_runs
from acflib.study.ablation.pairs import FIRST_SEED, PLAN
from acflib.study.ablation.results import evaluation_specs, header, result_path
from acflib.study.ablation.rows import Study, StudyData, wants_corrections
from acflib.study.ablation.studies import STUDIES

CLASSES = ("road", "sky", "car")
MACHINE = {"cpu": "a processor", "gpu": None, "torch": "2.0", "commit": "abc"}


def small_study(folder: Path, name: str = "table1", iterations: int = 6, **changes) -> Study:
    """A study with runs of seconds on Streets of 64 x 32 pixels, 12 / 5 / 4 scenes, all its files below ``folder``."""
    study = STUDIES[name]
    counts = (("train", 12), ("val", 5), ("test", 4))
    data = StudyData("streets-64x32", str(folder / "data"), True, 64, 32, counts)
    # Nothing is saved before the end of a run or a request to stop: what is there after a kill was saved on purpose.
    settings = {"batch_size": 4, "crop_size": (32, 64), "log_every": 1, "save_every": 1000, "eval_batch_size": 2}
    settings |= {"learning_rate": 0.05}
    model = replace(study.base.model, channels=16)
    base = replace(study.base, model=model, iterations=iterations, **(settings | changes))
    return replace(study, data=data, base=base, results=str(folder / "results"))


def runs_of(study: Study, rows: list[str] | None, seeds: tuple[int, ...] = (0,), **others) -> list[Run]:
    """Runs whose files lie beside the results of the study."""
    return make_runs([study], rows, seeds, runs=str(Path(study.results).with_name("runs")), **others)


def three_classes(study: Study) -> Study:
    """The same study on data of three classes, for invented results."""
    return replace(study, base=replace(study.base, model=replace(study.base.model, num_classes=3)))


def write_fake(study: Study, row: str, seed: int, fine: float, coarse: float | None = None, **others: float) -> Path:
    """Write a sound result file with invented scores, as if the run had been made.

    Args:
        fine, coarse: mIoU in percent of every evaluation of the row, the IoU of its classes around it; coarse is the
            same as fine where it is not given.
        others: fine of single evaluations, by name.
    """
    cell = study.row(row)
    evaluations = {}
    for spec in evaluation_specs(study, cell):
        name = spec.pop("name")
        evaluations[name] = {**spec, **fake_scores("fine", others.get(name, fine))}
        if cell.variant is not None:
            evaluations[name] |= fake_scores("coarse", fine if coarse is None else coarse)
    content = {
        "command": "by hand",
        "machine": MACHINE,
        **header(study, cell, seed),
        "iterations": study.base.iterations,
        "seconds": {"training": 1.0, "parts": 1, "evaluation": 1.0},
        "evaluations": evaluations,
        "corrections": fake_corrections() if wants_corrections(study, cell) else None,
    }
    content["config"]["device"] = "cpu"
    path = result_path(Path(study.results), row, seed)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content))
    return path


def fake_scores(output: str, miou: float) -> dict:
    """Scores whose classes lie a point below, at, and a point above the mean."""
    iou = dict(zip(CLASSES, (miou - 1, miou, miou + 1), strict=True))
    return {f"miou_{output}": miou, f"iou_{output}": iou}


def fake_corrections() -> dict:
    """Per class and bin of confidence 5 pixels right in both, 2 fixed, 1 broken, 1 wrong in the same way."""
    names = ["both_right", "fixed", "broken", "same_wrong", "other_wrong"]
    counts = {name: [[5, 2, 1, 1, 0]] * 10 for name in CLASSES}
    return {"split": "test", "outcomes": names, "confidence_bins": 10, "counts": counts}


def invented_table1(tmp_path: Path, monkeypatch) -> Study:
    """Table 1 with results below tmp_path: baseline with three seeds, sum with four, control (a) with one."""
    for name in ("table1", "controls"):
        monkeypatch.setitem(STUDIES, name, three_classes(small_study(tmp_path, name)))
    found = STUDIES["table1"]
    for seed, (baseline, fine, coarse) in enumerate([(70, 72, 71), (71, 72, 70), (72, 75, 75)]):
        write_fake(found, "baseline", seed, baseline)
        write_fake(found, "sum", seed, fine, coarse)
    write_fake(found, "sum", 3, 80.0, 79.0)
    write_fake(STUDIES["controls"], "self", 0, 72.5)
    return found


def write_plan(
    root: Path,
    monkeypatch,
    scores: Callable[[str, str, int], dict[str, float]],
    split: str = "test",
    plan: Sequence[tuple[str, str, int]] = PLAN,
) -> None:
    """Write the results of a plan (studies, rows, number of seeds), or of a part of it, below ``root``.

    Args:
        scores: (study, row, seed) -> "fine", perhaps "coarse", and fine of single evaluations by their kind, such as
            "present": what :func:`write_fake` takes.
    """
    for studies, rows, seeds in plan:
        for name in studies.split():
            full = name if split == "val" else f"{name}-test"
            for known in (name, full):
                monkeypatch.setitem(STUDIES, known, three_classes(STUDIES[known]))
            written = replace(STUDIES[full], results=str(root / STUDIES[full].results))
            for row in rows.split():
                for seed in range(FIRST_SEED, FIRST_SEED + seeds):
                    found = scores(name, row, seed)
                    of_all = {key: found.pop(key) for key in ("fine", "coarse") if key in found}
                    write_fake(written, row, seed, **of_all, **{f"{split}_{kind}": v for kind, v in found.items()})
