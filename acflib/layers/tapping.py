"""``tap``: use any segmentation network as a base network (paper: "any off-the-shelf segmentation network")."""

import threading
from typing import Any

import torch
from torch import Tensor, nn

from acflib.errors import ConfigError
from acflib.layers.bases import BaseOutput

MAIN = ("out", "logits")  # the names of the main result in a dict, of torchvision and transformers
_CHECKING = threading.Lock()  # one check at a time: it turns the network to evaluation and back


class TappedNetwork(nn.Module):
    """A base network made of another network; see :func:`tap`."""

    def __init__(
        self, network: nn.Module, classifier: str, feature_channels: int, num_classes: int,
        output_stride: int | None = None, *, check: bool = True,
    ):  # fmt: skip
        super().__init__()
        self.network = network
        self.classifier_name = classifier
        self.feature_channels = feature_channels
        self.num_classes = num_classes
        self.output_stride = output_stride
        self._to_check = [True] if check else []  # a list: the copies that DataParallel makes share it

    def forward(self, x: Tensor) -> BaseOutput:
        """Images (B, 3, H, W) -> features and coarse logits as the network's own last layer sees and makes them."""
        seen: list[tuple[Tensor, Tensor]] = []
        own_thread = threading.get_ident()

        def look(_, inputs: tuple[Tensor, ...], *named_and_output: Any) -> None:
            # Calls of other threads pass here too: the layer is theirs as well, and DataParallel's copies share hooks.
            # Theirs may come without the named arguments, while this hook is being added or removed.
            if threading.get_ident() == own_thread:
                named, output = named_and_output
                seen.append(((*inputs, *named.values())[0], output))
                versions.extend(_versions(*seen[-1]))

        versions: list[int] = []
        layer = self.network.get_submodule(self.classifier_name)
        hook = layer.register_forward_hook(look, with_kwargs=True)
        try:
            output = self.network(x)
        finally:
            hook.remove()
        if len(seen) != 1:
            raise ConfigError(f'layer "{self.classifier_name}" must run once in a forward, it ran {len(seen)} times')
        features, coarse = seen[0]
        aux = output.get("aux") if isinstance(output, dict) and self.training else None
        _check_maps(features, coarse, self.num_classes, self.classifier_name)
        if self._to_check and type(x) is Tensor and not (x.is_meta or torch.compiler.is_compiling()):
            with _CHECKING:
                if self._to_check:  # no other thread was first
                    check_result(self.network, self.classifier_name, x[:1], self.num_classes)
                    self._to_check.clear()
        if versions != _versions(features, coarse):
            raise ConfigError(
                f'what goes into or comes out of the layer "{self.classifier_name}" is changed in place behind it, by '
                "relu_ or sigmoid_, say: have the network make a new tensor there, relu or sigmoid"
            )
        return BaseOutput(features, coarse, aux)


def tap(
    network: nn.Module,
    classifier: str,
    feature_channels: int | None = None,
    num_classes: int | None = None,
    output_stride: int | None = None,
    *,
    check: bool = True,
) -> TappedNetwork:
    """Turn any network whose last layer makes N-channel logits into a base network.

    Features are that layer's input, coarse logits its output; an "aux" entry of the network's own result is kept. The
    first forward runs the network once more, on one image, to see that the layer's output is the network's own result
    but for its size; ConfigError if it is not.

    Args:
        network: any module that takes images (B, 3, H, W).
        classifier: name of the layer that makes the logits, as in ``network.named_modules()``. For torchvision's
            ``fcn_resnet50`` and ``deeplabv3_resnet50``: "classifier.4".
        feature_channels, num_classes: needed only where that layer is no ``nn.Conv2d``.
        output_stride: input pixels per feature pixel. Needed only for ``ACFNet(..., align_corners=True)``, which brings
            cell j onto pixel ``output_stride * j``; without it, each cell covers an equal part of the image. How the
            network itself would enlarge its logits plays no part.
        check: False where the layer's output is not the network's own result, and you want it all the same.

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
    return TappedNetwork(network, classifier, feature_channels, num_classes, output_stride, check=check)


@torch.no_grad()
def check_result(network: nn.Module, classifier: str, image: Tensor, num_classes: int) -> None:
    """See that nothing but resizing, and an activation by pixel, comes between a layer's output and the result.

    The network runs in evaluation mode with that output held constant, another number in each channel. Resizing keeps
    a constant map as it is, so the result must be this constant. A result that is no map
    (class numbers, say) cannot be compared.

    Args:
        image: (1, 3, H, W).

    Raises:
        ConfigError: the result is something else; the message says what to tap.
    """
    own_thread = threading.get_ident()
    held = torch.linspace(-1, 1, num_classes, device=image.device).view(1, -1, 1, 1)

    def hold(_: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> Tensor | None:
        return held.to(output.dtype).expand_as(output).clone() if threading.get_ident() == own_thread else None

    modes = [(module, module.training) for module in network.modules()]
    hook = network.get_submodule(classifier).register_forward_hook(hold)
    try:
        output = network.eval()(image)
    finally:
        hook.remove()
        for module, training in modes:
            module.training = training
    maps = _maps(output)
    results = [part for part in maps if part.shape[1] == num_classes]
    results = results if isinstance(output, dict) else results[:1]  # in a sequence auxiliary ones come behind
    if maps and not results:
        raise ConfigError(
            f'the layer "{classifier}" makes {num_classes} channels, but the result of the network has '
            f"{' or '.join(str(part.shape[1]) for part in maps)}: tap the layer that makes its logits. "
            "If you mean it: tap(..., check=False)"
        )
    expected = (held, held.softmax(1), held.log_softmax(1), held.sigmoid())
    errors = [float((result.float() - value).abs().max()) for result in results for value in expected]
    if errors and min(errors) > 1e-3 + 8 * torch.finfo(results[0].dtype).eps:
        raise ConfigError(
            f'the layer "{classifier}" does not make the result of the network alone: with its output held constant, '
            f"the result still differs from it by {min(errors):.2g}. Tap the layer of the main result, not of an "
            "auxiliary one. Where the network adds up several layers, or learned ones follow, put these into one layer "
            "of your own, and tap that; docs/networks.md shows it for LR-ASPP. If you mean it: tap(..., check=False)"
        )


def _maps(output: Any) -> list[Tensor]:
    """What may be the main result (B, N, H, W): a tensor; in a dict that of a usual name; in a sequence those maps."""
    if isinstance(output, dict):
        parts = [output[name] for name in MAIN if name in output] or [
            part for name, part in output.items() if name != "aux"
        ]
    else:
        parts = list(output) if isinstance(output, list | tuple) else [output]
    return [part for part in parts if torch.is_tensor(part) and part.dim() == 4 and part.is_floating_point()]


def _check_maps(features: Tensor, coarse: Tensor, num_classes: int, classifier: str) -> None:
    ok = torch.is_tensor(features) and features.dim() == 4 and coarse.dim() == 4
    if not ok or features.shape[2:] != coarse.shape[2:] or coarse.shape[1] != num_classes:
        raise ConfigError(
            f'the layer "{classifier}" must map features (B, C, H, W) to logits (B, {num_classes}, H, W); '
            f"it mapped {tuple(features.shape)} to {tuple(coarse.shape)}"
        )


def _versions(*maps: Tensor) -> list[int]:
    """How often each was written into; nothing where torch does not count."""
    countable = not torch.compiler.is_compiling()
    return [each._version for each in maps if countable and type(each) is Tensor and not each.is_inference()]
