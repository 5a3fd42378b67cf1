"""Streets: the layout on disk, determinism, and the property it is designed for."""

import hashlib

import numpy as np
import pytest
from cityscapesscripts.helpers import labels as official
from PIL import Image
from sklearn.linear_model import LogisticRegression

from acflib.datasets import Cityscapes, Streets, open_dataset
from acflib.datasets.labels import CITYSCAPES_CLASSES
from acflib.datasets.streets import folder as module
from acflib.datasets.streets import render_street, write_streets
from acflib.datasets.streets.paint import Canvas
from acflib.datasets.streets.plan import Dice
from acflib.datasets.streets.scene import draw_scene, paint_scene
from acflib.datasets.streets.weather import Weather
from acflib.errors import ConfigError
from tests.datasets.streets.test_streets_folder import small

# sha256 of the label ids and instance ids of a scene, rendered at 128x64 and at 256x128. They must not change from
# machine to machine; whoever changes the scenes on purpose sets new ones and raises GENERATOR_VERSION.
CHECKSUMS: dict[int | tuple[int, ...], tuple[str, str]] = {
    0: (
        "6a77646335c82d8763965b90b95b3e06857ad895c8cb4b9f961bae2f78728e87",
        "e617cc6863e3dceeb22fac72dc4d7963d86c3255f3281a4f0be13c79d1900ce6",
    ),
    1: (
        "437ec4c0adeae28753ce3477746f2dbda7984ddf5bfd5cda2cf1302da8eae064",
        "29637ea7b4436d6577301b574a7c01c7c21b16042d9d43c5b43d87a045d768ad",
    ),
    (0, 0, 5): (
        "2a1a2843f78670cc7ec08d3802c23f768b3dcd03141524f94bb07072fb52db6e",
        "1b529883a56c22292b19f21f34f8ef207316263fa939c52f89f1bca64c6e0271",
    ),
    (0, 1, 3): (
        "027342039aabfe7366b1f3953a753b4988d8371ab6787b688d3e449b1633e452",
        "42bff0a52141eca325b7daf3ea553a454727604dc0e676990d9c37705a91968d",
    ),
    (7, 2, 11): (
        "f21c2583b54dd6b427c0908f0cca7c7b5e9ffcb0c0b7fa51d47ba8683d6d21d2",
        "23ca2a6a5074a2c8f1edb4e00be1f2d6fde8ba4f2116ae217ebbcfc3c0227ad5",
    ),
}


@pytest.fixture(scope="module")
def train(streets):
    dataset = Streets(streets, "train")
    images = np.stack([dataset.load_image(index) for index in range(len(dataset))])
    labels = np.stack([dataset.load_labels(index) for index in range(len(dataset))])
    return images, labels


@pytest.mark.parametrize("size", [0, 1], ids=["128x64", "256x128"])
@pytest.mark.parametrize("seed", CHECKSUMS, ids=str)
def test_label_maps_are_the_same_everywhere(seed, size):
    street = render_street(seed, *((128, 64), (256, 128))[size])
    content = street.label_ids.tobytes() + street.instance_ids.astype("<u2").tobytes()
    assert hashlib.sha256(content).hexdigest() == CHECKSUMS[seed][size]


def test_decisions_come_from_raw_bits_alone():
    """NumPy promises to keep the raw bits of a generator, and not what its methods make of them."""
    expected = render_street(3)
    raw = np.random.default_rng(np.random.SeedSequence(3).spawn(1)[0])

    class RawBits:
        bit_generator = raw.bit_generator

    canvas = Canvas(128 * 3, 64 * 3)
    paint_scene(draw_scene(RawBits()), Weather("overcast"), canvas)
    assert np.array_equal(canvas.labels[1::3, 1::3], expected.label_ids)


def test_weighted_dice():
    class Fixed(Dice):
        def __init__(self, value: float) -> None:
            self.value = value

        def roll(self) -> float:
            return self.value

    weights = {"a": 0.25, "b": 0.5, "c": 0.25}
    assert [Fixed(value).weighted(weights) for value in (0.0, 0.24, 0.25, 0.74, 0.75, 0.9999999)] == list("aabbcc")


def test_same_seed_same_street():
    first, second, other = render_street((1, 2, 3)), render_street((1, 2, 3)), render_street((1, 2, 4))
    assert np.array_equal(first.image, second.image)
    assert np.array_equal(first.label_ids, second.label_ids)
    assert np.array_equal(first.instance_ids, second.instance_ids)
    assert not np.array_equal(first.label_ids, other.label_ids)


def test_shapes_and_types():
    street = render_street(0, 256, 128)
    assert (street.image.shape, street.image.dtype) == ((128, 256, 3), np.uint8)
    assert (street.label_ids.shape, street.label_ids.dtype) == ((128, 256), np.uint8)
    assert (street.instance_ids.shape, street.instance_ids.dtype) == ((128, 256), np.uint16)


@pytest.mark.parametrize("seed", range(4))
def test_same_scene_at_any_size(seed):
    """Every pixel of the small label map is found among the few large pixels around its center."""
    small, large = render_street(seed, 128, 64), render_street(seed, 1024, 512)  # large: without oversampling
    blocks = large.label_ids.reshape(64, 8, 128, 8)[:, 3:5, :, 3:5]  # the four pixels around the center
    assert (small.label_ids[:, None, :, None] == blocks).any(axis=(1, 3)).mean() > 0.99
    shrunk = large.image.reshape(64, 8, 128, 8, 3).mean(axis=(1, 3))
    assert np.abs(shrunk - small.image).mean() < 8


def test_labels_do_not_depend_on_oversampling(monkeypatch):
    street = render_street(5, 128, 64)
    monkeypatch.setattr(module, "MAX_OVERSAMPLED_WIDTH", 0)
    assert np.array_equal(render_street(5, 128, 64).label_ids, street.label_ids)


def test_instance_ids_are_written_as_by_the_official_tools():
    for seed in range(10):
        street = render_street(seed)
        things = street.instance_ids >= 1000
        assert np.array_equal(np.where(things, street.instance_ids // 1000, street.instance_ids), street.label_ids)
        assert all(official.id2label[i].hasInstances for i in np.unique(street.label_ids[things]))
        assert not any(official.id2label[i].hasInstances for i in np.unique(street.label_ids[~things]))


@pytest.mark.parametrize("size", [(128, 128), (100, 64), (32, 16), (0, 0)])
def test_odd_sizes_are_refused(size):
    with pytest.raises(ConfigError, match=f"size {size[0]}x{size[1]}: .* twice as wide as high.*Try"):
        render_street(0, *size)


def test_layout_on_disk(tmp_path):
    root = small(tmp_path / "streets")
    names = {path.name.split("_", 1)[1] for path in (root / "gtFine").rglob("*.png")}
    ends = ("labelIds", "labelTrainIds", "color", "instanceIds")
    assert names == {f"{k:06d}_000019_gtFine_{end}.png" for k in (0, 1) for end in ends}
    cities = {split: {p.name for p in (root / "gtFine" / split).iterdir()} for split in ("train", "val", "test")}
    assert not cities["train"] & cities["val"] and not cities["val"] & cities["test"]
    street = render_street((0, 0, 1), 64, 32)
    frame = Streets(root, "train").frames[1]
    base = str(frame.labels).removesuffix("labelTrainIds.png")
    assert np.array_equal(np.array(Image.open(frame.image)), street.image)
    assert np.array_equal(np.array(Image.open(base + "labelIds.png")), street.label_ids)
    assert np.array_equal(np.array(Image.open(base + "instanceIds.png")), street.instance_ids)
    color = Image.open(base + "color.png")
    assert color.mode == "RGBA"
    expected = np.array([(*official.id2label[i].color, 255) for i in range(34)])[street.label_ids]
    assert np.array_equal(np.array(color), expected)


def test_the_real_loader_reads_it(streets):
    for split, count in (("train", 200), ("val", 10), ("trainval", 210)):
        real, ours = Cityscapes(streets, split), Streets(streets, split)
        assert len(real) == len(ours) == count
        assert np.array_equal(real.load_labels(2), ours.load_labels(2))
    assert Cityscapes(streets, "test").frames[0].labels is None
    assert Streets(streets, "test")[0][1].shape == (64, 128)
    assert Streets(streets, "train").class_weights is None
    assert type(open_dataset(streets, "val")) is Streets


def test_label_ids_and_label_train_ids_agree(streets, tmp_path):
    """Without the labelTrainIds files the loader maps the 34 ids itself, to the same labels."""
    root = small(tmp_path / "streets")
    before = Streets(root, "train").load_labels(0)
    for path in (root / "gtFine").rglob("*labelTrainIds.png"):
        path.unlink()
    assert np.array_equal(Streets(root, "train").load_labels(0), before)


def test_scenes_do_not_depend_on_the_counts(streets, tmp_path):
    root = write_streets(tmp_path / "few", train=3, val=2, test=0, progress=False)
    for split in ("train", "val"):
        few, many = Streets(root, split), Streets(streets, split)
        by_name = {frame.name: index for index, frame in enumerate(many.frames)}
        for index, frame in enumerate(few.frames):
            assert np.array_equal(few.load_image(index), many.load_image(by_name[frame.name]))


def test_no_class_has_a_fixed_color(train):
    """For every class the mean color varies more than twice as much between images as within one.

    Brightness is taken out: it varies within an image by design (windows, lamps, tires).
    """
    images, labels = train
    for train_id in range(19):
        means, spreads = [], []
        for image, label in zip(images, labels, strict=True):
            pixels = image[label == train_id] / 255.0
            if len(pixels) >= 20:
                chroma = pixels - pixels.mean(axis=1, keepdims=True)
                means.append(chroma.mean(axis=0))
                spreads.append(chroma.var(axis=0).sum())
        assert np.var(means, axis=0).sum() > 2 * np.mean(spreads), CITYSCAPES_CLASSES[train_id]


def mean_iou(guess: np.ndarray, truth: np.ndarray) -> float:
    valid = truth < 19
    hits = [((guess == k) & (truth == k)).sum() for k in range(19)]
    unions = [(((guess == k) & valid) | (truth == k)).sum() for k in range(19)]
    return float(np.mean(np.divide(hits, unions)))


def test_position_alone_says_little(train):
    """Predicting the most frequent class of each position scores far below what a network reaches (40 % and more)."""
    _, labels = train
    counts = np.stack([(labels[:100] == k).sum(axis=0) for k in range(19)])
    assert mean_iou(np.broadcast_to(counts.argmax(axis=0), labels[100:].shape), labels[100:]) < 0.2


def test_color_and_position_say_little(train):
    """Logistic regression on a pixel's color and position, fitted on 100 scenes, scores below 20 % on 100 others."""
    images, labels = train
    rows, columns = np.mgrid[:64, :128] / 128
    position = np.broadcast_to(np.stack([rows, columns], axis=-1), (200, 64, 128, 2))
    pixels = np.concatenate([images / 255, position], axis=-1)  # (200, 64, 128, 5)
    known = labels[:100] < 19
    x, y = pixels[:100][known], labels[:100][known]
    chosen = np.random.default_rng(0).choice(len(x), 20_000, replace=False)
    for weight in (None, "balanced"):
        regression = LogisticRegression(class_weight=weight, max_iter=100, tol=1e-3).fit(x[chosen], y[chosen])
        guess = regression.predict(pixels[100:].reshape(-1, 5)).reshape(100, 64, 128)
        assert mean_iou(guess, labels[100:]) < 0.2
