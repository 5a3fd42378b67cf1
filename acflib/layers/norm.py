"""Batch normalization: one process, several processes, and a clear error when a batch is too small."""

from typing import cast

import torch
import torch.distributed as dist
from torch import Tensor, nn

from acflib.distributed import sum_with_gradient
from acflib.errors import ConfigError


class BatchNorm(nn.BatchNorm2d):
    """``nn.BatchNorm2d`` whose error for a single value per channel says what to do about it."""

    def forward(self, x: Tensor) -> Tensor:
        if self.training:
            check_values_per_channel(x, processes=1)
        return super().forward(x)


class EndsInBatchNormReLU(nn.Module):
    """A block whose last step is ``self.relu(self.bn(x))``, and which needs x nowhere else.

    So :func:`acflib.layers.inplace.use_inplace` may join the two.
    """

    bn: nn.BatchNorm2d
    relu: nn.Module


class GlooSyncBatchNorm(nn.BatchNorm2d):
    """Batch statistics over all processes on any device, by two plain all-reduces.

    ``torch.nn.SyncBatchNorm`` is faster but refuses CPU tensors. This one serves tests and training over several CPU
    processes. Mean first, then the sum of squared distances to it: exact to rounding, unlike E[x^2] - E[x]^2.
    """

    running_mean: Tensor  # always tracked: synchronize converts no other kind
    running_var: Tensor
    num_batches_tracked: Tensor
    momentum: float

    def forward(self, x: Tensor) -> Tensor:
        if not self.training or not dist.is_initialized():
            return super().forward(x)
        dtype, x = x.dtype, x.to(torch.promote_types(x.dtype, torch.float32))  # bf16 cannot add up a batch
        # Processes may hold batches of different size, so the count is reduced too.
        count_and_sum = torch.cat([x.new_full((1,), x.numel() / x.shape[1]), x.sum(dim=(0, 2, 3))])  # (1 + C,)
        count_and_sum = sum_with_gradient(count_and_sum)
        count, mean = count_and_sum[0], count_and_sum[1:] / count_and_sum[0]
        check_values_per_channel(x, dist.get_world_size())
        centered = x - mean.view(1, -1, 1, 1)  # (C,) -> (1, C, 1, 1)
        variance = sum_with_gradient(centered.square().sum(dim=(0, 2, 3))) / count
        with torch.no_grad():
            self.num_batches_tracked += 1
            # As in torch: the running variance is the unbiased one, the variance used is not.
            self.running_mean.lerp_(mean, self.momentum)
            self.running_var.lerp_(variance * count / (count - 1), self.momentum)
        scale = self.weight * torch.rsqrt(variance + self.eps)
        return (centered * scale.view(1, -1, 1, 1) + self.bias.view(1, -1, 1, 1)).to(dtype)  # (C,) -> (1, C, 1, 1)


class GlooSyncBatchNormAct(GlooSyncBatchNorm):
    """The same with an activation behind it: timm's ``BatchNormAct2d`` is a BatchNorm2d that holds one."""

    act: nn.Module
    drop: nn.Module

    def forward(self, x: Tensor) -> Tensor:
        return self.act(self.drop(super().forward(x)))


def check_values_per_channel(x: Tensor, processes: int) -> None:
    """Raise ConfigError where batch statistics would be taken over one value: they would erase the features."""
    if x.numel() // x.shape[1] * processes == 1:
        raise ConfigError(
            f"batch normalization in training saw one value per channel (input {tuple(x.shape)}): use a batch size of "
            'at least 2 per process, a larger crop, or norm="sync" on several processes; context "psp" pools to 1x1'
        )


def synchronize(model: nn.Module, device_type: str) -> nn.Module:
    """Replace every BatchNorm of ``model`` by one that takes its statistics over all processes.

    Args:
        model: any network; its weights and running buffers are kept, state dict names too.
        device_type: "cuda" takes ``nn.SyncBatchNorm``, anything else :class:`GlooSyncBatchNorm`.

    Returns:
        The model (changed in place where it is no BatchNorm itself).

    Raises:
        ConfigError: on a CPU, for a BatchNorm without weights, running statistics or momentum.
    """
    if device_type == "cuda":
        if any(_holds_activation(module) for module in model.modules()):
            from timm.layers import convert_sync_batchnorm  # torch's own would leave the activations out

            return convert_sync_batchnorm(model)
        return nn.SyncBatchNorm.convert_sync_batchnorm(model)
    if isinstance(model, nn.BatchNorm2d):
        return _as_gloo_norm(model)
    for name, child in model.named_children():
        setattr(model, name, synchronize(child, device_type))
    return model


def _holds_activation(module: nn.Module) -> bool:
    return isinstance(module, nn.BatchNorm2d) and hasattr(module, "act") and hasattr(module, "drop")


def _as_gloo_norm(norm: nn.BatchNorm2d) -> GlooSyncBatchNorm:
    if not norm.affine or not norm.track_running_stats or norm.momentum is None:
        raise ConfigError(f'{norm} cannot be synchronized on a CPU; use norm="batch", or a GPU')
    kind = GlooSyncBatchNormAct if _holds_activation(norm) else GlooSyncBatchNorm
    new = kind(norm.num_features, norm.eps, norm.momentum)
    if isinstance(new, GlooSyncBatchNormAct):
        new.act, new.drop = cast(nn.Module, norm.act), cast(nn.Module, norm.drop)
    take_over(norm, new)
    return new


def take_over(norm: nn.BatchNorm2d, new: nn.BatchNorm2d) -> None:
    """Give the weights, the running statistics and the mode of ``norm`` to the one that takes its place."""
    new.weight, new.bias = norm.weight, norm.bias
    new.running_mean, new.running_var = norm.running_mean, norm.running_var
    new.num_batches_tracked = norm.num_batches_tracked
    new.train(norm.training)


def conv_bn_relu(in_channels: int, out_channels: int, kernel_size: int = 1, dilation: int = 1) -> nn.Sequential:
    """Convolution without bias, BatchNorm, ReLU; keeps H and W.

    (B, in_channels, H, W) -> (B, out_channels, H, W).
    """
    padding = dilation * (kernel_size // 2)
    conv = nn.Conv2d(in_channels, out_channels, kernel_size, padding=padding, dilation=dilation, bias=False)
    return nn.Sequential(conv, BatchNorm(out_channels), nn.ReLU(inplace=True))
