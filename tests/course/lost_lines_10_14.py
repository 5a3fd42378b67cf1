"""The part of ``lost_lines.py`` on lessons 10 to 14."""

LOST_10_14 = {
    "net_by_class": {  # fixed and broken, sorting by the true class, ignored pixels
        (0,): ["sign", "fixed", "added", "changed", "in place", "floats"],
        (1,): ["fine", "coarse", "present classes"],
        (2,): ["255"],
    },
    "swap_classes": {  # the swap, leaving P alone
        (0,): ["in pieces"],
        (1,): ["in place"],
    },
    "good_and_bad": {  # the right scenes, equal gains
        (0,): ["floats", "in place", "no scene twice"],
        (1,): ["equals", "topk", "argsort", "the end turned", "the end turned up", "equals inside"],
    },
    "mixed_probs": {  # probabilities that sum to 1, the mask, leaving P alone
        (0,): ["added", "shrunk", "all of it", "1 - share", "set", "set and shrunk", "exactly", "others stay",
            "divided", "1 on top", "raised", "equal parts"],
        (1,): ["everywhere", "outside", "shrunk everywhere", "0 outside"],
        (2,): ["in place"],
    },
    "fair_comparison": {  # the training data, the split of the test, the number of passes
        (0,): ["training data", "method too", "score too", "in place"],
        (1,): ["test or val", "on test"],
        (2,): ["multi-scale"],
        (0, 1): ["passes"],
        (0, 2): ["evaluated"],
        (1, 2): ["trained"],
    },
    "label_ids": {  # the table, 255
        (0,): ["other way", "beside", "one after another", "by place", "in place", "floats"],
        (1,): ["255 kept", "255 as 0", "255 last", "index error"],
    },
    "micro_steps": {  # parts of equal size, the share of a GPU
        (0,): [
            "rounded up", "rounded down", "images", "not full", "halved", "one image", "a float", "two at least",
            "up to half",
        ],
        (1,): ["GPUs"],
    },
    "window_counts": {  # the places, the last window, a small image
        (0,): ["no overlap", "shares", "floats"],
        (1,): ["no end", "over the end", "length", "moved back", "last twice"],
        (2,): ["small image", "negative"],
    },
    "photo_to_batch": {  # the numbers, the axes
        (0,): ["0 to 255", "no mean and std", "no std", "no mean", "other way round", "-1 to 1", "blue first"],
        (1,): ["reshape", "view", "width first", "no batch axis"],
    },
    "train_ids": {  # the train ids, the rest, pairs that meet each other
        (0,): ["overwritten", "floats"],
        (1,): ["rest stays", "rest to 0", "zeros", "short list"],
        (2,): ["in place"],  # "in place, rest stays" also overwrites its argument
    },
    "hooked_layer": {  # features and logits, the hook being gone
        (0,): [
            "result of the network", "probabilities", "before the activation", "evaluation mode", "one name",
            "no gradient", "mode of the whole", "frozen", "a copy",
        ],
        (1,): ["hook stays", "hooks cleared", "forward stays", "hook on all"],
    },
    "coarse_to_fine": {  # the centers, the attention, the concatenation
        (0,): ["sums", "at least 1", "at least 0.1", "detached", "in place"],
        (1,): ["winner", "own softmax"],
        (2,): ["order", "attended alone"],
        (0, 1): ["no softmax", "no softmax, by acflib", "over pixels"],
    },
    "pixel_similarity": {  # the cosine, the right axis, the zero feature
        (0,): ["in place"],
        (1,): ["channels", "swapped", "axes"],
        (2,): ["zero feature", "at least 1", "asked about zeros"],
    },
    "cell_under_pixel": {  # cutting off, the right axes
        (0,): ["rounded", "rounded up", "corners", "no cut", "whole cells", "stride 8", "cut too low", "as large",
            "floats", "divided twice"],
        (1,): ["sizes swapped", "answer swapped"],
    },
    "class_contrast": {  # the two means, leaving out the pixel itself, the ignored cells
        (0,): ["sign", "sums", "all", "ratio", "in place"],
        (1,): ["itself", "below the line", "by value", "1 taken off"],
        (2,): ["ignored"],
        (1, 2): ["both"],
    },
    "tempered": {  # the power, the right sum
        (0,): ["power T", "softmax of P", "at least 0.001", "at least 1e-8", "in place"],
        (1,): ["no sum", "over rows", "over pixels"],
    },
    "without_class": {  # ratios and sum, the pixel that belongs to nothing, the shape
        (0,): [
            "no sum", "over pixels", "whole map", "divided nowhere", "at least 0.001", "plus 0.000001", "nearly alone",
            "in place",
        ],
        (0, 1): ["equal parts", "softmax", "largest"],
        (1,): ["nan", "shared"],
        (2,): ["taken out"],
    },
    "center_after_stroke": {  # the right weights, the new mass
        (0,): ["in place", "absent by center"],
        (1,): ["old mass", "mass K", "sum", "mass of 1 at least", "divided by the mass"],
    },
}  # fmt: skip
