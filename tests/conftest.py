"""Fixtures for all tests."""

import pytest
import torch

from acflib.datasets.streets import write_streets


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
