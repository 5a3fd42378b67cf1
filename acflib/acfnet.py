"""ACFNet = base network + ACF module (paper, section 3.2, Fig. 2)."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any, NamedTuple, cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from acflib.acf import ALL_VARIANTS, ACFModule
from acflib.errors import ConfigError
from acflib.functional import IGNORE_INDEX, sum_to_one
from acflib.layers.alignment import CellGrid, check_cells, map_size, pad_to_stride, padded_size
from acflib.layers.bases import IMAGENET_WEIGHTS, ResNetBase
from acflib.layers.inplace import check_activations
from acflib.options import option

TIMM = "timm/"  # before the name of a backbone of timm


class Intermediates(NamedTuple):
    """Everything a forward pass computes on the way, at feature size; see :func:`inspect`.

    Without an ACF module (variant None) only the first three are set.
    """

    coarse_features: Tensor  # F, (B, C, H, W), the feature map before the coarse segmentation
    coarse_logits: Tensor  # (B, N, H, W)
    probabilities: Tensor  # P_coarse, (B, N, H, W)
    centers: Tensor | None = None  # F_class, (B, N, C')
    attended: Tensor | None = None  # refined F_a, (B, O, H, W)
    fine_features: Tensor | None = None  # (B, O, H, W), the feature map before the fine segmentation
    fine_logits: Tensor | None = None  # (B, N, H, W)
    aux_logits: Tensor | None = None  # (B, N, h, w), only in training


class ACFNet(nn.Module):
    """Coarse-to-fine segmentation with class centers.

    Args:
        base: a base network (:class:`acflib.ResNetBase`, or :func:`acflib.tap` of any other).
        variant: "sum", "concat" or "center" (Table 1), or None: the base network alone, the paper's baseline; or one
            of the controls, "self", "global", "psp" and "permuted".
        channels: C' of the ACF module, 512 in the paper.
        detach: stop the gradient of P_coarse inside the ACF module (the paper lets it flow).
        align_corners: of the bilinear upsampling of the logits; None: as in the base network, False where that does not
            say. True puts cell j on pixel ``base.output_stride * j``, where a ResNet looks: images are padded right and
            bottom to k*stride+1 pixels, such as 769, and the logits cropped. A base network without that attribute
            gets no padding: its corner cells lie on the corner pixels, whatever the size.
        factorized: False builds the literal tensors of Eq. 3 and 5; the numbers are the same.

    Raises:
        ConfigError: an unknown variant, over 255 classes, or aligned corners for a tapped network of unknown stride.
    """

    def __init__(
        self,
        base: nn.Module,
        variant: str | None = "sum",
        channels: int = 512,
        detach: bool = False,
        align_corners: bool | None = None,
        factorized: bool = True,
    ):
        super().__init__()
        if variant is not None and variant not in ALL_VARIANTS:
            raise ConfigError(f"variant must be None or one of {', '.join(ALL_VARIANTS)}, got {variant!r}")
        self.base = base
        self.num_classes = cast(int, base.num_classes)
        if self.num_classes > IGNORE_INDEX:
            raise ConfigError(f"at most {IGNORE_INDEX} classes: class maps are bytes; got {self.num_classes}")
        self.info: dict[str, Any] = {}  # of trained weights: classes, colors and more, see acflib.load_pretrained
        self.detach = detach
        self.align_corners = getattr(base, "align_corners", False) if align_corners is None else align_corners
        self.stride = getattr(base, "output_stride", None) if self.align_corners else None  # to pad to, if known
        if self.align_corners and hasattr(base, "output_stride") and base.output_stride is None:
            raise ConfigError(
                "align_corners=True needs the output stride of the tapped network, to bring its cells onto their "
                "pixels: pass it, as in tap(network, classifier, output_stride=8), or take align_corners=False"
            )
        self.acf: ACFModule | None = None
        self.classifier: nn.Conv2d | None = None
        if variant is not None:
            feature_channels = cast(int, base.feature_channels)
            self.acf = ACFModule(feature_channels, self.num_classes, channels, variant, factorized)
            self.classifier = nn.Conv2d(channels, self.num_classes, 1)

    _version = 2  # of the state dict; from 2 on it notes the activations of in-place BatchNorms

    def _load_from_state_dict(self, state_dict, prefix, local_metadata, strict, missing, unexpected, errors) -> None:
        super()._load_from_state_dict(state_dict, prefix, local_metadata, strict, missing, unexpected, errors)
        if prefix == "" and local_metadata.get("version", 1) >= 2:
            errors += check_activations(self, state_dict)

    def forward(
        self,
        x: Tensor,
        center_probs: Tensor | None = None,
        attention_probs: Tensor | None = None,
        own_share: Tensor | None = None,
        outputs: tuple[str, ...] | None = None,
    ) -> dict[str, Tensor]:
        """Segment a batch of images.

        Args:
            x: normalized images (B, 3, H, W).
            center_probs: class maps (B, N, h, w) used instead of P_coarse in Eq. 2; averaged to feature size, each cell
                over its own pixels. With aligned corners of size (H, W) or feature size, else of any size.
            attention_probs: the same for Eq. 3 and 5; after the averaging each cell is scaled to sum 1, so that one
                with ignored pixels gets no weaker F_a than others.
            own_share: how much of P_coarse is added to ``center_probs``, for each image and class, (B, N). Without
                ``center_probs`` it is all there is: a class of share 0 has the center 0.
            outputs: the results to bring to input size, of those below; by default all there are.

        Returns:
            Logits (B, N, H, W) at input size: "out" (fine), "coarse" (with an ACF module), "aux" (in training, where
            the base network has such a head). Without an ACF module, "out" is the base network's result.

        Raises:
            ValueError: if class maps are given to a network without an ACF module, or have a wrong shape.
        """
        found = self.intermediates(x, center_probs, attention_probs, own_share)
        logits = {"out": found.coarse_logits}
        if found.fine_logits is not None:
            logits = {"out": found.fine_logits, "coarse": found.coarse_logits}
        if found.aux_logits is not None:
            logits["aux"] = found.aux_logits
        wanted = [name for name in logits if outputs is None or name in outputs]
        return {name: self.upsample(logits[name], map_size(x)) for name in wanted}

    def grid(self, size: tuple[int, int], cells: tuple[int, int]) -> CellGrid:
        """How a feature map of ``cells`` = (h, w) lies over an image of ``size`` = (H, W)."""
        return CellGrid((size[0], size[1]), (cells[0], cells[1]), self.align_corners, self.stride)

    def upsample(self, maps: Tensor, size: tuple[int, int]) -> Tensor:
        """Maps of :meth:`intermediates`, (B, K, h, w), at the size (H, W) of the image. At least float32.

        In half precision the backward pass would add up some 225 pixels a cell in it.
        """
        maps = maps.to(torch.promote_types(maps.dtype, torch.float32))
        if self.stride is None:
            return resize(maps, size, self.align_corners)
        return resize(maps, padded_size(size, self.stride), True)[..., : size[0], : size[1]]

    def intermediates(
        self,
        x: Tensor,
        center_probs: Tensor | None = None,
        attention_probs: Tensor | None = None,
        own_share: Tensor | None = None,
    ) -> Intermediates:
        """The forward pass up to the upsampling, with all that happens on the way. Arguments as :meth:`forward`."""
        size = map_size(x)
        features, coarse, aux = self.base(x if self.stride is None else pad_to_stride(x, self.stride))
        if self.stride is not None:
            check_cells(size, map_size(coarse), self.stride)
        probabilities = coarse.softmax(dim=1)
        if self.acf is None or self.classifier is None:
            if not (center_probs is None and attention_probs is None and own_share is None):
                raise ValueError("center_probs and attention_probs need an ACF module; this network has variant None")
            return Intermediates(features, coarse, probabilities, aux_logits=aux)
        center_probs = self._fit("center_probs", center_probs, coarse, size)
        attention_probs = self._fit("attention_probs", attention_probs, coarse, size)
        own = probabilities.detach() if self.detach else probabilities
        found = self.acf(
            features,
            own,
            add_own(center_probs, own_share, own),
            None if attention_probs is None else sum_to_one(attention_probs),
        )
        fine = self.classifier(found.fused)
        return Intermediates(features, coarse, probabilities, found.centers, found.attended, found.fused, fine, aux)

    def _fit(self, name: str, class_map: Tensor | None, coarse: Tensor, size: tuple[int, int]) -> Tensor | None:
        if class_map is None:
            return None
        cells = map_size(coarse)
        if class_map.dim() != 4 or class_map.shape[:2] != coarse.shape[:2]:
            wanted = f"({coarse.shape[0]}, {coarse.shape[1]}, h, w)"
            raise ValueError(f"{name} must be probabilities {wanted}, got {tuple(class_map.shape)}")
        class_map = class_map.to(coarse.device, torch.promote_types(coarse.dtype, torch.float32))
        if self.align_corners and class_map.shape[-2:] == cells:
            return class_map
        if self.stride is not None and class_map.shape[-2:] != size:
            raise ValueError(
                f"{name} of a network with align_corners=True must have the size of the images, {tuple(size)}, or of "
                f"the features, {tuple(cells)}: else nobody knows where its cells lie; got {tuple(class_map.shape)}"
            )
        return self.grid(map_size(class_map), cells).average(class_map)


def add_own(class_map: Tensor | None, share: Tensor | None, probabilities: Tensor) -> Tensor | None:
    """A class map (B, N, H, W) plus a share (B, N) of the network's own probabilities; None where both are."""
    if share is None:
        return class_map
    if share.shape != probabilities.shape[:2]:
        raise ValueError(f"own_share must be {tuple(probabilities.shape[:2])}, got {tuple(share.shape)}")
    own = share.to(probabilities)[..., None, None] * probabilities  # (B, N) -> (B, N, 1, 1)
    return own if class_map is None else class_map + own


def resize(maps: Tensor, size: tuple[int, int], align_corners: bool) -> Tensor:
    """Bilinear resize of (B, K, h, w) maps to (B, K, H, W), size = (H, W); nothing to do where the size fits."""
    if maps.shape[-2:] == tuple(size):
        return maps
    return F.interpolate(maps, size, mode="bilinear", align_corners=align_corners)


@contextmanager
def evaluation_mode(model: nn.Module) -> Iterator[None]:
    """Context manager: ``model.eval()``; at the end each module has its own mode back, so what was frozen stays so."""
    modes = [(module, module.training) for module in model.modules()]
    model.eval()
    try:
        yield
    finally:
        for module, training in modes:
            module.training = training


@torch.no_grad()
def inspect(model: ACFNet, image: Tensor) -> Intermediates:
    """The named intermediates of a forward pass, in evaluation mode and without gradients.

    Args:
        model: an ACFNet; its training mode, and that of each of its modules, is left as it was.
        image: normalized image (3, H, W) or batch (B, 3, H, W); taken to the device and the dtype of the network.

    Raises:
        ValueError: if the image has another shape, or integer colors.
    """
    if image.dim() not in (3, 4) or image.shape[-3] != 3:
        raise ValueError(f"image must be (3, H, W) or (B, 3, H, W), got {tuple(image.shape)}")
    if not image.is_floating_point():
        raise ValueError(f"image is {image.dtype}: normalize it first, with acflib.datasets.transforms.normalize_image")
    batch = image if image.dim() == 4 else image.unsqueeze(0)  # (3, H, W) -> (1, 3, H, W)
    parameter = next(model.parameters())
    with evaluation_mode(model):
        return model.intermediates(batch.to(parameter.device, parameter.dtype))


@dataclass(frozen=True)
class ModelConfig:
    """Everything that defines a network. The defaults are the paper's ResNet-101 + ACF(sum)."""

    backbone: str = option("resnet101", "tiny, resnet18, resnet34, resnet50, resnet101, or timm/NAME")
    context: str | None = option(None, "spatial context of the base network: none, aspp or psp")
    variant: str | None = option(
        "sum", "sum, concat or center; none: the baseline; controls: self, global, psp, permuted"
    )
    num_classes: int | None = option(19, "classes, ignore not counted; none, or no flag in train: as the data has")
    channels: int = option(512, "channels of the ACF module and of the context module")
    output_stride: int = option(8, "input pixels per feature pixel: 8, 16 or 32")
    aux: bool = option(True, "auxiliary head on layer3")
    detach: bool = option(False, "stop the gradient of P inside the ACF module")
    align_corners: bool = option(True, "of bilinear resizing; True: crops of k*output_stride+1 pixels, such as 769")
    recompute: bool = option(False, "run residual blocks again in the backward pass: less memory, more time")
    weights: str | None = option("auto", "of the backbone: auto (ImageNet's, if any), a name of torchvision, or none")
    field: int | None = option(None, "field of view of the tiny backbone in pixels: 47, 111 or 239; none: 47")


def build_model(config: ModelConfig) -> ACFNet:
    """The network that ``config`` describes.

    Raises:
        ConfigError: if a value is unknown or too small; the message names the field.
    """
    if config.num_classes is None:
        raise ConfigError("num_classes=None is as many as the data of a training run has: give a number here")
    if config.num_classes < 1:
        raise ConfigError(f"num_classes must be at least 1, got {config.num_classes}")
    if config.channels < 1:
        raise ConfigError(f"channels must be at least 1, got {config.channels}")
    same = ("num_classes", "context", "output_stride", "aux", "align_corners")  # of every base network, same names
    shared = {name: getattr(config, name) for name in same} | {"context_channels": config.channels}
    base = _timm_base(config, shared) if config.backbone.startswith(TIMM) else _resnet_base(config, shared)
    return ACFNet(base, variant=config.variant, channels=config.channels, detach=config.detach)


def _resnet_base(config: ModelConfig, shared: dict[str, Any]) -> nn.Module:
    own: dict[str, Any] = {"weights": config.weights, "recompute": config.recompute, "field": config.field}
    return ResNetBase(backbone=config.backbone, **own, **shared)


def _timm_base(config: ModelConfig, shared: dict[str, Any]) -> nn.Module:
    from acflib.layers.timm_base import TimmBase

    if config.recompute:
        raise ConfigError("recompute=True is for ResNets; a smaller batch_size or more micro_steps save memory too")
    if config.field is not None:
        raise ConfigError(f"field={config.field} is a setting of the tiny base; leave it out for {config.backbone}")
    weights = "auto" if config.weights == IMAGENET_WEIGHTS else config.weights  # torchvision's name, in presets
    return TimmBase(name=config.backbone.removeprefix(TIMM), weights=weights, **shared)


def without_weights(config: ModelConfig) -> ModelConfig:
    """The same network without pretrained weights, for loading a checkpoint into."""
    return replace(config, weights=None)
