"""Which form of an exercise a student gets: dealt like cards, so that no form comes again before all have come.

A deck holds the changes of an exercise. When it is used up it is shuffled anew; who gets a change for the second time
gets another order of the arguments with it, and only when these are used up, too, other names for them. So a list of
students has as few twins as there can be, and a student's forms hang on the seed and her place in the list alone.
"""

import random
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from itertools import combinations, permutations, product
from typing import TypeVar

from acflib.course.material.forms import Form, layouts_of, naming_groups, other_names, possible_changes, tasks, units_of

Change = tuple[tuple[str, str], str]  # ("axes", name of a value) or ("kinds", kind), and what is chosen
Card = TypeVar("Card")


@dataclass(frozen=True)
class Counts:
    """How many forms an exercise has: its changes, these with an order of the arguments, and all that differ as texts.

    A text has names of its own for the arguments; what the function is called does not count.
    """

    changes: int
    orders: int
    texts: int


@cache
def change_deck(check: str) -> list[tuple[Change, ...]]:
    """One change of values and one of layout where there are both, so that all forms of an exercise ask for as much."""
    task = tasks()[check]
    possible = possible_changes(task)
    units, layouts = (
        [(key, choice) for key in keys for choice in possible[key]] for keys in (units_of(task), layouts_of(task))
    )
    if units and layouts:
        return list(product(units, layouts))
    alone = units or layouts
    return [pair for pair in combinations(alone, 2) if pair[0][0] != pair[1][0]] or [(one,) for one in alone]


@cache
def order_deck(count: int) -> list[tuple[int, ...]]:
    """All orders of so many arguments but that of the lesson."""
    return list(permutations(range(count)))[1:] or [(0,)]


@cache
def name_deck(check: str) -> list[tuple[str, ...]]:
    """All names for the arguments. Those that belong together, such as row and column, are named by one scheme."""
    names = [value.name for value in tasks()[check].arguments]
    found = [*product(*(enumerate(other_names()[name]) for name in names))]
    return [tuple(word for _, word in one) for one in found if _distinct(one) and _one_scheme(names, one)]


def _distinct(named: Sequence[tuple[int, str]]) -> bool:
    return len({word for _, word in named}) == len(named)


def _one_scheme(names: Sequence[str], named: Sequence[tuple[int, str]]) -> bool:
    schemes = {name: scheme for name, (scheme, _) in zip(names, named, strict=True)}
    return all(len({schemes[name] for name in group if name in schemes}) < 2 for group in naming_groups())


def dealt(deck: Sequence[Card], place: int, seed: str) -> tuple[Card, int]:
    """The card at a place of a pile of decks, each shuffled in its own way, and how many whole decks lie above it."""
    above, k = divmod(place, len(deck))
    return random.Random(f"{seed}/{above}").sample(deck, len(deck))[k], above


def draw_form(check: str, word: str, seed: str, place: int = 0) -> Form:
    """The form of an exercise that belongs to a seed and a place in a list."""
    chosen, rest = dealt(change_deck(check), place, f"{seed}/{check}")
    order, rest = dealt(order_deck(len(tasks()[check].arguments)), rest, f"{seed}/{check}/{chosen}")
    names, _ = dealt(name_deck(check), rest, f"{seed}/{check}/{chosen}/{order}")
    parts = {part: {key: choice for (of, key), choice in chosen if of == part} for part in ("axes", "kinds")}
    return Form(check, word, names, order, parts["axes"], parts["kinds"])


def counts(check: str) -> Counts:
    """How many forms of an exercise there are."""
    changes = len(change_deck(check))
    orders = changes * len(order_deck(len(tasks()[check].arguments)))
    return Counts(changes, orders, orders * len(name_deck(check)))


def counts_table(below: int = 10**9) -> list[str]:
    """A table in Markdown of the exercises with fewer changes than ``below``, those with the fewest first."""
    found = sorted((counts(check).changes, counts(check).texts, check) for check in tasks())
    rows = [
        f"| `{check}` | {changes} | {counts(check).orders} | {texts} |"
        for changes, texts, check in found
        if changes < below
    ]
    return ["| exercise | changes | with an order | texts |", "| --- | --- | --- | --- |", *rows]
