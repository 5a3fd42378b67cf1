"""Fixtures for all tests."""

import signal

import pytest
import torch

from acflib.datasets.streets import write_streets

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    # A shell that starts the tests in the background lets them ignore Ctrl-C, and so all processes that they start.
    signal.signal(signal.SIGINT, signal.default_int_handler)


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
