"""Every preset at full size on the meta device: parameters counted by hand, values of the paper."""

from dataclasses import replace

import pytest
import torch

from acflib.acfnet import build_model, without_weights
from acflib.engine.presets import PAPER, PRESETS, SMALL_GPU


def conv(inside, outside, side=1):
    """Weights of a convolution without bias and of the BatchNorm after it."""
    return inside * outside * side * side + 2 * outside


def bottleneck_layer(inside, width, blocks):
    """A layer of bottlenecks 1x1, 3x3, 1x1; the first block has a shortcut convolution."""
    outside = 4 * width
    first = conv(inside, width) + conv(width, width, 3) + conv(width, outside) + conv(inside, outside)
    return first + (blocks - 1) * (conv(outside, width) + conv(width, width, 3) + conv(width, outside))


def resnet(layer3_blocks):
    """ResNet-50 (6 blocks in layer 3) or ResNet-101 (23), without its ImageNet classifier."""
    blocks = (3, 4, layer3_blocks, 3)
    sizes = ((64, 64), (256, 128), (512, 256), (1024, 512))
    return conv(3, 64, 7) + sum(bottleneck_layer(i, w, n) for (i, w), n in zip(sizes, blocks, strict=True))


def classifier(inside):
    return inside * 19 + 19


AUX = conv(1024, 256, 3) + classifier(256)
ASPP = conv(2048, 512) + 3 * conv(2048, 512, 3) + conv(4 * 512, 512)


def acf(features, refine, context):
    """Reduction, refinement, fusion, fine classifier (section 3)."""
    return conv(features, 512) + refine + conv(context + features, 512) + classifier(512)


R101 = resnet(23) + AUX
BASELINE, WITH_ASPP = R101 + classifier(2048), R101 + ASPP + classifier(512)
ACF_SUM = acf(2048, conv(512, 512), 512)
BY_HAND = {
    "r101-baseline": BASELINE,
    "r101-center": BASELINE + acf(2048, 0, 19 * 512),
    "r101-acf-concat": BASELINE + acf(2048, conv(19 * 512, 512), 512),
    "r101-acf-sum": BASELINE + ACF_SUM,
    "r101-aspp": WITH_ASPP,
    "r101-aspp-acf": WITH_ASPP + acf(512, conv(512, 512), 512),
    "r101-aspp-acf-ob": WITH_ASPP + acf(512, conv(512, 512), 512),
    "r101-aspp-acf-ob-trainval": WITH_ASPP + acf(512, conv(512, 512), 512),
    "r101-acf-sum-24gb": BASELINE + ACF_SUM,
    "r101-acf-sum-12gb": BASELINE + ACF_SUM,
    "r101-acf-sum-8gb": BASELINE + ACF_SUM,
}


def test_resnet_counts_are_the_published_ones():
    """25,557,032 and 44,549,160 parameters with the ImageNet classifier of 2048 * 1000 + 1000."""
    assert resnet(6) == 25_557_032 - 2_049_000 and resnet(23) == 44_549_160 - 2_049_000


@pytest.mark.parametrize("name", BY_HAND)
def test_parameters_equal_the_count_by_hand(name):
    config = PRESETS[name]
    with torch.device("meta"):
        model = build_model(without_weights(config.model))
        out = model.train()(torch.empty(2, 3, *config.crop_size))["out"]
    assert sum(parameter.numel() for parameter in model.parameters()) == BY_HAND[name]
    assert out.shape == (2, 19, *config.crop_size)


@pytest.mark.parametrize("name", PAPER)
def test_paper_rows_have_the_values_of_the_paper(name):
    config = PAPER[name]
    assert config.out == f"runs/{name}"
    assert (config.crop_size, config.batch_size, config.iterations) == ((769, 769), 8, 40_000)
    assert (config.learning_rate, config.momentum, config.weight_decay, config.poly_power) == (0.01, 0.9, 0.0005, 0.9)
    assert (config.loss.aux_weight, config.loss.coarse_weight, config.loss.fine_weight) == (0.4, 0.6, 0.7)
    assert (config.model.backbone, config.model.weights) == ("resnet101", "IMAGENET1K_V1")
    assert config.model.align_corners
    assert config.loss.bootstrap == ("-ob" in name) and (config.model.context == "aspp") == ("aspp" in name)
    assert config.split == ("trainval" if name.endswith("trainval") else "train")


@pytest.mark.parametrize("name", SMALL_GPU)
def test_small_gpu_presets_keep_the_batch_and_the_schedule(name):
    config, paper = SMALL_GPU[name], PAPER["r101-acf-sum"]
    assert config.micro_steps > 1 and config.out == f"runs/{name}"
    same = replace(config, out=paper.out, micro_steps=1, model=replace(config.model, recompute=False))
    assert same == paper
