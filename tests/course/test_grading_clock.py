"""How long a cell may run: processor time counts, so that an honest cell on a busy machine is not broken off."""

import os
import time

import pytest

from acflib.course.grading.clock import PATIENCE, Clock, processor_seconds
from tests.course.test_grading import LIMIT, RIGHT, found, grade, write

pytestmark = pytest.mark.usefixtures("warm_python")


@pytest.mark.parametrize(
    ("what", "processor", "seconds", "over"),
    [
        ("a loop", 1.0, 29, None),
        ("a loop", 1.0, 31, "ran longer than 30 seconds"),
        ("a loop on a busy machine", 0.25, 119, None),
        ("a loop on a busy machine", 0.25, 121, "ran longer than 30 seconds"),
        ("honest work of 20 seconds that gets a tenth of a processor", 0.1, 200, None),
        ("eight threads", 8.0, 29, None),
        ("eight threads", 8.0, 31, "ran longer than 30 seconds"),
        ("asleep", 0.0, 299, None),
        ("asleep", 0.0, 301, "ran longer than 300 seconds on the clock"),
        ("a platform that does not say", None, 31, "ran longer than 30 seconds on the clock"),
    ],
)
def test_when_a_cell_is_broken_off(what: str, processor: float | None, seconds: float, over: str | None):
    """``processor``: seconds of it in each second of the clock."""
    now = [0.0]
    clock = Clock(30, lambda: None if processor is None else 5 + processor * now[0], lambda: 100 + now[0])
    now[0] = seconds
    assert PATIENCE == 10 and clock.over() == over


def test_processor_seconds_are_those_of_the_process():
    before, begun = processor_seconds(os.getpid()), time.process_time()
    while time.process_time() < begun + 0.3:
        pass
    assert 0.25 < processor_seconds(os.getpid()) - before < 30
    assert processor_seconds(2**30) is None


def test_a_cell_that_waits_for_the_machine_earns_its_points(tmp_path):
    """A sleep stands for a machine that gives the cell no processor."""
    path = write(tmp_path / "a.ipynb", f"import time\ntime.sleep({LIMIT + 2})", RIGHT["hard_centers"])
    graded = grade(path, timeout=LIMIT)
    assert graded.notes == () and found(graded)["hard_centers"].startswith("Right")


def test_a_cell_that_is_broken_off_leaves_a_line_and_what_follows_says_so(tmp_path):
    """Cell 3 has an exercise and would define `eps`; the answer of cell 4 needs it."""
    loop = RIGHT["hard_centers"] + "\nwhile True:\n    pass\neps = 1e-9"
    needs = RIGHT["centers_from_logits"].replace("P.sum((2, 3))", "(P.sum((2, 3)) + eps)")
    messages = found(graded := grade(write(tmp_path / "a.ipynb", loop, needs), timeout=LIMIT))
    assert graded.notes == (f"Cell 3 ran longer than {LIMIT} seconds.",)
    assert messages["hard_centers"] == f"The cell ran longer than {LIMIT} seconds"
    assert "NameError: name 'eps' is not defined" in messages["centers_from_logits"]
    assert messages["centers_from_logits"].endswith(
        f" (Cell 3 before it ran longer than {LIMIT} seconds, so names may be missing.)"
    )
