"""Bytes kept for the backward pass, and time, with BatchNorm + ReLU and with in-place activated BatchNorm.

    python benchmarks/inplace_bn.py [--precision bf16] [--out results/benchmarks/inplace_bn.json]

Four cases: a chain of four 3x3 convolutions with BatchNorm and activation (64 channels), a ResNet bottleneck whose
shortcut is its input, one with a convolution as shortcut, and a ResNet-50 of output stride 8 up to layer4. "BatchNorm"
is ``nn.BatchNorm2d`` + ``ReLU(inplace=True)``; "in-place" is the same network after
``acflib.layers.inplace.use_inplace``. Each storage counts once, the input of the network too, its parameters and
buffers do not. With --precision bf16 the copies of the weights that autocast makes
count, for both alike: a large share of the trunk's bytes at this small input.

The bytes depend on shapes alone. The times are for reading, never for a test: in plain PyTorch the in-place form costs
more passes over the maps than torch's own BatchNorm kernel.
"""

import argparse
import copy
import statistics
import time
from collections.abc import Callable
from pathlib import Path

import torch
from memory import saved_bytes
from torch import Tensor, nn
from torchvision.models.resnet import Bottleneck

from acflib.engine.machine import write_result
from acflib.layers.bases import make_backbone
from acflib.layers.inplace import use_inplace


def chain() -> nn.Sequential:
    layers: list[nn.Module] = []
    for _ in range(4):
        conv = nn.Conv2d(64, 64, 3, padding=1, bias=False)
        layers += [conv, nn.BatchNorm2d(64), nn.ReLU(inplace=True)]
    return nn.Sequential(*layers)


def bottleneck() -> Bottleneck:
    return Bottleneck(256, 64)


def bottleneck_with_convolution() -> Bottleneck:
    shortcut = nn.Sequential(nn.Conv2d(64, 256, 1, bias=False), nn.BatchNorm2d(256))
    return Bottleneck(64, 64, downsample=shortcut)


def trunk() -> nn.Sequential:
    """ResNet-50 with layers 3 and 4 dilated, without pooling and classifier."""
    found = make_backbone("resnet50", output_stride=8, weights=None)
    stem = (found.conv1, found.bn1, found.relu, found.maxpool)
    return nn.Sequential(*stem, found.layer1, found.layer2, found.layer3, found.layer4)


# name -> (network, channels of its input, pixels a side; the trunk takes an image, the others its feature maps)
CASES: dict[str, tuple[Callable[[], nn.Module], int, int]] = {
    "chain": (chain, 64, 48),
    "bottleneck": (bottleneck, 256, 48),
    "bottleneck, convolution as shortcut": (bottleneck_with_convolution, 64, 48),
    "ResNet-50 trunk": (trunk, 3, 129),
}


def step_seconds(network: nn.Module, x: Tensor) -> float:
    """Seconds of one forward and backward pass."""
    start = time.perf_counter()
    network(x).float().square().mean().backward()
    return time.perf_counter() - start


def measure(name: str, batch: int, repeats: int, dtype: torch.dtype) -> dict[str, float]:
    """Bytes, their reduction in percent, and medians of the times of one case."""
    make, channels, side = CASES[name]
    torch.manual_seed(0)
    plain = make()
    forms = {"batchnorm": plain, "inplace": use_inplace(copy.deepcopy(plain))}
    x = torch.randn(batch, channels, side, side)
    # Feature maps come in the dtype of the layer before and with a gradient, images in float32 and without.
    x = x if name.endswith("trunk") else x.to(dtype).requires_grad_()
    times: dict[str, list[float]] = {form: [] for form in forms}
    found: dict[str, float] = {}
    with torch.autocast("cpu", dtype, enabled=dtype != torch.float32):
        for form, network in forms.items():
            found[f"{form}_saved_bytes"] = saved_bytes(network, x)
            step_seconds(network, x)  # warm up
        for _ in range(repeats):
            for form, network in forms.items():  # in turn, so that a busy moment of the machine hits both
                times[form].append(step_seconds(network, x))
    found["reduction_percent"] = 100 * (1 - found["inplace_saved_bytes"] / found["batchnorm_saved_bytes"])
    for form, values in times.items():
        found[f"{form}_step_ms"] = 1e3 * statistics.median(values)
    found["ratio_step"] = found["inplace_step_ms"] / found["batchnorm_step_ms"]
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--batch", type=int, default=2, help="images")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--precision", choices=("float32", "bf16"), default="float32")
    parser.add_argument("--out", type=Path, help="also write the numbers to this JSON file")
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    dtype = torch.bfloat16 if arguments.precision == "bf16" else torch.float32
    results = {name: measure(name, arguments.batch, arguments.repeats, dtype) for name in CASES}
    print(f"{'':37}{'BatchNorm + ReLU (MB)':>22}{'in-place (MB)':>15}{'lower by':>10}{'step (ms)':>28}")
    for name, r in results.items():
        plain, converted = (r[f"{form}_saved_bytes"] / 1e6 for form in ("batchnorm", "inplace"))
        step = f"{r['batchnorm_step_ms']:.1f} -> {r['inplace_step_ms']:.1f} = {r['ratio_step']:.2f}x"
        print(f"{name:37}{plain:22.2f}{converted:15.2f}{r['reduction_percent']:9.1f}%{step:>28}")
    if arguments.out:
        settings = {name: value for name, value in vars(arguments).items() if name != "out"}
        write_result(arguments.out, "python benchmarks/inplace_bn.py", settings=settings, results=results)


if __name__ == "__main__":
    main()
