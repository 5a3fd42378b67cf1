"""The benchmarks measure what they say and write whole files. No time is ever compared with anything here."""

import json
import math
import sys
from dataclasses import replace
from pathlib import Path

import pytest

FOLDER = Path(__file__).resolve().parents[1] / "benchmarks"
KEYS = {"command", "settings", "machine", "labels", "results"}


@pytest.fixture
def scripts(monkeypatch):
    """The two scripts as modules, imported as Python runs them: with their folder on the path."""
    monkeypatch.syspath_prepend(str(FOLDER))
    import inference
    import training_step

    yield training_step, inference
    for name in ("training_step", "inference", "peers"):
        sys.modules.pop(name, None)


def run_main(script, monkeypatch, out: Path, *arguments: str) -> dict:
    """The JSON file of a run of the script, small and on a CPU."""
    small = ["--device", "cpu", "--rounds", "1", "--presets", "tiny-acf-sum", *arguments]
    monkeypatch.setattr(sys, "argv", [script.__name__, *small, "--out", str(out)])
    script.main()
    content = json.loads(out.read_text())
    assert content.keys() == KEYS and content["machine"]["cpu"]
    return content


def assert_numbers(found: dict, labels: dict) -> None:
    assert found.keys() == labels.keys()
    assert all(math.isfinite(value) and value > 0 for value in found.values()), found
    assert all(text.split()[0].strip(":,") in ("measured", "projected") for text in labels.values())


def test_training_step(scripts, monkeypatch, tmp_path):
    arguments = ["--size", "33", "--batch", "2", "--iterations", "1"]
    content = run_main(scripts[0], monkeypatch, tmp_path / "step.json", *arguments)
    results = content["results"]
    assert list(results) == ["tiny-acf-sum", "r101-baseline", "deeplabv3_resnet101", "fcn_resnet101"]
    for found in results.values():
        assert_numbers(found, content["labels"])
        assert found["projected_hours"] == pytest.approx(40_000 * found["seconds_per_iteration"] / 3600)
        assert found["images_per_second"] == pytest.approx(2 / found["seconds_per_iteration"])
    assert results["r101-baseline"]["seconds_ratio_to_r101-baseline"] == 1
    # Weights, gradients and momentum, 4 bytes each, are there at once: 45 million parameters and more.
    assert results["r101-baseline"]["peak_mb"] > 3 * 4 * 45


def test_settings_reach_every_network(scripts):
    """Peers train with the baseline's configuration, at the size, batch and compile setting of the run."""
    script, _ = scripts
    settings = script.Settings(presets=(), size=33, batch=4, compile=True)
    for name in ("r101-acf-sum", "r101-acf-sum-24gb", "fcn_resnet101"):
        config = script.config_of(name, settings)
        assert (config.crop_size, config.batch_size, config.compile) == ((33, 33), 4, True)
        assert config.model.weights is None and config.batch_size % config.micro_steps == 0
    full = script.config_of("r101-acf-sum", replace(settings, size=None, batch=None))
    assert (full.crop_size, full.batch_size) == ((769, 769), 8)


def test_peers_have_the_losses_of_the_baseline(scripts):
    """"loss", "fine" and "aux"; no coarse one."""
    script, _ = scripts
    case = script.make_case("fcn_resnet101", script.Settings(presets=(), size=33, batch=2, device="cpu"))
    total, fine, coarse, aux = case.step().tolist()
    assert coarse == 0 and total == pytest.approx(1.0 * fine + 0.4 * aux)


def test_inference(scripts, monkeypatch, tmp_path):
    content = run_main(scripts[1], monkeypatch, tmp_path / "inference.json", "--height", "32")
    results = content["results"]
    assert list(results) == ["tiny-acf-sum", "r101-baseline", "deeplabv3_resnet101", "fcn_resnet101"]
    assert list(results["tiny-acf-sum"]) == ["whole", "sliding", "multiscale"]
    for modes in results.values():
        for found in modes.values():
            assert_numbers(found, content["labels"])


def test_windows_are_those_of_the_paper_at_full_size(scripts):
    _, script = scripts
    settings = script.Settings(presets=())
    assert script.inference_config("sliding", settings).window == (769, 769)
    multiscale = script.inference_config("multiscale", settings)
    assert multiscale.flip and multiscale.scales == (0.75, 1.0, 1.25, 1.5, 1.75, 2.0)
