"""Checks of lesson 12: a photograph for a network, one's own label files, hooks, coarse to fine on any network."""

import functools
import warnings
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from acflib import functional
from acflib.course.checks import extremes, tapping
from acflib.course.checks.judge import Answer, Case, Hints, Verdict, distinct_sizes, judge, random_cases
from acflib.datasets.normalize import normalize_image
from acflib.functional import IGNORE_INDEX
from acflib.layers.bases import IMAGENET_MEAN, IMAGENET_STD

Table = list[tuple[int, int]]
HARDLY_THERE = "A class may be hardly there, with a mass below 1. Divide by it as it is; clamp(min=1) moves its center."


def photo_to_batch(student: Answer) -> Verdict:
    """Lesson 12, exercise 1. ``student(photo)`` -> what a network takes, floats (1, 3, H, W).

    photo: RGB uint8 (H, W, 3), a tensor; a function that is written for the array of numpy gets one.
    """

    def planes(photo: Tensor) -> Tensor:
        return photo.permute(2, 0, 1)[None].double()  # (H, W, 3) -> (1, 3, H, W)

    def right(photo: Tensor) -> Tensor:
        return normalize_image(photo.permute(2, 0, 1))[None]

    mean, std = (torch.tensor(values).double().view(1, 3, 1, 1) for values in (IMAGENET_MEAN, IMAGENET_STD))
    mistakes = {
        "The colors still run from 0 to 255. Divide by 255 first: mean and std are meant for 0 to 1.": (
            lambda photo: (planes(photo) - mean) / std
        ),
        "The colors run from 0 to 1 now, but mean and std are missing.": lambda photo: planes(photo) / 255,
        "The standard deviation is missing: divide by it after the mean is gone.": (
            lambda photo: planes(photo) / 255 - mean
        ),
        "The mean is missing: subtract it before you divide by the standard deviation.": (
            lambda photo: planes(photo) / 255 / std
        ),
        "You first divide by the standard deviation, then subtract the mean. It is the other way round.": (
            lambda photo: planes(photo) / 255 / std - mean
        ),
        "The colors run from -1 to 1. These networks want (x / 255 - mean) / std with the mean of ImageNet.": (
            lambda photo: planes(photo) / 127.5 - 1
        ),
        "The colors stand in the order blue, green, red. This library reads red first.": (
            lambda photo: right(photo.flip(2))
        ),
        "The numbers are those of the photograph, in the wrong places: reshape or view cuts rows into colors. Move the "
        "axis with permute.": lambda photo: normalize_image(photo.reshape(3, *photo.shape[:2]))[None],
        "Right numbers in the wrong places: view or reshape keeps the order red, green, blue, red, ... in memory. Move "
        "the axis with permute(2, 0, 1).": lambda photo: right(photo).permute(0, 2, 3, 1).reshape(right(photo).shape),
    }
    hints = Hints(whole="a network needs floats.", swapped="Height and width are swapped: permute(2, 0, 1).")
    cases = random_cases(_photo_case)
    return judge(
        given_either(student), cases, right, mistakes, hints=hints, own_lines=True, atol=1e-5, rubric="photo_to_batch"
    )


def train_ids(student: Answer) -> Verdict:
    """Lesson 12, exercise 2. ``student(values, table)`` -> the train ids of a label file, whole numbers (H, W).

    values int64 (H, W), table a list of (value in the file, train id). Values that it does not name become 255.
    """

    def lookup(values: Tensor, table: Table, other: int = IGNORE_INDEX) -> Tensor:
        found = torch.full_like(values, other)
        for value, train_id in table:
            found[values == value] = train_id
        return found

    def one_after_another(values: Tensor, table: Table) -> Tensor:
        for value, train_id in table:
            values[values == value] = train_id
        return values

    def zero_is_unknown(values: Tensor, table: Table) -> Tensor:
        found = lookup(values, table, 0)
        return found.masked_fill(found == 0, IGNORE_INDEX)

    def then_the_rest(values: Tensor, table: Table) -> Tensor:
        known = torch.isin(values, torch.tensor([value for value, _ in table]))
        return torch.where(known, one_after_another(values.clone(), table), IGNORE_INDEX)

    def rest_stays(values: Tensor, table: Table) -> Tensor:
        return torch.where(lookup(values, table) == IGNORE_INDEX, values, lookup(values, table))

    mistakes = {
        "You replace in the same array, one line of the table after another: a pixel that was just renamed is renamed "
        "again by a later line. Read from the file's values, write to a new array.": then_the_rest,
        "You replace in the same array, so a pixel that was just renamed is renamed again; and values that the table "
        "does not name stay as they are. They must become 255.": one_after_another,
        "Values that the table does not name stay as they are. They look like classes now; they must become 255.": (
            rest_stays
        ),
        "Values that the table does not name become class 0. They must become 255, so that no loss counts them.": (
            lambda values, table: lookup(values, table, 0)
        ),
        "Train id 0 became 255. You mark what is still 0 as unknown, but 0 is a train id: begin with 255 everywhere.": (
            zero_is_unknown
        ),
        "You read the table backwards: it says (value in the file, train id).": (
            lambda values, table: lookup(values, [(train_id, value) for value, train_id in table])
        ),
        "You take the place in the table as the train id. Take the number that it gives.": (
            lambda values, table: lookup(values, [(value, place) for place, (value, _) in enumerate(table)])
        ),
        "A value above all that the table names is not named either: it becomes 255.": (
            lambda values, table: lookup(values.clamp(max=max(value for value, _ in table)), table)
        ),
    }
    cases = [case for n in (5, 4, 6) for case in random_cases(functools.partial(_label_case, length=n), 1)]
    return judge(student, cases, lookup, mistakes, rubric="train_ids")


def hooked_layer(student: Answer) -> Verdict:
    """Lesson 12, exercise 3. ``student(network, name, images)`` -> (features, logits), what a layer gets and gives.

    network: any module; name: of one of its layers, as in ``network.named_modules()``; images (B, 3, H, W).
    """

    def with_logits(change: Callable[[nn.Module, Tensor, Tensor], Tensor]) -> Answer:
        def found(network: nn.Module, name: str, images: Tensor) -> tuple[Tensor, Tensor]:
            features, logits = tapping.tapped(network, name, images)
            return features, change(network, images, logits)

        return found

    mistakes = {
        "The logits are what the whole network returns. Something is done to them behind the layer: take the layer's "
        "own result.": with_logits(lambda network, images, logits: network(images)),
        "These are probabilities. Take the layer's result before any softmax.": (
            with_logits(lambda network, images, logits: logits.softmax(1))
        ),
        "The features are those before the activation. Take what goes into the layer, not what its neighbor gives.": (
            lambda network, name, images: (network.body.first(images), tapping.tapped(network, name, images)[1])
        ),
    }
    demands = {
        "Your hook is still on the layer. It would run at every later forward, and keep its tensors: remove it.": (
            tapping.leaves_no_hook
        ),
        "A layer still has a forward of yours in the place of its own. Use a hook, and remove it.": (
            tapping.leaves_the_forward
        ),
        "Your hook is still there, on all modules of torch. It would run in every network: put it on one layer alone, "
        "and remove it.": tapping.leaves_no_hook_on_all,
        "A hook of somebody else is gone. Remove your own alone: register_forward_hook gives a handle with remove().": (
            tapping.leaves_other_hooks
        ),
        "The network was in training mode before, and is not any more (or the other way round). Leave it as it was.": (
            tapping.leaves_the_mode
        ),
        "One layer was in another mode than the whole network, and is not any more: train() sets them all.": (
            tapping.leaves_mixed_modes
        ),
        "The weights, or their requires_grad, are not what they were. Leave the network as it was.": (
            tapping.leaves_the_weights
        ),
        "The answer comes from a copy of the network: whoever trains on it would never reach the network itself.": (
            tapping.comes_from_this_network
        ),
    }
    cases = random_cases(_network_case)
    network, _, images = cases[0]
    corners = {"You tap the same layer, whatever `name` says.": (network, "body.first", images)}
    with tapping.hooks_of_all_put_back():
        return judge(
            student, cases, tapping.tapped, mistakes, corners=corners, demands=demands, gradients=(2,),
            rubric="hooked_layer",
        )  # fmt: skip


def coarse_to_fine(student: Answer) -> Verdict:
    """Lesson 12, exercise 4. ``student(features, logits)`` -> attended class feature and features, (B, 2C, H, W).

    features (B, C, H, W), logits (B, N, H, W): what a hook sees. Eq. 2, Eq. 3, then the concatenation of section 3.2.
    """

    def fused(attended: Callable[[Tensor, Tensor], Tensor]) -> Answer:
        return lambda features, logits: torch.cat([attended(features, logits), features], dim=1)

    def attend(features: Tensor, weights: Tensor) -> Tensor:
        return functional.attend_sum(functional.class_centers(features, weights), weights)

    def right(features: Tensor, logits: Tensor) -> Tensor:
        return fused(lambda f, z: attend(f, z.softmax(1)))(features, logits)

    def sums(features: Tensor, logits: Tensor) -> Tensor:
        p = logits.softmax(1)
        return functional.attend_sum(torch.einsum("bchw,bnhw->bnc", features, p), p)

    def best_center(features: Tensor, logits: Tensor) -> Tensor:
        p = logits.softmax(1)
        hard = nn.functional.one_hot(p.argmax(1), p.shape[1]).movedim(-1, 1).to(p.dtype)  # (B, H, W, N) -> (B, N, H, W)
        return functional.attend_sum(functional.class_centers(features, p), hard)

    def at_least_1(features: Tensor, logits: Tensor) -> Tensor:
        p = logits.softmax(1)
        mass = p.sum((2, 3))[..., None]
        return functional.attend_sum(_centers(features, p) * mass / mass.clamp(min=1), p)

    mistakes = {
        HARDLY_THERE: fused(at_least_1),
        "The softmax is forgotten: the weights of Eq. 2 and 3 are probabilities, not logits.": (
            fused(lambda f, z: torch.einsum("bnc,bnhw->bchw", _centers(f, z), z))
        ),
        "The softmax is forgotten: class_centers and attend_sum want probabilities, not logits.": fused(attend),
        "Softmax over the wrong axis: over all pixels. The classes of one pixel must share its 1: dim 1.": (
            fused(lambda f, z: attend(f, z.flatten(2).softmax(2).view_as(z)))
        ),
        "The class centers are not normalized: divide each by the sum of P over the pixels (Eq. 2).": fused(sums),
        "Each pixel takes the center of its most likely class alone. Eq. 3 mixes all centers, weighted with P.": (
            fused(best_center)
        ),
        "The order is swapped: the attended class feature comes first, then the features.": (
            lambda f, z: torch.cat([f, attend(f, z.softmax(1))], dim=1)
        ),
        "The features stand there twice. The first half must be the attended class feature.": (
            lambda f, z: torch.cat([f, f], dim=1)
        ),
    }
    cases = random_cases(_map_case)
    features, logits = cases[0]
    corners = {
        HARDLY_THERE: (features, extremes.rare_class(logits, 0.05)),
        extremes.SOFTMAX: (features, extremes.far_from_0(logits)),
    }
    return judge(student, cases, right, mistakes, corners=corners, gradients=(0, 1), rubric="coarse_to_fine")


# ---- random inputs


def given_either(student: Answer) -> Answer:
    """The student's function, given the photograph as a tensor or, where it cannot read that, as an array."""

    @functools.wraps(student)
    def answer(photo: Tensor) -> Any:
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # numpy's, of an array and a tensor in one sum
                return student(photo)
        except NotImplementedError:
            raise
        except Exception as error:  # whatever a function for arrays makes of a tensor
            try:
                return student(photo.numpy())
            except Exception:
                raise error from None

    return answer


def _photo_case(random: torch.Generator) -> Case:
    height, width = distinct_sizes(random, 2, low=4)
    return (torch.randint(256, (height, width, 3), generator=random, dtype=torch.uint8),)


def _label_case(random: torch.Generator, length: int) -> Case:
    height, width = distinct_sizes(random, 2, low=5)
    values = (torch.randperm(20, generator=random)[:6] + 10).tolist()  # in the file, beside 0 to 6 below
    table = [(values[0], 4), (4, 2), (2, 0), (values[1], 1), (values[2], 3), (values[3], 5)][:length]
    named = torch.tensor([value for value, _ in table] + [values[4], 6, 200])  # the last three are not in the table
    labels = named[torch.randint(len(named), (height, width), generator=random)]
    labels.view(-1)[: len(named)] = named  # (H, W) -> (H*W,): each occurs
    return labels, table


def _network_case(random: torch.Generator) -> Case:
    channels, classes, height, width = distinct_sizes(random, 4, low=4)
    images = torch.randn(2, 3, height, width, generator=random, dtype=torch.float64)
    return tapping.Network(channels, classes, random), "last", images


def _map_case(random: torch.Generator) -> Case:
    b, c, n, h, w = distinct_sizes(random, 5)
    features = torch.randn(b, c, h, w, generator=random, dtype=torch.float64) + 1
    return features, 2 * torch.randn(b, n, h, w, generator=random, dtype=torch.float64)


def _centers(features: Tensor, weights: Tensor) -> Tensor:
    return torch.einsum("bchw,bnhw->bnc", features, weights) / weights.sum((2, 3))[..., None]
