"""The rows of the ablation: what they share, what they differ in, and what the command refuses."""

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from acflib.acfnet import build_model
from acflib.cli import parser as cli
from acflib.datasets import open_dataset
from acflib.engine.checkpoints import config_as_dict
from acflib.engine.config import TrainConfig
from acflib.errors import DataError
from acflib.losses import hard_pixels, pixels_to_keep, total_loss
from acflib.study.ablation.cells import job_of, make_runs, prepare_data
from acflib.study.ablation.grid import run_grid
from acflib.study.ablation.rows import Line, StudyData, config_of, evaluations_of
from acflib.study.ablation.run import from_dict
from acflib.study.ablation.studies import STUDIES
from acflib.training import make_loader
from tests.study.ablation_cases import runs_of, small_study

pytestmark = pytest.mark.usefixtures("warm_python")


@pytest.mark.parametrize("study", STUDIES.values(), ids=STUDIES)
def test_rows_differ_in_what_they_say_and_nothing_else(study):
    allowed = {"model.variant", "model.context", "model.detach", "loss.bootstrap", "oracle"}
    reference = config_as_dict(config_of(study, study.row(study.baseline), 3))
    assert reference["seed"] == 3 and not reference["loss"]["bootstrap"] and reference["oracle"] == "none"
    configs = []
    for row in study.rows:
        config = config_as_dict(config_of(study, row, 3))
        configs.append(config)
        for group in ("model", "loss"):
            differ = {f"{group}.{key}" for key in config[group] if config[group][key] != reference[group][key]}
            assert differ <= allowed
        differ = {key for key in config if key not in ("model", "loss") and config[key] != reference[key]}
        assert differ <= allowed
    assert all(configs.count(config) == 1 for config in configs), "two rows are the same"
    assert len({row.name for row in study.rows}) == len(study.rows)


def test_rows_of_the_issue_are_there():
    def names(study):
        return [row.name for row in STUDIES[study].rows]

    assert names("table1") == ["baseline", "center", "concat", "sum"]
    assert names("table2") == ["aspp", "aspp-acf", "aspp-acf-ob"]
    assert names("controls") == ["self", "global", "psp", "detach", "oracle-centers", "oracle-attention"]
    assert names("camvid") == ["baseline", "center", "concat", "sum", "self"]
    bootstrapped = config_of(STUDIES["table2"], STUDIES["table2"].row("aspp-acf-ob"), 0).loss
    assert bootstrapped.bootstrap and bootstrapped.bootstrap_keep == 0.021
    assert 100_000 / (8 * 769 * 769) == pytest.approx(0.021, abs=5e-4)  # the paper's share


def test_oracle_rows_are_evaluated_as_they_were_trained():
    """The study's own evaluations keep the row's oracle; those of the row itself say theirs."""
    study = STUDIES["controls"]
    for name, oracle in (("oracle-centers", "centers"), ("oracle-attention", "attention"), ("detach", "none")):
        assert config_of(study, study.row(name), 0).oracle == oracle
        found = {e.name: (e.split, e.oracle) for e in evaluations_of(study, study.row(name))}
        assert found["val"] == ("val", oracle) and found["test"] == ("test", oracle)
        assert oracle == "none" or found["test_without_oracle"] == ("test", "none")
    extra = {e.name: e.oracle for e in evaluations_of(STUDIES["table1"], STUDIES["table1"].row("sum"))}
    assert [extra[f"test_oracle_{name}"] for name in ("centers", "attention", "both")] == [
        "centers",
        "attention",
        "both",
    ]
    (photographs,) = evaluations_of(STUDIES["camvid"], STUDIES["camvid"].row("sum"))
    assert photographs.split == "val"  # its test part is not at hand
    flipped = next(e for e in evaluations_of(STUDIES["table2"], STUDIES["table2"].row("aspp-acf")) if "flip" in e.name)
    assert flipped.inference.scales == (0.75, 1, 1.25, 1.5, 1.75, 2) and flipped.inference.flip  # section 4.4


@pytest.mark.parametrize("sure", [False, True])
def test_bootstrapping_row_changes_gradients_where_pixels_are_easy(sure):
    """A network that is sure of class 0 finds those pixels easy: only the others count. One that is not keeps all."""
    study = STUDIES["table2"]
    generator = torch.Generator().manual_seed(0)
    images = torch.randn(2, 3, 64, 128, generator=generator)
    labels = torch.where(torch.rand(2, 64, 128, generator=generator) < 0.9, 0, 1)
    gradients, kept = {}, None
    for name in ("aspp-acf", "aspp-acf-ob"):
        config = config_of(study, study.row(name), 0)
        torch.manual_seed(0)
        model = build_model(replace(config.model, channels=16)).train()
        with torch.no_grad():
            model.classifier.bias[0] = 12.0 if sure else 0.0
        logits = model(images)
        kept = hard_pixels(logits["out"], labels, 0.7, pixels_to_keep(config.loss.bootstrap_keep, labels.numel(), 1))
        total_loss(logits, labels, config.loss)["loss"].backward()
        gradients[name] = model.classifier.weight.grad
    # K = 2.1 % of 16,384 pixels are 345; about 1,638 are of class 1, and hard where the network is sure of class 0.
    assert kept.equal(labels == 1) if sure else kept.all()
    assert torch.allclose(*gradients.values(), atol=1e-7) is not sure


@pytest.mark.parametrize("study", STUDIES.values(), ids=STUDIES)
def test_every_line_and_pair_can_be_shown(study):
    for name in [line.row for line in study.lines] + [name for pair in study.pairs for name in pair]:
        row_name, _, evaluation = name.partition("/")
        row = study.row(row_name)
        known = [e.name for e in (*study.evaluations, *row.extra)]
        assert not evaluation or evaluation in known
    for line in study.lines:
        assert isinstance(line, Line)
        assert (line.evaluation or study.main) in [e.name for e in (*study.evaluations, *study.row(line.row).extra)]
    for row in study.others:
        assert any(row in other.rows and other.base == study.base for other in STUDIES.values())


@pytest.mark.parametrize("row", ["center", "concat", "sum", "self"])
def test_rows_of_one_seed_start_from_the_same_base_network(row):
    study = STUDIES["table1"]
    states = []
    for name in ("baseline", row):
        torch.manual_seed(7)
        states.append(build_model(config_of(study, study.row(name), 7).model).base.state_dict())
    baseline, other = states
    assert baseline.keys() == other.keys() and all(torch.equal(baseline[k], other[k]) for k in baseline)


def test_rows_of_one_seed_see_the_same_crops(streets, tmp_path):
    study = small_study(tmp_path)
    dataset = open_dataset(streets, "train")
    loaders = [
        make_loader(
            replace(config_of(study, study.row(name), seed), data=str(streets)), dataset, 0, torch.device("cpu")
        )
        for name, seed in (("baseline", 5), ("sum", 5), ("sum", 6))
    ]
    for (images, labels), (same_images, same_labels), (other_images, _) in zip(*loaders, strict=True):
        assert torch.equal(images, same_images) and torch.equal(labels, same_labels)
        assert not torch.equal(images, other_images)


def test_configuration_survives_the_way_to_the_process(tmp_path):
    for study in STUDIES.values():
        for run in runs_of(replace(study, results=str(tmp_path / "r")), None, (0, 1), data="somewhere"):
            job = json.loads(json.dumps(job_of(run).config))
            config = replace(
                config_of(run.study, run.row, run.seed),
                data="somewhere",
                out=str(run.folder),
                device="cpu",
                start=str(run.start) if run.study.start else None,
            )
            assert from_dict(TrainConfig, job) == config


def test_grid_goes_seed_by_seed_and_takes_rows_of_several_studies(tmp_path):
    studies = [small_study(tmp_path, name) for name in ("table1", "controls")]
    runs = make_runs(studies, ["sum", "self"], [2, 1])
    assert [run.name for run in runs] == ["sum/seed-2", "self/seed-2", "sum/seed-1", "self/seed-1"]
    assert runs[0].folder == Path("runs/ablate/streets-64x32/sum/seed-2")
    assert len(make_runs(studies, None, [0])) == 10


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (
            ["--study", "table8"],
            "no study 'table8'; the studies are table1, table2, controls, camvid, base-photographs, ",
        ),
        (["--rows", "sum", "summ"], "no row 'summ' here; the rows of these studies are baseline, center, concat, sum"),
        (["--jobs", "0"], "jobs must be at least 1, got 0"),
        (["--seeds", "1", "1"], "seeds must be different numbers from 0, got 1 1"),
        (["--seeds", "-1"], "seeds must be different numbers from 0"),
        (["--study", "table1", "camvid", "--data", "x"], "different data: run them one by one"),
    ],
)
def test_command_refuses(flags, message, capsys):
    assert cli.main(["ablate", *flags]) == 2
    assert message in capsys.readouterr().err


def test_folder_that_cannot_be_written_is_named(tmp_path, capsys):
    file = tmp_path / "file"
    file.touch()
    assert cli.main(["ablate", "--results", str(file / "results"), "--runs", str(tmp_path)]) == 2
    assert f"{file / 'results'}: cannot write there" in capsys.readouterr().err
    assert cli.main(["ablate", "--results", str(tmp_path / "r"), "--runs", str(file / "runs")]) == 2
    assert "give another --results or --runs" in capsys.readouterr().err


def test_other_data_are_refused(streets, tmp_path):
    study = small_study(tmp_path)
    with pytest.raises(DataError, match="holds another set"):  # two scenes in test, not four
        run_grid(runs_of(study, ["sum"], data=str(streets)), jobs=1)
    photographs = StudyData("photographs", str(streets), False, 64, 32, (("train", 12), ("val", 6)))
    with pytest.raises(DataError, match="val has 5 images of 64x32, the study photographs is on 6 of 64x32"):
        prepare_data(photographs, str(streets))
    with pytest.raises(DataError, match="does not exist|no such"):
        prepare_data(STUDIES["camvid"].data, str(tmp_path / "none"))
    assert not (tmp_path / "results" / "sum").exists()


def test_a_request_to_stop_reaches_a_grid_in_the_background():
    """Where a shell starts a job with &, SIGINT is ignored; SIGTERM must be Ctrl-C all the same."""
    code = (
        "import os, signal, time; from acflib.engine.stopping import terminated_as_interrupted as stops\n"
        "signal.signal(signal.SIGINT, signal.SIG_IGN)\n"
        "try:\n"
        "    with stops():\n"
        "        os.kill(os.getpid(), signal.SIGTERM); time.sleep(5)\n"
        "except KeyboardInterrupt:\n"
        "    print('stopped')"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=300)
    assert found.stdout == "stopped\n", found.stderr
