"""The conclusions of the study from invented results with known differences; the plan and the code name the same."""

import re
from dataclasses import replace
from pathlib import Path

import pytest

from acflib.errors import DataError
from acflib.study.ablation.conclusions import FAMILY, PRIMARY, conclude, differences, seeds_planned
from acflib.study.ablation.studies import STUDIES
from tests.study.ablation_cases import three_classes, write_fake

PLAN = Path(__file__).resolve().parents[2] / "docs" / "study-plan.md"
NOISE = (0.05, -0.04, 0.02, -0.03, 0.01, -0.02, 0.03, -0.01)


@pytest.fixture
def invented(tmp_path, monkeypatch):
    """Results on val of all rows of the conclusions: sum gains 1 point at 47 in own, and nothing anywhere else."""
    names = {name.split("/")[0] for c in (PRIMARY, *FAMILY) for name in (*c.plus, *c.minus)}
    for name in sorted(names):
        study = three_classes(STUDIES[name])
        # load_results puts the root before the study's own folder
        monkeypatch.setitem(STUDIES, name, study)
        written = replace(study, results=str(tmp_path / study.results))
        for row in study.rows:
            for k, noise in enumerate(NOISE):
                level = 40 + k + (noise if row.name != "self" else 0)
                gains = {"val": 1.0} if (name, row.name) == ("own-47", "sum") else {}
                write_fake(written, row.name, 10 + k, level, **{key: level + value for key, value in gains.items()})
    return tmp_path


def test_contrasts_by_hand(invented):
    found = differences(PRIMARY, "val", invented)
    assert sorted(found) == list(range(10, 18))
    # (sum - self) at 47 is 1 + noise, at 239 it is noise: the difference is 1 for every seed.
    assert found == pytest.approx(dict.fromkeys(range(10, 18), 1.0))
    plain = next(c for c in FAMILY if c.hypothesis == "H1b")
    assert differences(plain, "val", invented) == pytest.approx({10 + k: 1 + v for k, v in enumerate(NOISE)})


def test_conclusions_of_invented_results(invented):
    found = {contrast.name: (comparison, word) for contrast, comparison, word in conclude("val", invented)}
    assert len(found) == 20
    assert found["sum - self, own-47"][1] == "shown: above 0"
    assert found["sum - self, own-47, presence given"][1] == "equal"
    assert found["sum - permuted, own-47"][1] == "shown: above 0"
    assert found["gain of sum, own-47 - fixed-47"][1] == "shown: above 0"
    assert found["sum: appearance - its own centers"][1] == "shown: below 0"
    plain = found["sum - self, own-47"][0]
    assert plain.p < plain.adjusted < 0.05, "corrected over the family"


def test_missing_seeds_are_named(invented):
    (invented / "results/study/crowd-47/center/seed-10.json").unlink()
    (invented / "results/study/crowd-47/center/seed-11.json").unlink()
    (invented / "results/study/crowd-47/center/seed-12.json").unlink()
    with pytest.raises(DataError, match="center - self, crowd-47: 5 of 6 seeds are there"):
        conclude("val", invented)
    with pytest.raises(DataError, match="no such folder of results"):
        conclude("test", invented)


def test_the_plan_has_as_many_comparisons_and_seeds():
    text = PLAN.read_text()
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
    makefile = (PLAN.parents[1] / "Makefile").read_text()
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
    bases, runs = set(), 0
    for studies, rows, count in blocks["study"]:
        for study in studies.split():
            assert set(rows.split()) <= {row.name for row in STUDIES[study].rows}
            bases |= {(STUDIES[study].start.name, k) for k in range(seeds[count])}
            runs += len(rows.split()) * seeds[count]
    assert len(bases) + runs == int(re.search(r"^(\d+) runs\.", PLAN.read_text(), re.MULTILINE).group(1))
