"""The grid of the ablation: rows x seeds, each run in a process of its own, resumable, results in one file a run."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from typing import IO

from tqdm import tqdm

from acflib.engine.machine import python_path
from acflib.errors import ConfigError, DataError
from acflib.study.ablation.cells import Run, job_of, prepare_runs, sort_runs
from acflib.study.ablation.run import INTERRUPTED

POLL_SECONDS = 0.2
STOP_SECONDS = 25  # for a run to finish its step and save; batch systems kill 30 s after they asked
# glibc returns large blocks to the system and must clear new ones page by page; kept, each step is a little quicker.
KEPT_MEMORY = {"MALLOC_MMAP_MAX_": "0", "MALLOC_TRIM_THRESHOLD_": "4000000000", "MALLOC_TOP_PAD_": "268435456"}
ONE_THREAD = {"OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}


@dataclass
class Child:
    """A run at work."""

    run: Run
    process: subprocess.Popen
    log: IO


def run_grid(runs: Sequence[Run], jobs: int, progress: bool = True) -> list[str]:
    """Do all runs that have no sound result file yet, ``jobs`` at a time.

    Each run is a process with one thread. A run that was stopped goes on from its checkpoint and ends with the same
    numbers. A run that fails does not stop the others.

    Returns:
        A message for each run that failed, with the name of its log.

    Raises:
        ConfigError, DataError: before any run starts.
        KeyboardInterrupt: on Ctrl-C, after the runs at work have saved themselves.
    """
    if jobs < 1:
        raise ConfigError(f"jobs must be at least 1, got {jobs}")
    prepare_runs(runs)
    todo, problems = sort_runs(runs)
    for problem in problems:
        tqdm.write(f"rerun: {problem}", file=sys.stderr)
    waiting, failures = list(todo), []
    children: list[Child] = []
    done = sum(run.iterations for run in runs if run not in todo)
    begun = {run.name: run.position() for run in todo}
    with progress_bar(runs, todo, done + sum(begun.values()), progress) as bar, ended_children(children):
        while waiting or children:
            ready = [run for run in waiting if is_ready(run, waiting, children)]
            for run in ready[: jobs - len(children)]:
                waiting.remove(run)
                children.append(start(run))
            if waiting and not children:
                failures += [f"{run.name}: its base network was not trained: {run.start}" for run in waiting]
                break
            time.sleep(POLL_SECONDS)
            for child in [child for child in children if child.process.poll() is not None]:
                children.remove(child)
                failure = finish(child)
                failures += [failure] if failure else []
                tqdm.write(f"failed: {failure}" if failure else describe_run(child.run), file=sys.stderr)
                done += child.run.iterations
            show(bar, done + sum(begun[run.name] for run in waiting), children)
    return failures


def is_ready(run: Run, waiting: Sequence[Run], children: Sequence[Child]) -> bool:
    """Whether the base network that a run starts from is trained, or it starts from none."""
    if run.start is None or run.trained:
        return True
    at_work = [*waiting, *(child.run for child in children)]
    return run.start.exists() and all(other.checkpoint != run.start for other in at_work)


def start(run: Run) -> Child:
    """Start the process of a run. Its standard input stays open: where it ends, the run stops."""
    run.folder.parent.mkdir(parents=True, exist_ok=True)
    log = open(run.log, "ab")
    process = subprocess.Popen(
        [sys.executable, "-m", "acflib.study.ablation.run"],
        stdin=subprocess.PIPE,
        stdout=log,
        stderr=subprocess.STDOUT,
        env={**os.environ, **ONE_THREAD, **KEPT_MEMORY, "PYTHONPATH": python_path()},
        start_new_session=True,  # Ctrl-C reaches the grid alone, which then tells its runs
    )
    assert process.stdin is not None  # a pipe
    process.stdin.write(json.dumps(asdict(job_of(run))).encode() + b"\n")
    process.stdin.flush()
    return Child(run, process, log)


def finish(child: Child) -> str | None:
    """Clean up after a process that ended; a message if it failed."""
    close(child)
    status = child.process.returncode
    if status == 0:
        try:
            child.run.read()
        except (OSError, DataError) as error:
            return f"{child.run.name}: its result file is not as it should be: {error}"
        return None
    lines = child.run.log.read_text(errors="replace").split("\n")
    last = next((line.strip() for line in reversed(lines) if line.strip()), "it said nothing")
    how = "stopped from outside" if status == INTERRUPTED else f"exit status {status}"
    return f"{child.run.name}: {how}: {last} (log: {child.run.log})"


def close(child: Child) -> None:
    assert child.process.stdin is not None  # a pipe
    try:
        child.process.stdin.close()
    except OSError:  # the process is gone, and the pipe with it
        pass
    child.log.close()


@contextmanager
def ended_children(children: list[Child]) -> Iterator[None]:
    """Context manager: whatever happens inside, no process outlives it; each may finish its step and save first."""
    try:
        yield
    finally:
        try:
            for child in children:
                child.process.terminate()
            deadline = time.monotonic() + STOP_SECONDS
            for child in children:
                child.process.wait(max(0.0, deadline - time.monotonic()))
        except (KeyboardInterrupt, subprocess.TimeoutExpired):
            pass
        finally:
            for child in children:
                child.process.kill()
                child.process.wait()
                close(child)


def progress_bar(runs: Sequence[Run], todo: Sequence[Run], done: int, progress: bool) -> tqdm:
    """One bar for the whole grid, counting iterations. Where nobody watches, a line a minute."""
    return tqdm(
        desc=f"{len(runs)} runs, {len(runs) - len(todo)} done",
        total=sum(run.iterations for run in runs),
        initial=done,
        unit="it",
        smoothing=0.05,
        mininterval=0.5 if sys.stderr.isatty() else 60,
        disable=not progress,
        dynamic_ncols=True,
    )


def show(bar: tqdm, done: int, children: Sequence[Child]) -> None:
    """Bring the bar up to date: the iterations of ``children``, which it names, and ``done`` others."""
    positions = {child.run.name: child.run.position() for child in children}
    bar.set_postfix_str(", ".join(f"{name} {position}" for name, position in positions.items()), refresh=False)
    bar.update(max(0, done + sum(positions.values()) - bar.n))


def describe_run(run: Run) -> str:
    """One line about a finished run."""
    result = run.read()
    main = result.evaluations[run.study.main]
    coarse = f", coarse {main['miou_coarse']:.2f}" if "miou_coarse" in main else ""
    seconds = result.content["seconds"]["training"]
    return f"{run.name}: {run.study.main} mIoU {main['miou_fine']:.2f}{coarse} ({seconds:.0f} s)"
