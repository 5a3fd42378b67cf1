"""Fixtures for all tests."""

import signal

import pytest
import torch

from acflib.datasets.streets import write_streets

# A shell that starts the tests in the background lets them ignore Ctrl-C, nohup a closed terminal; so do all processes
# that they start.
for name, handler in (("SIGINT", signal.default_int_handler), ("SIGHUP", signal.SIG_DFL)):
    number = getattr(signal, name, None)  # Windows has no SIGHUP
    if number is not None and signal.getsignal(number) is signal.SIG_IGN:
        signal.signal(number, handler)


@pytest.fixture(autouse=True)
def fixed_seed():
    """Every test starts from the same random numbers, whichever ran before it."""
    torch.manual_seed(0)


@pytest.fixture(scope="session")
def streets(tmp_path_factory):
    """A small Streets folder: 64x32 pixels, 12 / 5 / 2 scenes. Read only."""
    root = tmp_path_factory.mktemp("data") / "streets"
    write_streets(root, width=64, height=32, train=12, val=5, test=2, seed=0, progress=False)
    return root
