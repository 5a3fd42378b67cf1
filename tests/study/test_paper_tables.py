"""The paper's numbers as typed from its tables, and ours printed beside them."""

import json

import pytest
import torch

from acflib.cli import parser as cli
from acflib.datasets.labels import CITYSCAPES_CLASSES
from acflib.engine.presets import PAPER
from acflib.errors import ConfigError
from acflib.metrics import Scores
from acflib.study.paper_tables import TABLE_1, TABLE_2, TABLE_3, check_classes_of_table_3, table_beside_paper
from tests.runs import flags, tiny_config

ROUNDING = 0.005  # the means are given with two digits; those of 19 numbers with one digit are about as exact


@pytest.mark.parametrize("row, mean", [(TABLE_3[0], 80.79), (TABLE_3[1], 81.85)])
def test_per_class_rows_have_the_mean_of_the_paper(row, mean):
    assert len(row.per_class) == 19
    assert sum(row.per_class) / 19 == pytest.approx(mean, abs=ROUNDING)
    assert row.fine == pytest.approx(mean, abs=0.051)  # Table 3 prints 81.8, the text 81.85


def test_gains_that_the_text_names():
    """Sections 4.3 and 4.4: the table says the same as the sentences about it."""
    aspp, acf, bootstrapping, multi_scale = (row.fine for row in TABLE_2)
    assert acf - aspp == pytest.approx(1.7, abs=0.05)
    assert bootstrapping - acf == pytest.approx(0.91, abs=ROUNDING)
    assert multi_scale - acf == pytest.approx(1.38, abs=ROUNDING)


def test_every_row_has_a_preset_with_its_settings():
    rows = [*TABLE_1, *TABLE_2, *TABLE_3]
    assert {row.preset for row in rows} == set(PAPER)
    for row in rows:
        config = PAPER[row.preset]
        assert row.trained_on == config.split
        assert (row.coarse is not None) == (row.table == 1 and config.model.variant is not None)
        assert (row.evaluated_on == "test") == (row.table == 3) == bool(row.per_class)
    assert [row.multi_scale for row in rows] == [False] * 7 + [True] * 3


def test_table_beside_the_paper():
    scores = Scores(CITYSCAPES_CLASSES, torch.eye(19, dtype=torch.int64), torch.eye(19, dtype=torch.int64))
    lines = table_beside_paper(scores, "Cityscapes val").splitlines()
    assert lines[0].split() == ["IoU", "(%)", "fine", "coarse", "paper:train", "paper:trainval"]
    assert lines[1].split() == ["road", "100.00", "100.00", "98.7", "98.7"]
    assert lines[19].split() == ["bicycle", "100.00", "100.00", "78.0", "79.2"]
    assert lines[20].split() == ["mIoU", "100.00", "100.00", "80.8", "81.8"]
    note = " ".join(lines[21:])
    assert "scores on the TEST set of Cityscapes" in note and "Ours are on Cityscapes val." in note
    assert all(len(line) <= 120 for line in lines)


def test_other_classes_are_refused():
    with pytest.raises(ConfigError, match="19 classes of Cityscapes.*--beside-paper"):
        check_classes_of_table_3(("sky", "building"))


def test_command_line(streets, tmp_path, capsys):
    out, scores = tmp_path / "run", tmp_path / "scores.json"
    assert cli.main(["train", *flags(tiny_config(streets, out, iterations=2, eval_every=0))]) == 0
    arguments = ["--checkpoint", str(out / "checkpoint.pt"), "--data", str(streets), "--json", str(scores)]
    capsys.readouterr()
    assert cli.main(["evaluate", *arguments, "--beside-paper"]) == 0
    printed = capsys.readouterr().out
    assert "paper:trainval" in printed and "Ours are on Streets val." in printed
    assert f"{json.loads(scores.read_text())['miou_fine']:.2f}" in printed
