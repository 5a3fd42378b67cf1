"""Answers to the exercises, judged: each check runs your function on random shapes and says what went wrong.

A check returns a :class:`Verdict`; at the end of a notebook cell it shows its message and, of an answer that has some
lines of its rubric right (:mod:`acflib.course.checks.rubric`), the points of each. All inputs are float64. The
checks of a lesson stand in ``lesson_NN.py``; :mod:`acflib.course.checks.judge` says how an answer is judged.
"""

from acflib.course.checks.judge import Verdict, with_seed
from acflib.course.checks.lesson_01 import centers_from_logits, hard_centers, merge_centers
from acflib.course.checks.lesson_02 import attend_concat, attend_concat_conv, attend_sum, attend_top
from acflib.course.checks.lesson_03 import affinity, aspp_places, region_attention, region_means
from acflib.course.checks.lesson_04 import acf_parameters, conv_size, fine_logits, receptive_field
from acflib.course.checks.lesson_05 import balanced_cross_entropy, hard_pixel_mask, losses_of_parts, poly_rates
from acflib.course.checks.lesson_06 import batches_at, log_rows, resumed, sgd_step
from acflib.course.checks.lesson_07 import interval_reading, paired_gain, seed_interval, seeds_needed
from acflib.course.checks.lesson_08 import hard_shares, mirrored_mean, scales_mean, taps_inside
from acflib.course.checks.lesson_09 import nearest_center_map, order_share, similarity_matrix, within_between
from acflib.course.checks.lesson_10 import good_and_bad, mixed_probs, net_by_class, swap_classes
from acflib.course.checks.lesson_11 import fair_comparison, label_ids, micro_steps, window_counts
from acflib.course.checks.lesson_12 import coarse_to_fine, hooked_layer, photo_to_batch, train_ids
from acflib.course.checks.lesson_13 import cell_under_pixel, class_contrast, pixel_similarity
from acflib.course.checks.lesson_14 import center_after_stroke, tempered, without_class
from acflib.course.checks.predictions import prediction

__all__ = [
    "prediction",
    "Verdict",
    "acf_parameters",
    "affinity",
    "aspp_places",
    "attend_concat",
    "attend_concat_conv",
    "attend_sum",
    "attend_top",
    "balanced_cross_entropy",
    "batches_at",
    "cell_under_pixel",
    "center_after_stroke",
    "centers_from_logits",
    "class_contrast",
    "coarse_to_fine",
    "conv_size",
    "fair_comparison",
    "fine_logits",
    "good_and_bad",
    "hard_centers",
    "hard_pixel_mask",
    "hard_shares",
    "hooked_layer",
    "interval_reading",
    "label_ids",
    "log_rows",
    "losses_of_parts",
    "merge_centers",
    "micro_steps",
    "mirrored_mean",
    "mixed_probs",
    "nearest_center_map",
    "net_by_class",
    "order_share",
    "paired_gain",
    "photo_to_batch",
    "pixel_similarity",
    "poly_rates",
    "receptive_field",
    "region_attention",
    "region_means",
    "resumed",
    "scales_mean",
    "seed_interval",
    "seeds_needed",
    "sgd_step",
    "similarity_matrix",
    "swap_classes",
    "taps_inside",
    "tempered",
    "train_ids",
    "window_counts",
    "with_seed",
    "within_between",
    "without_class",
]
