"""Predictions: what is printed, and what is refused."""

import math

import numpy as np
import pytest
import torch

from acflib.course import checks


@pytest.mark.parametrize(
    "given, found, digits, expected",
    [
        (None, 51.732, 1, "Measured: 51.7. You have not predicted anything"),
        (40, 51.732, 0, "You predicted 40, measured is 52: 12 apart."),
        (0.5, 0.25, 2, "You predicted 0.50, measured is 0.25: 0.25 apart."),
        ("Fewer ", "fewer", 0, "You predicted: Fewer . Measured: fewer.\n"),
        ("more", "fewer", 0, "Find the reason before you read on."),
    ],
)
def test_both_values_stand_side_by_side(capsys, given, found, digits, expected):
    checks.prediction(given, found, digits)
    assert expected in capsys.readouterr().out


@pytest.mark.parametrize(
    "given, found, span, expected",
    [
        (3, "more", None, "A word in quotes is asked for, your prediction is 3."),
        ("more", 3.0, None, "A number is asked for, your prediction is 'more'. Write it without quotes."),
        (
            "86",
            86.0,
            (0, 100),
            "A number from 0 to 100 is asked for, your prediction is '86'. Write it without quotes.",
        ),
        ([86], 86.0, None, "A number is asked for, your prediction is [86]."),
        (torch.ones(2), 1.0, None, "A number is asked for, your prediction is tensor([1., 1.])."),
        (True, 1.0, None, "A number is asked for, your prediction is True."),
        (math.nan, 86.0, None, "A number is asked for, your prediction is nan."),
        (math.inf, 86.0, (0, 100), "A number from 0 to 100 is asked for, your prediction is inf."),
        (200, 86.0, (0, 100), "A number from 0 to 100 is asked for, your prediction is 200."),
        (-3, 86.0, (0, 100), "A number from 0 to 100 is asked for, your prediction is -3."),
        (2, 0.75, (0, 1), "A number from 0 to 1 is asked for, your prediction is 2."),
        (0.86, 86.0, None, "You predicted 0.86. Is that a share? The answer is in percent: write 86."),
        (0.2, 11.0, (0, 100), "You predicted 0.2. Is that a share? The answer is in percent: write 20."),
    ],
)
def test_what_is_no_prediction_is_said_in_one_line(capsys, given, found, span, expected):
    """Without the measured value, so that another guess is still one."""
    checks.prediction(given, found, span=span)
    said = capsys.readouterr().out
    assert said.startswith(expected) and said.count("\n") == 1
    assert "measured" not in said


@pytest.mark.parametrize(
    "given, found, digits, span",
    [
        (0.5, 0.75, 2, (0, 1)),
        (0.5, 8.5, 1, None),
        (0, 0.0, 0, None),
        (0.5, 487.0, 0, None),
        (0.5, 11.0, 0, (0, 100)),
        (1, 11.0, 0, (0, 100)),
    ],
)
def test_a_share_is_asked_about_only_beside_a_percentage(capsys, given, found, digits, span):
    checks.prediction(given, found, digits, span)
    assert "apart." in capsys.readouterr().out


@pytest.mark.parametrize("given", [40, 40.0, np.float32(40), np.int64(40), torch.tensor(40)])
def test_every_kind_of_number_is_one(capsys, given):
    checks.prediction(given, 50.0, span=(0, 100))
    assert capsys.readouterr().out == "You predicted 40, measured is 50: 10 apart.\n"
