"""Sliding window, several scales and mirroring against loops, with small hand-made networks in float64."""

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from acflib.acfnet import ModelConfig, build_model
from acflib.errors import ConfigError
from acflib.predict.inference import PAPER_SCALES, InferenceConfig, predict_probabilities, windows
from tests.test_bootstrapping import Operations

CLOSE = dict(rtol=0, atol=1e-5)  # probabilities are float32


class Network(nn.Module):
    """One convolution for each result; a 1x1 kernel sees single pixels, a 3x3 kernel also tells left from right."""

    def __init__(self, kernel_size=3, names=("out", "coarse"), align_corners=False):
        super().__init__()
        self.align_corners = align_corners
        self.convs = nn.ModuleDict({n: nn.Conv2d(3, 4, kernel_size, padding=kernel_size // 2) for n in names})
        for parameter in self.parameters():
            nn.init.normal_(parameter)
        self.sizes = []
        self.eval().double()

    def forward(self, x):
        self.sizes.append(tuple(x.shape))
        return {name: conv(x) for name, conv in self.convs.items()}


def images(batch=2, height=13, width=17):
    return torch.randn(batch, 3, height, width, dtype=torch.float64)


def naive_windows(network, image, window, positions):
    """Probabilities of one image (1, 3, H, W): for every pixel the mean over the windows that hold it."""
    _, _, height, width = image.shape
    total, count = torch.zeros(4, height, width), torch.zeros(height, width)
    for top in positions[0]:
        for left in positions[1]:
            part = network(image[:, :, top : top + window[0], left : left + window[1]])["out"].softmax(1)[0]
            for y in range(part.shape[1]):
                for x in range(part.shape[2]):
                    total[:, top + y, left + x] += part[:, y, x]
                    count[top + y, left + x] += 1
    assert (count > 0).all()
    return total / count


def naive_multi_scale(network, image, scales, flip, align_corners):
    """The mean of the probabilities, each at the size of the image (1, 3, H, W) and the right way round."""
    found = []
    for scale in scales:
        size = round(image.shape[2] * scale), round(image.shape[3] * scale)
        scaled = F.interpolate(image, size, mode="bilinear", align_corners=align_corners)
        columns = list(range(size[1]))
        for order in (columns, columns[::-1]) if flip else (columns,):
            probabilities = network(scaled[:, :, :, order])["out"].softmax(1)[:, :, :, order]
            back = F.interpolate(probabilities, image.shape[2:], mode="bilinear", align_corners=align_corners)
            found.append(back)
    return (sum(found) / len(found))[0]


def test_default_is_one_pass_over_the_whole_image():
    network, x = Network(), images()
    found = predict_probabilities(network, x)
    assert network.sizes == [(2, 3, 13, 17)] and set(found) == {"out", "coarse"}
    for name, conv in network.convs.items():
        torch.testing.assert_close(found[name], conv(x).softmax(1).float(), **CLOSE)
        assert not found[name].requires_grad


def test_a_network_without_acf_module_has_no_coarse_result():
    network = Network(names=("out", "aux"))
    assert set(predict_probabilities(network, images())) == {"out"}


@pytest.mark.parametrize("window", [None, (13, 17), (40, 17)])
def test_one_pass_is_a_softmax_alone(window):
    """Nothing is weighed, and nothing is added to an empty sum."""
    network, x = Network(), images()
    with Operations() as operations:
        found = predict_probabilities(network, x, InferenceConfig(window=window))
    assert set(operations.names) <= {"convolution", "_to_copy", "_softmax"} and set(found) == {"out", "coarse"}


@pytest.mark.parametrize("config", [InferenceConfig(), InferenceConfig((16, 24), scales=(0.5, 1.0), flip=True)])
@pytest.mark.parametrize("output", ["out", "coarse"])
def test_what_is_not_asked_for_is_not_computed(config, output):
    """The one result is that of both, bit by bit; the other one is neither brought to image size nor averaged."""
    model = build_model(ModelConfig("tiny", num_classes=4, channels=8, align_corners=False, weights=None)).eval()
    x = torch.randn(1, 3, 32, 48)
    made = []
    for outputs in (("out", "coarse"), (output,)):
        with Operations() as operations:
            found = predict_probabilities(model, x, config, outputs)
        assert tuple(found) == outputs
        made.append((found[output], operations.names.count("upsample_bilinear2d"), operations.names.count("_softmax")))
    (both, resized, softmaxes), (one, resized_one, softmaxes_one) = made
    passes = operations.names.count("_softmax") // 2  # a pass has one of its own, over P_coarse
    assert torch.equal(one, both)
    assert (resized - resized_one, softmaxes - softmaxes_one) == (passes, passes) and passes > 0


@pytest.mark.parametrize("window", [(5, 6), (13, 4), (100, 100)])
@pytest.mark.parametrize("overlap", [0.0, 1 / 3, 0.8])
def test_window_changes_nothing_where_the_network_sees_single_pixels(window, overlap):
    network, x = Network(kernel_size=1), images()
    whole = predict_probabilities(network, x)
    found = predict_probabilities(network, x, InferenceConfig(window=window, overlap=overlap))
    for name in whole:
        torch.testing.assert_close(found[name], whole[name], **CLOSE)


def test_every_pixel_is_the_mean_over_its_windows():
    network, x = Network(), images()
    found = predict_probabilities(network, x, InferenceConfig(window=(6, 8), overlap=0.5))["out"]
    positions = [0, 3, 6, 7], [0, 4, 8, 9]  # by hand, for 13 x 17
    for b in range(2):
        torch.testing.assert_close(found[b], naive_windows(network, x[b : b + 1], (6, 8), positions), **CLOSE)


def test_windows_have_the_size_asked_for():
    network = Network()
    predict_probabilities(network, images(), InferenceConfig(window=(6, 8)))
    assert set(network.sizes) == {(2, 3, 6, 8)}


def test_image_smaller_than_the_window():
    network, x = Network(), images(height=5, width=17)
    found = predict_probabilities(network, x, InferenceConfig(window=(9, 11)))
    assert set(network.sizes) == {(2, 3, 5, 11)}
    assert found["out"].shape == (2, 4, 5, 17)
    small = images(height=5, width=7)
    torch.testing.assert_close(
        predict_probabilities(network, small, InferenceConfig(window=(9, 11)))["out"],
        predict_probabilities(network, small)["out"],
        **CLOSE,
    )


def test_window_positions_by_hand():
    assert windows(10, 4, 0.5) == [0, 2, 4, 6]
    assert windows(11, 4, 0.5) == [0, 2, 4, 6, 7]  # the last one flush with the end
    assert windows(12, 4, 0.0) == [0, 4, 8]
    assert windows(13, 4, 0.0) == [0, 4, 8, 9]
    assert windows(2048, 769, 1 / 3) == [0, 512, 1024, 1279]  # a Cityscapes image at the paper's crop size
    assert windows(4, 4, 0.5) == windows(3, 4, 0.5) == [0]


@pytest.mark.parametrize("overlap", [0.0, 0.1, 1 / 3, 0.5, 0.9, 0.99])
def test_windows_cover_everything_and_overlap_enough(overlap):
    for length in range(1, 40):
        for window in range(1, 12):
            starts = windows(length, window, overlap)
            assert starts[0] == 0 and starts == sorted(set(starts))
            assert starts[-1] + window == length or (length < window and starts == [0])
            for a, b in zip(starts[:-1], starts[1:], strict=True):
                shared = a + window - b
                # Neighbors must move by a pixel at least, so a small window cannot overlap by 99 %.
                assert shared >= min(overlap * window - 1e-9, window - 1)


@pytest.mark.parametrize("align_corners", [False, True])
@pytest.mark.parametrize("flip", [False, True])
@pytest.mark.parametrize("scales", [(1.0,), (0.5, 1.0, 1.7), (2.0,)])
def test_scales_and_flip_equal_loops_over_single_images(scales, flip, align_corners):
    network, x = Network(align_corners=align_corners), images()
    found = predict_probabilities(network, x, InferenceConfig(scales=scales, flip=flip))["out"]
    for b in range(2):
        expected = naive_multi_scale(network, x[b : b + 1], scales, flip, align_corners)
        torch.testing.assert_close(found[b], expected.float(), **CLOSE)


def test_scales_flip_and_windows_together():
    network, x = Network(), images()
    config = InferenceConfig(window=(6, 8), overlap=0.5, scales=(1.0,), flip=True)
    found = predict_probabilities(network, x, config)["out"]
    positions = [0, 3, 6, 7], [0, 4, 8, 9]
    for b in range(2):
        plain = naive_windows(network, x[b : b + 1], (6, 8), positions)
        mirrored = naive_windows(network, x[b : b + 1].flip(3), (6, 8), positions).flip(2)
        torch.testing.assert_close(found[b], (plain + mirrored) / 2, **CLOSE)


def test_known_public_bug_flip_is_left_to_right():
    """Upright images are mirrored along their width. A network that looks to the right tells the two axes apart."""
    network, x = Network(kernel_size=3), images(batch=1)
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.zero_()
        network.convs["out"].weight[0, 0, 1, 2] = 1.0  # logit of class 0 = red of the pixel to the right
    found = predict_probabilities(network, x, InferenceConfig(flip=True))["out"]
    right, left = F.pad(x[:, :1], (0, 1, 0, 0))[..., 1:], F.pad(x[:, :1], (1, 0, 0, 0))[..., :-1]
    others = torch.zeros(1, 3, 13, 17, dtype=torch.float64)
    expected = sum(torch.cat([red, others], dim=1).softmax(1) for red in (right, left)) / 2
    torch.testing.assert_close(found, expected.float(), **CLOSE)


def test_known_public_bug_scaled_results_come_back_to_the_size_of_the_image():
    network = Network()
    found = predict_probabilities(network, images(), InferenceConfig(scales=(0.5, 1.5)))
    assert [size[2:] for size in network.sizes] == [(6, 8), (20, 26)]  # 13 x 17, halves to even
    assert all(value.shape == (2, 4, 13, 17) for value in found.values())


@pytest.mark.parametrize(
    "config",
    [
        InferenceConfig(),
        InferenceConfig(window=(6, 8)),
        InferenceConfig(scales=(0.5, 1.0), flip=True),
        InferenceConfig(window=(6, 8), scales=(0.5, 2.0), flip=True),
    ],
)
def test_known_public_bug_each_image_of_a_batch_keeps_its_own_prediction(config):
    network, x = Network(), images(batch=3)
    together = predict_probabilities(network, x, config)["out"]
    for b in range(3):
        alone = predict_probabilities(network, x[b : b + 1], config)["out"]
        torch.testing.assert_close(together[b : b + 1], alone, **CLOSE)
        torch.testing.assert_close(together[b].sum(0), torch.ones(13, 17), **CLOSE)  # they are probabilities
    assert together.dtype == torch.float32
    assert not torch.allclose(together[0], together[1], atol=0.1)


def test_probabilities_are_averaged_not_logits():
    """Two classes, red pixels left and right; mirrored logits +6 and -2 mean 2, their probabilities mean 0.56."""

    class Position(nn.Module):  # logit of class 0 is 6 in the left half of what it sees, -2 in the right half
        def forward(self, x):
            logit = torch.full_like(x[:, :1], 6.0)
            logit[..., x.shape[-1] // 2 :] = -2.0
            return {"out": torch.cat([logit, torch.zeros_like(logit)], dim=1)}

    found = predict_probabilities(Position().eval(), images(batch=1, width=4), InferenceConfig(flip=True))["out"]
    sigmoid = torch.tensor([6.0, -2.0]).sigmoid()
    torch.testing.assert_close(found[0, 0], sigmoid.mean().expand(13, 4), **CLOSE)


def test_half_precision_logits_become_float32_before_the_softmax():
    class Half(nn.Module):
        def forward(self, x):
            return {"out": x.bfloat16()}

    x = images()
    found = predict_probabilities(Half().eval(), x)["out"]
    torch.testing.assert_close(found, x.bfloat16().float().softmax(1), **CLOSE)


def test_scales_of_section_4_4():
    assert PAPER_SCALES == (0.75, 1.0, 1.25, 1.5, 1.75, 2.0)


def test_training_mode_is_refused():
    with pytest.raises(ValueError, match=r"model\.eval\(\)"):
        predict_probabilities(Network().train(), images())


@pytest.mark.parametrize(
    "settings, message",
    [
        (dict(scales=()), "scales"),
        (dict(scales=(1.0, 0.0)), "scales"),
        (dict(scales=(-0.5,)), "scales"),
        (dict(overlap=1.0), "overlap"),
        (dict(overlap=-0.1), "overlap"),
        (dict(window=(0, 5)), "window"),
    ],
)
def test_wrong_settings_are_named(settings, message):
    with pytest.raises(ConfigError, match=message):
        InferenceConfig(**settings)
