"""Time and memory of an optimiser step of each preset, beside torchvision's networks.

    python benchmarks/training_step.py --out results/benchmarks/training_step.json          on a GPU
    python benchmarks/training_step.py --out results/benchmarks/training_step_cpu.json      on a CPU, reduced

One iteration is ``acflib.training.optimiser_step``, what training runs: images and labels (noise) from pinned memory to
the device, forward, class-balanced cross entropies at image size, backward, SGD. Peers are torchvision's
deeplabv3_resnet101 and fcn_resnet101 with their auxiliary head, in the same step: same loss, precision, memory format,
batch, optimiser and compile setting. Not included: reading images (see loader.py), evaluation, several processes.

On a GPU the size and the batch are the preset's own (769x769, batch 8). On a CPU they are 97x97 and 2, in float32:
ratios there say something about arithmetic, nothing about a GPU. All networks take turns in one process, round by
round; medians of the rounds are compared. The exit status does not depend on the times: they are for reading, never
for a test. r101-aspp-acf-ob-trainval is left out by default: its step is that of r101-aspp-acf-ob.
"""

import argparse
import statistics
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from peers import BASELINE, PEERS, REFERENCES, allocated, make_peer, peak_megabytes, seconds, use_device, write_results

from acflib.acfnet import build_model, without_weights
from acflib.config import TrainConfig
from acflib.datasets.labels import CITYSCAPES_CLASS_WEIGHTS
from acflib.devices import pick_device, pick_precision
from acflib.errors import TrainingError
from acflib.presets import PAPER, PRESETS
from acflib.train_state import prepare
from acflib.training import optimiser_step

LABELS = {
    "seconds_per_iteration": "measured, median of the rounds",
    "images_per_second": "measured",
    "peak_mb": "measured: most memory at once in an iteration, weights and momentum included, 10**6 bytes",
    "projected_hours": "projected: 40000 iterations of this size on this device, nothing else",
    **{f"seconds_ratio_to_{name}": "measured in the same run" for name in REFERENCES},
    **{f"peak_ratio_to_{name}": "measured in the same run" for name in REFERENCES},
}
ITERATIONS = 40_000


@dataclass(frozen=True)
class Settings:
    """Of all networks alike; None: the preset's own."""

    presets: tuple[str, ...]
    size: int | None = None  # height and width of the crops
    batch: int | None = None
    device: str = "auto"
    precision: str = "auto"
    compile: bool = False
    rounds: int = 3
    iterations: int = 1  # in a row, per round
    warm_up: int = 1


def config_of(name: str, settings: Settings) -> TrainConfig:
    """The preset (the baseline's for a peer) at the size of this run."""
    config = PRESETS[BASELINE if name in PEERS else name]
    size, batch = settings.size, settings.batch or config.batch_size
    return replace(
        config,
        crop_size=(size, size) if size else config.crop_size,
        batch_size=batch,
        micro_steps=min(config.micro_steps, batch),
        compile=settings.compile,
        model=without_weights(config.model),
    )


@dataclass(frozen=True)
class Case:
    """A network that is measured."""

    step: Callable[[], torch.Tensor]  # one iteration; returns its losses
    optimizer: torch.optim.Optimizer
    resident: int  # bytes of weights, buffers and momentum
    batch: int


def make_case(name: str, settings: Settings) -> Case:
    """The network of a preset or a peer, with its step on noise."""
    torch.manual_seed(0)
    config = config_of(name, settings)
    device = pick_device(settings.device)
    precision = pick_precision(settings.precision, device)
    num_classes = config.model.num_classes
    model = make_peer(name, num_classes, aux=True) if name in PEERS else build_model(config.model)
    state = prepare(model, config, device, precision)
    images = torch.randn(config.batch_size, 3, *config.crop_size)
    labels = torch.randint(num_classes, (config.batch_size, *config.crop_size))
    labels[:, : config.crop_size[0] // 10] = 255
    if device.type == "cuda":
        images, labels = images.pin_memory(), labels.pin_memory()
    weights = torch.tensor(CITYSCAPES_CLASS_WEIGHTS, device=device)

    def step() -> torch.Tensor:
        # A tiny learning rate: noise has nothing to teach, and must not drive the weights away.
        return optimiser_step(state, images, labels, 1e-6, config, weights, precision)

    momentum = sum(parameter.nbytes for parameter in model.parameters())
    resident = momentum + sum(value.nbytes for value in model.state_dict().values())
    return Case(step, state.optimizer, resident, config.batch_size)


def measure(settings: Settings) -> dict[str, dict[str, float]]:
    """The numbers named in ``LABELS`` for every preset, the baseline and the peers.

    Raises:
        TrainingError: if a loss is not finite.
    """
    names = dict.fromkeys([*settings.presets, BASELINE, *PEERS])  # each once, in this order
    device = pick_device(settings.device)
    cases: dict[str, Case] = {}
    results: dict[str, dict[str, float]] = {}
    for name in names:
        before = allocated(device)
        case = cases[name] = make_case(name, settings)
        for _ in range(settings.warm_up):
            losses = case.step()
        if not losses.isfinite().all():
            raise TrainingError(f"{name}: a loss is not finite, so its times mean nothing")
        case.optimizer.zero_grad()  # the gradients go, the momentum stays
        results[name] = {"peak_mb": peak_megabytes(case.step, device, before, case.resident)}
        case.optimizer.zero_grad()
    times: dict[str, list[float]] = {name: [] for name in names}
    for _ in range(settings.rounds):
        for name, case in cases.items():  # in turn, so that a busy moment of the machine hits all
            times[name].append(seconds(case.step, settings.iterations, device))
            case.optimizer.zero_grad()
    for name, found in results.items():
        found["seconds_per_iteration"] = statistics.median(times[name])
        found["images_per_second"] = cases[name].batch / found["seconds_per_iteration"]
        found["projected_hours"] = found["seconds_per_iteration"] * ITERATIONS / 3600
    for found in results.values():
        for name in REFERENCES:
            for kind, key in (("seconds", "seconds_per_iteration"), ("peak", "peak_mb")):
                found[f"{kind}_ratio_to_{name}"] = found[key] / results[name][key]
    return results


def print_table(results: dict[str, dict[str, float]]) -> None:
    print(f"{'':26}{'iteration':>12}{'images/s':>10}{'peak':>10}{'40k iterations':>16}    {'time and memory against':}")
    print(f"{'':26}{'measured':>12}{'measured':>10}{'measured':>10}{'projected':>16}    {'   '.join(REFERENCES)}")
    for name, r in results.items():
        ratios = [f"{r[f'seconds_ratio_to_{other}']:.2f}x {r[f'peak_ratio_to_{other}']:.2f}x" for other in REFERENCES]
        print(
            f"{name:26}{1e3 * r['seconds_per_iteration']:9.1f} ms{r['images_per_second']:10.2f}"
            f"{r['peak_mb'] / 1e3:7.2f} GB{r['projected_hours']:14.1f} h    {ratios[0]:16}{ratios[1]}"
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    default = [name for name in PAPER if not name.endswith("trainval")]
    parser.add_argument("--presets", nargs="+", choices=PRESETS, default=default, metavar="NAME")
    parser.add_argument("--size", type=int, help="height and width of the crops, 8k+1 (default: the preset's; CPU 97)")
    parser.add_argument("--batch", type=int, help="images per iteration (default: the preset's; CPU 2)")
    parser.add_argument("--device", default="auto")
    parser.add_argument("--precision", default="auto", help="auto: bf16 on a GPU, float32 on a CPU")
    parser.add_argument("--compile", action=argparse.BooleanOptionalAction, default=False)
    parser.add_argument("--cudnn-benchmark", action=argparse.BooleanOptionalAction, default=False)
    parser.add_argument("--rounds", type=int, help="default: 5; CPU 3")
    parser.add_argument("--iterations", type=int, help="in a row, per round (default: 10; CPU 1)")
    parser.add_argument("--threads", type=int, help="of the CPU")
    parser.add_argument("--out", type=Path, help="also write the numbers to this JSON file")
    given = parser.parse_args()
    device = pick_device(given.device)
    use_device(device, given.threads, given.cudnn_benchmark)
    cpu = device.type == "cpu"
    settings = Settings(
        presets=tuple(given.presets),
        size=given.size or (97 if cpu else None),
        batch=given.batch or (2 if cpu else None),
        device=str(device),
        precision=pick_precision(given.precision, device),
        compile=given.compile,
        rounds=given.rounds or (3 if cpu else 5),
        iterations=given.iterations or (1 if cpu else 10),
        warm_up=1 if cpu else 5,
    )
    results = measure(settings)
    print_table(results)
    if given.out:
        shown = {**vars(settings), "cudnn_benchmark": given.cudnn_benchmark, "threads": given.threads}
        write_results(given.out, "training_step.py", shown, LABELS, results)


if __name__ == "__main__":
    main()
