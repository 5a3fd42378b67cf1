"""``acflib ablate``: run the ablation's rows x seeds; or show what the result files say."""

import argparse
import shlex
import sys
from dataclasses import dataclass, replace
from pathlib import Path

from acflib.cli.common import INTERRUPTED
from acflib.engine.machine import usable_cores
from acflib.errors import ConfigError, package_fault
from acflib.options import from_flags, option
from acflib.study.ablation.blocks import write_tables
from acflib.study.ablation.cells import make_runs
from acflib.study.ablation.grid import run_grid
from acflib.study.ablation.pair_results import PairResults
from acflib.study.ablation.results import Loaded, load_results
from acflib.study.ablation.rows import Study
from acflib.study.ablation.studies import find_study
from acflib.study.ablation.table import as_markdown, as_text, make_table

EPILOG = (
    "Without --table, --plot, --figures or --write-tables the runs are made that have no sound result file yet. Ctrl-C "
    "saves those at work; the same command goes on."
)
SHOWING = ("table", "markdown", "plot", "figures", "write_tables")
RUNNING = ("rows", "seeds", "jobs", "data", "runs", "device", "keep")


@dataclass(frozen=True)
class AblateConfig:
    """``acflib ablate``."""

    study: tuple[str, ...] = option(("table1",), "table1, table2, controls, camvid, or those of docs/study-plan.md")
    rows: tuple[str, ...] | None = option(None, "rows to run, by name; none: all of the studies")
    seeds: tuple[int, ...] = option((0, 1, 2), "of initial weights and data order")
    jobs: int | None = option(None, "runs at a time, one thread each; none: one a core, on a GPU one")
    data: str | None = option(None, "data folder; none: the study's own, where Streets are written if missing")
    results: str | None = option(None, "folder of the result files; none: the study's own under results/")
    runs: str = option("runs/ablate", "folder for checkpoints and logs")
    device: str = option("cpu", "cpu, cuda, cuda:1 or mps; only a cpu gives the same digits again")
    keep: bool = option(False, "keep the checkpoints of finished runs")
    table: bool = option(False, "print the tables of the studies; trains nothing")
    markdown: bool = option(False, "the same as Markdown")
    plot: str | None = option(None, "draw the studies' runs, means and intervals into this PNG file")
    figures: str | None = option(None, "draw the figures of docs/study-plan.md into this folder, of --on test or val")
    write_tables: str | None = option(None, "make the tables between the markers of this Markdown file anew")
    on: str | None = option(None, "evaluation to show, such as val; none: the study's main one")


def run_ablate(given: argparse.Namespace) -> int:
    """``acflib ablate``: 0, 1 (a run failed, or a result file cannot be used), 130 (stopped)."""
    config = from_flags(AblateConfig(), given)
    studies = pick_studies(config.study)
    if not any(getattr(config, name) for name in SHOWING):
        if config.on:
            raise ConfigError("--on chooses what --table, --markdown, --plot or --figures show: give one of them too")
        return run_rows(config, studies, progress=not given.quiet)
    without_use = [f"--{name}" for name in RUNNING if name in given]
    if without_use:
        raise ConfigError(f"{', '.join(without_use)}: of no use where nothing is run; leave it out")
    for name, shown in {"results": SHOWING[:3], "on": SHOWING[:4]}.items():
        if getattr(config, name) and not any(getattr(config, each) for each in shown):
            raise ConfigError(f"--{name}: only --{', --'.join(shown)} heed it; leave it out, or give one of these too")
    return show_results(config, studies)


def run_rows(config: AblateConfig, studies: list[Study], progress: bool) -> int:
    """Make the runs that are missing, then print the tables; the exit status."""
    runs = make_runs(
        studies, config.rows, config.seeds, config.data, config.results, config.runs, config.device, config.keep
    )
    jobs = config.jobs
    if jobs is None:
        jobs = usable_cores() if config.device == "cpu" else 1
    try:
        failures = run_grid(runs, jobs, progress)
    except KeyboardInterrupt:
        done = sum(run.result.exists() for run in runs)
        again = shlex.join(["acflib", *sys.argv[1:]])
        print(f"stopped with {done} of {len(runs)} runs done; the others go on with: {again}", file=sys.stderr)
        return INTERRUPTED
    for failure in failures:
        print(f"acflib: {failure}", file=sys.stderr)
    folders = ", ".join(dict.fromkeys(str(run.results) for run in runs))
    print(f"{len(runs) - len(failures)} of {len(runs)} runs are done; their results are in {folders}\n")
    show_results(replace(config, table=True), studies)
    return 1 if failures else 0


def show_results(config: AblateConfig, studies: list[Study]) -> int:
    """Print tables, draw plots, write tables into a file; the exit status."""
    if config.write_tables:
        changed = write_tables(config.write_tables)
        print(f"{config.write_tables}: {'its tables are new' if changed else 'its tables were up to date'}")
    problems = []
    if config.table or config.markdown or config.plot:
        loaded = {study.name: load_results(config.results or study.results, study) for study in studies}
        problems = list(dict.fromkeys(problem for found in loaded.values() for problem in found.problems))
    if config.table or config.markdown:
        show = as_markdown if config.markdown else as_text
        print("\n\n".join(show(make_table(study, loaded[study.name], config.on)) for study in studies))
    if config.plot:
        for study, path in zip(studies, plot_paths(config.plot, studies), strict=True):
            save_plot(path, study, loaded[study.name], config.on)
            print(f"plot of {study.name}: {path}")
    if config.figures:
        for path in save_figures(Path(config.figures), config.on or "test"):
            print(f"figure of the study: {path}")
    for problem in problems:
        print(f"acflib: left out: {problem}", file=sys.stderr)
    return 1 if problems else 0


def plot_paths(given: str, studies: list[Study]) -> list[Path]:
    """One PNG file a study: the one given, or with the study's name added where there are several.

    Raises:
        ConfigError: no PNG file by its name.
    """
    path = Path(given)
    if path.suffix.lower() != ".png":
        raise ConfigError(f"--plot {given}: give a name that ends with .png")
    return [path if len(studies) == 1 else path.with_name(f"{path.stem}-{study.name}.png") for study in studies]


def save_plot(path: Path, study: Study, loaded: Loaded, evaluation: str | None) -> None:
    """Draw the plot.

    Raises:
        ConfigError: matplotlib is missing, or the folder cannot be made.
    """
    try:
        from acflib.study.ablation.figures import save_ablation_plot
    except Exception as error:
        raise ConfigError(f"--plot needs matplotlib: {package_fault('matplotlib', error)}") from error
    make_picture_folder(path.parent, "--plot")
    save_ablation_plot(path, study, loaded, evaluation)


def save_figures(folder: Path, split: str) -> list[Path]:
    """Draw the figures of the study of class centers; their paths.

    Raises:
        ConfigError: matplotlib or scipy is missing, the folder cannot be made, or the split is another one.
        DataError: there is nothing to draw yet, or a result file cannot be used.
    """
    try:
        from acflib.study.ablation.pair_figures import save_pair_figures
    except ConfigError:
        raise  # scipy's own message
    except Exception as error:
        raise ConfigError(f"--figures needs matplotlib: {package_fault('matplotlib', error)}") from error
    results = PairResults(split)
    make_picture_folder(folder, "--figures")
    return save_pair_figures(folder, results)


def make_picture_folder(folder: Path, flag: str) -> None:
    """Make a folder for a picture.

    Raises:
        ConfigError: it cannot be made.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigError(f"{folder}: cannot be made ({error}); give another {flag}") from error


def pick_studies(names: tuple[str, ...]) -> list[Study]:
    """The studies of these names, each once.

    Raises:
        ConfigError: there is none of a name.
    """
    return [find_study(name) for name in dict.fromkeys(names)]
