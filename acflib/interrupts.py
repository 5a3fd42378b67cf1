"""Ctrl-C and termination signals: finish the current step, save, then stop."""

import signal
import threading

import torch

from acflib import distributed


class StopRequest:
    """Context manager that turns the first SIGINT or SIGTERM into a polite request; a second one stops at once.

    Outside the main thread (where Python allows no signal handlers) it does nothing.
    """

    def __init__(self, device: torch.device):
        self.device = device
        self.asked = False
        self.old: dict = {}

    def __enter__(self):
        if threading.current_thread() is threading.main_thread():
            for number in (signal.SIGINT, signal.SIGTERM):
                self.old[number] = signal.signal(number, self._ask)
        return self

    def __exit__(self, *_):
        self._restore()

    def requested(self, all_ranks_ask: bool) -> bool:
        """Whether to stop now. Several processes decide together, and only where ``all_ranks_ask`` is true for all."""
        if distributed.world_size() == 1:
            return self.asked
        return all_ranks_ask and distributed.any_rank(self.asked, self.device)

    def _ask(self, *_):
        self.asked = True
        self._restore()

    def _restore(self):
        for number, handler in self.old.items():
            signal.signal(number, handler)
        self.old = {}
