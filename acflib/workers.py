"""The processes that load data."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager

from torch.utils.data import DataLoader


@contextmanager
def ended_with(loader: DataLoader) -> Iterator[None]:
    """Context manager: the loader's processes end with it, also where an error ends it.

    An error keeps the loader alive for as long as someone keeps its traceback (pytest, a notebook). At the end of
    Python the processes would still be there, and as they leave signals to the main process
    (:func:`ignore_interrupts`), Python would wait for them for ever.

    Args:
        loader: with persistent workers, or none.
    """
    try:
        yield
    finally:
        processes = getattr(loader, "_iterator", None)  # torch has no public way to end persistent workers
        if processes is not None:
            processes._shutdown_workers()


def ignore_interrupts(_: int) -> None:
    """For loader processes: a signal to the whole group reaches them too, but only the main process may decide.

    They end when the main process dies or tells them to; see :func:`ended_with`.
    """
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
