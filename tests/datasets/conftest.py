"""Small data folders that the dataset tests read."""

import os
from pathlib import Path

import numpy as np
import pytest
from filelock import FileLock
from PIL import Image

from acflib.datasets.streets import write_streets


def save(array: np.ndarray, path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(array).save(path)
    return path


def picture(seed: int, height: int = 32, width: int = 64) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)


@pytest.fixture
def cityscapes(tmp_path: Path) -> Path:
    """Two train frames and one of val and test, as the archives of Cityscapes unpack."""
    root = tmp_path / "cityscapes"
    frames = [("train", "aachen", 0), ("train", "bochum", 1), ("val", "lindau", 2), ("test", "berlin", 3)]
    for split, city, k in frames:
        name = f"{city}_{k:06d}_000019"
        ids = np.random.default_rng(k).integers(0, 34, (32, 64), dtype=np.uint8)
        save(picture(k), root / "leftImg8bit" / split / city / f"{name}_leftImg8bit.png")
        save(ids, root / "gtFine" / split / city / f"{name}_gtFine_labelIds.png")
    return root


@pytest.fixture
def camvid(tmp_path: Path) -> Path:
    """Two PNG frames of train and one JPEG frame of val, whose list still says PNG."""
    root = tmp_path / "camvid"
    lines: dict[str, list[str]] = {"train": [], "val": []}
    for split, name, suffix in (("train", "b", "png"), ("train", "a", "png"), ("val", "c", "jpg")):
        save(picture(ord(name)), root / split / f"{name}.{suffix}")
        ids = np.random.default_rng(ord(name)).integers(0, 12, (32, 64), dtype=np.uint8)
        save(ids, root / f"{split}annot" / f"{name}.png")
        lines[split].append(f"{split}/{name}.png {split}annot/{name}.png")
    for split, pairs in lines.items():
        (root / f"{split}.txt").write_text("\n".join(pairs) + "\n")
    return root


@pytest.fixture(scope="session")
def streets(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The default set, with 10 and 5 scenes in val and test: tests only read it."""
    return written_once(tmp_path_factory, "streets-few", val=10, test=5)


@pytest.fixture(scope="session")
def all_streets(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The default set as it is: 200, 100 and 100 scenes."""
    return written_once(tmp_path_factory, "streets-all")


def written_once(tmp_path_factory: pytest.TempPathFactory, name: str, **counts: int) -> Path:
    """For all workers of pytest-xdist."""
    here = tmp_path_factory.getbasetemp()
    folder = (here.parent if "PYTEST_XDIST_WORKER" in os.environ else here) / name
    with FileLock(f"{folder}.lock"):
        return write_streets(folder, progress=False, **counts)  # one that is there is kept
