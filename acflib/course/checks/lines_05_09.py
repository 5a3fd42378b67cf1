"""What costs which line of a rubric, lessons 05 to 09; :mod:`acflib.course.checks.rubric` says how this is read."""

import torch
from torch import Tensor

from acflib import losses
from acflib.course.checks.rubric import Rubric, without_ignored, without_zero
from acflib.functional import IGNORE_INDEX


def _has_labels(labels: Tensor) -> bool:
    return bool((labels != IGNORE_INDEX).any())


def _with_last_row(rows: Tensor, losses: Tensor, every: int) -> Tensor:
    return torch.cat([rows, losses[len(rows) * every :].mean()[None]])


def _with_class_1(labels: Tensor) -> Tensor:
    labels = labels.clone()
    labels[:, -1, -1] = 1
    return labels


def _enough_hard(logits: Tensor, labels: Tensor, threshold: float, keep: int) -> bool:
    """More hard pixels than `keep`, also where the ignored ones are given to a class."""
    return int(losses.hard_pixels(logits, labels, threshold, 0).sum()) >= keep


def _no_ties(similarity: Tensor) -> Tensor:
    return similarity + 1e-3 * torch.arange(similarity.numel()).view_as(similarity)


# fmt: off
RUBRICS = {
    # 0 the formula, 1 the right first and last value
    "poly_rates": Rubric({1: ("first step already", "last rate is 0", "A run of one step")}),
    # 0 the weighted sum, 1 the denominator, 2 ignored pixels, 3 a batch without any label
    "balanced_cross_entropy": Rubric(
        {
            0: ("far from 0",),
            1: ("averaged in", "number of labeled pixels", "This is a sum", "mean per image", "may lie below 1"),
            2: ("averaged in", "count as class 0", "count as the last class", "may lie below 1"),
            3: ("is NaN or infinite",),
        },
        only={
            0: lambda z, y, w: (z, without_ignored(y), w) if _has_labels(y) else None,
            2: lambda z, y, w: (z, y, w) if _has_labels(y) else None,
            3: lambda z, y, w: None if _has_labels(y) else (z, y, w),
        },
    ),
    # 0 the threshold, 1 `keep`, 2 ignored pixels
    "hard_pixel_mask": Rubric(
        {
            0: ("You keep K pixels, always", "exactly the threshold", "far from 0"),
            1: (
                "only the pixels below the threshold", "at most K", "K pixels of each image", "K is multiplied",
                "exactly the number of labeled", "fill up to `keep`", "of lower probability counts",
                "fewer pixels are labeled",
            ),
            2: ("Ignored pixels (255) are kept", "count before ignored ones"),
        },
        mends={0: (lambda found, *_: found.bool(),)},
        only={
            0: lambda z, y, t, k: (z, without_ignored(y), t, k) if _enough_hard(z, y, t, k) else None,
            1: lambda z, y, t, k: (z, without_ignored(y), t, k) if not _enough_hard(z, y, t, k) else None,
            2: lambda z, y, t, k: (z, y, t, k) if _enough_hard(z, y, t, k) else None,
        },
        small=("fewer pixels are labeled",),
    ),
    # 0 the common denominator, 1 weights instead of counts
    "losses_of_parts": Rubric(
        {
            0: ("without any label", "may lie below 1", "far from 0"),
            1: ("counts the labeled pixels", "weights are forgotten", "counts the ignored pixels"),
        }
    ),
    # 0 the means, 1 the last row
    "log_rows": Rubric(
        {1: ("has fewer steps than", "Where `every` divides", "A run shorter", "With every = 1")},
        only={
            0: lambda losses, every: (losses[: len(losses) // every * every], every),
            1: lambda losses, every: (losses, every),
        },
        mends={1: (_with_last_row,)},
    ),
    # 0 the velocity, 1 the weight decay, 2 the weight
    "sgd_step": Rubric(
        {
            0: ("momentum is forgotten", "inside of the velocity", "a running mean"),
            1: ("weight decay is forgotten", "goes past the velocity", "sign of the weight decay"),
            2: ("up the slope", "with the old velocity", "results are swapped", "Nesterov"),
        },
        parts={0: lambda found, *_: found[1], 1: lambda found, *_: found[1], 2: lambda found, *_: found[0]},
    ),
    # 0 the right epoch and place of each position, 1 the order of each epoch, 2 the dropped rest
    "batches_at": Rubric(
        {
            0: ("begin at position 0", "start of the epoch that", "A run that starts", "One position", "epochs from 1"),
            1: (
                "Nothing is shuffled", "has the same order", "from one generator", "You add seed",
                "epoch before the seed",
            ),
            2: ("over the end of an epoch", "fill the epoch exactly"),
        },
        only={
            0: lambda length, size, *rest: (length // size * size, size, *rest),
            2: lambda *case: case,
        },
    ),
    # 0 what follows from the position, 1 the velocity, 2 the right number of steps
    "resumed": Rubric(
        {
            0: (
                "learning rate starts at", "data start from the first", "Rate and data both", "schedule of their own",
                "rate is constant", "saved after 0 steps",
            ),
            1: ("velocity starts at 0",),
            2: ("once more on top", "A step is missing", "after its last step"),
        }
    ),
    # 0 the two signs, 1 the doubt on both sides
    "interval_reading": Rubric(
        {
            0: ("A mean below 0 is always", "drop the sign", "written otherwise", "the 0 is missing", "exchanged"),
            1: ("sign of the mean alone", "the whole width", "half of `half`", 'holds 0 "below 0"', "exactly at 0"),
        }
    ),
    # 0 the mean, 1 the standard deviation, 2 the standard error with t
    "seed_interval": Rubric(
        {
            0: ("parts are exchanged", "return the two ends", "the mean is not divided", "the median and not"),
            1: (
                "divide the squares by n", "the variance, not", "squares are added", "deviation is missing",
                "half of the range", "mean of the distances",
            ),
            2: (
                "without n and t", "multiply with the root", "half of half", "half of the range",
                "how far one seed lies", "You divide by n. The standard error", "Multiply with t", "1.96",
                "the whole width", "not of n - 1", "root of 5",
            ),
        },
        parts={0: lambda found, *_: found[0], 1: lambda found, *_: found[1], 2: lambda found, *_: found[1]},
    ),
    # 0 pairing by seed, 1 leaving out what has no partner
    "paired_gain": Rubric(
        {
            0: (
                "You divide by 3", "sum of the gains", "gain the same", "sign is wrong", "pairs less one",
                "drop the signs", "median of the gains",
            ),
            1: (
                "missing score", "of the new row", "of the old row", "number of all seeds", "sort both sides",
                "A score of 0",
            ),
        },
        only={
            0: lambda new, old: ({k: new[k] for k in new if k in old}, {k: old[k] for k in old if k in new}),
            1: lambda new, old: (new, old),
        },
    ),
    # 0 the search, 1 the degrees of freedom
    "seeds_needed": Rubric(
        {
            0: (
                "One seed too few", "one seed more than needed", "the whole width", "root of n - 1", "You divide by n",
                "Two seeds may", "A small effect", "exactly the effect",
            ),
            1: ("You take 1.96", "of n degrees of freedom", "The t is missing"),
        }
    ),
    # 0 the count along one side, 1 both sides together
    "taps_inside": Rubric(
        {
            0: (
                "rate is forgotten", "is one too large", "Row 0 and column 0", "Place `length`", "half of the rate",
                "one tap fewer near", "left alone",
            ),
            1: ("on the diagonals", "add the good rows", "center is missing"),
        },
        mends={1: (lambda found, *_: found.transpose(-2, -1),)},
    ),
    # 0 the shares, 1 ignored pixels, 2 absent classes
    "hard_shares": Rubric(
        {
            0: ("exactly the threshold",),
            1: ("ignored pixels (255)", "All pixels are ignored"),
            2: ("The last class has no pixel", "All pixels are ignored"),
        },
        only={
            0: lambda p, y, t, n: (p, _with_class_1(without_ignored(y)), t, n),
            1: lambda p, y, t, n: (p, _with_class_1(y), t, n),
            2: lambda p, y, t, n: (p, without_ignored(y), t, n),
        },
    ),
    # 0 mirroring back along the right axis, 1 averaging probabilities
    "mirrored_mean": Rubric(
        {
            0: (
                "not mirrored back", "top to bottom", "mirror along the classes", "images of the batch",
                "mirror both ways", "mirror the first result", "mirror the mean",
            ),
            1: (
                "You average the logits", "These are logits", "This is the sum", "Softmax over", "the larger of both",
                "Softmax a second time", "far from 0",
            ),
        }
    ),
    # 0 the order of softmax and resizing, 1 the mean
    "scales_mean": Rubric(
        {
            0: (
                "You resize the logits", "You average the logits", "softmax is missing", "align_corners",
                "nearest pixel", "Softmax over", "far from 0",
            ),
            1: ("This is the sum", "You divide by 3", "Larger scales weigh", "first scale alone", "last scale alone"),
        },
        only={
            0: lambda z, size: None if any(part.shape[2:] == size for part in z) else (z, size),
            1: lambda z, size: (z, size),
        },
    ),
    # 0 the cosine, 1 the zero feature, 2 one matrix product instead of loops
    "similarity_matrix": Rubric(
        {1: ("may be shorter than 1",), 2: ("from pixel to pixel",)},
        only={0: lambda x: (without_zero(x),), 1: lambda x: (x,)},
    ),
    # 0 the two means, 1 leaving each pixel's pair with itself out, 2 ignored pixels
    "within_between": Rubric(
        {
            0: (
                "means of scalar products", "may be shorter than 1", "the classes 0, 1 and 2", "are swapped",
                "You average the classes", "averages of classes", "mean over all pairs. Leave",
                "A class with one pixel", "A feature of zeros",
            ),
            1: ("compared with itself", "by place, i = j"),
            2: ("take part",),
        },
        only={0: lambda x, y: (x, without_ignored(y, 11)), 2: lambda x, y: (x, y)},
    ),
    # 0 the most similar center, 1 absent classes
    "nearest_center_map": Rubric(
        {
            0: ("by distance. Asked", "scalar product. A long", "may be shorter than 1"),
            1: (
                "An absent class is chosen", "without the absent class", "gets the absent class", "Absent is a class",
                "must lose even to -1", "A right angle",
            ),
        },
        only={0: lambda x, centers: (x, without_zero(centers)), 1: lambda x, centers: (x, centers)},
    ),
    # 0 the share, 1 ties, 2 the asked pixel, 3 ignored pixels
    "order_share": Rubric(
        {
            0: ("These are percent", "Turn it around"),
            1: ("A tie counts", "Three mistakes"),
            2: ("asked pixel is compared", "by its place", "Three mistakes"),
            3: ("ignored pixels (255) count", "Three mistakes"),
        },
        only={
            0: lambda s, y, r, c: (_no_ties(s), without_ignored(y, 1), r, c),
            1: lambda s, y, r, c: (s, without_ignored(y, 1), r, c),
            3: lambda s, y, r, c: (_no_ties(s), y, r, c),
        },
    ),
}
# fmt: on
