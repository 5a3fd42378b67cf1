"""The generated folder that looks like Cityscapes: its names, its files, and what it refuses to write into."""

import numpy as np
import pytest
from PIL import Image

from acflib.datasets import Cityscapes, open_dataset
from acflib.errors import DataError
from benchmarks.full_size_folder import write_full_size


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A generated folder, 256x128."""
    data = tmp_path_factory.mktemp("generated") / "cityscapes"
    return write_full_size(data, train=4, val=2, test=1, distinct=2, width=256, progress=False)


def test_full_size_files_are_as_large_as_real_ones(tmp_path):
    data = write_full_size(tmp_path / "data", train=2, val=0, distinct=1, progress=False)
    images = [frame.image for frame in open_dataset(data, "train").frames]
    assert [path.name for path in images] == [
        "aachen_000000_000019_leftImg8bit.png",
        "bochum_000001_000019_leftImg8bit.png",
    ]
    for path in images:
        assert Image.open(path).size == (2048, 1024) and path.stat().st_size >= 2e6


def test_generated_folder_has_the_files_of_cityscapes(folder):
    """Those that acflib and the official evaluator read, of all splits."""
    for split, count in {"train": 4, "val": 2, "test": 1}.items():
        frames = open_dataset(folder, split).frames
        assert len(frames) == count and isinstance(open_dataset(folder, split), Cityscapes)
        for frame in frames:
            labels = folder / "gtFine" / split / frame.name.split("_")[0] / f"{frame.name}_gtFine_labelIds.png"
            instances = np.asarray(Image.open(str(labels).replace("labelIds", "instanceIds"))).astype(int)
            ids = np.asarray(Image.open(labels)).astype(int)
            assert np.array_equal(np.where(instances < 1000, instances, instances // 1000), ids)


def test_nothing_is_generated_into_a_folder_of_others(folder, tmp_path):
    write_full_size(folder, train=4, val=2, distinct=2, width=256, progress=False)  # its own: again
    real = tmp_path / "cityscapes"
    (real / "leftImg8bit").mkdir(parents=True)
    with pytest.raises(DataError, match="were not generated here"):
        write_full_size(real, train=1, val=0, width=256, progress=False)
    assert [path.name for path in real.rglob("*")] == ["leftImg8bit"]
    (tmp_path / "older").mkdir()
    (tmp_path / "older" / "GENERATED.txt").write_text("by an older version")
    with pytest.raises(DataError, match="another version of Streets"):
        write_full_size(tmp_path / "older", train=1, val=0, width=256, progress=False)
