"""``acflib data streets`` and ``acflib data cache``: make data, and keep it decoded."""

import argparse
from dataclasses import dataclass

from acflib.cli.common import DATA, require
from acflib.datasets import open_dataset
from acflib.datasets.cache import build_cache
from acflib.datasets.streets import write_streets
from acflib.datasets.streets.color import PALETTE
from acflib.options import from_flags, option


@dataclass(frozen=True)
class StreetsConfig:
    """``acflib data streets``: write the generated street scenes."""

    out: str = option("data/streets-128x64", "folder to write")
    train: int = option(200, "scenes in the train split")
    val: int = option(100, "scenes in the val split")
    test: int = option(100, "scenes in the test split")
    seed: int = option(0, "another seed gives other scenes")
    palette: str = option(PALETTE, "colors of an image: own hue of each class, turned by one angle of hue, or fixed")
    crowded: bool = option(False, "most classes in most images")


@dataclass(frozen=True)
class CacheConfig:
    """``acflib data cache``: a split, decoded, in memory-mapped files."""

    data: str = option("", "data folder")
    split: str = option("train", "part of the data to cache")
    out: str = option("data/cache", "folder for the caches, one subfolder a split")
    verify: bool = option(False, "read everything back and compare the checksums")


def run_streets(given: argparse.Namespace) -> int:
    """``acflib data streets``."""
    config = from_flags(StreetsConfig(), given)
    width, height = given.size
    write_streets(
        config.out, width, height, config.train, config.val, config.test, config.seed, palette=config.palette,
        crowded=config.crowded,
    )  # fmt: skip
    print(f"Streets {width}x{height} is in {config.out}")
    return 0


def run_cache(given: argparse.Namespace) -> int:
    """``acflib data cache``."""
    config = from_flags(CacheConfig(), given)
    require(config.data, "--data", DATA)
    cached = build_cache(open_dataset(config.data, config.split), config.out)
    if config.verify:
        cached.verify()
    print(f"{len(cached)} frames are in {config.out}; train with --cache {config.out}")
    return 0
