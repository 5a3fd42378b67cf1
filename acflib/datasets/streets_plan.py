"""The ground plan of a scene of Streets: how wide the road is, and what stands beside it."""

import numpy as np

from acflib.datasets.labels import ID
from acflib.datasets.streets_ground import Front, Plan

ONCOMING = -3.5  # x of the middle of the other lane


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

    def pick(self, choices: tuple):
        """One of the choices, all equally likely."""
        return choices[self.whole(0, len(choices) - 1)]


def draw_plan(dice: Dice, tram: bool) -> Plan:
    """Draw the widths of road, sidewalks and strips of grass."""
    left, right = -dice.between(5.2, 6.0), dice.between(1.9, 2.4)
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
    return Plan(tuple(bands), ONCOMING / 2, (left, right), (front_left, front_right), ONCOMING if tram else None)


def draw_fronts(dice: Dice) -> list[Front]:
    """Draw the row of buildings, walls, fences and hedges on one side of the street."""
    fronts, z = [], dice.between(4, 7)
    while z < 70:
        length = dice.between(5, 14)
        kind = dice.pick(("building", "building", "building", "building", "wall", "fence", "vegetation"))
        height = {
            "building": dice.between(6, 15),
            "wall": dice.between(2.2, 3.2),
            "fence": dice.between(1.6, 2.2),
            "vegetation": dice.between(1.5, 3.5),
        }[kind]
        fronts.append(Front(kind, z, z + length, height, dice.between(0, 5)))
        z += length
        if dice.chance(0.2):
            z += dice.between(2, 6)  # a gap: one looks past the houses
    return fronts
