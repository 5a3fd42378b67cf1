"""Activation checkpointing changes memory, and nothing else."""

import torch
from torch import nn

from acflib.acfnet import ModelConfig, build_model
from acflib.layers.bases import ResNetBase

PLAIN = dict(weights=None, align_corners=False)


def saved_bytes(run) -> int:
    """Bytes kept for the backward pass, each storage once."""
    kept = {}

    def pack(tensor):
        kept[tensor.untyped_storage().data_ptr()] = tensor.untyped_storage().nbytes()
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
        result = run()
    del result
    return sum(kept.values())


def test_results_gradients_and_running_statistics_are_the_same():
    found = []
    for recompute in (False, True):
        torch.manual_seed(0)
        base = ResNetBase("resnet18", num_classes=3, aux=False, recompute=recompute, **PLAIN).double()
        x = torch.randn(2, 3, 32, 40, dtype=torch.float64, requires_grad=True)
        result = base(x)
        result.coarse.square().sum().backward()
        found.append([result.coarse, x.grad, *(p.grad for p in base.parameters()), *base.buffers()])
    for a, b in zip(*found, strict=True):
        torch.testing.assert_close(a, b, rtol=0, atol=1e-10)


def test_less_is_kept_for_the_backward_pass():
    x = torch.randn(1, 3, 64, 64)
    kept = {}
    for recompute in (False, True):
        base = ResNetBase("resnet18", num_classes=3, aux=False, recompute=recompute, **PLAIN)
        weights = sum(p.numel() * 4 for p in base.parameters() if p.dim() == 4)
        kept[recompute] = saved_bytes(lambda base=base: base(x).coarse) - weights * (not recompute)
    assert kept[True] < 0.6 * kept[False]


def test_evaluation_does_not_recompute():
    base = ResNetBase("tiny", num_classes=3, recompute=True, **PLAIN).eval()
    calls = []
    nn.Module.register_forward_hook(base.layer4[0], lambda *_: calls.append(1))
    with torch.no_grad():
        base(torch.randn(1, 3, 32, 32))
    assert len(calls) == 1


def test_a_look_in_evaluation_mode_changes_nothing():
    """With gradients, as a field of view is measured."""
    model = build_model(ModelConfig(backbone="resnet18", weights=None, recompute=True, channels=16)).eval()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    model(torch.randn(1, 3, 33, 33, requires_grad=True))["out"].sum().backward()
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
