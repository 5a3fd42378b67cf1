"""How much of its image a feature sees: the tiny base networks of this repository beside the ResNets of the paper.

    python benchmarks/fields.py --out results/fields.json

Measured with ``acflib.layers.field``: the theoretical field (every pixel that can change the feature in the middle of
the image) and the effective one (Luo et al., 2016: pixels whose gradient is above 4.55 % of the largest). Output stride
8. Weights: random initial ones; of the tiny base the shipped ones too; of the ResNets those of ImageNet with
``--weights auto``. Untrained networks take the statistics of BatchNorm from the images they are measured on, since
those they start with fit no image. The largest network needs about 4 GB and a minute of an idle core. The file is
written after each network; those that are not asked for (``--networks``) keep their lines in it. With the networks of
``make study``: ``--checkpoints runs/ablate/base-own-*/base/seed-10/checkpoint.pt``.
"""

import argparse
import json
import math
from pathlib import Path
from typing import Any

import torch
from peers import command_line
from torch import Tensor, nn

from acflib.datasets.streets import render_street
from acflib.datasets.transforms import normalize_image
from acflib.engine.machine import write_result
from acflib.layers.bases import TINY_FIELDS, ResNetBase
from acflib.layers.field import effective_size, gradient_map, theoretical_extent
from acflib.predict.pretrained import available, load_pretrained
from acflib.predict.stored import stored_config

STRIDE = 8
TINY_SIZES = ((64, 128), (128, 256))  # (height, width): the Streets of the lessons
RESNET_SIZES = ((769, 769), (1024, 2048))  # a crop of the paper, and a photograph of Cityscapes
NETWORKS = ("tiny", "resnet50", "resnet101")
STATISTICS_SIDE = 256  # pixels around the middle that BatchNorm's statistics are of, at most


def scenes(count: int, size: tuple[int, int]) -> Tensor:
    """Streets, normalized, (count, 3, H, W): the middle of scenes that are twice as wide as high."""
    height, width = size
    rows = max(height, math.ceil(width / 2))
    images = [torch.from_numpy(render_street((0, k), 2 * rows, rows).image) for k in range(count)]
    return middle(normalize_image(torch.stack(images).permute(0, 3, 1, 2)), height, width)


def middle(images: Tensor, height: int, width: int) -> Tensor:
    """The pixels around the middle, at most as many as there are."""
    top, left = (max(0, have - want) // 2 for have, want in zip(images.shape[-2:], (height, width), strict=True))
    return images[..., top : top + height, left : left + width]


class CentralFeature(nn.Module):
    """A base network whose last two layers compute only what the central feature looks at: the same feature, sooner."""

    def __init__(self, base: ResNetBase) -> None:
        super().__init__()
        self.base = base
        self.blocks = nn.ModuleList([*base.layer3, *base.layer4])

    def forward(self, x: Tensor) -> Tensor:
        """Images (B, 3, H, W) -> the part of the feature map around its middle that is left, (B, C, h, w)."""
        x = self.base.layer2(self.base.layer1(self.base.stem(x)))
        reaches = [reach(block) for block in self.blocks]
        for k, block in enumerate(self.blocks):
            x = block(narrowed(x, sum(reaches[k:])))
        return narrowed(x, 0)


def reach(block: nn.Module) -> int:
    """Cells to each side of its own that a residual block of stride 1 looks at."""
    convs = [module for module in block.modules() if isinstance(module, nn.Conv2d)]
    return sum(conv.dilation[0] * (conv.kernel_size[0] // 2) for conv in convs)


def narrowed(features: Tensor, cells: int) -> Tensor:
    """The central cell and so many to each side, where there are as many; it is the central one of these too."""
    for dimension in (2, 3):
        length = features.shape[dimension]
        first, last = max(0, length // 2 - cells), min(length, length // 2 + cells + 1)
        features = features.narrow(dimension, first, last - first)
    return features


@torch.no_grad()
def take_statistics(base: nn.Module, images: Tensor) -> None:
    """Give BatchNorm the mean and variance of these images, as training would."""
    norms = [module for module in base.modules() if isinstance(module, nn.BatchNorm2d)]
    for norm in norms:
        norm.reset_running_stats()
        norm.momentum = None  # the plain mean over the batches seen: of one
    base.train()
    base(middle(images, STATISTICS_SIDE, STATISTICS_SIDE))
    base.eval()


def measure(base: ResNetBase, images: Tensor, draws: int) -> dict[str, Any]:
    """Both fields of a base network in evaluation mode, in pixels and in percent of the image's area."""
    base.eval().requires_grad_(False)
    seen = CentralFeature(base)
    # A strip is enough for the one dimension: a field of convolutions is a rectangle.
    height = theoretical_extent(seen, images[:1, ..., :STRIDE], 2)
    width = theoretical_extent(seen, images[:1, ..., :STRIDE, :], 3)
    effective = effective_size(gradient_map(seen, images, draws))
    area = images.shape[-2] * images.shape[-1] / 100
    return {
        "image": list(images.shape[-2:]),
        "theoretical": [height, width],
        "theoretical_percent": round(height * width / area, 2),
        "effective": round(effective, 1),
        "effective_percent": round(effective**2 / area, 2),
        "images": len(images),
        "draws": draws,
    }


def measure_tiny(count: int, draws: int) -> list[dict[str, Any]]:
    """The tiny base with each field, untrained, and the shipped ones."""
    found = []
    for size in TINY_SIZES:
        images = scenes(count, size)
        for field in TINY_FIELDS:
            torch.manual_seed(0)
            base = ResNetBase("tiny", field=field, aux=False, weights=None, align_corners=False)
            take_statistics(base, images)
            found.append({"network": f"tiny, {field}", "weights": "random", **measure(base, images, draws)})
        for name in available():
            model = load_pretrained(name)
            network = f"tiny, {stored_config(model.info['model']).field}"
            found.append({"network": network, "weights": name, **measure(model.base, images, draws)})
    return found


def measure_checkpoints(paths: list[Path], count: int, draws: int) -> list[dict[str, Any]]:
    """Trained tiny networks of runs of the study, on scenes of the size that they were trained on."""
    found = []
    images = scenes(count, TINY_SIZES[0])
    for path in paths:
        model = load_pretrained(path)
        row = measure(model.base, images, draws)
        study, seed = path.resolve().parts[-4], path.parent.name
        field = stored_config(model.info["config"]["model"]).field
        found.append({"network": f"tiny, {field}", "weights": f"{study}, {seed}", **row})
    return found


def measure_resnet(name: str, weights: str | None) -> list[dict[str, Any]]:
    """A ResNet on one image, with one draw."""
    found = []
    torch.manual_seed(0)
    base = ResNetBase(name, aux=False, weights=weights, align_corners=False)
    for size in RESNET_SIZES:
        images = scenes(1, size)
        if weights is None:
            take_statistics(base, images)
        named = "random" if weights is None else "ImageNet"
        found.append({"network": name, "weights": named, **measure(base, images, draws=1)})
    return found


def kept_rows(path: Path | None, networks: list[str]) -> list[dict[str, Any]]:
    """The lines of a file that was written before, without those of these networks."""
    if path is None or not path.is_file():
        return []
    rows = json.loads(path.read_text(encoding="utf-8"))["fields"]
    return [row for row in rows if family(row) not in networks]


def family(row: dict[str, Any]) -> str:
    return row["network"].partition(",")[0]


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--networks", nargs="+", choices=NETWORKS, default=list(NETWORKS))
    parser.add_argument("--weights", choices=("none", "auto"), default="none", help="of the ResNets; auto: ImageNet's")
    parser.add_argument("--checkpoints", nargs="+", type=Path, default=[], help="of the tiny base, of `make study`")
    parser.add_argument("--images", type=int, default=4, help="scenes for the tiny base")
    parser.add_argument("--draws", type=int, default=4, help="random directions in feature space, for the tiny base")
    parser.add_argument("--out", type=Path, help="JSON file for the results")
    given = parser.parse_args(arguments)
    rows = kept_rows(given.out, given.networks)
    for name in given.networks:
        if name == "tiny":
            found = measure_tiny(given.images, given.draws)
            found += measure_checkpoints(given.checkpoints, given.images, given.draws)
        else:
            found = measure_resnet(name, None if given.weights == "none" else "auto")
        for row in found:
            print(
                f"{row['network']:12} {row['weights']:16} {row['image']} {row['theoretical']} {row['effective']}",
                flush=True,
            )
        rows = sorted([*rows, *found], key=lambda row: NETWORKS.index(family(row)))
        if given.out:
            write(given, rows)


def write(given: argparse.Namespace, rows: list[dict[str, Any]]) -> None:
    note = "*random* is initial weights, with the statistics of BatchNorm of the images measured on; others are trained"
    if any(family(row) != "tiny" and row["weights"] == "random" for row in rows):
        note += ". No ImageNet weights were at hand for the ResNets (--weights auto takes them)"
    write_result(given.out, command_line("fields.py"), note=note, output_stride=STRIDE, fields=rows)


if __name__ == "__main__":
    main()
