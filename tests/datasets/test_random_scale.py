"""RandomScale computes its crop alone; it must be the crop of the whole resized picture."""

import pytest
import torch
from torchvision import tv_tensors
from torchvision.transforms import v2
from torchvision.transforms.v2 import functional as tvf

from acflib.datasets.streets import render_street
from acflib.datasets.transforms import RandomScale

CROP = (65, 97)


@pytest.fixture(scope="module")
def pair():
    street = render_street(3, 256, 128)
    image = tv_tensors.Image(torch.from_numpy(street.image).permute(2, 0, 1).contiguous())
    return image, tv_tensors.Mask(torch.from_numpy(street.label_ids))


def whole_then_crop(image, labels, params):
    """The literal way: torchvision resizes everything, then the rectangle is cut out."""
    size, rectangle = list(params["full"]), [params[name] for name in ("top", "left", "height", "width")]
    image = tvf.resize(image, size, interpolation=v2.InterpolationMode.BILINEAR, antialias=True)
    labels = tvf.resize_image(labels[None], size, interpolation=v2.InterpolationMode.NEAREST_EXACT)[0]
    return tvf.crop_image(image, *rectangle), tvf.crop_image(labels, *rectangle)


def on_an_edge(side, full, start, length):
    """Where the center of a resized pixel lies between two source pixels, so that either is the nearest; (length,)."""
    centers = (torch.arange(start, start + length, dtype=torch.float64) + 0.5) * side / full
    return (centers - centers.round()).abs() < 1e-3


@pytest.mark.parametrize("scale_range", [(0.5, 2.0), (0.3, 0.5), (2.0, 4.0), (1.0, 1.0), (0.5, 0.5)])
@pytest.mark.parametrize("crop_size", [CROP, None])
def test_crop_equals_the_crop_of_the_whole(pair, scale_range, crop_size):
    transform = RandomScale(scale_range, crop_size)
    for _ in range(10):
        params = transform.make_params(list(pair))
        image, labels = (transform.transform(item, params) for item in pair)
        expected_image, expected_labels = whole_then_crop(*pair, params)
        assert image.shape == expected_image.shape and labels.shape == expected_labels.shape
        difference = (image.int() - expected_image.int()).abs()
        assert difference.max() <= 2 and difference.float().mean() < 0.3
        rows = on_an_edge(128, params["full"][0], params["top"], params["height"])
        columns = on_an_edge(256, params["full"][1], params["left"], params["width"])
        assert not (labels != expected_labels)[~rows][:, ~columns].any()


def test_crop_is_everywhere_and_in_the_frame(pair):
    transform = RandomScale((0.5, 2.0), CROP)
    places = []
    for _ in range(200):
        params = transform.make_params(list(pair))
        height, width = params["full"]
        assert params["height"] == min(CROP[0], height) and params["width"] == min(CROP[1], width)
        assert 0 <= params["top"] <= height - params["height"] and 0 <= params["left"] <= width - params["width"]
        if height > CROP[0]:
            places.append(params["top"] / (height - params["height"]))
    assert min(places) < 0.05 and max(places) > 0.95 and abs(sum(places) / len(places) - 0.5) < 0.1


def test_any_memory_format(pair):
    image, labels = pair
    strided = tv_tensors.Image(image.permute(1, 2, 0).contiguous().permute(2, 0, 1))
    transform = RandomScale((0.5, 2.0), CROP)
    params = transform.make_params([image])
    assert torch.equal(transform.transform(strided, params), transform.transform(image, params))
