"""Networks of four libraries for tools/tapped_networks.py: how each is built (random weights), and where to tap it."""

import importlib.util
from collections.abc import Callable
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

NUM_CLASSES = 5


@dataclass(frozen=True)
class Case:
    """A network to tap.

    Attributes:
        library: distribution name of the package it comes from.
        name: as that package calls it.
        classifier: the layer to tap.
        make: builds it.
        note: what was done to it, if anything.
    """

    library: str
    name: str
    classifier: str
    make: Callable[[], nn.Module]
    note: str = ""

    def is_installed(self) -> bool:
        return importlib.util.find_spec(self.library.replace("-", "_")) is not None


def of_torchvision(name: str) -> nn.Module:
    """A network of torchvision that starts from random weights."""
    import torchvision

    return torchvision.models.get_model(name, weights=None, weights_backbone=None, num_classes=NUM_CLASSES)


class OneClassifier(nn.Module):
    """The head of torchvision's LR-ASPP with its two classifiers as one, over both feature maps one behind the other.

    low @ A + a + high @ B + b = [low, high] @ [A; B] + (a + b): the same numbers, and now there is one layer to tap.
    """

    def __init__(self, head: nn.Module):
        super().__init__()
        self.cbr, self.scale = head.cbr, head.scale
        low, high = head.low_classifier, head.high_classifier
        self.classifier = nn.Conv2d(low.in_channels + high.in_channels, low.out_channels, 1)
        with torch.no_grad():
            self.classifier.weight.copy_(torch.cat([low.weight, high.weight], dim=1))
            self.classifier.bias.copy_(low.bias + high.bias)

    def forward(self, maps: dict[str, Tensor]) -> Tensor:
        """Maps "low" and "high" of the backbone -> logits (B, N, H, W) of the size of "low"."""
        low, high = maps["low"], self.cbr(maps["high"]) * self.scale(maps["high"])
        high = F.interpolate(high, low.shape[-2:], mode="bilinear", align_corners=False)
        return self.classifier(torch.cat([low, high], dim=1))


def lraspp() -> nn.Module:
    """LR-ASPP by the recipe."""
    network = of_torchvision("lraspp_mobilenet_v3_large")
    network.classifier = OneClassifier(network.classifier)
    return network


def of_smp(name: str) -> nn.Module:
    """A network of segmentation_models_pytorch."""
    import segmentation_models_pytorch as smp

    return getattr(smp, name)("resnet18", encoder_weights=None, classes=NUM_CLASSES)


def of_transformers(name: str, **settings) -> nn.Module:
    """A small network of transformers, from its configuration."""
    import transformers

    config = getattr(transformers, f"{name}Config")(num_labels=NUM_CLASSES, **settings)
    return getattr(transformers, f"{name}ForSemanticSegmentation")(config)


def upernet() -> nn.Module:
    """UPerNet of transformers on a small ResNet."""
    from transformers import ResNetConfig

    backbone = ResNetConfig(
        hidden_sizes=[16, 24, 32, 48],
        embedding_size=8,
        depths=[1, 1, 1, 1],
        layer_type="basic",
        out_features=["stage1", "stage2", "stage3", "stage4"],
    )
    small = {"hidden_size": 32, "auxiliary_in_channels": 32, "auxiliary_channels": 16}
    return of_transformers("UperNet", backbone_config=backbone, **small)


class FeaturesAndHead(nn.Module):
    """A network of timm with a head of one's own: a 3x3 convolution, and the classifier."""

    def __init__(self, name: str):
        super().__init__()
        import timm

        self.network = timm.create_model(name, features_only=True)
        channels = self.network.feature_info.channels()[-1]
        self.head = nn.Sequential(nn.Conv2d(channels, 32, 3, padding=1), nn.ReLU())
        self.classifier = nn.Conv2d(32, NUM_CLASSES, 1)

    def forward(self, x: Tensor) -> Tensor:
        """Images (B, 3, H, W) -> logits (B, N, H, W)."""
        logits = self.classifier(self.head(self.network(x)[-1]))
        return F.interpolate(logits, x.shape[-2:], mode="bilinear", align_corners=False)


SEGFORMER = {"hidden_sizes": [8, 16, 24, 32], "decoder_hidden_size": 32, "depths": [1, 1, 1, 1]}
MOBILEVIT = {
    "hidden_sizes": [32, 48, 64], "neck_hidden_sizes": [16, 16, 24, 32, 48, 64, 96], "aspp_out_channels": 128,
    "aspp_dropout_prob": 0.0, "image_size": 64, "output_stride": 16,
}  # fmt: skip
DPT = {
    "image_size": 64, "patch_size": 16, "hidden_size": 32, "num_hidden_layers": 4, "num_attention_heads": 2,
    "intermediate_size": 64, "backbone_out_indices": [0, 1, 2, 3], "neck_hidden_sizes": [8, 16, 24, 32],
    "fusion_hidden_size": 16,
}  # fmt: skip
SMP, HEAD = "segmentation-models-pytorch", "segmentation_head.0"

CASES = (
    Case("torchvision", "fcn_resnet50", "classifier.4", lambda: of_torchvision("fcn_resnet50")),
    Case("torchvision", "deeplabv3_resnet50", "classifier.4", lambda: of_torchvision("deeplabv3_resnet50")),
    Case(
        "torchvision", "deeplabv3_mobilenet_v3_large", "classifier.4",
        lambda: of_torchvision("deeplabv3_mobilenet_v3_large"),
    ),
    Case("torchvision", "lraspp_mobilenet_v3_large", "classifier.classifier", lraspp, "two classifiers made one"),
    *(
        Case(SMP, name, HEAD, lambda name=name: of_smp(name))
        for name in ("Unet", "FPN", "PSPNet", "DeepLabV3Plus", "UPerNet", "Segformer", "MAnet")
    ),
    Case("transformers", "Segformer", "decode_head.classifier", lambda: of_transformers("Segformer", **SEGFORMER)),
    Case("transformers", "UperNet", "decode_head.classifier", upernet),
    Case(
        "transformers", "MobileViT", "segmentation_head.classifier.convolution",
        lambda: of_transformers("MobileViT", **MOBILEVIT),
    ),
    Case("transformers", "DPT", "head.head.4", lambda: of_transformers("DPT", **DPT)),
    Case("timm", "resnet18", "classifier", lambda: FeaturesAndHead("resnet18"), "a head of one's own"),
    Case("timm", "convnext_atto", "classifier", lambda: FeaturesAndHead("convnext_atto"), "a head of one's own"),
)  # fmt: skip
