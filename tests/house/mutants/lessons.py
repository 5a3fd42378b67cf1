"""Which lesson must turn red, by itself, for which mutation: `make mutate NOTEBOOKS=1`."""

LESSONS = {
    "00_start_here": (
        "IoU without false positives",
        "confusion matrix transposed",
        "scores count ignored pixels as class 0",
    ),
    "01_class_centers": (
        "Eq. 2: channel softmax of (max - energy)",
        "Eq. 2 without its denominator",
        "Eq. 2 divided by the number of pixels",
        "Eq. 2: an absent class divides by 0",
        "Eq. 1: ignored pixels averaged into class 0",
    ),
    "02_attentional_class_feature": (
        "Eq. 3: centers not weighted",
        "Eq. 3: weights sum to 1 over the pixels, not over the classes",
        "Eq. 3: map transposed",
        "Eq. 5: channels in the wrong order",
        "Eq. 5 factorized: columns of W in the wrong order",
    ),
    "05_losses_and_schedule": (
        "loss averaged over ignored pixels",
        "class weights forgotten",
        "auxiliary and coarse weight swapped",
        "poly rule without its power",
        "bootstrapping keeps the easy pixels",
        "bootstrapping fills up with the easiest pixels",
        "ignored pixels take places among the K",
    ),
}
