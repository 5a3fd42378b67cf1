"""The checks of the exercises: right answers pass, and each usual mistake gets the message that names it."""

import pytest
import torch
import torch.nn.functional as F

from acflib import checks, functional


def safe(sums, mass):
    return torch.where(mass[..., None] > 0, sums / mass[..., None].clamp_min(1e-12), 0.0)


def sums(x, weights):
    return torch.einsum("bchw,bnhw->bnc", x, weights)


def one_hot(labels, n):
    return torch.stack([labels == i for i in range(n)], dim=1).double()


def eq1(x, y, n):
    weights = one_hot(y, n)
    return safe(sums(x, weights), weights.sum((2, 3)))


def eq2(x, z):
    p = z.softmax(1)
    return sums(x, p) / p.sum((2, 3))[..., None]


def merged(a, m, b, k):
    return safe(a * m[:, None] + b * k[:, None], m + k)


def channel_softmax(x, z):
    energy = z.softmax(1).flatten(2) @ x.flatten(2).transpose(1, 2)
    return (energy.max(-1, keepdim=True).values - energy).softmax(-1)


def with_nan(x, y, n):
    weights = one_hot(y, n)
    return sums(x, weights) / weights.sum((2, 3))[..., None]


def with_one_hot(x, y, n):
    return sums(x, F.one_hot(y, n).permute(0, 3, 1, 2).double())


RIGHT = {
    "hard_centers": [eq1, functional.hard_class_centers],
    "centers_from_logits": [eq2, lambda x, z: functional.class_centers(x, z.softmax(1))],
    "merge_centers": [merged],
}

WRONG = [
    ("hard_centers", lambda x, y, n: sums(x, one_hot(y, n)), "sums, not means"),
    ("hard_centers", lambda x, y, n: sums(x, one_hot(y, n)) / (y.shape[1] * y.shape[2]), "divide by H*W"),
    ("hard_centers", with_nan, "NaN"),
    ("hard_centers", with_one_hot, "ignore label, used as if it were a class"),
    ("hard_centers", lambda x, y, n: eq1(x, y.clamp(max=n - 1), n), "averaged into the last class"),
    ("hard_centers", lambda x, y, n: eq1(x, torch.where(y == 255, 0, y), n), "averaged into class 0"),
    ("hard_centers", lambda x, y, n: eq1(x, y, n).transpose(1, 2), "axes are swapped"),
    ("hard_centers", lambda x, y, n: eq1(x, y, n)[0], "must be"),
    ("hard_centers", lambda x, y, n: eq1(x, y, n).tolist(), "not a tensor"),
    ("hard_centers", lambda x, y, n: eq1(x, y, n).round().long(), "means, so floats"),
    (
        "hard_centers",
        lambda x, y, n: safe(sums(x, one_hot(y, n)).sum(0), one_hot(y, n).sum((0, 2, 3))).expand(len(x), -1, -1),
        "images of a batch are mixed",
    ),
    ("centers_from_logits", lambda x, z: sums(x, z) / z.sum((2, 3))[..., None], "softmax is forgotten"),
    ("centers_from_logits", lambda x, z: functional.class_centers(x, z.softmax(2)), "over the rows"),
    ("centers_from_logits", lambda x, z: functional.class_centers(x, z.softmax(-1)), "over the columns"),
    ("centers_from_logits", lambda x, z: sums(x, z.flatten(2).softmax(-1).view_as(z)), "over all pixels"),
    ("centers_from_logits", lambda x, z: functional.class_centers(x, z.sigmoid()), "sigmoid"),
    ("centers_from_logits", lambda x, z: eq1(x, z.argmax(1), z.shape[1]), "argmax"),
    ("centers_from_logits", lambda x, z: sums(x, z.softmax(1)), "normaliser is missing"),
    ("centers_from_logits", lambda x, z: (x[:, None] * z.softmax(1)[:, :, None]).mean((3, 4)), "divide by H*W"),
    ("centers_from_logits", channel_softmax, "softmax over channels"),
    ("centers_from_logits", lambda x, z: eq2(x, z).transpose(1, 2), "axes are swapped"),
    ("centers_from_logits", lambda x, z: eq2(x, z) + 1, "other values than the equation"),
    ("centers_from_logits", lambda x, z: eq2(x, z).half(), "slightly off"),
    ("merge_centers", lambda a, m, b, k: (a + b) / 2, "plain mean"),
    ("merge_centers", lambda a, m, b, k: merged(a, k, b, m), "swapped"),
    ("merge_centers", lambda a, m, b, k: a * m[:, None] + b * k[:, None], "normaliser is missing"),
    ("merge_centers", lambda a, m, b, k: a + b, "just add"),
    ("merge_centers", lambda a, m, b, k: (a * m.sum() + b * k.sum()) / (m.sum() + k.sum()), "total mass"),
    ("merge_centers", lambda a, m, b, k: (a * m[:, None] + b * k[:, None]) / (m + k)[:, None], "NaN"),
    ("merge_centers", lambda a, m, b, k: a @ b, "raised RuntimeError"),
]


@pytest.mark.parametrize("name", RIGHT)
def test_right_answers_pass(name: str):
    for answer in RIGHT[name]:
        verdict = getattr(checks, name)(answer)
        assert verdict.solved and repr(verdict).startswith("Right"), verdict


@pytest.mark.parametrize(("name", "answer", "message"), WRONG, ids=[f"{n}-{m}" for n, _, m in WRONG])
def test_mistakes_are_named(name: str, answer, message: str):
    verdict = getattr(checks, name)(answer)
    assert not verdict.solved and message in verdict.message, verdict


@pytest.mark.parametrize("name", RIGHT)
def test_unsolved(name: str):
    def stub(*_):
        raise NotImplementedError

    for unsolved in (stub, lambda *_: None):
        verdict = getattr(checks, name)(unsolved)
        assert not verdict.solved and "Not solved yet" in verdict.message


@pytest.mark.parametrize("name", RIGHT)
def test_every_mistake_is_tried(name: str):
    assert sum(wrong == name for wrong, _, _ in WRONG) >= 3


def test_inputs_of_a_student_are_not_shared():
    def spoil(x, z):
        result = eq2(x, z)
        x.zero_(), z.zero_()
        return result

    assert checks.centers_from_logits(spoil).solved
