"""Fixtures for all tests. They import torch where they need it: the first process of pytest runs no test."""

import gc
import signal
import subprocess
import sys

import pytest

from tests.warm import LAUNCHER, Stove, WarmPopen, is_installed

# A shell that starts the tests in the background lets them ignore Ctrl-C, nohup a closed terminal; so do all processes
# that they start.
for name, handler in (("SIGINT", signal.default_int_handler), ("SIGHUP", signal.SIG_DFL)):
    number = getattr(signal, name, None)  # Windows has no SIGHUP
    if number is not None and signal.getsignal(number) is signal.SIG_IGN:
        signal.signal(number, handler)


def pytest_collection_finish():
    """What importing and collecting have made stays to the end: the garbage collector need not look at it each time."""
    gc.collect()
    gc.freeze()


@pytest.fixture(autouse=True)
def fixed_seed():
    """Every test starts from the same random numbers, whichever ran before it."""
    import torch

    torch.manual_seed(0)


@pytest.fixture(scope="session")
def streets(tmp_path_factory):
    """A small Streets folder: 64x32 pixels, 12 / 5 / 2 scenes. Read only."""
    from acflib.datasets.streets import write_streets

    root = tmp_path_factory.mktemp("data") / "streets"
    write_streets(root, width=64, height=32, train=12, val=5, test=2, seed=0, progress=False)
    return root


@pytest.fixture(scope="session")
def stove():
    """A process with torch loaded, to fork from; None where nothing is forked."""
    found = Stove() if sys.platform == "linux" else None
    yield found
    if found:
        found.close()


@pytest.fixture(scope="module")
def warm_python(stove):
    """Commands and kernels of this Python begin at once: see ``tests/warm.py``."""
    with pytest.MonkeyPatch.context() as patch:
        if stove:
            patch.setattr(WarmPopen, "stove", stove)
            patch.setattr(subprocess, "Popen", WarmPopen)
            if is_installed(LAUNCHER):
                patch.setattr(f"{LAUNCHER}.Popen", WarmPopen)
        yield
