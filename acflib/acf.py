"""The Attentional Class Feature module (paper, section 3.1, Fig. 2d and 3) and its variants of Table 1.

    ClassCenterBlock     F, P -> class centers                       Fig. 3a, Eq. 2
    ClassAttentionBlock  class centers, P -> attentional feature     Fig. 3b, Eq. 3 or 5
    FuseBlock            attentional feature, F -> feature map before the fine segmentation (section 3.2)
    ACFModule            the three together

The controls of :mod:`acflib.layers.controls` put something else in the place of the first two.
"""

from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from acflib import functional
from acflib.errors import ConfigError
from acflib.layers.alignment import map_size
from acflib.layers.controls import CONTROLS, PERMUTED, make_control, permute_centers
from acflib.layers.norm import BatchNorm, EndsInBatchNormReLU, conv_bn_relu

VARIANTS = ("sum", "concat", "center")  # Table 1
ALL_VARIANTS = (*VARIANTS, *CONTROLS, PERMUTED)


class ACFOutput(NamedTuple):
    """What the ACF module computes; see :class:`ACFModule`."""

    centers: Tensor | None  # (B, N, C'); None for a control, which has no class centers
    attended: Tensor  # (B, O, H, W), the refined F_a; variant "center": all centers in one vector, (B, N*C', H, W)
    fused: Tensor  # (B, O, H, W), the feature map before the fine segmentation


class ClassCenterBlock(nn.Module):
    """Class Center Block (Fig. 3a): reduce the channels, then average the features of each class (Eq. 2).

    Args:
        in_channels: C, channels of the feature map of the base network.
        channels: C', 512 in the paper (section 4.1).
    """

    def __init__(self, in_channels: int, channels: int = 512):
        super().__init__()
        self.reduce = conv_bn_relu(in_channels, channels)

    def forward(self, features: Tensor, probabilities: Tensor) -> Tensor:
        """Features (B, C, H, W) and probabilities (B, N, H, W) -> class centers (B, N, C')."""
        return functional.class_centers(self.reduce(features), probabilities)


class ClassAttentionBlock(EndsInBatchNormReLU):
    """Class Attention Block (Fig. 3b): each pixel gathers the class centers by its probabilities; a 1x1 conv refines.

    Args:
        num_classes: N.
        channels: C', channels of the class centers.
        out_channels: O, channels of the result, 512 in the paper.
        variant: "sum" (Eq. 3) or "concat" (Eq. 5).
        factorized: apply the convolution to the N centers instead of the H*W pixels. The same numbers, far cheaper.
    """

    def __init__(
        self,
        num_classes: int,
        channels: int = 512,
        out_channels: int = 512,
        variant: str = "sum",
        factorized: bool = True,
    ):
        super().__init__()
        if variant not in ("sum", "concat"):
            raise ConfigError(f'variant must be "sum" or "concat", got {variant!r}')
        in_channels = channels if variant == "sum" else num_classes * channels
        self.variant, self.factorized = variant, factorized
        self.refine = nn.Conv2d(in_channels, out_channels, 1, bias=False)
        self.bn, self.relu = BatchNorm(out_channels), nn.ReLU(inplace=True)

    def forward(self, centers: Tensor, probabilities: Tensor) -> Tensor:
        """Class centers (B, N, C') and probabilities (B, N, H, W) -> (B, O, H, W)."""
        if self.factorized:
            attend_conv = functional.attend_sum_conv if self.variant == "sum" else functional.attend_concat_conv
            refined = attend_conv(centers, probabilities, self.refine.weight)
        else:
            attend = functional.attend_sum if self.variant == "sum" else functional.attend_concat
            refined = self.refine(attend(centers, probabilities))
        return self.relu(self.bn(refined))


class FuseBlock(EndsInBatchNormReLU):
    """Concatenate context and features and refine by a 1x1 conv (section 3.2), with BatchNorm and ReLU.

    The concatenation is never copied: ``W [a; b] = W_a a + W_b b``. For the center-only variant ``W_a a`` is one vector
    per image. ``literal=True`` builds the concatenation, for comparison.
    """

    def __init__(self, context_channels: int, feature_channels: int, out_channels: int, literal: bool = False):
        super().__init__()
        self.literal = literal
        self.split = [context_channels, feature_channels]
        self.conv = nn.Conv2d(context_channels + feature_channels, out_channels, 1, bias=False)
        self.bn, self.relu = BatchNorm(out_channels), nn.ReLU(inplace=True)

    def forward(self, context: Tensor, features: Tensor) -> Tensor:
        """Context (B, K, H, W), or class centers (B, N, C') with N*C' = K; features (B, C, H, W) -> (B, O, H, W)."""
        is_centers = context.dim() == 3
        if self.literal:
            if is_centers:
                context = functional.expand_centers(context, map_size(features))
            return self.relu(self.bn(self.conv(torch.cat([context, features], dim=1))))
        for_context, for_features = self.conv.weight.split(self.split, dim=1)
        if is_centers:
            mixed = functional.expand_centers_conv(context, for_context)  # (B, O, 1, 1)
        else:
            mixed = F.conv2d(context, for_context)  # (B, O, H, W)
        return self.relu(self.bn(F.conv2d(features, for_features) + mixed))


class ACFModule(nn.Module):
    """The Attentional Class Feature module of one variant, with the fusion that follows it.

    Args:
        feature_channels: C of the base network's feature map.
        num_classes: N.
        channels: C' of the class centers and of every result, 512 in the paper.
        variant: "sum" (the paper's default), "concat", or "center" (no attention: all class centers at every pixel);
            or a control: "self", "global", "psp" have no class centers, "permuted" is "sum" with those of other classes
            (see :mod:`acflib.layers.controls`).
        factorized: False builds the literal tensors of the paper; the numbers are the same.

    Raises:
        ConfigError: for an unknown variant.
    """

    def __init__(
        self,
        feature_channels: int,
        num_classes: int,
        channels: int = 512,
        variant: str = "sum",
        factorized: bool = True,
    ):
        super().__init__()
        if variant not in ALL_VARIANTS:
            raise ConfigError(f"variant must be one of {', '.join(ALL_VARIANTS)}, got {variant!r}")
        self.variant = variant
        self.control: nn.Module | None = None
        self.center_block: ClassCenterBlock | None = None
        self.attention_block: ClassAttentionBlock | None = None
        context_channels = channels
        if variant in CONTROLS:
            self.control = make_control(variant, feature_channels, channels)
        else:
            self.center_block = ClassCenterBlock(feature_channels, channels)
        if variant == "center":
            context_channels = num_classes * channels
        elif self.center_block is not None:
            attention = "sum" if variant == PERMUTED else variant
            self.attention_block = ClassAttentionBlock(num_classes, channels, channels, attention, factorized)
        self.fuse = FuseBlock(context_channels, feature_channels, channels, literal=not factorized)

    def forward(
        self,
        features: Tensor,
        probabilities: Tensor,
        center_probs: Tensor | None = None,
        attention_probs: Tensor | None = None,
    ) -> ACFOutput:
        """Run the module.

        Args:
            features: F, (B, C, H, W).
            probabilities: P_coarse, (B, N, H, W).
            center_probs: used instead of P in Eq. 2 (oracles, what-if experiments), (B, N, H, W).
            attention_probs: used instead of P in Eq. 3 and 5, (B, N, H, W).

        Raises:
            ValueError: if class maps are given to a variant that has no use for them.
        """
        if self.control is not None:
            if center_probs is not None or attention_probs is not None:
                raise ValueError(f'the variant "{self.variant}" has no class centers: leave out the class maps')
            context = self.control(features)
            return ACFOutput(None, context, self.fuse(context, features))
        center_probs = probabilities if center_probs is None else center_probs
        attention_probs = probabilities if attention_probs is None else attention_probs
        assert self.center_block is not None  # there is one of the two
        centers = self.center_block(features, center_probs)
        if self.attention_block is None:
            attended = functional.expand_centers(centers, map_size(features))
            return ACFOutput(centers, attended, self.fuse(centers, features))
        placed = permute_centers(centers, self.training) if self.variant == PERMUTED else centers
        attended = self.attention_block(placed, attention_probs)
        return ACFOutput(centers, attended, self.fuse(attended, features))
