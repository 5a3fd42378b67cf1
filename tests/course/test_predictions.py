"""Predictions: what is printed, and what is refused."""

import pytest

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


@pytest.mark.parametrize("given, found, kind", [(3, "more", "a word"), ("more", 3.0, "a number")])
def test_word_for_a_number_is_refused(given, found, kind):
    with pytest.raises(TypeError, match=f"{kind} is asked for, your prediction is"):
        checks.prediction(given, found)
