"""Fixtures for the tests of the widgets."""

import pytest

from acflib.datasets.labels import TRAIN_ID_OF_ID
from acflib.datasets.streets import render_street
from acflib.widgets import Picture
from acflib.widgets.scene import analyze
from tests.widgets.cases import CLASSES, network


@pytest.fixture(scope="module")
def pictures():
    streets = [render_street(seed, 128, 64) for seed in (0, 1)]
    return [Picture(f"street {i}", s.image, TRAIN_ID_OF_ID[s.label_ids]) for i, s in enumerate(streets)]


@pytest.fixture(scope="module")
def model():
    return network()


@pytest.fixture(params=CLASSES)
def widget(request, model, pictures):
    found = CLASSES[request.param](model, gallery=pictures)
    yield found
    found.close()


@pytest.fixture(scope="module")
def picture():
    street = render_street(0, 128, 64)
    return Picture("street", street.image, TRAIN_ID_OF_ID[street.label_ids])


@pytest.fixture(scope="module")
def scene(picture):
    return analyze(picture, network(), baseline=network(None))
