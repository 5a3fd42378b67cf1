"""The context heads that are compared: what they compute, and what the script writes. No time is compared here."""

import json
import math
import sys
from pathlib import Path

import pytest
import torch

from tests.benchmarks.scripts import benchmark_scripts

ROOT = Path(__file__).resolve().parents[2]
RESULT = ROOT / "results" / "benchmarks" / "context_heads_cpu.json"


@pytest.fixture
def import_script():
    with benchmark_scripts() as script:
        yield script


@pytest.fixture
def heads(import_script):
    return import_script("heads")


def test_ocr_is_its_equations_in_loops(heads):
    """Eq. 1 to 4 of its paper, pixel by pixel and class by class."""
    head = heads.OCRHead(6, num_classes=3, channels=8).eval()
    features = torch.randn(1, 6, 4, 5)
    with torch.no_grad():
        found = head(features)
        coarse, x = head.coarse(features).flatten(2)[0], head.pixels(features).flatten(2)[0]  # (3, 20), (8, 20)
        objects = []
        for k in range(3):
            total = sum(math.exp(coarse[k, i]) for i in range(20))
            objects.append(sum(math.exp(coarse[k, i]) / total * x[:, i] for i in range(20)))  # Eq. 1

        def through(layers, vector):
            return layers(vector.view(1, -1, 1, 1)).flatten()

        fused = []
        for i in range(20):
            scores = [float(through(head.phi, x[:, i]) @ through(head.psi, f)) / math.sqrt(4) for f in objects]
            weights = [math.exp(score) / sum(math.exp(other) for other in scores) for score in scores]  # Eq. 2
            y = through(head.rho, sum(w * through(head.delta, f) for w, f in zip(weights, objects, strict=True)))
            fused.append(through(head.g, torch.cat([x[:, i], y])))  # Eq. 3 and 4
        expected = head.classifier(torch.stack(fused, dim=1).view(1, 8, 4, 5))
    torch.testing.assert_close(found["out"], expected, rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(found["coarse"].flatten(2)[0], coarse)


def test_heads_give_logits_and_have_the_sizes_of_their_papers(heads):
    """Counted by hand: 1x1 and 3x3 weights, two numbers a channel of BatchNorm, a bias where there is no BatchNorm."""
    makers = heads.head_makers((12, 24, 36))
    with torch.device("meta"):
        built = {name: make(2048, 19, 512) for name, make in makers.items()}
        for head in built.values():
            found = head(torch.empty(2, 2048, 9, 9))
            for logits in found.values() if isinstance(found, dict) else [found]:
                assert logits.shape == (2, 19, 9, 9)
    count = {name: sum(p.numel() for p in head.parameters()) for name, head in built.items()}
    coarse, fine = 2048 * 19 + 19, 512 * 19 + 19
    acf = 2048 * 512 + 1024 + 512 * 512 + 1024 + (512 + 2048) * 512 + 1024
    assert count["acf-sum"] == count["self"] == coarse + acf + fine
    assert count["acf-concat"] == count["acf-sum"] + 18 * 512 * 512
    deeplab = 4 * 512 + 2048 * 256 * (1 + 27 + 1) + 512 + 1280 * 256 + 512 + 256 * 256 * 9 + 512 + 256 * 19 + 19
    assert count["deeplabv3 (torchvision)"] == deeplab
    layers = [2048 * 512 * 9, 512 * 256, 256 * 256, 512 * 256, 256 * 256, 512 * 256, 256 * 512, 1024 * 512]
    norms = 2 * (512 + 256 + 256 + 256 + 256 + 256 + 512 + 512)
    assert count["ocr"] == coarse + sum(layers) + norms + fine


def test_dilations_of_aspp_follow_the_size(import_script):
    """DeepLabV3: 12, 24, 36 at output stride 8, half of them at 16."""
    rates = import_script("context_heads").aspp_rates
    assert rates(97) == (12, 24, 36) and rates(49) == (6, 12, 18) and rates(2) == (1, 1, 1)


def test_script_writes_every_number(import_script, monkeypatch, tmp_path, capsys):
    script, out = import_script("context_heads"), tmp_path / "heads.json"
    small = ["--size", "7", "--in-channels", "16", "--channels", "8", "--num-classes", "3", "--rounds", "1"]
    monkeypatch.setattr(sys, "argv", ["context_heads.py", *small, "--out", str(out)])
    script.main()
    content = json.loads(out.read_text())
    assert set(content["results"]) >= {"acf-sum", "acf-concat", "acf-center", "ocr", "psp", "aspp", "self"}
    for found in content["results"].values():
        assert found.keys() == content["labels"].keys()
        assert all(math.isfinite(value) and value > 0 for value in found.values())
        assert found["step_ms"] >= found["forward_ms"]
        assert found["peak_mb"] > 8 * found["parameters"] / 1e6  # weights and their gradients
    results = content["results"]
    assert results["ocr"]["step_ratio_to_ocr"] == results["deeplabv3 (torchvision)"]["peak_ratio_to_deeplabv3"] == 1
    assert content["settings"]["clock"] == "process_time"
    assert "acf-sum" in capsys.readouterr().out


def test_page_shows_the_result_file(import_script):
    content = json.loads(RESULT.read_text())
    assert content["settings"]["size"] == 49 and content["settings"]["in_channels"] == 2048
    assert import_script("context_heads").markdown(content["results"]) in (ROOT / "docs" / "networks.md").read_text()
