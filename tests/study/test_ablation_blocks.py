"""The blocks of RESULTS.md, from invented scores whose means and intervals are known by hand."""

import pytest

from acflib.cli import parser as cli
from acflib.errors import ConfigError, DataError
from acflib.study.ablation.blocks import block, fill_blocks, write_tables
from acflib.study.ablation.results import load_results
from acflib.study.ablation.studies import STUDIES
from acflib.study.ablation.table import as_markdown, make_table
from tests.study.ablation_cases import invented_table1, write_fake

TEXT = "# Results\n\nBefore.\n\n<!-- table:table1 -->\nold\n<!-- end -->\n\nAfter. <!-- a comment -->\n"


@pytest.fixture
def study(tmp_path, monkeypatch):
    return invented_table1(tmp_path, monkeypatch)


def test_blocks_are_filled_and_nothing_else_is_touched(study, tmp_path):
    path = tmp_path / "RESULTS.md"
    path.write_text(TEXT)
    assert write_tables(path) is True
    text = path.read_text()
    before, rest = text.split("<!-- table:table1 -->\n")
    body, after = rest.split("<!-- end -->")
    assert (before, after) == ("# Results\n\nBefore.\n\n", "\n\nAfter. <!-- a comment -->\n")
    assert body.strip() == as_markdown(make_table(study, load_results(study.results, study)))
    assert write_tables(path) is False and path.read_text() == text
    write_fake(study, "sum", 0, 72.25)
    assert write_tables(path) is True


def test_headline_says_what_the_intervals_say(study):
    first, second = block("headline").splitlines()
    assert first.startswith("- ACF(sum)(fine) − baseline(fine) = **+2.00 ± 2.48** points")
    assert "3 seeds; the 95 % interval does not exclude 0" in first
    assert "about 4 seeds would tell one of this size from 0 half the time" in first  # s = 1: t(3) / 2 is 1.59 < 2
    assert "control (a)(fine) = **−0.50 (one seed)**" in second and "one seed: no interval" in second
    for seed, fine in enumerate((71.0, 70.9, 73.8)):
        write_fake(STUDIES["controls"], "self", seed, fine)
    second = block("headline").splitlines()[1]
    assert "**+1.10 ± 0.25** points" in second  # 1.0, 1.1 and 1.2: s is 0.1, t / sqrt(3) is 2.484
    assert "3 seeds; the 95 % interval excludes 0" in second


def test_gain_within_a_network_by_hand(study):
    """Of ACF(sum): 1, 2, 0 and 1, with s = sqrt(2 / 3). Of control (a): first 0, then 3, 3.5 and 2.5."""
    lines = block("within").splitlines()
    assert lines[0].startswith("- fine − coarse inside ACF(sum): **+1.00 ± 1.30** (4 seeds; the 95 % interval does not")
    assert "inside control (a): **+0.00 (one seed)** (one seed: no interval)" in lines[1]
    for seed, gain in enumerate((3.0, 3.5, 2.5)):
        write_fake(STUDIES["controls"], "self", seed, 70.0, coarse=70.0 - gain)
    lines = block("within").splitlines()
    assert "inside control (a): **+3.00 ± 1.24** (3 seeds" in lines[1]  # s is 0.5, t / sqrt(3) is 2.484
    assert "seed by seed: **−2.00 ± 1.24** (3 seeds; the 95 % interval excludes 0)" in lines[2]


def test_table_of_classes_by_hand(study):
    """Invented classes lie a point below, at and above the mean."""
    lines = [[cell.strip() for cell in line.split("|")[1:-1]] for line in block("classes:table1").splitlines()[2:]]
    assert lines[0] == ["class", "baseline", "+ ACF (sum)", "control (a): the pixel's own feature", "sum − baseline"]
    assert lines[2] == ["road", "70.0", "73.8", "71.5", "+2.00 ± 2.48"]
    assert [line[0] for line in lines[2:]] == ["road", "sky", "car"]


def test_corrections_of_all_seeds_are_added(study):
    text = block("corrections:sum")
    assert "4 seeds added" in text.splitlines()[0]
    total = next(line.split() for line in text.splitlines() if line.startswith("all classes"))
    assert total[2:] == [str(4 * 3 * 10 * n) for n in (9, 5, 2, 1)] + [f"+{4 * 3 * 10}", str(4 * 3 * 10), "0"]


@pytest.mark.parametrize(
    ("text", "error", "message"),
    [
        ("no markers", DataError, "0 markers"),
        ("<!-- table:table1 -->\nx", DataError, "1 markers .* and 0 markers"),
        ("<!-- table:table1 -->\n<!-- table:table2 -->\n<!-- end -->\n<!-- end -->", DataError, "2 markers"),
        ("<!-- end -->\n<!-- table:table1 -->\n", DataError, "give each table one of both"),
        ("<!-- table:table9 -->\n<!-- end -->", ConfigError, "no study 'table9'"),
        ("<!-- table:table1/best -->\n<!-- end -->", ConfigError, "no evaluation 'best'"),
        ("<!-- table:corrections:none -->\n<!-- end -->", ConfigError, "no row 'none'"),
        ("<!-- table:corrections:baseline -->\n<!-- end -->", DataError, "no corrections of the row baseline"),
    ],
)
def test_file_without_sound_markers_stays_as_it_is(study, tmp_path, text, error, message):
    path = tmp_path / "RESULTS.md"
    path.write_text(text)
    with pytest.raises(error, match=message) as caught:
        write_tables(path)
    assert str(path) in str(caught.value) and path.read_text() == text


def test_no_table_is_written_from_damaged_results(study, tmp_path, capsys):
    path, broken = tmp_path / "RESULTS.md", tmp_path / "results" / "sum" / "seed-3.json"
    path.write_text(TEXT)
    broken.write_text("{")
    assert cli.main(["ablate", "--write-tables", str(path)]) == 2
    assert str(broken) in capsys.readouterr().err and path.read_text() == TEXT


def test_committed_tables_are_those_of_the_committed_results(request):
    root = request.config.rootpath
    path = root / "RESULTS.md"
    if not path.is_file():
        pytest.skip("no RESULTS.md here")
    text = path.read_text(encoding="utf-8")
    assert fill_blocks(text, root) == text, "make them anew: python -m acflib ablate --write-tables RESULTS.md"
