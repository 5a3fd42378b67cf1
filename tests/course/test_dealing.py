"""Forms are dealt: a list of students has as few twins as there can be, and who comes later changes nobody's form."""

import json
import math
import re
from collections import Counter
from pathlib import Path

import pytest

from acflib.cli.parser import main
from acflib.course.checks.catalog import exercise_of
from acflib.course.material.dealing import change_deck, counts, counts_table, dealt, draw_form
from acflib.course.material.form_notebooks import form_stub, form_text
from acflib.course.material.forms import Form, naming_groups, other_names, tasks
from acflib.course.material.students import write_student_forms

STUDENTS = [f"student {number}" for number in range(60)]
every_exercise = pytest.mark.parametrize("check", sorted(tasks()))


def text_of(form: Form) -> str:
    return form_text(exercise_of(form.check), form) + form_stub(form)


def spread(cards: list) -> tuple[int, int]:
    """How often the card that comes least often comes, of those that come at all, and that which comes most often."""
    often = Counter(cards).values()
    return min(often), max(often)


def texts_handed_out(folder: Path, lesson: str) -> list[list[str]]:
    """The texts and stubs of each exercise of a lesson, one of each student, the name of the function blanked."""
    found = []
    for path in sorted(folder.glob(f"students/*/{lesson}.ipynb")):
        cells = ["".join(cell["source"]) for cell in json.loads(path.read_text(encoding="utf-8"))["cells"][2:]]
        pairs = ["\n".join(pair) for pair in zip(cells[::2], cells[1::2], strict=True)]
        found.append([text.replace(re.search(r"checks\.(\w+)\(", text)[1], "NAME") for text in pairs])
    return [list(texts) for texts in zip(*found, strict=True)]


def test_of_what_is_handed_out_no_text_comes_again_before_all_have_come(tmp_path: Path):
    write_student_forms(tmp_path / "out", "heath", STUDENTS, ("07",))
    exercises = texts_handed_out(tmp_path / "out", "07")
    assert [len(texts) for texts in exercises] == [60] * 4
    for texts in exercises:
        assert len(set(texts)) >= 16, "so few texts that neighbors have the same"
        least, most = spread(texts)
        assert most - least <= 1


@every_exercise
@pytest.mark.parametrize("count", [7, 60])
def test_no_form_has_more_students_than_it_must(check: str, count: int):
    forms = [draw_form(check, "heron", "heath", place) for place in range(count)]
    cards = {
        "changes": [str((form.axes, form.kinds)) for form in forms],
        "orders": [str((form.axes, form.kinds, form.order)) for form in forms],
        "texts": [text_of(form) for form in forms],
    }
    for level, dealt_out in cards.items():
        different = getattr(counts(check), level)
        assert len(set(dealt_out)) == min(different, count), level
        assert spread(dealt_out)[1] == math.ceil(count / different), level


@every_exercise
def test_an_exercise_has_at_least_16_texts_and_each_is_another(check: str):
    texts = counts(check).texts
    assert texts >= 16 and counts(check).changes >= 3
    if texts <= 250:
        assert len({text_of(draw_form(check, "heron", "x", place)) for place in range(texts)}) == texts


def test_twins_in_one_exercise_are_none_in_the_next():
    """Who shares a change with whom is drawn anew for each exercise."""
    first, second = (
        [str(draw_form(check, "heron", "heath", place).kinds) for place in range(60)]
        for check in ("good_and_bad", "seeds_needed")
    )
    shared = [(i, j) for i in range(60) for j in range(i) if first[i] == first[j]]
    again = sum(second[i] == second[j] for i, j in shared)
    assert 0.1 < again / len(shared) < 0.4  # one fourth, where the one tells nothing of the other


def test_decks_by_hand():
    dealt_out = [dealt("abc", place, "seed") for place in range(9)]
    assert [above for _, above in dealt_out] == [0, 0, 0, 1, 1, 1, 2, 2, 2]
    for first in (0, 3, 6):
        assert {card for card, _ in dealt_out[first : first + 3]} == set("abc")
    orders = {"".join(card for card, _ in (dealt("abc", place, seed) for place in range(3))) for seed in "123456789"}
    assert len(orders) > 2, "another seed, another order"


@every_exercise
def test_changes_are_those_of_one_value_and_one_layout(check: str):
    changes = change_deck(check)
    assert len(set(changes)) == len(changes)
    both = [sorted(part for (part, _), _ in pair) for pair in changes]
    if any("axes" in parts and "kinds" in parts for parts in both):
        assert all(parts == ["axes", "kinds"] for parts in both)


def test_the_table_for_instructors_is_the_one_that_the_command_prints(capsys):
    page = (Path(__file__).parents[2] / "docs" / "instructors.md").read_text(encoding="utf-8")
    (table,) = re.findall(r"<!-- counts:.*-->\n((?:\|.*\n)+)<!-- end of counts -->", page)
    head, few = table.splitlines()[:2], table.splitlines()[2:]
    assert main(["course", "counts"]) == 0
    printed = capsys.readouterr().out.splitlines()
    assert printed[:2] == head and printed[2 : 2 + len(few)] == few and len(printed) == 2 + len(tasks())
    assert [int(row.split("|")[2]) < 5 for row in printed[2:]].index(False) == len(few)


def test_counts_by_hand():
    """Two units of the effect and two of the number, one order of two arguments, two names for each."""
    assert (counts("seeds_needed").changes, counts("seeds_needed").orders, counts("seeds_needed").texts) == (4, 4, 16)
    assert counts_table(4)[2:] == [row for row in counts_table()[2:] if int(row.split("|")[2]) < 4]


# ---- names


def test_arguments_that_belong_together_are_named_by_one_scheme():
    """`means_a` beside `right_means` reads as if they were two things; "right" also means correct."""
    form = draw_form("merge_centers", "heron", "heath")
    for place in range(50):
        form = draw_form("merge_centers", "heron", "heath", place)
        stems = [re.fullmatch(r"(\w+)_([ab])", name) for name in form.names]
        assert [stem[2] for stem in stems] == ["a", "a", "b", "b"], form.names
        assert stems[0][1] == stems[2][1] and stems[1][1] == stems[3][1], form.names


def test_groups_of_names_have_words_for_one_another():
    words = other_names()
    for group in naming_groups():
        assert len({len(words[name]) for name in group}) == 1, group
    for check, task in tasks().items():
        names = [value.name for value in task.arguments]
        for place in range(20):
            form = draw_form(check, "heron", "x", place)
            called = dict(zip(names, form.names, strict=True))
            for group in naming_groups():
                schemes = {words[name].index(called[name]) for name in group if name in called}
                assert len(schemes) < 2, (check, called)
    assert not [word for found in words.values() for word in found if "right" in word or "left" in word]
