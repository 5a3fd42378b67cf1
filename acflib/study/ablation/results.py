"""Result files of the ablation: what one must hold, reading them, and naming those that cannot be used."""

import dataclasses
import json
import math
from pathlib import Path
from typing import Any

from acflib.datasets.folders import visible
from acflib.datasets.streets import GENERATOR_VERSION, world_of
from acflib.engine.checkpoints import config_as_dict, flat
from acflib.engine.config import TrainConfig
from acflib.errors import DataError
from acflib.layers.bases import FIRST_TINY_FIELD
from acflib.study.ablation.rows import Row, Study, StudyData, config_of, evaluations_of, wants_corrections
from acflib.study.ablation.studies import find_study
from acflib.study.corrections import Corrections

SCHEMA = 1
KEYS = {
    "command", "machine", "schema", "dataset", "row", "seed", "data", "config", "iterations", "seconds",
    "evaluations", "corrections",
}  # fmt: skip
LOCATION = ("data", "cache", "out", "start")  # where things lie is not part of a result
# Settings that change no number of a result, or its rounding alone.
MAY_DIFFER = (*LOCATION, "device", "workers", "prefetch", "tensorboard", "log_every", "save_every")


class DamagedResult(DataError):
    """A result file that is not whole, or not one of the ablation."""


class StaleResult(DataError):
    """A whole result file, of other settings, other data or another format than the study has now."""


@dataclasses.dataclass(frozen=True)
class RunResult:
    """What one run found.

    Attributes:
        path: of the file.
        row, seed: which run.
        evaluations: name -> "split", "oracle", "scales", "flip", "miou_fine", "iou_fine" (class -> percent, None where
            a class does not occur), and "miou_coarse", "iou_coarse" for a network with a coarse result. In percent.
        corrections: where fine corrects coarse; None where that was not counted.
        content: the whole file.
    """

    path: Path
    row: str
    seed: int
    evaluations: dict[str, dict[str, Any]]
    corrections: Corrections | None
    content: dict[str, Any]


def result_path(results: Path, row: str, seed: int) -> Path:
    """results/ROW/seed-S.json."""
    return results / row / f"seed-{seed}.json"


def manifest(data: StudyData) -> dict[str, Any]:
    """The data set as a result file names it."""
    found = {"name": data.name, "width": data.width, "height": data.height, "counts": dict(data.counts)}
    if not data.generated:
        return found
    return {**found, "generator": GENERATOR_VERSION, "seed": data.seed, **world_of(data.palette, data.crowded)}


def header(study: Study, row: Row, seed: int) -> dict[str, Any]:
    """What a result file holds about the run itself; its configuration without places.

    That of its base network's own training too ("start"), where that came first.
    """
    known = {"dataset": study.data.name, "row": row.name, "seed": seed}
    known |= {"schema": SCHEMA, "data": manifest(study.data), "config": config_without_places(study, row, seed)}
    if study.start:
        known["start"] = config_without_places(study.start, study.start.rows[0], seed)
    if study.trained:
        known["trained_on"] = manifest(study.trained.data)
    return known


def config_without_places(study: Study, row: Row, seed: int) -> dict[str, Any]:
    """The configuration of a run as plain values."""
    return {k: v for k, v in config_as_dict(config_of(study, row, seed)).items() if k not in LOCATION}


def evaluation_specs(study: Study, row: Row) -> list[dict[str, Any]]:
    """The evaluations of a row as plain values."""
    return [
        {
            "name": e.name,
            "split": e.split,
            "oracle": e.oracle,
            "scales": list(e.inference.scales),
            "flip": e.inference.flip,
        }
        | ({"presence": True} if e.presence else {})
        for e in evaluations_of(study, row)
    ]


def read_result(path: Path, study: Study, row: Row, seed: int) -> RunResult:
    """Read a result file and check all of it.

    Raises:
        FileNotFoundError: there is none.
        DamagedResult: it is not whole: no JSON, keys missing, numbers that are none, or not the mean of their classes.
        StaleResult: it belongs to other settings, data, evaluations or another format.
    """
    content = read_json(path)
    if content.get("schema") != SCHEMA:
        raise StaleResult(f"{path}: schema {content.get('schema')!r}, this acflib reads {SCHEMA}")
    missing = sorted(KEYS - content.keys())
    if missing:
        raise DamagedResult(f"{path}: no {', '.join(missing)} in it")
    expected = header(study, row, seed)
    for name in ("dataset", "row", "seed"):
        if content[name] != expected[name]:
            raise DamagedResult(
                f"{path}: its {name} is {content[name]!r}, by its place it should be {expected[name]!r}"
            )
    check_same(path, "data", content["data"], expected["data"], {})
    for name in ("config", "start", "trained_on"):
        check_same(path, name, content.get(name, {}), expected.get(name, {}), settings_of_old(expected["config"]))
    if content["iterations"] != study.base.iterations:
        raise DamagedResult(f"{path}: it ended after {content['iterations']} of {study.base.iterations} iterations")
    has_coarse, classes = row.variant is not None, study.base.model.num_classes
    assert classes is not None  # a study names them
    for spec in evaluation_specs(study, row):
        check_evaluation(path, content["evaluations"], spec, has_coarse, classes)
    corrections = read_corrections(path, content["corrections"], wants_corrections(study, row))
    return RunResult(path, row.name, seed, content["evaluations"], corrections, content)


def settings_of_old(config: dict[str, Any]) -> dict[str, Any]:
    """What a setting was that a result file does not know: the default, but for the field of the tiny base."""
    defaults = config_as_dict(TrainConfig())
    if config["model"]["backbone"] == "tiny":
        defaults["model"]["field"] = FIRST_TINY_FIELD
    return defaults


def read_json(path: Path) -> dict[str, Any]:
    """The object in a JSON file; NaN and Infinity are damage.

    Raises:
        FileNotFoundError: there is no such file.
        DamagedResult: it cannot be read, or is no JSON object.
    """

    def refuse(text: str):
        raise ValueError(f"{text} in it")

    try:
        content = json.loads(path.read_text(encoding="utf-8"), parse_constant=refuse)
    except FileNotFoundError:
        raise
    except (OSError, ValueError) as error:
        raise DamagedResult(f"{path}: no whole JSON file ({error})") from error
    if not isinstance(content, dict):
        raise DamagedResult(f"{path}: no JSON object")
    return content


def check_same(path: Path, what: str, stored: Any, current: dict, defaults: dict) -> None:
    """Raise StaleResult naming the settings that differ. One that the file does not know had its default then."""
    if not isinstance(stored, dict):
        raise DamagedResult(f"{path}: its {what} is no object")
    stored, current, defaults = flat(stored), flat(current), flat(defaults)
    differences = [
        f"{name} was {stored.get(name, defaults.get(name))!r}, is {current.get(name)!r}"
        for name in sorted(stored.keys() | current.keys())
        if name not in MAY_DIFFER and stored.get(name, defaults.get(name)) != current.get(name)
    ]
    if differences:
        raise StaleResult(f"{path}: of another {what}: {'; '.join(differences)}")


def check_evaluation(path: Path, evaluations: Any, spec: dict[str, Any], has_coarse: bool, classes: int) -> None:
    """Raise DamagedResult or StaleResult unless an evaluation is there, as the study asks for, with sound numbers."""
    name = spec["name"]
    if not isinstance(evaluations, dict):
        raise DamagedResult(f"{path}: its evaluations are no object")
    if name not in evaluations:
        raise StaleResult(f"{path}: the evaluation {name} is not in it")
    found = evaluations[name]
    if not isinstance(found, dict):
        raise DamagedResult(f"{path}: {name} is no object")
    for key in ("split", "oracle", "scales", "flip"):
        if found.get(key) != spec[key]:
            raise StaleResult(f"{path}: {name} has {key} {found.get(key)!r}, should have {spec[key]!r}")
    if found.get("presence", False) != spec.get("presence", False):
        raise StaleResult(f"{path}: {name} has presence {found.get('presence', False)}")
    for output in ("fine", "coarse") if has_coarse else ("fine",):
        miou, iou = found.get(f"miou_{output}"), found.get(f"iou_{output}")
        if not isinstance(iou, dict) or len(iou) != classes:
            raise DamagedResult(f"{path}: {name} has no IoU of {classes} classes for {output}")
        values = [value for value in iou.values() if value is not None]
        if not values or not all(is_percentage(value) for value in [miou, *values]):
            raise DamagedResult(f"{path}: {name} holds a score for {output} that is no percentage")
        if abs(sum(values) / len(values) - miou) > 1e-6:
            raise DamagedResult(f"{path}: miou_{output} of {name} is not the mean of its classes")


def read_corrections(path: Path, found: Any, wanted: bool) -> Corrections | None:
    """The corrections of a result file, None where the row has none.

    Raises:
        DamagedResult: they are missing or unsound.
    """
    if not wanted:
        return None
    try:
        return Corrections.from_dict(found)
    except (DataError, TypeError) as error:
        raise DamagedResult(f"{path}: corrections: {error}") from error


def is_percentage(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value) and 0 <= value <= 100


@dataclasses.dataclass(frozen=True)
class Loaded:
    """All results of a study that can be used, and what is wrong with the others."""

    runs: dict[str, dict[int, RunResult]]  # row -> seed -> result, seeds in ascending order
    problems: tuple[str, ...]  # one message a file, naming it


def load_results(folder: str | Path, study: Study | str) -> Loaded:
    """Read the results of all rows that a study runs or shows.

    Args:
        folder: of the results, for example ``STUDIES["table1"].results`` (``results/streets``).
        study: a study, or the name of one of ``STUDIES``.

    Raises:
        DataError: no such folder.
        ConfigError: no such study.
    """
    study = find_study(study) if isinstance(study, str) else study
    results = Path(folder)
    if not results.is_dir():
        raise DataError(
            f"{results}: no such folder of results; `python -m acflib ablate --study {study.name}` makes it"
        )
    names = dict.fromkeys([*(row.name for row in study.rows), *(line.row for line in study.lines), study.baseline])
    names |= dict.fromkeys(name.partition("/")[0] for pair in study.pairs for name in pair)
    runs: dict[str, dict[int, RunResult]] = {}
    problems: list[str] = []
    for name in names:
        row, runs[name] = study.row(name), {}
        for seed, path in sorted(seeds_in(results / name, problems)):
            try:
                runs[name][seed] = read_result(path, study, row, seed)
            except DataError as error:
                problems.append(str(error))
    return Loaded(runs, tuple(problems))


def load_sound(study: Study, root: str | Path) -> Loaded:
    """All results of a study.

    Raises:
        DataError: one cannot be used, or there are none.
    """
    loaded = load_results(Path(root) / study.results, study)
    if loaded.problems:
        raise DataError("results that cannot be used: " + "; ".join(loaded.problems))
    return loaded


def seeds_in(folder: Path, problems: list[str]) -> list[tuple[int, Path]]:
    """(seed, path) of the result files in a row's folder; other JSON files are problems."""
    found = []
    for path in visible(folder.glob("*.json"), folder):
        seed = path.stem.removeprefix("seed-")
        if seed.isdecimal() and path.name == f"seed-{int(seed)}.json":
            found.append((int(seed), path))
        else:
            problems.append(f"{path}: no result file by its name, which should be seed-NUMBER.json")
    return found
