"""The ground plan of a scene of Streets: how wide the road is, and what stands beside it."""

from dataclasses import dataclass

import numpy as np

from acflib.datasets.labels import ID

ONCOMING = -3.5  # x of the middle of the other lane


@dataclass(frozen=True)
class Plan:
    """The ground plan of a straight street. All x in meters; the camera drives at x = 0.

    Attributes:
        bands: (x of the left edge, label id), from left to right; the first edge is far to the left.
        center_line: x of the dashed line between the two lanes.
        road: (left, right) edge of the road.
        fronts: (left, right) x of the house fronts.
        rails: x of the middle of a tram track, or None.
        dash: where along the street dashes and paving joints begin, in meters.
        crossing: z of the middle of a zebra crossing, or None.
    """

    bands: tuple[tuple[float, int], ...]
    center_line: float
    road: tuple[float, float]
    fronts: tuple[float, float]
    rails: float | None
    dash: float
    crossing: float | None


@dataclass(frozen=True)
class Front:
    """A stretch of building, wall, fence or hedge beside the street, from depth z0 to z1 (meters)."""

    kind: str
    z0: float
    z1: float
    height: float
    phase: float  # shifts windows and bricks, so that no two houses are alike


class Dice:
    """Random numbers, made from the raw bits of the generator: NumPy promises that only those never change."""

    def __init__(self, rng: np.random.Generator) -> None:
        self._bits = rng.bit_generator

    def roll(self) -> float:
        """A number from 0 to 1, 1 excluded."""
        return (self._bits.random_raw() >> 11) * 2.0**-53

    def between(self, low: float, high: float) -> float:
        """A number from low to high."""
        return low + (high - low) * self.roll()

    def chance(self, probability: float) -> bool:
        """True with the given probability."""
        return self.roll() < probability

    def whole(self, low: int, high: int) -> int:
        """A whole number, both limits included."""
        return low + int(self.roll() * (high - low + 1))

    def weighted(self, weights: dict[str, float]) -> str:
        """One of the keys, as likely as its weight says; the weights add up to 1."""
        rest = self.roll()
        for choice, weight in weights.items():
            rest -= weight
            if rest < 0:
                return choice
        return choice

    def pick(self, choices: tuple):
        """One of the choices, all equally likely."""
        return choices[self.whole(0, len(choices) - 1)]


class CrowdedDice(Dice):
    """Dice with which rare things are common: what has a chance p gets that of coming up in one of four tries."""

    def chance(self, probability: float) -> bool:
        """True with the probability 1 - (1 - p)^4."""
        return super().chance(1 - (1 - probability) ** 4)

    def weighted(self, weights: dict[str, float]) -> str:
        """One of the keys, all equally likely."""
        return self.pick(tuple(weights))


def draw_plan(dice: Dice, tram: bool) -> Plan:
    """Draw the widths of road, sidewalks and strips of grass."""
    left, right = -dice.between(5.4, 6.2), dice.between(2.1, 2.6)
    if dice.chance(0.4):
        right += 2.2  # room for parked cars
    if dice.chance(0.4):
        left -= 2.2
    walk_left, walk_right = left - dice.between(1.6, 2.6), right + dice.between(1.6, 2.6)
    strip_left = dice.between(1.0, 3.5) if dice.chance(0.45) else 0.0
    strip_right = dice.between(1.0, 3.5) if dice.chance(0.45) else 0.0
    front_left, front_right = walk_left - strip_left, walk_right + strip_right
    middle = [(left, ID["road"])]
    if tram and dice.chance(0.5):  # rails on a bed of their own, a class that is ignored
        middle += [(ONCOMING - 1.4, ID["rail track"]), (ONCOMING + 1.4, ID["road"])]
    bands = [(-1e9, ID["terrain"]), (walk_left, ID["sidewalk"]), *middle, (right, ID["sidewalk"])]
    bands += [(walk_right, ID["terrain"])]
    fronts, rails = (front_left, front_right), ONCOMING if tram else None
    crossing = dice.between(8, 16) if dice.chance(0.25) else None
    return Plan(tuple(bands), ONCOMING / 2, (left, right), fronts, rails, dice.between(0, 6), crossing)


def draw_fronts(dice: Dice) -> list[Front]:
    """Draw the row of buildings, walls, fences and hedges on one side of the street."""
    fronts, z = [], dice.between(4, 7)
    while z < 70:
        length = dice.between(5, 14)
        kind = dice.weighted({"building": 0.67, "vegetation": 0.15, "fence": 0.13, "wall": 0.05})
        height = {
            "building": dice.between(7.5, 17),
            "wall": dice.between(2.2, 3.2),
            "fence": dice.between(1.6, 2.2),
            "vegetation": dice.between(1.5, 3.5),
        }[kind]
        fronts.append(Front(kind, z, z + length, height, dice.between(0, 5)))
        z += length
        if dice.chance(0.2):
            z += dice.between(2, 6)  # a gap: one looks past the houses
    return fronts
