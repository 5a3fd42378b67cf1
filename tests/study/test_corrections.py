"""Where fine corrects coarse, against a loop over pixels, and against the confusion matrices of evaluate."""

import json
from dataclasses import FrozenInstanceError

import pytest
import torch

from acflib.acfnet import ModelConfig, build_model
from acflib.datasets import open_dataset
from acflib.datasets.labels import CITYSCAPES_CLASSES
from acflib.errors import ConfigError, DataError
from acflib.predict.evaluation import evaluate
from acflib.study.corrections import Corrections, Outcomes, count_outcomes, measure_corrections

CLASSES = ("road", "traffic light", "train")


def random_batch(num_classes=4, size=(3, 13, 17)):
    """Sharp and flat probabilities; a fifth of the labels is ignored."""
    coarse = (torch.randn(size[0], num_classes, *size[1:]) * 2).softmax(dim=1)
    fine = (coarse.log() + torch.randn_like(coarse)).softmax(dim=1)
    labels = torch.randint(0, num_classes, size)
    labels[torch.rand(size) < 0.2] = 255
    return coarse, fine, labels


def counts_by_loops(coarse, fine, labels):
    """The definition, pixel by pixel: {(true class, bin, outcome): pixels}."""
    found = {}
    batch, num_classes, height, width = coarse.shape
    for b in range(batch):
        for y in range(height):
            for x in range(width):
                truth = int(labels[b, y, x])
                if truth == 255:
                    continue
                p = [float(coarse[b, i, y, x]) for i in range(num_classes)]
                q = [float(fine[b, i, y, x]) for i in range(num_classes)]
                before, after = p.index(max(p)), q.index(max(q))
                lower_edges = [k for k in range(10) if k / 10 <= max(p)]
                outcome = "same_wrong" if before == after else "other_wrong"
                if before == truth:
                    outcome = "both_right" if after == truth else "broken"
                elif after == truth:
                    outcome = "fixed"
                key = truth, lower_edges[-1], outcome
                found[key] = found.get(key, 0) + 1
    return found


def as_cells(counts):
    """The same form from what is tested."""
    names = Outcomes._fields
    return {(i, k, names[o]): int(counts[i, k, o]) for i, k, o in counts.nonzero().tolist()}


def test_counts_are_those_of_a_loop_over_pixels():
    coarse, fine, labels = random_batch()
    found = count_outcomes(coarse, fine, labels)
    assert found.dtype == torch.int64 and found.shape == (4, 10, 5)
    assert as_cells(found) == counts_by_loops(coarse, fine, labels)
    assert (found.sum(dim=(0, 1)) > 10).all()  # every outcome occurs
    assert (found.sum(dim=(0, 2))[3:] > 10).all()  # four classes: sure and unsure pixels, none below 1/4


def test_one_pixel_of_each_outcome():
    """Truth 0, except for the last pixel, which is ignored."""
    before, after = [0, 1, 0, 1, 1, 1], [0, 0, 2, 1, 2, 0]
    sure = torch.tensor([0.95, 0.85, 0.75, 0.65, 0.55, 0.45])
    coarse, fine = torch.zeros(2, 1, 3, 1, 6).unbind()
    for x in range(6):
        coarse[0, :, 0, x] = (1 - sure[x]) / 2
        coarse[0, before[x], 0, x] = sure[x]
        fine[0, after[x], 0, x] = 1.0
    labels = torch.tensor([[[0, 0, 0, 0, 0, 255]]])
    expected = {"both_right": 9, "fixed": 8, "broken": 7, "same_wrong": 6, "other_wrong": 5}  # outcome -> bin
    assert as_cells(count_outcomes(coarse, fine, labels)) == {(0, k, name): 1 for name, k in expected.items()}


@pytest.mark.parametrize("confidence, bin_", [(0.5, 5), (0.75, 7), (0.4999, 4), (0.999, 9), (1.0, 9), (1.00001, 9)])
def test_edges_of_the_bins(confidence, bin_):
    """A bin has its lower edge, and the last one 1; a mean over windows may exceed 1 by rounding."""
    rest = (1 - confidence) / 2
    coarse = torch.tensor([confidence, rest, rest]).view(1, 3, 1, 1)  # (3,) -> (1, 3, 1, 1)
    found = count_outcomes(coarse, coarse, torch.zeros(1, 1, 1, dtype=torch.int64))
    assert as_cells(found) == {(0, bin_, "both_right"): 1}


def test_counts_of_a_batch_are_the_sum_over_its_images():
    coarse, fine, labels = random_batch()
    parts = [count_outcomes(coarse[i : i + 1], fine[i : i + 1], labels[i : i + 1]) for i in range(3)]
    assert torch.equal(sum(parts), count_outcomes(coarse, fine, labels))


def test_ignored_pixels_count_for_nothing():
    coarse, fine, labels = random_batch()
    found = count_outcomes(coarse, fine, labels)
    assert found.sum() == (labels != 255).sum()
    ignored = (labels == 255).unsqueeze(1)  # (B, H, W) -> (B, 1, H, W)
    changed = torch.where(ignored, coarse.roll(1, dims=1), coarse)
    assert torch.equal(count_outcomes(changed, torch.where(ignored, fine.roll(2, dims=1), fine), labels), found)
    assert count_outcomes(coarse, fine, torch.full_like(labels, 255)).sum() == 0


def test_wrong_input_is_named():
    coarse, fine, labels = random_batch()
    with pytest.raises(ValueError, match=r"same size.*\(3, 4, 13, 17\).*\(3, 4, 13, 16\)"):
        count_outcomes(coarse, fine[..., :-1], labels)
    with pytest.raises(ValueError, match=r"same size.*\(3, 13, 16\)"):
        count_outcomes(coarse, fine, labels[..., :-1])
    with pytest.raises(ValueError, match=r"labels hold \[4\]"):
        count_outcomes(coarse, fine, labels.masked_fill(labels == 3, 4))
    with pytest.raises(ValueError, match="softmax"):
        count_outcomes(coarse.log(), fine, labels)
    with pytest.raises(ValueError, match="softmax"):
        count_outcomes(coarse * 100, fine, labels)
    with pytest.raises(ValueError, match="softmax"):
        count_outcomes(coarse * torch.nan, fine, labels)


# ---- the record


def hand_made():
    counts = torch.zeros(3, 10, 5, dtype=torch.int64)
    counts[0, 9] = torch.tensor([100, 0, 1, 0, 0])
    counts[0, 4] = torch.tensor([10, 7, 2, 3, 1])
    counts[1, 4] = torch.tensor([0, 1, 4, 0, 2])
    return Corrections(CLASSES, counts)


def test_properties_by_hand():
    found = hand_made()
    assert found.total == (110, 8, 7, 3, 3)
    assert (found.fixed, found.broken, found.net) == (8, 7, 1)
    assert found.by_class == {"road": (110, 7, 3, 3, 1), "traffic light": (0, 1, 4, 0, 2), "train": (0,) * 5}
    assert found.by_confidence[9] == (100, 0, 1, 0, 0) and found.by_confidence[4] == (10, 8, 6, 3, 3)
    assert found.by_confidence[0] == (0,) * 5 and len(found.by_confidence) == 10
    light = found.by_class["traffic light"]
    assert (light.pixels, light.net, light.both_wrong, light.right_coarse, light.right_fine) == (7, -3, 2, 4, 1)
    with pytest.raises(FrozenInstanceError):
        found.classes = ()


def test_adding():
    found = hand_made() + hand_made()
    assert found.total == (220, 16, 14, 6, 6) and torch.equal(found.counts, 2 * hand_made().counts)
    with pytest.raises(ValueError, match="different classes"):
        hand_made() + Corrections(("a", "b", "c"), hand_made().counts)
    with pytest.raises(TypeError):
        hand_made() + 1


def test_there_and_back_through_json():
    text = json.dumps(hand_made().as_dict())
    assert "." not in text  # integers alone
    found = Corrections.from_dict(json.loads(text))
    assert found.classes == CLASSES and torch.equal(found.counts, hand_made().counts)
    assert json.loads(text)["counts"]["road"][4] == [10, 7, 2, 3, 1]


def damaged(name):
    found = hand_made().as_dict()
    if name == "no counts":
        del found["counts"]
    elif name == "a bin too few":
        found["counts"] = {c: rows[:-1] for c, rows in found["counts"].items()}
    elif name == "ragged":
        found["counts"]["train"] = [[0]]
    elif name == "floats":
        found["counts"]["train"][0][0] = 0.5
    elif name == "negative":
        found["counts"]["train"][0][0] = -1
    elif name == "other order":
        found["outcomes"] = found["outcomes"][::-1]
    elif name == "a list":
        found = []
    return found


@pytest.mark.parametrize(
    "name", ["no counts", "a bin too few", "ragged", "floats", "negative", "other order", "a list"]
)
def test_a_damaged_record_is_refused(name):
    with pytest.raises(DataError, match="no counts of corrections"):
        Corrections.from_dict(damaged(name))


def test_table():
    lines = hand_made().table().splitlines()
    assert lines[0].split() == "true class pixels both right fixed broken net same wrong other wrong".split()
    assert lines[1].split() == ["road", "124", "110", "7", "3", "+4", "3", "1"]
    assert lines[2].split() == ["traffic", "light", "7", "0", "1", "4", "-3", "0", "2"]
    assert lines[4].split() == ["all", "classes", "131", "110", "8", "7", "+1", "3", "3"]
    assert lines[6].split()[0] == "confidence"
    assert lines[7 + 4].split() == ["0.4", "-", "0.5", "30", "10", "8", "6", "+2", "3", "3"]
    assert len({len(line) for line in lines if line}) == 1 and len(lines) == 17
    assert "train" not in hand_made().table(("road",))
    with pytest.raises(ValueError, match="no class 'bus' here; the classes are: road, traffic light, train"):
        hand_made().table(("bus",))


# ---- over a data set


@pytest.fixture(scope="module")
def model():
    """Not trained; weights large enough that it predicts several classes, and other ones fine than coarse."""
    torch.manual_seed(3)
    network = build_model(ModelConfig(backbone="tiny", channels=16, align_corners=False, weights=None))
    for classifier in (network.base.classifier, network.classifier):
        torch.nn.init.normal_(classifier.weight)
    return network


def test_counts_agree_with_the_confusion_matrices_of_evaluate(model, streets):
    """Right pixels of coarse + fixed - broken = right pixels of fine, in every class."""
    dataset = open_dataset(streets, "val")
    found = measure_corrections(model, dataset, batch_size=2)
    scores = evaluate(model, dataset, progress=False)
    assert found.classes == CITYSCAPES_CLASSES
    assert found.fixed > 0 and found.broken > 0 and found.total.other_wrong > 0 and found.total.same_wrong > 0
    assert found.total.right_coarse + found.fixed - found.broken == found.total.right_fine
    assert found.total.right_coarse == scores.coarse.trace() and found.total.right_fine == scores.fine.trace()
    by_class = found.by_class.values()
    assert [o.right_coarse for o in by_class] == scores.coarse.diagonal().tolist()
    assert [o.right_fine for o in by_class] == scores.fine.diagonal().tolist()
    assert [o.pixels for o in by_class] == scores.fine.sum(dim=1).tolist()


def test_counts_do_not_depend_on_the_batch_size_and_the_mode_is_put_back(model, streets):
    dataset = open_dataset(streets, "val")
    model.train()
    a, b = (measure_corrections(model, dataset, batch_size=size) for size in (1, 5))
    assert model.training
    assert torch.equal(a.counts, b.counts)


def test_the_mode_is_put_back_after_an_error(model, streets):
    dataset = open_dataset(streets, "val")
    dataset.frames[3] = type(dataset.frames[3])("gone", streets / "gone.png", dataset.frames[3].labels)
    for measure in (measure_corrections, evaluate):
        model.train()
        with pytest.raises(DataError, match="gone.png"):
            measure(model, dataset, batch_size=1, progress=False)
        assert model.training


def test_a_network_without_coarse_result_is_refused(streets):
    network = build_model(ModelConfig(backbone="tiny", variant=None, channels=16, align_corners=False, weights=None))
    with pytest.raises(ConfigError, match="no coarse result"):
        measure_corrections(network, open_dataset(streets, "val"))


def test_another_number_of_classes_is_refused(model, tmp_path):
    class Eleven:  # as much of a data set as is looked at
        num_classes, root = 11, tmp_path

    with pytest.raises(ConfigError, match="19 classes.*11"):
        measure_corrections(model, Eleven())
