"""Threads that use one tapped network at the same time, and copies of it that share hooks."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor

import torch
from torch import nn

from acflib import tap
from tests.layers.test_tapping import Stranger


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
    network, images = tap(Meeting(), "last", check=False), torch.randn(3, 1, 3, 8, 9)
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
    network, images = tap(Meeting(), "last", check=False), torch.randn(3, 1, 3, 8, 9)
    copies = [replica_of(network) for _ in range(3)]
    assert copies[0].network.last is not copies[1].network.last
    assert copies[0].network.last._forward_hooks is copies[1].network.last._forward_hooks
    for found, x in zip(together(copies, images), images, strict=True):
        assert torch.equal(found.features, x)


def test_threads_that_come_first_together_check_one_after_another():
    """Else the second would take the evaluation mode of the first one's check for the network's own."""
    network = Stranger()
    calls = []
    network.register_forward_pre_hook(lambda module, _: calls.append(module.training) or time.sleep(0.05))
    base = tap(network, "last")
    together([base] * 3, torch.randn(3, 1, 3, 16, 24))
    assert calls.count(False) == 1 and len(calls) == 4
    assert all(module.training for module in network.modules())


def test_a_call_may_meet_the_hook_of_another_that_ends_meanwhile():
    """torch then calls that hook without the named arguments: it has forgotten that it wanted them."""
    both_inside, first_is_done, first = threading.Barrier(2), threading.Event(), []

    def pause(*_):  # runs before the hooks of tap, whose list torch has read already
        both_inside.wait(timeout=30)
        if threading.get_ident() != first[0]:
            assert first_is_done.wait(timeout=30)

    network = Stranger()
    network.last.register_forward_hook(pause)
    base, images = tap(network, "last", check=False), torch.randn(2, 1, 3, 16, 24)

    def leading(x):
        first.append(threading.get_ident())
        found = base(x)
        first_is_done.set()
        return found

    with ThreadPoolExecutor(2) as threads:
        found = [threads.submit(leading, images[0]), threads.submit(base, images[1])]
        for each, x in zip(found, images, strict=True):
            assert torch.equal(each.result().features, network.body(x))
