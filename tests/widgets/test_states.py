"""The states of the widgets, without any front end: what a user's action does, and what is computed from it."""

import dataclasses
import types

import numpy as np
import pytest
import torch
from sklearn.metrics.pairwise import cosine_similarity

from acflib import functional
from acflib.acfnet import ACFNet
from acflib.errors import ConfigError, DataError
from acflib.layers.tapping import tap
from acflib.widgets import attention_state, explorer_state
from acflib.widgets.scene import Picture, analyze, name_classes
from tests.widgets.cases import SIZE, batch, network

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
    analyze(picture, model)
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
    found = analyze(picture, network(variant))
    assert list(found.layers) == layers
    assert (found.coarse is None) == (variant is None) and (found.reduced is not None) == has_centers


def test_a_tapped_network_has_a_scene(picture):
    conv = torch.nn.Sequential(torch.nn.Conv2d(3, 6, 3, 4, 1), torch.nn.ReLU(), torch.nn.Conv2d(6, 5, 1))
    alone = analyze(Picture("x", picture.image), tap(conv, "2"))
    assert list(alone.layers) == ["baseline"] and alone.classes == tuple(f"class {i}" for i in range(5))
    with pytest.raises(DataError, match="0 to 4 or 255"):
        analyze(Picture("x", picture.image, np.full(SIZE, 7)), tap(conv, "2"))
    whole = analyze(Picture("x", picture.image), ACFNet(tap(conv, "2"), channels=8).eval())
    assert list(whole.layers) == ["before coarse", "before fine", "attended"]


def test_progress_is_told(picture):
    told = []
    analyze(picture, network(), network(None), progress=lambda *step: told.append(step))
    assert [(done, total) for _, done, total in told] == [(0, 3), (1, 3), (2, 3)]


def test_what_cannot_be_a_scene(picture):
    with pytest.raises(ConfigError, match=r"a Conv2d has no coarse output.*acflib.tap"):
        analyze(picture, torch.nn.Conv2d(3, 19, 1))
    with pytest.raises(DataError, match=r"labels are \(3, 4\), the picture is \(64, 128\)"):
        analyze(Picture("x", picture.image, np.zeros((3, 4))), network())
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


def test_the_class_of_the_pixel_and_that_of_its_cell_are_told_apart(scene):
    """The bars are the cell's P, the coarse class is of the enlarged map between the cells."""
    of_cells = scene.grid.spread(scene.probabilities.argmax(dim=0).numpy())
    differ = np.argwhere(scene.coarse != of_cells)
    alike = np.argwhere(scene.coarse == of_cells)
    assert len(differ) and len(alike)
    for pixel, told in ((differ[0], True), (alike[0], False)):
        row, column = map(int, pixel)
        facts = explorer_state.pixel_facts(scene, (row, column))
        assert facts["cell"] == int(np.argmax(facts["row"])) == of_cells[row, column]
        state = explorer(scene, {"do": "pick", "row": row, "column": column})
        named = f"(its cell {scene.classes[of_cells[row, column]]})"
        for text in (explorer_state.spoken(state, scene), explorer_state.explorer_summary(state, scene)):
            assert (named in text) == told


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
    without = analyze(Picture("x", picture.image), network())
    with pytest.raises(ConfigError, match="without ground truth"):
        explorer(without, {"do": "wrong", "kind": "broken"})
    with pytest.raises(ConfigError, match="no ACF module"):
        explorer(analyze(picture, network(None)), {"do": "wrong", "kind": "broken"})


def test_a_new_picture_keeps_the_choices(scene, picture):
    state = dataclasses.replace(explorer(scene), pixel=(60, 120), pins=((1, 1), None), layer="baseline", width=512)
    small = analyze(Picture("small", picture.image[:32, :40]), network())
    after = explorer_state.after_new_scene(state, small)
    assert after.pixel == (16, 20) and after.pins == (None, None) and after.layer == "all" and after.width == 512


def test_aligned_corners_reach_the_cells(picture):
    image = np.asarray(picture.image)[:57, :121]  # 8k + 1
    found = analyze(Picture("x", image), network(align_corners=True))
    assert found.cells == (8, 16)
    assert found.cell((56, 120)) == (7, 15) and found.cell((4, 3)) == (1, 0)


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


def test_a_network_that_is_sure_of_nothing_shows_its_highest_peak(scene):
    """Below the least peak of a map, 0.5, everywhere: the one class with the highest peak is left."""
    probabilities = torch.full((19, 8, 16), 0.04)
    probabilities[7, 3, 5] = 0.05
    unsure = types.SimpleNamespace(probabilities=probabilities)
    assert attention_state.shown_classes(attention_state.initial_state(scene), unsure) == [7]


def test_the_center_variant_has_no_attention(picture):
    with pytest.raises(ConfigError, match='the variant "center"'):
        attention_state.check_scene(analyze(picture, network("center")))
