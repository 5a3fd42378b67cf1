"""Time and memory of segmenting one image: whole, by sliding window, and at several scales with flip.

    python benchmarks/inference.py --out results/benchmarks/inference.json          on a GPU, 1024x2048
    python benchmarks/inference.py --out results/benchmarks/inference_cpu.json      on a CPU, 64x128

Measured is ``acflib.inference.predict_probabilities`` on noise that lies on the device: from the image to its class
probabilities at image size. The modes are those of section 4.4: "whole" one pass, "sliding" windows of 3/4 of the
height (769x769 at 1024x2048) that overlap by a third, "multiscale" the same at scales 0.75 to 2, mirrored too. Peers
are torchvision's deeplabv3_resnet101 and fcn_resnet101 on the whole image, without their auxiliary head. Networks take
turns in one process; medians are compared. The exit status does not depend on the times: they are for reading, never
for a test.
"""

import argparse
import statistics
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch
from peers import BASELINE, PEERS, REFERENCES, allocated, make_peer, peak_megabytes, seconds, use_device, write_results
from torch import nn

from acflib.acfnet import build_model, without_weights
from acflib.devices import autocast, pick_device, pick_precision, weights_dtype
from acflib.inference import PAPER_SCALES, InferenceConfig, predict_probabilities
from acflib.presets import PRESETS

LABELS = {
    "seconds_per_image": "measured, median of the rounds",
    "images_per_second": "measured",
    "peak_mb": "measured: most memory at once, weights included, 10**6 bytes",
    "projected_minutes": "projected: the 500 images of the val split at this size on this device, without reading them",
    **{f"seconds_ratio_to_{name}": "measured in the same run, to its whole image" for name in REFERENCES},
}
IMAGES = 500
MODES = ("whole", "sliding", "multiscale")


@dataclass(frozen=True)
class Settings:
    """Of all networks alike."""

    presets: tuple[str, ...]
    modes: tuple[str, ...] = MODES
    height: int = 1024
    width: int = 2048
    device: str = "auto"
    precision: str = "auto"
    rounds: int = 3


def inference_config(mode: str, settings: Settings) -> InferenceConfig:
    """Of a mode in ``MODES``."""
    side = settings.height * 3 // 4 // 8 * 8 + 1  # 769 for 1024
    if mode == "whole":
        return InferenceConfig()
    if mode == "sliding":
        return InferenceConfig((side, side))
    return InferenceConfig((side, side), scales=PAPER_SCALES, flip=True)


def make_network(name: str, device: torch.device, precision: str) -> nn.Module:
    """A preset's network or a peer without trained weights, in evaluation mode."""
    torch.manual_seed(0)
    config = without_weights(PRESETS[BASELINE if name in PEERS else name].model)
    model = make_peer(name, config.num_classes, aux=False) if name in PEERS else build_model(config)
    memory_format = torch.channels_last if device.type == "cuda" else torch.contiguous_format
    return model.to(device, weights_dtype(precision), memory_format=memory_format).eval()


def make_run(network: nn.Module, mode: str, settings: Settings) -> Callable[[], object]:
    """A function that segments one image of noise."""
    device = pick_device(settings.device)
    precision = pick_precision(settings.precision, device)
    config = inference_config(mode, settings)
    image = torch.randn(1, 3, settings.height, settings.width, device=device, dtype=weights_dtype(precision))

    def run() -> object:
        with autocast(device, precision):
            return predict_probabilities(network, image, config)

    return run


def measure(settings: Settings) -> dict[str, dict[str, dict[str, float]]]:
    """The numbers named in ``LABELS``: network -> mode -> number."""
    names = dict.fromkeys([*settings.presets, BASELINE, *PEERS])  # each once, in this order
    device = pick_device(settings.device)
    runs: dict[tuple[str, str], Callable[[], object]] = {}
    results: dict[str, dict[str, dict[str, float]]] = {name: {} for name in names}
    for name in names:
        before = allocated(device)
        network = make_network(name, device, pick_precision(settings.precision, device))
        resident = sum(value.nbytes for value in network.state_dict().values())
        for mode in dict.fromkeys(("whole", *(settings.modes if name in settings.presets else ()))):
            run = runs[name, mode] = make_run(network, mode, settings)
            results[name][mode] = {"peak_mb": peak_megabytes(run, device, before, resident)}  # the warm-up too
    times: dict[tuple[str, str], list[float]] = {key: [] for key in runs}
    for _ in range(settings.rounds):
        for key, run in runs.items():  # in turn, so that a busy moment of the machine hits all
            times[key].append(seconds(run, 1, device))
    references = {name: statistics.median(times[name, "whole"]) for name in REFERENCES}
    for name, mode in runs:
        found, median = results[name][mode], statistics.median(times[name, mode])
        found["seconds_per_image"], found["images_per_second"] = median, 1 / median
        found["projected_minutes"] = IMAGES * median / 60
        found |= {f"seconds_ratio_to_{other}": median / value for other, value in references.items()}
        results[name][mode] = found
    return results


def print_table(results: dict[str, dict[str, dict[str, float]]]) -> None:
    print(f"{'':37}{'one image':>13}{'peak':>10}{'500 images':>12}    time against, on the whole image:")
    print(f"{'':37}{'measured':>13}{'measured':>10}{'projected':>12}    {'   '.join(REFERENCES)}")
    for name, modes in results.items():
        for mode, r in modes.items():
            ratios = [f"{r[f'seconds_ratio_to_{other}']:.2f}x" for other in REFERENCES]
            print(
                f"{name:26}{mode:11}{1e3 * r['seconds_per_image']:10.1f} ms{r['peak_mb'] / 1e3:7.2f} GB"
                f"{r['projected_minutes']:8.1f} min    {ratios[0]:16}{ratios[1]}"
            )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    default = [BASELINE, "r101-acf-sum", "r101-aspp-acf"]
    parser.add_argument("--presets", nargs="+", choices=PRESETS, default=default, metavar="NAME")
    parser.add_argument("--modes", nargs="+", choices=MODES, default=MODES, metavar="MODE")
    parser.add_argument("--height", type=int, help="of the image (default: 1024; CPU 64)")
    parser.add_argument("--width", type=int, help="of the image (default: twice the height)")
    parser.add_argument("--device", default="auto")
    parser.add_argument("--precision", default="auto", help="auto: bf16 on a GPU, float32 on a CPU")
    parser.add_argument("--cudnn-benchmark", action=argparse.BooleanOptionalAction, default=False)
    parser.add_argument("--rounds", type=int, help="default: 5; CPU 3")
    parser.add_argument("--threads", type=int, help="of the CPU")
    parser.add_argument("--out", type=Path, help="also write the numbers to this JSON file")
    given = parser.parse_args()
    device = pick_device(given.device)
    use_device(device, given.threads, given.cudnn_benchmark)
    cpu = device.type == "cpu"
    height = given.height or (64 if cpu else 1024)
    settings = Settings(
        presets=tuple(given.presets),
        modes=tuple(given.modes),
        height=height,
        width=given.width or 2 * height,
        device=str(device),
        precision=pick_precision(given.precision, device),
        rounds=given.rounds or (3 if cpu else 5),
    )
    results = measure(settings)
    print_table(results)
    if given.out:
        shown = {**vars(settings), "cudnn_benchmark": given.cudnn_benchmark, "threads": given.threads}
        write_results(given.out, "inference.py", shown, LABELS, results)


if __name__ == "__main__":
    main()
