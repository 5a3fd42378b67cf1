"""Runs of the study trained again: the tool that compares, and what its committed file lets RESULTS say."""

import copy
import json
import subprocess
import sys
from pathlib import Path

import pytest

from tools.rerun import OUT, compare, rerun

pytestmark = pytest.mark.usefixtures("warm_python")

ROOT = Path(__file__).resolve().parents[2]
FIRST = {
    "machine": {"cpu": "one"},
    "evaluations": {"val": {"split": "val", "miou_fine": 40.5, "iou_fine": {"road": 80.0, "sky": 1.0}}},
    "base_sha256": "ab",
}


def test_the_same_run_again():
    found = compare("study/row/3", FIRST, copy.deepcopy(FIRST))
    assert found == {
        "run": "study/row/3", "first_machine": {"cpu": "one"}, "same_scores": True, "same_base": True,
        "largest_difference": 0.0,
    }  # fmt: skip


def test_one_digit_of_one_class_is_a_difference():
    again = copy.deepcopy(FIRST)
    again["evaluations"]["val"]["iou_fine"]["sky"] = 1.0000000001
    assert not compare("study/row/3", FIRST, again)["same_scores"]


def test_a_run_without_a_base_network_shows_nothing_of_one():
    without = {name: value for name, value in FIRST.items() if name != "base_sha256"}
    found = compare("study/row/3", without, copy.deepcopy(without))
    assert found["same_scores"] and not found["same_base"]


def test_another_base_network_and_how_far_the_score_moved():
    again = copy.deepcopy(FIRST) | {"base_sha256": "cd"}
    again["evaluations"]["val"]["miou_fine"] = 40.25
    found = compare("study/row/3", FIRST, again)
    assert not found["same_base"] and found["largest_difference"] == 0.25


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("own-47/sum", "name a run as STUDY/ROW/SEED"),
        ("own-47/sum/x", "name a run as STUDY/ROW/SEED"),
        ("own-47/sum/99", "nothing to hold the new numbers against"),
        ("no-such-study/sum/10", "no-such-study"),
    ],
)
def test_a_run_that_is_not_there(name, message, tmp_path):
    out = tmp_path / "rerun.json"
    run = subprocess.run(
        [sys.executable, "tools/rerun.py", name, "--out", out], cwd=ROOT, capture_output=True, text=True, timeout=120
    )
    assert run.returncode != 0 and message in run.stderr
    assert not out.exists()


def test_results_say_what_the_file_holds():
    runs = json.loads(OUT.read_text())["runs"]
    page = " ".join((ROOT / "RESULTS.md").read_text().split())
    for run in runs:
        study, row, seed = run["run"].split("/")
        committed = json.loads((ROOT / f"results/study/{study}/{row}/seed-{seed}.json").read_text())
        assert run["first_machine"] == committed["machine"]
    same = [run["run"] for run in runs if run["same_scores"] and run["same_base"]]
    other = [run for run in runs if not run["same_scores"]]
    assert len(same) >= 2
    assert f"Trained again from nothing: {', '.join(same)}. Every digit is the same" in page
    for run in other:
        assert f"{run['run']} differs by {run['largest_difference']:.2f} points" in page


def test_the_old_code_gives_the_base_network_of_the_other_processor():
    """The control of "another kind of processor": same commit and versions as the committed file, another network."""
    old = json.loads((ROOT / "results" / "rerun_old_code.json").read_text())
    committed = json.loads((ROOT / "results/study/base-own-47/base/seed-10.json").read_text())
    frozen = json.loads((ROOT / "results/study/own-47-frozen/sum/seed-10.json").read_text())
    assert old["machine"] == committed["machine"] and old["config"] == committed["config"]
    assert old["base_sha256"] == frozen["base_sha256"] != committed["base_sha256"]
    words = "the commit of the first day, run on that other kind with the same versions, gives the base network of the"
    assert f"{words} frozen rows" in " ".join((ROOT / "RESULTS.md").read_text().split())


def test_global_and_center_at_239_are_pairs_with_the_self_of_the_first_day():
    """Their base networks were trained again, and are the committed ones; the committed files are of another commit."""
    found = json.loads((ROOT / "results" / "rerun_own_239.json").read_text())["runs"]
    assert [run["run"] for run in found] == [f"base-own-239/base/{seed}" for seed in range(10, 15)]
    assert all(run["same_base"] and run["same_scores"] for run in found)
    for row in ("global", "center"):
        for seed in range(10, 15):
            path = ROOT / f"results/study/own-239/{row}/seed-{seed}.json"
            assert json.loads(path.read_text())["machine"]["commit"] != found[0]["first_machine"]["commit"]


def test_runs_of_another_clone_are_held_against_the_committed(tmp_path):
    """Without training. A score that is not the same is found."""
    name = Path("results/study/base-own-239/base/seed-10.json")
    content = json.loads((ROOT / name).read_text())
    content["evaluations"]["val"]["miou_fine"] += 0.5
    (tmp_path / name).parent.mkdir(parents=True)
    (tmp_path / name).write_text(json.dumps(content))
    (run,) = rerun(["base-own-239/base/10"], tmp_path)
    assert run["same_base"] and not run["same_scores"] and run["largest_difference"] == pytest.approx(0.5)
    with pytest.raises(SystemExit, match="seed-11.json"):
        rerun(["base-own-239/base/11"], tmp_path)
