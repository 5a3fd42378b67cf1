"""Base networks: a backbone of output stride 8, a context module if wanted, a coarse and an auxiliary head.

A base network is any ``nn.Module`` whose forward returns a :class:`BaseOutput` and that has the attributes
``feature_channels`` and ``num_classes``, and for aligned corners ``output_stride``: then the features of an image of
k*output_stride+1 pixels are k+1 cells. :func:`acflib.layers.tapping.tap` makes one of any other segmentation network.
"""

from typing import TYPE_CHECKING, Any, NamedTuple, cast

import torch
from torch import Tensor, nn

from acflib.errors import ConfigError
from acflib.layers.contexts import make_context
from acflib.layers.norm import BatchNorm, conv_bn_relu
from acflib.layers.recompute import run_blocks

if TYPE_CHECKING:  # importing torchvision takes as long as importing torch: only who builds a network waits for it
    from torchvision.models.resnet import ResNet

BACKBONES = ("tiny", "resnet18", "resnet34", "resnet50", "resnet101")
CONTEXTS = (None, "aspp", "psp")
IMAGENET_WEIGHTS = "IMAGENET1K_V1"  # torchvision's name; every ResNet of it has them
IMAGENET_MEAN = (0.485, 0.456, 0.406)  # of its colors from 0 to 1: images come with mean 0 and deviation 1
IMAGENET_STD = (0.229, 0.224, 0.225)
# What a pixel of the tiny base sees, in pixels, at output stride 8: which of its last layers look beside the pixel.
TINY_FIELDS = {47: (), 111: ("layer3",), 239: ("layer3", "layer4")}
TINY_FIELD = 47  # so narrow that a look at the whole street is worth something (docs/study-plan.md)
FIRST_TINY_FIELD = 239  # of acflib 0.1, whose files name none


def with_field(model: dict[str, Any]) -> dict[str, Any]:
    """Settings of a stored network, its field named: that of acflib 0.1 where the file of a tiny one names none."""
    unnamed = model.get("backbone") == "tiny" and model.get("field") is None
    return {**model, "field": FIRST_TINY_FIELD} if unnamed else model


class BaseOutput(NamedTuple):
    """What a base network returns; H and W are those of its feature map."""

    features: Tensor  # (B, C, H, W), the feature map before the coarse classifier
    coarse: Tensor  # (B, N, H, W), logits
    aux: Tensor | None  # (B, N, h, w), logits of the auxiliary head; None in evaluation or without one


class TinyResNet(nn.Module):
    """A small residual network for lessons on a CPU (0.1 to 0.5 M parameters); layers named as in torchvision's ResNet.

    Args:
        field: how many pixels a feature sees, at output stride 8: 47 (layer3 and layer4 have 1x1 convolutions in the
            place of 3x3 ones), 111 (layer4 has) or 239 (neither).

    Raises:
        ConfigError: another field.
    """

    def __init__(self, field: int = TINY_FIELD):
        super().__init__()
        if field not in TINY_FIELDS:
            raise ConfigError(f"field of the tiny base must be {', '.join(map(str, TINY_FIELDS))}, got {field!r}")
        self.conv1 = nn.Conv2d(3, 32, 3, stride=2, padding=1, bias=False)
        self.bn1 = BatchNorm(32)
        self.relu = nn.ReLU(inplace=True)
        self.maxpool = nn.MaxPool2d(3, stride=2, padding=1)
        self.layer1 = self._block(32, 32, stride=1)
        self.layer2 = self._block(32, 64, stride=2)
        self.layer3 = self._block(64, 96, stride=2)
        self.layer4 = self._block(96, 128, stride=2)
        for name in ("layer3", "layer4"):
            if name not in TINY_FIELDS[field]:
                look_at_one_pixel(getattr(self, name))

    @staticmethod
    def _block(in_channels: int, channels: int, stride: int) -> nn.Sequential:
        from torchvision.models.resnet import BasicBlock

        shortcut = None
        if stride != 1 or in_channels != channels:
            shortcut = nn.Sequential(
                nn.Conv2d(in_channels, channels, 1, stride=stride, bias=False), BatchNorm(channels)
            )
        return nn.Sequential(BasicBlock(in_channels, channels, stride, shortcut, norm_layer=BatchNorm))


class ResNetBase(nn.Module):
    """ResNet (section 4.1) with dilation in its last layers, optional ASPP or PSP, a coarse head and an auxiliary head.

    Args:
        backbone: "resnet18", "resnet34", "resnet50", "resnet101", or "tiny" for lessons on a CPU.
        num_classes: N.
        context: None (the paper's baseline network), "aspp" (its second base network) or "psp".
        context_channels: channels of the context module's result, 512 in the paper.
        output_stride: input pixels per feature pixel: 8 (the paper), 16 or 32.
        aux: whether to add the auxiliary head on layer3, as PSPNet does.
        weights: "auto" (ImageNet's where there are some), a name of torchvision such as "IMAGENET1K_V1", or None.
        align_corners: of the bilinear upsampling inside "psp", and, unless it says otherwise, of an ACFNet around it.
        recompute: run the residual blocks again in the backward pass instead of keeping their activations.
        field: field of view of "tiny" in pixels, see :class:`TinyResNet`; None: its default. Others have their own.

    Raises:
        ConfigError: for an unknown backbone, context, output stride or field, or weights for "tiny".
    """

    def __init__(
        self,
        backbone: str = "resnet101",
        num_classes: int = 19,
        context: str | None = None,
        context_channels: int = 512,
        output_stride: int = 8,
        aux: bool = True,
        *,
        weights: str | None,
        align_corners: bool,
        recompute: bool = False,
        field: int | None = None,
    ):
        super().__init__()
        if context not in CONTEXTS:
            raise ConfigError(f'context must be None, "aspp" or "psp", got {context!r}')
        network = make_backbone(backbone, output_stride, weights=weights, field=field)
        self.num_classes, self.recompute = num_classes, recompute
        self.output_stride, self.align_corners = output_stride, align_corners
        self.stem = nn.Sequential(network.conv1, network.bn1, network.relu, network.maxpool)
        self.layer1, self.layer2 = network.layer1, network.layer2
        self.layer3, self.layer4 = network.layer3, network.layer4
        layer3_channels, layer4_channels = out_channels(self.layer3), out_channels(self.layer4)
        self.feature_channels = layer4_channels if context is None else context_channels
        self.context = make_context(context, layer4_channels, context_channels, align_corners)
        self.classifier = nn.Conv2d(self.feature_channels, num_classes, 1)
        self.aux_head = make_aux_head(layer3_channels, num_classes) if aux else None

    def forward(self, x: Tensor) -> BaseOutput:
        """Images (B, 3, H, W) -> maps at 1/output_stride of the size."""
        x = run_blocks(self.layer2, run_blocks(self.layer1, self.stem(x), self.recompute), self.recompute)
        layer3 = run_blocks(self.layer3, x, self.recompute)
        features = self.context(run_blocks(self.layer4, layer3, self.recompute))
        aux = self.aux_head(layer3) if self.aux_head is not None and self.training else None
        return BaseOutput(features, self.classifier(features), aux)


def make_backbone(
    name: str, output_stride: int = 8, *, weights: str | None, field: int | None = None
) -> "TinyResNet | ResNet":
    """A ResNet of torchvision (or the tiny one), its last layers dilated for the output stride wanted.

    Args:
        weights: "auto", a name of torchvision or None; see :class:`ResNetBase`.

    Raises:
        ConfigError: unknown name, output stride, weights or field.
    """
    import torchvision

    if name not in BACKBONES:
        raise ConfigError(f"backbone must be one of {', '.join(BACKBONES)}, got {name!r}")
    if weights == "auto":
        weights = None if name == "tiny" else IMAGENET_WEIGHTS
    if name == "tiny":
        if weights is not None:
            raise ConfigError('the backbone "tiny" has no pretrained weights: pass weights="auto" or None')
        network: TinyResNet | ResNet = TinyResNet(TINY_FIELD if field is None else field)
    elif field is not None:
        raise ConfigError(f"field={field} is a setting of the tiny base; {name} sees what it sees: leave it out")
    else:
        known = [w.name for w in torchvision.models.get_model_weights(name)]
        if weights is not None and weights not in known:
            raise ConfigError(f"weights of {name} must be auto, None or one of {', '.join(known)}, got {weights!r}")
        try:
            network = cast("ResNet", torchvision.models.get_model(name, weights=weights, norm_layer=BatchNorm))
        except OSError as error:  # URLError and HTTPError are of this kind
            raise ConfigError(
                f"the {weights} weights of {name} cannot be downloaded ({error}): connect to the internet once, put "
                f"the file into {torch.hub.get_dir()}/checkpoints, or train from random weights with --weights none"
            ) from error
    if output_stride not in (8, 16, 32):
        raise ConfigError(f"output_stride must be 8, 16 or 32, got {output_stride}")
    if output_stride == 8:
        dilate(network.layer3, 2)
        dilate(network.layer4, 4)
    elif output_stride == 16:
        dilate(network.layer4, 2)
    return network


def look_at_one_pixel(layer: nn.Sequential) -> None:
    """Put 1x1 convolutions of the same stride and channels in the place of the 3x3 ones of a layer of BasicBlocks."""
    for block in layer:
        for name in ("conv1", "conv2"):
            conv = getattr(block, name)
            setattr(block, name, nn.Conv2d(conv.in_channels, conv.out_channels, 1, stride=conv.stride, bias=False))


def dilate(layer: nn.Module, dilation: int) -> None:
    """Take the stride out of a residual layer and dilate all its 3x3 convolutions instead (section 4.1).

    torchvision's own option refuses BasicBlock and leaves the first block at the previous dilation; PSPNet, which the
    paper follows, dilates every block.
    """
    for conv in layer.modules():
        if isinstance(conv, nn.Conv2d):
            conv.stride = (1, 1)
            if conv.kernel_size == (3, 3):
                conv.dilation = conv.padding = (dilation, dilation)


def out_channels(layer: nn.Module) -> int:
    """Channels of a residual layer's result: those of its last BatchNorm."""
    return [m.num_features for m in layer.modules() if isinstance(m, nn.BatchNorm2d)][-1]


def make_aux_head(in_channels: int, num_classes: int) -> nn.Sequential:
    """The auxiliary head of PSPNet: 3x3 conv-BN-ReLU to a quarter of the channels, dropout 0.1, 1x1 classifier."""
    width = in_channels // 4  # 256 for ResNet-50/101, 64 for ResNet-18/34
    return nn.Sequential(
        *conv_bn_relu(in_channels, width, kernel_size=3), nn.Dropout2d(0.1), nn.Conv2d(width, num_classes, 1)
    )
