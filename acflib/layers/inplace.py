"""In-place activated BatchNorm (Rota Bulo et al., CVPR 2018), which the paper puts in place of every BatchNorm.

Convolution, BatchNorm, ReLU keep two tensors for the backward pass: the convolution's result x, which BatchNorm needs,
and the activated result z, which ReLU and the next convolution need. A leaky ReLU can be inverted, an affine map too:
z gives x_hat back, so z alone is kept.

    forward     x -> x_hat = (x - mean) / std -> y = scale * x_hat + bias + shortcut -> z = leaky_relu(y)
    backward    z -> y = leaky_relu(z, 1 / slope) -> x_hat = (y - shortcut - bias) / scale

:func:`use_inplace` converts a network; its state dict keeps its names, and notes the slopes beside them, so that an
ACFNet with other activations refuses it.
"""

from typing import TYPE_CHECKING, Any, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

from acflib import distributed
from acflib.errors import ConfigError
from acflib.layers.norm import EndsInBatchNormReLU, check_values_per_channel, synchronize, take_over

if TYPE_CHECKING:  # torchvision is slow to import, see acflib.layers.bases
    from torchvision.models.resnet import BasicBlock, Bottleneck

SMALLEST_SCALE = 1e-3
PIXELS = (0, 2, 3)  # all dimensions of (B, C, H, W) but the channels


class BatchStatistics(NamedTuple):
    """Mean and (biased) variance of each channel over the batches of all processes, at least float32."""

    mean: Tensor  # (C,)
    variance: Tensor  # (C,)
    number: Tensor  # (1,), values per channel


class InPlaceABN(nn.BatchNorm2d):
    """BatchNorm and leaky ReLU in one, with an optional shortcut between them: ``leaky_relu(bn(x) + shortcut)``.

    In training, batch statistics are taken over all processes, and the result is written over x where x is the fresh
    result of another operation. Do not use x again, and do not change the result or the shortcut in place: both are
    needed by the backward pass (torch raises an error there). In evaluation it is a plain BatchNorm and leaky ReLU.

    The inversion divides by the weight, so a weight nearer to 0 than 0.001 acts as 0.001 of the same sign. Its
    gradient is that of the weight in use, so training can move it out again.

    Args:
        num_features: C.
        eps, momentum: as in ``nn.BatchNorm2d``; the state dict is the same too.
        slope: of the leaky ReLU for negative values, above 0; 1 means no activation.

    Raises:
        ConfigError: for a slope that cannot be inverted; in training, for one value per channel.
        ValueError: if the shortcut has another shape than x.
    """

    running_mean: Tensor  # always tracked
    running_var: Tensor
    num_batches_tracked: Tensor

    def __init__(self, num_features: int, eps: float = 1e-5, momentum: float | None = 0.1, slope: float = 0.01):
        super().__init__(num_features, eps, momentum)
        if slope <= 0:
            raise ConfigError(f"slope must be above 0, got {slope}: a plain ReLU cannot be inverted")
        self.slope = slope

    def _save_to_state_dict(self, destination: Any, prefix: str, keep_vars: bool) -> None:
        super()._save_to_state_dict(destination, prefix, keep_vars)
        destination._metadata[prefix[:-1]]["slope"] = self.slope  # beside the tensors: see check_activations

    def forward(self, x: Tensor, shortcut: Tensor | None = None) -> Tensor:
        """x and shortcut (B, C, H, W) -> (B, C, H, W), in the dtype of x."""
        self._check_input_dim(x)
        if shortcut is not None and shortcut.shape != x.shape:
            raise ValueError(f"shortcut must have the shape of x, {tuple(x.shape)}, got {tuple(shortcut.shape)}")
        if self.training:
            if torch.compiler.is_compiling():  # it cannot trace a function that overwrites its argument
                return torch.compiler.disable(self._forward_training)(x, shortcut)
            return self._forward_training(x, shortcut)
        scale = invertible_scale(self.weight)
        y = F.batch_norm(x, self.running_mean, self.running_var, scale, self.bias, eps=self.eps)
        y = y if shortcut is None else y.add_(shortcut)
        return y if self.slope == 1 else F.leaky_relu_(y, self.slope)

    def _forward_training(self, x: Tensor, shortcut: Tensor | None) -> Tensor:
        check_values_per_channel(x, distributed.world_size())
        statistics = batch_statistics(x)
        self._update_running(statistics)
        # A tensor of the user's own, or a view of a larger one, is copied instead of overwritten.
        fresh = x.grad_fn is not None and not x._is_view() and shortcut is not x
        scale = invertible_scale(self.weight)
        return _NormalizeActivate.apply(x, scale, self.bias, shortcut, statistics, self.eps, self.slope, fresh)

    @torch.no_grad()
    def _update_running(self, statistics: BatchStatistics) -> None:
        mean, variance, count = statistics
        self.num_batches_tracked += 1
        momentum = 1 / float(self.num_batches_tracked) if self.momentum is None else self.momentum
        unbiased = variance * count / (count - 1)  # as in torch: kept is the unbiased one, used is the other
        self.running_mean.lerp_(mean.to(self.running_mean.dtype), momentum)
        self.running_var.lerp_(unbiased.to(self.running_var.dtype), momentum)

    def extra_repr(self) -> str:
        return f"{super().extra_repr()}, slope={self.slope}"


def check_activations(model: nn.Module, state_dict: dict) -> list[str]:
    """What is wrong where a state dict was saved with other activations than the network has.

    Plain and in-place BatchNorm have the same tensors under the same names, but a ReLU or a leaky ReLU behind them.

    Args:
        model: the network that is to load it.
        state_dict: of a network that notes its activations; without its metadata (a copy into a plain dict, a
            safetensors file) nothing is known, and nothing is found.
    """
    metadata = getattr(state_dict, "_metadata", None) or {}
    saved = {name: found["slope"] for name, found in metadata.items() if "slope" in found}
    own = {name: module.slope for name, module in model.named_modules() if isinstance(module, InPlaceABN)}
    if not metadata or saved == own:
        return []
    kinds = [
        f"in-place BatchNorm and leaky ReLU (slope {min(slopes.values()):g})" if slopes else "plain BatchNorm and ReLU"
        for slopes in (saved, own)
    ]
    return [
        f"the weights were trained with {kinds[0]}, the network has {kinds[1]}: the same names, but another result. "
        "Load them into a network of their own kind: acflib.layers.inplace.use_inplace makes the one of the other"
    ]


def invertible_scale(weight: Tensor) -> Tensor:
    """The weight (C,), moved to SMALLEST_SCALE of the same sign where it is nearer to 0; the gradient passes as is."""
    floored = torch.copysign(weight.abs().clamp_min(SMALLEST_SCALE), weight)
    return weight + (floored - weight).detach()


@torch.no_grad()
def batch_statistics(x: Tensor) -> BatchStatistics:
    """Mean and variance of x (B, C, H, W) over the batches of all processes, which may differ in size.

    The squared distances to the joint mean are n (variance + (own mean - joint mean)^2): exact to rounding, unlike
    E[x^2] - E[x]^2.
    """
    x = x.to(torch.promote_types(x.dtype, torch.float32))  # half precision cannot add up a batch
    own_variance, own_mean = torch.var_mean(x, dim=PIXELS, correction=0)
    own_count = x.new_full((1,), x.numel() // x.shape[1])
    total = distributed.sum_over_ranks(torch.cat([own_count, own_count * own_mean]))  # (1 + C,)
    count, mean = total[:1], total[1:] / total[:1]
    squares = distributed.sum_over_ranks(own_count * (own_variance + (own_mean - mean).square()))
    return BatchStatistics(mean, squares / count, count)


class _NormalizeActivate(torch.autograd.Function):
    """``leaky_relu(scale * x_hat + bias + shortcut)``, inverted in the backward pass."""

    @staticmethod
    def forward(
        ctx: Any, x: Tensor, scale: Tensor, bias: Tensor, shortcut: Tensor | None,
        statistics: BatchStatistics, eps: float, slope: float, overwrite: bool,
    ) -> Tensor:  # fmt: skip
        inv_std = torch.rsqrt(statistics.variance + eps)
        if overwrite:
            ctx.mark_dirty(x)
        else:
            x = x.clone()
        y = x.to(inv_std.dtype)  # x itself; in half precision a copy, so that it is rounded once
        y.sub_(_per_channel(statistics.mean)).mul_(_per_channel(scale * inv_std)).add_(_per_channel(bias))
        if shortcut is not None:
            y.add_(shortcut)
        z = x.copy_(F.leaky_relu_(y, slope))
        ctx.save_for_backward(z, shortcut, scale, bias, inv_std, statistics.number)
        ctx.slope = slope
        return z

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad_z: Tensor) -> tuple[Tensor | None, ...]:
        z, shortcut, scale, bias, inv_std, count = ctx.saved_tensors
        scale, bias = scale.to(inv_std.dtype), bias.to(inv_std.dtype)
        grad_z = grad_z.to(inv_std.dtype)
        grad_y = torch.where(z > 0, grad_z, ctx.slope * grad_z)
        y = F.leaky_relu(z.to(inv_std.dtype), 1 / ctx.slope)  # the inverse of a leaky ReLU is one of inverse slope
        if shortcut is not None:
            y.sub_(shortcut)
        x_hat = y.sub_(_per_channel(bias)).div_(_per_channel(scale))
        grad_bias, grad_scale = grad_y.sum(PIXELS), (grad_y * x_hat).sum(PIXELS)  # of this process: (C,)
        # The statistics depend on x too: the mean of the gradient and its projection on x_hat, over all processes.
        means = distributed.sum_over_ranks(torch.stack([grad_bias, grad_scale])) / count  # (2, C)
        grad_x = x_hat.mul_(-_per_channel(means[1])).add_(grad_y).sub_(_per_channel(means[0]))
        grad_x = grad_x.mul_(_per_channel(scale * inv_std)).to(z.dtype)
        grad_shortcut = None if shortcut is None else grad_y.to(shortcut.dtype)
        return grad_x, grad_scale, grad_bias, grad_shortcut, None, None, None, None


def _per_channel(values: Tensor) -> Tensor:
    return values.view(1, -1, 1, 1)  # (C,) -> (1, C, 1, 1)


class InPlaceResidual(nn.Module):
    """torchvision's BasicBlock or Bottleneck with its last BatchNorm, addition and activation in one step.

    Args:
        block: its layers are taken over, under the same names.
        slope: of the leaky ReLU.
    """

    def __init__(self, block: "BasicBlock | Bottleneck", slope: float = 0.01):
        super().__init__()
        self.conv1, self.bn1 = block.conv1, _as_inplace(block.bn1, slope)
        self.conv2, self.bn2 = block.conv2, _as_inplace(block.bn2, slope)
        self.has_third = hasattr(block, "conv3")  # a Bottleneck
        if self.has_third:
            self.conv3, self.bn3 = block.conv3, _as_inplace(block.bn3, slope)
        self.downsample = block.downsample
        for name, child in [] if self.downsample is None else self.downsample.named_children():
            if isinstance(child, nn.BatchNorm2d):  # no activation follows it
                setattr(self.downsample, name, _as_inplace(child, slope=1.0))

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W) -> (B, C', H', W')."""
        shortcut = x if self.downsample is None else self.downsample(x)
        out = self.bn1(self.conv1(x))
        if not self.has_third:
            return self.bn2(self.conv2(out), shortcut)
        return self.bn3(self.conv3(self.bn2(self.conv2(out))), shortcut)


def use_inplace(model: nn.Module, slope: float = 0.01) -> nn.Module:
    """Convert a network to in-place activated BatchNorm: every ReLU after a BatchNorm becomes a leaky ReLU.

    Converted are convolution, BatchNorm, ReLU in a row in an ``nn.Sequential``, the blocks of the ACF module, and
    torchvision's BasicBlock and Bottleneck. Any other BatchNorm stays plain, with the activation that follows it,
    because its input may be needed elsewhere; its statistics are taken over all processes too. Use it instead of
    :func:`acflib.layers.norm.synchronize`, not before it: that one would take the activations out again.

    Args:
        model: parameters, buffers and the names in its state dict are kept.
        slope: of the leaky ReLU, 0.01 in the InPlaceABN paper.

    Returns:
        The model (changed in place where it is no block or BatchNorm itself).

    Raises:
        ConfigError: for a BatchNorm that has no weight and bias, or no running statistics.
    """
    from torchvision.models.resnet import BasicBlock, Bottleneck

    if isinstance(model, InPlaceABN):
        return model
    if isinstance(model, BasicBlock | Bottleneck):
        return InPlaceResidual(model, slope)
    if isinstance(model, nn.BatchNorm2d):
        return synchronize(model, "cpu") if distributed.world_size() > 1 else model  # this kind runs on any device
    if isinstance(model, nn.Sequential):
        for i in range(len(model) - 2):
            conv, norm, relu = model[i], model[i + 1], model[i + 2]
            if isinstance(conv, nn.Conv2d) and isinstance(norm, nn.BatchNorm2d) and isinstance(relu, nn.ReLU):
                model[i + 1], model[i + 2] = _as_inplace(norm, slope), nn.Identity()
    if isinstance(model, EndsInBatchNormReLU):
        model.bn, model.relu = _as_inplace(model.bn, slope), nn.Identity()
    for name, child in model.named_children():
        setattr(model, name, use_inplace(child, slope))
    return model


def _as_inplace(norm: nn.BatchNorm2d, slope: float) -> InPlaceABN:
    if norm.weight is None or norm.running_mean is None:
        raise ConfigError(f"in-place BatchNorm needs affine=True and track_running_stats=True, the network has {norm}")
    new = InPlaceABN(norm.num_features, norm.eps, norm.momentum, slope)
    take_over(norm, new)
    return new
