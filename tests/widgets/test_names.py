"""Where names are written into class maps."""

import numpy as np
import pytest

from acflib.datasets.labels import TRAIN_ID_OF_ID
from acflib.datasets.streets import render_street
from acflib.widgets.names import MAX_DEPTH, depths, name_places


def depth_by_search(labels, row, column):
    """The nearest pixel of another class, or outside, in steps: all pixels are tried."""
    height, width = labels.shape
    found = [row + 1, column + 1, height - row, width - column]
    for r, c in np.argwhere(labels != labels[row, column]):
        found.append(abs(r - row) + abs(c - column))
    return min(found)


def test_depths_by_search():
    labels = np.random.default_rng(0).integers(0, 2, (4, 5)).repeat(4, axis=0).repeat(3, axis=1).astype(np.uint8)
    labels[3, 4] = 255
    expected = [[depth_by_search(labels, r, c) for c in range(15)] for r in range(16)]
    assert depths(labels).tolist() == expected


def test_depth_ends():
    assert depths(np.zeros((300, 300), np.uint8)).max() == MAX_DEPTH


def test_a_name_stands_in_the_larger_area():
    labels = np.zeros((40, 90), np.uint8)
    labels[5:14, 5:14] = 3  # 9 x 9: depth 5 in the middle
    labels[10:31, 50:71] = 3  # 21 x 21: depth 11 in the middle
    labels[38:] = 7  # two rows: no room
    labels[0] = 255
    places = name_places(labels)
    assert (3, 20, 60) in places and {label for label, *_ in places} == {0, 3}


@pytest.mark.parametrize("shape", [(64, 128), (700, 1024), (3, 3), (1, 300)])
def test_names_stand_in_their_class(shape):
    street = render_street(0, 256, 128)
    truth = TRAIN_ID_OF_ID[street.label_ids]
    rows, columns = (np.arange(n) * full // n for n, full in zip(shape, truth.shape, strict=True))
    labels = truth[np.ix_(rows, columns)]
    places = name_places(labels)
    assert all(labels[row, column] == label for label, row, column in places)
    assert len({label for label, *_ in places}) == len(places) and (len(places) > 2) == (min(shape) > 60)
