"""Augmentation keeps image and labels together, and follows from (seed, epoch, index) alone."""

import math

import numpy as np
import pytest
import torch
from torch.utils.data import DataLoader
from torchvision import tv_tensors

from acflib.datasets import Cityscapes
from acflib.datasets.transforms import (
    RandomScale,
    SeededAugmentation,
    class_balance,
    evaluation_transform,
    normalize_image,
    training_transform,
)
from acflib.errors import ConfigError, DataError
from acflib.layers.bases import IMAGENET_MEAN, IMAGENET_STD
from tests.datasets.conftest import save


def pair_from(labels: torch.Tensor, levels: tuple[int, int] = (40, 200)):
    """An image that shows its labels: class 0 dark, class 1 bright."""
    image = torch.tensor(levels, dtype=torch.uint8)[labels.long()].expand(3, *labels.shape)
    return tv_tensors.Image(image.contiguous()), tv_tensors.Mask(labels.to(torch.uint8))


def bright(image: torch.Tensor) -> torch.Tensor:
    """Normalized image -> True where it shows class 1."""
    middle = normalize_image(torch.full((3, 1, 1), 120, dtype=torch.uint8))
    return (image > middle).all(0)


def test_normalize_image():
    image = torch.arange(2 * 3 * 4 * 5, dtype=torch.uint8).reshape(2, 3, 4, 5)
    mean, std = (np.array(v, dtype=np.float64).reshape(3, 1, 1) for v in (IMAGENET_MEAN, IMAGENET_STD))
    expected = torch.from_numpy((image.numpy() / 255 - mean) / std).float()
    torch.testing.assert_close(normalize_image(image), expected)
    for dtype in (torch.uint8, torch.float32, torch.float64):
        given = image.to(dtype)
        found = normalize_image(given)
        assert torch.equal(given, image.to(dtype)) and found.dtype == torch.float32
        torch.testing.assert_close(found, expected)


def test_evaluation_transform_gives_plain_tensors():
    image, labels = evaluation_transform()(*pair_from(torch.zeros(5, 7)))
    assert type(image) is torch.Tensor and type(labels) is torch.Tensor
    assert (image.dtype, labels.dtype) == (torch.float32, torch.int64)
    assert (image.shape, labels.shape) == ((3, 5, 7), (5, 7))


@pytest.mark.parametrize("size", [(64, 128), (48, 40), (100, 300)])
def test_training_transform_shapes(size):
    for _ in range(5):
        image, labels = training_transform(size)(*pair_from(torch.zeros(64, 128)))
        assert type(image) is torch.Tensor and type(labels) is torch.Tensor
        assert (image.dtype, labels.dtype) == (torch.float32, torch.int64)
        assert (image.shape, labels.shape) == ((3, *size), size)


@pytest.mark.parametrize("factor", [0.5, 0.7, 1.3, 1.9, 2.0])
@pytest.mark.parametrize("column", [37, 64, 91])
def test_resized_labels_follow_the_resized_edge(factor, column):
    """A half-plane: where the picture is brighter than midway, the label must be 1, to the pixel."""
    labels = torch.zeros(64, 128)
    labels[:, column:] = 1
    image, labels = RandomScale((factor, factor))(*pair_from(labels))
    assert image.shape[-2:] == labels.shape == (round(64 * factor), round(128 * factor))
    assert set(labels.unique().tolist()) <= {0, 1}
    seen, known = (image[0].float() > 120).sum(1), (labels == 1).sum(1)
    assert (seen - known).abs().max() <= 1  # a pixel whose center lies on the edge may fall either way
    # On average over all sub-pixel positions there is no shift; see the next test.


def test_resized_labels_are_not_shifted():
    """Averaged over many edges, labels and picture agree to a tenth of a pixel. Plain NEAREST is off by a half."""
    shifts = []
    for column in range(20, 108):
        labels = torch.zeros(8, 128)
        labels[:, column:] = 1
        image, labels = RandomScale((1.9, 1.9))(*pair_from(labels))
        exact = ((image[0, 0].float() - 40) / 160).sum()  # width of the bright part with fractions of pixels
        shifts.append((exact - (labels[0] == 1).sum()).item())
    assert abs(np.mean(shifts)) < 0.1


def test_image_and_labels_stay_together():
    """Flip, scale, crop and pad: the picture of a blob and its labels cover the same pixels."""
    labels = torch.zeros(64, 128)
    labels[10:40, 20:50] = 1
    transform = training_transform((56, 96))
    flipped = 0
    for _ in range(40):
        image, labels_out = transform(*pair_from(labels))
        valid = labels_out != 255
        agree = (bright(image) == (labels_out == 1))[valid].float().mean()
        assert agree > 0.96  # what differs is the blurred rim of the blob
        flipped += int((labels_out == 1).any())
    assert flipped > 20


def test_flip_mirrors_both():
    image, labels = pair_from(torch.arange(128).expand(64, 128) // 64)
    out, out_labels = training_transform((64, 128), (1.0, 1.0), flip_probability=1.0)(image, labels)
    assert torch.equal(out, normalize_image(image).flip(-1))
    assert torch.equal(out_labels, labels.long().flip(-1))


def test_scale_is_one_factor_within_the_range():
    sizes = []
    for _ in range(200):
        _, labels = RandomScale((0.5, 2.0))(*pair_from(torch.zeros(64, 128)))
        height, width = labels.shape
        assert 32 <= height <= 128 and abs(width - 2 * height) <= 1
        sizes.append(height / 64)
    assert min(sizes) < 0.6 and max(sizes) > 1.9 and abs(np.mean(sizes) - 1.25) < 0.1


def test_crop_larger_than_the_image_pads():
    """The border is 0 after normalization (the mean color) and 255 in the labels; nothing of the image is lost."""
    image, labels = pair_from(torch.ones(10, 20))
    places = set()
    for _ in range(20):
        out, out_labels = training_transform((16, 24), (1.0, 1.0))(image, labels)
        border = out_labels == 255
        assert border.sum() == 16 * 24 - 10 * 20 and (out_labels[~border] == 1).all()
        assert (out[:, border] == 0).all() and (out[:, ~border] != 0).all()
        places.add(tuple(torch.nonzero(~border)[0].tolist()))
    assert len(places) > 5


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"crop_size": (0, 8)}, "crop_size="),
        ({"crop_size": (8, 8), "scale_range": (0.0, 1.0)}, "scale_range="),
        ({"crop_size": (8, 8), "scale_range": (2.0, 1.0)}, "scale_range="),
        ({"crop_size": (8, 8), "flip_probability": 1.5}, "flip_probability="),
    ],
)
def test_bad_arguments(arguments, message):
    with pytest.raises(ConfigError, match=message):
        training_transform(**arguments)


@pytest.fixture
def augmented(cityscapes):
    return SeededAugmentation(Cityscapes(cityscapes, "trainval"), training_transform((24, 48)), seed=5)


def same(a, b) -> bool:
    return torch.equal(a[0], b[0]) and torch.equal(a[1], b[1])


def test_sample_follows_from_seed_epoch_and_index(augmented):
    first = {(epoch, index): augmented[epoch, index] for epoch in (0, 1) for index in (0, 1, 2)}
    torch.manual_seed(123)
    for key in reversed(first):
        assert same(first[key], augmented[key])
    assert not same(first[0, 0], first[1, 0])
    other = SeededAugmentation(augmented.dataset, augmented.transform, seed=6)
    assert not same(first[0, 0], other[0, 0])
    assert len(augmented) == 3


@pytest.mark.parametrize("workers", [0, 2])
def test_sample_does_not_depend_on_the_worker(augmented, workers):
    keys = [(3, 2), (3, 0), (3, 1), (4, 0)]
    loader = DataLoader(augmented, batch_size=2, sampler=keys, num_workers=workers)
    for batch, pair in zip(loader, (keys[:2], keys[2:]), strict=True):
        for row, key in enumerate(pair):
            assert same((batch[0][row], batch[1][row]), augmented[key])


def test_global_random_state_is_left_alone(augmented):
    torch.manual_seed(7)
    expected = torch.rand(3)
    torch.manual_seed(7)
    augmented[0, 1]
    assert torch.equal(torch.rand(3), expected)


def test_class_balance_by_hand(cityscapes):
    """Half of the valid pixels road, a quarter each sidewalk and bicycle; the ignored ones do not count."""
    dataset = Cityscapes(cityscapes, "val")
    ids = np.zeros((8, 8), dtype=np.uint8)  # unlabeled
    ids[:4], ids[4:6], ids[6] = 7, 8, 33
    ids[5, :], ids[6, :], ids[7, :] = 8, 33, 33
    save(ids, dataset.frames[0].labels)
    shares = [32 / 64, 16 / 64] + 16 * [0.0] + [16 / 64]
    raw = [1 / math.log(1.02 + share) for share in shares]
    expected = [weight / (sum(raw) / 19) for weight in raw]
    assert class_balance(dataset) == pytest.approx(expected)
    ids[4:6] = 0  # now road has 2/3, sidewalk none, bicycle 1/3
    save(ids, dataset.frames[0].labels)
    raw = [1 / math.log(1.02 + share) for share in [32 / 48] + 17 * [0.0] + [16 / 48]]
    assert class_balance(dataset) == pytest.approx([weight / (sum(raw) / 19) for weight in raw])


def test_class_balance_needs_a_class(cityscapes):
    dataset = Cityscapes(cityscapes, "val")
    save(np.zeros((8, 8), dtype=np.uint8), dataset.frames[0].labels)
    with pytest.raises(DataError, match="every pixel of split 'val' is ignored"):
        class_balance(dataset)
