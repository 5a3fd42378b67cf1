"""The conclusions of the study from invented results with known differences; the plan and the code name the same."""

import re
from pathlib import Path

import pytest
from scipy import stats

from acflib.errors import ConfigError, DataError
from acflib.study.ablation import conclusions
from acflib.study.ablation.conclusions import (
    FAMILY,
    PHOTOGRAPHS,
    PRIMARY,
    conclude,
    differences,
    missing,
    parts,
    seeds_planned,
)
from acflib.study.ablation.pair_blocks import verdict_lines
from acflib.study.ablation.pair_results import PairResults
from acflib.study.ablation.pair_tables import pairing_table, power_table, rows_table, worlds_table
from acflib.study.ablation.pairs import PHOTOGRAPH_PLAN, PLAN
from acflib.study.ablation.studies import STUDIES
from tests.study.ablation_cases import write_plan

PLAN_PAGE = Path(__file__).resolve().parents[2] / "docs" / "study-plan.md"
NOISE = (0.05, -0.04, 0.02, -0.03, 0.01, -0.02, 0.03, -0.01)
PRIMARY_RUNS = (("own-47 own-239", "self sum", 8),)


def one_point_in_own(study: str, row: str, seed: int) -> dict[str, float]:
    """Sum gains 1 point at 47 in own where nothing is given, and nothing anywhere else."""
    level = 40 + seed - 10 + (NOISE[seed - 10] if row != "self" else 0)
    others = dict.fromkeys(("present", "centers", "presence", "appearance"), level) if row == "sum" else {}
    return {"fine": level + ((study, row) == ("own-47", "sum")), **others}


@pytest.fixture
def invented(tmp_path, monkeypatch):
    """Results on val of the whole plan."""
    write_plan(tmp_path, monkeypatch, one_point_in_own, "val")
    return PairResults("val", tmp_path)


def by_name(results: PairResults) -> dict:
    return {each.contrast.name: each for each in conclude(results)}


def test_contrasts_by_hand(invented):
    found = differences(PRIMARY, invented)
    assert sorted(found) == list(range(10, 18))
    # (sum - self) at 47 is 1 + noise, at 239 it is noise: the difference is 1 for every seed.
    assert found == pytest.approx(dict.fromkeys(range(10, 18), 1.0))
    plain = next(c for c in FAMILY if c.hypothesis == "H1b")
    assert differences(plain, invented) == pytest.approx({10 + k: 1 + v for k, v in enumerate(NOISE)})


def test_conclusions_of_invented_results(invented):
    found = by_name(invented)
    assert len(found) == 20
    assert found["sum - self, own-47"].verdict == "shown: above 0"
    assert found["sum - self, own-47, presence given"].verdict == "equal"
    assert found["sum - permuted, own-47"].verdict == "shown: above 0"
    assert found["gain of sum, own-47 - fixed-47"].verdict == "shown: above 0"
    assert found["sum: appearance - its own centers"].verdict == "shown: below 0"
    plain = found["sum - self, own-47"].found
    assert plain.p < plain.adjusted < 0.05, "corrected over the family"


def test_the_primary_endpoint_is_concluded_alone(tmp_path, monkeypatch):
    """D of eight seeds, tested once: no correction, and no word on the family."""
    gains = {10 + k: 0.5 + 3 * noise for k, noise in enumerate(NOISE)}
    write_plan(
        tmp_path,
        monkeypatch,
        lambda study, row, seed: {"fine": 40.0 + (gains[seed] if (study, row) == ("own-47", "sum") else 0)},
        "test",
        PRIMARY_RUNS,
    )
    primary, *family = conclude(PairResults("test", tmp_path))
    expected = stats.ttest_1samp(list(gains.values()), 0.0)
    low, high = expected.confidence_interval(0.95)
    assert primary.verdict == "shown: above 0" and primary.found.interval.n == 8
    assert primary.found.adjusted == primary.found.p == pytest.approx(expected.pvalue)
    assert primary.found.interval.mean - primary.found.interval.half == pytest.approx(low)
    assert primary.found.interval.mean + primary.found.interval.half == pytest.approx(high)
    assert all(each.found is each.verdict is None for each in family)
    assert family[0].whole and missing(family[0]) == "no verdict before the whole family is run"
    assert missing(family[1]) == "not run yet: 0 of 6 seeds"


def test_the_primary_endpoint_waits_for_all_its_seeds(tmp_path, monkeypatch, capsys):
    write_plan(tmp_path, monkeypatch, one_point_in_own, "test", (("own-47 own-239", "self sum", 7),))
    primary = conclude(PairResults("test", tmp_path))[0]
    assert primary.found is None and missing(primary) == "not run yet: 7 of 8 seeds"
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(conclusions.sys, "argv", ["conclusions"])
    assert conclusions.main() == 0
    assert "H1     gain of sum, own-47 - own-239" in capsys.readouterr().out.splitlines()[0]


def test_the_family_is_corrected_only_when_it_is_whole(invented):
    (invented.root / "results/study/crowd-47/center/seed-13.json").unlink()
    found = by_name(invented)
    assert found[PRIMARY.name].verdict == "shown: above 0"
    assert all(each.verdict is None for name, each in found.items() if name != PRIMARY.name)
    assert missing(found["center - self, crowd-47"]) == "not run yet: 5 of 6 seeds"


def test_seeds_that_were_not_planned_do_not_count(invented, monkeypatch):
    def tables(results):
        rows, worlds, pairing = rows_table("own-47", results), worlds_table(results), pairing_table(results)
        return [verdict_lines(results), power_table(results), rows, worlds, pairing]

    before, told = by_name(invented), tables(invented)

    def wild(study, row, seed):
        return {"fine": 90.0 if row == "sum" else 10.0}

    monkeypatch.setattr("tests.study.ablation_cases.FIRST_SEED", 18)
    write_plan(invented.root, monkeypatch, wild, "val", PRIMARY_RUNS)
    again = PairResults("val", invented.root)
    assert 18 in again.runs("own-47", "sum") and 18 not in again.scores("own-47/sum")
    assert 18 not in differences(PRIMARY, again) and tables(again) == told
    assert {name: each.found for name, each in by_name(again).items()} == {n: e.found for n, e in before.items()}


def test_nothing_is_tested_on_val(invented, monkeypatch, capsys):
    """The plan: val is shown with intervals, tested nowhere."""
    said = verdict_lines(invented)
    assert "*not tested*" in said and "±" in said and not re.search(r"\*\*(shown|equal|not shown)|, p ", said)
    monkeypatch.chdir(invented.root)
    monkeypatch.setattr(conclusions.sys, "argv", ["conclusions", "val"])
    assert conclusions.main() == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].endswith("not tested: all choices were made here") and not any(" p " in line for line in lines)


def test_a_damaged_file_is_named(invented):
    path = invented.root / "results/study/own-47/sum/seed-11.json"
    path.write_text("{")
    with pytest.raises(DataError, match=re.escape(str(path))):
        conclude(PairResults("val", invented.root))


def test_another_split_is_refused(tmp_path, monkeypatch, capsys):
    with pytest.raises(ConfigError, match="scored on test and val, not on 'best'"):
        PairResults("best", tmp_path)
    monkeypatch.setattr(conclusions.sys, "argv", ["conclusions", "best"])
    assert conclusions.main() == 2 and "not on 'best'" in capsys.readouterr().err


def test_the_three_parts_by_hand(tmp_path, monkeypatch):
    """Own: gain 1.5, with presence given 0.6; turned 0.4 and fixed 0.1 with presence given."""
    gains = {"own-47": (1.5, 0.6), "turned-47": (1.1, 0.4), "fixed-47": (0.7, 0.1)}

    def score(study, row, seed):
        plain, given = gains[study] if row == "center" else (0.0, 0.0)
        return {"fine": 40 + seed + plain, "present": 50 - seed + given}

    write_plan(tmp_path, monkeypatch, score, "test", (("own-47 turned-47 fixed-47", "self center", 3),))
    results = PairResults("test", tmp_path)
    found = {name: differences(contrast, results) for name, contrast in parts("center").items()}
    seeds = (10, 11, 12)
    assert found["presence"] == pytest.approx(dict.fromkeys(seeds, 1.5 - 0.6))
    assert found["palette"] == pytest.approx(dict.fromkeys(seeds, 0.4 - 0.1))
    assert found["looks"] == pytest.approx(dict.fromkeys(seeds, 0.6 - 0.1))


def test_the_plan_has_as_many_comparisons_and_seeds():
    text = PLAN_PAGE.read_text()
    assert "one family of 19 comparisons" in text and len(FAMILY) == 19
    numbers = [
        int(found) for found in re.findall(r"\((\d+)\)", text.split("## Hypotheses")[1].split("The three parts")[0])
    ]
    assert numbers == list(range(1, 20))
    assert [seeds_planned(c) for c in (PRIMARY, *FAMILY)] == [
        8,
        8,
        6,
        6,
        6,
        6,
        8,
        8,
        8,
        8,
        8,
        6,
        6,
        6,
        6,
        8,
        8,
        8,
        8,
        6,
    ]
    planned = [int(n) for n in re.findall(r"\| (\d+) \|$", text.split("## Hypotheses")[0], re.MULTILINE)]
    total = int(re.search(r"^(\d+) runs\.", text, re.MULTILINE).group(1))
    assert sum(planned) == total


def test_make_study_has_the_blocks_of_the_plan():
    makefile = (PLAN_PAGE.parents[1] / "Makefile").read_text()
    seeds = {
        name: len(text.split()) for name, text in re.findall(r"^(EIGHT|SIX|FIVE) := ([\d ]+)$", makefile, re.MULTILINE)
    }
    assert seeds == {"EIGHT": 8, "SIX": 6, "FIVE": 5}
    text = makefile.replace("$(WORLD_ROWS)", "self sum global center")
    blocks = {
        target: re.findall(
            r"--study (.+?) --rows (.+?) --seeds \$\((\w+)\)", text.split(f"\n{target}: ")[1].split("\n\n")[0]
        )
        for target in ("study", "study-test")
    }
    assert [(s.replace("-test", ""), r, n) for s, r, n in blocks["study-test"]] == blocks["study"]
    assert [(studies, rows, seeds[count]) for studies, rows, count in blocks["study"]] == list(PLAN)
    bases, runs = set(), 0
    for studies, rows, count in blocks["study"]:
        for study in studies.split():
            assert set(rows.split()) <= {row.name for row in STUDIES[study].rows}
            bases |= {(STUDIES[study].start.name, k) for k in range(seeds[count])}
            runs += len(rows.split()) * seeds[count]
    assert len(bases) + runs == int(re.search(r"^(\d+) runs\.", PLAN_PAGE.read_text(), re.MULTILINE).group(1))


def test_make_photographs_runs_what_is_planned():
    text = (PLAN_PAGE.parents[1] / "Makefile").read_text()
    seeds = len(re.search(r"^THREE := ([\d ]+)$", text, re.MULTILINE).group(1).split())
    lines = re.findall(r"--study (photographs\S*) --rows (.+?) --seeds \$\(THREE\)", text)
    study, rows, count = PHOTOGRAPH_PLAN
    assert seeds == count and lines == [(study, rows), (f"{study}-test", rows)]
    assert set(rows.split()) <= {row.name for row in STUDIES[study].rows}
    assert [seeds_planned(contrast) for contrast in PHOTOGRAPHS] == [count] * 2
