"""Which lines of its rubric each wrong answer of ``wrong_answers/`` loses, named by hand from its mistake.

check -> the places of the lines, from 0, -> the names of the answers. An answer that stands nowhere here loses all
lines: it misses the first one in a way that shows nothing of the others, is of another form, or calls acflib where the
exercise forbids it. What is asked of every answer (arguments unchanged, whole numbers whole, gradients) costs the first
line, where no other line is about it.

``ONE_POINT`` names the answers that lose one point of one line, and nothing else.
"""

from tests.course.lost_lines_10_14 import LOST_10_14

LOST = {
    "hard_centers": {  # the right centers, absent classes, ignored pixels; "one_hot of 255" also gives sums
        (0,): ["one added", "in place"],
        (1,): ["absent class", "last class from the labels"],
        (2,): ["255 last", "255 first", "ignored picture"],
    },
    "centers_from_logits": {  # the softmax, the normalized sum; rows, columns, sigmoid and argmax: see who calls acflib
        (0,): ["raw logits", "pixels", "argmax", "detached", "half detached", "numpy"],
        (1,): [
            "sums", "H*W", "channels", "reshape", "mass at least 1", "mass at least 0.1", "mass at least 0.001",
            "mass above 0.001", "mass plus 0.000001", "mass of the batch", "over the batch",
        ],
    },
    "merge_centers": {  # the right weights, a class that one picture lacks, a class that both lack
        (0,): ["changes its argument", "whole masses"],
        (1,): ["absent by center", "absent by the other center"],
        (2,): ["absent class"],
    },
    "attend_sum": {  # the weighted sum, the shape, batches
        (0,): ["detached", "absent class"],
        (1,): ["read by columns", "written by columns", "rows as channels", "swapped"],
        (2,): ["first picture"],
    },
    "attend_concat": {  # the weights, the order of the channels
        (0,): [
            "no weights", "softmax again", "over pixels", "argmax", "read by columns", "written by columns", "detached",
            "first picture",
        ],
        (1,): ["channels first", "blocks of P"],
    },
    "attend_concat_conv": {  # cutting W, the sum, never building the long vector
        (0,): ["cut wrongly", "first block", "blocks added", "detached"],
        (1,): ["no P", "read by columns", "written by columns", "first picture"],
        (2,): ["literal", "class by class", "pixel by pixel"],
    },
    "attend_top": {  # choosing k classes, the new scale
        (0,): [
            "smallest", "first classes", "first centers", "one too few", "once", "equal ones", "detached",
            "at most N - 1", "at least 2", "first picture",
        ],
        (1,): ["not scaled", "all the same", "softmax", "mean", "over pixels"],
    },
    "aspp_places": {  # the nine places of each rate, the border, a map of bools
        (0,): [
            "no corners", "not itself", "one rate", "half", "three rates", "two rates", "no rate alone", "rates mixed",
            "rate of an axis",
        ],
        (1,): ["negative index", "clamped", "not 0", "lower right"],
        (2,): ["counts"],
    },
    "region_means": {  # the regions, the mean, giving it back
        (0,): ["n pixels", "stripes", "in place", "detached"],
        (1,): ["sums", "largest", "one number", "channels", "same places"],
        (2,): ["soft", "tiles", "swapped", "pooled only"],
    },
    "affinity": {  # the two sums, the denominator, the roles of the two maps
        (1,): [
            "no denominator", "number of pixels", "rows", "softmax", "absent class", "mass at least 1",
            "mass at least 0.1", "mass at least 0.001", "mass above 0.001", "mass plus 0.000001", "rows once more",
            "absent as mean", "NaN to mean", "NaN to 0",
        ],
        (0,): ["first picture"],
        (2,): ["swapped", "transposed", "the other", "first twice", "second twice"],
        (1, 2): ["both"],  # an absent class is NaN, too
    },
    "region_attention": {  # the similarity, the softmax over the classes, the weighted sum
        (0,): ["root of N", "no scale", "divided by C", "multiplied", "cosine", "detached", "scaled weights"],
        (1,): [
            "over pixels", "rows", "columns", "no softmax", "sigmoid", "absent class", "absent class left out",
            "pictures", "own softmax",
        ],
        (2,): ["reshaped", "most similar", "first picture"],
    },
    "conv_size": {  # the reach, the padding, rounding (and counting)
        (0,): ["no dilation", "dilation times kernel", "no - 1"],
        (1,): ["padding once", "no padding"],
        (2,): ["rounded up", "rounded", "a float", "no exact fit", "one less", "no stride", "float"],
        (0, 2): ["no ones"],
    },
    "acf_parameters": {  # "sum", "concat", "center", BatchNorm and bias
        (1,): ["concat as sum"],
        (2,): ["center refined", "center as sum"],
        (3,): ["no BatchNorm", "buffers", "bias", "weights alone", "no bias of the classifier", "half a BatchNorm"],
        (1, 2): ["one for all"],
        (0, 1, 2): ["no classifier", "fusion without F", "no reduction", "coarse head"],
    },
    "fine_logits": {  # P, the two equations, the fusion in the right order, the ReLUs
        (0,): [
            "logits", "rows", "columns", "sigmoid", "uniform", "probabilities", "half detached", "detached",
            "own softmax",
        ],
        (1,): ["no denominator", "number of pixels", "mass at least 1", "mass at least 0.1"],
        (2,): ["swapped"],
        (3,): ["no ReLU 1", "no ReLU 2", "no ReLU 3", "no ReLU", "ReLU at the end", "early ReLU"],
    },
    "receptive_field": {  # the jump, dilation, starting at one pixel
        (0,): ["no strides", "own stride", "added", "emptied", "a float", "strides of 2"],
        (1,): ["no dilation", "dilated jump", "k steps", "odd kernels"],
        (2,): ["from 0", "no layer"],
    },
    "poly_rates": {  # the formula, the right first and last value
        (1,): ["from 1", "ends at 0", "no run of one step"],
    },
    "balanced_cross_entropy": {  # the weighted sum, the denominator, ignored pixels, a batch without any label
        (0,): ["item"],
        (1,): ["over the labeled", "sum", "mean of means", "sum at least 1"],
        (2,): ["255 first", "255 last"],
        (3,): ["all ignored", "hidden NaN"],
        (1, 2): ["over all pixels"],
        (2, 3): ["255 as a class"],
    },
    "hard_pixel_mask": {  # the threshold, `keep`, ignored pixels
        (0,): ["K alone", "at the threshold", "probabilities"],
        (1,): ["threshold alone", "at most K", "each image", "times batch", "all equal ones", "no equal one"],
        (2,): ["ignored", "certain ones"],
    },
    "losses_of_parts": {  # the common denominator, weights instead of counts
        (0,): ["unlabeled part", "unlabeled batch", "sum at least 1", "numbers", "parts taken out"],
        (1,): ["count", "all pixels", "no weights"],
    },
    "log_rows": {  # the means, the last row
        (1,): ["last row too low", "row of nothing", "no short run", "last row missing"],
    },
    "sgd_step": {  # the velocity, the weight decay, the weight
        (0,): ["no momentum", "rate inside", "running mean", "in place"],
        (1,): ["no decay", "decoupled", "decay away from 0"],
        (2,): ["nesterov", "uphill", "old velocity", "swapped"],
    },
    "batches_at": {  # the right epoch and place, the order of each epoch, the dropped rest
        (0,): ["from 0", "from the epoch", "epochs from 1", "floats"],
        (1,): ["not shuffled", "one order", "one generator", "seed added", "turned"],
        (2,): ["no gap", "never full"],
    },
    "resumed": {  # what follows from the position, the velocity, the right number of steps
        (0,): ["rate", "data", "position", "own schedule", "constant", "not from 0", "in place"],
        (1,): ["velocity"],
        (2,): ["once more", "done already", "step missing"],
    },
    "interval_reading": {  # the two signs, the doubt on both sides
        (0,): ["no below", "exchanged", "no sign", "capital", "one word"],
        (1,): ["sign", "whole width", "lower end", "a quarter", "open ends"],
    },
    "seed_interval": {  # the mean, the standard deviation, the standard error with t
        (0,): ["ends", "exchanged", "one too much", "median", "sum", "in place"],
        (1,): ["n", "variance", "not divided", "no deviation", "distances"],
        (1, 2): ["range"],
        (2,): [
            "deviation", "over n", "error", "1.96", "width", "root of n - 1", "five seeds", "without n and t",
            "times n", "half of half",
        ],
    },
    "paired_gain": {  # pairing by seed, leaving out what has no partner
        (0,): ["sign", "sum", "three pairs", "distinct gains", "in place", "one pair less", "no signs", "middle"],
        (1,): [
            "zeros", "over new", "over old", "raises", "a score of 0", "an old score of 0", "old as 0", "over all",
            "sorted",
        ],
    },
    "seeds_needed": {  # the search, the degrees of freedom
        (0,): [
            "one fewer", "one more", "width", "root of n - 1", "over n", "from 3", "up to 99", "not larger", "a float",
        ],
        (1,): ["1.96", "degrees", "error"],
    },
    "taps_inside": {  # the count along one side, both sides together
        (0,): ["no rate", "gap", "half", "not 0", "length", "floats", "middle of a small map", "small map"],
        (1,): ["cross", "no center", "axes", "added"],
    },
    "hard_shares": {  # the shares, ignored pixels, absent classes
        (0,): ["at the threshold", "in place"],
        (1,): ["255 first", "255 last"],
        (2,): ["absent class", "last class absent"],
    },
    "mirrored_mean": {  # mirroring back along the right axis, averaging probabilities
        (0,): ["not back", "rows", "classes", "batch", "both ways", "first mirrored", "mean mirrored", "in place"],
        (1,): [
            "logits averaged", "no softmax", "sum", "columns", "over rows", "softmax again", "larger", "own softmax",
        ],
    },
    "scales_mean": {  # the order of softmax and resizing, the mean
        (0,): [
            "resized logits", "mean of logits", "no softmax", "in place", "logits in place", "corners", "nearest",
            "columns",
        ],
        (1,): ["sum", "none of its size", "three scales", "weighted", "first", "last"],
    },
    "similarity_matrix": {  # the cosine, the zero feature, one matrix product
        (0,): ["in place"],
        (1,): ["zero", "at least 1"],
        (2,): ["loops"],
    },
    "within_between": {  # the two means, leaving each pixel's pair with itself out, ignored pixels
        (0,): [
            "products", "swapped", "classes", "classes, both", "all pairs", "three classes", "class by class",
            "in place", "at least 1", "not protected",
        ],
        (1,): ["itself", "by value"],
        (2,): ["255"],
        (1, 2): ["both"],
    },
    "nearest_center_map": {  # the most similar center, absent classes
        (0,): ["distance", "product", "at least 1", "floats", "in place"],
        (1,): [
            "absent", "short list", "NaN", "an entry of 0", "a first entry of 0", "a sum of 0", "a fill of -1",
            "a similarity of 0",
        ],
    },
    "order_share": {  # the share, ties, the asked pixel, ignored pixels
        (0,): ["turned", "percent", "in place"],
        (1,): ["ties lost", "ties won"],
        (2,): ["itself", "by value"],
        (3,): ["255"],
        (1, 2, 3): ["all three"],
    },
    **LOST_10_14,
}  # fmt: skip

ONE_POINT = {
    "centers_from_logits": {0: ["own softmax"]},
    "merge_centers": {0: ["mass at least 1", "mass at least 0.1", "mass above 0.001", "mass plus 0.000001"]},
    "attend_sum": {0: ["a loop", "scaled"]},
    "attend_top": {1: ["detached scale"]},
    "balanced_cross_entropy": {0: ["log of softmax"]},
    "hard_pixel_mask": {0: ["own softmax"], 1: ["topk", "index", "filled up"]},
    "losses_of_parts": {0: ["log of softmax"]},
    "scales_mean": {0: ["own softmax"]},
}
