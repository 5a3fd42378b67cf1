"""What test_inplace_two_ranks.py computes twice: here in one process, and by two that torchrun starts on this file.

    torchrun --standalone --nproc-per-node=2 tests/layers/two_ranks_inplace.py OUT

Each process writes its results to OUT/rankR.pt. Rank 0 has the first ``cut`` images of a batch, rank 1 the others.
"""

import sys
from pathlib import Path

import torch
from torch import nn
from torch.nn.parallel import DistributedDataParallel
from torch.optim import SGD
from torchvision.models.resnet import Bottleneck

from acflib import distributed
from acflib.acfnet import ModelConfig, build_model
from acflib.layers.inplace import InPlaceABN, use_inplace
from acflib.layers.norm import BatchNorm, conv_bn_relu


def own_part(batch: torch.Tensor, cut: int) -> torch.Tensor:
    """The images of this process."""
    if distributed.world_size() == 1:
        return batch
    return batch[:cut] if distributed.rank() == 0 else batch[cut:]


def norm_parts(
    dtype: torch.dtype, residual: bool, cut: int = 3, size: tuple[int, int] = (3, 5), batch: int = 4
) -> dict[str, torch.Tensor]:
    """One norm: "out" and gradients of the input and shortcut are of this process, the rest of all."""
    generator = torch.Generator().manual_seed(3)
    maps = 5 + 2 * torch.randn(3, batch, 4, *size, dtype=torch.float64, generator=generator)
    x, upstream, shortcut = (own_part(part.to(dtype), cut).clone() for part in maps)
    norm = InPlaceABN(4, momentum=0.3).to(torch.promote_types(dtype, torch.float32))
    norm.weight.data.copy_(torch.tensor([0.1, -0.1, -1.0, 2.0]))
    norm.bias.data.copy_(torch.tensor([0.5, -0.5, 0.0, 1.0]))
    x.requires_grad_(), shortcut.requires_grad_()
    out = norm(x * 1, shortcut if residual else None)
    found = {"out": out.detach().clone()}
    out.backward(upstream)
    found["input gradient"] = x.grad
    if residual:
        found["shortcut gradient"] = shortcut.grad
    for name, parameter in norm.named_parameters():
        found[f"all: {name} gradient"] = distributed.sum_over_ranks(parameter.grad)
    return found | {f"all: {name}": value.clone() for name, value in norm.named_buffers()}


def layers() -> nn.Sequential:
    """Every kind of conversion, and a BatchNorm that stays plain."""
    shortcut = nn.Sequential(nn.Conv2d(8, 16, 1, stride=2, bias=False), BatchNorm(16))
    blocks = [Bottleneck(8, 2, norm_layer=BatchNorm), Bottleneck(8, 4, 2, shortcut, norm_layer=BatchNorm)]
    return nn.Sequential(BatchNorm(3), conv_bn_relu(3, 8, 3), *blocks)


def train(make, cut: int = 3) -> dict[str, torch.Tensor]:
    """Two optimizer steps under DistributedDataParallel on 4 images: gradients of each, the state at the end."""
    torch.manual_seed(0)
    model = use_inplace(make()).double()
    images = torch.randn(2, 4, 3, 32, 40, dtype=torch.float64)
    network = DistributedDataParallel(model) if distributed.world_size() > 1 else model
    optimizer, found = SGD(model.parameters(), 0.01, momentum=0.9), {}
    for step, batch in enumerate(images):
        out = network(own_part(batch, cut))
        out = out["out"] + out["coarse"].tanh() if isinstance(out, dict) else out
        loss = out.square().mean(dim=(1, 2, 3)).sum() * distributed.world_size()  # the gradients are averaged
        optimizer.zero_grad()
        loss.backward()
        found |= {f"all: gradient {step} {name}": p.grad.clone() for name, p in model.named_parameters()}
        optimizer.step()
    return found | {f"all: {name}": value.clone() for name, value in model.state_dict().items()}


def network() -> nn.Module:
    config = ModelConfig("tiny", num_classes=3, channels=8, aux=False, align_corners=False, weights=None)
    return build_model(config)


def compute() -> dict[str, dict[str, torch.Tensor]]:
    """Everything, by name."""
    return {
        "norm": norm_parts(torch.float64, residual=False),
        "residual norm": norm_parts(torch.float64, residual=True),
        "single values": norm_parts(torch.float64, residual=True, cut=1, size=(1, 1), batch=2),
        "bf16": norm_parts(torch.bfloat16, residual=True, size=(30, 50)),
        "layers": train(layers),
        "network": train(network),
    }


def main(out: str) -> None:
    torch.set_num_threads(1)
    distributed.setup(torch.device("cpu"))
    found = compute()
    torch.save(found, Path(out) / f"rank{distributed.rank()}.pt")
    distributed.shutdown()


if __name__ == "__main__":
    main(sys.argv[1])
