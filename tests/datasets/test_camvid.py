"""Reading the CamVid layout, on a tiny generated folder."""

import numpy as np
import pytest

from acflib.cli import parser as cli
from acflib.datasets import CamVid, open_dataset
from acflib.datasets.labels import CAMVID_TRAIN_IDS
from acflib.errors import DataError
from acflib.predict.pretrained import load_pretrained
from tests.datasets.conftest import picture, save
from tests.runs import flags, tiny_config


def test_reads_the_layout(camvid):
    dataset = CamVid(camvid, "train")
    assert [frame.name for frame in dataset.frames] == ["a", "b"]
    assert dataset.num_classes == len(dataset.colors) == 11 and dataset.class_weights is None
    image, labels = dataset[0]
    assert np.array_equal(image.permute(1, 2, 0).numpy(), picture(ord("a")))
    ids = np.random.default_rng(ord("a")).integers(0, 12, (32, 64), dtype=np.uint8)
    assert np.array_equal(labels.numpy(), CAMVID_TRAIN_IDS[ids])
    assert (labels == 255).any() and not (labels == 11).any()


def test_jpeg_where_the_list_says_png(camvid):
    dataset = CamVid(camvid, "val")
    assert dataset.frames[0].image.name == "c.jpg"
    assert dataset[0][0].shape == (3, 32, 64)


def test_trainval_and_open_dataset(camvid):
    assert len(CamVid(camvid, "trainval")) == 3
    assert type(open_dataset(camvid, "val")) is CamVid


def test_list_written_on_another_computer(camvid):
    (camvid / "val.txt").write_text("/data/SegNet/CamVid/val/c.png /data/SegNet/CamVid/valannot/c.png\n\n")
    assert len(CamVid(camvid, "val")) == 1


def test_missing_root_list_and_split(camvid, tmp_path):
    with pytest.raises(DataError, match="nowhere: does not exist. Give the folder that holds train.txt"):
        CamVid(tmp_path / "nowhere", "train")
    with pytest.raises(DataError, match=r"test.txt: does not exist. It lists pairs"):
        CamVid(camvid, "test")
    with pytest.raises(DataError, match="split='all' is unknown. Choose one of: train"):
        CamVid(camvid, "all")


def test_empty_split(camvid):
    (camvid / "val.txt").write_text("\n")
    with pytest.raises(DataError, match=r"val.txt: the split is empty. List pairs"):
        CamVid(camvid, "val")


def test_line_that_is_no_pair(camvid):
    (camvid / "val.txt").write_text("val/c.png\n")
    with pytest.raises(DataError, match=r"val.txt: line 1 has 1 words. Write an image, a space, its label file"):
        CamVid(camvid, "val")


def test_image_without_labels_and_the_reverse(camvid):
    (camvid / "valannot" / "c.png").unlink()
    with pytest.raises(DataError, match=r"c.png: labels of c.jpg are missing .*val.txt, line 1.*Put them back"):
        CamVid(camvid, "val")
    (camvid / "train" / "b.png").unlink()
    with pytest.raises(DataError, match=r"b.png: image is missing, as .png and as .jpg .*train.txt, line 1.*Put it"):
        CamVid(camvid, "train")


def test_label_value_outside_the_map(camvid):
    path = save(np.full((32, 64), 12, np.uint8), camvid / "valannot" / "c.png")
    with pytest.raises(DataError, match=rf"{path.name}: label values 12 .*known: 0-11\)"):
        CamVid(camvid, "val")[0]


@pytest.mark.parametrize("given", [[], ["--num-classes", "none"]])
def test_a_network_trained_on_it_has_as_many_classes(camvid, tmp_path, given):
    config = tiny_config(camvid, tmp_path / "run", iterations=1, batch_size=2)
    assert cli.main(["train", *flags(config), *given]) == 0
    model = load_pretrained(tmp_path / "run" / "checkpoint.pt")
    assert model.num_classes == model.info["config"]["model"]["num_classes"] == 11
