"""docs/cityscapes.md: its numbers stand in result files, its commands exist, the official evaluator runs as it says."""

import json
import math
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from acflib.acfnet import ModelConfig, build_model
from acflib.cli import parser as cli
from acflib.datasets import open_dataset
from acflib.engine.presets import PRESETS
from acflib.predict.evaluation import evaluate
from acflib.predict.export import export_predictions
from benchmarks.full_size_folder import write_full_size
from tests.benchmarks.scripts import benchmark_scripts

pytestmark = pytest.mark.usefixtures("warm_python")

ROOT = Path(__file__).resolve().parents[2]
GUIDE = (ROOT / "docs" / "cityscapes.md").read_text(encoding="utf-8")
CODE = re.findall(r"(?:^    .*\n)+", GUIDE.replace("\\\n", " "), re.MULTILINE)
COMMANDS = [line.strip() for block in CODE for line in block.splitlines()]


def result(name: str) -> dict:
    return json.loads((ROOT / "results" / "benchmarks" / f"{name}.json").read_text(encoding="utf-8"))


@pytest.fixture
def script():
    with benchmark_scripts() as found:
        yield found


# ---- numbers


def test_costs(script):
    content, costs = result("costs"), script("costs")
    for row in (*costs.network_rows(content["results"]), *costs.hardware_rows(content["hardware"])):
        assert row in GUIDE, row
    for share in content["resnet50_shares"].values():
        assert f"{100 * share:.0f} %" in GUIDE
    h100 = next(found for found in content["hardware"] if found["name"].startswith("H100"))
    fewest = min(h100["hours"]) * max(h100["reached"])  # hours at the whole peak
    assert f"reaches {math.ceil(1000 * fewest / 3) / 10} % of its peak" in GUIDE


def test_memory_of_the_presets_for_small_gpus():
    results = result("costs")["results"]
    for name in ("r101-acf-sum-24gb", "r101-acf-sum-12gb", "r101-acf-sum-8gb"):
        row = next(line for line in GUIDE.splitlines() if line.startswith(f"| `{name}` |") and "pass" in line)
        assert [f"{results[name][f'{kind}_gib']:.1f} + 2 GiB" for kind in ("bf16", "float32")] == [
            cell.strip() for cell in row.split("|")[3:5]
        ]


def test_parameters():
    results = result("costs")["results"]
    rows = [line.split("|") for line in GUIDE.splitlines() if re.match(r"\| `r101[^|]*\|[^|]*\| [0-9.]+ M \|$", line)]
    assert len(rows) == 8
    for row in rows:
        assert row[3].strip() == f"{results[row[1].strip(' `')]['parameters'] / 1e6:.1f} M"


def test_measured_steps():
    for name, found in result("training_step_cpu")["results"].items():
        ratios = [found[f"{kind}_ratio_to_r101-baseline"] for kind in ("seconds", "peak")]
        ratios.append(found["seconds_ratio_to_deeplabv3_resnet101"])
        row = " | ".join([f"| `{name}`", *(f"{ratio:.2f}" for ratio in ratios)]) + " |"
        assert row in GUIDE, row


def test_measured_steps_from_files():
    content = result("training_step_folder_cpu")
    for name, found in content["results"].items():
        seconds = [f"{found[f'{kind}seconds_per_iteration']:.2f} s" for kind in ("", "files_")]
        row = " | ".join([f"| `{name}`", *seconds, f"{found['loader_over_step']:.1f}"]) + " |"
        assert row in GUIDE, row
    size, files = content["settings"]["size"], content["files"]
    assert f"{files['images']} files of {files['mb_per_png']:.1f} MB" in GUIDE and f"{size} x {size}" in GUIDE
    assert (files["width"], files["height"]) == (2048, 1024) and files["mb_per_png"] >= 2


def test_measured_loader():
    """The cache is at least 3 times as fast as PNG files."""
    content = result("loader")["results"]
    assert content["same_samples"] and content["mb_per_png"] >= 2
    for workers in (0, 2):
        found = content[f"workers_{workers}"]
        assert f"{found['ratio']:.1f} times" in GUIDE and found["ratio"] >= 3
        assert f"{found['cache_images_per_s']:.0f} against {found['png_images_per_s']:.0f}" in GUIDE


def test_result_files_that_the_guide_names_are_there():
    linked = re.findall(r"\]\(\.\./(results/[^)]+)\)", GUIDE)
    assert len(set(linked)) >= 4 and all((ROOT / path).is_file() for path in linked)


# ---- commands


def test_every_command_of_acflib_is_one():
    """Flags and presets exist. "..." stands for what the line before it has."""
    commands = [c for c in COMMANDS if c.startswith(("acflib", "torchrun"))]
    assert len(commands) >= 15
    parser = cli.make_parser()
    for command in commands:
        words = shlex.split(command.replace("--checkpoint ...", "--checkpoint x").replace("...", ""), comments=True)
        arguments = words[words.index("acflib") + 1 :]
        given = parser.parse_args(arguments)
        assert given.run, command
    assert {name for name in re.findall(r"`(r101-[a-z0-9-]+)`", GUIDE)} == {n for n in PRESETS if n.startswith("r101")}


def test_every_command_of_the_benchmarks_is_one(script, monkeypatch):
    commands = [shlex.split(c, comments=True) for c in COMMANDS if c.startswith("python benchmarks/")]
    assert {words[1] for words in commands} >= {f"benchmarks/{name}.py" for name in ("training_step", "inference")}
    for _, path, *arguments in commands:
        assert (ROOT / path).is_file()
        module = script(Path(path).stem)
        if hasattr(module, "parse"):
            # "--compare-cudnn-benchmark" is for a GPU, which nobody needs here to read the flags.
            module.parse([argument for argument in arguments if argument != "--compare-cudnn-benchmark"])


def test_the_official_evaluator_runs_as_the_guide_says(tmp_path):
    """On a generated folder, with the scores of individual vehicles and persons too; its mean is ours."""
    data = write_full_size(tmp_path / "data", train=0, val=2, distinct=1, width=256, progress=False)
    model = build_model(ModelConfig(backbone="tiny", channels=16, align_corners=False, weights=None)).eval()
    frames = open_dataset(data, "val")
    export_predictions(model, frames, tmp_path / "out", progress=False)
    line = next(c for c in COMMANDS if "evalPixelLevelSemanticLabeling" in c)
    words = shlex.split(line)
    settings = {"CITYSCAPES_DATASET": str(data), "CITYSCAPES_RESULTS": str(tmp_path / "out")}
    assert [word.split("=")[0] for word in words[:2]] == list(settings) and words[2:4] == ["python", "-c"]
    command = [sys.executable, *words[3:]]
    done = subprocess.run(command, env={**os.environ, **settings}, capture_output=True, text=True, cwd=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    found = json.loads((data / "evaluationResults" / "resultPixelLevelSemanticLabeling.json").read_text())
    assert found["averageScoreClasses"] == pytest.approx(evaluate(model, frames, progress=False).miou_fine, abs=1e-11)
