"""``tap``: use any segmentation network as a base network (paper: "any off-the-shelf segmentation network")."""

import threading

import torch
from torch import Tensor, nn

from acflib.errors import ConfigError
from acflib.layers.bases import BaseOutput


class TappedNetwork(nn.Module):
    """A base network made of another network; see :func:`tap`."""

    def __init__(
        self, network: nn.Module, classifier: str, feature_channels: int, num_classes: int,
        output_stride: int | None = None,
    ):  # fmt: skip
        super().__init__()
        self.network = network
        self.classifier_name = classifier
        self.feature_channels = feature_channels
        self.num_classes = num_classes
        self.output_stride = output_stride

    def forward(self, x: Tensor) -> BaseOutput:
        """Images (B, 3, H, W) -> features and coarse logits as the network's own last layer sees and makes them."""
        seen: list[tuple[Tensor, Tensor]] = []
        own_thread = threading.get_ident()

        def look(_, inputs: tuple[Tensor, ...], output: Tensor) -> None:
            # Calls of other threads pass here too: the layer is theirs as well, and DataParallel's copies share hooks.
            if threading.get_ident() == own_thread:
                seen.append((inputs[0], output))

        hook = self.network.get_submodule(self.classifier_name).register_forward_hook(look)
        try:
            output = self.network(x)
        finally:
            hook.remove()
        if len(seen) != 1:
            raise ConfigError(f'layer "{self.classifier_name}" must run once in a forward, it ran {len(seen)} times')
        features, coarse = seen[0]
        aux = output.get("aux") if isinstance(output, dict) and self.training else None
        _check_maps(features, coarse, self.num_classes, self.classifier_name)
        return BaseOutput(features, coarse, aux)


def tap(
    network: nn.Module,
    classifier: str,
    feature_channels: int | None = None,
    num_classes: int | None = None,
    output_stride: int | None = None,
) -> TappedNetwork:
    """Turn any network whose last layer makes N-channel logits into a base network.

    Features are that layer's input, coarse logits its output; an "aux" entry of the network's own result is kept.

    Args:
        network: any module that takes images (B, 3, H, W).
        classifier: name of the layer that makes the logits, as in ``network.named_modules()``. For torchvision's
            ``fcn_resnet50`` and ``deeplabv3_resnet50``: "classifier.4".
        feature_channels, num_classes: needed only where that layer is no ``nn.Conv2d``.
        output_stride: input pixels per feature pixel. Needed only for ``ACFNet(..., align_corners=True)``, which brings
            cell j onto pixel ``output_stride * j``; without it, each cell covers an equal part of the image. How the
            network itself would enlarge its logits plays no part.

    Raises:
        ConfigError: if there is no such layer, its numbers of channels cannot be told, or the stride is below 1.

    Example:
        >>> network = torchvision.models.segmentation.fcn_resnet50(weights=None, weights_backbone=None)
        >>> model = ACFNet(tap(network, "classifier.4"))
    """
    if output_stride is not None and output_stride < 1:
        raise ConfigError(f"output_stride must be at least 1, got {output_stride}")
    try:
        layer = network.get_submodule(classifier)
    except AttributeError:
        convs = [name for name, module in network.named_modules() if isinstance(module, nn.Conv2d)]
        raise ConfigError(
            f'the network has no layer "{classifier}"; its last convolutions are {", ".join(convs[-5:]) or "none"}'
        ) from None
    if feature_channels is None or num_classes is None:
        if not isinstance(layer, nn.Conv2d):
            raise ConfigError(
                f'"{classifier}" is a {type(layer).__name__}, no Conv2d: name feature_channels and num_classes yourself'
            )
        feature_channels, num_classes = layer.in_channels, layer.out_channels
    return TappedNetwork(network, classifier, feature_channels, num_classes, output_stride)


def _check_maps(features: Tensor, coarse: Tensor, num_classes: int, classifier: str) -> None:
    ok = torch.is_tensor(features) and features.dim() == 4 and coarse.dim() == 4
    if not ok or features.shape[2:] != coarse.shape[2:] or coarse.shape[1] != num_classes:
        raise ConfigError(
            f'the layer "{classifier}" must map features (B, C, H, W) to logits (B, {num_classes}, H, W); '
            f"it mapped {tuple(features.shape)} to {tuple(coarse.shape)}"
        )
