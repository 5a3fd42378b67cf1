"""The confusion matrix by hand, and IoU against the official evaluator of Cityscapes."""

import json
import math

import numpy as np
import pytest
import torch
from cityscapesscripts.evaluation import evalPixelLevelSemanticLabeling as official
from PIL import Image

from acflib.datasets.labels import CITYSCAPES_CLASSES, CITYSCAPES_LABELS, ID_OF_TRAIN_ID, TRAIN_ID_OF_ID
from acflib.metrics import Scores, confusion_matrix, iou_per_class, mean_iou, pixel_accuracy


def official_scores(tmp_path, monkeypatch, pairs):
    """Write pairs of label ids (truth, prediction) as PNG files and let the official script score them."""
    predictions, truths = [], []
    for i, (truth, prediction) in enumerate(pairs):
        for kind, ids, names in (("gtFine_labelIds", truth, truths), ("pred", prediction, predictions)):
            path = tmp_path / f"town_{i:06d}_000019_{kind}.png"
            Image.fromarray(ids.astype(np.uint8)).save(path)
            names.append(str(path))
    # Scores per instance are another measure and need other files.
    settings = dict(quiet=True, JSONOutput=False, evalInstLevelScore=False, evalPixelAccuracy=False, evalLabels=[])
    for name, value in settings.items():
        monkeypatch.setattr(official.args, name, value)
    return official.evaluateImgLists(predictions, truths, official.args)


def our_matrix(pairs):
    matrices = []
    for truth, prediction in pairs:
        truth, prediction = torch.from_numpy(TRAIN_ID_OF_ID[truth]), torch.from_numpy(TRAIN_ID_OF_ID[prediction])
        matrices.append(confusion_matrix(prediction, truth, 19))
    return sum(matrices)


def random_pairs(absent=()):
    """Three pairs of different size. The truth holds all 34 ids of a label file, so also all that are ignored (license
    plates have the id -1 and stand in no file); the predictions hold the 19 classes, right in about 60 %."""
    rng = np.random.default_rng(1)
    ids = [label.id for label in CITYSCAPES_LABELS if label.id >= 0 and label.name not in absent]
    learnt = [label.id for label in CITYSCAPES_LABELS if 0 <= label.train_id < 19 and label.name not in absent]
    pairs = []
    for size in ((40, 60), (33, 21), (50, 50)):
        truth = rng.choice(ids, size)
        prediction = np.where(rng.random(size) < 0.6, ID_OF_TRAIN_ID[TRAIN_ID_OF_ID[truth]], rng.choice(learnt, size))
        prediction[prediction == 0] = learnt[0]  # what is ignored in the truth gets some class in a prediction
        pairs.append((truth, prediction))
    return pairs


def assert_equal_to_official(tmp_path, monkeypatch, pairs):
    expected = official_scores(tmp_path, monkeypatch, pairs)
    confusion = our_matrix(pairs)
    found = iou_per_class(confusion).tolist()
    for name, value in zip(CITYSCAPES_CLASSES, found, strict=True):
        assert value == pytest.approx(expected["classScores"][name], abs=1e-9, nan_ok=True), name
    assert mean_iou(confusion) == pytest.approx(expected["averageScoreClasses"], abs=1e-9)
    ignored = [label.name for label in CITYSCAPES_LABELS if label.ignore_in_eval and label.id >= 0]
    assert all(math.isnan(expected["classScores"][name]) for name in ignored)
    return found


def test_iou_equals_the_official_evaluator(tmp_path, monkeypatch):
    found = assert_equal_to_official(tmp_path, monkeypatch, random_pairs())
    assert all(0.2 < value < 0.8 for value in found)


def test_iou_equals_the_official_evaluator_with_absent_classes(tmp_path, monkeypatch):
    """A class in neither truth nor prediction is left out; one that is only predicted counts as 0."""
    pairs = random_pairs(absent=("train", "bus", "rider"))
    truth, prediction = pairs[0]
    valid = np.argwhere(TRAIN_ID_OF_ID[truth] != 255)
    prediction[tuple(valid[:5].T)] = 28  # bus, on pixels of other classes
    ignored = np.argwhere(TRAIN_ID_OF_ID[truth] == 255)
    prediction[tuple(ignored[:5].T)] = 25  # rider, but only where nothing counts
    found = dict(zip(CITYSCAPES_CLASSES, assert_equal_to_official(tmp_path, monkeypatch, pairs), strict=True))
    assert found["bus"] == 0 and math.isnan(found["train"]) and math.isnan(found["rider"])


def test_perfect_prediction(tmp_path, monkeypatch):
    pairs = [(truth, np.where(TRAIN_ID_OF_ID[truth] == 255, 7, truth)) for truth, _ in random_pairs()]
    assert assert_equal_to_official(tmp_path, monkeypatch, pairs) == [1.0] * 19


def test_confusion_matrix_by_hand():
    labels = torch.tensor([[0, 0, 1], [2, 255, 1]])
    predictions = torch.tensor([[0, 1, 1], [0, 2, 2]])
    found = confusion_matrix(predictions, labels, 3)
    assert found.dtype == torch.int64
    assert found.tolist() == [[1, 1, 0], [0, 1, 1], [1, 0, 0]]  # row: truth, column: prediction
    assert iou_per_class(found).tolist() == pytest.approx([1 / 3, 1 / 3, 0])
    assert mean_iou(found) == pytest.approx(2 / 9)
    assert pixel_accuracy(found) == pytest.approx(2 / 5)


def test_matrix_of_a_batch_is_the_sum_over_its_images():
    labels, predictions = torch.randint(0, 4, (2, 3, 5, 7))
    labels[0, :3] = 255
    parts = [confusion_matrix(p, t, 4) for p, t in zip(predictions, labels, strict=True)]
    assert torch.equal(confusion_matrix(predictions, labels, 4), sum(parts))
    assert sum(parts).sum() == (labels != 255).sum()


def test_counts_from_uint8_do_not_overflow():
    labels = torch.full((20, 20), 18, dtype=torch.uint8)
    found = confusion_matrix(labels, labels, 19)
    assert found[18, 18] == 400 and found.sum() == 400


def test_what_is_predicted_at_ignored_pixels_does_not_matter():
    labels = torch.tensor([[0, 255]])
    assert torch.equal(
        confusion_matrix(torch.tensor([[0, 1]]), labels, 2), confusion_matrix(torch.tensor([[0, 99]]), labels, 2)
    )


def test_nothing_counted():
    empty = confusion_matrix(torch.zeros(2, 2).long(), torch.full((2, 2), 255), 3)
    assert (empty == 0).all()
    assert iou_per_class(empty).isnan().all() and math.isnan(mean_iou(empty)) and math.isnan(pixel_accuracy(empty))


def test_absent_classes_are_nan_and_left_out_of_the_mean():
    iou = iou_per_class(torch.tensor([[3, 1, 0], [0, 2, 0], [0, 0, 0]]))
    assert iou[:2].tolist() == pytest.approx([3 / 4, 2 / 3]) and iou[2].isnan()
    assert mean_iou(torch.tensor([[3, 1, 0], [0, 2, 0], [0, 0, 0]])) == pytest.approx((3 / 4 + 2 / 3) / 2)


@pytest.mark.parametrize(
    "predictions, labels, message",
    [
        (torch.zeros(2, 3), torch.zeros(3, 2), r"\(2, 3\).*\(3, 2\)"),
        (torch.tensor([0, 3]), torch.tensor([0, 1]), "predictions run from 0 to 3.*3 classes"),
        (torch.tensor([0, -1]), torch.tensor([0, 1]), "predictions run from -1"),
        (torch.tensor([0, 1]), torch.tensor([0, 3]), "labels run from 0 to 3.*0..2, and 255"),
        (torch.tensor([0, 1]), torch.tensor([-1, 1]), "labels run from -1"),
        (torch.tensor([0, 255]), torch.tensor([0, 1]), "predictions run from 0 to 255"),
    ],
)
def test_wrong_input_is_named(predictions, labels, message):
    with pytest.raises(ValueError, match=message):
        confusion_matrix(predictions, labels, 3)


def make_scores(with_coarse=True):
    fine = torch.tensor([[3, 1, 0], [0, 2, 0], [0, 0, 0]])
    coarse = torch.tensor([[2, 2, 0], [1, 1, 0], [0, 0, 0]])
    return Scores(("road", "traffic light", "train"), fine, coarse if with_coarse else None)


def test_scores_as_dict():
    found = make_scores().as_dict()
    assert json.loads(json.dumps(found)) == found  # no NaN, which JSON does not know
    assert found["miou_fine"] == pytest.approx(100 * (3 / 4 + 2 / 3) / 2)
    assert found["iou_fine"] == {"road": 75.0, "traffic light": pytest.approx(200 / 3), "train": None}
    assert found["iou_coarse"] == {"road": pytest.approx(40), "traffic light": pytest.approx(25), "train": None}
    assert found["miou_coarse"] == pytest.approx(32.5)
    assert make_scores().miou_fine == pytest.approx(found["miou_fine"] / 100)
    assert make_scores().miou_coarse == pytest.approx(0.325)


def test_scores_without_coarse_result():
    scores = make_scores(with_coarse=False)
    assert scores.miou_coarse is None and set(scores.as_dict()) == {"miou_fine", "iou_fine"}
    assert "coarse" not in scores.table()


def test_scores_table():
    assert make_scores().table().splitlines() == [
        "IoU (%)             fine  coarse",
        "road               75.00   40.00",
        "traffic light      66.67   25.00",
        "train                  -       -",
        "mIoU               70.83   32.50",
    ]
