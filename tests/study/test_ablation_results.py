"""Result files: a sound one is read, every other one is named and left out."""

import json
from dataclasses import replace

import pytest

from acflib.errors import ConfigError, DataError
from acflib.study.ablation import results as ablation_results
from acflib.study.ablation.results import DamagedResult, StaleResult, load_results, read_result, result_path
from acflib.study.ablation.studies import STUDIES
from tests.study.ablation_cases import small_study, three_classes, write_fake


@pytest.fixture
def study(tmp_path):
    return three_classes(small_study(tmp_path))


def read(study, row="sum", seed=0):
    return read_result(result_path(ablation_results.Path(study.results), row, seed), study, study.row(row), seed)


def change(path, edit) -> None:
    """Change the JSON of a file with a function."""
    content = json.loads(path.read_text())
    edit(content)
    path.write_text(json.dumps(content))


def test_sound_result_is_read(study):
    write_fake(study, "sum", 3, 72.0, 71.0, test_oracle_both=90.0)
    found = read(study, seed=3)
    assert (found.row, found.seed) == ("sum", 3)
    assert found.evaluations["test"]["miou_fine"] == 72 and found.evaluations["test"]["miou_coarse"] == 71
    assert found.evaluations["test_oracle_both"]["miou_fine"] == 90
    assert found.corrections.fixed == 3 * 10 * 2 and found.corrections.broken == 3 * 10
    write_fake(study, "baseline", 3, 70.0)
    assert read(study, "baseline", 3).corrections is None


def test_missing_result_is_no_damage(study):
    with pytest.raises(FileNotFoundError):
        read(study)


DAMAGE = {
    "schemaless": lambda c: c.pop("config"),
    "no evaluations": lambda c: c.update(evaluations=[]),
    "an evaluation that is none": lambda c: c["evaluations"].update(test=None),
    "another row": lambda c: c.update(row="concat"),
    "another seed": lambda c: c.update(seed=1),
    "another data set": lambda c: c.update(dataset="camvid"),
    "not finished": lambda c: c.update(iterations=5),
    "a mean that is not the mean": lambda c: c["evaluations"]["test"].update(miou_fine=71.9),
    "a mean that is missing": lambda c: c["evaluations"]["test"].update(miou_fine=None),
    "a word for a number": lambda c: c["evaluations"]["val"]["iou_fine"].update(sky="71"),
    "true for a number": lambda c: c["evaluations"]["val"]["iou_fine"].update(sky=True),
    "more than all": lambda c: c["evaluations"]["val"]["iou_fine"].update(sky=100.5),
    "a class too few": lambda c: c["evaluations"]["val"]["iou_fine"].pop("sky"),
    "no class at all": lambda c: c["evaluations"]["val"].update(iou_fine=dict.fromkeys("abc")),
    "no coarse result": lambda c: c["evaluations"]["test"].pop("miou_coarse"),
    "no corrections": lambda c: c.update(corrections=None),
    "negative corrections": lambda c: c["corrections"]["counts"]["sky"][0].__setitem__(0, -1),
    "a config that is none": lambda c: c.update(config="tiny"),
}


@pytest.mark.parametrize("edit", DAMAGE.values(), ids=DAMAGE)
def test_damaged_result_is_named(study, edit):
    path = write_fake(study, "sum", 0, 72.0)
    change(path, edit)
    with pytest.raises(DamagedResult) as error:
        read(study)
    assert str(path) in str(error.value)


@pytest.mark.parametrize("text", ["", "{", "[]", "null", '{"schema": 1, "evaluations": NaN}', "\udcff"])
def test_file_that_is_no_json_object_is_named(study, text):
    path = write_fake(study, "sum", 0, 72.0)
    path.write_bytes(text.encode(errors="surrogateescape"))
    with pytest.raises(DamagedResult) as error:
        read(study)
    assert str(path) in str(error.value)


def test_half_a_file_is_named(study):
    path = write_fake(study, "sum", 0, 72.0)
    path.write_bytes(path.read_bytes()[:-200])
    with pytest.raises(DamagedResult, match="no whole JSON file"):
        read(study)


STALE = {
    "schema": lambda c: c.update(schema=0),
    "learning_rate": lambda c: c["config"].update(learning_rate=0.1),
    "model.channels": lambda c: c["config"]["model"].update(channels=128),
    "loss.aux_weight": lambda c: c["config"]["loss"].update(aux_weight=1.0),
    "generator": lambda c: c["data"].update(generator=0),
    "counts.train": lambda c: c["data"]["counts"].update(train=200),
    "a_setting_that_is_gone": lambda c: c["config"].update(a_setting_that_is_gone=1),
    "test_oracle_both": lambda c: c["evaluations"].pop("test_oracle_both"),
    "scales": lambda c: c["evaluations"]["val"].update(scales=[0.5]),
}


@pytest.mark.parametrize("name", STALE)
def test_stale_result_is_named_with_what_differs(study, name):
    path = write_fake(study, "sum", 0, 72.0)
    change(path, STALE[name])
    with pytest.raises(StaleResult) as error:
        read(study)
    assert str(path) in str(error.value) and name in str(error.value)


def test_results_of_another_schedule_are_stale(study):
    write_fake(study, "sum", 0, 72.0)
    longer = replace(study, base=replace(study.base, iterations=12, momentum=0.8))
    with pytest.raises(StaleResult, match=r"iterations was 6, is 12; momentum was 0.9, is 0.8"):
        read(longer)


def test_where_and_how_a_run_was_made_makes_no_result_stale(study):
    path = write_fake(study, "sum", 0, 72.0)
    places = {"device": "cuda:1", "workers": 7, "prefetch": 5, "log_every": 3, "save_every": 9, "data": "x", "out": "y"}
    change(path, lambda c: c["config"].update(places))
    assert read(study).evaluations["test"]["miou_fine"] == 72


def test_setting_that_is_newer_than_the_result_had_its_default(study):
    """So that a new field of TrainConfig does not void what was measured; but "center" is not the default "sum"."""
    change(
        write_fake(study, "sum", 0, 72.0), lambda c: (c["config"].pop("oracle"), c["config"]["model"].pop("variant"))
    )
    assert read(study).seed == 0
    change(write_fake(study, "center", 0, 72.0), lambda c: c["config"]["model"].pop("variant"))
    with pytest.raises(StaleResult, match="model.variant was 'sum', is 'center'"):
        read(study, "center")


def test_load_takes_the_sound_and_names_the_others(study):
    for seed, fine in ((0, 70.0), (1, 71.0), (10, 72.0)):
        write_fake(study, "sum", seed, fine)
    write_fake(study, "baseline", 0, 69.0)
    write_fake(study, "self", 0, 71.0)  # of the controls, but Table 1 compares with it
    broken = result_path(ablation_results.Path(study.results), "sum", 1)
    broken.write_text("{")
    odd = broken.with_name("seed-01.json")
    odd.write_text("{}")
    loaded = load_results(study.results, study)
    assert list(loaded.runs["sum"]) == [0, 10] and list(loaded.runs["self"]) == [0]
    assert loaded.runs["concat"] == {}
    assert len(loaded.problems) == 2
    assert str(odd) in loaded.problems[0] and str(broken) in loaded.problems[1]


def test_load_by_name_and_its_errors(tmp_path):
    with pytest.raises(DataError, match="no such folder of results.*--study table2"):
        load_results(tmp_path / "none", "table2")
    with pytest.raises(ConfigError, match="no study 'table9'; the studies are table1"):
        load_results(tmp_path, "table9")
    assert load_results(tmp_path, "table1").runs["baseline"] == {}


@pytest.mark.parametrize("name", STUDIES)
def test_committed_results_are_sound(name, request):
    """Every file under results/ is of the present study and can be averaged."""
    folder = request.config.rootpath / STUDIES[name].results
    if not folder.is_dir():
        pytest.skip(f"no results of {name} here")
    assert load_results(folder, name).problems == ()
