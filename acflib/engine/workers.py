"""The processes that load data: how they start, how they end, and what is said where they cannot do their work."""

import multiprocessing.queues
import os
import shutil
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from torch import Tensor
from torch.utils.data import DataLoader, default_collate, get_worker_info

from acflib.errors import AcflibError, LoaderError

SHARED_MEMORY = Path("/dev/shm")
MEND = (
    "in a container, start it with more, such as --shm-size=8g (Docker, Podman; under Kubernetes an emptyDir of medium "
    "Memory at /dev/shm), or load in the main process: --workers 0"
)


@contextmanager
def ended_with(loader: DataLoader) -> Iterator[None]:
    """Context manager: the loader's processes end with it, also where an error ends it.

    An error keeps the loader alive for as long as someone keeps its traceback (pytest, a notebook). At the end of
    Python the processes would still be there, and as they leave signals to the main process
    (:func:`ignore_interrupts`), Python would wait for them for ever.

    Args:
        loader: with persistent workers, or none.

    Raises:
        LoaderError: one of them was killed. torch raises that in the main thread, wherever it is at that moment.
    """
    try:
        yield
    except RuntimeError as error:
        if isinstance(error, AcflibError) or "DataLoader worker" not in str(error):
            raise
        raise LoaderError(lost_process(str(error))) from None
    finally:
        iterator = getattr(loader, "_iterator", None)  # torch has no public way to end persistent workers
        if iterator is not None:
            processes = list(getattr(iterator, "_workers", []))
            iterator._shutdown_workers()
            for process in processes:
                if process.is_alive():  # stuck, in a read from a dead disk for example; torch only sent it a SIGTERM
                    process.kill()


def clear_errors(loader: DataLoader) -> Iterator:
    """Iterate over a loader; an error of its processes comes out with its own message, without a traceback in it.

    Raises:
        LoaderError: the processes cannot start.
        AcflibError: what a process raised.
    """
    try:
        if loader.num_workers:
            loader.multiprocessing_context.Lock() if loader.multiprocessing_context else multiprocessing.Lock()
        iterator = iter(loader)
    except OSError as error:  # no semaphores where /dev/shm is full or cannot be written, no more processes, no memory
        raise LoaderError(f"the processes that load data cannot start ({error}); {MEND}") from error
    try:
        yield from iterator
    except AcflibError as error:  # torch puts the process's traceback into the message
        last_line = str(error).strip().splitlines()[-1]
        raise type(error)(last_line.removeprefix(f"{type(error).__module__}.{type(error).__name__}: ")) from None


def shared_batch(items: list, collate: Callable[[list], list[Tensor] | tuple[Tensor, ...]] = default_collate):
    """``collate(items)``; in a loader process its tensors lie in shared memory, where the main process reads them.

    torch moves them there later, in a thread whose errors nobody sees: the batch is dropped, and the main process
    waits for it for ever. Moved here, an error reaches the main process.

    Raises:
        LoaderError: no room in shared memory, or too many open files.
    """
    in_process = get_worker_info() is not None
    try:
        batch = collate(items)
        for tensor in batch if in_process else ():
            tensor.share_memory_()
        return batch
    except (RuntimeError, OSError) as error:
        if not in_process or isinstance(error, AcflibError) or "shared memory" not in str(error):
            raise
        raise LoaderError(no_room(str(error))) from None


def ignore_interrupts(_: int) -> None:
    """For loader processes, at their start: only the main process decides, and what cannot be sent to it ends them.

    A signal to the whole group reaches them too, but they end when the main process dies or tells them to; see
    :func:`ended_with`. A batch that cannot be sent would be dropped, and the main process would wait for it for ever;
    the end of a process it notices.
    """
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    # Its stub leaves private names out.
    multiprocessing.queues.Queue._on_queue_feeder_error = staticmethod(_end_process)  # type: ignore[attr-defined]


def _end_process(error: Exception, _) -> None:
    os.write(2, f"acflib: a batch cannot be sent to the main process: {type(error).__name__}: {error}\n".encode())
    os._exit(1)


def no_room(reason: str) -> str:
    """What to say where shared memory gave an error; ``reason`` is torch's message."""
    if "Too many open files" in reason:
        return f"too many open files ({reason}); raise the limit (ulimit -n 4096), or load with --workers 0"
    return f"no room in shared memory{_size()} for a batch ({reason}); {MEND}"


def lost_process(reason: str) -> str:
    """What to say where a loader process has ended; ``reason`` is torch's message."""
    reason = reason.strip().splitlines()[0].partition(". ")[0].rstrip(". ")
    if "Bus error" in reason:
        return no_room(reason)
    return (
        f"a process that loads data is gone: {reason}. Killed ones often took too much memory: pass fewer --workers, "
        f"or --workers 0. If shared memory{_size()} is full: {MEND}. A training run goes on with --resume"
    )


def _size() -> str:
    try:
        return f" ({SHARED_MEMORY} has {shutil.disk_usage(SHARED_MEMORY).total / 2**20:,.0f} MiB)"
    except OSError:
        return ""
