"""What costs which line of a rubric, lessons 10 to 14; :mod:`acflib.course.checks.rubric` says how this is read."""

import torch
from torch import Tensor

from acflib.course.checks.rubric import Rubric, without_ignored, without_zero


def _none_alone(p: Tensor) -> Tensor:
    """No pixel that belongs to one class alone."""
    p = p.clone()
    p[:, 0, 0] = 1 / len(p)
    return p


def _named_alone(values: Tensor, table: list[tuple[int, int]]) -> tuple:
    """Without values that the table does not name."""
    named = torch.tensor([value for value, _ in table])
    return torch.where(torch.isin(values, named), values, named[0]), table


def _with_the_class(found: Tensor, p: Tensor, label: int) -> Tensor:
    return torch.cat([found[:label], torch.zeros_like(p[:1]), found[label:]])


# fmt: off
RUBRICS = {
    # 0 fixed and broken, 1 sorting by the true class, 2 ignored pixels
    "net_by_class": Rubric(
        {
            0: ("The sign is wrong", "fixed pixels alone", "add fixed and broken", "all changed pixels"),
            1: ("class of the fine result", "class of the coarse result", "Classes 2 and 4"),
            2: ("ignored pixels (255)",),
        },
        only={0: lambda c, f, t, n: (c, f, without_ignored(t), n), 2: lambda *case: case},
    ),
    # 0 the swap, 1 leaving P alone
    "swap_classes": Rubric({0: ("a may be larger",), 1: ("changes its argument",)}),
    # 0 the right scenes, 1 equal gains
    "good_and_bad": Rubric(
        # Line 1 first: a corner costs the first line that it is under.
        {1: ("f equal gains", "among equal gains"), 0: ("All scenes are asked", "inside the lists")},
        only={
            0: lambda gains, k: (gains + 1e-3 * torch.arange(len(gains)), k),
            1: lambda gains, k: (gains, k),
        },
    ),
    # 0 probabilities that sum to 1, 1 the mask, 2 leaving P alone
    "mixed_probs": Rubric(
        {
            0: (
                "no longer sum to 1", "gets nothing", "The share is", "keep all of theirs", "keep its part",
                "has exactly share", "Only class cls shrinks", "divide by 1 + share", "1 on top", "raised to share",
                "get equal parts",
            ),
            1: ("The mask is", "of the mask"),
            2: ("changes its argument",),
        }
    ),
    # 0 the training data, 1 the split of the test, 2 the number of passes
    "fair_comparison": Rubric(
        {
            0: ("forget the training data", "evaluated alone", "multi-scale alone", "no condition."),
            1: ("forget the part", "training data alone", "multi-scale alone", "Two scores on val"),
            2: ("forget multi-scale", "evaluated alone", "training data alone"),
        }
    ),
    # 0 the table, 1 255
    "label_ids": Rubric(
        {
            0: ("by a later entry", "other way round", "one entry beside", "Train id 0 does not"),
            1: ("255 is still 255", "255 became"),
        },
        only={0: lambda x, table: (without_ignored(x), table), 1: lambda x, table: (x, table)},
    ),
    # 0 parts of equal size, 1 the share of a GPU
    "micro_steps": Rubric(
        {
            0: (
                "You round", "images of a pass", "may be full", "You halve", "One image a pass", "The four images",
                "Seven images",
            ),
            1: ("GPUs share the batch",),
        }
    ),
    # 0 the places, 1 the last window, 2 a small image
    "window_counts": Rubric(
        {
            0: ("a whole window apart", "These are the shares"),
            1: (
                "end is not covered", "reaches over the end", "every step of the length", "moved back one by one",
                "Windows begin at 0, 3", "covers this side exactly",
            ),
            2: ("still needs one window", "negative for a small image"),
        },
        only={
            0: lambda length, window, step: (length, window, step) if length > window else None,
            2: lambda length, window, step: None if length > window else (length, window, step),
        },
    ),
    # 0 the numbers, 1 the axes
    "photo_to_batch": Rubric(
        {
            0: (
                "from 0 to 255", "mean and std are missing", "standard deviation is missing", "mean is missing",
                "other way round", "from -1 to 1", "blue, green, red",
            ),
            1: ("in the wrong places",),
        },
        mends={1: (lambda found, photo: found.transpose(2, 3), lambda found, photo: found[None])},
    ),
    # 0 the train ids, 1 the rest, 2 pairs that meet each other
    "train_ids": Rubric(
        {
            1: ("does not name stay", "become class 0", "Train id 0 became 255", "above all that"),
            2: ("You replace in the same array",),
        },
        only={0: _named_alone, 1: lambda values, table: (values, table)},
    ),
    # 0 features and logits, 1 the hook being gone
    "hooked_layer": Rubric(
        {
            0: (
                "what the whole network returns", "These are probabilities", "before the activation",
                "You tap the same layer", "training mode before", "in another mode", "The weights, or",
                "from a copy of the network",
            ),
            1: ("still on the layer", "hook of somebody else", "a forward of yours", "on all modules of torch"),
        }
    ),
    # 0 the centers, 1 the attention, 2 the concatenation
    "coarse_to_fine": Rubric(
        {
            0: ("hardly there", "not normalized", "softmax is forgotten", "Softmax over the wrong"),
            1: ("most likely class alone", "softmax is forgotten", "Softmax over the wrong", "far from 0"),
            2: ("order is swapped",),
        },
        mends={2: (lambda found, features, logits: torch.cat([found, features], dim=1),)},
    ),
    # 0 the cosine, 1 the right axis, 2 the zero feature
    "pixel_similarity": Rubric(
        {
            1: ("Row and column are swapped", "Each channel is divided"),
            2: ("may be shorter than 1", "asked pixel itself may"),
        },
        only={0: lambda x, r, c: (without_zero(x), r, c), 2: lambda x, r, c: (x, r, c)},
        mends={1: (lambda found, *_: found.transpose(-2, -1),)},
    ),
    # 0 cutting off, 1 the right axes
    "cell_under_pixel": Rubric(
        {
            0: (
                "You round", "corner cells onto", "not whole numbers", "whole number of pixels a cell",
                "divide by 8 everywhere", "Row 30 of 52", "Row 9 of 18", "as large as the picture",
            ),
            1: ("two axes are swapped", "answer is (column, row)"),
        }
    ),
    # 0 the two means, 1 leaving out the pixel itself, 2 the ignored cells
    "class_contrast": Rubric(
        {
            0: ("sign is turned", "These are sums", "compare with all pixels", "divide the two means"),
            1: ("pixel itself counts", "still counted below", "exactly the similarity 1", "similarity 0 to itself"),
            2: ("gnored pixels (255)",),
        }
    ),
    # 0 the power, 1 the right sum
    "tempered": Rubric(
        {
            0: ("You take the power T", "softmax of P / T", "very small"),
            1: ("no longer sum to 1", "over the pixels", "one axis of the picture"),
        }
    ),
    # 0 ratios and sum, 1 the pixel that belongs to nothing, 2 the shape
    "without_class": Rubric(
        {
            0: (
                "do not sum to 1", "in equal parts", "over the pixels", "softmax of what is left", "most likely other",
                "The whole map is 0", "Nothing is divided", "may be very little", "Little may be left",
            ),
            1: ("must stay 0", "in equal parts", "softmax of what is left", "most likely other"),
        },
        only={0: lambda p, label: (_none_alone(p), label), 1: lambda p, label: (p, label)},
        mends={2: (_with_the_class,)},
    ),
    # 0 the right weights, 1 the new mass
    "center_after_stroke": Rubric(
        {
            0: ("may be the zero vector",),
            1: ("new mass is missing", "mass grows by K", "This is a sum", "may be below 1", "A class that was absent"),
        }
    ),
}
# fmt: on
