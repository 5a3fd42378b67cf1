"""Which inputs of the exercises of lessons 07 to 14 are of a kind that wrong answers trip over; see ``mutants.py``."""

import torch

from tests.course.mutants import NO_CLASSES, NO_LIMIT, NO_MASS, NO_ORDER, NO_PARTS, NOT_TRAINED, Inputs

COUNTED = "a mass is a number of pixels, so 0 or at least 1"


def zero_features(x, *_):
    return bool((x == 0).all(0).any())


def tied_ends(gains, k):
    ordered = gains.sort().values
    return bool((ordered[1:] == ordered[:-1]).any())


def windows_fit(length, window, step):
    return length > window and (length - window) % step == 0


ROWS = {
    "interval_reading": Inputs(
        NO_CLASSES, NO_PARTS, NO_MASS, lambda mean, half: abs(mean) == half, NO_LIMIT, NOT_TRAINED
    ),
    "seed_interval": Inputs(NO_CLASSES, NO_PARTS, NO_MASS, NO_ORDER, NO_LIMIT, NOT_TRAINED),
    "paired_gain": Inputs(
        lambda new, old: new.keys() != old.keys(), NO_PARTS, NO_MASS, NO_ORDER, NO_LIMIT, NOT_TRAINED
    ),
    "seeds_needed": Inputs(NO_CLASSES, NO_PARTS, NO_MASS, NO_ORDER, NO_LIMIT, NOT_TRAINED),
    "taps_inside": Inputs(
        NO_CLASSES, NO_PARTS, NO_MASS, NO_ORDER, lambda height, width, rate: rate >= min(height, width), NOT_TRAINED
    ),
    "hard_shares": Inputs(
        lambda p, y, t, n: any(i not in y for i in range(n)),
        NO_PARTS,
        COUNTED,
        lambda p, y, t, n: bool((p == t).any()),
        NO_LIMIT,
        NOT_TRAINED,
    ),
    "mirrored_mean": Inputs(NO_CLASSES, NO_PARTS, NO_MASS, NO_ORDER, NO_LIMIT, NOT_TRAINED),
    "scales_mean": Inputs(
        NO_CLASSES,
        NO_PARTS,
        NO_MASS,
        NO_ORDER,
        lambda logits, size: any(part.shape[2:] == size for part in logits),
        NOT_TRAINED,
    ),
    "similarity_matrix": Inputs(zero_features, NO_PARTS, NO_MASS, NO_ORDER, NO_LIMIT, NOT_TRAINED),
    "within_between": Inputs("the mean over no pair is left open", NO_PARTS, COUNTED, NO_ORDER, NO_LIMIT, NOT_TRAINED),
    "nearest_center_map": Inputs(
        lambda x, centers: bool((centers == 0).all(1).any()),
        NO_PARTS,
        NO_MASS,
        lambda x, centers: bool(((centers == 0).any(1) & ~(centers == 0).all(1)).any()),
        NO_LIMIT,
        NOT_TRAINED,
    ),
    "order_share": Inputs(
        "a share of no pair is left open",
        NO_PARTS,
        COUNTED,
        lambda s, y, row, column: len(s.unique()) < s.numel(),
        NO_LIMIT,
        NOT_TRAINED,
    ),
    "net_by_class": Inputs(
        lambda coarse, fine, truth, n: any(i not in truth for i in range(n)),
        NO_PARTS,
        NO_MASS,
        NO_ORDER,
        NO_LIMIT,
        NOT_TRAINED,
    ),
    "swap_classes": Inputs(NO_CLASSES, NO_PARTS, NO_MASS, NO_ORDER, NO_LIMIT, NOT_TRAINED),
    "good_and_bad": Inputs(NO_CLASSES, NO_PARTS, NO_MASS, tied_ends, lambda gains, k: k == len(gains), NOT_TRAINED),
    "mixed_probs": Inputs(
        "a class of no share is painted as the others",
        NO_PARTS,
        NO_MASS,
        NO_ORDER,
        NO_LIMIT,
        NOT_TRAINED,
    ),
    "fair_comparison": Inputs(
        NO_CLASSES, NO_PARTS, NO_MASS, lambda a, b: a["method"] == b["method"], NO_LIMIT, NOT_TRAINED
    ),
    "label_ids": Inputs(
        "each pixel is looked up by itself",
        NO_PARTS,
        NO_MASS,
        lambda ids, table: bool(torch.isin(table, torch.arange(len(table))).any()),
        NO_LIMIT,
        NOT_TRAINED,
    ),
    "micro_steps": Inputs(
        NO_CLASSES,
        lambda batch, gpus, fits: batch // gpus % fits == 0,
        NO_MASS,
        NO_ORDER,
        lambda batch, gpus, fits: batch // gpus <= fits,
        NOT_TRAINED,
    ),
    "window_counts": Inputs(
        NO_CLASSES, windows_fit, NO_MASS, NO_ORDER, lambda length, window, step: length == window, NOT_TRAINED
    ),
    "photo_to_batch": Inputs(NO_CLASSES, NO_PARTS, NO_MASS, NO_ORDER, NO_LIMIT, NOT_TRAINED),
    "train_ids": Inputs(
        lambda values, table: bool((~torch.isin(values, torch.tensor([value for value, _ in table]))).any()),
        NO_PARTS,
        NO_MASS,
        lambda values, table: bool({value for value, _ in table} & {train_id for _, train_id in table}),
        NO_LIMIT,
        NOT_TRAINED,
    ),
    "hooked_layer": Inputs(NO_CLASSES, NO_PARTS, NO_MASS, NO_ORDER, NO_LIMIT, 2),
    "coarse_to_fine": Inputs(
        "a softmax gives every class a share",
        NO_PARTS,
        lambda x, z: bool((z.softmax(1).sum((2, 3)) < 1).any()),
        NO_ORDER,
        NO_LIMIT,
        1,
    ),
    "pixel_similarity": Inputs(zero_features, NO_PARTS, NO_MASS, NO_ORDER, NO_LIMIT, NOT_TRAINED),
    "cell_under_pixel": Inputs(
        NO_CLASSES,
        lambda row, column, picture, cells: picture[0] % cells[0] == 0 == picture[1] % cells[1],
        NO_MASS,
        NO_ORDER,
        lambda row, column, picture, cells: picture == cells,
        NOT_TRAINED,
    ),
    "class_contrast": Inputs("a mean over no pixel is left open", NO_PARTS, COUNTED, NO_ORDER, NO_LIMIT, NOT_TRAINED),
    "tempered": Inputs(
        "all probabilities are above 0, says the text",
        NO_PARTS,
        NO_MASS,
        NO_ORDER,
        NO_LIMIT,
        NOT_TRAINED,
    ),
    "without_class": Inputs(
        "a pixel without the class stays as it is",
        NO_PARTS,
        "what is left of a pixel always lies below 1",
        NO_ORDER,
        NO_LIMIT,
        NOT_TRAINED,
    ),
    "center_after_stroke": Inputs(
        lambda center, mass, x, p: mass == 0,
        NO_PARTS,
        lambda center, mass, x, p: 0 < mass < 1,
        NO_ORDER,
        NO_LIMIT,
        NOT_TRAINED,
    ),
}
