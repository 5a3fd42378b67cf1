"""Images per second of the training loader, from PNG files and from the cache.

    python benchmarks/loader.py [--workers 0 2] [--out results/benchmarks/loader.json]

Measured is what a training step waits for: whole batches from ``acflib.training.make_loader``, with flip, scale 0.5 to
2, crop 769x769 and normalization. The images are those of ``full_size_folder.py`` or of a real Cityscapes folder
(``--data``). Both sources take turns in the same process, so that a busy moment of the machine hits both; the medians
of the rounds are compared. A round is timed from the start of its workers to its last batch.

The files are few, so the operating system holds all of them in memory: this compares decoding with copying, not disks.
A real train split of 25 GB needs a machine that holds it in memory too, or a disk of a few GB per second.
The exit status does not depend on the times: they are for reading, never for a test.
"""

import argparse
import statistics
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import torch
from full_size_folder import DEFAULT_FOLDER, write_full_size
from peers import command_line

from acflib.datasets import SegmentationDataset, open_dataset
from acflib.datasets.cache import build_cache
from acflib.datasets.transforms import SeededAugmentation, training_transform
from acflib.engine.config import TrainConfig
from acflib.engine.machine import write_result
from acflib.training import make_loader


def round_seconds(config: TrainConfig, dataset: SegmentationDataset) -> float:
    """Seconds for all batches of one loader."""
    start = time.perf_counter()
    for _ in make_loader(config, dataset, 0, torch.device("cpu")):
        pass
    return time.perf_counter() - start


def compare(sources: dict[str, SegmentationDataset], config: TrainConfig, rounds: int) -> dict[str, float]:
    """Images per second of each source, and the ratio."""
    seconds: dict[str, list[float]] = {name: [] for name in sources}
    for dataset in sources.values():
        round_seconds(replace(config, iterations=1), dataset)  # warm up
    for _ in range(rounds):
        for name, dataset in sources.items():
            seconds[name].append(round_seconds(config, dataset))
    images = config.iterations * config.batch_size
    found = {f"{name}_images_per_s": images / statistics.median(times) for name, times in seconds.items()}
    found["ratio"] = found["cache_images_per_s"] / found["png_images_per_s"]
    pairs = zip(seconds["png"], seconds["cache"], strict=True)
    found["smallest_ratio_of_a_round"] = min(png / cache for png, cache in pairs)
    return found


def parts(sources: dict[str, SegmentationDataset], config: TrainConfig, repeats: int) -> dict[str, float]:
    """Where the time goes, in one process: mean milliseconds an image."""
    png, cache = sources["png"], sources["cache"]
    transform = training_transform(config.crop_size, config.scale_range, config.flip_probability)
    pairs = [png[i] for i in range(min(4, len(png)))]
    torch.manual_seed(0)
    return {
        "png_image_ms": mean_ms(lambda i: png.load_image(i % len(png)), repeats),
        "png_labels_ms": mean_ms(lambda i: png.load_labels(i % len(png)), repeats),
        "png_item_ms": mean_ms(lambda i: png[i % len(png)], repeats),
        "cache_item_ms": mean_ms(lambda i: cache[i % len(cache)], repeats),
        "transform_ms": mean_ms(lambda i: transform(*pairs[i % len(pairs)]), 4 * repeats),
    }


def mean_ms(call: Callable[[int], object], repeats: int) -> float:
    """Mean milliseconds of ``call(0)``, ``call(1)``, ..."""
    call(0)
    start = time.perf_counter()
    for i in range(repeats):
        call(i)
    return 1e3 * (time.perf_counter() - start) / repeats


def same_samples(sources: dict[str, SegmentationDataset], config: TrainConfig) -> bool:
    """Whether both sources give the same training samples, bit for bit."""
    transform = training_transform(config.crop_size, config.scale_range, config.flip_probability)
    png, cache = (SeededAugmentation(dataset, transform, config.seed) for dataset in sources.values())
    keys = [(epoch, index) for epoch in range(2) for index in range(min(4, len(png)))]
    return all(torch.equal(a, b) for key in keys for a, b in zip(png[key], cache[key], strict=True))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=DEFAULT_FOLDER, help="Cityscapes; generated if missing")
    parser.add_argument("--cache", type=Path, default=Path("runs/full-size-cache"))
    parser.add_argument("--workers", type=int, nargs="+", default=[0, 2])
    parser.add_argument("--batch-size", type=int, default=8)
    parser.add_argument("--batches", type=int, default=4, help="in each round")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--out", type=Path, help="also write the numbers to this JSON file")
    arguments = parser.parse_args()
    torch.set_num_threads(1)  # as in every loader process
    if not arguments.data.exists():
        write_full_size(arguments.data)
    png = open_dataset(arguments.data, "train")
    sources = {"png": png, "cache": build_cache(png, arguments.cache)}
    size = sum(frame.image.stat().st_size for frame in png.frames) / len(png) / 1e6
    config = TrainConfig(batch_size=arguments.batch_size, iterations=arguments.batches)
    results = {"images": len(png), "mb_per_png": size, "same_samples": same_samples(sources, config)}
    print(f"{len(png)} images, {size:.2f} MB a PNG; same samples from both: {results['same_samples']}")
    results["parts"] = parts(sources, config, 8)
    print("one image:", ", ".join(f"{name} {value:.1f}" for name, value in results["parts"].items()))
    for workers in arguments.workers:
        found = compare(sources, replace(config, workers=workers), arguments.rounds)
        results[f"workers_{workers}"] = found
        rates = f"PNG {found['png_images_per_s']:.1f}, cache {found['cache_images_per_s']:.1f} images/s"
        print(f"{workers} workers: {rates} = {found['ratio']:.1f}x", flush=True)
    if arguments.out:
        settings = {"batch_size": config.batch_size, "batches": config.iterations, "rounds": arguments.rounds}
        write_result(arguments.out, command_line("loader.py"), settings=settings, results=results)


if __name__ == "__main__":
    main()
