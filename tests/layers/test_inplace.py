"""In-place activated BatchNorm: equal to BatchNorm, addition and leaky ReLU; keeps its result only; refuses the rest.

Networks and saved bytes are in test_inplace_networks.py, two processes in test_inplace_two_ranks.py.
"""

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from acflib.errors import ConfigError
from acflib.layers.inplace import SMALLEST_SCALE, InPlaceABN, batch_statistics, invertible_scale

WEIGHTS = torch.tensor([0.1, -0.1, 0.7, -2.0, 1.5])
SHAPE = (3, 5, 7, 9)
CLOSE = {torch.float64: dict(rtol=1e-10, atol=1e-10), torch.float32: dict(rtol=1e-5, atol=1e-5)}


def make_norms(dtype=torch.float64, slope=0.01, weights=WEIGHTS):
    """The in-place norm and nn.BatchNorm2d with the same state, which is not that of the start."""
    ours, theirs = InPlaceABN(5, momentum=0.3, slope=slope).to(dtype), nn.BatchNorm2d(5, momentum=0.3).to(dtype)
    with torch.no_grad():
        theirs.weight.copy_(weights)
        nn.init.normal_(theirs.bias)
        nn.init.normal_(theirs.running_mean)
        nn.init.uniform_(theirs.running_var, 0.5, 2)
    ours.load_state_dict(theirs.state_dict())
    return ours, theirs


def reference(norm, x, shortcut=None, slope=0.01):
    y = norm(x)
    return F.leaky_relu(y if shortcut is None else y + shortcut, slope)


def run(function, norm, x, shortcut):
    """Result, gradients of x, shortcut and parameters, and buffers. x is handed over as a fresh result."""
    x = x.detach().clone(memory_format=torch.preserve_format).requires_grad_()
    shortcut = None if shortcut is None else shortcut.detach().clone().requires_grad_()
    out = function(norm, x * 1, shortcut)
    found = {"out": out.detach().clone()}
    wide = out.to(torch.promote_types(out.dtype, torch.float32))
    upstream = torch.linspace(-1, 1, out.numel(), dtype=wide.dtype).view_as(out) / out.numel() ** 0.5
    (wide * upstream).sum().backward()
    found |= {"x": x.grad, "weight": norm.weight.grad, "bias": norm.bias.grad}
    if shortcut is not None:
        found["shortcut"] = shortcut.grad
    return found | {name: value.clone() for name, value in norm.named_buffers()}


def ours_on(norm, x, shortcut):
    return norm(x, shortcut)


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("slope", [0.01, 1.0])
@pytest.mark.parametrize("residual", [False, True])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_equals_batchnorm_and_leaky_relu(dtype, residual, slope, training):
    """Weights of either sign down to 0.1, mean 5, spread 2."""
    ours, theirs = (norm.train(training) for norm in make_norms(dtype, slope))
    x = 5 + 2 * torch.randn(SHAPE, dtype=dtype)
    shortcut = torch.randn(SHAPE, dtype=dtype) if residual else None
    found = run(ours_on, ours, x, shortcut)
    expected = run(lambda norm, x, s: reference(norm, x, s, slope), theirs, x, shortcut)
    assert found.keys() == expected.keys() and found["num_batches_tracked"] == int(training)
    assert expected["x"].abs().max() > 1e-4 and (expected["out"] < 0).any()
    for name, value in expected.items():
        torch.testing.assert_close(found[name], value, **CLOSE[dtype], msg=lambda text, n=name: f"{n}: {text}")


@pytest.mark.parametrize("fresh", [True, False])
@pytest.mark.parametrize("residual", [False, True])
def test_gradcheck(residual, fresh):
    """Both forms, written over x and written anew."""
    norm, _ = make_norms()
    x, shortcut = (torch.randn(2, 5, 2, 3, dtype=torch.float64, requires_grad=True) for _ in range(2))

    def function(x, weight, bias, shortcut):
        parameters = {"weight": weight, "bias": bias}
        arguments = (x * 1 if fresh else x, shortcut if residual else None)
        return torch.func.functional_call(norm, parameters, arguments)

    weight, bias = (value.detach().clone().requires_grad_() for value in (norm.weight, norm.bias))
    assert torch.autograd.gradcheck(function, (x, weight, bias, shortcut))


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("residual", [False, True])
def test_tiny_weights_act_as_the_smallest_scale(residual, training):
    weights = torch.tensor([0.0, 1e-9, -1e-9, -9e-4, 1.1e-3])
    ours, theirs = (norm.train(training) for norm in make_norms(weights=weights))
    with torch.no_grad():
        theirs.weight.copy_(torch.tensor([1e-3, 1e-3, -1e-3, -1e-3, 1.1e-3]))
    x = torch.randn(SHAPE, dtype=torch.float64)
    shortcut = torch.randn(SHAPE, dtype=torch.float64) if residual else None
    found, expected = run(ours_on, ours, x, shortcut), run(reference, theirs, x, shortcut)
    assert ours.weight[1] == weights[1]  # the parameter itself is not changed
    for name, value in expected.items():  # the gradient of the weight too: it is that of the scale in use
        torch.testing.assert_close(found[name], value, rtol=1e-6, atol=1e-9)


def test_other_weights_are_used_as_they_are():
    weights = torch.tensor([SMALLEST_SCALE, -SMALLEST_SCALE, 0.1, -3.0, 7.0])
    assert torch.equal(invertible_scale(weights), weights)


def test_momentum_none_averages_over_all_batches():
    ours, theirs = InPlaceABN(5, momentum=None), nn.BatchNorm2d(5, momentum=None)
    for _ in range(3):
        x = torch.randn(SHAPE)
        ours(x), theirs(x)
    for name, value in theirs.state_dict().items():
        torch.testing.assert_close(ours.state_dict()[name], value)


def test_state_dicts_fit_batchnorm():
    assert list(InPlaceABN(4).state_dict()) == list(nn.BatchNorm2d(4).state_dict())


def saved_by(function, *inputs):
    """The storages that autograd keeps of maps, and the result."""
    kept = {}

    def pack(tensor):
        if tensor.dim() == 4:
            kept[tensor.untyped_storage().data_ptr()] = tensor.detach()
        return tensor.detach()

    with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
        return kept, function(*inputs)


def test_keeps_its_result_and_the_shortcut_and_nothing_else():
    norm, _ = make_norms()
    shortcut, leaf = torch.randn(2, *SHAPE, dtype=torch.float64, requires_grad=True)
    x = leaf * 1
    address = x.untyped_storage().data_ptr()
    kept, z = saved_by(norm, x, shortcut)
    assert z.untyped_storage().data_ptr() == address  # the result lies where x was
    assert kept.keys() == {address, shortcut.untyped_storage().data_ptr()}
    kept, z = saved_by(norm, leaf * 1)
    assert kept.keys() == {z.untyped_storage().data_ptr()}


def test_never_overwrites_what_is_not_a_fresh_result():
    """Leaves (autograd would refuse), input without gradient, views, and x as its own shortcut."""
    norm, _ = make_norms()
    leaf = torch.randn(SHAPE, dtype=torch.float64, requires_grad=True)
    larger = torch.cat([leaf, leaf]) * 1
    fresh = leaf * 1
    with torch.no_grad():
        without_graph = leaf * 1
    for x, shortcut in ((leaf, None), (without_graph, None), (larger[:3], None), (fresh, fresh), (leaf, leaf)):
        before = x.detach().clone()
        z = norm(x, shortcut)
        assert torch.equal(x, before) and z.untyped_storage().data_ptr() != x.untyped_storage().data_ptr()
        torch.testing.assert_close(z, reference(make_like(norm), before, None if shortcut is None else before))


def make_like(norm):
    twin = nn.BatchNorm2d(norm.num_features).to(norm.weight.dtype)
    twin.load_state_dict(norm.state_dict())
    return twin


def test_an_expanded_map_can_be_normalized():
    norm, _ = make_norms()
    x = torch.randn(3, 5, 1, 1, dtype=torch.float64, requires_grad=True).expand(SHAPE)
    torch.testing.assert_close(norm(x), reference(make_like(norm), x))


@pytest.mark.parametrize("change", ["result", "shortcut", "input saved by its maker"])
def test_changes_that_would_spoil_the_backward_pass_are_errors(change):
    """autograd's own version counters see them: never a silent wrong gradient."""
    norm, _ = make_norms()
    leaf = torch.randn(SHAPE, dtype=torch.float64, requires_grad=True)
    shortcut = leaf * 2
    z = norm(leaf.exp() if change == "input saved by its maker" else leaf * 1, shortcut)
    if change == "result":
        z = z.add_(1)
    elif change == "shortcut":
        shortcut.add_(1)
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        z.sum().backward()


def test_a_second_derivative_is_refused():
    norm, _ = make_norms()
    x = torch.randn(SHAPE, dtype=torch.float64, requires_grad=True)
    (gradient,) = torch.autograd.grad(norm(x).square().sum(), x, create_graph=True)
    with pytest.raises(RuntimeError, match="once_differentiable"):
        gradient.sum().backward()


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
@pytest.mark.parametrize("residual", [False, True])
def test_half_precision_maps_have_statistics_in_float32(dtype, residual):
    """What autocast hands over: half precision maps, float32 parameters. 150 000 values per channel."""
    ours, theirs = make_norms(torch.float32)
    x = (5 + 2 * torch.randn(10, 5, 100, 150)).to(dtype)
    shortcut = torch.randn(x.shape).to(dtype) if residual else None
    mean, variance, count = batch_statistics(x)
    assert mean.dtype == variance.dtype == torch.float32 and count == 150_000
    found = run(ours_on, ours, x, shortcut)
    expected = run(reference, theirs, x.float(), None if shortcut is None else shortcut.float())
    assert found["out"].dtype == found["x"].dtype == dtype and found["weight"].dtype == torch.float32
    torch.testing.assert_close(found["running_mean"], expected["running_mean"])
    torch.testing.assert_close(found["running_var"], expected["running_var"])
    step = 2 * torch.finfo(dtype).eps
    torch.testing.assert_close(found["out"].float(), expected["out"], rtol=step, atol=1e-6)
    for name in ("weight", "bias"):
        difference = (found[name] - expected[name]).abs().max() / expected[name].abs().max()
        assert difference < 4 * step, name


@pytest.mark.parametrize("residual", [False, True])
def test_channels_last_stays(residual):
    (ours, _), x = make_norms(), torch.randn(SHAPE, dtype=torch.float64)
    shortcut = torch.randn_like(x) if residual else None
    expected = run(ours_on, ours, x, shortcut)
    ours.zero_grad()
    with torch.no_grad():
        assert ours(x.contiguous(memory_format=torch.channels_last)).is_contiguous(memory_format=torch.channels_last)
    found = run(ours_on, ours, x.contiguous(memory_format=torch.channels_last), shortcut)
    assert found["x"].is_contiguous(memory_format=torch.channels_last)
    for name in ("out", "x", "weight", "bias"):
        torch.testing.assert_close(found[name], expected[name])


def test_without_gradients_batches_still_count():
    ours, theirs = make_norms()
    x = torch.randn(SHAPE, dtype=torch.float64)
    with torch.no_grad():
        torch.testing.assert_close(ours(x), reference(theirs, x))
    assert ours.num_batches_tracked == 1 and torch.allclose(ours.running_var, theirs.running_var)


def test_wrong_arguments_are_named():
    norm = InPlaceABN(5)
    with pytest.raises(ConfigError, match="slope must be above 0"):
        InPlaceABN(5, slope=0)
    with pytest.raises(ConfigError, match="batch size of at least 2"):
        norm(torch.ones(1, 5, 1, 1))
    with pytest.raises(ValueError, match="shortcut must have the shape"):
        norm(torch.ones(2, 5, 3, 3), torch.ones(2, 5, 1, 1))
    assert norm.num_batches_tracked == 0
    norm(torch.ones(2, 5, 1, 1))
    norm.eval()(torch.ones(1, 5, 1, 1))
