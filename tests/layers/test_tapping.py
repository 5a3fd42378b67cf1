"""tap(): any segmentation network as a base network."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
import torch
import torchvision
from torch import nn

from acflib import ACFNet, ConfigError, inspect, tap

IMAGES = torch.randn(2, 3, 49, 65)


class Stranger(nn.Module):
    """A user's network that knows nothing of torchvision."""

    def __init__(self):
        super().__init__()
        self.body = nn.Sequential(nn.Conv2d(3, 8, 3, stride=4, padding=1), nn.ReLU())
        self.last = nn.Conv2d(8, 5, 3, padding=1)

    def forward(self, x):
        return nn.functional.interpolate(self.last(self.body(x)), x.shape[-2:], mode="bilinear")


@pytest.mark.parametrize("name", ["fcn_resnet50", "deeplabv3_resnet50"])
def test_tap_torchvision(name):
    network = torchvision.models.get_model(name, weights=None, weights_backbone=None, num_classes=7, aux_loss=True)
    model = ACFNet(tap(network, "classifier.4"), channels=16).eval()
    found = model(IMAGES)
    assert found["out"].shape == (2, 7, 49, 65)
    coarse = nn.functional.interpolate(model.intermediates(IMAGES).coarse_logits, (49, 65), mode="bilinear")
    torch.testing.assert_close(coarse, network(IMAGES)["out"])
    assert model.train()(IMAGES).keys() == {"out", "coarse", "aux"}


def test_tap_a_stranger_and_train_it():
    network = Stranger()
    model = ACFNet(tap(network, "last"), channels=16)
    found = model(IMAGES)
    assert found["out"].shape == (2, 5, 49, 65)
    found["out"].mean().backward()
    assert network.body[0].weight.grad.abs().max() > 0 and network.last.weight.grad.abs().max() > 0
    assert inspect(model, IMAGES).coarse_features.shape == (2, 8, 13, 17)


def test_tap_says_what_is_wrong():
    with pytest.raises(ConfigError, match='no layer "classifier".*body.0, last'):
        tap(Stranger(), "classifier")
    with pytest.raises(ConfigError, match="feature_channels and num_classes"):
        tap(Stranger(), "body")
    twice = nn.Sequential(nn.Conv2d(3, 3, 1))
    twice.append(twice[0])
    with pytest.raises(ConfigError, match="ran 2 times"):
        ACFNet(tap(twice, "0"), channels=4)(IMAGES)


class Meeting(nn.Module):
    """A base network in which three calls are always at work at once."""

    def __init__(self):
        super().__init__()
        self.last = nn.Conv2d(3, 5, 1)
        self.barriers = [threading.Barrier(3), threading.Barrier(3)]

    def forward(self, x):
        self.barriers[0].wait(timeout=30)
        found = self.last(x)
        self.barriers[1].wait(timeout=30)
        return found


def together(networks, images):
    with ThreadPoolExecutor(3) as threads:
        return list(threads.map(lambda network, x: network(x), networks, images))


def test_three_threads_share_a_tapped_network():
    """As three readers of one app do: each gets the maps of its own picture."""
    network, images = tap(Meeting(), "last"), torch.randn(3, 1, 3, 8, 9)
    for found, x in zip(together([network] * 3, images), images, strict=True):
        assert torch.equal(found.features, x)
        assert torch.equal(found.coarse, network.network.last(x))


def replica_of(module):
    """A copy as DataParallel makes it for another GPU: modules are new, weights and the dict of hooks are shared."""
    copy = module._replicate_for_data_parallel()
    for name, child in module._modules.items():
        copy._modules[name] = replica_of(child)
    for name, parameter in module._parameters.items():
        setattr(copy, name, parameter)
    return copy


def test_copies_for_data_parallel_see_their_own_maps():
    network, images = tap(Meeting(), "last"), torch.randn(3, 1, 3, 8, 9)
    copies = [replica_of(network) for _ in range(3)]
    assert copies[0].network.last is not copies[1].network.last
    assert copies[0].network.last._forward_hooks is copies[1].network.last._forward_hooks
    for found, x in zip(together(copies, images), images, strict=True):
        assert torch.equal(found.features, x)


def test_a_call_leaves_no_hook_behind():
    network = tap(nn.Sequential(nn.Conv2d(3, 5, 1)), "0")
    network(IMAGES)
    with pytest.raises(RuntimeError):
        network(torch.randn(2, 4, 8, 8))  # four channels
    assert not network.network[0]._forward_hooks
