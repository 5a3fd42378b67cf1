"""Time and memory of the literal and the factorized forms of Eq. 3, Eq. 5 and the center-only variant.

    python benchmarks/acf_forms.py [--out results/benchmarks/acf_forms.json]

The paper's size: feature map 97x97 (a 769 crop at output stride 8), C' = 512, N = 19, one image. Measured is the path
from P and F' (both need gradients) over the class centers to the result of the 1x1 convolution; no reduction, no
BatchNorm. Both forms run in turn in the same process; the medians of the repeats are compared.

The exit status does not depend on the times: they are for reading, never for a test.
"""

import argparse
import statistics
import time
from pathlib import Path

import torch
import torch.nn.functional as F
from memory import cpu_peak

from acflib import functional as acf
from acflib.engine.machine import write_result

SIZE, CHANNELS, CLASSES = 97, 512, 19
QUANTITIES = {"forward_ms": "forward", "step_ms": "step", "saved_mb": "saved", "peak_mb": "peak"}  # name -> its ratio


def literal_sum(centers, probabilities, weight):
    return F.conv2d(acf.attend_sum(centers, probabilities), weight)


def literal_concat(centers, probabilities, weight):
    return F.conv2d(acf.attend_concat(centers, probabilities), weight)


def literal_center(centers, probabilities, weight):
    return F.conv2d(acf.expand_centers(centers, probabilities.shape[-2:]), weight)


def factorized_center(centers, probabilities, weight):
    return acf.expand_centers_conv(centers, weight).expand(-1, -1, *probabilities.shape[-2:])


FORMS = {
    "sum": (literal_sum, acf.attend_sum_conv, CHANNELS),
    "concat": (literal_concat, acf.attend_concat_conv, CLASSES * CHANNELS),
    "center": (literal_center, factorized_center, CLASSES * CHANNELS),
}


def make_inputs(in_channels: int) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Features (1, C', 97, 97), probabilities (1, N, 97, 97), weight (C', in_channels, 1, 1), all with gradients."""
    torch.manual_seed(0)
    features = torch.randn(1, CHANNELS, SIZE, SIZE, requires_grad=True)
    probabilities = torch.randn(1, CLASSES, SIZE, SIZE).softmax(1).requires_grad_()
    weight = (torch.randn(CHANNELS, in_channels, 1, 1) / in_channels**0.5).requires_grad_()
    return features, probabilities, weight


def forward(form, features, probabilities, weight):
    return form(acf.class_centers(features, probabilities), probabilities, weight)


def step(form, inputs, gradient) -> tuple[float, float]:
    """Seconds of the forward pass and of forward and backward together."""
    for tensor in inputs:
        tensor.grad = None
    start = time.perf_counter()
    result = forward(form, *inputs)
    middle = time.perf_counter()
    result.backward(gradient)
    return middle - start, time.perf_counter() - start


def saved_bytes(form, inputs) -> int:
    """Bytes that autograd keeps for the backward pass, each storage once, inputs and weight left out."""
    known = {tensor.untyped_storage().data_ptr() for tensor in inputs}
    kept: dict[int, int] = {}

    def pack(tensor):
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in known:
            kept[storage.data_ptr()] = storage.nbytes()
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
        result = forward(form, *inputs)  # kept alive, so that no address is used twice
    del result
    return sum(kept.values())


def step_peak(form, inputs, gradient) -> int:
    """Highest number of bytes allocated at once during forward and backward, beyond what stood before."""
    for tensor in inputs:
        tensor.grad = None
    return cpu_peak(lambda: forward(form, *inputs).backward(gradient))


def measure(variant: str, repeats: int) -> dict[str, float]:
    """Medians and ratios of one variant."""
    literal, factorized, in_channels = FORMS[variant]
    inputs = make_inputs(in_channels)
    gradient = torch.randn(1, CHANNELS, SIZE, SIZE)
    forms = {"literal": literal, "factorized": factorized}
    times: dict[str, list[tuple[float, float]]] = {name: [] for name in forms}
    for form in forms.values():
        step(form, inputs, gradient)  # warm up
    for _ in range(repeats):
        for name, form in forms.items():  # in turn, so that a busy moment of the machine hits both
            times[name].append(step(form, inputs, gradient))
    found: dict[str, float] = {"max_difference": difference(literal, factorized, inputs)}
    for name, form in forms.items():
        found[f"{name}_forward_ms"] = 1e3 * statistics.median(t[0] for t in times[name])
        found[f"{name}_step_ms"] = 1e3 * statistics.median(t[1] for t in times[name])
        found[f"{name}_saved_mb"] = saved_bytes(form, inputs) / 1e6
        found[f"{name}_peak_mb"] = step_peak(form, inputs, gradient) / 1e6
    for name, ratio in QUANTITIES.items():
        found[f"ratio_{ratio}"] = found[f"literal_{name}"] / found[f"factorized_{name}"]
    return found


@torch.no_grad()
def difference(literal, factorized, inputs) -> float:
    """Largest absolute difference of the two results, float32."""
    return float((forward(literal, *inputs) - forward(factorized, *inputs)).abs().max())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=9)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--out", type=Path, help="also write the numbers to this JSON file")
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    results = {variant: measure(variant, arguments.repeats) for variant in FORMS}
    print(f"{'':8}{'forward (ms)':>22}{'forward+backward (ms)':>30}{'saved (MB)':>26}{'peak (MB)':>26}")
    for variant, r in results.items():
        cells = [
            f"{r['literal_' + name]:.1f} -> {r['factorized_' + name]:.2f} = {r['ratio_' + ratio]:.1f}x"
            for name, ratio in QUANTITIES.items()
        ]
        print(f"{variant:8}{cells[0]:>22}{cells[1]:>30}{cells[2]:>26}{cells[3]:>26}")
    worst = max(r["max_difference"] for r in results.values())
    print(f"literal -> factorized = ratio; the results differ by at most {worst:.1e} (float32)")
    if arguments.out:
        settings = {"repeats": arguments.repeats, "threads": arguments.threads}
        write_result(arguments.out, "python benchmarks/acf_forms.py", settings=settings, results=results)


if __name__ == "__main__":
    main()
