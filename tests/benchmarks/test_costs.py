"""The costs of full-size training: counts that are committed, and projections that follow from them."""

import json
from pathlib import Path

import pytest

from tests.benchmarks.scripts import benchmark_scripts
from tests.engine.test_presets import BY_HAND

ROOT = Path(__file__).resolve().parents[2]
CONTENT = json.loads((ROOT / "results" / "benchmarks" / "costs.json").read_text(encoding="utf-8"))


@pytest.fixture
def costs():
    with benchmark_scripts() as script:
        yield script("costs")


def test_hours_are_arithmetic_over_what_is_reached_of_the_peak(costs):
    """40,000 iterations of 18 TFLOP are 720 PFLOP: at a tenth and a half of 2 x 100 TFLOP/s, 10 and 2 hours."""
    hardware = costs.Hardware("two", "r101-acf-sum", "bf16", 100.0, (0.1, 0.5), gpus=2)
    assert costs.hours(18.0, hardware) == pytest.approx((2.0, 10.0))


def test_published_shares(costs):
    """ResNet-50 on 224 x 224: 4.09 G multiplications forward, three times that in training, each with an addition."""
    shares = costs.resnet50_shares()
    assert shares["A100 80GB, mixed precision"] == pytest.approx(2470 * 3 * 2 * 4.09e9 / 312e12, rel=0.02)
    assert shares.keys() == costs.RESNET50.keys() == CONTENT["resnet50_shares"].keys()


@pytest.mark.slow
def test_the_committed_counts_are_those_of_this_code(costs):
    """Parameters of all presets, against the count by hand; all numbers of a peer, and those of the two GPU bars."""
    results = CONTENT["results"]
    assert {name: found["parameters"] for name, found in results.items() if name in BY_HAND} == BY_HAND
    for name in ("fcn_resnet101", "deeplabv3_resnet101", "r101-baseline", "r101-acf-sum"):
        for key, value in costs.count(name).items():
            assert results[name][key] == pytest.approx(value, rel=0.01), (name, key)  # torch's versions differ a little
    counted = {name: dict(found) for name, found in results.items()}
    costs.add_ratios(counted)
    assert counted == results


def test_the_bars_for_a_gpu_hold_in_the_count():
    """ACF-sum against the baseline and torchvision's deeplabv3, at 769 x 769, batch 8, bf16."""
    found = CONTENT["results"]["r101-acf-sum"]
    assert found["tflop_ratio_to_r101-baseline"] <= 1.15 and found["tflop_ratio_to_deeplabv3_resnet101"] <= 1
    assert found["bf16_gib_ratio_to_r101-baseline"] <= 1.15
