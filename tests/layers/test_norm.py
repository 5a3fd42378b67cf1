"""BatchNorm: the error for a single value, and networks that change their norm but nothing else.

What the statistics over several processes are worth is tested in test_two_ranks.py.
"""

import pytest
import torch
from torch import nn

from acflib.acfnet import ModelConfig, build_model
from acflib.errors import ConfigError
from acflib.layers.norm import BatchNorm, GlooSyncBatchNorm, check_values_per_channel, conv_bn_relu, synchronize

TINY = ModelConfig(backbone="tiny", num_classes=3, channels=4, align_corners=False, weights=None)


def used_norm(kind=BatchNorm):
    """A norm of 4 channels that has seen two batches, with weights that are not 1 and 0."""
    norm = kind(4)
    nn.init.normal_(norm.weight)
    nn.init.normal_(norm.bias)
    for _ in range(2):
        norm(torch.randn(2, 4, 3, 5) + 3)
    return norm


def test_one_value_per_channel_is_refused_with_a_way_out():
    """Batch normalization would map it to 0, whatever it is."""
    for norm in (BatchNorm(4), conv_bn_relu(4, 4)[1]):
        with pytest.raises(ConfigError, match="batch size of at least 2"):
            norm(torch.ones(1, 4, 1, 1))
        assert norm.num_batches_tracked == 0 and (norm.running_mean == 0).all()
        norm(torch.ones(2, 4, 1, 1))
        norm(torch.ones(1, 4, 1, 2))
        norm.eval()(torch.ones(1, 4, 1, 1))


def test_values_are_counted_over_all_processes():
    with pytest.raises(ConfigError, match="one value per channel"):
        check_values_per_channel(torch.ones(1, 4, 1, 1), processes=1)
    check_values_per_channel(torch.ones(1, 4, 1, 1), processes=2)
    check_values_per_channel(torch.ones(1, 4, 2, 1), processes=1)


def test_psp_with_a_batch_of_one_names_the_cause():
    """Its 1x1 level averages the image to one value per channel."""
    network = build_model(ModelConfig("tiny", "psp", num_classes=3, channels=4, align_corners=False, weights=None))
    with pytest.raises(ConfigError, match="psp"):
        network(torch.randn(1, 3, 32, 32))
    assert network.eval()(torch.randn(1, 3, 32, 32))["out"].shape == (1, 3, 32, 32)


@pytest.mark.parametrize("training", [True, False])
def test_same_numbers_as_torch(training):
    ours, theirs = used_norm().train(training), nn.BatchNorm2d(4).train(training)
    theirs.load_state_dict(ours.state_dict())
    x = torch.randn(2, 4, 3, 5)
    assert torch.equal(ours(x), theirs(x))
    assert torch.equal(ours.running_var, theirs.running_var) and torch.equal(ours.running_mean, theirs.running_mean)


@pytest.mark.parametrize("source", [nn.BatchNorm2d, BatchNorm, GlooSyncBatchNorm, nn.SyncBatchNorm])
@pytest.mark.parametrize("target", [nn.BatchNorm2d, BatchNorm, GlooSyncBatchNorm, nn.SyncBatchNorm])
def test_state_dicts_fit_each_other(source, target):
    saved = source(4).state_dict()
    target(4).load_state_dict(saved)  # strict: the same names
    assert list(saved) == ["weight", "bias", "running_mean", "running_var", "num_batches_tracked"]


@pytest.mark.parametrize("device_type, kind", [("cpu", GlooSyncBatchNorm), ("cuda", nn.SyncBatchNorm)])
def test_synchronize_changes_the_norms_and_nothing_else(device_type, kind):
    network = build_model(TINY)
    network(torch.randn(2, 3, 32, 40))  # so that the running buffers are not those of the start
    before = {name: value.clone() for name, value in network.state_dict().items()}
    modules = [name for name, _ in network.named_modules()]
    parameters = dict(network.named_parameters())
    changed = synchronize(network, device_type)
    assert changed is network and [name for name, _ in changed.named_modules()] == modules
    after = changed.state_dict()
    assert list(after) == list(before) and all(torch.equal(after[name], before[name]) for name in before)
    assert all(changed.get_parameter(name) is value for name, value in parameters.items())
    norms = [m for m in changed.modules() if isinstance(m, nn.modules.batchnorm._BatchNorm)]
    assert len(norms) > 10 and all(isinstance(m, kind) for m in norms)


def test_synchronize_keeps_settings_and_mode():
    for training in (True, False):
        norm = nn.BatchNorm2d(4, eps=0.5, momentum=0.25).train(training)
        found = synchronize(norm, "cpu")
        assert isinstance(found, GlooSyncBatchNorm)
        assert (found.eps, found.momentum, found.training) == (0.5, 0.25, training)


@pytest.mark.parametrize("training", [True, False])
def test_without_processes_the_synchronized_norm_is_plain_batchnorm(training):
    plain = used_norm(nn.BatchNorm2d).train(training)
    twin = nn.BatchNorm2d(4)
    twin.load_state_dict(plain.state_dict())
    x = torch.randn(2, 4, 3, 5)
    assert torch.equal(synchronize(twin, "cpu").train(training)(x), plain(x))


def test_conv_bn_relu_keeps_the_size():
    for kernel_size, dilation in ((1, 1), (3, 1), (3, 2), (3, 12)):
        block = conv_bn_relu(3, 5, kernel_size, dilation)
        assert block(torch.randn(2, 3, 7, 9)).shape == (2, 5, 7, 9)
        assert block[0].bias is None and block[0].dilation == (dilation, dilation)


@pytest.mark.parametrize("settings", [{"affine": False}, {"track_running_stats": False}, {"momentum": None}])
def test_norms_that_cannot_be_synchronized_on_a_cpu_are_refused(settings):
    with pytest.raises(ConfigError, match="cannot be synchronized on a CPU"):
        synchronize(nn.Sequential(nn.BatchNorm2d(3, **settings)), "cpu")
