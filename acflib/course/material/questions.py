"""What the quizzes are made of: a question, and how numbers are drawn and put into words."""

import random
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal


@dataclass(frozen=True)
class Question:
    """One question.

    Attributes:
        text: what is asked.
        answer: a number, or one of the choices.
        digits: of a number, after the point; 0 for a whole number.
        choices: of a multiple choice question, mixed; empty where a number is asked for.
        wrong: usual mistake -> the number that it gives.
    """

    text: str
    answer: float | str
    digits: int = 0
    choices: tuple[str, ...] = ()
    wrong: tuple[tuple[str, float], ...] = ()

    @property
    def shown(self) -> str:
        """The answer as the key has it."""
        if isinstance(self.answer, str):
            return self.answer
        exact = Decimal(f"{self.answer + 0.0:.10f}")  # 0.825 is 0.824999... in a computer, but not on paper
        return str(exact.quantize(Decimal(1).scaleb(-self.digits), ROUND_HALF_UP) + 0)

    @property
    def tolerance(self) -> float:
        """How far a number may be from ``shown``: one in the last digit, nothing for a whole number."""
        return 10.0**-self.digits if self.digits else 0.0

    @property
    def accepted_mistakes(self) -> list[str]:
        """Usual mistakes whose numbers, rounded, may be taken for the answer: with these numbers nothing is asked."""
        assert not self.wrong or not isinstance(self.answer, str)
        margin = 2 * self.tolerance + 1e-9  # both are rounded
        return [mistake for mistake, found in self.wrong if abs(found - float(self.answer)) <= margin]


def number(text: str, answer: float, digits: int = 2, **wrong: float) -> Question:
    """A question for a number. ``digits`` = 0: a whole one; ``wrong``: what usual mistakes give."""
    rounding = f" (Round to {digits} {'digit' if digits == 1 else 'digits'} after the point.)" if digits else ""
    return Question(text + rounding, answer, digits, wrong=tuple(wrong.items()))


def choice(draw: random.Random, text: str, right: str, wrong: Iterable[str]) -> Question:
    """A multiple choice question; what is wrong may hold the right answer and repeat itself."""
    choices = sorted({right, *wrong})
    draw.shuffle(choices)
    return Question(text, right, choices=tuple(choices))


def several(draw: random.Random, count: int, low: int, high: int) -> list[int]:
    """Whole numbers from low to high."""
    return [draw.randint(low, high) for _ in range(count)]


def distinct(draw: random.Random, count: int, low: int, high: int) -> list[int]:
    """Different whole numbers from low to high."""
    return draw.sample(range(low, high + 1), count)


def shares(draw: random.Random, count: int) -> list[float]:
    """Probabilities in tenths, none 0, that sum to 1."""
    cuts = sorted(draw.sample(range(1, 10), count - 1))
    return [round((b - a) / 10, 1) for a, b in zip([0, *cuts], [*cuts, 10], strict=True)]


def listed(values: Sequence[object]) -> str:
    """ "3, 1 and 4"."""
    words = [str(value) for value in values]
    return " and ".join([", ".join(words[:-1]), words[-1]]) if len(words) > 1 else words[0]
