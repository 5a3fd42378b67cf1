"""Training on several machines: what a process says and does when another one is gone.

A killed process closes its connections, and the others get an error in their next sum. A cable that is pulled closes
nothing: they would wait in that sum for half an hour. So each process says every few seconds that it is alive, in the
store that torchrun keeps for all, and ends when it has not heard another for 20 seconds. A slow process, as one that
evaluates or reads from a busy disk, goes on saying so.
"""

import json
import os
import platform
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta

import torch.distributed as dist

from acflib import distributed
from acflib.engine.stopping import add_last_words
from acflib.errors import AcflibError, ContactError

INTERVAL = 2.0  # seconds between two signs of life
MISSED = 10  # of them in a row, and a process is given up
GOODBYE = "done"  # the last sign of one that ends in good order, perhaps before the others
GIVEN_UP = 2  # exit status, as after any other error that can be mended


@contextmanager
def in_contact() -> Iterator[None]:
    """Context manager: whatever the processes do together in here ends, with a clear error, where one of them is gone.

    Between processes of one machine nothing is watched: torchrun ends all when one of them dies.

    Raises:
        ContactError: another process closed its connections. One that falls silent instead ends this process, for the
            sum in which it waits cannot be interrupted: status 2, after the same message on stderr.
    """
    with clear_contact_errors():
        if distributed.world_size() == distributed.local_world_size():
            yield
            return
        watch = Watch(open_store(), distributed.rank(), distributed.world_size())
        watch.start()
        try:
            yield
            watch.say_goodbye()
        finally:  # after an error the others hear no goodbye
            watch.over.set()


@contextmanager
def clear_contact_errors() -> Iterator[None]:
    """Context manager: what torch raises where another process is gone comes out as a ContactError."""
    try:
        yield
    except RuntimeError as error:
        gone = isinstance(error, dist.DistError) or "gloo/" in str(error)  # gloo's errors name its source files
        if distributed.world_size() == 1 or isinstance(error, AcflibError) or not gone:
            raise
        first_line = str(error).strip().splitlines()[0]
        raise ContactError(f"another process of this run has ended, see its own message ({first_line})") from None


def open_store() -> dist.Store:
    """A connection of its own to the store with which torchrun brought the processes together."""
    address, port = os.environ["MASTER_ADDR"], int(os.environ["MASTER_PORT"])
    store = dist.TCPStore(address, port, is_master=False, timeout=timedelta(seconds=INTERVAL * MISSED))
    start = os.environ.get("TORCHELASTIC_RESTART_COUNT", "0")
    return dist.PrefixStore(f"acflib/{os.environ.get('TORCHELASTIC_RUN_ID', '')}/{start}", store)


class Watch:
    """Two threads: one tells the store that this process is alive and asks for the others, one counts who is silent.

    The first may be stuck in the store when the network is gone; the second never is.

    Args:
        store: of all processes.
        rank, world_size: of this process, and how many there are.
        interval: seconds between two looks.
        missed: looks without a new sign of a process, after which it is given up.
    """

    def __init__(self, store: dist.Store, rank: int, world_size: int, interval: float = INTERVAL, missed: int = MISSED):
        self.store, self.rank, self.ranks = store, rank, range(world_size)
        self.interval, self.missed = interval, missed
        self.over = threading.Event()
        self.heard = [""] * world_size  # the last sign of each
        self.looks = 0  # how often it was counted

    def start(self) -> None:
        """Begin; every process must."""
        self._say("0")
        self.threads = [threading.Thread(target=run, daemon=True) for run in (self._talk, self._listen)]
        for thread in self.threads:
            thread.start()

    def say_goodbye(self) -> None:
        """End in good order: the others are told that this process will be silent."""
        self.over.set()
        self.threads[0].join()
        with suppress(RuntimeError):  # the first process may have ended by now, and its store with it
            self._say(GOODBYE)

    def _say(self, sign: str) -> None:
        self.store.set(str(self.rank), json.dumps({"machine": platform.node(), "sign": sign}))

    def _talk(self) -> None:
        count = 0
        while not self.over.wait(self.interval):
            count += 1
            try:
                self._say(str(count))
                self.heard = [sign.decode() for sign in self.store.multi_get([str(rank) for rank in self.ranks])]
            except RuntimeError:
                continue  # the store does not answer: nobody is heard

    def _listen(self) -> None:
        before, silent = self.heard, [0] * len(self.heard)
        while not self.over.wait(self.interval):
            now = self.heard
            signs = zip(before, now, silent, strict=True)
            silent = [n + 1 if a == b and not has_ended(b) else 0 for a, b, n in signs]
            before, self.looks = now, self.looks + 1
            gone = [rank for rank in self.ranks if rank != self.rank and silent[rank] >= self.missed]
            if gone:
                give_up(gone, now, self.interval * self.missed)


def has_ended(sign: str) -> bool:
    """Whether this is the last sign of a process that ended in good order; "" is none yet."""
    return bool(sign) and json.loads(sign)["sign"] == GOODBYE


def give_up(gone: list[int], signs: list[str], seconds: float) -> None:
    """Say which processes are silent, also where torchrun will look, and end this one."""
    machines = {rank: json.loads(signs[rank])["machine"] if signs[rank] else "an unknown machine" for rank in gone}
    who = ", ".join(f"process {rank} on {machine}" for rank, machine in machines.items())
    text = (
        f"nothing was heard of {who} for {seconds:.0f} seconds: that machine is off, its process is stopped, or the "
        f"network between it and {platform.node()} is gone. This process ends"
    )
    print(f"\nacflib: {text}", file=sys.stderr, flush=True)
    add_last_words(text)
    os._exit(GIVEN_UP)
