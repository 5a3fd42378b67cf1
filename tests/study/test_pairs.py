"""Pairs of runs from one base network: starting, freezing, presence, permuted centers, and their grid."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import nn

from acflib.acfnet import ModelConfig, build_model
from acflib.datasets import open_dataset
from acflib.datasets.transforms import evaluation_transform
from acflib.engine.config import TrainConfig
from acflib.engine.oracle import classes_that_occur, oracle_probs
from acflib.errors import ConfigError
from acflib.layers.controls import permute_centers
from acflib.predict.evaluation import evaluate
from acflib.study.ablation.cells import make_runs, sort_runs
from acflib.study.ablation.grid import run_grid
from acflib.study.ablation.pairs import (
    HEADS,
    ROW_STUDIES,
    WORLDS,
    base_study,
    data_of,
    final_data_of,
    final_study,
    row_study,
)
from acflib.study.ablation.results import load_results
from acflib.study.ablation.rows import Line, config_of, evaluations_of
from tests.study.ablation_cases import small_study

pytestmark = pytest.mark.usefixtures("warm_python")

OWN = next(world for world in WORLDS if world.name == "own")
SMALL = {"backbone": "tiny", "channels": 16, "align_corners": False, "weights": None}


def small_pairs(folder: Path, frozen: bool = False):
    """A row study and its test study with runs of seconds, all files below ``folder``."""
    pattern = small_study(folder)
    study = row_study(OWN, 47, frozen)

    def shrink(found):
        base = replace(pattern.base, model=replace(found.base.model, channels=16), freeze=found.base.freeze)
        data = replace(pattern.data, palette="own", name="streets-64x32-own")
        return replace(found, data=data, base=base, results=str(folder / "results" / found.name))

    base = replace(shrink(study.start), base=replace(shrink(study.start).base, iterations=4))
    rows = tuple(
        replace(row, extra=row.extra[:1]) for row in study.rows if row.name in ("self", "sum", "oracle-presence")
    )
    study = replace(shrink(study), start=base, rows=rows, lines=(Line("self"), Line("sum")), pairs=(("sum", "self"),))
    study = replace(study, baseline="self")
    test = final_study(replace(study, data=data_of(OWN)))
    data = replace(test.data, folder=str(folder / "test-data"), width=64, height=32, counts=(("test", 3),))
    return study, replace(test, data=data, trained=study, results=str(folder / "results-test"))


def test_settings_that_cannot_work_are_refused():
    with pytest.raises(ConfigError, match='freeze must be "base" or None'):
        TrainConfig(freeze="all")
    with pytest.raises(ConfigError, match="leaves nothing to train"):
        TrainConfig(freeze="base", model=ModelConfig(variant=None))
    with pytest.raises(ConfigError, match="field of the tiny base must be 47, 111, 239, got 100"):
        build_model(ModelConfig(**SMALL, field=100))
    with pytest.raises(ConfigError, match="leave it out"):
        build_model(ModelConfig(weights=None, field=47))


def test_default_field_is_the_narrowest_and_draws_the_same_weights():
    states = []
    for field in (None, 47):
        torch.manual_seed(0)
        states.append(build_model(ModelConfig(**SMALL, field=field)).state_dict())
    assert all(torch.equal(value, states[1][name]) for name, value in states[0].items())
    narrow = build_model(ModelConfig(**SMALL)).base
    convolutions = [m for layer in (narrow.layer3, narrow.layer4) for m in layer.modules() if isinstance(m, nn.Conv2d)]
    assert {convolution.kernel_size for convolution in convolutions} == {(1, 1)}


def test_presence_leaves_only_the_classes_that_occur(streets):
    """Against a plain loop: the best class among those that the labels of an image hold."""
    torch.manual_seed(0)
    model = build_model(ModelConfig(**SMALL)).eval()
    model.classifier.bias.data[16] = 9.0  # else "train", rare as it is, would be seen nowhere
    dataset = open_dataset(streets, "val")
    found = evaluate(model, dataset, progress=False, presence=True).fine
    expected = torch.zeros_like(found)
    for index in range(len(dataset)):
        image, labels = evaluation_transform()(*dataset[index])
        with torch.no_grad():
            logits = model(image[None])["out"][0]
        present = sorted(set(labels.flatten().tolist()) - {255})
        guess = torch.tensor(present)[logits[present].argmax(dim=0)]
        for true, predicted in zip(labels.flatten().tolist(), guess.flatten().tolist(), strict=True):
            if true != 255:
                expected[true, predicted] += 1
    assert torch.equal(found, expected)
    assert not torch.equal(evaluate(model, dataset, progress=False).fine, expected)


def test_ignored_pixels_are_of_no_class():
    labels = torch.tensor([[[0, 255], [2, 2]], [[255, 255], [255, 1]]])
    assert classes_that_occur(labels, 4).tolist() == [[True, False, True, False], [False, True, False, False]]


@pytest.mark.parametrize("variant", ["sum", "concat", "center"])
def test_oracles_take_presence_and_appearance_apart(variant):
    """By the centers themselves: true ones are Eq. 1, absent ones 0; the two new oracles have one of both."""
    torch.manual_seed(0)
    model = build_model(ModelConfig(**SMALL, variant=variant, num_classes=5)).double().eval()
    labels = torch.randint(0, 3, (2, 32, 64))
    labels[1] = torch.where(labels[1] == 0, 4, labels[1])  # classes 0 1 2 in the first image, 1 2 4 in the second
    images = torch.randn(2, 3, 32, 64, dtype=torch.float64)
    with torch.no_grad():
        centers = {
            oracle: model.intermediates(images, **oracle_probs(oracle, labels, 5)).centers
            for oracle in ("none", "centers", "presence", "appearance")
        }
    occurs = classes_that_occur(labels, 5)
    assert occurs.tolist() == [[True, True, True, False, False], [False, True, True, False, True]]
    zero = torch.zeros_like(centers["none"])
    shape = occurs[..., None]
    torch.testing.assert_close(centers["presence"], torch.where(shape, centers["none"], zero))
    torch.testing.assert_close(centers["centers"], torch.where(shape, centers["centers"], zero))
    torch.testing.assert_close(centers["appearance"], torch.where(shape, centers["centers"], centers["none"]))
    assert not torch.allclose(centers["centers"][occurs], centers["none"][occurs])


def test_own_share_must_fit_and_needs_centers():
    model = build_model(ModelConfig(**SMALL, num_classes=5)).eval()
    image = torch.randn(1, 3, 32, 64)
    with pytest.raises(ValueError, match=r"own_share must be \(1, 5\)"):
        model(image, own_share=torch.ones(1, 4))
    torch.testing.assert_close(model(image, own_share=torch.ones(1, 5))["out"], model(image)["out"])
    with pytest.raises(ValueError, match="need an ACF module"):
        build_model(ModelConfig(**SMALL, variant=None)).eval()(image, own_share=torch.ones(1, 19))


def test_permuted_centers_are_the_same_ones_in_another_order():
    centers = torch.arange(2 * 7 * 3.0).view(2, 7, 3)
    orders = set()
    for _ in range(5):
        found = permute_centers(centers, training=True)
        for before, after in zip(centers, found, strict=True):
            assert sorted(map(tuple, after.tolist())) == sorted(map(tuple, before.tolist()))
        orders.add(tuple(found[0, :, 0].tolist()))
    assert len(orders) > 1, "each batch of training draws anew"
    first, second = permute_centers(centers, training=False), permute_centers(centers, training=False)
    assert torch.equal(first, second)
    assert (first[0, :, 0] - first[1, :, 0]).unique().numel() > 1, "another order in each image"


def test_the_permuted_row_is_sum_with_permuted_centers():
    torch.manual_seed(0)
    plain, permuted = (build_model(ModelConfig(**SMALL, variant=v, num_classes=5)).eval() for v in ("sum", "permuted"))
    permuted.load_state_dict(plain.state_dict())
    image = torch.randn(2, 3, 32, 64)
    a, b = plain.intermediates(image), permuted.intermediates(image)
    assert torch.equal(a.centers, b.centers) and not torch.allclose(a.attended, b.attended)
    block = permuted.acf.attention_block
    expected = block(permute_centers(a.centers, training=False), a.probabilities)
    torch.testing.assert_close(b.attended, expected)


@pytest.mark.parametrize("frozen", [False, True])
def test_grid_trains_the_base_first_then_the_rows_then_scores_once(tmp_path, monkeypatch, frozen):
    study, test = small_pairs(tmp_path, frozen)
    runs = make_runs([study], None, [3], runs=str(tmp_path / "runs"))
    assert [run.row.name for run in runs] == ["base", "self", "sum", "oracle-presence"]
    assert run_grid(runs, jobs=2, progress=False) == []
    results = {run.row.name: run.read().content for run in runs}
    assert set(results["sum"]["evaluations"]) == {"val", "val_present", study.row("sum").extra[0].name}
    assert results["sum"]["start"]["iterations"] == 4 and "start" not in results["base"]
    assert "data" not in results["sum"]["config"] and str(tmp_path) not in json.dumps(results["sum"])
    same = {content["base_sha256"] for name, content in results.items()}
    assert len(same) == (1 if frozen else 4)
    assert results["sum"]["head_parameters"] == results["self"]["head_parameters"] > 0
    table = load_results(study.results, study)
    assert not table.problems and set(table.runs) == {"self", "sum", "oracle-presence"}

    # The base network is wanted again where its rows are missing and it is gone, and only then.
    assert sort_runs(runs) == ([], [])
    runs[0].checkpoint.unlink()
    assert sort_runs(runs) == ([], [])
    kept = runs[1].result.read_bytes()
    runs[1].result.unlink()
    assert [run.row.name for run in sort_runs(runs)[0]] == ["base", "self"]
    runs[1].result.write_bytes(kept)

    scored = make_runs([test], None, [3], runs=str(tmp_path / "runs"))
    assert [run.row.name for run in scored] == ["self", "sum", "oracle-presence"]
    assert run_grid(scored, jobs=1, progress=False) == []
    content = scored[1].read().content
    assert set(content["evaluations"]) == {"test", "test_present", test.row("sum").extra[0].name}
    assert content["data"]["counts"] == {"test": 3} and content["trained_on"]["palette"] == "own"
    assert content["base_sha256"] == results["sum"]["base_sha256"]
    assert sort_runs(scored) == ([], []), "what is scored is not scored again"


def test_rows_without_their_base_network_are_named(tmp_path, monkeypatch):
    study, test = small_pairs(tmp_path)
    failures = run_grid(make_runs([test], ["self"], [0], runs=str(tmp_path / "runs")), jobs=1, progress=False)
    assert len(failures) == 1 and "no such checkpoint" in failures[0]
    broken = replace(study, start=replace(study.start, base=replace(study.start.base, learning_rate=1e30)))
    failures = run_grid(make_runs([broken], ["self"], [0], runs=str(tmp_path / "runs")), jobs=1, progress=False)
    assert len(failures) == 2 and "its base network was not trained" in failures[1]


@pytest.mark.parametrize("study", ROW_STUDIES, ids=lambda study: study.name)
def test_rows_of_a_study_differ_in_what_their_name_says_alone(study):
    configs = {row.name: config_of(study, row, 0) for row in study.rows}
    for name, config in configs.items():
        assert replace(config, model=configs["self"].model, oracle="none") == configs["self"], name
        assert replace(config.model, variant="self", detach=False) == configs["self"].model, name
    assert configs["self"].freeze == ("base" if "frozen" in study.name else None)
    assert ("baseline" in configs) is ("frozen" not in study.name)
    assert configs["self"].model.field == study.start.base.model.field == int(study.name.split("-")[1])
    assert study.data == study.start.data


def test_every_row_is_scored_with_presence_given_and_centers_have_their_controls():
    study = row_study(OWN, 47, frozen=False)
    for row in study.rows:
        found = {e.name: e for e in evaluations_of(study, row)}
        assert found["val_present"].presence and not found["val"].presence
        assert {e.split for e in found.values()} == {"val"}, "nothing is scored on test by the way"
    for row in (row for row in HEADS if row.name in ("sum", "concat", "center")):
        assert {e.oracle for e in row.extra} == {"centers", "presence", "appearance"}
    for row in final_study(study).rows:
        assert {e.split for e in evaluations_of(final_study(study), row)} == {"test"}


def test_the_test_scenes_are_of_a_seed_of_their_own():
    for world in WORLDS:
        data, test = data_of(world), final_data_of(world)
        assert dict(test.counts) == {"test": 400} and test.seed != data.seed == 0
        assert (test.palette, test.crowded) == (data.palette, data.crowded)
    assert len({base_study(world, field).data.folder for world in WORLDS for field in (47, 239)}) == len(WORLDS)
