"""Context heads side by side on one feature map: time of forward and of forward and backward, memory, parameters.

    python benchmarks/context_heads.py --out results/benchmarks/context_heads_cpu.json
    python benchmarks/context_heads.py --device cuda --size 97 --out results/benchmarks/context_heads_gpu.json

ACF in the paper's three variants, OCR, PSP, ASPP, DeepLabV3's, the control "self" and the FCN head, in training, on the
features of a ResNet-50 or 101 (2048 channels) of two images. 97 cells a side are the paper's crop of 769 pixels at
output stride 8; 49 the same crop at 16. ASPP's dilations follow the size, 12, 24, 36 of 97 cells, as DeepLab has them.
The heads run in turn, so that a busy moment of the machine hits all; medians over the rounds are compared.

The exit status does not depend on the times: they are for reading, never for a test.
"""

import argparse
import json
import statistics
import time
from collections.abc import Callable
from pathlib import Path

import torch
from heads import head_makers
from peers import allocated, command_line, peak_megabytes, use_device, wait_for
from torch import Tensor, nn

from acflib.engine.devices import pick_device
from acflib.engine.machine import write_result

REFERENCES = {"ocr": "ocr", "deeplabv3": "deeplabv3 (torchvision)"}
LABELS = {
    "parameters": "counted",
    "forward_ms": "measured: median over the rounds, in training",
    "step_ms": "measured: median over the rounds, forward and backward",
    "peak_mb": "measured: most memory at once in a step, 10**6 bytes, weights included, the features not",
    **{f"step_ratio_to_{name}": "measured: step_ms over that head's" for name in REFERENCES},
    **{f"peak_ratio_to_{name}": "measured: peak_mb over that head's" for name in REFERENCES},
}


def aspp_rates(size: int) -> tuple[int, int, int]:
    """12, 24, 36 on 97 cells; 6, 12, 18 on 49, as in DeepLabV3 at output stride 16."""
    return tuple(max(1, round(rate * (size - 1) / 96)) for rate in (12, 24, 36))


def pick_clock(device: torch.device, threads: int) -> Callable[[], float]:
    """Seconds that this process has computed, where it has one thread: other programs do not count. Else the time."""
    return time.process_time if device.type == "cpu" and threads == 1 else time.perf_counter


def step(head: nn.Module, features: Tensor, clock: Callable[[], float]) -> tuple[float, float]:
    """Seconds of the forward pass, and of forward and backward; the features get a gradient, as from a base network."""
    head.zero_grad(set_to_none=True)
    features.grad = None
    wait_for(features.device)
    start = clock()
    found = head(features)
    wait_for(features.device)
    middle = clock()
    sum(one.sum() for one in (found.values() if isinstance(found, dict) else [found])).backward()
    wait_for(features.device)
    return middle - start, clock() - start


def measure(given: argparse.Namespace, device: torch.device) -> dict[str, dict[str, float]]:
    """Numbers of each head, by name."""
    torch.manual_seed(0)
    clock = pick_clock(device, given.threads)
    shape = (given.batch, given.in_channels, given.size, given.size)
    features = torch.randn(shape, device=device, requires_grad=True)
    heads, found = {}, {}
    times: dict[str, list[tuple[float, float]]] = {}
    for name, make in head_makers(aspp_rates(given.size)).items():
        before = allocated(device)
        heads[name] = head = make(given.in_channels, given.num_classes, given.channels).to(device).train()
        parameters = list(head.parameters())
        weights = sum(parameter.nbytes for parameter in parameters)
        peak = peak_megabytes(lambda head=head: step(head, features, clock), device, before, weights)  # warms up too
        found[name] = {"parameters": sum(parameter.numel() for parameter in parameters), "peak_mb": peak}
        head.zero_grad(set_to_none=True)
        times[name] = []
    for _ in range(given.rounds):
        for name, head in heads.items():
            times[name].append(step(head, features, clock))
            head.zero_grad(set_to_none=True)
    for name, numbers in found.items():
        numbers["forward_ms"] = 1e3 * statistics.median(forward for forward, _ in times[name])
        numbers["step_ms"] = 1e3 * statistics.median(both for _, both in times[name])
    for numbers in found.values():
        for short, reference in REFERENCES.items():
            numbers[f"step_ratio_to_{short}"] = numbers["step_ms"] / found[reference]["step_ms"]
            numbers[f"peak_ratio_to_{short}"] = numbers["peak_mb"] / found[reference]["peak_mb"]
    return {name: {key: numbers[key] for key in LABELS} for name, numbers in found.items()}


def show(found: dict[str, dict[str, float]]) -> None:
    """Print the table."""
    titles = ("parameters", "forward", "step", "/ OCR", "/ DeepLabV3", "peak")
    print(f"{'':24}" + "".join(f"{title:>13}" for title in titles))
    for name, r in found.items():
        cells = (
            f"{r['parameters'] / 1e6:.2f} M", f"{r['forward_ms']:.1f} ms", f"{r['step_ms']:.1f} ms",
            f"{r['step_ratio_to_ocr']:.2f}x", f"{r['step_ratio_to_deeplabv3']:.2f}x",
            f"{r['peak_mb']:.0f} MB",
        )  # fmt: skip
        print(f"{name:24}" + "".join(f"{cell:>13}" for cell in cells))


def markdown(found: dict[str, dict[str, float]]) -> str:
    """The table of docs/networks.md."""
    titles = ("head", "parameters", "forward and backward", "of OCR's", "of DeepLabV3's", "peak memory")
    rows = [f"| {' | '.join(titles)} |", "| --- " * len(titles) + "|"]
    for name, r in found.items():
        ratios = f"{r['step_ratio_to_ocr']:.2f} | {r['step_ratio_to_deeplabv3']:.2f}"
        size = f"{r['parameters'] / 1e6:.1f} M"
        rows.append(f"| {name} | {size} | {r['step_ms']:.0f} ms | {ratios} | {r['peak_mb']:.0f} MB |")
    return "\n".join(rows)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--size", type=int, default=49, help="cells a side of the feature map")
    parser.add_argument("--batch", type=int, default=2, help="PSP needs two images: it pools each to one cell")
    parser.add_argument("--in-channels", type=int, default=2048)
    parser.add_argument("--channels", type=int, default=512, help="of the context, where a head leaves the choice")
    parser.add_argument("--num-classes", type=int, default=19)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--threads", type=int, default=1, help="of the CPU")
    parser.add_argument("--markdown", type=Path, metavar="FILE", help="only print a result file as a table")
    parser.add_argument("--out", type=Path, help="also write the numbers to this JSON file")
    given = parser.parse_args()
    if given.markdown:
        print(markdown(json.loads(given.markdown.read_text(encoding="utf-8"))["results"]))
        return
    device = pick_device(given.device)
    use_device(device, given.threads, cudnn_benchmark=False)
    found = measure(given, device)
    show(found)
    if given.out:
        settings = {key: value for key, value in vars(given).items() if key not in ("out", "markdown")}
        settings["clock"] = pick_clock(device, given.threads).__name__
        command = command_line("context_heads.py")
        write_result(given.out, command, settings=settings, labels=LABELS, results=found)


if __name__ == "__main__":
    main()
