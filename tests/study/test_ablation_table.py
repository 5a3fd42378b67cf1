"""The tables and the plot of the ablation, from invented scores whose means and intervals are known by hand."""

import math

import matplotlib.colors
import pytest
from PIL import Image

from acflib.cli import parser as cli
from acflib.errors import ConfigError, DataError
from acflib.study.ablation.figures import ablation_plot
from acflib.study.ablation.results import load_results
from acflib.study.ablation.studies import STUDIES
from acflib.study.ablation.table import as_markdown, as_text, make_table
from acflib.study.figures import BLUE
from tests.study.ablation_cases import invented_table1, write_fake

T_2, T_3 = 4.302652729911275, 3.182446305284263  # Student's t, two-sided 95 %, 2 and 3 degrees of freedom


@pytest.fixture
def study(tmp_path, monkeypatch):
    return invented_table1(tmp_path, monkeypatch)


def rows_of(study, evaluation=None):
    table = make_table(study, load_results(study.results, study), evaluation)
    return table, dict(zip([line.row for line in study.lines], table.rows, strict=False))


def test_numbers_by_hand(study):
    table, rows = rows_of(study)
    baseline, total = rows["baseline"], rows["sum"]
    assert (baseline.fine.mean, baseline.fine.half) == (71, pytest.approx(T_2 / math.sqrt(3)))  # s of 70, 71, 72 is 1
    assert baseline.coarse is baseline.gain is baseline.correction is None
    # 72, 72, 75 and 80 have the mean 74.75 and squared deviations 7.5625, 7.5625, 0.0625 and 27.5625, together 42.75.
    assert total.seeds == (0, 1, 2, 3) and total.fine.mean == 74.75 and total.coarse.mean == 73.75
    assert total.fine.half == pytest.approx(T_3 * math.sqrt(42.75 / 3 / 4))
    # fine - baseline is 2, 1, 3: seed 3 has no baseline. fine - coarse is 1, 2, 0, 1.
    assert (total.gain.mean, total.gain.n) == (2, 3) and total.gain.half == pytest.approx(T_2 / math.sqrt(3))
    assert (total.correction.mean, total.correction.n) == (1, 4)
    differences = {(d.a, d.b): d.interval for d in table.differences}
    assert differences["sum", "baseline"].mean == 2
    assert (differences["sum", "self"].mean, differences["sum", "self"].half) == (-0.5, None)
    assert differences["concat", "sum"] is None


def test_text_tells_the_numbers_the_verdicts_and_the_paper(study):
    text = as_text(rows_of(study)[0])
    assert "on test" in text.splitlines()[0]
    lines = {line.split("  ")[0]: " ".join(line.split()) for line in text.splitlines()}
    assert lines["baseline"] == "baseline 3 71.00 ± 2.48 - - - - 75.85"
    assert lines["+ ACF (sum)"].startswith("+ ACF (sum) 4 74.75 ± 6.01 73.75 ± 6.54 +2.00 ± 2.48 +1.00 ± 1.30 ")
    assert lines["+ ACF (sum)"].endswith("76.56 79.32 (+3.47)")
    assert lines["+ ACF (concat)"] == "+ ACF (concat) 0 - - - - 76.66 79.17 (+3.32)"
    assert lines["sum - baseline"] == "sum - baseline +2.00 ± 2.48 3 seeds: around 0"
    assert lines["sum - self"] == "sum - self -0.50 (one seed) one seed: no interval"
    assert "paper: ResNet-101 on Cityscapes val" in text and "measured here" in text


@pytest.mark.parametrize(("offset", "where"), [(5.0, "above 0"), (-5.0, "below 0")])
def test_interval_beside_zero_is_said_to_be(study, offset, where):
    for seed in range(3):
        write_fake(study, "concat", seed, 72.0 + offset + seed)
        write_fake(study, "sum", seed, 72.0 + seed + seed / 100)
    assert f"3 seeds: {where}" in as_text(rows_of(study)[0])


def test_markdown_has_the_same_cells(study):
    table, _ = rows_of(study)
    markdown = as_markdown(table)
    assert (
        "| + ACF (sum) | 4 | 74.75 ± 6.01 | 73.75 ± 6.54 | +2.00 ± 2.48 | +1.00 ± 1.30 | 76.56 | 79.32 (+3.47) |"
        in markdown
    )
    assert "| sum − self | −0.50 (one seed) | one seed: no interval |" in markdown
    widths = {line.count("|") for line in markdown.split("\n\n")[1].splitlines()}
    assert widths == {9}
    assert "*paper*" in markdown and "*measured here*" in markdown


def test_other_evaluations(study):
    table, _ = rows_of(study, "val")
    assert table.title.endswith("on val")
    with pytest.raises(ConfigError, match="no evaluation 'tset' of every row; it has val, test"):
        rows_of(study, "tset")


def test_controls_show_oracles_of_the_same_network_in_pairs(study, tmp_path):
    write_fake(study, "sum", 0, 72.0, 71.0, test_oracle_centers=74.0)
    write_fake(study, "sum", 1, 72.0, 71.0, test_oracle_centers=76.0)
    controls = STUDIES["controls"]
    table = make_table(controls, load_results(controls.results, controls))
    rows = {row.title: row for row in table.rows}
    assert rows["control (c): sum, true centers at test"].fine.n == 4
    pair = next(d for d in table.differences if d.a == "sum/test_oracle_centers")
    assert pair.interval.mean == (2 + 4 + 0 + 0) / 4
    assert all(
        "/" not in d.a for d in make_table(controls, load_results(controls.results, controls), "val").differences
    )


def test_command_prints_tables_and_names_what_it_leaves_out(study, capsys, tmp_path):
    assert cli.main(["ablate", "--table", "--study", "table1", "controls"]) == 0
    printed = capsys.readouterr().out
    assert "Table 1 on Streets" in printed and "Controls on Streets" in printed
    broken = tmp_path / "results" / "sum" / "seed-3.json"
    broken.write_text("{")
    assert cli.main(["ablate", "--markdown"]) == 1
    captured = capsys.readouterr()
    assert f"left out: {broken}" in captured.err and "| + ACF (sum) | 3 | 73.00 ± 4.30 |" in captured.out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--table", "--study", "table7"], "no study 'table7'"),
        (["--table", "--results", "nowhere"], "nowhere: no such folder of results"),
        (["--table", "--seeds", "0", "--jobs", "2"], "--seeds, --jobs: of no use where nothing is run"),
        (["--table", "--on", "best"], "no evaluation 'best'"),
        (["--on", "val"], "--on chooses what --table"),
        (["--plot", "plot.svg"], "ends with .png"),
        (["--write-tables", "missing.md"], "missing.md: cannot be read"),
        (["--write-tables", "x.md", "--results", "mine"], "--results: only --table, --markdown, --plot heed it"),
        (["--figures", "x", "--results", "mine"], "--results: only --table, --markdown, --plot heed it"),
        (["--write-tables", "x.md", "--on", "val"], "--on: only --table, --markdown, --plot, --figures heed it"),
    ],
)
def test_command_refuses(study, capsys, arguments, message):
    assert cli.main(["ablate", *arguments]) == 2
    assert message in capsys.readouterr().err


def test_plot_shows_every_run_the_means_and_the_baseline(study, tmp_path, capsys):
    figure = ablation_plot(study, load_results(study.results, study))
    left, right = figure.axes
    blue = matplotlib.colors.to_rgba(BLUE)
    runs = [line for line in left.lines if line.get_fillstyle() == "none"]
    fine = [sorted(line.get_xdata()) for line in runs if matplotlib.colors.to_rgba(line.get_color()) == blue]
    assert fine == [[70, 71, 72], [72, 72, 75, 80], [72.5]]
    assert [71, 71] in [list(line.get_xdata()) for line in left.lines]  # the line of the baseline
    gains = [sorted(line.get_xdata()) for line in right.lines if line.get_fillstyle() == "none"]
    assert gains == [[1, 2, 3], [2.5]]
    labels = [label.get_text() for label in left.get_yticklabels()]
    assert labels[:4] == ["baseline  (3)", "+ class center  (0)", "+ ACF (concat)  (0)", "+ ACF (sum)  (4)"]
    assert labels[4] == "control (a): the pixel's own feature  (1)"
    path = tmp_path / "new" / "plot.png"
    assert cli.main(["ablate", "--plot", str(path)]) == 0
    assert min(Image.open(path).size) > 200 and str(path) in capsys.readouterr().out


def test_plot_of_nothing_is_refused(study, tmp_path):
    empty = tmp_path / "empty"
    empty.mkdir()
    with pytest.raises(DataError, match="no results of table1"):
        ablation_plot(study, load_results(empty, study))
