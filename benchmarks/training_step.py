"""Time and memory of an optimizer step of each preset, beside torchvision's networks; with files, of training itself.

    python benchmarks/training_step.py --out results/benchmarks/training_step.json          on a GPU
    python benchmarks/training_step.py --out results/benchmarks/training_step_cpu.json      on a CPU, reduced
    python benchmarks/training_step.py --generate 16 --out ...                              with full-size files too

One iteration is ``acflib.training.optimizer_step``, what training runs: images and labels (noise) from pinned memory to
the device, forward, class-balanced cross entropies at image size, backward, SGD. Peers are torchvision's
deeplabv3_resnet101 and fcn_resnet101 with their auxiliary head, in the same step: same loss, precision, memory format,
batch, optimizer and compile setting. Not included: evaluation, checkpoints, several processes.

With ``--data`` (a Cityscapes folder) or ``--generate`` (one that is made) the same step also trains on batches from
acflib's own loader, which reads, flips, scales and crops full-size PNGs, or with ``--cache`` the decoded copy. The
loader is timed alone too: it has to be faster than the step.

On a GPU the size and the batch are the preset's own (769x769, batch 8). On a CPU they are 97x97 and 2, in float32:
ratios there say something about arithmetic, nothing about a GPU. All networks take turns in one process, round by
round; medians of the rounds are compared. The exit status does not depend on the times: they are for reading, never
for a test. r101-aspp-acf-ob-trainval is left out by default: its step is that of r101-aspp-acf-ob.
"""

import argparse
import statistics
import sys
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path

import cudnn_search
import feeding
import peers
import torch
from peers import BASELINE, PEERS, REFERENCES
from training_case import Case, Settings, make_case

from acflib.datasets import SegmentationDataset
from acflib.engine.config import TrainConfig
from acflib.engine.devices import pick_device, pick_precision
from acflib.engine.presets import PAPER, PRESETS
from acflib.errors import TrainingError

LABELS = {
    "seconds_per_iteration": "measured, median of the rounds",
    "images_per_second": "measured",
    "peak_mb": "measured: most memory at once in an iteration, weights and momentum included, 10**6 bytes",
    "projected_hours": "projected: 40000 iterations of this size on this device, nothing else",
    **{f"seconds_ratio_to_{name}": "measured in the same run" for name in REFERENCES},
    **{f"peak_ratio_to_{name}": "measured in the same run" for name in REFERENCES},
}
FILE_LABELS = {
    "files_seconds_per_iteration": "measured: a step and the wait for its batch from the loader, median of the rounds",
    "files_images_per_second": "measured",
    "files_projected_hours": "projected: 40000 such iterations, without evaluation and checkpoints",
    "loader_images_per_second": "measured: batches of this network's size that nobody trains on, median of the rounds",
    "loader_over_step": "measured: images per second of the loader alone, over those of the step on noise",
}
ITERATIONS = 40_000
Times = dict[tuple, list[float]]  # seconds of each round


def measure(settings: Settings) -> dict[str, dict[str, float]]:
    """The numbers named in ``LABELS`` for every preset, the baseline and the peers; with files, ``FILE_LABELS`` too.

    Raises:
        TrainingError: if a loss is not finite.
    """
    cases, results = warmed_up(settings)
    times = time_rounds(cases, settings)
    for name, found in results.items():
        case = cases[name]
        found["seconds_per_iteration"] = statistics.median(times[name, "noise"])
        found["images_per_second"] = case.config.batch_size / found["seconds_per_iteration"]
        found["projected_hours"] = found["seconds_per_iteration"] * ITERATIONS / 3600
        if settings.data:
            found["files_seconds_per_iteration"] = statistics.median(times[name, "files"])
            found["files_images_per_second"] = case.config.batch_size / found["files_seconds_per_iteration"]
            found["files_projected_hours"] = found["files_seconds_per_iteration"] * ITERATIONS / 3600
            found["loader_images_per_second"] = case.config.batch_size / statistics.median(times[case.feed])
            found["loader_over_step"] = found["loader_images_per_second"] / found["images_per_second"]
    for found in results.values():
        for name in REFERENCES:
            for kind, key in (("seconds", "seconds_per_iteration"), ("peak", "peak_mb")):
                found[f"{kind}_ratio_to_{name}"] = found[key] / results[name][key]
    return results


def warmed_up(settings: Settings) -> tuple[dict[str, Case], dict[str, dict[str, float]]]:
    """All networks, each after its first steps, and their peak memory."""
    device = pick_device(settings.device)
    cases: dict[str, Case] = {}
    results: dict[str, dict[str, float]] = {}
    for name in dict.fromkeys([*settings.presets, BASELINE, *PEERS]):  # each once, in this order
        before = peers.allocated(device)
        case = cases[name] = make_case(name, settings)
        for _ in range(settings.warm_up):
            losses = case.step()
        if not losses.isfinite().all():
            raise TrainingError(f"{name}: a loss is not finite, so its times mean nothing")
        case.optimizer.zero_grad()  # the gradients go, the momentum stays
        results[name] = {"peak_mb": peers.peak_megabytes(case.step, device, before, case.resident)}
        case.optimizer.zero_grad()
    return cases, results


def time_rounds(cases: dict[str, Case], settings: Settings) -> Times:
    """Seconds of an iteration on noise and from files, (name, "noise" or "files"), and of a loader's batch alone."""
    device = pick_device(settings.device)
    frames = open_training_frames(settings) if settings.data else None
    times: Times = defaultdict(list)
    for _ in range(settings.rounds):
        for name, case in cases.items():  # in turn, so that a busy moment of the machine hits all
            times[name, "noise"].append(peers.seconds(case.step, settings.iterations, device))
            if frames:
                times[name, "files"].append(time_from_files(case.train_on, case, frames, settings))
            case.optimizer.zero_grad()
        for case in {case.feed: case for case in cases.values()}.values() if frames else ():
            times[case.feed].append(time_from_files(lambda images, labels: None, case, frames, settings))
    return times


def open_training_frames(settings: Settings) -> SegmentationDataset:
    """The train split of the folder."""
    return feeding.open_frames(settings.data, "train", settings.cache, PRESETS[BASELINE].model.num_classes)


def time_from_files(use: Callable, case: Case, frames: SegmentationDataset, settings: Settings) -> float:
    """Seconds of ``use`` and of the wait for its batch, with the loader of a network's training."""
    device = pick_device(settings.device)
    batches = feeding.training_batches(case.config, frames, settings.workers, device)
    return feeding.batch_seconds(use, batches, settings.workers, settings.iterations, device)


def print_table(results: dict[str, dict[str, float]]) -> None:
    print(f"{'':26}{'iteration':>12}{'images/s':>10}{'peak':>10}{'40k iterations':>16}    {'time and memory against':}")
    print(f"{'':26}{'measured':>12}{'measured':>10}{'measured':>10}{'projected':>16}    {'   '.join(REFERENCES)}")
    for name, r in results.items():
        against = peers.ratios(r, "seconds", "peak")
        print(
            f"{name:26}{1e3 * r['seconds_per_iteration']:9.1f} ms{r['images_per_second']:10.2f}"
            f"{r['peak_mb'] / 1e3:7.2f} GB{r['projected_hours']:14.1f} h    {against[0]:16}{against[1]}"
        )


def print_files(results: dict[str, dict[str, float]], settings: Settings) -> None:
    source = f"the cache {settings.cache}" if settings.cache else f"the PNG files of {settings.data}"
    print(f"\nFrom {source}, {settings.workers} loading processes:")
    print(f"{'':26}{'iteration':>12}{'images/s':>10}{'40k iterations':>16}{'loader alone':>20}{'loader / step':>15}")
    for name, r in results.items():
        print(
            f"{name:26}{1e3 * r['files_seconds_per_iteration']:9.1f} ms{r['files_images_per_second']:10.2f}"
            f"{r['files_projected_hours']:14.1f} h{r['loader_images_per_second']:11.1f} images/s"
            f"{r['loader_over_step']:14.1f}x"
        )


def parse(arguments: list[str]) -> argparse.Namespace:
    parser = peers.make_parser(__doc__, [name for name in PAPER if not name.endswith("trainval")])
    parser.add_argument("--size", type=int, help="height and width of the crops, 8k+1 (default: the preset's; CPU 97)")
    parser.add_argument("--batch", type=int, help="images per iteration (default: the preset's; CPU 2)")
    parser.add_argument("--compile", action=argparse.BooleanOptionalAction, default=False)
    parser.add_argument("--iterations", type=int, help="in a row, per round (default: 10; CPU 1)")
    parser.add_argument("--workers", type=int, help="loading processes (default: 4, as in training; CPU 1)")
    parser.add_argument("--cache", type=Path, help="folder of decoded images; written if missing")
    parser.add_argument(
        "--compare-cudnn-benchmark",
        action=argparse.BooleanOptionalAction,
        default=False,
        help="on a GPU: measure all again in a second process, with --cudnn-benchmark",
    )
    given = parser.parse_args(arguments)
    if given.cache and not (given.data or given.generate):
        parser.error("--cache holds a copy of a folder: give --data or --generate too")
    if given.compare_cudnn_benchmark and (pick_device(given.device).type != "cuda" or given.cudnn_benchmark):
        parser.error("--compare-cudnn-benchmark needs a CUDA GPU, and goes without --cudnn-benchmark")
    return given


def settings_of(given: argparse.Namespace) -> Settings:
    """What the flags say, with the defaults of the device."""
    device = pick_device(given.device)
    cpu = device.type == "cpu"
    return Settings(
        presets=tuple(given.presets),
        size=given.size or (97 if cpu else None),
        batch=given.batch or (2 if cpu else None),
        device=str(device),
        precision=pick_precision(given.precision, device),
        compile=given.compile,
        rounds=given.rounds or (3 if cpu else 5),
        iterations=given.iterations or (1 if cpu else 10),
        warm_up=1 if cpu else 5,
        data=feeding.folder_of(given, "train"),
        cache=given.cache,
        workers=given.workers if given.workers is not None else (1 if cpu else TrainConfig().workers),
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
        content["files"] = feeding.describe(open_training_frames(settings))
        print_files(results, settings)
    peers.write_results(given, "training_step.py", vars(settings), labels, **content, results=results)
    if given.compare_cudnn_benchmark:
        torch.cuda.empty_cache()  # the second process wants the memory
        labels |= cudnn_search.LABELS
        cudnn_search.add_comparison(results, cudnn_search.results_of_second_process(__file__, sys.argv[1:]))
        cudnn_search.print_comparison(results)
        peers.write_results(given, "training_step.py", vars(settings), labels, **content, results=results)


if __name__ == "__main__":
    main()
