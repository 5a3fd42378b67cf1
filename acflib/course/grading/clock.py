"""When a cell has run too long: by the processor time of its kernel, so that a busy machine costs nobody points."""

import time
from collections.abc import Callable

SLOW = "ran longer than"
PATIENCE = 10  # times the limit, on the clock: for a cell that waits or sleeps, and uses no processor


class Clock:
    """Counts from now on.

    Args:
        limit: seconds of the processor. A cell of many threads uses several in one second of the clock, so as many
            seconds must be over on the clock, too.
        used: gives the seconds of the processor that were used; None where the platform does not say. Then those on the
            clock count.
        now: gives the seconds on the clock.
    """

    def __init__(
        self, limit: float, used: Callable[[], float | None], now: Callable[[], float] = time.monotonic
    ) -> None:
        self._limit, self._used, self._now = limit, used, now
        self._begun, self._used_before = now(), used()

    def over(self) -> str | None:
        """Why the cell must be broken off, such as "ran longer than 120 seconds"; None where it may go on."""
        on_the_clock = self._now() - self._begun
        if on_the_clock <= self._limit:
            return None
        used = self._used()
        if used is None or self._used_before is None:
            return f"{SLOW} {self._limit:g} seconds on the clock"
        if used - self._used_before > self._limit:
            return f"{SLOW} {self._limit:g} seconds"
        patience = PATIENCE * self._limit
        return f"{SLOW} {patience:g} seconds on the clock" if on_the_clock > patience else None


def processor_seconds(process: int) -> float | None:
    """Seconds of the processor that a process and its children have used; None where that cannot be told."""
    try:
        import psutil  # ipykernel needs it, too

        kernel = psutil.Process(process)
        times = [kernel.cpu_times(), *(child.cpu_times() for child in kernel.children(recursive=True))]
    except Exception:  # it is missing, or the process has ended
        return None
    return sum(one.user + one.system for one in times)
