"""The cells of the ablation's grid: what there is to run, with which files, and what is done already."""

import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from acflib.datasets import open_dataset
from acflib.datasets.streets import write_streets
from acflib.engine.checkpoints import config_as_dict
from acflib.engine.runlog import read_csv
from acflib.errors import ConfigError, DataError
from acflib.study.ablation.results import (
    LOCATION,
    RunResult,
    config_without_places,
    evaluation_specs,
    header,
    manifest,
    read_result,
    result_path,
)
from acflib.study.ablation.rows import Row, Study, StudyData, config_of, wants_corrections
from acflib.study.ablation.run import Job


@dataclass(frozen=True)
class Run:
    """One cell of the grid and where its files lie."""

    study: Study
    row: Row
    seed: int
    data: str
    results: Path
    folder: Path  # of the checkpoint; the log is beside it
    device: str = "cpu"
    keep: bool = False
    start: Path | None = None  # checkpoint of the run whose base network this one starts from
    trained: Path | None = None  # folder of the run whose network is scored here, without training

    @property
    def name(self) -> str:
        place = f"{self.study.runs}/" if self.study.runs else ""
        return f"{place}{self.row.name}/seed-{self.seed}"

    @property
    def checkpoint(self) -> Path:
        return self.folder / "checkpoint.pt"

    @property
    def result(self) -> Path:
        return result_path(self.results, self.row.name, self.seed)

    @property
    def log(self) -> Path:
        return self.folder.with_name(self.folder.name + ".log")

    @property
    def iterations(self) -> int:
        return 0 if self.trained else self.study.base.iterations

    def position(self) -> int:
        """Iterations that the log of the run tells of."""
        if self.trained:
            return 0
        rows = read_csv(self.folder / "log.csv")
        return int(rows[-1]["iteration"]) if rows else 0

    def read(self) -> RunResult:
        """The result, checked; see :func:`acflib.study.ablation.results.read_result`."""
        return read_result(self.result, self.study, self.row, self.seed)


def make_runs(
    studies: Sequence[Study],
    rows: Sequence[str] | None,
    seeds: Sequence[int],
    data: str | None = None,
    results: str | None = None,
    runs: str = "runs/ablate",
    device: str = "cpu",
    keep: bool = False,
) -> list[Run]:
    """The grid, seed by seed, so that one that is stopped holds whole comparisons. Base networks come first.

    Args:
        studies: on one data set, where ``data`` or ``results`` are given.
        rows: names of rows to run; None for all.
        seeds: of the runs.
        data, results: folders, instead of those of the study.
        runs: folder for checkpoints and logs.
        device: "cpu", "cuda", ...; results are repeatable to the last digit on a CPU.
        keep: whether to keep checkpoints.

    Raises:
        ConfigError: an unknown row, a seed twice or below 0, or one folder for two data sets.
    """
    known = [row.name for study in studies for row in study.rows]
    for name in rows or ():
        if name not in known:
            raise ConfigError(f"there is no row {name!r} here; the rows of these studies are {', '.join(known)}")
    if len({study.data.name for study in studies}) > 1 and (data or results):
        raise ConfigError("these studies are on different data: run them one by one to give --data or --results")
    if not seeds or min(seeds) < 0 or len(set(seeds)) < len(seeds):
        raise ConfigError(f"seeds must be different numbers from 0, got {' '.join(map(str, seeds))}")
    cells = [
        (study, row, seed)
        for seed in seeds
        for study in studies
        for row in study.rows
        if rows is None or row.name in rows
    ]
    with_bases = dict.fromkeys(each for cell in cells for each in (*base_cells(cell[0], cell[2]), cell))
    return [
        Run(
            study, row, seed, data or study.data.folder, Path(results or study.results),
            run_folder(runs, study, row, seed), device, keep or study.keep,
            start=run_folder(runs, study.start, study.start.rows[0], seed) / "checkpoint.pt" if study.start else None,
            trained=run_folder(runs, study.trained, row, seed) if study.trained else None,
        )
        for study, row, seed in with_bases
    ]  # fmt: skip


def base_cells(study: Study, seed: int) -> list[tuple[Study, Row, int]]:
    """The run that a row of the study starts from, if there is one to be made."""
    return [(study.start, study.start.rows[0], seed)] if study.start and not study.trained else []


def run_folder(runs: str, study: Study, row: Row, seed: int) -> Path:
    """Where the checkpoint of a run lies."""
    return Path(runs) / (study.runs or study.data.name) / row.name / f"seed-{seed}"


def prepare_runs(runs: Sequence[Run]) -> None:
    """Make the data and the folders that the runs need.

    Raises:
        DataError: the data are missing, or others than the study wants.
        ConfigError: a folder cannot be written.
    """
    for folder in dict.fromkeys(folder for run in runs for folder in (run.results, run.folder.parent.parent)):
        try:
            folder.mkdir(parents=True, exist_ok=True)
            probe = folder / f".probe-{os.getpid()}"
            probe.touch()
            probe.unlink()
        except OSError as error:
            raise ConfigError(f"{folder}: cannot write there ({error}); give another --results or --runs") from error
    for data, place in dict.fromkeys((run.study.data, run.data) for run in runs):
        prepare_data(data, place)


def prepare_data(data: StudyData, folder: str) -> None:
    """Write Streets where they are missing; check other data.

    Raises:
        DataError: the data are missing, or others than the study wants.
    """
    counts = dict(data.counts)
    if data.generated:
        train, val, test = (counts.get(split, 0) for split in ("train", "val", "test"))
        write_streets(
            folder, data.width, data.height, train, val, test, data.seed, palette=data.palette, crowded=data.crowded
        )
        return
    for split, count in counts.items():
        dataset = open_dataset(folder, split)
        height, width = dataset.load_image(0).shape[:2]
        if (len(dataset), width, height) != (count, data.width, data.height):
            raise DataError(
                f"{folder}: {split} has {len(dataset)} images of {width}x{height}, the study {data.name} is on {count} "
                f"of {data.width}x{data.height}; give the folder of that version with --data"
            )


def sort_runs(runs: Sequence[Run]) -> tuple[list[Run], list[str]]:
    """The runs still to be done, and a message for each result file that cannot be used."""
    todo, problems = [], []
    for run in runs:
        try:
            run.read()
        except FileNotFoundError:
            todo.append(run)
        except DataError as error:
            todo.append(run)
            problems.append(str(error))
    # The base network of a run still to be done is wanted itself, not only its scores.
    wanted = {run.start for run in todo if run.start and not run.trained}
    return [run for run in runs if run in todo or (run.checkpoint in wanted and not run.checkpoint.exists())], problems


def job_of(run: Run) -> Job:
    """What the process of a run is told."""
    config = replace(
        config_of(run.study, run.row, run.seed), data=str(run.data), out=str(run.folder), device=run.device,
        start=str(run.start) if run.start else None,
    )  # fmt: skip
    known = header(run.study, run.row, run.seed)
    known["config"]["device"] = run.device
    main = next(e for e in run.study.evaluations if e.name == run.study.main)
    identity = {k: v for k, v in known["config"].items() if k not in (*LOCATION, "device")}
    command = f"python -m acflib ablate --study {run.study.name} --rows {run.row.name} --seeds {run.seed}"
    return Job(
        config=config_as_dict(config),
        evaluations=evaluation_specs(run.study, run.row),
        corrections=main.split if wants_corrections(run.study, run.row) else None,
        identity=identity_of(run, identity),
        header=known,
        command=command if run.device == "cpu" else f"{command} --device {run.device}",
        result=str(run.result),
        keep=run.keep,
        trained=str(run.trained) if run.trained else None,
    )


def identity_of(run: Run, config: dict) -> dict:
    """What must be the same for a checkpoint to be gone on from, or to be scored: settings, data, its base network."""
    found = {"config": config, "data": manifest((run.study.trained or run.study).data)}
    if run.study.start:
        found["start"] = config_without_places(run.study.start, run.study.start.rows[0], run.seed)
    return found
