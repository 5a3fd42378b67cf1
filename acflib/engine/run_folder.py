"""The folder of a training run: one process at a time writes there, and a resumed run is the one that was stopped."""

import errno
import json
import os
import platform
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

import torch

from acflib import distributed
from acflib.datasets.base import SegmentationDataset
from acflib.engine.checkpoints import check_same_config, config_as_dict, load_checkpoint
from acflib.engine.config import MAY_CHANGE, TrainConfig
from acflib.engine.devices import pick_precision
from acflib.engine.files import remove_leftovers, write_whole
from acflib.errors import CheckpointError, ConfigError, TrainingError
from acflib.layers.bases import with_field

LOCK = "run.lock"
FAR = 1 << 30  # Windows locks bytes against reading too: one that no note reaches
_held: set[Path] = set()  # a process is not kept out by a lock of its own
_guard = threading.Lock()


@contextmanager
def sole_run(folder: Path, device: torch.device) -> Iterator[None]:
    """Context manager: the folder is made and no other run writes into it meanwhile; the first process holds the lock.

    What a killed run left half written is removed.

    Raises:
        ConfigError: another process is at work there, or the folder cannot be written. On every process.
    """
    problem = None
    with ExitStack() as stack:
        if distributed.rank() == 0:
            try:
                folder.mkdir(parents=True, exist_ok=True)
                stack.enter_context(locked(folder / LOCK))
                remove_leftovers(folder, seconds=0)
            except OSError as error:
                problem = ConfigError(f"out={folder}: cannot write there ({error}); pass another --out")
            except ConfigError as error:
                problem = error
        if distributed.any_rank(problem is not None, device):
            raise problem or ConfigError(f"out={folder}: the first process cannot use it; see its message")
        yield


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Context manager: this process alone holds the lock file ``path``, in which it says who it is.

    The system drops the lock when the process dies, so what a killed one left keeps nobody out. On a disk that has no
    locks, the process named in the file is looked for instead, which works on one machine only.

    Raises:
        ConfigError: another process holds it; the message names that process.
        OSError: the file cannot be made.
    """
    with _guard:
        key = path.resolve()
        if key in _held:
            raise ConfigError(_at_work(path, f"this process, {os.getpid()},"))
        file = _open_locked(path)
        _held.add(key)
    try:
        yield
    finally:
        with _guard:
            _held.discard(key)
            with suppress(OSError):
                os.ftruncate(file, 0)
                os.unlink(path)  # fails on Windows, where an empty file stays
            os.close(file)


def _open_locked(path: Path) -> int:
    """A descriptor of the file, locked and with this process's note in it."""
    while True:
        file = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
        try:
            _lock(file, path)
            with suppress(FileNotFoundError):
                if os.path.samestat(os.fstat(file), os.stat(path)):
                    break
        except BaseException:
            os.close(file)
            raise
        os.close(file)  # its owner has just removed it: what is locked is a file that nobody else will find
    note = {"process": os.getpid(), "machine": platform.node(), "since": time.strftime("%Y-%m-%d %H:%M:%S %z")}
    os.lseek(file, 0, os.SEEK_SET)
    os.ftruncate(file, 0)
    os.write(file, json.dumps(note).encode())
    return file


def _lock(file: int, path: Path) -> None:
    """Lock a file, or raise ConfigError where another process has."""
    note = _read_note(file)
    who = "process {process} on {machine} (since {since})".format(**note) if note else "another process"
    taken = _is_taken(file)
    if taken is None:  # no locks on this disk
        taken = note is not None and note["machine"] == platform.node() and _is_alive(note["process"])
    if taken:
        raise ConfigError(_at_work(path, who))
    if note and note["machine"] != platform.node():
        # Killed, or locks do not reach from machine to machine on this disk: nobody here can tell.
        print(f"acflib: {path}: {who} has not said that it ended; if it still runs, stop this one", file=sys.stderr)


def _is_taken(file: int) -> bool | None:
    """Lock the file; whether another process holds it, None where the disk has no locks."""
    if sys.platform == "win32":
        import msvcrt

        os.lseek(file, FAR, os.SEEK_SET)
        try:
            msvcrt.locking(file, msvcrt.LK_NBLCK, 1)
        except OSError:
            return True
        return False
    import fcntl

    try:
        # lockf, not flock: loader processes would inherit that one, and hold it some seconds after a kill -9.
        fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        return True if error.errno in (errno.EACCES, errno.EAGAIN) else None
    return False


def _read_note(file: int) -> dict | None:
    """What the last owner wrote; None where it ended in good order."""
    os.lseek(file, 0, os.SEEK_SET)
    try:
        note = json.loads(os.read(file, 10_000))
        return {"process": int(note["process"]), "machine": str(note["machine"]), "since": str(note["since"])}
    except (ValueError, KeyError, TypeError):
        return None


def _is_alive(process: int) -> bool:
    """Whether a process of this number runs here; not for Windows, where asking would end it."""
    try:
        os.kill(process, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except PermissionError:  # somebody else's
        return True
    return True


def _at_work(path: Path, who: str) -> str:
    return (
        f"{path.parent}: {who} is at work in this folder. Let it finish, or stop it and go on with --resume; or pass "
        f"another --out. (If that is no training run any more, delete {path}.)"
    )


def prepare_folder(config: TrainConfig, resume: bool, device: torch.device) -> dict | None:
    """Read the checkpoint to resume from, None for a fresh start. Writes nothing.

    Raises:
        CheckpointError: the folder holds a run that is not to be resumed, or one of another configuration; or processes
            (on several machines) found different checkpoints.
    """
    folder, path = Path(config.out), Path(config.out) / "checkpoint.pt"
    checkpoint = None
    if path.exists():
        if not resume:
            raise CheckpointError(f"{folder} already holds a run: pass --resume to go on with it, or another --out")
        checkpoint = load_checkpoint(path)
        unknown = "auto" in (config.precision, checkpoint["config"].get("precision"))
        may_differ = (*MAY_CHANGE, "precision") if unknown else MAY_CHANGE  # see run_precision
        stored = {**checkpoint["config"], "model": with_field(checkpoint["config"]["model"])}
        check_same_config(path, stored, config_as_dict(config), may_differ)
    # All look before one writes. On several machines without a common disk they may find different ones.
    own = torch.tensor(checkpoint["position"] if checkpoint else -1)
    positions = [int(found) for found in distributed.gather(own, device)]
    machines = distributed.machines(device)
    if len(set(positions)) > 1:
        raise CheckpointError(f"{path}: {what_to_copy(folder, positions, machines)}")
    return checkpoint


def what_to_copy(folder: Path, positions: Sequence[int], machines: Sequence[str]) -> str:
    """What to say where the processes found checkpoints of different iterations (-1: none) on their machines' disks."""
    found = [
        f"process {rank} on {machine} " + ("none" if position < 0 else f"that of iteration {position}")
        for rank, (position, machine) in enumerate(zip(positions, machines, strict=True))
    ]
    best = max(positions)
    source = machines[positions.index(best)]
    behind = {machine for machine, position in zip(machines, positions, strict=True) if position < best} - {source}
    return (
        f"the processes found different checkpoints: {', '.join(found)}. Copy the folder {folder} of {source} to "
        f"{' and '.join(sorted(behind)) or 'the others'}, in the place of what is there, and start again; or give "
        "--out a folder that all machines share"
    )


def run_precision(config: TrainConfig, checkpoint: dict | None, device: torch.device) -> str:
    """The precision of a run; "auto" is, when it goes on, what it was in the beginning, on whatever device.

    Raises:
        CheckpointError: the run began in one that this device does not have.
        ConfigError: see :func:`acflib.engine.devices.pick_precision`.
    """
    stored = checkpoint["config"]["precision"] if checkpoint else "auto"
    if stored == "fp16" and device.type != "cuda":
        raise CheckpointError(
            f"{config.out}: this run computes in fp16, which needs a CUDA GPU: go on with it on one, or start a new "
            "run with another --out"
        )
    return pick_precision(stored if config.precision == "auto" else config.precision, device)


def check_same_data(path: Path, checkpoint: dict | None, dataset: SegmentationDataset) -> None:
    """Raise CheckpointError where a run would go on with other data: another number of frames, or other classes.

    The order of the batches depends on the number of frames.
    """
    if checkpoint is None:
        return
    frames = checkpoint["frames"]
    if frames not in (None, len(dataset)):
        raise CheckpointError(
            f"{path}: the run began with {frames} frames, split {dataset.split!r} of {dataset.root} has "
            f"{len(dataset)}: give the same data, or another --out to start a new run"
        )
    if checkpoint["classes"] != list(dataset.classes):
        raise CheckpointError(
            f"{path}: the run began with other classes than {dataset.root} has ({', '.join(checkpoint['classes'])}): "
            "give the same data, or another --out to start a new run"
        )


def write_config(config: TrainConfig) -> None:
    """Write ``config.json``, on the first process.

    Raises:
        ConfigError: the folder cannot be written.
    """
    if distributed.rank() > 0:
        return
    try:
        text = json.dumps(config_as_dict(config), indent=2) + "\n"
        write_whole(Path(config.out) / "config.json", text.encode())
    except TrainingError as error:
        raise ConfigError(f"out={config.out}: cannot write there ({error}); pass another --out") from error
