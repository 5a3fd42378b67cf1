"""A picture as the networks see it: everything that the three widgets show is computed from a :class:`Scene`."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from acflib.acf import ACFModule
from acflib.acfnet import ACFNet, Intermediates, evaluation_mode, inspect
from acflib.datasets.labels import CAMVID_CLASSES, CAMVID_COLORS, CITYSCAPES_CLASSES, CITYSCAPES_COLORS
from acflib.datasets.normalize import normalize_image
from acflib.errors import ConfigError
from acflib.layers.alignment import CellGrid, map_size
from acflib.layers.tapping import TappedNetwork
from acflib.predict.scale import Scale, TrainedScale, resized, scale_note, seen_size
from acflib.similarity import check_pixel, unit_features
from acflib.widgets.photographs import MAX_SIDE, check_labels_fit, labels_to_size

BASELINE, BEFORE_COARSE, BEFORE_FINE, ATTENDED = "baseline", "before coarse", "before fine", "attended"
TITLES = {
    BASELINE: "baseline",
    BEFORE_COARSE: "ACFNet, before coarse",
    BEFORE_FINE: "ACFNet, before fine",
    ATTENDED: "ACFNet, attended feature",
}
NO_CENTERS = "this network has no class centers: choose sum, concat or center"
Progress = Callable[[str, int, int], None]  # what is being done, steps done, steps in all


def no_progress(text: str, done: int, total: int) -> None:
    """For callers without a progress bar."""


@dataclass(frozen=True)
class Layer:
    """A feature map to compare pixels in."""

    name: str
    title: str
    units: Tensor  # (C, h, w) on the CPU, each pixel's feature of length 1
    grid: CellGrid  # how its cells lie over the picture


@dataclass(frozen=True)
class Picture:
    """A picture to look at, and its ground truth if there is one."""

    name: str
    image: np.ndarray  # RGB, uint8 (H, W, 3)
    truth: np.ndarray | None = None  # train ids, uint8 (H, W), 255 = ignore


def as_seen(picture: Picture, scale: Scale, trained: TrainedScale | None) -> tuple[Picture, str]:
    """A picture and its ground truth at the size at which the network sees it, and a line where that is far away.

    Arguments as :func:`acflib.predict.scale.seen_size`.
    """
    size = picture.image.shape[:2]
    seen = seen_size(size, scale, trained)
    limit = max(MAX_SIDE, *size)  # a long and narrow picture would grow beyond what a CPU can segment
    seen = tuple(max(1, round(side * min(1, limit / max(seen)))) for side in seen)
    truth = None if picture.truth is None else labels_to_size(picture.truth, size, seen)
    return Picture(picture.name, resized(picture.image, seen), truth), scale_note(size, seen, trained)


def same_place(pixel: tuple[int, int], size: tuple[int, int], new_size: tuple[int, int]) -> tuple[int, int]:
    """The pixel of a picture of ``new_size`` that lies where ``pixel`` lies in one of ``size``."""
    row, column = (int((p + 0.5) * new / old) for p, old, new in zip(pixel, size, new_size, strict=True))
    return row, column


@dataclass(frozen=True, eq=False)
class Scene:
    """A picture, and what one network (and a baseline, if there is one) computed from it.

    Attributes:
        picture: with its ground truth.
        model: the network.
        classes, colors: names and (red, green, blue) in train-id order.
        layers: the feature maps, by name.
        found: all intermediates of the network, on its device, for a batch of one.
        coarse: class map (H, W) of the coarse segmentation; None for a network without an ACF module.
        fine: class map (H, W) of the final segmentation.
        reduced: the feature map that the class centers are means of, (C', h, w) on the network's device; None for a
            network without class centers.
    """

    picture: Picture
    model: ACFNet
    classes: tuple[str, ...]
    colors: tuple[tuple[int, int, int], ...]
    layers: dict[str, Layer]
    found: Intermediates
    coarse: np.ndarray | None
    fine: np.ndarray
    reduced: Tensor | None

    @property
    def size(self) -> tuple[int, int]:
        """Height and width of the picture."""
        return self.picture.image.shape[:2]

    @property
    def cells(self) -> tuple[int, int]:
        """Height and width of the network's feature map."""
        return map_size(self.found.probabilities)

    @property
    def probabilities(self) -> Tensor:
        """P_coarse, (N, h, w), on the CPU."""
        return self.found.probabilities[0].cpu()

    @property
    def acf(self) -> ACFModule:
        """The ACF module of the network; ConfigError where it has none."""
        if self.model.acf is None:
            raise ConfigError("this network has no ACF module")
        return self.model.acf

    @property
    def centers(self) -> Tensor:
        """F_class, (N, C'), on the network's device; ConfigError for a network without class centers."""
        if self.found.centers is None:
            raise ConfigError(NO_CENTERS)
        return self.found.centers[0]

    def feature(self, pixel: tuple[int, int]) -> Tensor:
        """What :attr:`reduced` holds in the cell under a pixel, (C',), on the CPU; ConfigError where that is None."""
        if self.reduced is None:
            raise ConfigError(NO_CENTERS)
        row, column = self.cell(pixel)
        return self.reduced[:, row, column].cpu()

    def cell(self, pixel: tuple[int, int]) -> tuple[int, int]:
        """The cell of the network's feature map under a pixel of the picture."""
        check_pixel(*pixel, self.size)
        return self.grid.cell(*pixel)

    @property
    def grid(self) -> CellGrid:
        """How the cells of the network's feature map lie over the picture."""
        return self.model.grid(self.size, self.cells)

    def class_name(self, number: int) -> str:
        """The name of a class; 255 is "ignored"."""
        return "ignored" if number == 255 else self.classes[number]


def as_network(model: nn.Module, name: str = "model") -> ACFNet:
    """An ACFNet as it is; a ``tap()``ped network as one without an ACF module.

    Raises:
        ConfigError: for anything else.
    """
    if isinstance(model, ACFNet):
        return model
    if isinstance(model, TappedNetwork):
        return ACFNet(model, variant=None)
    raise ConfigError(
        f"{name}: a {type(model).__name__} has no coarse output to look at. Give a network of acflib, or wrap yours: "
        'acflib.ACFNet(acflib.tap(network, "classifier.4"))'
    )


def name_classes(
    number: int, classes: Sequence[str] | None = None, colors: Sequence[tuple[int, int, int]] | None = None
) -> tuple[tuple[str, ...], tuple[tuple[int, int, int], ...]]:
    """Names and colors for N classes: those given, or those of Cityscapes (19) or CamVid (11), or numbers and grays.

    Raises:
        ConfigError: as many names or colors as classes are needed.
    """
    known = {19: (CITYSCAPES_CLASSES, CITYSCAPES_COLORS), 11: (CAMVID_CLASSES, CAMVID_COLORS)}
    steps = [round(255 * (i + 0.5) / number) for i in range(number)]
    names, shades = known.get(number, (tuple(f"class {i}" for i in range(number)), tuple((s, s, s) for s in steps)))
    names = tuple(classes or names)
    shades = tuple((int(red), int(green), int(blue)) for red, green, blue in colors or shades)
    if not len(names) == len(shades) == number:
        raise ConfigError(f"the network has {number} classes; {len(names)} names and {len(shades)} colors are given")
    return names, shades


def analyze(
    picture: Picture,
    model: nn.Module,
    baseline: nn.Module | None = None,
    classes: Sequence[str] | None = None,
    colors: Sequence[tuple[int, int, int]] | None = None,
    progress: Progress = no_progress,
) -> Scene:
    """Run the networks on a picture and keep what the widgets show.

    Args:
        picture: the picture.
        model: an ACFNet, or a tapped network (which has one feature map and no class centers).
        baseline: a network without an ACF module, for the first map of Fig. 5; an ACFNet would do too, its feature map
            before coarse is taken.
        classes, colors: those that the network's ``info`` names, if none are given; else see :func:`name_classes`.
        progress: called before each step.

    Raises:
        ConfigError, DataError: the networks, the picture and its labels do not go together.
    """
    network = as_network(model)
    about = network.info
    names, shades = name_classes(network.num_classes, classes or about.get("classes"), colors or about.get("colors"))
    steps = 2 + (baseline is not None)
    progress("reading the picture", 0, steps)
    if picture.truth is not None:
        truth = check_labels_fit(picture.truth, picture.image, network.num_classes)
        picture = Picture(picture.name, picture.image, truth)
    progress("running the network", 1, steps)
    found = run_network(network, picture.image)
    size = picture.image.shape[:2]
    layers: dict[str, Layer] = {}
    if network.acf is None:
        _add_layer(layers, BASELINE, found.coarse_features, network, size)
    if baseline is not None:
        progress("running the baseline", 2, steps)
        base = as_network(baseline, "baseline")
        _add_layer(layers, BASELINE, run_network(base, picture.image).coarse_features, base, size)
    if network.acf is not None:
        assert found.fine_features is not None and found.attended is not None  # the ACF module makes both
        _add_layer(layers, BEFORE_COARSE, found.coarse_features, network, size)
        _add_layer(layers, BEFORE_FINE, found.fine_features, network, size)
        if network.acf.variant != "center":  # there all pixels have the same: all class centers in one long vector
            _add_layer(layers, ATTENDED, found.attended, network, size)
    coarse = class_map(network, found.coarse_logits, size)
    return Scene(
        picture,
        network,
        names,
        shades,
        layers,
        found,
        coarse if network.acf is not None else None,
        coarse if found.fine_logits is None else class_map(network, found.fine_logits, size),
        _reduce(network, found.coarse_features),
    )


def run_network(network: ACFNet, image: np.ndarray) -> Intermediates:
    """The intermediates of a network for an image, uint8 (H, W, 3).

    Raises:
        ConfigError: the network cannot take a picture of this size.
    """
    parameter = next(network.parameters())
    channels_first = torch.from_numpy(np.ascontiguousarray(image)).permute(2, 0, 1)  # (H, W, 3) -> (3, H, W)
    try:
        return inspect(network, normalize_image(channels_first).to(parameter.dtype))
    except RuntimeError as error:  # torch's word for a picture smaller than a kernel, or memory that ran out
        height, width = image.shape[:2]
        raise ConfigError(f"the network cannot segment a picture of {width} x {height} pixels: {error}") from error


def class_map(network: ACFNet, logits: Tensor, size: tuple[int, int]) -> np.ndarray:
    """The class of each pixel, uint8 (H, W), from logits (1, N, h, w)."""
    return network.upsample(logits.float(), size)[0].argmax(dim=0).byte().cpu().numpy()


@torch.no_grad()
def _reduce(network: ACFNet, features: Tensor) -> Tensor | None:
    if network.acf is None or network.acf.center_block is None:
        return None
    with evaluation_mode(network):
        return network.acf.center_block.reduce(features)[0]  # (1, C, h, w) -> (C', h, w)


def _add_layer(layers: dict[str, Layer], name: str, features: Tensor, network: ACFNet, size: tuple[int, int]) -> None:
    grid = network.grid(size, map_size(features))
    layers[name] = Layer(name, TITLES[name], unit_features(features[0].cpu()), grid)
