"""The figures of the study: what they draw is what was measured, and what is missing stands in them."""

import math

import numpy as np
import pytest
from PIL import Image
from scipy import stats

from acflib.cli import parser as cli
from acflib.errors import DataError
from acflib.study.ablation.pair_figures import gain_figure, seed_figure
from acflib.study.ablation.pair_results import PairResults
from tests.study.ablation_cases import write_plan
from tests.study.test_pair_blocks import BASE, PRIMARY_RUNS, gains, half_of, score


@pytest.fixture
def primary(tmp_path, monkeypatch):
    write_plan(tmp_path, monkeypatch, score, "test", PRIMARY_RUNS)
    return PairResults("test", tmp_path)


def text_below(figure) -> str:
    """Without the breaks of its lines."""
    return " ".join(figure.get_supxlabel().split())


def lines(axes) -> dict[str, tuple[list, list]]:
    """Label -> coordinates of the lines that have one."""
    return {
        line.get_label(): (list(line.get_xdata()), list(line.get_ydata()))
        for line in axes.lines
        if not line.get_label().startswith("_")
    }


def test_the_whole_study_is_drawn(tmp_path, monkeypatch):
    write_plan(tmp_path, monkeypatch, score, "test")
    figure = gain_figure(PairResults("test", tmp_path))
    left, right = figure.axes
    found = lines(left)
    assert len(found) == 6 and "Not run yet" not in text_below(figure)
    own = found["ACF (sum), own, n = 8 / 5 / 8"][1]
    assert own[0] == pytest.approx(gains("47").mean()) and own[2] == pytest.approx(gains("239").mean())
    assert set(lines(right)) == {"which classes occur", "the palette", "what each class looks like"}
    assert len(right.get_yticks()) == 7 and "on test" in figure.get_suptitle()
    (gray,) = {line.get_color() for line in left.lines if "global" in line.get_label()}
    assert gray[1:3] == gray[3:5] == gray[5:7]


def test_what_is_missing_is_said(primary):
    figure = gain_figure(primary)
    left, right = figure.axes
    assert list(lines(left)) == ["ACF (sum), own, n = 8"]
    assert lines(left)["ACF (sum), own, n = 8"][1] == pytest.approx(
        [gains("47").mean(), math.nan, gains("239").mean()], nan_ok=True
    ), "no line across what was not run"
    assert [tick.get_text() for tick in right.get_yticklabels()] == ["ACF (sum)"]
    said = text_below(figure).split("Not run yet: ")[1]
    for missing in (
        "ACF (sum), own at 111;",
        "ACF (sum), turned at 47, 111, 239;",
        "global average, own at 47, 239;",
        "global average, fixed at 47;",
        "the palette of ACF (sum), class center, global average",
    ):
        assert missing in said
    assert "111" not in said.split("global average, own")[1].split(";")[0], "not in the plan"


def test_no_empty_panel(tmp_path, monkeypatch):
    """The parts are of field 47, the curves of three worlds: at 239 alone there are no parts, in crowd neither."""
    write_plan(tmp_path, monkeypatch, score, "test", (("own-239", "self sum", 1),))
    results = PairResults("test", tmp_path)
    (axes,) = gain_figure(results).axes
    assert list(lines(axes)) == ["ACF (sum), own, n = 1"]
    figure = seed_figure(results)
    assert list(lines(figure.axes[0])) == ["gain at 239"]
    assert "gain at 47: seeds 10, 11, 12, 13, 14, 15, 16, 17" in text_below(figure)
    write_plan(tmp_path / "crowd", monkeypatch, score, "test", (("crowd-47", "self sum", 2),))
    for draw in (gain_figure, seed_figure):
        with pytest.raises(DataError, match="on test"):
            draw(PairResults("test", tmp_path / "crowd"))
        with pytest.raises(DataError, match="on val"):
            draw(PairResults("val", tmp_path))


def test_primary_endpoint_seed_by_seed(primary):
    figure = seed_figure(primary)
    left, right = figure.axes
    found = lines(left)
    assert found["gain at 47"][1] == pytest.approx(gains("47"))
    assert found["gain at 239"][1] == pytest.approx(gains("239"))
    assert found["their difference"][1] == pytest.approx(gains("47") - gains("239"))
    assert "Not run yet" not in text_below(figure)
    spans = [segment[:, 1] for bars in right.collections for segment in bars.get_segments()]
    halves = sorted(float(np.ptp(span)) / 2 for span in spans)
    own = np.array([BASE[seed] for seed in range(10, 18)])
    groups = ((own + gains("47"), own), (own + gains("239"), own), (gains("47"), gains("239")))
    welch = [stats.ttest_ind(a, b, equal_var=False).confidence_interval(0.95) for a, b in groups]
    expected = [half_of(gains("47")), half_of(gains("239")), half_of(gains("47") - gains("239"))]
    assert halves == pytest.approx(sorted([*expected, *((w.high - w.low) / 2 for w in welch)]))


def test_the_command_writes_both(primary, monkeypatch, capsys):
    monkeypatch.chdir(primary.root)
    assert cli.main(["ablate", "--figures", "drawn/here"]) == 0
    written = sorted((primary.root / "drawn/here").iterdir())
    assert [path.name for path in written] == ["gain-by-field.png", "primary-by-seed.png"]
    for path in written:
        with Image.open(path) as image:
            assert image.width > 1000
    assert capsys.readouterr().out.count("figure of the study: ") == 2
    assert cli.main(["ablate", "--figures", "other", "--on", "val"]) == 2
    assert "no results of the study on val to draw yet" in capsys.readouterr().err
    assert cli.main(["ablate", "--figures", "other", "--on", "best"]) == 2
    assert "not on 'best'" in capsys.readouterr().err
    (primary.root / "taken").write_text("")
    assert cli.main(["ablate", "--figures", "taken"]) == 2
    assert "give another --figures" in capsys.readouterr().err
    assert cli.main(["ablate", "--figures", "other", "--jobs", "2"]) == 2
    assert "--jobs: of no use" in capsys.readouterr().err
