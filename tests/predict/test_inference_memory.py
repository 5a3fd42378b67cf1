"""Several scales and mirroring in sliding windows: the memory they take, and the result against whole canvases."""

import gc

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from acflib.predict.inference import PAPER_SCALES, InferenceConfig, predict_probabilities, windows

CLASSES = 19
FLOAT = 4  # bytes


class Cheap(nn.Module):
    """A convolution at an eighth of the size and bilinear upsampling: next to no memory of its own."""

    def __init__(self, names=("out",), align_corners=False):
        super().__init__()
        self.align_corners = align_corners
        self.convs = nn.ModuleDict({name: nn.Conv2d(3, CLASSES, 9, stride=8, padding=4) for name in names})
        self.eval()

    def forward(self, x):
        return {
            name: F.interpolate(conv(x), x.shape[-2:], mode="bilinear", align_corners=self.align_corners)
            for name, conv in self.convs.items()
        }


@torch.no_grad()
def full_canvas(model, images, config):
    """The naive way: for every scale and direction all classes of the whole scaled image, then the resize back."""
    found = []
    for scale in config.scales:
        size = [round(side * scale) for side in images.shape[-2:]]
        scaled = F.interpolate(images, size, mode="bilinear", align_corners=model.align_corners)
        for flip in (False, True) if config.flip else (False,):
            image = scaled.flip(3) if flip else scaled
            canvas, count = torch.zeros(len(images), CLASSES, *size), torch.zeros(size)
            for top in windows(size[0], config.window[0], config.overlap):
                for left in windows(size[1], config.window[1], config.overlap):
                    place = (..., slice(top, top + config.window[0]), slice(left, left + config.window[1]))
                    canvas[place] += model(image[place])["out"].softmax(1)
                    count[place] += 1
            canvas = (canvas / count).flip(3) if flip else canvas / count
            found.append(F.interpolate(canvas, images.shape[-2:], mode="bilinear", align_corners=model.align_corners))
    return torch.stack(found).mean(0)


def allocations(run) -> list[int]:
    """Every allocation (positive) and release (negative) of the CPU allocator during ``run()``, in bytes, in order."""
    gc.collect()
    with torch.profiler.profile(activities=[torch.profiler.ProfilerActivity.CPU], profile_memory=True) as profile:
        run()
    events = profile.profiler.kineto_results.events()
    return [event.nbytes() for event in events if event.name() == "[memory]"]


def peak(sizes: list[int]) -> int:
    """Highest number of bytes allocated at once."""
    level = highest = 0
    for size in sizes:
        level += size
        highest = max(highest, level)
    return highest


def check_memory(model, height, width, window):
    """All scales, mirrored: at most one (N, H, W) float32 accumulator more than single-scale windows."""
    images = torch.randn(1, 3, height, width)
    accumulator = CLASSES * height * width * FLOAT
    single = InferenceConfig(window=(window, window))
    multiple = InferenceConfig(window=(window, window), scales=PAPER_SCALES, flip=True)
    reference = peak(allocations(lambda: predict_probabilities(model, images, single)))
    sizes = allocations(lambda: predict_probabilities(model, images, multiple))
    assert reference >= accumulator  # the profiler sees them
    assert peak(sizes) <= reference + accumulator
    canvases = {int(accumulator * scale**2) for scale in PAPER_SCALES if scale != 1}
    assert max(sizes) == accumulator and not canvases & set(sizes)


def test_all_scales_take_one_accumulator_more_at_most():
    check_memory(Cheap(("out", "coarse")), 128, 256, 65)


@pytest.mark.slow
@pytest.mark.parametrize("names", [("out",), ("out", "coarse")])
def test_all_scales_take_one_accumulator_more_at_most_at_full_size(names):
    check_memory(Cheap(names), 1024, 2048, 769)


@pytest.mark.parametrize("align_corners", [False, True])
@pytest.mark.parametrize("flip", [False, True])
@pytest.mark.parametrize(
    "scales, window",
    [
        (PAPER_SCALES, (65, 65)),
        ((0.3, 0.5, 1.7), (40, 500)),  # scaled images lower than the window, less wide, or both
        ((0.4,), (50, 100)),  # a single window that is the whole scaled image
        ((3.0,), (33, 17)),  # enlarged so much that a window reaches few pixels
    ],
)
def test_equals_the_whole_canvas(scales, window, flip, align_corners):
    model, images = Cheap(align_corners=align_corners), torch.randn(2, 3, 61, 130)
    config = InferenceConfig(window=window, scales=scales, flip=flip)
    found = predict_probabilities(model, images, config)["out"]
    torch.testing.assert_close(found, full_canvas(model, images, config), rtol=0, atol=1e-5)


@pytest.mark.slow
@pytest.mark.parametrize("align_corners", [False, True])
def test_equals_the_whole_canvas_at_full_size(align_corners):
    model, images = Cheap(align_corners=align_corners), torch.randn(1, 3, 1024, 2048)
    config = InferenceConfig(window=(769, 769), scales=PAPER_SCALES, flip=True)
    found = predict_probabilities(model, images, config)["out"]
    torch.testing.assert_close(found, full_canvas(model, images, config), rtol=0, atol=1e-5)


def test_windows_of_one_pixel_that_the_resized_image_skips():
    """Halved, every second pixel of the scaled image counts for nothing; its windows must add nothing."""
    model, images = Cheap(), torch.randn(1, 3, 8, 12)
    config = InferenceConfig(window=(1, 1), overlap=0.0, scales=(3.0,))
    found = predict_probabilities(model, images, config)["out"]
    torch.testing.assert_close(found, full_canvas(model, images, config), rtol=0, atol=1e-5)
