"""The laboratory without any front end: edits of the coarse map, and what the network makes of it."""

import numpy as np
import pytest
import torch

from acflib import functional
from acflib.errors import ConfigError
from acflib.layers.alignment import CellGrid
from acflib.widgets import attention_state, lab_edits, lab_state, lab_view
from acflib.widgets.lab_edits import Absent, Mix, Stroke, Temperature, Truth
from acflib.widgets.scene import analyze
from tests.widgets.cases import SIZE, batch, network

# ---- edits of the coarse map


def own_map(n=4, h=3, w=5):
    return torch.rand(n, h, w, generator=torch.Generator().manual_seed(1), dtype=torch.float64).softmax(0)


def test_stroke_covers_by_loops():
    size, cells, radius = (24, 40), (3, 5), 6.0
    points = [(2.0, 3.0), (2.0, 30.0), (20.0, 38.0)]
    covered = lab_edits.covered_cells(points, radius, CellGrid(size, cells))
    for r in range(3):
        for c in range(5):
            middle = np.array([8 * r + 4, 8 * c + 4])
            path = [
                np.array(points[k]) + t * (np.array(points[k + 1]) - points[k])
                for k in (0, 1)
                for t in np.linspace(0, 1, 999)
            ]
            near = min(np.hypot(*(middle - p)) for p in path) <= radius
            through = any((int(p[0] // 8), int(p[1] // 8)) == (r, c) for p in path)
            assert covered[r, c] == (near or through), (r, c)


def test_a_click_covers_at_least_its_cell():
    covered = lab_edits.covered_cells([(23.99, 39.99)], 0.0, CellGrid((24, 40), (3, 5)))
    assert covered.sum() == 1 and covered[2, 4]


def test_edits_by_hand():
    p = own_map()
    painted = lab_edits.apply_edit(p, Stroke(2, 0, ((0.0, 0.0),)), None, (3, 5))
    assert painted[:, 0, 0].tolist() == [0, 0, 1, 0]
    torch.testing.assert_close(painted[:, 1:], p[:, 1:])
    mixed = lab_edits.apply_edit(p, Mix(0, 3, 0.25), None, (3, 5))
    torch.testing.assert_close(mixed[0], 0.75 * p[0] + 0.25 * p[3])
    torch.testing.assert_close(mixed[3], 0.75 * p[3] + 0.25 * p[0])
    torch.testing.assert_close(lab_edits.apply_edit(p, Mix(0, 3, 1.0), None, (3, 5)), p[[3, 1, 2, 0]])
    absent = lab_edits.apply_edit(p, Absent(1), None, (3, 5))
    torch.testing.assert_close(absent[[0, 2, 3]], p[[0, 2, 3]] / (1 - p[1]))
    assert not absent[1].any()
    torch.testing.assert_close(lab_edits.apply_edit(p, Temperature(1.0), None, (3, 5)), p)
    torch.testing.assert_close(lab_edits.apply_edit(p, Temperature(2.5), None, (3, 5)), (p.log() / 2.5).softmax(0))


def test_temperature_of_a_sure_pixel_is_finite():
    p = torch.zeros(3, 1, 2)
    p[0, 0, 0], p[:, 0, 1] = 1, torch.tensor([1 - 1e-7, 1e-38, 1e-7])
    for value in (0.1, 10.0):
        found = lab_edits.apply_edit(p, Temperature(value), None, (1, 2))
        assert found.isfinite().all() and found[:, 0, 0].tolist() == [1, 0, 0]
        torch.testing.assert_close(found.sum(0), torch.ones(1, 2))


def test_a_pixel_that_was_the_absent_class_alone_belongs_to_nothing():
    p = torch.zeros(2, 1, 1)
    p[1] = 1
    assert not lab_edits.apply_edit(p, Absent(1), None, (1, 1)).any()


def test_truth_is_the_share_of_each_class():
    truth = np.array([[0, 0, 1, 255], [0, 2, 255, 255]], dtype=np.uint8)
    found = lab_edits.apply_edit(own_map(3, 1, 2), Truth(), truth, (2, 4))
    assert found.tolist() == [[[0.75, 0.0]], [[0.0, 0.25]], [[0.25, 0.0]]]
    with pytest.raises(ConfigError, match="no ground truth"):
        lab_edits.apply_edit(own_map(), Truth(), None, (3, 5))


def test_edits_that_belong_together():
    first, more = Stroke(1, 3, ((0, 0),), number=7), Stroke(1, 3, ((1, 1),), number=7)
    edits = lab_edits.add_edit(lab_edits.add_edit((), first), more)
    assert edits == (Stroke(1, 3, ((0, 0), (1, 1)), number=7),)
    assert len(lab_edits.add_edit(edits, Stroke(1, 3, ((1, 1),), number=8))) == 2
    assert len(lab_edits.add_edit((Stroke(1, 3, ((1, 1),)),), Stroke(1, 3, ((1, 1),)))) == 2  # no number: two strokes
    hot = lab_edits.add_edit(lab_edits.add_edit((), Temperature(2)), Temperature(3))
    assert hot == (Temperature(3),)


# ---- the laboratory


def test_what_if_is_the_networks_own_result(picture):
    for variant in ("sum", "concat", "center"):
        found = analyze(picture, network(variant))
        edited = lab_edits.edited_map(
            found.probabilities, (Mix(0, 1, 0.7), Stroke(3, 9, ((20, 20), (40, 90)))), None, SIZE
        )
        maps = {"center_probs": edited[None], "attention_probs": edited[None]}
        for use, names in (("both", list(maps)), ("centers", ["center_probs"]), ("attention", ["attention_probs"])):
            given = {name: maps[name] for name in names}
            with torch.no_grad():
                expected = found.model.intermediates(batch(picture), **given)
                logits = found.model(batch(picture), **given)["out"]
            result = lab_view.what_if(found, edited, use)
            torch.testing.assert_close(result.centers, expected.centers[0])
            np.testing.assert_array_equal(result.fine, logits[0].argmax(0))


def test_no_edit_changes_nothing(scene):
    result = lab_view.what_if(scene, scene.probabilities)
    np.testing.assert_array_equal(result.fine, scene.fine)
    frame = lab_view.lab_frame(lab_state.initial_state(scene), scene, scene.probabilities, result)
    assert frame["changed"] == 0 and all(center["moved"] < 1e-5 for center in frame["centers"])


def test_ground_truth_as_coarse_is_equation_1(scene, picture):
    edited = lab_edits.apply_edit(scene.probabilities, Truth(), picture.truth, SIZE)
    labels = torch.from_numpy(picture.truth.astype(np.int64))[None]
    expected = functional.hard_class_centers(scene.reduced[None], labels, 19)[0]
    torch.testing.assert_close(lab_view.what_if(scene, edited).centers, expected)


def test_distance_by_loops():
    before = torch.randn(4, 6, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    after = before.clone()
    after[2] += 1
    pairs = [float((before[i] - before[j]).norm()) for i in (0, 1, 3) for j in (0, 1, 3) if i < j]
    assert lab_view.distance_unit(before[[0, 1, 3]]) == pytest.approx(sum(pairs) / 3)
    expected = [0, 0, 6**0.5 / (sum(pairs) / 3), 0]
    assert lab_view.center_steps(before, after, [0, 1, 3]) == [pytest.approx(value) for value in expected]


def lab(scene, *actions):
    state = lab_state.initial_state(scene)
    for action in actions:
        edited = lab_edits.edited_map(scene.probabilities, state.edits, scene.picture.truth, scene.size)
        state = lab_state.apply_action(state, scene, edited, action)
    return state


def test_undo_and_reset(scene):
    paint = {"do": "paint", "label": 3, "radius": 4, "points": [[10, 10]]}
    mix = {"do": "mix", "first": 3, "second": "sky", "share": 0.5}  # 3 was painted: it is there in any network's map
    state = lab(scene, paint, mix, {"do": "temperature", "value": 2})
    assert [type(edit) for edit in state.edits] == [Stroke, Mix, Temperature]
    state = lab_state.apply_action(state, scene, scene.probabilities, {"do": "undo"})
    assert [type(edit) for edit in state.edits] == [Stroke, Mix]
    again = lab_state.apply_action(state, scene, scene.probabilities, {"do": "redo"})
    assert [type(edit) for edit in again.edits] == [Stroke, Mix, Temperature] and again.undone == ()
    other = lab_state.apply_action(state, scene, scene.probabilities, {"do": "truth"})
    with pytest.raises(ConfigError, match="nothing to do again"):
        lab_state.apply_action(other, scene, scene.probabilities, {"do": "redo"})
    assert lab_state.apply_action(state, scene, scene.probabilities, {"do": "reset"}).edits == ()


@pytest.mark.parametrize(
    ("action", "message"),
    [
        ({"do": "undo"}, "nothing to undo"),
        ({"do": "use", "use": "all"}, "both, centers, attention"),
        ({"do": "paint", "label": "tram", "radius": 3, "points": [[1, 1]]}, "no class 'tram'"),
        ({"do": "paint", "label": 19, "radius": 3, "points": [[1, 1]]}, "no class 19"),
        ({"do": "paint", "label": 0, "radius": -1, "points": [[1, 1]]}, "radius from 0 to 64"),
        ({"do": "paint", "label": 0, "radius": 3, "points": []}, "at least one point"),
        ({"do": "paint", "label": 0, "radius": 3, "points": [[1, 128.0]]}, "column 128 is outside"),
        ({"do": "mix", "first": 2, "second": "building", "share": 1}, "two different classes"),
        ({"do": "mix", "first": 2, "second": 3, "share": 1.5}, "share from 0 to 1"),
        ({"do": "temperature", "value": 0}, "from 0.1 to 10"),
        ({"do": "nothing"}, "unknown action"),
        ({"do": "pick", "row": 0, "column": 500}, "column 500 is outside"),
    ],
)
def test_lab_says_what_is_not_possible(scene, action, message):
    with pytest.raises(ConfigError, match=message):
        lab(scene, action)


def test_an_absent_class(scene):
    sure = torch.zeros_like(scene.probabilities)
    sure[5] = 1
    state = lab_state.initial_state(scene)
    with pytest.raises(ConfigError, match="sky is absent already"):
        lab_state.apply_action(state, scene, sure, {"do": "absent", "label": "sky"})
    with pytest.raises(ConfigError, match="rider and car are both absent"):
        lab_state.apply_action(state, scene, sure, {"do": "mix", "first": "rider", "second": "car", "share": 1})
    gone = lab_edits.apply_edit(sure, Absent(5), None, SIZE)
    result = lab_view.what_if(scene, gone)
    assert not result.centers.any() and lab_view.lab_frame(state, scene, gone, result)["centers"]
    assert lab_view.mass_shares(gone) == [0] * 19


@pytest.mark.parametrize(("variant", "what"), [(None, "no ACF module"), ("self", 'the variant "self"')])
def test_networks_without_class_centers(picture, variant, what):
    found = analyze(picture, network(variant))
    with pytest.raises(ConfigError, match=what):
        lab_state.check_scene(found)
    with pytest.raises(ConfigError, match=what):
        attention_state.check_scene(found)


def test_percent():
    assert [lab_view.percent(share) for share in (0, 0.001, 0.014, 1)] == ["0 %", "below 1 %", "1 %", "100 %"]
