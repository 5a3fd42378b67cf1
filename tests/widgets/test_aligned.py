"""Widgets of a network with aligned corners: cell j lies on pixel 8j, in the numbers, the brush and the figures."""

import matplotlib.pyplot as plt
import numpy as np
import pytest
import torch

from acflib.widgets import attention_state, explorer_state, lab_edits, lab_state, lab_view, plots
from acflib.widgets.lab_edits import Mix, Stroke, Truth
from acflib.widgets.scene import Picture, analyze
from tests.widgets.cases import batch, network

SIZE, CELLS = (60, 75), (9, 11)  # padded: 65 x 81


@pytest.fixture(scope="module")
def scene():
    draw = np.random.default_rng(0)
    image, truth = draw.integers(0, 256, (*SIZE, 3), dtype=np.uint8), draw.integers(0, 19, SIZE, dtype=np.uint8)
    return analyze(Picture("noise", image, truth), network(align_corners=True))


def test_the_cell_under_a_pixel(scene):
    assert scene.cells == CELLS
    for place in range(60):
        nearest = int(np.floor(place / 8 + 0.5))
        assert scene.cell((place, 0)) == (nearest, 0)
        layer = scene.layers["before fine"]
        assert explorer_state.layer_cell(layer, scene, (0, place)) == (0, nearest)


def test_what_if_is_the_networks_own_result(scene):
    edited = lab_edits.edited_map(scene.probabilities, (Mix(0, 1, 0.7),), None, scene.grid)
    with torch.no_grad():
        maps = {"center_probs": edited[None], "attention_probs": edited[None]}
        logits = scene.model(batch(scene.picture), **maps)["out"]
    np.testing.assert_array_equal(lab_view.what_if(scene, edited).fine, logits[0].argmax(0))


def test_ground_truth_as_coarse_is_the_oracle(scene):
    edited = lab_edits.apply_edit(scene.probabilities, Truth(), scene.picture.truth, scene.grid)
    one_hot = torch.nn.functional.one_hot(torch.from_numpy(scene.picture.truth).long(), 19).permute(2, 0, 1)[None]
    with torch.no_grad():
        expected = scene.model.intermediates(batch(scene.picture), center_probs=one_hot)
    torch.testing.assert_close(lab_view.what_if(scene, edited).centers, expected.centers[0])


def test_the_brush_covers_the_cells_whose_middles_lie_under_it(scene):
    covered = lab_edits.covered_cells([(24.5, 40.5), (24.5, 64.5)], 1.0, scene.grid)  # middles of pixels
    assert [tuple(cell) for cell in np.argwhere(covered)] == [(3, column) for column in range(5, 9)]
    painted = lab_edits.apply_edit(scene.probabilities, Stroke(2, 1.0, ((59.5, 74.5),)), None, scene.grid)
    assert painted[2, 7, 9] == 1  # pixel (59, 74): 59 / 8 = 7.4, 74 / 8 = 9.25


def test_frames_tell_the_browser_how_cells_lie(scene):
    explorer, attention = explorer_state.initial_state(scene), attention_state.initial_state(scene)
    state = lab_state.initial_state(scene)
    result = lab_view.what_if(scene, scene.probabilities)
    found = [
        explorer_state.explorer_frame(explorer, scene)["rows"][0]["maps"][0],
        attention_state.attention_frame(attention, scene),
        lab_view.lab_frame(state, scene, scene.probabilities, result),
    ]
    assert [(frame["align"], frame["steps"]) for frame in found] == 3 * [(True, [8, 8])]
    for figure in (
        plots.explorer_figure(explorer, scene),
        plots.attention_figure(attention, scene),
        plots.lab_figure(state, scene, scene.probabilities, result),
    ):
        maps = [(axis, image) for axis in figure.axes for image in axis.images if image.get_array().shape == CELLS]
        for axis, image in maps:
            assert tuple(image.get_extent()) == (-4, 84, 68, -4)  # half a cell around the middles 0, 8 .. 80
            assert (axis.get_xlim(), axis.get_ylim()) == ((-0.5, 74.5), (59.5, -0.5))
        plt.close(figure)
