"""Which images come when: one fixed order for a seed, whatever the number of processes and wherever a run resumes."""

from collections.abc import Iterator

import numpy as np
from torch.utils.data import Sampler

from acflib.errors import ConfigError


class EpochBatches(Sampler):
    """Batches of keys (epoch, index) for one process, from one position to another.

    Each epoch is a fresh permutation drawn from (seed, epoch) and cut into global batches; an incomplete last one is
    dropped. Each process takes its share of every global batch, so the global order does not depend on their number.

    Args:
        length: images in the data set.
        batch_size: images in a global batch.
        first, last: positions (in global batches since the start of training) to begin at and to stop before.
        seed: of the order.
        rank, world_size: this process and how many there are; ``world_size`` must divide ``batch_size``.

    Raises:
        ConfigError: if there are fewer images than one batch needs, or the batch cannot be shared equally.
    """

    def __init__(
        self, length: int, batch_size: int, first: int, last: int, seed: int, rank: int = 0, world_size: int = 1
    ):
        if length < batch_size:
            raise ConfigError(f"the data set has {length} images, fewer than one batch of batch_size={batch_size}")
        if batch_size % world_size:
            raise ConfigError(f"batch_size={batch_size} cannot be shared equally by {world_size} processes")
        self.length, self.batch_size, self.seed = length, batch_size, seed
        self.first, self.last = first, last
        share = batch_size // world_size
        self.share = slice(rank * share, (rank + 1) * share)
        self.batches_per_epoch = length // batch_size

    def __len__(self) -> int:
        return max(0, self.last - self.first)

    def __iter__(self) -> Iterator[list[tuple[int, int]]]:
        order, order_epoch = np.arange(0), -1  # none drawn yet
        for position in range(self.first, self.last):
            epoch, batch = divmod(position, self.batches_per_epoch)
            if epoch != order_epoch:
                order, order_epoch = np.random.default_rng([self.seed, epoch]).permutation(self.length), epoch
            indices = order[batch * self.batch_size : (batch + 1) * self.batch_size][self.share]
            yield [(epoch, int(index)) for index in indices]
