"""One run of the ablation: train a row with a seed, score it, write its result file. Its own process, one thread.

Where a study only scores the networks of another one, the training is left out.

``python -m acflib.study.ablation.run`` is started by :mod:`acflib.study.ablation.grid`, which writes the job, one line
of JSON, to its standard input and keeps it open. Where that ends, the grid is gone, and the run saves itself and stops.
"""

import dataclasses
import hashlib
import json
import os
import shutil
import signal
import sys
import threading
import time
import typing
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch

from acflib.datasets import open_dataset
from acflib.engine.checkpoints import load_checkpoint
from acflib.engine.config import TrainConfig
from acflib.engine.files import write_whole
from acflib.engine.machine import write_result
from acflib.engine.runlog import read_csv
from acflib.errors import AcflibError, CheckpointError, ConfigError
from acflib.predict.evaluation import evaluate
from acflib.predict.inference import InferenceConfig
from acflib.predict.pretrained import load_pretrained
from acflib.study.corrections import measure_corrections
from acflib.training import train

INTERRUPTED = 130
LOCK_SECONDS = 60  # a run whose grid was killed needs a moment to save itself


@dataclasses.dataclass(frozen=True)
class Job:
    """What one process has to do.

    Attributes:
        config: of the run, as plain values (:func:`acflib.engine.checkpoints.config_as_dict`).
        evaluations: each with "name", "split", "oracle", "scales" and "flip", and "presence" where it is given.
        corrections: the split to count corrections on, or None.
        identity: what must be the same for a checkpoint to go on from: see :func:`drop_other_run`.
        header: goes into the result file as it is.
        command: what a reader types to get this result.
        result: path of the result file.
        keep: whether to keep the checkpoint of a finished run.
        trained: folder of the run whose network is scored, without training; its identity must be this job's. None:
            train.
    """

    config: dict[str, Any]
    evaluations: list[dict[str, Any]]
    corrections: str | None
    identity: dict[str, Any]
    header: dict[str, Any]
    command: str
    result: str
    keep: bool
    trained: str | None = None


def main() -> int:
    """Do the job on standard input; the exit status: 0, 1 (a Python error), 2 (a mistake to mend), 130 (stopped)."""
    job = Job(**json.loads(sys.stdin.readline()))
    threading.Thread(target=stop_with_the_grid, daemon=True).start()
    torch.set_num_threads(1)
    try:
        return run_job(job)
    except AcflibError as error:
        print(f"acflib: {error}", file=sys.stderr)
        return 2


def stop_with_the_grid() -> None:
    """Wait for the end of standard input, then ask this process to stop, as Ctrl-C would."""
    os.read(sys.stdin.fileno(), 1)
    os.kill(os.getpid(), signal.SIGTERM)


def run_job(job: Job) -> int:
    """Train, evaluate, write the result file; the exit status."""
    config = from_dict(TrainConfig, job.config)
    if job.trained:
        return score_trained(config, job, Path(job.trained))
    folder = Path(config.out)
    with sole_owner(folder):
        drop_other_run(folder, job.identity)
        trained = train(config, resume=True, progress=False)
        if not trained.finished:
            return INTERRUPTED
        start = time.perf_counter()
        found = score(trained.model, config, job)
        seconds = {**training_seconds(folder), "evaluation": round(time.perf_counter() - start, 2)}
        write_result(Path(job.result), job.command, **job.header, iterations=trained.position, seconds=seconds, **found)
        if not job.keep:
            (folder / "checkpoint.pt").unlink()
    return 0


def score_trained(config: TrainConfig, job: Job, folder: Path) -> int:
    """Score the kept network of the finished run in ``folder`` on other data, write the result file; the exit status.

    Raises:
        CheckpointError: there is none, or it is not finished or of other settings.
    """
    start = time.perf_counter()
    model = load_pretrained(folder / "checkpoint.pt")
    if (folder / "identity.json").read_bytes() != identity_bytes(job.identity):
        raise CheckpointError(f"{folder}: it belongs to other settings or other data; train its study again")
    position = model.info["position"]
    if position != config.iterations:
        raise CheckpointError(f"{folder}: stopped at {position} of {config.iterations}; train it first")
    found = score(model, config, job)
    seconds = {**training_seconds(folder), "evaluation": round(time.perf_counter() - start, 2)}
    write_result(Path(job.result), job.command, **job.header, iterations=position, seconds=seconds, **found)
    return 0


def score(model, config: TrainConfig, job: Job) -> dict[str, Any]:
    """All evaluations of a job, and its corrections: what a result file holds under these names."""
    evaluations = {}
    for asked in job.evaluations:
        scores = evaluate(
            model,
            open_dataset(config.data, asked["split"]),
            InferenceConfig(scales=tuple(asked["scales"]), flip=asked["flip"]),
            batch_size=config.eval_batch_size,
            progress=False,
            oracle=asked["oracle"],
            presence=asked.get("presence", False),
        )
        evaluations[asked["name"]] = {**{key: asked[key] for key in asked if key != "name"}, **scores.as_dict()}
    corrections = None
    if job.corrections:
        dataset = open_dataset(config.data, job.corrections)
        corrections = {"split": job.corrections}
        corrections |= measure_corrections(model, dataset, batch_size=config.eval_batch_size).as_dict()
    return {
        "evaluations": evaluations,
        "corrections": corrections,
        "head_parameters": sum(p.numel() for name, p in model.named_parameters() if not name.startswith("base.")),
        "base_sha256": digest(model.base),
    }


def digest(network: torch.nn.Module) -> str:
    """SHA-256 of all weights and running statistics of a network."""
    found = hashlib.sha256()
    for name, value in sorted(network.state_dict().items()):
        found.update(name.encode() + value.cpu().contiguous().numpy().tobytes())
    return found.hexdigest()


def identity_bytes(identity: dict[str, Any]) -> bytes:
    return json.dumps(identity, indent=2, sort_keys=True).encode() + b"\n"


def drop_other_run(folder: Path, identity: dict[str, Any]) -> None:
    """Empty the folder where its checkpoint cannot be gone on from: of other settings or other data, or damaged.

    The folder is the grid's own. ``identity.json`` in it tells what it belongs to.
    """
    wanted = identity_bytes(identity)
    path, checkpoint = folder / "identity.json", folder / "checkpoint.pt"
    reason = None
    if checkpoint.exists():
        if not path.exists() or path.read_bytes() != wanted:
            reason = "it belongs to other settings or other data"
        else:
            try:
                load_checkpoint(checkpoint)
            except CheckpointError as error:
                reason = str(error)
    if reason:
        print(f"{checkpoint}: dropped, the run starts anew: {reason}", file=sys.stderr)
        shutil.rmtree(folder)
    folder.mkdir(parents=True, exist_ok=True)
    write_whole(path, wanted)


def training_seconds(folder: Path) -> dict[str, float | int]:
    """Seconds of training by the log, over all parts of a run that was stopped, and the number of parts.

    The log's seconds count from the start of each process: where they fall, a new part begins. Of a part that was
    killed, what came after its last checkpoint does not count: it was done again.
    """
    seconds = [float(row["seconds"]) for row in read_csv(folder / "log.csv")]
    ends = [now for now, following in zip(seconds, [*seconds[1:], 0.0], strict=True) if following < now]
    return {"training": round(sum(ends), 2), "parts": len(ends)}


@contextmanager
def sole_owner(folder: Path):
    """Context manager: no other process works on this run meanwhile (where the system has file locks: not on Windows).

    Raises:
        ConfigError: another one does, and goes on doing so.
    """
    try:
        import fcntl
    except ImportError:
        yield
        return
    path = folder.with_name(folder.name + ".lock")
    path.parent.mkdir(parents=True, exist_ok=True)
    with open(path, "w") as file:
        deadline = time.monotonic() + LOCK_SECONDS
        while True:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except OSError:
                if time.monotonic() > deadline:
                    raise ConfigError(f"{folder}: another grid is at work on this run; let it finish") from None
                time.sleep(0.2)
        yield


def from_dict(cls: type, values: dict[str, Any]) -> Any:
    """A configuration from plain values, the inverse of :func:`acflib.engine.checkpoints.config_as_dict`.

    Raises:
        ConfigError: a value cannot work.
    """
    hints = typing.get_type_hints(cls)
    found = {}
    for name, value in values.items():
        if dataclasses.is_dataclass(hints[name]):
            value = from_dict(hints[name], value)
        found[name] = tuple(value) if isinstance(value, list) else value
    return cls(**found)


if __name__ == "__main__":
    sys.exit(main())
