"""``acflib share``."""

import json
import re
from pathlib import Path

import pytest
import torch

from acflib.cli import parser as cli
from acflib.predict.pretrained import load_pretrained
from acflib.training import train
from tests.runs import tiny_config


def test_a_run_is_shared_by_command(streets, tmp_path, capsys):
    train(tiny_config(streets, tmp_path / "run", iterations=1, eval_every=0), progress=False)
    run = tmp_path / "run" / "checkpoint.pt"
    scores, out = tmp_path / "val.json", tmp_path / "shared"
    assert cli.main(["evaluate", "--checkpoint", str(run), "--data", str(streets), "--json", str(scores)]) == 0
    share = ["share", "--checkpoint", str(run), "--out", str(out), "--license", "mit", "--data-name", "Streets"]
    assert cli.main([*share, "--scores", str(scores)]) == 0
    assert "load_pretrained(" in capsys.readouterr().out
    assert f"**{json.loads(scores.read_text())['miou_fine']:.2f}**" in (out / "README.md").read_text()
    ours, theirs = load_pretrained(out).state_dict(), load_pretrained(run).state_dict()
    assert all(torch.equal(ours[name], value) for name, value in theirs.items())
    assert cli.main(share) == 0 and "carries no scores" in capsys.readouterr().out


def test_scores_of_another_network_are_refused(tmp_path, capsys):
    """Of another position, weights or classes; and two files of one split, of which one would be lost."""
    model = load_pretrained("streets-baseline")
    own = {"checkpoint": "mine", "iteration": model.info["position"], "split": "val", "miou_fine": 50.0}
    own["iou_fine"] = dict.fromkeys(model.info["classes"], 50.0)
    share = ["share", "--checkpoint", "streets-baseline", "--out", str(tmp_path / "x"), "--license", "mit"]
    share += ["--data-name", "Streets", "--scores"]
    for changes in ({"iteration": 7}, {"weights_sha256": "0" * 64}, {"iou_fine": {"cat": 99.0}}):
        (tmp_path / "val.json").write_text(json.dumps(own | changes))
        assert cli.main([*share, str(tmp_path / "val.json")]) == 2
        assert "val.json: scores of another network, mine at iteration" in capsys.readouterr().err
    for name in ("val.json", "again.json"):
        (tmp_path / name).write_text(json.dumps(own))
    assert cli.main([*share, str(tmp_path / "val.json"), str(tmp_path / "again.json")]) == 2
    assert "again.json: a second file of the split val" in capsys.readouterr().err
    assert not (tmp_path / "x").exists()
    assert cli.main([*share, str(tmp_path / "val.json")]) == 0  # a file of an older acflib, without a checksum


@pytest.mark.parametrize(
    "flags, message",
    [
        (["--data-name", "x"], "--license is missing.*terms of the data"),
        (["--license", "mit"], "--data-name is missing"),
        (["--license", "mit", "--data-name", "x", "--scores", "gone.json"], "gone.json: cannot be read"),
        (["--license", "mit", "--data-name", "x", "--scores", "config.json"], "config.json: no scores"),
        (["--license", "mit", "--data-name", "x", "--scores", "README.md"], "README.md: no JSON"),
        (["--license", "mit", "--data-name", "x", "--scores", "none.json"], "none.json: no scores"),
    ],
)
def test_share_says_what_is_missing(tmp_path, monkeypatch, capsys, flags, message):
    monkeypatch.chdir(tmp_path)
    Path("config.json").write_text("{}")
    Path("README.md").write_text("# Mine")
    Path("none.json").write_text('{"split": "val", "miou_fine": 1, "iou_fine": null, "iteration": 1}')
    assert cli.main(["share", "--checkpoint", "streets-baseline", "--out", "x", *flags]) == 2
    assert re.search(message, capsys.readouterr().err)
