"""``acflib doctor`` on Cityscapes folders with one thing wrong."""

import shutil

import numpy as np
import pytest
from PIL import Image

from acflib.cli import doctor_cityscapes
from acflib.cli import parser as cli
from acflib.cli.doctor import check_data
from acflib.cli.doctor_cityscapes import CITIES
from acflib.datasets.labels import TRAIN_ID_OF_ID
from acflib.datasets.streets import write_streets

SMALL_CITIES = {
    "train": {"aachen": 2, "bochum": 1},
    "val": {"lindau": 1, "munster": 1},
    "test": {"berlin": 2},
}


def save(array, path):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(array).save(path)


@pytest.fixture
def whole(tmp_path, monkeypatch):
    """A folder that is all of Cityscapes, where Cityscapes has seven images of 64 x 32."""
    monkeypatch.setattr(doctor_cityscapes, "CITIES", SMALL_CITIES)
    monkeypatch.setattr(doctor_cityscapes, "SIZE", (64, 32))
    root = tmp_path / "cityscapes"
    for split, cities in SMALL_CITIES.items():
        for city, count in cities.items():
            for k in range(count):
                random = np.random.default_rng(k)
                name = f"{split}/{city}/{city}_{k:06d}_000019"
                ids = random.integers(0, 34, (32, 64), dtype=np.uint8)
                image = random.integers(0, 256, (32, 64, 3), dtype=np.uint8)
                save(image, root / "leftImg8bit" / f"{name}_leftImg8bit.png")
                save(ids, root / "gtFine" / f"{name}_gtFine_labelIds.png")
                save(image, root / "gtFine" / f"{name}_gtFine_color.png")
    return root


def write_train_ids(root):
    for path in sorted((root / "gtFine").rglob("*_labelIds.png")):
        ids = np.asarray(Image.open(path))
        save(TRAIN_ID_OF_ID[ids], path.with_name(path.name.replace("labelIds", "labelTrainIds")))


def faults(root, **settings):
    """Text and mend of all that is wrong."""
    return [f"{f.text} -> {f.mend}" for f in check_data(root, **settings) if f.ok is False]


def said(root, **settings):
    return "\n".join(str(finding) for finding in check_data(root, **settings))


def test_official_counts():
    """2975, 500 and 1525 images with fine annotations, in 18, 3 and 6 cities."""
    totals = {split: (len(cities), sum(cities.values())) for split, cities in CITIES.items()}
    assert totals == {"train": (18, 2975), "val": (3, 500), "test": (6, 1525)}


def test_a_whole_folder_has_no_faults(whole):
    assert faults(whole) == []
    text = said(whole)
    for line in (
        "train: 3 images, 2 cities, all of Cityscapes",
        "train: 3 frames, Cityscapes at",
        "train: 3 frames read whole, size 64x32",
        "train: labels are read from *_gtFine_labelIds.png",
        "test: 2 images read whole",
        "disk: ",
    ):
        assert f"[OK]   {line}" in text


def test_missing_images_are_named_by_city(whole):
    for path in whole.rglob("aachen_000001_*"):
        path.unlink()
    shutil.rmtree(whole / "leftImg8bit" / "train" / "bochum")
    shutil.rmtree(whole / "gtFine" / "train" / "bochum")
    (fault,) = faults(whole)
    assert "train: 1 images where Cityscapes has 3 (aachen 1 of 2, bochum 0 of 1)" in fault
    assert "unpack leftImg8bit_trainvaltest.zip again" in fault
    assert faults(whole, subset=True) == []
    assert "[--]   train: 1 images where Cityscapes has 3" in said(whole, subset=True)


def test_images_that_cityscapes_does_not_have(whole):
    for top in ("leftImg8bit", "gtFine"):
        folder = whole / top / "val"
        shutil.copytree(folder / "lindau", folder / "atlantis")
        for path in (folder / "atlantis").iterdir():
            path.rename(path.with_name(path.name.replace("lindau", "atlantis")))
    (fault,) = faults(whole)
    assert "val: 3 images where Cityscapes has 2 (atlantis is no city of it)" in fault


def test_missing_labels(whole):
    next((whole / "gtFine").rglob("aachen_000001*_labelIds.png")).unlink()
    (fault,) = faults(whole)
    assert "aachen_000001_000019_leftImg8bit.png: image without labels" in fault


@pytest.mark.parametrize("deep", ["leftImg8bit_trainvaltest/leftImg8bit", "leftImg8bit/leftImg8bit"])
def test_an_extra_folder_level(whole, deep):
    (whole / "leftImg8bit").rename(whole / "moved")
    (whole / deep).parent.mkdir()
    (whole / "moved").rename(whole / deep)
    fault = faults(whole)[0]
    assert f"{whole / deep}: one folder too deep -> move" in fault and str(whole / "leftImg8bit") in fault


def test_coarse_labels_instead_of_fine_ones(whole):
    (whole / "gtFine").rename(whole / "gtCoarse")
    fault = faults(whole)[0]
    assert "coarse labels (gtCoarse) and no fine ones" in fault and "gtFine_trainvaltest.zip" in fault


def test_a_missing_folder(whole):
    shutil.rmtree(whole / "gtFine")
    assert f"{whole / 'gtFine'}: does not exist -> unpack gtFine_trainvaltest.zip" in faults(whole)[0]


@pytest.mark.parametrize(
    "target, problem",
    [
        ("leftImg8bit/train/aachen/aachen_000000_000019_gtFine_labelIds.png", "no file of leftImg8bit"),
        ("gtFine/train/aachen/aachen_000009_000019_gtCoarse_labelIds.png", "no file of gtFine"),
        ("gtFine/train/aachen/aachen_000000_000019_leftImg8bit.png", "no file of gtFine"),
        ("leftImg8bit/train/aachen_000009_000019_leftImg8bit.png", "not in leftImg8bit/SPLIT/CITY"),
        ("leftImg8bit/training/aachen/aachen_000009_000019_leftImg8bit.png", "not in leftImg8bit/SPLIT/CITY"),
        ("gtFine/train/a/aachen/aachen_000009_000019_gtFine_labelIds.png", "not in gtFine/SPLIT/CITY"),
        ("gtFine/train/bochum/aachen_000009_000019_gtFine_labelIds.png", "not in gtFine/SPLIT/CITY"),
    ],
)
def test_misplaced_files(whole, target, problem):
    save(np.zeros((32, 64), np.uint8), whole / target)
    found = [fault for fault in faults(whole) if f"{whole / target}: {problem}" in fault]
    assert len(found) == 1 and "(1 in all)" in found[0]


def test_files_of_other_downloads_and_tools_are_no_fault(whole):
    picture = np.zeros((32, 64), np.uint8)
    save(picture, whole / "leftImg8bit/train_extra/erlangen/erlangen_000000_000000_leftImg8bit.png")
    save(picture, whole / "gtFine/cityscapes_panoptic_val/lindau_000000_000019_gtFine_panoptic.png")
    assert faults(whole) == []


def test_label_ids_and_train_ids(whole):
    write_train_ids(whole)
    assert faults(whole) == []
    assert "[OK]   train: *_gtFine_labelIds.png and *_gtFine_labelTrainIds.png agree in 3 frames" in said(whole)
    path = next((whole / "gtFine").rglob("bochum_000000_*labelTrainIds.png"))
    train_ids = np.array(Image.open(path))
    train_ids[0, 0] = (train_ids[0, 0] + 1) % 19
    save(train_ids, path)
    (fault,) = faults(whole)
    assert f"{path}: does not follow from its *_gtFine_labelIds.png (1 of 3 compared)" in fault
    path.unlink()
    assert faults(whole) == []
    assert "[--]   train: 2 of 3 frames have a *_gtFine_labelTrainIds.png" in said(whole)


def test_a_damaged_ids_file_beside_train_ids(whole):
    write_train_ids(whole)
    path = next((whole / "gtFine").rglob("bochum_000000_*labelIds.png"))
    path.write_bytes(b"no picture")
    (fault,) = faults(whole)
    assert path.name in fault and "cannot be read" in fault


def test_wrong_size(whole, monkeypatch):
    monkeypatch.setattr(doctor_cityscapes, "SIZE", (2048, 1024))
    found = faults(whole)
    assert len(found) == 3 and "train: 3 of 3 images are not 2048x1024, such as" in found[0] and "64x32" in found[0]
    assert faults(whole, subset=True) == []


@pytest.mark.parametrize("place", [0.3, 0.6, 0.99])
@pytest.mark.parametrize("split", ["train", "test"])
def test_one_wrong_byte_in_a_picture(whole, split, place):
    """A PNG holds checksums of its pixels; reading to the end compares them."""
    path = sorted((whole / "leftImg8bit" / split).rglob("*.png"))[0]
    content = bytearray(path.read_bytes())
    content[int(place * (len(content) - 20))] ^= 1
    path.write_bytes(content)
    (fault,) = faults(whole)
    assert path.name in fault and "cannot be read as a picture" in fault


def test_streets_are_not_compared_with_cityscapes(tmp_path):
    root = write_streets(tmp_path / "streets", width=64, height=32, train=2, val=1, test=1, progress=False)
    assert "Cityscapes" not in said(root).replace("Streets at", "") and faults(root) == []


def test_command_line(whole, capsys):
    assert cli.main(["doctor", "--data", str(whole), "--preset", "tiny-acf-sum", "--device", "cpu"]) == 0
    printed = capsys.readouterr().out
    assert "tiny-acf-sum on this CPU" in printed and "all of Cityscapes" in printed
    assert cli.main(["doctor", "--preset", "nothing"]) == 2
    assert "--preset nothing is unknown; choose one of r101-baseline" in capsys.readouterr().err
    shutil.rmtree(whole / "leftImg8bit" / "train" / "bochum")
    shutil.rmtree(whole / "gtFine" / "train" / "bochum")
    assert cli.main(["doctor", "--data", str(whole)]) == 1
    assert cli.main(["doctor", "--data", str(whole), "--subset"]) == 0
