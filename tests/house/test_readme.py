"""Numbers of the README (and of the first lines of RESULTS) that come from a run, against the files they come from."""

import json
import re
from pathlib import Path

import numpy as np
from scipy import stats

from acflib.predict.pretrained import pretrained_info

ROOT = Path(__file__).resolve().parents[2]
README, RESULTS = ((ROOT / name).read_text(encoding="utf-8") for name in ("README.md", "RESULTS.md"))


def result(name: str) -> dict:
    return json.loads((ROOT / "results" / name).read_text(encoding="utf-8"))


def row_of(title: str) -> list[str]:
    (line,) = [line for line in README.splitlines() if line.startswith(f"| {title} |")]
    return [cell.strip() for cell in line.strip("|").split("|")][1:]


def test_what_make_train_reaches():
    found = result("first_run.json")
    rows = {
        "ACFNet, fine": "miou_fine",
        "ACFNet, coarse": "miou_coarse",
        "fine, all class centers zero": "miou_fine_centers_zero",
        "fine, all class centers alike": "miou_fine_centers_alike",
        "fine, class centers permuted": "miou_fine_centers_permuted",
    }
    for title, key in rows.items():
        assert row_of(title) == [f"{run[key]:.1f}" for run in found["runs"]], title
    assert (
        row_of("position prior: the most frequent class at each position")[0]
        == f"{found['baselines']['position_prior']:.1f}"
    )
    logistic = row_of("logistic regression on a pixel's color and position")[0]
    assert logistic == f"{found['baselines']['logistic_regression']:.1f}"
    seconds = [run["seconds"] for run in found["runs"]]
    assert f"{min(seconds):.0f} to {max(seconds):.0f} seconds a seed" in README


def test_networks_trained_without_class_centers():
    titles = {
        "streets-acf-sum": "`streets-acf-sum`",
        "streets-global": "`streets-global`: the mean feature of the whole image in their place",
        "streets-self": "`streets-self`: the pixel's own feature in their place",
        "streets-baseline": "`streets-baseline`: no second look",
    }
    for name, title in titles.items():
        metrics = pretrained_info(name)["metrics"]
        assert row_of(title) == [f"{metrics[split]['miou_fine']:.1f}" for split in ("val", "test")]


T_975 = {8: 2.364624, 6: 2.570582, 5: 2.776445, 3: 4.302653}  # Student's t of n - 1 degrees of freedom at 97.5 %


def study_scores(
    study: str, row: str, key: str = "test", which: str = "miou_fine", folder: str = "results/study-test"
) -> np.ndarray:
    """Of all seeds, in their order."""
    paths = sorted((ROOT / folder / study / row).glob("seed-*.json"))
    return np.array([json.loads(path.read_text(encoding="utf-8"))["evaluations"][key][which] for path in paths])


def told(values: np.ndarray) -> str:
    half = T_975[len(values)] * values.std(ddof=1) / np.sqrt(len(values))
    return f"{values.mean():+.2f} ± {half:.2f}".replace("-", "−")


def over(
    row: str, study: str, key: str = "test", other: str = "self", folder: str = "results/study-test"
) -> np.ndarray:
    one, two = (study_scores(study, name, key, folder=folder) for name in (row, other))
    return one[: len(two)] - two[: len(one)]


def test_the_gain_of_class_centers():
    """By numpy from the result files."""
    gains = [over("sum", "own-47"), over("sum", "own-239"), over("sum", "own-47", "test_present")]
    for values in (*gains, gains[0] - gains[1], over("global", "own-239")):
        assert told(values) in README and told(values) in RESULTS
    heads = {"sum": "ACF (sum)", "center": "class center (a larger head)", "global": "global average: no classes"}
    for row, title in heads.items():
        three = [over(row, "own-47"), over(row, "own-47", "test_present"), over(row, "fixed-47")]
        assert row_of(title) == [told(values) for values in three], title
    pooling = [told(over("psp", "own-47", key)) for key in ("test", "test_present")]
    assert row_of("pyramid pooling: no classes") == [*pooling, "not run"]
    assert f"ACF (sum) minus the average is {told(over('sum', 'own-47', 'test_present', 'global'))} (*shown*)" in README


LATER = (("own-111", "own-239"), ("turned-47", "turned-239"))  # how a gain shrinks, over the five seeds of both


def test_every_number_of_the_first_lines_of_the_results():
    """By numpy from the result files: each interval there is one of these differences."""
    head = RESULTS[: RESULTS.index("The plan ([")]
    own, both = "own-47", ("test", "test_present")
    rows = ("sum", "center", "global", "psp", "concat")
    known = [over(row, "own-47", key) for row in rows for key in both]
    known += [over(row, "own-47", key, "global") for row in ("sum", "center") for key in both]
    known += [over("sum", "own-47", key, "permuted") for key in both]
    known += [over(row, "fixed-47") for row in rows[:3]]
    known += [over("sum", "crowd-47", key) for key in both]
    known += [over(row, "crowd-47", "test", "global") for row in ("sum", "center")]
    known += [over("sum", "own-239"), over("sum", "own-47") - over("sum", "own-239")]
    known += [study_scores(own, "sum", "test_centers") - study_scores(own, "sum", "test_presence")]
    known += [over("oracle-centers", own, "test", "oracle-presence")]
    frozen = "own-47-frozen"
    known += [over(row, frozen) for row in ("sum", "global", "center")] + [over("sum", frozen, "test_present")]
    known += [over("sum", f"{world}-{field}") for world in ("own", "turned", "fixed") for field in (47, 111, 239)]
    known += [over("sum", "photographs"), over("sum", "own-239", "test", "global")]
    known += [over("global", "own-239"), over("center", "own-239")]
    known += [over("center", "own-239", key) for key in both[1:]] + [over("center", "own-239", "test", "global")]
    known += [over("sum", f"own-{field}", "test_present") for field in (111, 239)]
    val = {"key": "val", "folder": "results/study"}
    known += [over("sum", "own-239", other="global", **val), over("sum", "turned-239", **val)]
    known += [over("center", "own-239", "val_present", folder="results/study")]
    shrunk = {row: over(row, own)[:5] - over(row, "own-239")[:5] for row in ("sum", "global", "center")}
    known += [*shrunk.values(), shrunk["global"] - shrunk["sum"]]
    known += [over("sum", study)[:5] - over("sum", far)[:5] for study, far in LATER]
    known += [over("psp", "photographs"), over("sum", "photographs", "val", folder="results/study")]
    known += [study_scores(frozen, "self") - study_scores(frozen, "self", which="miou_coarse")]
    texts = {told(values) for values in known}
    texts |= {text.lstrip("+−") for text in texts}
    center = json.loads((ROOT / "results/study/own-47/center/seed-10.json").read_text(encoding="utf-8"))
    assert center["head_parameters"] > 5 * 68_755
    texts.add(told(over("center", own, "val_present", "global", "results/study")))
    near, far = (over("sum", study, "val", folder="results/study") for study in (own, "own-239"))
    texts.add(told(near - far))
    found = re.findall(r"[+−]?\d+\.\d+ ± \d+\.\d+", head)
    assert len(found) > 20 and [number for number in found if number not in texts] == []
    losses = [
        (study_scores(study, "self") - study_scores(study, "self", "test", "miou_coarse")).mean()
        for study in (own, "own-239", "fixed-47")
    ]
    near, far, alike = (f"{-loss:.2f}†" for loss in losses)
    assert f"loses {near} to its own coarse result, {far} at 239, about the whole gain there, {alike} with one" in head


def test_how_far_three_seeds_on_photographs_can_be_trusted():
    section = RESULTS[RESULTS.index("## On real photographs") :]
    test, val = over("sum", "photographs"), over("sum", "photographs", "val", folder="results/study")
    for values in (test, val):
        assert f"({', '.join(f'{value:+.2f}' for value in values)})" in section
    spreads = test.std(ddof=1), val.std(ddof=1)
    chance = stats.chi2.cdf(2 * (spreads[0] / spreads[1]) ** 2, 2)
    half = T_975[3] * spreads[1] / np.sqrt(3)
    assert f"a spread of {spreads[0]:.3f} over three seeds" in section and f"On val it is {spreads[1]:.2f}" in section
    assert f"spread in {100 * chance:.1f} % of cases, and the interval would be ± {half:.2f}" in section
    both = [study_scores("photographs", row) for row in ("sum", "self")]
    welch = stats.ttest_ind(*both, equal_var=False).confidence_interval(0.95)
    assert f"Without pairs it is ± {(welch.high - welch.low) / 2:.2f}." in section
    assert f"*equal* ({told(over('sum', 'photographs', 'test_present'))}†)" in section
    ahead = [
        study_scores("photographs", row) - study_scores("photographs", row, which="miou_coarse")
        for row in ("sum", "self")
    ]
    assert f"({told(ahead[0])}†)" in section and f"is {told(ahead[1])}† behind" in section


def test_what_pairs_do_beside_the_old_study():
    """The same world and field as then. Independent: Welch's interval of the same runs, by scipy."""
    both = [study_scores("turned-239", row) for row in ("sum", "self")]
    interval = stats.ttest_ind(*both, equal_var=False).confidence_interval(0.95)
    half = (interval.high - interval.low) / 2
    assert f"ACF (sum) is now {told(both[0] - both[1])}† ahead" in RESULTS
    assert f"Taken as independent the new runs have ± {half:.2f}" in RESULTS


def test_how_much_the_shipped_network_listens():
    networks = [result(name)["networks"]["streets-acf-sum"] for name in ("listening-old.json", "listening.json")]
    rows = {"fine": "own", "coarse": "coarse"} | {f"centers {name}": name for name in ("zero", "alike", "permuted")}
    for title, key in rows.items():
        assert row_of(title) == [f"{network['miou'][key]:.1f}" for network in networks], title
    painted = row_of("pixels under a painted disc whose fine class changes, %")
    assert painted == [f"{network['painted']:.1f}" for network in networks]


def test_how_fast_the_playground_answers():
    first, click, stroke = (
        result("benchmarks/playground.json")["results"][name]["median_ms"]
        for name in ("first_picture", "click_to_map", "stroke_to_fine")
    )
    assert f"picture segmented {first / 1000:.1f} s after the page was opened" in README
    assert f"a click answered in {click:.0f} ms, a stroke in {stroke:.0f} ms" in README
