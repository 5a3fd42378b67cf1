"""training_step.py both ways: with and without ``torch.backends.cudnn.benchmark`` (cuDNN tries its algorithms out)."""

import json
import subprocess
import sys
import tempfile
from pathlib import Path

LABELS = {
    "cudnn_benchmark_seconds_per_iteration": "measured, in a second process",
    "cudnn_benchmark_seconds_ratio": "measured: with torch.backends.cudnn.benchmark, over without",
    "cudnn_benchmark_peak_ratio": "measured: with torch.backends.cudnn.benchmark, over without",
}


def results_of_second_process(script: str, arguments: list[str]) -> dict[str, dict[str, float]]:
    """The same run of ``script`` with ``torch.backends.cudnn.benchmark``.

    In one process the two cannot be compared: torch keeps the algorithm of a convolution, however it was found.
    """
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "results.json"
        flags = ["--cudnn-benchmark", "--no-compare-cudnn-benchmark", "--out", str(out)]  # the last ones count
        subprocess.run([sys.executable, script, *arguments, *flags], check=True, stdout=subprocess.DEVNULL)
        return json.loads(out.read_text())["results"]


def add_comparison(results: dict[str, dict[str, float]], searched: dict[str, dict[str, float]]) -> None:
    """The numbers named in ``LABELS``."""
    for name, found in results.items():
        other = searched[name]
        found["cudnn_benchmark_seconds_per_iteration"] = other["seconds_per_iteration"]
        found["cudnn_benchmark_seconds_ratio"] = other["seconds_per_iteration"] / found["seconds_per_iteration"]
        found["cudnn_benchmark_peak_ratio"] = other["peak_mb"] / found["peak_mb"]


def print_comparison(results: dict[str, dict[str, float]]) -> None:
    print("\nWith torch.backends.cudnn.benchmark, in a second process, against without: time, peak memory")
    for name, r in results.items():
        print(f"{name:26}{r['cudnn_benchmark_seconds_ratio']:9.2f}x{r['cudnn_benchmark_peak_ratio']:9.2f}x")
