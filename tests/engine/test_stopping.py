"""Signals: who hears which, in the foreground and started by a script in the background, where SIGINT is ignored."""

import os
import signal
import time

import pytest
import torch

from acflib.engine import stopping
from acflib.engine.stopping import SIGNALS, StopRequest, terminated_as_interrupted

pytestmark = pytest.mark.skipif(os.name == "nt", reason="os.kill ends the process on Windows")


@pytest.fixture(autouse=True)
def background():
    """SIGINT is ignored, as a shell sets it for a command that a script starts with &; SIGHUP not, even under nohup."""
    before = {number: signal.getsignal(number) for number in SIGNALS}
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGHUP, signal.SIG_DFL)
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


def send(number: int) -> None:
    os.kill(os.getpid(), number)
    time.sleep(0.1)  # Python calls handlers between two of its own steps


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_commands_can_be_ended_in_the_background(number):
    with pytest.raises(KeyboardInterrupt), terminated_as_interrupted():
        send(number)
        pytest.fail("the signal was lost")
    assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_training_can_be_stopped_in_the_background(number):
    with StopRequest(torch.device("cpu")) as stop:
        send(number)
        assert stop.requested(all_ranks_ask=True)


@pytest.mark.parametrize("context", [terminated_as_interrupted, lambda: StopRequest(torch.device("cpu"))])
def test_ignored_signals_stay_ignored(context):
    """Ctrl-C in a terminal is not meant for the commands in its background, nor a closed terminal for nohup's."""
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    with context() as stop:
        send(signal.SIGINT)
        send(signal.SIGHUP)
        assert stop is None or not stop.requested(all_ranks_ask=True)
    assert signal.getsignal(signal.SIGINT) is signal.getsignal(signal.SIGHUP) is signal.SIG_IGN


def test_one_wish_may_arrive_twice(monkeypatch):
    """A batch system, and the grid or torchrun: each sends its SIGTERM. The step is finished and saved all the same."""
    now = 100.0
    monkeypatch.setattr(stopping.time, "monotonic", lambda: now)
    with StopRequest(torch.device("cpu")) as stop:
        send(signal.SIGTERM)
        now = 102.0
        try:
            send(signal.SIGTERM)
        except KeyboardInterrupt:  # would end pytest itself
            pytest.fail("taken for a second wish")
        assert stop.requested(all_ranks_ask=True)
        now = 104.0
        with pytest.raises(KeyboardInterrupt):
            send(signal.SIGTERM)
    assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL
