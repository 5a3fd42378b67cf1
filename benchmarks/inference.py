"""Time and memory of segmenting one image: whole, by sliding window, and at several scales with flip.

    python benchmarks/inference.py --out results/benchmarks/inference.json          on a GPU, 1024x2048
    python benchmarks/inference.py --out results/benchmarks/inference_cpu.json      on a CPU, 64x128

Measured is ``acflib.predict.inference.predict_probabilities`` on noise that lies on the device: from the image to its
class probabilities at image size. The modes are those of section 4.4: "whole" one pass, "sliding" windows of 3/4 of the
height (769x769 at 1024x2048) that overlap by a third, "multiscale" the same at scales 0.75 to 2, mirrored too. Peers
are torchvision's deeplabv3_resnet101 and fcn_resnet101 on the whole image, without their auxiliary head. Networks take
turns in one process; medians are compared. The exit status does not depend on the times: they are for reading, never
for a test.

With ``--data`` (a Cityscapes folder) or ``--generate`` (one that is made) the images of its val split are segmented
too: read from PNG files of 1024x2048 (on a CPU then resized to the size of the run), normalized, segmented, and counted
into a confusion matrix, as ``acflib evaluate`` does.
"""

import argparse
import statistics
import sys
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import feeding
import peers
import torch
from peers import BASELINE, PEERS, REFERENCES
from torch import Tensor, nn

from acflib.acfnet import build_model, without_weights
from acflib.datasets import SegmentationDataset
from acflib.engine.devices import autocast, pick_device, pick_precision, weights_dtype
from acflib.engine.presets import PRESETS
from acflib.metrics import confusion_matrix
from acflib.predict.inference import PAPER_SCALES, InferenceConfig, predict_probabilities

LABELS = {
    "seconds_per_image": "measured, median of the rounds",
    "images_per_second": "measured",
    "peak_mb": "measured: most memory at once, weights included, 10**6 bytes",
    "projected_minutes": "projected: the 500 images of the val split at this size on this device, without reading them",
    **{f"seconds_ratio_to_{name}": "measured in the same run, to its whole image" for name in REFERENCES},
}
FILE_LABELS = {
    "files_seconds_per_image": "measured: with reading the file and counting into the confusion matrix, median",
    "files_images_per_second": "measured",
    "files_projected_minutes": "projected: the 500 images of the val split at this size on this device",
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
    data: Path | None = None  # a Cityscapes folder
    workers: int = 0  # loading processes


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
    model = peers.make_peer(name, config.num_classes, aux=False) if name in PEERS else build_model(config)
    memory_format = torch.channels_last if device.type == "cuda" else torch.contiguous_format
    return model.to(device, weights_dtype(precision), memory_format=memory_format).eval()


@dataclass(frozen=True)
class Run:
    """A network and a mode."""

    segment: Callable[[Tensor], dict[str, Tensor]]  # image (1, 3, H, W) -> probabilities (1, N, H, W), fine and coarse
    noise: Tensor
    counts: Tensor  # confusion matrix (N, N)

    def on_noise(self) -> dict[str, Tensor]:
        return self.segment(self.noise)

    def on_image(self, image: Tensor, labels: Tensor) -> None:
        """As evaluation does: from an image (1, 3, H, W) and labels (1, H, W) of the CPU to the confusion matrix."""
        labels = labels.to(self.noise.device)
        for probabilities in self.segment(image.to(self.noise.device, self.noise.dtype)).values():
            self.counts.add_(confusion_matrix(probabilities.argmax(dim=1), labels, len(self.counts)))


def make_run(network: nn.Module, mode: str, settings: Settings) -> Run:
    """How a network segments one image in a mode, and an image of noise."""
    device = pick_device(settings.device)
    precision = pick_precision(settings.precision, device)
    config = inference_config(mode, settings)
    noise = torch.randn(1, 3, settings.height, settings.width, device=device, dtype=weights_dtype(precision))
    classes = PRESETS[BASELINE].model.num_classes

    def segment(image: Tensor) -> dict[str, Tensor]:
        with autocast(device, precision):
            return predict_probabilities(network, image, config)

    return Run(segment, noise, torch.zeros(classes, classes, dtype=torch.int64, device=device))


def measure(settings: Settings) -> dict[str, dict[str, dict[str, float]]]:
    """The numbers named in ``LABELS``, and with files in ``FILE_LABELS``: network -> mode -> number."""
    runs, results = warmed_up(settings)
    times = time_rounds(runs, settings)
    references = {name: statistics.median(times[name, "whole", "noise"]) for name in REFERENCES}
    for name, mode in runs:
        found, median = results[name][mode], statistics.median(times[name, mode, "noise"])
        found["seconds_per_image"], found["images_per_second"] = median, 1 / median
        found["projected_minutes"] = IMAGES * median / 60
        found |= {f"seconds_ratio_to_{other}": median / value for other, value in references.items()}
        if settings.data:
            median = statistics.median(times[name, mode, "files"])
            found["files_seconds_per_image"], found["files_images_per_second"] = median, 1 / median
            found["files_projected_minutes"] = IMAGES * median / 60
    return results


def warmed_up(settings: Settings) -> tuple[dict[tuple[str, str], Run], dict[str, dict[str, dict[str, float]]]]:
    """All networks in all their modes, each after its first image, and the peak memory of that."""
    device = pick_device(settings.device)
    runs: dict[tuple[str, str], Run] = {}
    results: dict[str, dict[str, dict[str, float]]] = {}
    for name in dict.fromkeys([*settings.presets, BASELINE, *PEERS]):  # each once, in this order
        before = peers.allocated(device)
        network = make_network(name, device, pick_precision(settings.precision, device))
        resident = sum(value.nbytes for value in network.state_dict().values())
        results[name] = {}
        for mode in dict.fromkeys(("whole", *(settings.modes if name in settings.presets else ()))):
            run = runs[name, mode] = make_run(network, mode, settings)
            results[name][mode] = {"peak_mb": peers.peak_megabytes(run.on_noise, device, before, resident)}
    return runs, results


def time_rounds(runs: dict[tuple[str, str], Run], settings: Settings) -> dict[tuple[str, str, str], list[float]]:
    """Seconds of an image of noise and of one from a file: (network, mode, "noise" or "files") -> one a round."""
    device = pick_device(settings.device)
    times: dict[tuple[str, str, str], list[float]] = defaultdict(list)
    if settings.data:
        frames = feeding.Frames(open_val_frames(settings), (settings.height, settings.width))
        batches = feeding.image_batches(frames, settings.workers)
    for _ in range(settings.rounds):
        for key, run in runs.items():  # in turn, so that a busy moment of the machine hits all
            times[(*key, "noise")].append(peers.seconds(run.on_noise, 1, device))
            if settings.data:
                times[(*key, "files")].append(feeding.batch_seconds(run.on_image, batches, settings.workers, 1, device))
    return times


def open_val_frames(settings: Settings) -> SegmentationDataset:
    """The val split of the folder."""
    return feeding.open_frames(settings.data, "val", None, PRESETS[BASELINE].model.num_classes)


def print_table(results: dict[str, dict[str, dict[str, float]]]) -> None:
    print(f"{'':37}{'one image':>13}{'peak':>10}{'500 images':>12}    time against, on the whole image:")
    print(f"{'':37}{'measured':>13}{'measured':>10}{'projected':>12}    {'   '.join(REFERENCES)}")
    for name, modes in results.items():
        for mode, r in modes.items():
            against = peers.ratios(r, "seconds")
            print(
                f"{name:26}{mode:11}{1e3 * r['seconds_per_image']:10.1f} ms{r['peak_mb'] / 1e3:7.2f} GB"
                f"{r['projected_minutes']:8.1f} min    {against[0]:16}{against[1]}"
            )


def print_files(results: dict[str, dict[str, dict[str, float]]], settings: Settings) -> None:
    print(f"\nFrom the PNG files of {settings.data}, {settings.workers} loading processes:")
    print(f"{'':37}{'one image':>13}{'images/s':>10}{'500 images':>12}")
    for name, modes in results.items():
        for mode, r in modes.items():
            print(
                f"{name:26}{mode:11}{1e3 * r['files_seconds_per_image']:10.1f} ms{r['files_images_per_second']:10.2f}"
                f"{r['files_projected_minutes']:8.1f} min"
            )


def parse(arguments: list[str]) -> argparse.Namespace:
    parser = peers.make_parser(__doc__, [BASELINE, "r101-acf-sum", "r101-aspp-acf"])
    parser.add_argument("--modes", nargs="+", choices=MODES, default=MODES, metavar="MODE")
    parser.add_argument("--height", type=int, help="of the image (default: 1024; CPU 64)")
    parser.add_argument("--width", type=int, help="of the image (default: twice the height)")
    parser.add_argument("--workers", type=int, default=0, help="loading processes (default: 0, as in evaluation)")
    return parser.parse_args(arguments)


def settings_of(given: argparse.Namespace) -> Settings:
    """What the flags say, with the defaults of the device."""
    device = pick_device(given.device)
    cpu = device.type == "cpu"
    height = given.height or (64 if cpu else 1024)
    return Settings(
        presets=tuple(given.presets),
        modes=tuple(given.modes),
        height=height,
        width=given.width or 2 * height,
        device=str(device),
        precision=pick_precision(given.precision, device),
        rounds=given.rounds or (3 if cpu else 5),
        data=feeding.folder_of(given, "val"),
        workers=given.workers,
    )


def main() -> None:
    given = parse(sys.argv[1:])
    settings = settings_of(given)
    peers.use_device(pick_device(given.device), given.threads, given.cudnn_benchmark)
    labels, content = dict(LABELS), {}
    results = measure(settings)
    print_table(results)
    if settings.data:
        labels |= FILE_LABELS
        content["files"] = feeding.describe(open_val_frames(settings))
        print_files(results, settings)
    peers.write_results(given, "inference.py", vars(settings), labels, **content, results=results)


if __name__ == "__main__":
    main()
