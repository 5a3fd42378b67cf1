"""Numbers of the README (and of the first lines of RESULTS) that come from a run, against the files they come from."""

import json
from pathlib import Path

import numpy as np

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


def test_the_gain_of_class_centers():
    """By numpy from the result files; 2.364624 and 2.570582: Student's t of 7 and 5 degrees of freedom at 97.5 %."""

    def fine(study: str, row: str, evaluation: str = "test", count: int = 8) -> np.ndarray:
        files = [result(f"study-test/{study}/{row}/seed-{seed}.json") for seed in range(10, 10 + count)]
        return np.array([file["evaluations"][evaluation]["miou_fine"] for file in files])

    def gain(field: int, row: str = "sum", evaluation: str = "test") -> np.ndarray:
        return fine(f"own-{field}", row, evaluation) - fine(f"own-{field}", "self", evaluation)

    def told(values: np.ndarray) -> str:
        half = {8: 2.364624, 6: 2.570582}[len(values)] * values.std(ddof=1) / np.sqrt(len(values))
        return f"{values.mean():+.2f} ± {half:.2f}".replace("-", "−")

    for values in (gain(47), gain(239), gain(47) - gain(239), gain(47, evaluation="test_present")):
        assert told(values) in README and told(values) in RESULTS
    heads = {"sum": "ACF (sum)", "center": "class center (a larger head)", "global": "global average: no classes"}
    for row, title in heads.items():
        one_palette = fine("fixed-47", row, count=6) - fine("fixed-47", "self", count=6)
        three = [gain(47, row), gain(47, row, "test_present"), one_palette]
        assert row_of(title) == [told(values) for values in three], title
    pooling = [told(gain(47, "psp", evaluation)) for evaluation in ("test", "test_present")]
    assert row_of("pyramid pooling: no classes") == [*pooling, "not run"]
    behind = fine("own-47", "sum", "test_present") - fine("own-47", "global", "test_present")
    assert f"ACF (sum) minus it is {told(behind)} (*shown*)" in README and told(behind) in RESULTS


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
