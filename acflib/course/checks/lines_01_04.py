"""What costs which line of a rubric, lessons 01 to 04; :mod:`acflib.course.checks.rubric` says how this is read."""

import torch
import torch.nn.functional as F
from torch import Tensor

from acflib.course.checks.rubric import Rubric, without_ignored
from acflib.functional import IGNORE_INDEX


def _all_classes(x: Tensor, labels: Tensor, n: int) -> tuple:
    """Each class in each picture, and no ignored pixel."""
    labels = labels.masked_fill(labels == IGNORE_INDEX, 0).flatten(1)
    labels[:, :n] = torch.arange(n)
    return x, labels.view(len(x), *x.shape[2:]), n


def _ignored_alone(x: Tensor, labels: Tensor, n: int) -> tuple:
    labels = _all_classes(x, labels, n)[1].flatten(1)
    labels[:, n : n + 2] = IGNORE_INDEX
    return x, labels.view(len(x), *x.shape[2:]), n


def _both_have_all(a: Tensor, m: Tensor, b: Tensor, k: Tensor) -> tuple:
    return a + 1, m.clamp(min=1), b + 1, k.clamp(min=1)


def _one_lacks(a: Tensor, m: Tensor, b: Tensor, k: Tensor) -> tuple:
    a, m, b, k = _both_have_all(a, m, b, k)
    a[0], m[0] = 0, 0
    return a, m, b, k


def _both_lack(a: Tensor, m: Tensor, b: Tensor, k: Tensor) -> tuple:
    a, m, b, k = _both_have_all(a, m, b, k)
    a[1], m[1], b[1], k[1] = 0, 0, 0, 0
    return a, m, b, k


# fmt: off
RUBRICS = {
    # 0 the right centers, 1 absent classes, 2 ignored pixels
    "hard_centers": Rubric(
        {
            0: ("You add 1 to the number",),
            2: ("ignored pixels (255)", "All pixels of a picture"),
            1: ("absent from the whole batch", "All pixels of a"),
        },
        only={
            0: _all_classes,
            1: lambda x, y, n: (x, without_ignored(y), n),
            2: _ignored_alone,
        },
    ),
    # 0 the softmax, 1 the normalized sum
    "centers_from_logits": Rubric(
        {
            0: ("softmax is forgotten", "Softmax over the wrong axis", "A sigmoid", "(argmax)", "far from 0"),
            1: (
                "normalizer is missing", "divide by H*W", "hardly there", "softmax over channels", "A reshape stands",
                "mass is summed over the pictures", "of a batch are mixed",
            ),
        }
    ),
    # 0 the right weights, 1 a class that one picture lacks, 2 a class that both lack
    "merge_centers": Rubric(
        {0: ("hardly there", "masses to whole numbers"), 1: ("whatever its center",)},
        only={0: _both_have_all, 1: _one_lacks, 2: _both_lack},
        small=("hardly there",),  # a mass below 1: the weights are right where pixels are counted
    ),
    # 0 the weighted sum over the classes, 1 the shape, 2 batches
    "attend_sum": Rubric(
        {
            0: ("you loop", "An absent class"),
            1: ("The pixels stand in rows", "column by column"),
            2: ("the centers of the first one",),
        },
        mends={1: (lambda found, f, p: found.transpose(2, 3),)},
        small=("you loop over classes",),
    ),
    # 0 the weights, 1 the order of the channels
    "attend_concat": Rubric(
        {
            0: (
                "weights are forgotten", "Another softmax", "over the pixels", "(argmax)", "column by column",
                "An absent", "the centers of the first one",
            ),
            1: ("order of the channels", "repeated as a block"),
        }
    ),
    # 0 cutting W into its blocks, 1 the sum, 2 never building the long vector
    "attend_concat_conv": Rubric(
        {
            0: ("W is cut the wrong way", "the same block of W", "add up the blocks"),
            1: ("P is forgotten", "column by column", "An absent class", "the centers of the first one"),
            2: ("build the long vector", "long vector is not built", "you loop over pixels"),
        }
    ),
    # 0 choosing k classes at each pixel, 1 the new scale
    "attend_top": Rubric(
        {
            0: (
                "the k smallest", "keep the first k classes", "meet the first k centers", "One class too few",
                "once for the whole picture", "With k =", "You keep more than k", "the centers of the first one",
            ),
            1: (
                "new scale is missing", "count the same", "with a softmax", "number of classes kept", "An absent class",
                "over the pixels", "a part of the gradient",
            ),
        }
    ),
    # 0 the nine places of each rate, 1 the border, 2 a map of bools
    "aspp_places": Rubric(
        {
            0: (
                "four corners of each rate", "pixel itself is missing", "Only one rate", "as r // 2", "There may be",
                "comes with another rate", "by the first rate down",
            ),
            1: ("on the other side", "moved to the border", "inside means 0", "near the lower right corner"),
        },
        mends={2: (lambda found, *_: found.bool(),)},
    ),
    # 0 the regions, 1 the mean, 2 giving it back to all pixels of the region
    "region_means": Rubric(
        {
            0: ("n pixels wide and high", "regions are stripes", "With n = 1", "Where n is the number"),
            1: (
                "These are sums", "max pooling", "all pictures and channels mixed", "channels are mixed",
                "same place in all regions",
            ),
            2: ("borders are soft", "laid out like tiles", "lands in region (b, a)"),
        },
        mends={2: (lambda found, x, n: F.interpolate(found, x.shape[2:], mode="nearest"),)},
    ),
    # 0 the two sums, 1 the denominator, 2 the roles of the two maps
    "affinity": Rubric(
        {
            0: ("maps of the first picture",),
            1: (
                "denominator of Eq. 2 is missing", "divide by the number of pixels", "scale the rows of the table",
                "what OCR does", "may be absent from the first map", "clamp(min=", "absent class hands out",
                "all pixels alike", "table is 0 everywhere",
            ),
            2: (
                "maps are swapped", "is transposed", "Both maps", "The second map is", "Only the first",
                "Only the second",
            ),
        }
    ),
    # 0 the similarity, 1 the softmax over the classes, 2 the weighted sum
    "region_attention": Rubric(
        {
            0: (
                "The scale is missing", "square root of N", "You divide by C.", "You multiply", "by the angle",
                "scale comes before",
            ),
            1: ("softmax runs over", "softmax is missing", "A sigmoid", "center of an absent class", "far from 0"),
            2: ("The pixels stand in rows", "most similar center alone", "centers of the first picture"),
        }
    ),
    # 0 the reach of a dilated kernel, 1 the padding, 2 rounding
    "conv_size": Rubric(
        {
            0: ("dilation is forgotten", "not dilation * kernel", "- 1 is missing", "Both ones"),
            1: ("on both sides", "padding is forgotten"),
            2: (
                "You round to the nearest", "Round down, not up", "One is missing", "stride is forgotten",
                "divide with //", "fits exactly", "Both ones", "is a float",
            ),
        }
    ),
    # 0 "sum", 1 "concat", 2 "center", 3 BatchNorm and bias
    "acf_parameters": Rubric(
        {
            0: ("The fine classifier is", "fusion also reads F", "reducing convolution", "coarse head"),
            1: (
                'For "concat"', "same number", "The fine classifier is", "also reads F", "reducing conv", "coarse head",
            ),
            2: (
                'For "center"', "same number", "The fine classifier is", "also reads F", "reducing conv", "coarse head",
            ),
            3: (
                "BatchNorms are forgotten", "A BatchNorm has", "You count a bias", "convolutions alone",
                "bias of the fine",
            ),
        },
        parts={
            0: lambda a, *_: a["sum"],
            1: lambda a, *_: a["concat"],
            2: lambda a, *_: a["center"],
            3: lambda a, *_: a["sum"],
        },
    ),
    # 0 P, 1 the two equations, 2 the fusion in the right order, 3 the ReLUs
    "fine_logits": Rubric(
        {
            0: (
                "softmax is forgotten", "Softmax over", "A sigmoid", "Without the coarse result",
                "These are probabilities", "far from 0",
            ),
            1: ("denominator of Eq. 2", "not by H*W", "hardly there"),
            2: ("order of the fusion",),
            3: ("ReLU",),
        }
    ),
    # 0 the jump, 1 dilation, 2 starting at one pixel
    "receptive_field": Rubric(
        {
            0: ("strides are forgotten", "own stride counts only", "steps are added up", "A stride of 3"),
            1: ("enlarges the reach", "dilation is forgotten", "k adds k - 1 steps", "A kernel of 2"),
            2: ("One is missing", "Without any layer"),
        }
    ),
}
# fmt: on
