"""Context heads on one feature map: ours, torchvision's, segmentation_models.pytorch's, and OCR from its paper.

Each takes features (B, C, H, W) and gives logits (B, N, H, W), or a dict of logits with "out" and "coarse".
"""

import importlib.util
from collections.abc import Callable

import torch
from torch import Tensor, nn
from torchvision.models.segmentation.deeplabv3 import DeepLabHead
from torchvision.models.segmentation.fcn import FCNHead

from acflib.acf import ACFModule
from acflib.layers.contexts import ASPP, PSP
from acflib.layers.norm import conv_bn_relu


class ACFHead(nn.Module):
    """A coarse classifier, the ACF module (or one of its controls), and the fine classifier."""

    def __init__(self, variant: str, in_channels: int, num_classes: int, channels: int):
        super().__init__()
        self.coarse = nn.Conv2d(in_channels, num_classes, 1)
        self.acf = ACFModule(in_channels, num_classes, channels, variant)
        self.classifier = nn.Conv2d(channels, num_classes, 1)

    def forward(self, features: Tensor) -> dict[str, Tensor]:
        coarse = self.coarse(features)
        return {"out": self.classifier(self.acf(features, coarse.softmax(dim=1)).fused), "coarse": coarse}


class OCRHead(nn.Module):
    """Object-contextual representations (Yuan, Chen, Wang, ECCV 2020), section 3.2, with the widths of its ResNet.

    Pixel representations x_i (C' channels, a 3x3 convolution), soft object regions M_k from a coarse classifier:

        f_k  = sum_i softmax_i(M_ki) x_i                         Eq. 1: a softmax over the pixels of each class
        w_ik = softmax_k(phi(x_i) . psi(f_k) / sqrt(K))          Eq. 2, scaled as in the authors' code
        y_i  = rho(sum_k w_ik delta(f_k))                        Eq. 3
        z_i  = g([x_i, y_i])                                     Eq. 4

    phi and psi are two 1x1 convolutions each, delta, rho and g one, all with BatchNorm and ReLU; K = C' / 2 as there.
    The coarse classifier is the 1x1 convolution that the ACF head has, so that the heads alone differ.
    """

    def __init__(self, in_channels: int, num_classes: int, channels: int):
        super().__init__()
        key = channels // 2
        self.coarse = nn.Conv2d(in_channels, num_classes, 1)
        self.pixels = conv_bn_relu(in_channels, channels, kernel_size=3)
        self.phi = nn.Sequential(conv_bn_relu(channels, key), conv_bn_relu(key, key))
        self.psi = nn.Sequential(conv_bn_relu(channels, key), conv_bn_relu(key, key))
        self.delta, self.rho = conv_bn_relu(channels, key), conv_bn_relu(key, channels)
        self.g = conv_bn_relu(2 * channels, channels)
        self.classifier = nn.Conv2d(channels, num_classes, 1)
        self.key = key

    def forward(self, features: Tensor) -> dict[str, Tensor]:
        coarse = self.coarse(features)
        x = self.pixels(features)  # (B, C', H, W)
        regions = coarse.flatten(2).softmax(dim=2)  # (B, N, HW)
        objects = (regions @ x.flatten(2).transpose(1, 2)).transpose(1, 2).unsqueeze(3)  # (B, C', N, 1), Eq. 1
        query = self.phi(x).flatten(2).transpose(1, 2)  # (B, HW, K)
        keys, values = self.psi(objects).squeeze(3), self.delta(objects).squeeze(3)  # (B, K, N)
        weights = (query @ keys / self.key**0.5).softmax(dim=2)  # (B, HW, N), Eq. 2
        context = (weights @ values.transpose(1, 2)).transpose(1, 2).unflatten(2, x.shape[2:])  # (B, K, H, W)
        fused = self.g(torch.cat([x, self.rho(context)], dim=1))  # Eq. 3 and 4
        return {"out": self.classifier(fused), "coarse": coarse}


def with_classifier(context: nn.Module, channels: int, num_classes: int) -> nn.Module:
    """A context module of acflib and a 1x1 classifier behind it."""
    return nn.Sequential(context, nn.Conv2d(channels, num_classes, 1))


def smp_psp(in_channels: int, num_classes: int, channels: int) -> nn.Module:
    """PSPNet's decoder of segmentation_models.pytorch, which projects with a 1x1 convolution, and a classifier."""
    from segmentation_models_pytorch.decoders.pspnet.decoder import PSPDecoder

    class Last(PSPDecoder):
        def forward(self, features: Tensor) -> Tensor:
            return super().forward([features])

    return with_classifier(Last([in_channels], out_channels=channels), channels, num_classes)


def head_makers(rates: tuple[int, int, int]) -> dict[str, Callable[[int, int, int], nn.Module]]:
    """Name -> a function of the channels of the features, the number of classes, and the channels of the context.

    Args:
        rates: dilations of ASPP, in cells.
    """
    makers = {
        f"acf-{variant}": lambda c, n, k, variant=variant: ACFHead(variant, c, n, k)
        for variant in ("sum", "concat", "center")
    }
    makers |= {
        "ocr": OCRHead,
        "psp": lambda c, n, k: with_classifier(PSP(c, k), k, n),  # PSPNet's paper: a 3x3 projection
        "aspp": lambda c, n, k: with_classifier(ASPP(c, k, rates), k, n),  # ACFNet's paper: 512 channels a branch
        "deeplabv3 (torchvision)": lambda c, n, k: DeepLabHead(c, n, rates),  # its own 256 channels
        "self": lambda c, n, k: ACFHead("self", c, n, k),
        "fcn (torchvision)": lambda c, n, k: FCNHead(c, n),
    }
    if importlib.util.find_spec("segmentation_models_pytorch"):
        makers["psp (smp)"] = smp_psp
    return makers
