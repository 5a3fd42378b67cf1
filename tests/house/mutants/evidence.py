"""Mutations of what measures a network: where fine corrects coarse."""

from tests.house.mutants.mutation import Mutation

CORRECTIONS, EVALUATION = "acflib/study/corrections.py", "acflib/predict/evaluation.py"
CORRECT = ("tests/study/test_corrections.py",)

MUTATIONS = [
    Mutation(
        "fixed and broken pixels swapped", CORRECTIONS,
        "torch.where(fine_right, 0, 2), torch.where(fine_right, 1, both_wrong)",
        "torch.where(fine_right, 0, 1), torch.where(fine_right, 2, both_wrong)", CORRECT,
    ),
    Mutation(
        "pixels sorted by the confidence of the fine result", CORRECTIONS,
        "_confidence_bins(confidence[valid])", "_confidence_bins(fine.amax(dim=1)[valid])", CORRECT,
    ),
    Mutation(
        "corrections counted by predicted instead of true class", CORRECTIONS,
        "cells = (truth * CONFIDENCE_BINS", "cells = (fine.argmax(dim=1)[valid] * CONFIDENCE_BINS", CORRECT,
    ),
    Mutation(
        "bins of confidence shifted by half", CORRECTIONS,
        "(confidence * CONFIDENCE_BINS).long()", "(confidence * CONFIDENCE_BINS).round().long()", CORRECT,
    ),
    Mutation(
        "a wrong class that changed counted as kept", CORRECTIONS,
        "torch.where(coarse_class == fine_class, 3, 4)", "torch.where(coarse_class == fine_class, 4, 3)", CORRECT,
    ),
]  # fmt: skip
