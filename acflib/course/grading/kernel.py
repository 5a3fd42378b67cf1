"""What ``acflib grade`` runs inside the kernel of a student's notebook, after the student's cells."""

import json
import time
from collections.abc import Callable
from dataclasses import asdict

import torch

from acflib.course import checks
from acflib.course.checks.judge import Verdict, judge
from acflib.course.material.folder import check_named

TAMPERED = (
    "The checks do not work in this notebook: one of its cells changes torch or Python itself. Read the notebook."
)


def judge_answer(path: str, check: str, answer: Callable, seed: int, material: str | None = None) -> None:
    """Judge an answer on the random inputs of this seed, and write what was found to a JSON file.

    ``material`` is a folder with the check, where it is none of the course's.
    """
    start = time.perf_counter()
    with checks.with_seed(seed):
        verdict = check_named(check, material)(answer) if checks_work() else Verdict(False, TAMPERED)
    found = {"solved": verdict.solved, "message": verdict.message, "seconds": time.perf_counter() - start}
    found["lines"] = [asdict(line) for line in verdict.lines]
    with open(path, "w", encoding="utf-8") as file:
        json.dump(found, file)


def checks_work() -> bool:
    """Whether a right and two wrong answers are judged as they should be, so that nobody has replaced what judges."""
    cases = [(torch.arange(6.0).view(2, 3),)]

    def solved(answer: Callable) -> bool:
        return judge(answer, cases, lambda x: x * 2, {}).solved

    return solved(lambda x: x + x) and not solved(lambda x: x * 3) and not solved(lambda x: None)
