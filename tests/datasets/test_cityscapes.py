"""Reading the Cityscapes layout, and an error with a mend for everything that can be wrong in it."""

import numpy as np
import pytest
import torch
from PIL import Image
from torchvision import tv_tensors

from acflib.datasets import Cityscapes, open_dataset
from acflib.datasets.labels import CITYSCAPES_CLASS_WEIGHTS, CITYSCAPES_COLORS, TRAIN_ID_OF_ID
from acflib.errors import DataError
from tests.datasets.conftest import picture, save


def files(root, split="train"):
    """Image and label path of the first frame."""
    frame = Cityscapes(root, split).frames[0]
    return frame.image, frame.labels


def test_reads_the_layout(cityscapes):
    dataset = Cityscapes(cityscapes, "train")
    assert [frame.name for frame in dataset.frames] == ["aachen_000000_000019", "bochum_000001_000019"]
    assert (len(dataset), dataset.num_classes, dataset.split) == (2, 19, "train")
    assert dataset.class_weights == CITYSCAPES_CLASS_WEIGHTS
    image, labels = dataset[1]
    assert type(image) is tv_tensors.Image and type(labels) is tv_tensors.Mask
    assert image.shape == (3, 32, 64) and image.dtype == torch.uint8
    assert labels.shape == (32, 64) and labels.dtype == torch.uint8
    assert np.array_equal(image.permute(1, 2, 0).numpy(), picture(1))
    ids = np.random.default_rng(1).integers(0, 34, (32, 64), dtype=np.uint8)
    assert np.array_equal(labels.numpy(), TRAIN_ID_OF_ID[ids])


def test_trainval_joins_both(cityscapes):
    names = [frame.name for frame in Cityscapes(cityscapes, "trainval").frames]
    assert names == ["aachen_000000_000019", "bochum_000001_000019", "lindau_000002_000019"]


def test_train_id_files_are_preferred(cityscapes):
    _, labels = files(cityscapes)
    train_ids = np.full((32, 64), 18, dtype=np.uint8)
    train_ids[0] = 255
    save(train_ids, labels.with_name(labels.name.replace("labelIds", "labelTrainIds")))
    assert np.array_equal(Cityscapes(cityscapes, "train").load_labels(0), train_ids)


def test_test_split_has_images_only(cityscapes):
    dataset = Cityscapes(cityscapes, "test")
    assert dataset.frames[0].labels is None
    assert np.array_equal(dataset.load_image(0), picture(3))
    with pytest.raises(DataError, match="split 'test' has no labels"):
        dataset[0]


def test_open_dataset_picks_cityscapes(cityscapes, tmp_path):
    assert type(open_dataset(cityscapes, "val")) is Cityscapes
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match="empty: no known layout.*Cityscapes.*Streets.*CamVid"):
        open_dataset(tmp_path / "empty", "val")
    with pytest.raises(DataError, match="nowhere: does not exist"):
        open_dataset(tmp_path / "nowhere", "val")


@pytest.mark.parametrize("mode", ["L", "LA", "RGBA", "P", "1"])
def test_any_picture_becomes_rgb(cityscapes, mode):
    image, _ = files(cityscapes)
    Image.fromarray(picture(0)).convert(mode).save(image)
    loaded = Cityscapes(cityscapes, "train").load_image(0)
    assert loaded.shape == (32, 64, 3) and loaded.dtype == np.uint8
    if mode == "RGBA":
        assert np.array_equal(loaded, picture(0))


def test_sixteen_bit_gray_keeps_its_upper_byte(cityscapes):
    image, _ = files(cityscapes)
    gray = np.arange(32 * 64, dtype=np.uint16).reshape(32, 64) * 31
    save(gray, image)
    assert np.array_equal(Cityscapes(cityscapes, "train").load_image(0)[..., 1], gray >> 8)


def test_exif_orientation_is_applied(cityscapes):
    image, _ = files(cityscapes)
    exif = Image.Exif()
    exif[0x0112] = 6  # the camera was turned: rotate by 270 degrees
    Image.fromarray(picture(0)).save(image, exif=exif)
    assert np.array_equal(Cityscapes(cityscapes, "train").load_image(0), np.rot90(picture(0), -1))


def test_missing_root(tmp_path):
    with pytest.raises(DataError, match=r"nowhere: does not exist\. Give the folder that holds leftImg8bit"):
        Cityscapes(tmp_path / "nowhere", "train")


def test_root_is_a_file(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(DataError, match="is a file, not a folder"):
        Cityscapes(tmp_path / "file", "train")


def test_unknown_split(cityscapes):
    with pytest.raises(DataError, match="split='training' is unknown. Choose one of: train, val, trainval, test"):
        Cityscapes(cityscapes, "training")


@pytest.mark.parametrize("folder", ["leftImg8bit", "gtFine"])
def test_missing_split_folder(cityscapes, folder):
    (cityscapes / folder / "val").rename(cityscapes / "elsewhere")
    with pytest.raises(DataError, match=rf"{folder}.val: does not exist. Unpack {folder}_trainvaltest.zip"):
        Cityscapes(cityscapes, "val")


def test_empty_split(cityscapes):
    files(cityscapes, "val")[0].unlink()
    with pytest.raises(DataError, match="val: no .*_leftImg8bit.png in this split. Unpack"):
        Cityscapes(cityscapes, "val")


def test_image_without_labels(cityscapes):
    image, labels = files(cityscapes)
    labels.unlink()
    with pytest.raises(DataError, match=f"{image.name}: image without labels .1 in all.*unpack gtFine") as caught:
        Cityscapes(cityscapes, "train")
    assert labels.name in str(caught.value)


def test_labels_without_image(cityscapes):
    image, labels = files(cityscapes)
    image.unlink()
    with pytest.raises(DataError, match=f"{labels.name}: labels without an image .1 in all.*unpack left") as caught:
        Cityscapes(cityscapes, "train")
    assert image.name in str(caught.value)


def test_sizes_that_differ(cityscapes):
    _, labels = files(cityscapes)
    save(np.zeros((16, 64), dtype=np.uint8), labels)
    with pytest.raises(DataError, match=f"{labels.name}: labels are 64x16, but the image .* is 64x32. Copy both"):
        Cityscapes(cityscapes, "train")[0]


@pytest.mark.parametrize("which", [0, 1], ids=["image", "labels"])
@pytest.mark.parametrize("kept", [0.0, 0.1, 0.6])
def test_truncated_png(cityscapes, which, kept):
    path = files(cityscapes)[which]
    data = path.read_bytes()
    path.write_bytes(data[: int(kept * len(data))])
    with pytest.raises(DataError, match=f"{path.name}: cannot be read as a picture.*again"):
        Cityscapes(cityscapes, "train")[0]


def test_file_that_vanished(cityscapes):
    dataset = Cityscapes(cityscapes, "train")
    dataset.frames[0].image.unlink()
    with pytest.raises(DataError, match="leftImg8bit.png: file is gone"):
        dataset[0]


def test_label_values_outside_the_map(cityscapes):
    _, labels = files(cityscapes)
    values = np.zeros((32, 64), dtype=np.uint8)
    values[3, 5], values[7, 7] = 34, 255
    save(values, labels)
    with pytest.raises(DataError, match=rf"{labels.name}: label values 34, 255 .*known: 0-33\).*mixed up"):
        Cityscapes(cityscapes, "train")[0]


def test_ids_in_a_train_id_file(cityscapes):
    _, labels = files(cityscapes)
    path = save(np.full((32, 64), 26, np.uint8), labels.with_name(labels.name.replace("labelIds", "labelTrainIds")))
    with pytest.raises(DataError, match=rf"{path.name}: label values 26 .*known: 0-18, 255\)"):
        Cityscapes(cityscapes, "train")[0]


def test_palette_labels_are_their_indices(cityscapes):
    _, labels = files(cityscapes)
    ids = np.full((32, 64), 7, dtype=np.uint8)
    painted = Image.fromarray(ids)
    painted.putpalette([value for color in CITYSCAPES_COLORS for value in color])
    painted.save(labels)
    assert Image.open(labels).mode == "P"
    assert (Cityscapes(cityscapes, "train").load_labels(0) == 0).all()


@pytest.mark.parametrize("mode", ["RGB", "RGBA"])
def test_color_picture_given_as_labels(cityscapes, mode):
    _, labels = files(cityscapes)
    Image.fromarray(picture(0)).convert(mode).save(labels)
    with pytest.raises(DataError, match=rf"{labels.name}: .*one id per pixel.*{mode} picture.*_color.png.*Use"):
        Cityscapes(cityscapes, "train")[0]
