"""Several notebooks graded at once: each in a thread that waits for a kernel of its own."""

import threading
from collections.abc import Callable, Generator, Sequence
from concurrent.futures import FIRST_COMPLETED, ThreadPoolExecutor, wait
from pathlib import Path
from typing import Any

from acflib.engine.machine import usable_cores
from acflib.errors import ConfigError


class Kernels:
    """The sessions that run now, so that whoever stops the grader can end them all.

    Attributes:
        threads: that torch may use in each kernel; None leaves it to torch.
        stopped: no other session may begin.
    """

    def __init__(self, threads: int | None = None) -> None:
        self.threads, self.stopped = threads, False
        self._sessions: set[Any] = set()
        self._lock = threading.Lock()

    def add(self, session: Any) -> None:
        """Count a session in, or end its kernel where all were told to stop."""
        with self._lock:
            self._sessions.add(session)
            if self.stopped:
                session.kill()

    def discard(self, session: Any) -> None:
        with self._lock:
            self._sessions.discard(session)

    def stop(self) -> None:
        """End all kernels, from any thread."""
        with self._lock:
            self.stopped = True
            for session in self._sessions:
                session.kill()


def each_as_it_ends(
    grade: Callable[[Path, Kernels], Any], paths: Sequence[Path], jobs: int
) -> Generator[tuple[int, Any], None, None]:
    """Grade notebooks, ``jobs`` at a time: the place of a notebook and what was found, in the order in which they end.

    Whoever breaks off, or is interrupted, leaves no kernel behind.

    Raises:
        ConfigError: nothing can be graded. Notebooks that were begun before are given first.
    """
    kernels = Kernels(max(1, usable_cores() // jobs) if jobs > 1 else None)
    fault: ConfigError | None = None
    with ThreadPoolExecutor(jobs) as pool:
        places = {pool.submit(grade, path, kernels): place for place, path in enumerate(paths)}
        waiting = set(places)
        try:
            while waiting:
                # A timeout: else Ctrl-C waits on Windows until a notebook is done.
                done, waiting = wait(waiting, 0.5, FIRST_COMPLETED)
                for future in sorted(done, key=places.__getitem__):
                    if isinstance(error := future.exception(), ConfigError):
                        fault = fault or error
                        waiting = {other for other in waiting if not other.cancel()}
                    else:
                        yield places[future], future.result()
        finally:
            for future in waiting:
                future.cancel()
            if waiting:
                kernels.stop()
    if fault:
        raise fault
