"""Networks of four libraries under tap(), and the table of docs/networks.md that says what was seen of each.

    python tools/tapped_networks.py           all that are installed; writes the table
    python tools/tapped_networks.py --print   only prints it

tests/layers/test_tapped_networks.py runs the same networks. All have random weights; nothing is downloaded.
"""

import argparse
import importlib.metadata
import sys
from dataclasses import dataclass
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn

ROOT = Path(__file__).resolve().parent.parent
if __name__ == "__main__":
    sys.path.insert(0, str(ROOT))

from acflib import ACFNet, inspect, tap  # noqa: E402
from acflib.engine.files import write_whole  # noqa: E402
from acflib.functional import attend_sum, class_centers  # noqa: E402
from tools.marked import filled  # noqa: E402
from tools.tapped_cases import CASES, NUM_CLASSES, Case  # noqa: E402

PAGE = ROOT / "docs" / "networks.md"
BEGIN, END = "<!-- table:tapped -->", "<!-- end -->"
SIZE, STEPS = (64, 64), 20


@dataclass(frozen=True)
class Seen:
    """What was seen of a tapped network.

    Attributes:
        parameters: of the network itself.
        features: channels and cells of its feature map, (C, h, w), for an image of ``SIZE``.
        first_loss, last_loss: cross entropy of fine and coarse result before training and after ``STEPS`` steps.
    """

    parameters: int
    features: tuple[int, ...]
    first_loss: float
    last_loss: float


def examine(case: Case) -> Seen:
    """Tap a network, hold what comes out against the equations, and train it.

    Expected values are computed from what a hook of this function's own sees on the network before it is tapped.

    Raises:
        AssertionError: something is not as it must be.
    """
    torch.manual_seed(0)
    network = case.make()
    parameters = sum(parameter.numel() for parameter in network.parameters())
    images, labels = make_scene()
    features, logits = hooked(network.eval(), case.classifier, images)
    model = ACFNet(tap(network, case.classifier), channels=16)
    found = inspect(model, images)
    with torch.no_grad():
        reduced = model.eval().acf.center_block.reduce(features)
        centers = class_centers(reduced, logits.softmax(dim=1))
        block = model.acf.attention_block
        attended = F.relu(block.bn(block.refine(attend_sum(centers, logits.softmax(dim=1)))))
    torch.testing.assert_close(found.coarse_features, features)
    torch.testing.assert_close(found.coarse_logits, logits)
    torch.testing.assert_close(found.centers, centers, rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(found.attended, attended, rtol=1e-4, atol=1e-5)
    losses = train(model.train(), images, labels)
    assert losses[-1] < 0.9 * losses[0], f"the loss went from {losses[0]} to {losses[-1]}"
    return Seen(parameters, tuple(features.shape[1:]), losses[0], losses[-1])


def hooked(network: nn.Module, name: str, images: Tensor) -> tuple[Tensor, Tensor]:
    """What a layer gets and gives in a forward pass."""
    seen: list[tuple[Tensor, Tensor]] = []
    hook = network.get_submodule(name).register_forward_hook(
        lambda _, inputs, output: seen.append((inputs[0].clone(), output.clone()))
    )
    with torch.no_grad():
        network(images)
    hook.remove()
    return seen[0]


def make_scene() -> tuple[Tensor, Tensor]:
    """Two noisy images (2, 3, 64, 64) of four quarters, each of its own color and class, and their labels."""
    quarters = torch.tensor([[0, 1], [2, 3]]).repeat_interleave(SIZE[0] // 2, 0).repeat_interleave(SIZE[1] // 2, 1)
    labels = torch.stack([quarters, quarters.flip(1)])
    colors = torch.tensor([[2.0, 0.0, -2.0], [-2.0, 2.0, 0.0], [0.0, -2.0, 2.0], [2.0, 2.0, 2.0]])
    return colors[labels].permute(0, 3, 1, 2) + 0.2 * torch.randn(2, 3, *SIZE), labels


def train(model: ACFNet, images: Tensor, labels: Tensor) -> list[float]:
    """The losses of ``STEPS`` steps, and of a last forward."""
    optimizer = torch.optim.Adam(model.parameters(), lr=5e-3)
    losses = []
    for step in range(STEPS + 1):
        found = model(images)
        assert found["out"].shape == found["coarse"].shape == (len(images), NUM_CLASSES, *SIZE)
        loss = F.cross_entropy(found["out"], labels) + 0.6 * F.cross_entropy(found["coarse"], labels)
        losses.append(loss.item())
        if step == STEPS:
            return losses
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        if step == 0:
            assert_gradients(model)
    return losses


def assert_gradients(model: ACFNet) -> None:
    """The ACF module, the tapped layer, and a first layer of the network must have heard of the loss."""
    layer = model.base.network.get_submodule(model.base.classifier_name)
    first = next(parameter for parameter in model.base.network.parameters() if parameter.dim() == 4)
    for parameter in (*model.acf.parameters(), *model.classifier.parameters(), layer.weight, first):
        assert parameter.grad is not None and parameter.grad.isfinite().all() and parameter.grad.abs().max() > 0


def versions() -> str:
    """The packages that the table was made with."""
    names = ["torch", *dict.fromkeys(case.library for case in CASES if case.is_installed())]
    return ", ".join(f"{name} {importlib.metadata.version(name).partition('+')[0]}" for name in names)


def table(found: dict[Case, Seen]) -> str:
    """The table of the page, Markdown."""
    titles = ("library", "network", "tapped layer", "features (C, h, w)", "parameters", f"loss in {STEPS} steps", "")
    rows = [f"| {' | '.join(titles)} |", "| --- " * len(titles) + "|"]
    for case, seen in found.items():
        cells = (
            case.library, case.name, f"`{case.classifier}`", " x ".join(map(str, seen.features)),
            f"{seen.parameters / 1e6:.1f} M", f"{seen.first_loss:.2f} to {seen.last_loss:.2f}", case.note,
        )  # fmt: skip
        rows.append(f"| {' | '.join(cells)} |")
    said = (
        f"*{len(found)} networks with random weights, images of {SIZE[0]} x {SIZE[1]}; {versions()}. "
        "Made by `python tools/tapped_networks.py`; do not edit.*"
    )
    return "\n".join([said, "", *rows])


def main(given: list[str] | None = None) -> int:
    """Exit status: 0, or 1 where a library is missing and the table would lose its rows."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--print", action="store_true", help="leave the page as it is")
    arguments = parser.parse_args(given)
    missing = sorted({case.library for case in CASES if not case.is_installed()})
    if missing and not arguments.print:
        print(f"the table needs pip install {' '.join(missing)}", file=sys.stderr)
        return 1
    found = {}
    for case in CASES:
        if case.is_installed():
            found[case] = examine(case)
            print(f"{case.library} {case.name}: {found[case]}", flush=True)
    text = table(found)
    if arguments.print:
        print(text)
        return 0
    write_whole(PAGE, filled(PAGE.read_text(encoding="utf-8"), BEGIN, END, f"\n{text}\n").encode())
    return 0


if __name__ == "__main__":
    sys.exit(main())
