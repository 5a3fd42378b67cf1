"""What training costs at full size, counted without a GPU, and hours on GPUs, projected from the count.

    python benchmarks/costs.py --out results/benchmarks/costs.json

Counted, for each preset and for torchvision's networks at the preset's crop and batch: parameters, bytes of a
checkpoint, memory of an optimizer step, and its multiplications and additions (``acflib.cli.estimates``: the real
training step on tensors without content). Counts are the same on every machine.

Projected: hours of 40,000 iterations = counted arithmetic / (published peak of the GPU x share of it that is reached).
That share is an **assumption**, a range around what NVIDIA published for training ResNet-50 on its own GPUs, whose
arithmetic is counted here in the same way. Nobody has run these networks on these GPUs; ``training_step.py`` measures.

The two tables that are printed stand in docs/cityscapes.md.
"""

import argparse
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import torch
import torchvision
from peers import BASELINE, PEERS, REFERENCES, command_line, make_peer
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from acflib.cli.estimates import OVERHEAD, checkpoint_bytes, count_training_flops, count_training_memory, make_network
from acflib.engine.config import TrainConfig
from acflib.engine.machine import write_result
from acflib.engine.presets import PAPER, PRESETS, SMALL_GPU

LABELS = {
    "parameters": "counted",
    "checkpoint_gb": "counted: weights, buffers and momentum, 10**9 bytes; presets only",
    "tflop": "counted: 10**12 multiplications and additions of an iteration, convolutions and matrix products only",
    "float32_gib": "counted: most memory at once in an iteration, 2**30 bytes, without the device's own workspaces",
    "bf16_gib": "counted: the same under bf16 or fp16 autocast",
    **{f"{kind}_ratio_to_{name}": "counted" for kind in ("tflop", "bf16_gib") for name in REFERENCES},
}
HARDWARE_LABELS = {
    "gib": "counted: on each GPU, without the device's own workspaces",
    "hours": "projected, not measured: fewest and most hours of 40000 iterations",
}
GIB, TERA = 2**30, 1e12
ITERATIONS = 40_000
# Shares of the published peak that a training step of such a network may reach: assumptions, see ``RESNET50``.
TENSOR_CORES, PLAIN = (0.10, 0.30), (0.30, 0.60)


@dataclass(frozen=True)
class Hardware:
    """GPUs that train one preset together. The peak is NVIDIA's, of one GPU, dense, for the precision."""

    name: str
    preset: str
    precision: str
    peak_tflops: float
    reached: tuple[float, float]  # lowest and highest share of the peak: an assumption
    gpus: int = 1


HARDWARE = (
    Hardware("4 x P40, 24 GB each, the paper's", "r101-acf-sum", "float32", 11.8, PLAIN, gpus=4),
    Hardware("H100 SXM, 80 GB", "r101-acf-sum", "bf16", 989.4, TENSOR_CORES),
    Hardware("H100 SXM, 80 GB", "r101-aspp-acf-ob", "bf16", 989.4, TENSOR_CORES),
    Hardware("A100, 40 or 80 GB", "r101-acf-sum", "bf16", 312.0, TENSOR_CORES),
    Hardware("RTX 4090, 24 GB", "r101-acf-sum-24gb", "bf16", 165.2, TENSOR_CORES),
    Hardware("RTX 3090, 24 GB", "r101-acf-sum-24gb", "bf16", 71.0, TENSOR_CORES),
    Hardware("V100, 16 GB", "r101-acf-sum-24gb", "fp16", 125.0, TENSOR_CORES),
)
# Images of 224x224 per second in training ResNet-50 v1.5 on one GPU, and the peak of the precision in TFLOP/s.
# github.com/NVIDIA/DeepLearningExamples, PyTorch/Classification/ConvNets/resnet50v1.5/README.md, "Training performance"
RESNET50 = {
    "A100 80GB, mixed precision": (2470, 312.0),
    "V100 16GB, mixed precision": (1200, 125.0),
    "V100 16GB, float32": (367, 15.7),
}


def count(name: str) -> dict[str, float]:
    """The counted numbers of ``LABELS``, without ratios, of a preset or a peer (with the baseline's settings)."""
    config = PRESETS[BASELINE if name in PEERS else name]
    make = peer_maker(name) if name in PEERS else make_network
    with torch.device("meta"):
        found = {"parameters": sum(parameter.numel() for parameter in make(config).parameters())}
    if name not in PEERS:
        found["checkpoint_gb"] = checkpoint_bytes(config) / 1e9
    found["tflop"] = count_training_flops(config, make) / TERA
    for precision in ("float32", "bf16"):
        found[f"{precision}_gib"] = count_training_memory(config, precision, make).peak / GIB
    return found


def peer_maker(name: str) -> Callable[[TrainConfig], nn.Module]:
    """A function that makes a network of torchvision for a configuration."""
    return lambda config: make_peer(name, config.model.num_classes, aux=True)


def add_ratios(results: dict[str, dict[str, float]]) -> None:
    """Arithmetic and memory against the references."""
    for found in results.values():
        for name in REFERENCES:
            for key in ("tflop", "bf16_gib"):
                found[f"{key}_ratio_to_{name}"] = found[key] / results[name][key]


def hours(tflop: float, hardware: Hardware) -> tuple[float, float]:
    """Fewest and most hours of 40,000 iterations, if the GPUs share the work without loss."""
    peak = ITERATIONS * tflop / (hardware.gpus * hardware.peak_tflops) / 3600
    low, high = hardware.reached
    return peak / high, peak / low


def on_hardware(hardware: Hardware, results: dict[str, dict[str, float]]) -> dict[str, object]:
    """The numbers of ``HARDWARE_LABELS``, with what they were made from."""
    config = PRESETS[hardware.preset]
    share = replace(config, batch_size=config.batch_size // hardware.gpus)
    gib = count_training_memory(share, hardware.precision).peak / GIB
    return {**asdict(hardware), "gib": gib, "hours": hours(results[hardware.preset]["tflop"], hardware)}


def resnet50_shares() -> dict[str, float]:
    """Share of the published peak that NVIDIA's training of ResNet-50 reaches."""
    with torch.device("meta"):
        model, images = torchvision.models.resnet50(), torch.empty(1, 3, 224, 224)
        with FlopCounterMode(display=False) as counter:
            model(images).sum().backward()
    tflop = counter.get_total_flops() / TERA
    return {name: images_per_s * tflop / peak for name, (images_per_s, peak) in RESNET50.items()}


def network_rows(results: dict[str, dict[str, float]]) -> list[str]:
    """A table of the networks, in Markdown."""
    rows = [
        "| network | arithmetic of an iteration | against `r101-baseline` | against torchvision's deeplabv3 "
        "| memory, bf16 | against `r101-baseline` | memory, float32 |",
        "| --- | --- | --- | --- | --- | --- | --- |",
    ]
    for name, r in results.items():
        arithmetic = [f"{r[f'tflop_ratio_to_{other}']:.2f}" for other in REFERENCES]
        rows.append(
            f"| `{name}` | {r['tflop']:.1f} TFLOP | {arithmetic[0]} | {arithmetic[1]} "
            f"| {r['bf16_gib']:.1f} GiB | {r[f'bf16_gib_ratio_to_{BASELINE}']:.2f} | {r['float32_gib']:.1f} GiB |"
        )
    return rows


def hardware_rows(found: list[dict]) -> list[str]:
    """A table of the hardware, in Markdown."""
    rows = [
        "| hardware | preset | memory on each GPU, *counted* | 40,000 iterations, *projected, not measured* |",
        "| --- | --- | --- | --- |",
    ]
    for r in found:
        low, high = r["hours"]
        reached = " to ".join(f"{100 * share:.0f}" for share in r["reached"])
        rows.append(
            f"| {r['name']} | `{r['preset']}`, {r['precision']} | {r['gib']:.1f} + {OVERHEAD / GIB:.0f} GiB "
            f"| {low:.1f} to {high:.1f} h, at {reached} % of {r['peak_tflops']:g} TFLOP/s |"
        )
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, help="also write the numbers to this JSON file")
    given = parser.parse_args()
    results = {name: count(name) for name in (*PAPER, *SMALL_GPU, *PEERS)}
    add_ratios(results)
    found = [on_hardware(hardware, results) for hardware in HARDWARE]
    shares = resnet50_shares()
    print("\n".join([*network_rows(results), "", *hardware_rows(found), ""]))
    print("Share of the published peak in NVIDIA's training of ResNet-50:")
    print("\n".join(f"  {name}: {100 * share:.0f} %" for name, share in shares.items()))
    if given.out:
        labels = {**LABELS, **HARDWARE_LABELS}
        write_result(
            given.out, command_line("costs.py"), labels=labels, results=results, hardware=found, resnet50_shares=shares
        )


if __name__ == "__main__":
    main()
