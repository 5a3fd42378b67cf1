"""The order of images: the same for any number of processes, and wherever a run resumes."""

import itertools

import pytest

from acflib.engine.sampling import EpochBatches
from acflib.errors import ConfigError


def batches(length=11, batch_size=4, first=0, last=6, seed=0, **share):
    return list(EpochBatches(length, batch_size, first, last, seed, **share))


def test_every_image_comes_once_per_epoch():
    for epoch in range(3):
        keys = list(itertools.chain(*batches(length=12, first=3 * epoch, last=3 * epoch + 3)))
        assert {e for e, _ in keys} == {epoch}
        assert sorted(i for _, i in keys) == list(range(12))


def test_incomplete_batches_are_dropped():
    """11 images make two batches of 4; the other 3 wait for another epoch, each epoch leaves out others."""
    found = batches(length=11, batch_size=4, last=6)
    assert [len(batch) for batch in found] == [4] * 6
    assert [{epoch for epoch, _ in batch} for batch in found] == [{0}, {0}, {1}, {1}, {2}, {2}]
    left_out = []
    for epoch in range(3):
        seen = [index for e, index in itertools.chain(*found) if e == epoch]
        assert len(seen) == len(set(seen)) == 8
        left_out.append(frozenset(range(11)) - set(seen))
    assert len(set(left_out)) > 1


@pytest.mark.parametrize("world_size", [2, 4])
def test_order_does_not_depend_on_the_number_of_processes(world_size):
    shares = [batches(rank=rank, world_size=world_size) for rank in range(world_size)]
    assert all(len(batch) == 4 // world_size for share in shares for batch in share)
    together = [list(itertools.chain(*parts)) for parts in zip(*shares, strict=True)]
    assert together == batches()


@pytest.mark.parametrize("first", range(7))
def test_resumed_from_a_position_it_gives_the_rest(first):
    assert batches(first=first) == batches()[first:]


def test_same_seed_same_order_and_epochs_differ():
    assert batches() == batches() != batches(seed=1)
    first, second = ([i for _, i in itertools.chain(*batches(length=8, first=f, last=f + 2))] for f in (0, 2))
    assert first != second != list(range(8)) != first


def test_it_can_be_iterated_again():
    sampler = EpochBatches(11, 4, 1, 6, seed=0)
    assert list(sampler) == list(sampler)


def test_length_is_the_number_of_batches_left():
    for first in range(7):
        sampler = EpochBatches(11, 4, first, 6, seed=0)
        assert len(sampler) == len(list(sampler)) == 6 - first
    assert len(EpochBatches(11, 4, 9, 6, seed=0)) == 0


def test_wrong_settings_are_named():
    with pytest.raises(ConfigError, match="3 images, fewer than one batch of batch_size=4"):
        EpochBatches(3, 4, 0, 1, seed=0)
    with pytest.raises(ConfigError, match="batch_size=4 cannot be shared equally by 3 processes"):
        EpochBatches(12, 4, 0, 1, seed=0, rank=0, world_size=3)
