"""The text of a form, read by a student who sees nothing else: it says all that decides, and says it once."""

import json
import math
import re

import numpy as np
import pytest
import torch

from acflib.course import checks
from acflib.course.checks.catalog import exercise_of
from acflib.course.checks.judge import task_of
from acflib.course.material.form_notebooks import form_cells, form_text, write_forms
from acflib.course.material.form_verdict import form_check
from acflib.course.material.forms import Form, tasks
from acflib.study.ablation.stats import t_quantile
from tests.course.test_forms import written

every_exercise = pytest.mark.parametrize("check", sorted(tasks()))


def text_of(form: Form) -> str:
    return form_text(exercise_of(form.check), form)


@every_exercise
def test_a_text_asks_for_what_its_check_asks_for(check: str):
    task, idea = task_of(getattr(checks, check)), tasks()[check].idea
    assert bool(task.gradients) <= ("gradient" in idea.lower())
    assert bool(task.own_lines) == bool(re.search("without acflib|not acflib", idea))
    corners = " ".join(task.corners)
    if re.search("below 1|hardly there", corners):
        assert "below 1" in idea
    if re.search(r"\b(shorter than 1)", corners) and "center" not in check:
        assert "shorter than 1" in idea


@every_exercise
def test_a_text_names_no_argument_as_the_lesson_does(check: str):
    """A student does not see the lesson's names: `keep`, `num_classes`, `every`."""
    idea = tasks()[check].idea
    names = [value.name for value in tasks()[check].arguments]
    coded = re.findall(r"`(\w+)`", idea) + [name for name in names if "_" in name and name in idea]
    assert coded == []


@pytest.mark.parametrize("check", ["hard_centers", "hard_shares", "net_by_class"])
@pytest.mark.parametrize("labels", ["from 1, ignore 0", "from 3, ignore 0", "from 10, ignore 0"])
def test_what_classes_are_counted_from_is_said_once(check: str, labels: str):
    text = text_of(written(check, ((("kinds", "labels"), labels), (("kinds", "count"), "last"))))
    assert f"class numbers from {labels.split()[1][:-1]}" in text and "first is 0" not in text
    assert "how many classes there are, less one: 18 stands for 19" in text


def test_a_network_says_what_axes_it_takes_where_those_of_the_images_are_others():
    text = text_of(written("hooked_layer", ((("axes", "images"), "h w b 3"),)))
    assert "The network itself takes images (B, 3, H, W)" in text and "(H, W, B, 3), the images" in text


def test_the_effect_is_compared_with_what_is_handed_out():
    doubled = text_of(written("seeds_needed", ((("kinds", "effect"), "width"),)))
    assert "the whole width, 2 h, must be smaller than it" in doubled
    assert "half of the interval must" not in doubled and "is strictly smaller than what is asked for" not in doubled


def test_the_parts_of_a_score_are_told_from_conditions():
    """ "fine" is also a set of labels of Cityscapes."""
    assert '"fine" the score of the fine result' in text_of(written("fair_comparison"))


def test_what_holds_for_all_forms_stands_at_the_top(tmp_path):
    write_forms(tmp_path / "out", "heath", ("07",))
    cells = json.loads((tmp_path / "out/students/07.ipynb").read_text(encoding="utf-8"))["cells"]
    first = "".join(cells[0]["source"])
    for said in ("Tensors hold float64", "int64", "torch.bool", "row by row", "changes nothing that it is given"):
        assert said in first
    assert form_cells("07", [])[0] == ("markdown", first)


# ---- answers written from the text alone


def acf_parameters(channels, less_one, inner, variant):
    classes = less_one + 1
    reduce = channels * inner + 2 * inner
    refine = {"added": inner * inner + 2 * inner, "lined up": classes * inner * inner + 2 * inner, "plain": 0}[variant]
    before = classes * inner if variant == "plain" else inner
    fuse = (before + channels) * inner + 2 * inner
    return reduce + refine + fuse + inner * classes + classes


def cosine_distances(x):
    flat = x.flatten(1)
    lengths = flat.norm(dim=0)
    unit = flat / torch.where(lengths == 0, 1, lengths)
    return 1 - unit.T @ unit


def cell(row, column, picture, cells):
    """Pixels counted from 1, the picture as (width, height), cells counted from 1."""
    width, height = picture
    return (row - 1) * cells[0] // height + 1, (column - 1) * cells[1] // width + 1


def windows(last, window, step):
    length, begins = last + 1, 0
    over = torch.zeros(length, dtype=torch.int64)
    while begins + window < length:
        over[begins : begins + window] += 1
        begins += step
    over[max(length - window, 0) :] += 1
    return over - 1


def rows(losses, every):
    values = losses.flip(0)
    return torch.stack([values[k : k + every].mean() for k in range(0, len(values), every)]).flip(0)


def pictures(length, size, first, last, seed):
    def batch(position):
        epoch, number = divmod(position, length // size)
        return np.random.default_rng([seed, epoch]).permutation(length)[number * size : (number + 1) * size] + 1

    return torch.tensor(np.stack([batch(position) for position in range(first, last + 1)]))


def step(w, downhill, v, thousandths, friction, d):
    new = (1 - friction) * v - downhill + d * w
    return w - thousandths / 1000 * new, new


def over_both(centers_a, mass_a, centers_b, hundreds):
    mass_b = 100 * hundreds
    both = mass_a + mass_b
    sums = centers_a * mass_a[:, None] + centers_b * mass_b[:, None]
    return sums / torch.where(both == 0, 1, both)[:, None]


def after_stroke(center, hundreds, features, percent):
    mass, new = 100 * hundreds, 1 - percent / 100
    return (center * mass + (features * new[:, None]).sum(0)) / (mass + new.sum())


def pairs(deviation, width):
    n = 2
    while not 2 * t_quantile(0.95, n - 1) * deviation / math.sqrt(n) < width:
        n += 1
    return 2 * n


def same_conditions(a, b):
    """Each score as two dicts."""
    return "same" if a[1] == b[1] else "different"


def best_and_worst(losses, k):
    """From what a scene loses, in the columns of one tensor; of equal ones the first comes first."""
    least, most = (sorted(range(len(losses)), key=lambda j: sign * losses[j]) for sign in (1, -1))
    return torch.tensor([*zip(least[:k], most[:k], strict=True)])


def reading(mean, hundredths):
    return "+" if mean - hundredths / 100 > 0 else "-" if mean + hundredths / 100 < 0 else "?"


def nearest(features, centers):
    scores = torch.einsum("chw,nc->nhw", features, centers) / centers.norm(dim=1).clamp(min=1e-300)[:, None, None]
    scores[(centers == 0).all(1)] = -torch.inf
    return scores.argmax(0) + 10


def steps_of_a_gpu(batch, gpus, beside):
    share = batch // gpus
    return 2 * next(n for n in range(1, share + 1) if share % n == 0 and share // n <= beside + 1)


def gain_of_pairs(new, old):
    """A tuple (seeds, scores), and the gain as a share."""
    of_new, of_old = dict(zip(*new, strict=True)), dict(zip(*old, strict=True))
    common = of_new.keys() & of_old.keys()
    return sum(of_new[seed] - of_old[seed] for seed in common) / len(common) / 100


def normalized(photo):
    green, blue, red = photo.permute(2, 0, 1).double() / 255
    channels = zip((red, green, blue), (0.485, 0.456, 0.406), (0.229, 0.224, 0.225), strict=True)
    return torch.stack([(x - mean) / deviation for x, mean, deviation in channels])[None]


def field(layers):
    """(stride, dilation, kernel), the last layer first."""
    reach = 1
    for stride, dilation, kernel in layers:
        reach = (reach - 1) * stride + dilation * (kernel - 1) + 1
    return reach - 1


def ends(tenfold, t):
    values = tenfold / 10
    half = t * values.std() / math.sqrt(len(values))
    return float(values.mean() + half), float(values.mean() - half)


FROM_THE_TEXT = {
    "fair_comparison": ({"score": "two dicts", "yes": "words"}, same_conditions),
    "good_and_bad": ({"sign": "other", "scenes": "columns"}, best_and_worst),
    "interval_reading": ({"half": "hundredths", "reading": "signs"}, reading),
    "micro_steps": ({"fits": "others", "passes": "both ways"}, steps_of_a_gpu),
    "nearest_center_map": ({"classes": "from 10"}, nearest),
    "paired_gain": ({"scores": "lists", "gain": "share"}, gain_of_pairs),
    "photo_to_batch": ({"colors": "green first"}, normalized),
    "receptive_field": ({"layers": "stride dilation kernel, last first", "cuts": "cuts"}, field),
    "seed_interval": ({"points": "thousandths", "interval": "upper end first"}, ends),
    "acf_parameters": ({"count": "last", "variant": "renamed"}, acf_parameters),
    "batches_at": ({"end": "inclusive", "pictures": "from 1"}, pictures),
    "cell_under_pixel": ({"index": "from 1", "size": "width first", "places": "from 1"}, cell),
    "center_after_stroke": ({"hundreds": "hundreds", "percentages": "percent"}, after_stroke),
    "log_rows": ({"history": "last first", "log": "last first"}, rows),
    "merge_centers": ({"hundreds": "hundreds"}, over_both),
    "seeds_needed": ({"effect": "width", "runs": "runs"}, pairs),
    "sgd_step": ({"gradient": "downhill", "rate": "thousandths", "momentum": "friction"}, step),
    "similarity_matrix": ({"cosine": "distance"}, cosine_distances),
    "window_counts": ({"length": "last", "covered": "cuts"}, windows),
}


@pytest.mark.parametrize("check", FROM_THE_TEXT)
def test_an_answer_written_from_the_text_is_right(check: str):
    kinds, answer = FROM_THE_TEXT[check]
    form = written(check, tuple((("kinds", kind), view) for kind, view in kinds.items()))
    for seed in (0, 1):
        with checks.with_seed(seed):
            found = form_check(form, answer)
        assert found.solved, found
