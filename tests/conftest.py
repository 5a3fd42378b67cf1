"""Fixtures for all tests."""

import pytest
import torch


@pytest.fixture(autouse=True)
def fixed_seed():
    """Every test starts from the same random numbers, whichever ran before it."""
    torch.manual_seed(0)
