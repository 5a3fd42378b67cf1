"""Checks of lesson 11: the full recipe for Cityscapes."""

import torch
from torch import Tensor

from acflib.course.checks.judge import Answer, Case, Verdict, distinct_sizes, judge, random_cases
from acflib.functional import IGNORE_INDEX

CHOICES = {"trained_on": ("train", "trainval"), "evaluated_on": ("val", "test"), "multi_scale": (False, True)}


def fair_comparison(student: Answer) -> Verdict:
    """Lesson 11, exercise 1. ``student(a, b)`` -> whether two scores were found under the same conditions, a bool.

    a, b: dicts with "method", "fine", "trained_on", "evaluated_on" and "multi_scale".
    """

    def same(*names: str) -> Answer:
        return lambda a, b: all(a[name] == b[name] for name in names)

    right = same(*CHOICES)
    mistakes = {
        "Method and score are no conditions. They are what is compared, and may differ.": lambda a, b: a == b,
        "This is True where the conditions differ. A comparison is fair where they agree.": (
            lambda a, b: not right(a, b)
        ),
        "You look at the part that was evaluated alone. The training data and the kind of test must agree, too.": (
            same("evaluated_on")
        ),
        "You forget the training data: a network that has seen val is another one.": (
            same("evaluated_on", "multi_scale")
        ),
        "You forget multi-scale and flip: twelve passes against one are no fair comparison.": (
            same("evaluated_on", "trained_on")
        ),
        "You forget the part that was evaluated: val and test hold other images.": same("trained_on", "multi_scale"),
        "You look at the training data alone. The part that was evaluated and the kind of test must agree, too.": (
            same("trained_on")
        ),
        "You look at multi-scale alone. The training data and the part that was evaluated must agree, too.": (
            same("multi_scale")
        ),
        "Two scores on val may be compared, too. Ask whether the conditions agree, not which they are.": (
            lambda a, b: right(a, b) and a["evaluated_on"] == "test"
        ),
        "One condition in common is not enough: all must agree.": (
            lambda a, b: any(a[name] == b[name] for name in CHOICES)
        ),
    }
    cases = [case for drawn in random_cases(_scores_cases) for case in drawn]
    a = cases[0][0]
    other_score, other_method = a | {"fine": a["fine"] + 1}, a | {"method": "another"}
    corners = {
        "Two runs of one method may be compared, too. The method is no condition.": (a, other_score),
        "Two equal scores may be compared, too. The score is no condition.": (a, other_method),
    }
    return judge(student, cases, right, mistakes, corners=corners, rubric="fair_comparison")


def label_ids(student: Answer) -> Verdict:
    """Lesson 11, exercise 2. ``student(train_ids, id_of_train_id)`` -> label ids, int64 (H, W).

    train_ids int64 (H, W), 255 where nothing is known: these become 0, "unlabeled". id_of_train_id int64 (N,).
    """

    def right(x: Tensor, table: Tensor) -> Tensor:
        known = x != IGNORE_INDEX
        return torch.where(known, table[x.where(known, 0)], 0)

    def one_after_another(x: Tensor, table: Tensor) -> Tensor:
        x = x.clone()
        for train_id, label_id in enumerate(table.tolist()):
            x[x == train_id] = label_id
        return x.masked_fill(x == IGNORE_INDEX, 0)

    def all_after_another(x: Tensor, table: Tensor) -> Tensor:
        return one_after_another(x.masked_fill(x == IGNORE_INDEX, 0), table)

    mistakes = {
        "You replace in the same map, one id after another: a pixel that was just renamed is renamed again by a later "
        "entry. Read from the train ids, write to a new map.": one_after_another,
        "You replace in the same map, one id after another: a pixel that was just renamed is renamed again, and 255 "
        "among them. Read from the train ids, write to a new map.": all_after_another,
        "These are still train ids. The server reads label ids: road is 7, not 0.": lambda x, table: x,
        "These are train ids with 255 made 0. Look each train id up in the table.": (
            lambda x, table: x.masked_fill(x == IGNORE_INDEX, 0)
        ),
        "255 is still 255. The server knows no such id: unlabeled is 0.": (
            lambda x, table: torch.where(x == IGNORE_INDEX, IGNORE_INDEX, right(x, table))
        ),
        "255 became the id of class 0. It must become 0, unlabeled.": (
            lambda x, table: table[x.masked_fill(x == IGNORE_INDEX, 0)]
        ),
        "255 became the id of the last class. It must become 0, unlabeled.": (
            lambda x, table: table[x.clamp(max=len(table) - 1)]
        ),
        "You read the table the other way round, from label id to train id.": (
            lambda x, table: right(x, table.argsort())
        ),
        "You are one entry beside: the table begins with train id 0.": lambda x, table: right(x, table.roll(1)),
    }
    corners = {
        "Train id 0 does not occur here. Look each id up by its number, not by its place among those that occur.": (
            torch.tensor([[2, 1, 1]]),
            torch.tensor([7, 8, 11]),
        )
    }
    return judge(student, random_cases(_ids_case), right, mistakes, corners=corners, rubric="label_ids")


def micro_steps(student: Answer) -> Verdict:
    """Lesson 11, exercise 3. ``student(batch_size, gpus, fits)`` -> the fewest micro-steps.

    Each GPU takes batch_size / gpus images an optimizer step, in micro-steps of equal size of at most ``fits`` images.
    """

    def fewest(images: int, fits: int) -> int:
        return next(m for m in range(1, images + 1) if images % m == 0 and images // m <= fits)

    def right(batch: int, gpus: int, fits: int) -> int:
        return fewest(batch // gpus, fits)

    mistakes = {
        "You forget that the GPUs share the batch: each takes batch_size / gpus images.": (
            lambda batch, gpus, fits: fewest(batch, fits)
        ),
        "You round up, but the parts must be equal: the micro-steps must divide the images of a GPU.": (
            lambda batch, gpus, fits: -(-(batch // gpus) // fits)
        ),
        "You round down, so a pass holds more images than fit.": lambda batch, gpus, fits: max(
            1, batch // gpus // fits
        ),
        "These are the images of a pass. Asked is the number of passes.": (
            lambda batch, gpus, fits: batch // gpus // right(batch, gpus, fits)
        ),
        "A pass may be full: as many images as fit are allowed, too.": (
            lambda batch, gpus, fits: fewest(batch // gpus, fits - 1)
        ),
        "You halve the share until it fits. It may be cut into any number of equal passes, 3 or 5 too.": (
            lambda batch, gpus, fits: next(m for m in (1, 2, 4, 8, 16, 32) if batch // gpus <= m * fits)
        ),
        "One image a pass always fits, but fewer passes are quicker and have better batch statistics.": (
            lambda batch, gpus, fits: batch // gpus
        ),
    }
    cases = [*random_cases(_plan_case, 2), *random_cases(_full_case, 1)]
    corners = {
        "The four images of a GPU fit into one pass here.": (8, 2, 4),
        "Seven images can be cut into seven passes of one image, and into no other parts.": (14, 2, 6),
    }
    return judge(student, cases, right, mistakes, corners=corners, rubric="micro_steps")


def window_counts(student: Answer) -> Verdict:
    """Lesson 11, exercise 4. ``student(length, window, step)`` -> windows over each pixel, int64 (length,).

    Windows of ``window`` pixels, ``step`` apart, cover 0..length-1; the last one is moved back until it is flush with
    the end. A length below the window has one window.
    """

    def counts(places) -> Answer:
        def found(length: int, window: int, step: int) -> Tensor:
            total = torch.zeros(length, dtype=torch.int64)
            for place in places(length, window, step):
                total[place : place + window] += 1
            return total

        return found

    def flush(length: int, window: int, step: int) -> list[int]:
        return [0] if length <= window else [*range(0, length - window, step), length - window]

    right = counts(flush)
    mistakes = {
        "The end is not covered: a last window must be flush with it.": (
            counts(lambda length, window, step: range(0, max(length - window, 1), step))
        ),
        "Your last window reaches over the end. Move it back until it is flush.": (
            counts(lambda length, window, step: range(0, max(length - window + step, 1), step))
        ),
        "You begin a window at every step of the length: the last ones reach far over the end.": (
            counts(lambda length, window, step: range(0, length, step))
        ),
        "Your windows are a whole window apart. The step is smaller, so that they overlap.": (
            counts(lambda length, window, step: flush(length, window, window))
        ),
        "An image smaller than the window still needs one window, at 0.": (
            counts(lambda length, window, step: [] if length <= window else flush(length, window, step))
        ),
        "length - window is negative for a small image, and counts from the end. It has one window, at 0.": (
            counts(lambda length, window, step: [*range(0, length - window, step), length - window])
        ),
        "Windows that reach over the end were moved back one by one, so the last place has several. It has one.": (
            counts(lambda length, window, step: [max(min(p, length - window), 0) for p in range(0, length, step)])
        ),
        "These are the shares, 1 / number of windows. The numbers were asked for.": (
            lambda length, window, step: 1 / right(length, window, step).double()
        ),
        "You only mark what is covered. Count the windows: a pixel under two of them is averaged over two.": (
            lambda length, window, step: right(length, window, step).clamp(max=1)
        ),
    }
    cases = [*random_cases(_length_case), *random_cases(_short_case, 1)]
    corners = {
        "Windows begin at 0, 3 and 6 here. The one at 6 is flush with the end: it is the last, and is there once.": (
            (10, 4, 3)
        ),
        "One window covers this side exactly.": (4, 4, 3),
    }
    return judge(student, cases, right, mistakes, corners=corners, rubric="window_counts")


# ---- random inputs


def _scores_cases(random: torch.Generator) -> list[Case]:
    """Pairs that differ in everything, in nothing (on val and on test), and in each condition alone."""
    pairs = []
    for changed, part in (([*CHOICES], None), ([], 0), ([], 1), *(([name], None) for name in CHOICES)):
        fine = [round(score, 1) for score in (70 + 10 * torch.rand(2, generator=random)).tolist()]
        picks = {name: int(torch.randint(2, (), generator=random)) for name in CHOICES}
        picks["evaluated_on"] = picks["evaluated_on"] if part is None else part
        a = {"method": "A", "fine": fine[0], **{name: CHOICES[name][k] for name, k in picks.items()}}
        b = {"method": "B", "fine": fine[1], **{n: CHOICES[n][1 - k if n in changed else k] for n, k in picks.items()}}
        pairs.append((a, b))
    return pairs


def _ids_case(random: torch.Generator) -> Case:
    h, w, n = distinct_sizes(random, 3, low=4)
    table = 8 + torch.randperm(20, generator=random)[:n]
    table[0] = n - 1  # an id that is a train id, too, and comes again in the table
    train_ids = torch.randint(0, n, (h, w), generator=random)
    train_ids.view(-1)[: n + 1] = torch.tensor([*range(n), IGNORE_INDEX])  # (H, W) -> (H*W,): each occurs
    return train_ids, table


# (images of a GPU, images that fit, numbers of GPUs) for which every mistake gives another number.
PLANS = ((20, 7, (3, 4, 8)), (14, 4, (5, 6, 7)), (28, 5, (3, 6, 7)), (30, 8, (2, 3, 4)), (10, 3, (4, 5, 6)))


def _plan_case(random: torch.Generator) -> Case:
    images, fits, choices = PLANS[int(torch.randint(len(PLANS), (), generator=random))]
    gpus = choices[int(torch.randint(len(choices), (), generator=random))]
    return images * gpus, gpus, fits


def _full_case(random: torch.Generator) -> Case:
    """As above, with passes that are full."""
    fits, gpus = ((4, 3), (5, 6), (8, 5))[int(torch.randint(3, (), generator=random))]
    return 3 * fits * gpus, gpus, fits


def _length_case(random: torch.Generator) -> Case:
    """A length that steps do not fill."""
    step = int(torch.randint(3, 8, (), generator=random))
    window = step + int(torch.randint(2, 5, (), generator=random))
    return window + 3 * step + int(torch.randint(1, step, (), generator=random)), window, step


def _short_case(random: torch.Generator) -> Case:
    window = int(torch.randint(6, 20, (), generator=random))
    return window - 2, window, window - 3
