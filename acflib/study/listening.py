"""How much the fine result of a trained network listens to its class centers: they are changed, and it is asked again.

Nothing is trained. The class map of Eq. 2 is replaced, so the centers are others; the rest of the network stays.

    zero       no pixel belongs to any class: every center is 0
    alike      every pixel belongs to every class alike: every center is the mean feature of the image
    permuted   each class gets the center of a random class, in an order drawn for each image
    painted    a disc is painted over with another class of the image, in Eq. 2 and Eq. 3, as by the brush of lesson 14
"""

from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from acflib.acfnet import ACFNet, evaluation_mode
from acflib.datasets.base import SegmentationDataset
from acflib.errors import ConfigError
from acflib.functional import IGNORE_INDEX
from acflib.layers.alignment import CellGrid, map_size
from acflib.metrics import confusion_matrix, mean_iou

CHANGES = ("own", "zero", "alike", "permuted")
RADIUS = 1 / 8  # of a painted disc, in heights of the image
MIN_SHARE = 0.02  # a class is painted over, or painted with, where it covers as much of the image


class Listening(NamedTuple):
    """What :func:`measure_listening` found, in percent."""

    miou: dict[str, float]  # fine mIoU with the centers of CHANGES, and "coarse"
    painted: float  # pixels inside the discs whose fine class changed
    painted_to: float  # pixels inside the discs whose fine class is now the painted one, and was not
    discs: int


def measure_listening(model: ACFNet, dataset: SegmentationDataset, seed: int = 0) -> Listening:
    """Score a network with changed centers, and paint one disc into each image.

    Args:
        model: with class centers ("sum", "concat" or "center").
        dataset: with labels. An image in which fewer than two classes cover MIN_SHARE gets no disc.
        seed: of the permutations and the discs.

    Raises:
        ConfigError: the network has no class centers.
    """
    # torchvision is slow to import: see acflib.layers.bases
    from acflib.datasets.transforms import evaluation_transform

    if model.acf is None or model.acf.center_block is None:
        raise ConfigError(
            'this network has no class centers to listen to: pass one of variant "sum", "concat", "center"'
        )
    draws, transform = torch.Generator().manual_seed(seed), evaluation_transform()
    confusions: dict[str, Tensor] = {}
    painted = []  # of each disc: its pixels, those that changed, those that took the class of the brush
    with evaluation_mode(model), torch.inference_mode():
        for image, labels in (transform(*dataset[index]) for index in range(len(dataset))):
            image, labels = (tensor.to(next(model.parameters()).device) for tensor in (image[None], labels))
            probabilities = model.intermediates(image).probabilities  # (1, N, h, w)
            coarse, fine = decisions(model, image)
            maps = {"coarse": coarse, "own": fine}
            for name in CHANGES[1:]:
                maps[name] = decisions(model, image, center_probs=changed_map(probabilities, name, draws))[1]
            for name, class_map in maps.items():
                found = confusion_matrix(class_map, labels, model.num_classes)
                confusions[name] = found + confusions.get(name, torch.zeros_like(found))
            disc = draw_disc(labels, draws)
            if disc is not None:
                inside, brush = disc
                edited = paint(probabilities, inside, brush, model.grid(map_size(image), map_size(probabilities)))
                after = decisions(model, image, center_probs=edited, attention_probs=edited)[1]
                changed = (after != fine) & inside
                painted.append([int(mask.sum()) for mask in (inside, changed, changed & (after == brush))])
    pixels, moved, taken = (sum(column) for column in zip(*painted, strict=True)) if painted else (1, 0, 0)
    miou = {name: 100 * mean_iou(confusion) for name, confusion in confusions.items()}
    return Listening(miou, 100 * moved / pixels, 100 * taken / pixels, len(painted))


def decisions(model: ACFNet, image: Tensor, **class_maps: Tensor) -> tuple[Tensor, Tensor]:
    """Coarse and fine class map (H, W) of one image (1, 3, H, W)."""
    found = model(image, **class_maps)
    return found["coarse"][0].argmax(dim=0), found["out"][0].argmax(dim=0)


def changed_map(probabilities: Tensor, change: str, draws: torch.Generator) -> Tensor:
    """The class map that gives the centers of CHANGES, from the network's own (1, N, h, w)."""
    if change == "zero":
        return torch.zeros_like(probabilities)
    if change == "alike":
        return torch.ones_like(probabilities)
    return probabilities[:, torch.randperm(probabilities.shape[1], generator=draws).to(probabilities.device)]


def draw_disc(labels: Tensor, draws: torch.Generator) -> tuple[Tensor, int] | None:
    """A disc around a pixel drawn at random, bool (H, W), and another class of the image to paint it with.

    Both classes cover MIN_SHARE of the image. None where fewer than two do.
    """
    counts = torch.bincount(labels[labels != IGNORE_INDEX].flatten())
    large = torch.nonzero(counts >= MIN_SHARE * labels.numel()).flatten().tolist()
    if len(large) < 2:
        return None
    below, brush = (large[i] for i in torch.randperm(len(large), generator=draws)[:2].tolist())
    places = torch.nonzero(labels == below)  # (pixels, 2)
    row, column = places[int(torch.randint(len(places), (), generator=draws))].tolist()
    height, width = map_size(labels)
    rows, columns = np.ogrid[:height, :width]
    inside = (rows - row) ** 2 + (columns - column) ** 2 <= (RADIUS * height) ** 2
    return torch.from_numpy(inside).to(labels.device), brush


def paint(probabilities: Tensor, inside: Tensor, brush: int, grid: CellGrid) -> Tensor:
    """A class map (1, N, h, w) with the cells whose middle lies in ``inside`` (H, W) given to one class."""
    rows, columns = (torch.from_numpy(middles + 0.5).long().to(inside.device) for middles in grid.centers())
    rows, columns = rows.clamp(max=inside.shape[0] - 1), columns.clamp(max=inside.shape[1] - 1)  # padded cells
    covered = inside[rows][:, columns]  # (h, w)
    painted = probabilities.clone()
    painted[:, :, covered] = 0
    painted[:, brush, covered] = 1
    return painted
