"""What is no longer computed, or computed once: the time of each way against the way before it.

    python benchmarks/one_pass.py --out results/benchmarks/one_pass_cpu.json      on a CPU
    python benchmarks/one_pass.py --out results/benchmarks/one_pass.json          on a GPU

Four pairs of "before" and "now", whose results are compared too:

- bootstrapping: loss and gradient on 2 crops of 769x769. Before, the cross entropy was computed twice and all pixels
  were sorted.
- single pass: probabilities of an image from given logits. Before, they were weighed and added to an empty sum.
- one output: a network (tiny) that is asked for its fine result. Before, the coarse one was computed too, then dropped.
- channels last (on a GPU alone): the same network in the order of memory that `evaluate`, `predict` and `export` use.

Both ways take turns in one process; medians are compared. The exit status does not depend on the times: they are for
reading, never for a test.
"""

import argparse
import statistics
from collections.abc import Callable
from pathlib import Path

import peers
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from acflib.acfnet import ModelConfig, build_model
from acflib.engine.devices import pick_device
from acflib.engine.machine import write_result
from acflib.losses import bootstrapped_cross_entropy, class_balanced_cross_entropy, pixel_cross_entropy
from acflib.predict.inference import InferenceConfig, Window, add_window, predict_probabilities

CLASSES, KEEP, THRESHOLD = 19, 25_000, 0.7  # 100,000 of 8 crops are 25,000 of 2
LABELS = {
    "before_ms": "measured, median of the rounds",
    "now_ms": "measured, median of the rounds",
    "ratio": "measured in the same run: before / now",
    "max_difference": "measured: largest absolute difference of the results",
}
Pair = tuple[Callable[[], Tensor], Callable[[], Tensor]]  # before, now


def two_passes_and_a_sort(logits: Tensor, labels: Tensor) -> Tensor:
    """The loss of online bootstrapping as it was computed before."""
    probability = torch.exp(-pixel_cross_entropy(logits.detach(), labels)).flatten()
    hard = probability < THRESHOLD
    hard[probability.argsort(stable=True)[:KEEP]] = True
    return class_balanced_cross_entropy(logits, labels.masked_fill(~hard.view_as(labels), 255))


def bootstrapping(device: torch.device, side: int) -> Pair:
    """Logits that are right and sure at most pixels, as late in training, when the threshold alone keeps few."""
    labels = torch.randint(0, CLASSES, (2, side, side), device=device)
    sure = 8 * F.one_hot(labels, CLASSES).permute(0, 3, 1, 2).float()
    logits = (sure + torch.randn_like(sure)).contiguous().requires_grad_()

    def gradient(loss: Callable[[Tensor, Tensor], Tensor]) -> Tensor:
        return torch.autograd.grad(loss(logits, labels), logits)[0]

    def now(logits: Tensor, labels: Tensor) -> Tensor:
        return bootstrapped_cross_entropy(logits, labels, threshold=THRESHOLD, keep=KEEP)

    return lambda: gradient(two_passes_and_a_sort), lambda: gradient(now)


class Given(nn.Module):
    """A network that knows its logits already."""

    def __init__(self, logits: Tensor):
        super().__init__()
        self.logits = logits

    def forward(self, images: Tensor) -> dict[str, Tensor]:
        return {"out": self.logits}


def single_pass(device: torch.device, side: int) -> Pair:
    logits = torch.randn(1, CLASSES, side, 2 * side, device=device)
    image, network = torch.zeros(1, 3, side, 2 * side, device=device), Given(logits).eval()
    whole, share = (slice(0, side), slice(0, 2 * side)), torch.ones(side, 2 * side)

    @torch.no_grad()
    def before() -> Tensor:
        total = torch.zeros_like(logits)
        window = Window(*whole, (side, 2 * side), share.to(device) / 1, mirrored=False, align_corners=False)
        add_window(total, network(image)["out"].float().softmax(dim=1), window)
        return total

    return before, lambda: predict_probabilities(network, image)["out"]


def tiny_network(device: torch.device) -> nn.Module:
    torch.manual_seed(0)
    return build_model(ModelConfig("tiny", channels=64, align_corners=False, weights=None)).to(device).eval()


def one_output(device: torch.device, side: int) -> Pair:
    network, image = tiny_network(device), torch.randn(1, 3, side, 2 * side, device=device)

    def segment(outputs: tuple[str, ...]) -> Tensor:
        return predict_probabilities(network, image, InferenceConfig(), outputs)["out"]

    return lambda: segment(("out", "coarse")), lambda: segment(("out",))


def channels_last(device: torch.device, side: int) -> Pair:
    image = torch.randn(1, 3, side, 2 * side, device=device)
    before = tiny_network(device)
    now = tiny_network(device).to(memory_format=torch.channels_last)
    ordered = image.contiguous(memory_format=torch.channels_last)
    return (
        lambda: predict_probabilities(before, image, outputs=("out",))["out"],
        lambda: predict_probabilities(now, ordered, outputs=("out",))["out"],
    )


def measure(pair: Pair, rounds: int, device: torch.device) -> dict[str, float]:
    """The numbers named in ``LABELS``."""
    before, now = pair
    difference = float((before() - now()).abs().max())  # which warms both up
    times: dict[str, list[float]] = {"before": [], "now": []}
    for _ in range(rounds):
        for name, run in (("before", before), ("now", now)):  # in turn, so that a busy moment hits both
            times[name].append(1e3 * peers.seconds(run, 1, device))
    found = {f"{name}_ms": statistics.median(values) for name, values in times.items()}
    return {**found, "ratio": found["before_ms"] / found["now_ms"], "max_difference": difference}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--device", default="auto")
    parser.add_argument("--crop", type=int, default=769, help="side of the two crops of bootstrapping")
    parser.add_argument("--height", type=int, default=1024, help="of the image, which is twice as wide")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--threads", type=int, default=2, help="of the CPU")
    parser.add_argument("--out", type=Path, help="also write the numbers to this JSON file")
    given = parser.parse_args()
    device = pick_device(given.device)
    peers.use_device(device, given.threads, cudnn_benchmark=False)
    torch.manual_seed(0)
    pairs = {"bootstrapping": (bootstrapping, given.crop)}
    pairs |= {way.__name__: (way, given.height) for way in (single_pass, one_output)}
    if device.type == "cuda":
        pairs["channels_last"] = (channels_last, given.height)
    results = {name: measure(make(device, side), given.rounds, device) for name, (make, side) in pairs.items()}
    for name, r in results.items():
        print(
            f"{name:15}{r['before_ms']:9.1f} ms -> {r['now_ms']:8.1f} ms = {r['ratio']:.2f}x; "
            f"the results differ by at most {r['max_difference']:.1e}"
        )
    if given.out:
        settings = {name: value for name, value in vars(given).items() if name != "out"} | {"device": str(device)}
        write_result(given.out, peers.command_line("one_pass.py"), settings=settings, labels=LABELS, results=results)


if __name__ == "__main__":
    main()
