"""The label table equals the official one."""

import numpy as np
from cityscapesscripts.helpers import labels as official

from acflib.datasets import labels


def test_table_equals_the_official_one():
    for ours, theirs in zip(labels.CITYSCAPES_LABELS, official.labels, strict=True):
        assert (ours.name, ours.id, ours.train_id) == (theirs.name, theirs.id, theirs.trainId)
        assert (ours.category, ours.has_instances) == (theirs.category, theirs.hasInstances)
        assert (ours.ignore_in_eval, ours.color) == (theirs.ignoreInEval, theirs.color)


def test_classes_and_colors_are_in_train_id_order():
    assert len(labels.CITYSCAPES_CLASSES) == len(labels.CITYSCAPES_COLORS) == len(labels.CITYSCAPES_CLASS_WEIGHTS) == 19
    for train_id, (name, color) in enumerate(zip(labels.CITYSCAPES_CLASSES, labels.CITYSCAPES_COLORS, strict=True)):
        assert official.trainId2label[train_id].name == name
        assert official.trainId2label[train_id].color == color


def test_lookups():
    for value in range(256):
        expected = official.id2label[value].trainId if value < 34 else labels.UNKNOWN
        assert labels.TRAIN_ID_OF_ID[value] == expected
    for train_id in range(19):
        assert labels.TRAIN_ID_OF_ID[labels.ID_OF_TRAIN_ID[train_id]] == train_id
    assert (labels.TRAIN_IDS != labels.UNKNOWN).sum() == 20
    assert labels.CAMVID_TRAIN_IDS[11] == 255
    assert np.array_equal(labels.CAMVID_TRAIN_IDS[:11], np.arange(11))
    assert (labels.CAMVID_TRAIN_IDS[12:] == labels.UNKNOWN).all()
