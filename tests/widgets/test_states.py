"""The states of the widgets, without any front end: what a user's action does, and what is computed from it."""

import dataclasses

import numpy as np
import pytest
import torch
from sklearn.metrics.pairwise import cosine_similarity

from acflib import functional
from acflib.acfnet import ACFNet, ModelConfig, build_model
from acflib.datasets.labels import TRAIN_ID_OF_ID
from acflib.datasets.streets import render_street
from acflib.datasets.transforms import normalize_image
from acflib.errors import ConfigError, DataError
from acflib.tap import tap
from acflib.widgets import attention_state, explorer_state, lab_edits, lab_state, lab_view
from acflib.widgets.lab_edits import Absent, Mix, Stroke, Temperature, Truth
from acflib.widgets.scene import Picture, analyse, name_classes

SIZE = (64, 128)


def network(variant="sum", **changes):
    torch.manual_seed(0)
    config = ModelConfig(**({"backbone": "tiny", "channels": 24, "align_corners": False, "weights": None} | changes))
    return build_model(dataclasses.replace(config, variant=variant)).eval()


@pytest.fixture(scope="module")
def picture():
    street = render_street(0, 128, 64)
    return Picture("street", street.image, TRAIN_ID_OF_ID[street.label_ids])


@pytest.fixture(scope="module")
def scene(picture):
    return analyse(picture, network(), baseline=network(None))


def batch(picture):
    return normalize_image(torch.from_numpy(picture.image).permute(2, 0, 1))[None]  # (1, 3, H, W)


# ---- the scene


def test_scene_holds_what_the_network_computes(scene, picture):
    with torch.no_grad():
        logits = scene.model(batch(picture))
    np.testing.assert_array_equal(scene.fine, logits["out"][0].argmax(0))
    np.testing.assert_array_equal(scene.coarse, logits["coarse"][0].argmax(0))
    found = scene.model.intermediates(batch(picture))
    for name, features in {
        "before coarse": found.coarse_features,
        "before fine": found.fine_features,
        "attended": found.attended,
    }.items():
        units = scene.layers[name].units
        torch.testing.assert_close(units * features[0].norm(dim=0), features[0])
    torch.testing.assert_close(functional.class_centers(scene.reduced[None], found.probabilities), found.centers)
    assert list(scene.layers) == ["baseline", "before coarse", "before fine", "attended"]
    assert scene.cells == (8, 16) and scene.size == SIZE


def test_scene_leaves_the_training_mode_as_it_was(picture):
    model = network().train()
    analyse(picture, model)
    assert model.training


@pytest.mark.parametrize(
    ("variant", "layers", "has_centers"),
    [
        (None, ["baseline"], False),
        ("sum", ["before coarse", "before fine", "attended"], True),
        ("concat", ["before coarse", "before fine", "attended"], True),
        ("center", ["before coarse", "before fine"], True),
        ("self", ["before coarse", "before fine", "attended"], False),
        ("global", ["before coarse", "before fine", "attended"], False),
    ],
)
def test_every_variant_has_a_scene(picture, variant, layers, has_centers):
    found = analyse(picture, network(variant))
    assert list(found.layers) == layers
    assert (found.coarse is None) == (variant is None) and (found.reduced is not None) == has_centers


def test_a_tapped_network_has_a_scene(picture):
    conv = torch.nn.Sequential(torch.nn.Conv2d(3, 6, 3, 4, 1), torch.nn.ReLU(), torch.nn.Conv2d(6, 5, 1))
    alone = analyse(Picture("x", picture.image), tap(conv, "2"))
    assert list(alone.layers) == ["baseline"] and alone.classes == tuple(f"class {i}" for i in range(5))
    with pytest.raises(DataError, match="0 to 4 or 255"):
        analyse(Picture("x", picture.image, np.full(SIZE, 7)), tap(conv, "2"))
    whole = analyse(Picture("x", picture.image), ACFNet(tap(conv, "2"), channels=8).eval())
    assert list(whole.layers) == ["before coarse", "before fine", "attended"]


def test_progress_is_told(picture):
    told = []
    analyse(picture, network(), network(None), progress=lambda *step: told.append(step))
    assert [(done, total) for _, done, total in told] == [(0, 3), (1, 3), (2, 3)]


def test_what_cannot_be_a_scene(picture):
    with pytest.raises(ConfigError, match=r"a Conv2d has no coarse output.*acflib.tap"):
        analyse(picture, torch.nn.Conv2d(3, 19, 1))
    with pytest.raises(DataError, match=r"labels are \(3, 4\), the picture is \(64, 128\)"):
        analyse(Picture("x", picture.image, np.zeros((3, 4))), network())
    with pytest.raises(ConfigError, match="19 classes; 2 names"):
        name_classes(19, ["a", "b"], [(0, 0, 0)] * 2)


# ---- the explorer


def explorer(scene, *actions):
    state = explorer_state.initial_state(scene)
    for action in actions:
        state = explorer_state.apply_action(state, scene, action)
    return state


def test_maps_are_cosine_similarities(scene):
    state = explorer(scene, {"do": "pick", "row": 63, "column": 127})
    frame = explorer_state.explorer_frame(state, scene)
    assert frame["pixel"] == [63, 127] and frame["cell"] == [7, 15]
    titles = ["baseline", "ACFNet, before coarse", "ACFNet, before fine"]
    assert [found["title"] for found in frame["rows"][0]["maps"]] == titles
    for found, name in zip(frame["rows"][0]["maps"], scene.layers, strict=False):
        values = np.frombuffer(found["values"], "<f4").reshape(found["height"], found["width"])
        pixels = scene.layers[name].units.flatten(1).T.numpy()
        np.testing.assert_allclose(values, cosine_similarity(pixels[-1:], pixels).reshape(8, 16), atol=1e-5)


def test_pixel_facts(scene, picture):
    pixel = (40, 30)
    facts = explorer_state.pixel_facts(scene, pixel)
    assert (facts["truth"], facts["coarse"], facts["fine"]) == (
        picture.truth[pixel], scene.coarse[pixel], scene.fine[pixel],
    )  # fmt: skip
    assert sum(facts["row"]) == pytest.approx(1, abs=1e-5) and len(facts["row"]) == 19
    feature, centers = scene.reduced[:, 5, 3], scene.found.centers[0]
    np.testing.assert_allclose(facts["to_centers"], cosine_similarity(feature[None], centers)[0], atol=1e-5)


def test_pins(scene):
    steps = [{"do": "pick", "row": 3, "column": 4}, {"do": "pin", "as_": "A"}, {"do": "pick", "row": 50, "column": 90}]
    state = explorer(scene, *steps, {"do": "pin", "as_": "B"}, {"do": "pick", "row": 9, "column": 9})
    assert state.pins == ((3, 4), (50, 90)) and state.pixel == (9, 9)
    frame = explorer_state.explorer_frame(state, scene)
    assert [row["pin"] for row in frame["rows"]] == ["", "A", "B"]
    units = scene.layers["before fine"].units
    expected = float(units[:, 0, 0] @ units[:, 6, 11])
    compared = {found["layer"]: found["similarity"] for found in frame["compare"]}
    assert compared["ACFNet, before fine"] == pytest.approx(expected, abs=1e-5)
    assert explorer_state.apply_action(state, scene, {"do": "unpin"}).pins == (None, None)


def test_one_color_scale_for_all_maps():
    maps = [np.array([[0.43, 1.0]]), np.array([[0.2, 0.9]])]
    assert explorer_state.color_range(maps, "fixed") == (0, 1)
    assert explorer_state.color_range(maps, "fitted") == (pytest.approx(0.2), 1)
    assert explorer_state.color_range([*maps, np.array([[-0.2]])], "fixed") == (-1, 1)
    assert explorer_state.color_range([np.array([[1.0]])], "fitted")[0] < 1  # a range, not a point


def test_choices(scene):
    action = {"do": "set", "layer": "attended", "smoothing": 1.5, "scale": "fitted", "width": 512}
    state = explorer(scene, action)
    assert [layer.name for layer in explorer_state.shown_layers(state, scene)] == ["attended"]
    frame = explorer_state.explorer_frame(state, scene)
    assert (frame["smoothing"], frame["scale"], frame["width"]) == (1.5, "fitted", 512)


def test_next_wrong_pixels_are_wrong(scene, picture):
    maps = np.random.default_rng(0).integers(0, 19, (2, *SIZE)).astype(np.uint8)
    right_where = np.indices(SIZE).sum(0) % 3  # 0: both wrong, 1: coarse right, 2: fine right
    coarse, fine = (np.where(right_where == k + 1, picture.truth, maps[k]) for k in (0, 1))
    scene = dataclasses.replace(scene, coarse=coarse, fine=fine)
    state = explorer(scene)
    for kind, right, wrong in (("corrected", fine, coarse), ("broken", coarse, fine)):
        seen = set()
        for _ in range(5):
            state = explorer_state.apply_action(state, scene, {"do": "wrong", "kind": kind})
            assert right[state.pixel] == picture.truth[state.pixel] != wrong[state.pixel]
            seen.add(state.pixel)
        assert len(seen) > 1


@pytest.mark.parametrize(
    ("action", "message"),
    [
        ({"do": "pick", "row": 64, "column": 0}, "row 64 is outside: the rows go from 0 to 63"),
        ({"do": "pick", "row": 0, "column": -1}, "column -1 is outside"),
        ({"do": "set", "layer": "fourth"}, "no layer 'fourth'; there are: \"all\", baseline"),
        ({"do": "set", "smoothing": 9}, "smoothing goes from 0 to 3"),
        ({"do": "set", "smoothing": float("nan")}, "smoothing goes from 0 to 3"),
        ({"do": "set", "scale": "log"}, "fixed, fitted"),
        ({"do": "set", "width": 100}, "256, 384"),
        ({"do": "pin", "as_": "C"}, "A, B"),
        ({"do": "wrong", "kind": "odd"}, "corrected, broken"),
        ({"do": "dance"}, "unknown action 'dance'"),
    ],
)
def test_explorer_says_what_is_not_possible(scene, action, message):
    with pytest.raises(ConfigError, match=message.replace("(", r"\(")):
        explorer(scene, action)


def test_wrong_pixels_need_truth_and_a_coarse_result(picture):
    without = analyse(Picture("x", picture.image), network())
    with pytest.raises(ConfigError, match="without ground truth"):
        explorer(without, {"do": "wrong", "kind": "broken"})
    with pytest.raises(ConfigError, match="no ACF module"):
        explorer(analyse(picture, network(None)), {"do": "wrong", "kind": "broken"})


def test_a_new_picture_keeps_the_choices(scene, picture):
    state = dataclasses.replace(explorer(scene), pixel=(60, 120), pins=((1, 1), None), layer="baseline", width=512)
    small = analyse(Picture("small", picture.image[:32, :40]), network())
    after = explorer_state.after_new_scene(state, small)
    assert after.pixel == (16, 20) and after.pins == (None, None) and after.layer == "all" and after.width == 512


def test_aligned_corners_reach_the_cells(picture):
    image = np.asarray(picture.image)[:57, :121]  # 8k + 1
    found = analyse(Picture("x", image), network(align_corners=True))
    assert found.cells == (8, 16)
    assert found.cell((56, 120)) == (7, 15) and found.cell((4, 3)) == (1, 0)


# ---- edits of the coarse map


def own_map(n=4, h=3, w=5):
    return torch.rand(n, h, w, generator=torch.Generator().manual_seed(1), dtype=torch.float64).softmax(0)


def test_stroke_covers_by_loops():
    size, cells, radius = (24, 40), (3, 5), 6.0
    points = [(2.0, 3.0), (2.0, 30.0), (20.0, 38.0)]
    covered = lab_edits.covered_cells(points, radius, size, cells)
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
    covered = lab_edits.covered_cells([(23.99, 39.99)], 0.0, (24, 40), (3, 5))
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
        found = analyse(picture, network(variant))
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
    assert lab_view.moved(before, after, [0, 1, 3]) == [pytest.approx(value) for value in expected]


def lab(scene, *actions):
    state = lab_state.initial_state(scene)
    for action in actions:
        edited = lab_edits.edited_map(scene.probabilities, state.edits, scene.picture.truth, scene.size)
        state = lab_state.apply_action(state, scene, edited, action)
    return state


def test_undo_and_reset(scene):
    paint = {"do": "paint", "label": 3, "radius": 4, "points": [[10, 10]]}
    state = lab(
        scene, paint, {"do": "mix", "first": 0, "second": "sky", "share": 0.5}, {"do": "temperature", "value": 2}
    )
    assert [type(edit) for edit in state.edits] == [Stroke, Mix, Temperature]
    state = lab_state.apply_action(state, scene, scene.probabilities, {"do": "undo"})
    assert [type(edit) for edit in state.edits] == [Stroke, Mix]
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
    found = analyse(picture, network(variant))
    with pytest.raises(ConfigError, match=what):
        lab_state.check_scene(found)
    with pytest.raises(ConfigError, match=what):
        attention_state.check_scene(found)


def test_percent():
    assert [lab_view.percent(share) for share in (0, 0.001, 0.014, 1)] == ["0 %", "below 1 %", "1 %", "100 %"]


# ---- the attention viewer


def test_attention_frame(scene):
    state = attention_state.apply_action(
        attention_state.initial_state(scene), scene, {"do": "pick", "row": 17, "column": 80}
    )
    frame = attention_state.attention_frame(state, scene)
    assert frame["cell"] == [2, 10] and sum(frame["taken"]) == pytest.approx(1, abs=1e-4)
    shares = [found["share"] for found in frame["maps"]]
    assert shares == sorted(shares, reverse=True)
    first = frame["maps"][0]
    values = np.frombuffer(first["values"], "<f4").reshape(8, 16)
    np.testing.assert_allclose(values, scene.probabilities[first["label"]], rtol=1e-6)
    everything = attention_state.apply_action(state, scene, {"do": "all", "on": True})
    assert sorted(attention_state.shown_classes(everything, scene)) == list(range(19))
    with pytest.raises(ConfigError, match="unknown action"):
        attention_state.apply_action(state, scene, {"do": "undo"})


def test_the_center_variant_has_no_attention(picture):
    with pytest.raises(ConfigError, match='the variant "center"'):
        attention_state.check_scene(analyse(picture, network("center")))
