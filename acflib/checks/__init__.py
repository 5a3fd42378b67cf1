"""Answers to the exercises, judged: each check runs your function on random shapes and says what went wrong.

A check returns a :class:`Verdict`; at the end of a notebook cell it shows its message. All inputs are float64. The
checks of a lesson stand in ``lesson_NN.py``; :mod:`acflib.checks.judge` says how an answer is judged.
"""

from acflib.checks.judge import Verdict, with_seed
from acflib.checks.lesson_01 import centers_from_logits, hard_centers, merge_centers
from acflib.checks.lesson_02 import attend_concat, attend_concat_conv, attend_sum, attend_top
from acflib.checks.lesson_05 import balanced_cross_entropy, hard_pixel_mask, losses_of_parts, poly_rates

__all__ = [
    "Verdict",
    "attend_concat",
    "attend_concat_conv",
    "attend_sum",
    "attend_top",
    "balanced_cross_entropy",
    "centers_from_logits",
    "hard_centers",
    "hard_pixel_mask",
    "losses_of_parts",
    "merge_centers",
    "poly_rates",
    "with_seed",
]
