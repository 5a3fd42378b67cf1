"""How a run ends before its end: Ctrl-C and termination signals, and what torchrun prints when a process dies.

A training run finishes its step, saves, then stops; all else cleans up and stops.
"""

import json
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import torch

from acflib import distributed

# A terminal that is closed sends SIGHUP (which Windows does not know).
SIGNALS = tuple(getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name))
SAME_SECONDS = 3.0


class StopRequest:
    """Context manager that turns the first SIGINT, SIGTERM or SIGHUP into a polite request; a later one stops at once.

    Signals within three seconds are one request: a terminal, a batch system and torchrun each send theirs to a process
    and to what it has started, so that the same wish arrives twice.

    Outside the main thread (where Python allows no signal handlers) it does nothing. See :func:`handled` for the
    signals that stay ignored.
    """

    def __init__(self, device: torch.device):
        self.device = device
        self.asked = False
        self.asked_at = 0.0

    def __enter__(self):
        self.handlers = handled(self._ask)
        self.handlers.__enter__()
        return self

    def __exit__(self, *found):
        self.handlers.__exit__(*found)

    def requested(self, all_ranks_ask: bool) -> bool:
        """Whether to stop now. Several processes decide together, and only where ``all_ranks_ask`` is true for all."""
        if distributed.world_size() == 1:
            return self.asked
        return all_ranks_ask and distributed.any_rank(self.asked, self.device)

    def _ask(self, number: int, frame) -> None:
        now = time.monotonic()
        if self.asked and now - self.asked_at > SAME_SECONDS:
            _stop_at_once(number, frame)
        if not self.asked:
            self.asked, self.asked_at = True, now


@contextmanager
def terminated_as_interrupted() -> Iterator[None]:
    """Context manager: SIGTERM and SIGHUP raise KeyboardInterrupt, as Ctrl-C does, so that what was started is ended.

    A second SIGTERM ends this process on the spot, whatever it is doing.
    """
    with handled(_stop_at_once):
        yield


@contextmanager
def handled(handler: Callable) -> Iterator[None]:
    """Context manager: SIGINT, SIGTERM and SIGHUP call ``handler``; afterwards they do what they did before.

    A script that starts a command in the background lets it ignore SIGINT, nohup lets it ignore SIGHUP: both stay
    ignored. SIGTERM is always heard. Outside the main thread nothing is changed.
    """
    old = {}
    if threading.current_thread() is threading.main_thread():
        for number in SIGNALS:
            if number == signal.SIGTERM or signal.getsignal(number) is not signal.SIG_IGN:
                old[number] = signal.signal(number, handler)
    try:
        yield
    finally:
        for number, before in old.items():
            signal.signal(number, signal.SIG_DFL if before is None else before)


def _stop_at_once(number: int, _) -> None:
    if number != signal.SIGINT:
        signal.signal(number, signal.SIG_DFL)
    raise KeyboardInterrupt


@contextmanager
def last_words(hint: str) -> Iterator[None]:
    """Context manager: if this process dies inside, by an error or by kill -9, torchrun prints the error and ``hint``.

    torchrun gives each process the name of a file, TORCHELASTIC_ERROR_FILE, and prints what is in it once the process
    has failed. A killed process can write nothing any more, so the hint is written at the start. Without torchrun
    nothing is written.
    """
    _write_error(hint)
    try:
        yield
    except Exception as error:
        add_last_words(f"{type(error).__name__}: {error}")
        raise


def add_last_words(text: str) -> None:
    """Put a text before what torchrun would print of this process by now; see :func:`last_words`."""
    path = os.environ.get("TORCHELASTIC_ERROR_FILE")
    if path:
        old = json.loads(Path(path).read_text())["message"]["message"] if Path(path).exists() else ""
        _write_error(f"{text}\n{old}".rstrip())


def _write_error(text: str) -> None:
    path = os.environ.get("TORCHELASTIC_ERROR_FILE")
    if path:
        # The form that torch.distributed.elastic writes itself; what it prints is the "py_callstack".
        extra = {"py_callstack": text, "timestamp": str(int(time.time()))}
        Path(path).write_text(json.dumps({"message": {"message": text, "extraInfo": extra}}))
