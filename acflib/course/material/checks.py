"""What a notebook with an instructor's exercises calls: ``checks.NAME(my_function)``, as in the lessons.

Where the folder of the exercises is there (the environment names it, or it is called ``material`` and lies beside the
notebook), its NAME/check.py is run. Elsewhere the answer is not judged: whoever grades has the folder.
"""

import os
from pathlib import Path

from acflib.course.checks.catalog import MATERIAL
from acflib.course.checks.judge import Answer, Verdict
from acflib.course.material.folder import Check, load_check

BESIDE = Path("material")


def not_judged(student: Answer) -> Verdict:
    """What a check says where its folder is not."""
    return Verdict(False, "Not judged here: this exercise is judged after you have handed it in.")


def __getattr__(name: str) -> Check:
    if name.startswith("_"):
        raise AttributeError(name)
    named = os.environ.get(MATERIAL)
    folder = Path(named) if named else BESIDE
    if not named and not folder.is_dir():
        return not_judged
    if not (folder / name).is_dir():
        raise AttributeError(f"{folder}: holds no exercise {name}")
    return load_check(folder, name)
