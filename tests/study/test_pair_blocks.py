"""The blocks of RESULTS.md about the study of class centers, from invented scores; the numbers by numpy and scipy."""

import re
from pathlib import Path

import numpy as np
import pytest
from scipy import stats

from acflib.errors import ConfigError, DataError
from acflib.study.ablation.blocks import OF_PAIRS, block
from acflib.study.ablation.conclusions import FAMILY, PRIMARY
from acflib.study.ablation.pair_blocks import BLOCKS, WORDS
from acflib.study.ablation.pairs import PHOTOGRAPH_PLAN
from tests.study.ablation_cases import write_plan

SEEDS = range(10, 18)
BASE = {seed: 40 + 0.7 * ((seed * 7) % 5 - 2) for seed in range(10, 19)}
GAINS = {("own-47", "sum"): 0.93, ("own-239", "sum"): 0.2, ("own-47", "global"): 1.8, ("own-47", "center"): 2.4}
PRIMARY_RUNS = (("own-47 own-239", "self sum", 8),)


def noise(seed: int, field: str) -> float:
    return 0.03 * ((seed * (5 if field == "47" else 3)) % 7 - 3)


def score(study: str, row: str, seed: int) -> dict[str, float]:
    """Rows gain what GAINS says, and a little that depends on the seed; with presence given a third of it."""
    field = study.split("-")[1]
    gain = GAINS.get((study, row), 0.0) + (noise(seed, field) if row != "self" else 0.0)
    return {"fine": BASE[seed] + gain, "coarse": BASE[seed] - 0.5, "present": BASE[seed] + 7 + gain / 3}


def gains(field: str) -> np.ndarray:
    return np.array([GAINS[f"own-{field}", "sum"] + noise(seed, field) for seed in SEEDS])


def cells(text: str) -> list[list[str]]:
    """The lines of the table in a block, its heading first."""
    lines = [line for line in text.splitlines() if line.startswith("|") and not line.startswith("| ---")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]


def number(mean: float, half: float) -> str:
    return f"{mean:+.2f} ± {half:.2f}".replace("-", "−")


def half_of(values: np.ndarray) -> float:
    return float(stats.t.ppf(0.975, len(values) - 1) * stats.sem(values))


@pytest.fixture
def primary(tmp_path, monkeypatch):
    """The results of the primary endpoint on test, and nothing else."""
    write_plan(tmp_path, monkeypatch, score, "test", PRIMARY_RUNS)
    return tmp_path


@pytest.fixture
def whole(tmp_path, monkeypatch):
    write_plan(tmp_path, monkeypatch, score, "test")
    return tmp_path


def test_every_block_copes_with_nothing(tmp_path):
    assert {*BLOCKS, "rows", "fields"} == set(OF_PAIRS)
    for kind in (*BLOCKS, "rows:own-47/"):
        for split in ("test", "val"):
            name = f"{kind}{split}" if ":" in kind else f"{kind}:{split}"
            assert "not run yet" in block(name, tmp_path), name
    assert "Not measured yet" in block("fields", tmp_path)


def test_verdict_of_the_primary_endpoint_alone(primary):
    lines = block("verdicts:test", primary).splitlines()
    assert [line.split("**")[1] for line in lines] == ["H1", "H1b", "H2", "H3", "H4", "H5"]
    difference = gains("47") - gains("239")
    p = stats.ttest_1samp(difference, 0).pvalue
    assert p < 0.0001
    expected = f"**shown: above 0**, {number(difference.mean(), half_of(difference))} (n = 8, p < 0.0001)"
    assert f"On test: gain at 47 pixels minus gain at 239: {expected};" in lines[0]
    assert f"at 47 alone {number(gains('47').mean(), half_of(gains('47')))}" in lines[0]
    assert f"at 239 alone {number(gains('239').mean(), half_of(gains('239')))}." in lines[0]
    assert "*no verdict before the whole family is run*" in lines[1] and "±" in lines[1]
    assert lines[2].endswith("On test: *not run yet*.")
    assert lines[3].endswith("; 8 of its 9 comparisons: *not run yet*.")  # only (6) needs no more than sum and self
    assert "shown" not in "".join(lines[1:])


def test_verdicts_of_the_whole_study(whole):
    text = block("verdicts:test", whole)
    assert "not run yet" not in text and "no verdict" not in text
    assert re.search(r"H1b\*\*.*\*\*shown: above 0\*\*, \+0\.\d\d ± 0\.\d\d \(n = 8, p < 0\.0001 after Holm\)", text)
    assert list(WORDS) == [c.name for c in (PRIMARY, *FAMILY)]


def test_not_shown_says_what_is_excluded(tmp_path, monkeypatch):
    def around_zero(study, row, seed):
        return {"fine": BASE[seed] + ((-1) ** seed * 0.9 + 0.2 if (study, row) == ("own-47", "sum") else 0)}

    write_plan(tmp_path, monkeypatch, around_zero, "test", PRIMARY_RUNS)
    d = np.array([(-1) ** seed * 0.9 + 0.2 for seed in SEEDS])
    low, high = (f"{d.mean() + sign * half_of(d):+.2f}".replace("-", "−") for sign in (-1, 1))
    line = block("verdicts:test", tmp_path).splitlines()[0]
    assert "**not shown**" in line and f"so less than {low} and more than {high} are excluded" in line


def test_comparisons_have_their_numbers_and_their_sign_on_val(whole, monkeypatch):
    table = cells(block("comparisons:test", whole))
    assert [line[0] for line in table[1:4]] == ["H1", "H1b (1)", "H2 (2)"] and table[-1][0] == "H5 (19)"
    sure = gains("47")
    assert table[2][1:5] == ["sum − self, own-47", number(sure.mean(), half_of(sure)), "8", "< 0.0001"]
    assert not any("on val" in line[2] for line in table[1:])

    def turned_around(study, row, seed):
        return {"fine": BASE[seed] - (0.4 if (study, row) == ("own-47", "sum") else 0)}

    write_plan(whole, monkeypatch, turned_around, "val", PRIMARY_RUNS)
    table = cells(block("comparisons:test", whole))
    assert table[1][2].endswith("(on val −0.40 ± 0.00)") and table[2][2].endswith("(on val −0.40 ± 0.00)")


def test_photographs_are_corrected_together(tmp_path, monkeypatch):
    gain = {"self": (0.0, 0.0, 0.0), "sum": (-0.1, 0.3, 0.1), "psp": (2.0, 2.4, 2.1)}

    def on_camvid(study, row, seed):
        return {"fine": BASE[seed] + gain[row][seed - 10]}

    studies, rows, seeds = PHOTOGRAPH_PLAN
    assert (studies, set(gain), seeds) == ("photographs", set(rows.split()), 3)
    write_plan(tmp_path, monkeypatch, on_camvid, "test", ((studies, "self sum", seeds),))
    table = cells(block("photographs:test", tmp_path))
    assert [line[1] for line in table[1:]] == [f"{row} − self, photographs" for row in ("sum", "psp")]
    assert table[1][2] == number(0.1, half_of(np.array(gain["sum"]))) and table[2][2] == "-"
    assert [line[-1] for line in table[1:]] == [
        "no verdict before the whole family is run",
        "not run yet: 0 of 3 seeds",
    ]

    write_plan(tmp_path, monkeypatch, on_camvid, "test", ((studies, "psp", seeds),))
    table = cells(block("photographs:test", tmp_path))
    p = [stats.ttest_1samp(gain[row], 0).pvalue for row in ("sum", "psp")]
    assert [line[5] for line in table[1:]] == [f"{p[0]:.4f}", f"{2 * p[1]:.4f}"]
    assert [line[-1] for line in table[1:]] == ["not shown", "shown: above 0"]
    assert "tested" in block("photographs:val", tmp_path).splitlines()[-1]


@pytest.mark.parametrize("split", ["test", "val"])
def test_ten_lines_of_numpy_print_the_primary_interval(tmp_path, monkeypatch, capsys, split):
    """The code of the page, run as a reader would, from the files alone."""
    write_plan(tmp_path, monkeypatch, score, split, PRIMARY_RUNS)
    text = block(f"recompute:{split}", tmp_path)
    code = re.search(r"```python\n(.*?)```", text, re.DOTALL)[1]
    assert len([line for line in code.splitlines() if line.strip() and "import" not in line]) <= 10
    monkeypatch.chdir(tmp_path)
    exec(compile(code, "RESULTS.md", "exec"), {})
    printed = capsys.readouterr().out.strip()
    assert f"It prints `{printed}`" in text
    difference = gains("47") - gains("239")
    assert printed == f"{difference.mean():+.2f} ± {half_of(difference):.2f}"


def test_rows_of_a_study(primary):
    table = cells(block("rows:own-47/test", primary))
    by_title = {line[0]: line[1:] for line in table[1:]}
    assert by_title["baseline"] == ["0", "not run yet", "-", "-", "-", "-", "-"]
    gain = gains("47")
    found = by_title["ACF (sum)"]
    assert found[0] == "8" and found[3] == number(gain.mean(), half_of(gain))
    assert found[5] == number(gain.mean() / 3, half_of(gain / 3))
    base = np.array([BASE[seed] for seed in SEEDS])
    assert found[1] == f"{base.mean() - 0.5:.2f} ± {half_of(base):.2f}"
    wide = cells(block("rows:own-239/test", primary))
    assert [line[0] for line in wide[1:]] == ["the pixel's own feature", "global average", "ACF (sum)", "class center"]


def test_parts_by_hand(whole):
    table = {line[0]: line[1:] for line in cells(block("parts:test", whole))[1:]}
    gain = gains("47")
    presence = gain - gain / 3
    assert table["ACF (sum)"][1] == f"{number(presence.mean(), half_of(presence))}, n = 8"
    looks = np.array([GAINS["own-47", "center"] / 3] * 6)  # the noise is the same in own and in fixed
    assert table["class center"][3] == f"+{looks.mean():.2f} ± 0.00, n = 6"
    assert table["pyramid pooling"][2:] == ["-", "-"]


def test_worlds_tell_what_is_not_planned_from_what_is_not_run(primary):
    table = {line[0]: line[1:] for line in cells(block("worlds:test", primary))[1:]}
    assert table["own, 47"][1].startswith(number(gains("47").mean(), half_of(gains("47"))))
    assert table["own, 47"][2] == "not run yet"
    assert table["turned, 111"][:4] == ["not run yet", "not run yet", "-", "-"]


def test_worlds_and_parts_show_another_sign_on_val(whole, monkeypatch):
    assert "on val" not in block("worlds:test", whole) + block("parts:test", whole)

    loses = lambda *run: {"fine": BASE[run[2]] - 0.4 * (run[:2] == ("own-47", "sum")), "present": BASE[run[2]]}  # noqa: E731
    write_plan(whole, monkeypatch, loses, "val", PRIMARY_RUNS)
    assert all(", n = 8 (on val −0.40 ± 0.00)" in block(f"{name}:test", whole) for name in ("worlds", "parts"))


def test_oracles_stand_beside_presence(tmp_path, monkeypatch):
    values = {"fine": 40.0, "coarse": 39.0, "present": 47.0, "centers": 42.0, "presence": 43.0, "appearance": 39.5}
    values |= {f"{kind}_present": 46.0 for kind in ("centers", "presence", "appearance")}
    write_plan(tmp_path, monkeypatch, lambda *which: dict(values), "val", (("own-47", "self sum", 2),))
    table = cells(block("oracles:val", tmp_path))
    found = {line[1]: line[3:] for line in table[1:] if line[0] == "ACF (sum)"}
    assert found["true centers (0 where the class is absent)"] == [
        "42.00 ± 0.00",
        "+2.00 ± 0.00",
        "46.00 ± 0.00",
        "−1.00 ± 0.00",
    ]
    assert found["its own centers, 0 where the class is absent"][1] == "+3.00 ± 0.00"
    assert found["coarse result, no centers"][:2] == ["39.00 ± 0.00", "−1.00 ± 0.00"]
    assert ["class center", "not run yet", "0", "-", "-", "-", "-"] in table
    assert ["trained with presence", "not run yet", "0", "-", "-", "-", "-"] in table

    def trained(study, row, seed):
        return {"fine": 52.0, "coarse": 45.0, "present": 53.0, "without_oracle": 38.0, "without_oracle_present": 45.5}

    write_plan(tmp_path, monkeypatch, trained, "val", (("own-47", "oracle-centers", 2),))
    table = cells(block("oracles:val", tmp_path))
    # In these files coarse is 45 in every evaluation, with presence given too.
    assert [line[1:] for line in table if line[0] == "trained with true centers"] == [
        ["coarse result, no centers", "2", "45.00 ± 0.00", "+5.00 ± 0.00", "45.00 ± 0.00", "−2.00 ± 0.00"],
        ["true centers", "2", "52.00 ± 0.00", "+12.00 ± 0.00", "53.00 ± 0.00", "+6.00 ± 0.00"],
        ["its own centers", "2", "38.00 ± 0.00", "−2.00 ± 0.00", "45.50 ± 0.00", "−1.50 ± 0.00"],
    ]


def test_pairs_against_independent_runs(primary):
    table = {line[0]: line[1:] for line in cells(block("pairing:test", primary))[1:]}
    own = np.array([BASE[seed] for seed in SEEDS])
    better, gain = own + gains("47"), gains("47")
    welch = stats.ttest_ind(better, own, equal_var=False).confidence_interval(0.95)
    independent = np.sqrt(better.var(ddof=1) + own.var(ddof=1))
    assert table["sum − self, own-47"] == [
        "8",
        number(gain.mean(), half_of(gain)),
        number(gain.mean(), (welch.high - welch.low) / 2),
        f"{gain.std(ddof=1):.2f}",
        f"{independent:.2f}",
        f"{independent / gain.std(ddof=1):.1f}",
    ]
    assert "gain of sum, own-47 − own-239" in table and "sum − self, turned-47" not in table


def test_power_as_planned_is_that_of_the_plan(primary):
    """The plan: D = 0.5 with 94 %, 0.4 with 81 %; in the family 0.5 with 83 % at n = 8. As found: scipy's own."""
    table = {line[0]: line[1:] for line in cells(block("power:test", primary))[1:]}
    planned = table["gain of sum, own-47 − own-239, as planned"]
    assert planned == ["8", "5 %", "0.34", planned[3], "81 %", "94 %", planned[6]]
    assert table["sum − self, own-47, as planned"][:3] == ["8", "0.26 %", "0.24"]
    assert table["sum − self, own-47, as planned"][5] == "83 %"
    difference = gains("47") - gains("239")
    found = table["gain of sum, own-47 − own-239, as found"]
    assert found[2] == f"{difference.std(ddof=1):.2f}"
    shift = 0.3 / difference.std(ddof=1) * np.sqrt(8)
    edge = stats.t.ppf(0.975, 7)
    chance = stats.nct.sf(edge, 7, shift) + stats.nct.cdf(-edge, 7, shift)
    assert found[3] == f"{100 * chance:.0f} %"
    assert table["gain of sum, own-47 − fixed-47, as found"][1] == "not run yet"


def test_fields_are_shown_and_a_damaged_file_is_named(tmp_path):
    path = tmp_path / "results" / "fields.json"
    path.parent.mkdir()
    row = '{"network": "tiny, 47", "weights": "random", "image": [64, 128], "theoretical": [47, 40], '
    row += '"theoretical_percent": 22.95, "effective": 34.4, "effective_percent": 14.45}'
    path.write_text(f'{{"note": "random: a note", "fields": [{row}]}}')
    text = block("fields", tmp_path)
    assert cells(text)[1] == ["tiny, 47", "random", "128 x 64", "40 x 47", "22.9 %", "34 x 34", "14.4 %"]
    assert "(Luo et al., 2016). random: a note." in text
    path.write_text('{"note": "", "fields": [{"network": "tiny"}]}')
    with pytest.raises(DataError, match=re.escape(f"{path}: not as benchmarks/fields.py writes it")):
        block("fields", tmp_path)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("verdicts:best", "verdicts:best: .* not on 'best'"),
        ("verdicts:own-47/test", "of all studies, name the split alone: verdicts:test"),
        ("rows:table1/test", "name a study of docs/study-plan.md"),
        ("rows:own-47-test/test", "name a study of docs/study-plan.md"),
        ("rows:own-48/test", "no study 'own-48'"),
    ],
)
def test_unknown_names(tmp_path, name, message):
    with pytest.raises(ConfigError, match=message):
        block(name, tmp_path)


def test_val_is_shown_and_not_tested():
    """The plan: all choices were made on val, so no p and no verdict stand there."""
    text = block("comparisons:val", Path(__file__).resolve().parents[2])
    rows = cells(text)[1:]
    assert len(rows) == 20 and all("±" in row[2] and row[-3:] == ["-", "-", "-"] for row in rows)
    assert "Not tested" in text and "shown" not in text
