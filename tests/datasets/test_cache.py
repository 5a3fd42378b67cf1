"""The cache gives what its source gives, and notices when it no longer does."""

import os
import pickle
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from torch.utils.data import DataLoader

from acflib.datasets import CamVid, Cityscapes, Streets, cache
from acflib.datasets.cache import build_cache, open_cache
from acflib.datasets.streets import write_streets
from acflib.datasets.transforms import SeededAugmentation, class_balance, training_transform
from acflib.errors import DataError
from tests.datasets.conftest import picture, save

pytestmark = pytest.mark.usefixtures("warm_python")


@pytest.fixture(scope="module")
def source(tmp_path_factory) -> Streets:
    root = write_streets(tmp_path_factory.mktemp("few") / "streets", 64, 32, train=6, val=2, test=1, progress=False)
    return Streets(root, "train")


@pytest.fixture(scope="module")
def written(source, tmp_path_factory) -> Path:
    """A cache that tests only read."""
    return build_cache(source, tmp_path_factory.mktemp("cache"), progress=False).folder.parent


@pytest.fixture
def folder(written, tmp_path) -> Path:
    """A copy that tests may damage."""
    return Path(shutil.copytree(written, tmp_path / "copy"))


def flip_bit(path: Path, position: int) -> None:
    data = bytearray(path.read_bytes())
    data[position] ^= 1
    path.write_bytes(data)


@pytest.mark.parametrize("with_source", [True, False])
def test_gives_what_the_source_gives(source, written, with_source):
    cached = open_cache(written, "train", source if with_source else None)
    assert len(cached) == len(source) == 6
    for name in ("split", "frames", "classes", "colors", "class_weights", "num_classes"):
        assert getattr(cached, name) == getattr(source, name)
    for i in range(-1, len(source)):
        assert np.array_equal(cached.load_image(i), source.load_image(i))
        assert np.array_equal(cached.load_labels(i), source.load_labels(i))
        for a, b in zip(cached[i], source[i], strict=True):
            assert type(a) is type(b) and a.dtype == b.dtype and a.stride() == b.stride() and torch.equal(a, b)
    assert class_balance(cached) == class_balance(source)
    assert sum(1 for _ in cached) == 6  # a plain loop ends
    cached.verify(progress=False)


def test_layout_and_cost(source, written):
    sizes = {path.name: path.stat().st_size for path in (written / "train").iterdir()}
    assert sizes["images.u8"] == 6 * 32 * 64 * 3 and sizes["labels.u8"] == 6 * 32 * 64
    assert sizes.keys() == {"images.u8", "labels.u8", "index.json"} and os.listdir(written) == ["train"]
    images = np.fromfile(written / "train" / "images.u8", np.uint8).reshape(6, 3, 32, 64)
    assert np.array_equal(images[4], source[4][0].numpy())


@pytest.mark.parametrize("make", [Cityscapes, CamVid])
def test_other_data_sets(make, tmp_path, request):
    dataset = make(request.getfixturevalue(make.__name__.lower()), "trainval")
    cached = build_cache(dataset, tmp_path / "cache", progress=False)
    assert cached.class_weights == dataset.class_weights
    assert all(torch.equal(a, b) for i in range(3) for a, b in zip(cached[i], dataset[i], strict=True))


def test_a_read_picture_may_be_written_to(written):
    cached = open_cache(written, "train")
    first = cached.load_image(0)
    cached[0][0].zero_()
    assert first.flags.writeable and np.array_equal(cached.load_image(0), first)


@pytest.mark.parametrize("kind", ["images", "labels"])
def test_a_damaged_byte_is_found_and_named(source, folder, kind):
    flip_bit(folder / "train" / f"{kind}.u8", (folder / "train" / f"{kind}.u8").stat().st_size * 3 // 4)  # frame 4
    cached = open_cache(folder, "train", source)
    with pytest.raises(DataError, match=f"{source.frames[4].name} in {kind}.u8. Delete .* build it again: acflib data"):
        cached.verify(progress=False)
    with pytest.raises(DataError, match=f"{kind}.u8: frame {source.frames[4].name} is damaged"):
        cached[4]
    assert torch.equal(cached[3][0], source[3][0])


def test_another_process_was_faster(source, tmp_path, monkeypatch):
    """Two build one cache at once: the second opens what the first has written."""
    real = cache._write

    def slow(dataset, partial, progress):
        real(dataset, partial, progress)
        shutil.copytree(partial, tmp_path / "train")

    monkeypatch.setattr(cache, "_write", slow)
    cached = build_cache(source, tmp_path, progress=False)
    assert torch.equal(cached[3][0], source[3][0])
    assert [path.name for path in tmp_path.iterdir()] == ["train"]


@pytest.mark.parametrize("name", ["images.u8", "labels.u8"])
def test_truncated(folder, name):
    path = folder / "train" / name
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(DataError, match=rf"{name}: has \d+ bytes where \d+ belong. Delete"):
        open_cache(folder, "train")
    path.unlink()
    with pytest.raises(DataError, match=f"{name}: has 0 bytes"):
        open_cache(folder, "train")


@pytest.mark.parametrize("damage", ["{", "[]", '{"format": 1}', '{"format": 1, "root": 3, "frames": 4}', '"x"'])
def test_damaged_index(folder, damage):
    (folder / "train" / "index.json").write_text(damage)
    with pytest.raises(DataError, match="index.json: damaged .* Delete"):
        open_cache(folder, "train")


def test_no_cache_and_other_format(folder):
    with pytest.raises(DataError, match="no cache .index.json is missing.. Build it: acflib data cache"):
        open_cache(folder, "val")
    path = folder / "train" / "index.json"
    path.write_text(path.read_text().replace('"format": 1', '"format": 2'))
    with pytest.raises(DataError, match="has format 2, this acflib reads format 1"):
        open_cache(folder, "train")


def test_changed_source(source, folder, tmp_path):
    root = Path(shutil.copytree(source.root, tmp_path / "streets"))  # keeps the times
    moved = Streets(root, "train")
    assert torch.equal(open_cache(folder, "train", moved)[2][0], source[2][0])  # a moved data folder is fine
    labels = moved.frames[2].labels
    os.utime(labels, ns=(0, labels.stat().st_mtime_ns + 1))
    with pytest.raises(DataError, match=f"{labels.name}: is not the file of which the cache"):
        open_cache(folder, "train", moved)
    with pytest.raises(DataError, match="is not the file"):
        build_cache(moved, folder, progress=False)  # deletes nothing by itself
    labels.unlink()
    with pytest.raises(DataError, match=f"{labels.name}: a source of the cache .* is gone"):
        open_cache(folder, "train", moved)


def test_source_without_labels(source, folder):
    bare = Streets(source.root, "train")
    bare.frames[2] = replace(bare.frames[2], labels=None)
    with pytest.raises(DataError, match=f"{bare.frames[2].image.name}: its labels, a source of the cache .* are gone"):
        open_cache(folder, "train", bare)


def test_cache_of_another_data_set(source, folder, cityscapes):
    other = Cityscapes(cityscapes, "train")
    with pytest.raises(DataError, match="another data set: its class_weights"):
        open_cache(folder, "train", other)
    fewer = Streets(source.root, "train")
    fewer.frames = fewer.frames[:-1]
    with pytest.raises(DataError, match=f"holds 6 frames, .* has 5, .*{source.frames[-1].name}"):
        open_cache(folder, "train", fewer)


def test_too_little_disk(source, tmp_path, monkeypatch):
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=6 * 32 * 64 * 4 - 1))
    with pytest.raises(DataError, match="cache of 6 frames 64x32 needs 0.0 GB in .* are free. Free some space"):
        build_cache(source, tmp_path, progress=False)
    assert not list(tmp_path.iterdir())


def test_cost_is_said_and_building_again_opens(source, tmp_path, capsys):
    images = build_cache(source, tmp_path).folder / "images.u8"
    assert "cache of 6 frames 64x32 needs 0.0 GB in" in capsys.readouterr().err
    before = images.stat().st_mtime_ns
    build_cache(source, tmp_path)
    assert images.stat().st_mtime_ns == before and not capsys.readouterr().out


def test_sizes_that_differ(cityscapes, tmp_path):
    dataset = Cityscapes(cityscapes, "train")
    save(picture(1, 16, 32), dataset.frames[1].image)
    save(np.zeros((16, 32), np.uint8), dataset.frames[1].labels)
    with pytest.raises(DataError, match="are 32x16, but .* is 64x32. A cache needs frames of one size"):
        build_cache(dataset, tmp_path / "cache", progress=False)
    assert not list((tmp_path / "cache").iterdir())


def test_no_labels(cityscapes, tmp_path):
    with pytest.raises(DataError, match="split 'test' has no labels. A cache is for training"):
        build_cache(Cityscapes(cityscapes, "test"), tmp_path, progress=False)


def test_folder_that_cannot_be_written(source, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(DataError, match="writing failed .* choose another folder"):
        build_cache(source, tmp_path / "file", progress=False)


@pytest.mark.parametrize("error", [KeyboardInterrupt, OSError(28, "No space left on device")])
def test_interrupted_writing_leaves_nothing(source, tmp_path, monkeypatch, error):
    def stop(index, load=source.load_labels):
        if index == 3:
            raise error
        return load(index)

    monkeypatch.setattr(source, "load_labels", stop)
    with pytest.raises(KeyboardInterrupt if error is KeyboardInterrupt else DataError):
        build_cache(source, tmp_path, progress=False)
    assert not list(tmp_path.iterdir())


KILLED = """
import os, signal, sys
from acflib.datasets import Streets
from acflib.datasets.cache import build_cache
class Killed(Streets):
    def load_labels(self, index):
        if index == 3:
            os.kill(os.getpid(), signal.SIGKILL)
        return super().load_labels(index)
build_cache(Killed(sys.argv[1], "train"), sys.argv[2], progress=False)
"""


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="no kill -9 on this system")
def test_killed_writing(source, tmp_path):
    """What is left does not open, does not disturb the next run, and goes away once it is surely dead."""
    run = subprocess.run([sys.executable, "-c", KILLED, str(source.root), str(tmp_path)])
    (left,) = tmp_path.iterdir()
    assert run.returncode == -signal.SIGKILL and left.name.startswith(".train.partial-")
    with pytest.raises(DataError, match="no cache"):
        open_cache(tmp_path, "train")
    build_cache(source, tmp_path, progress=False).verify(progress=False)
    assert left.exists()  # it might be another process at work
    for path in (*left.iterdir(), left):
        os.utime(path, (time.time() - 1000,) * 2)
    build_cache(source, tmp_path, progress=False)
    assert os.listdir(tmp_path) == ["train"]


def test_pickles_small(source, tmp_path):
    written = build_cache(source, tmp_path, progress=False)
    written[0]  # opens the maps
    data = pickle.dumps(written)
    assert len(data) < 10_000 + 500 * len(source) < written[0][0].nbytes * len(source)
    copy = pickle.loads(data)
    assert torch.equal(copy[5][1], source[5][1])


@pytest.mark.parametrize("start", ["fork", "spawn"])
def test_seeded_augmentation_is_the_same_through_the_cache(source, written, start):
    if start not in torch.multiprocessing.get_all_start_methods():
        pytest.skip(f"no {start} on this system")
    keys = [(epoch, index) for epoch in (0, 1) for index in (4, 1, 3, 0)]
    transform = training_transform((33, 49))
    expected = SeededAugmentation(source, transform, seed=3)
    cached = SeededAugmentation(open_cache(written, "train", source), transform, seed=3)
    loader = DataLoader(cached, 2, sampler=keys, num_workers=2, multiprocessing_context=start)
    found = [item for batch in loader for item in zip(*batch, strict=True)]
    assert len(found) == len(keys)
    for key, (image, labels) in zip(keys, found, strict=True):
        assert torch.equal(image, expected[key][0]) and torch.equal(labels, expected[key][1])
        assert torch.equal(cached[key][0], image)
