"""Wrong answers to the exercises of lesson 06, and right ones."""

import numpy as np
import torch


def rows(losses, every):
    return torch.stack([losses[i : i + every].mean() for i in range(0, len(losses), every)])


def since_the_start(losses, every):
    means = losses.cumsum(0) / torch.arange(1, len(losses) + 1)
    picked = [*range(every - 1, len(losses), every)]
    return torch.cat([means[picked], means[-1:]])


def padded(losses, every):
    missing = -len(losses) % every
    return torch.cat([losses, losses.new_zeros(missing)]).view(-1, every)


def extra_row(losses, every):
    """One row of no losses, NaN, where `every` divides their number."""
    return torch.stack([losses[i : i + every].mean() for i in range(0, len(losses) + 1, every)])


def sgd(w, g, v, rate, m, d):
    velocity = m * v + (g + d * w)
    return w - rate * velocity, velocity


def by_torch(w, g, v, rate, m, d):
    weight = torch.nn.Parameter(w.clone())
    weight.grad = g
    optimizer = torch.optim.SGD([weight], rate, m, weight_decay=d)
    optimizer.state[weight]["momentum_buffer"] = v.clone()
    optimizer.step()
    return weight.detach(), optimizer.state[weight]["momentum_buffer"]


def in_place(w, g, v, rate, m, d):
    v.mul_(m).add_(g + d * w)
    return w.sub_(rate * v), v


def rate_in_velocity(w, g, v, rate, m, d):
    velocity = m * v + rate * (g + d * w)
    return w - velocity, velocity


def like_adamw(w, g, v, rate, m, d):
    velocity = m * v + g
    return (1 - rate * d) * w - rate * velocity, velocity


def running_mean(w, g, v, rate, m, d):
    velocity = m * v + (1 - m) * (g + d * w)
    return w - rate * velocity, velocity


def nesterov(w, g, v, rate, m, d):
    weight = torch.nn.Parameter(w.clone())
    weight.grad = g
    optimizer = torch.optim.SGD([weight], rate, m, weight_decay=d, nesterov=True)
    optimizer.state[weight]["momentum_buffer"] = v.clone()
    optimizer.step()
    return weight.detach(), optimizer.state[weight]["momentum_buffer"]


def uphill(w, g, v, rate, m, d):
    velocity = sgd(w, g, v, rate, m, d)[1]
    return w + rate * velocity, velocity


def order(length, seed, epoch):
    return np.random.default_rng([seed, epoch]).permutation(length)


def batches(length, size, first, last, seed, order=order):
    found = []
    for position in range(first, last):
        epoch = position // (length // size)
        place = position % (length // size) * size
        found.append(order(length, seed, epoch)[place : place + size])
    return torch.from_numpy(np.array(found))


def from_the_epoch(length, size, first, last, seed):
    start = first - first % (length // size)
    return batches(length, size, start, start + last - first, seed)


def endless(length, size, first, last, seed):
    whole = np.concatenate([order(length, seed, epoch) for epoch in range(last)])
    return torch.from_numpy(whole[first * size : last * size]).view(-1, size)


def one_generator(length, size, first, last, seed):
    random = np.random.default_rng(seed)
    orders = [random.permutation(length) for _ in range(last)]
    return batches(length, size, first, last, seed, lambda length, seed, epoch: orders[epoch])


def go_on(w, v, position, targets, initial, power, momentum, data_from=None, rate_from=None, planned=None):
    n = len(targets)
    data_from = position if data_from is None else data_from
    rate_from = position if rate_from is None else rate_from
    planned = n if planned is None else planned
    for step in range(n - position):
        v = momentum * v + (w - targets[data_from + step])
        w = w - initial * (1 - (rate_from + step) / planned) ** power * v
    return w


def constant_rate(w, v, position, targets, initial, power, momentum):
    rate = initial * (1 - position / len(targets)) ** power
    for target in targets[position:]:
        v = momentum * v + (w - target)
        w = w - rate * v
    return w


def step_missing(w, v, position, targets, initial, power, momentum):
    return go_on(w, v, position + 1, targets, initial, power, momentum)


ANSWERS = {
    "log_rows": {
        "right": [rows, lambda losses, every: torch.stack([part.mean() for part in losses.split(every)])],
        "mistakes": {
            "one step": (lambda losses, every: torch.stack([p[-1] for p in losses.split(every)]), "loss of one step"),
            "first of window": (lambda losses, every: losses[::every], "first loss of each window"),
            "since the start": (since_the_start, "since the start"),
            "last row too low": (lambda losses, every: padded(losses, every).mean(1), "how many there are"),
            "sums": (lambda losses, every: padded(losses, every).sum(1), "These are sums"),
            "row of nothing": (extra_row, "no row follows of no losses"),
            "no short run": (lambda losses, every: rows(losses, min(every, len(losses) - 1)), "shorter than `every`"),
            "last row missing": (lambda losses, every: rows(losses, every)[:-1], "shape"),
        },
    },
    "sgd_step": {
        "right": [sgd, by_torch],
        "mistakes": {
            "no decay": (lambda w, g, v, rate, m, d: sgd(w, g, v, rate, m, 0), "weight decay is forgotten"),
            "no momentum": (lambda w, g, v, rate, m, d: sgd(w, g, v, rate, 0, d), "momentum is forgotten"),
            "rate inside": (rate_in_velocity, "inside of the velocity"),
            "decoupled": (like_adamw, "AdamW"),
            "running mean": (running_mean, "running mean"),
            "nesterov": (nesterov, "Nesterov"),
            "uphill": (uphill, "up the slope"),
            "old velocity": (
                lambda w, g, v, rate, m, d: (w - rate * v, sgd(w, g, v, rate, m, d)[1]),
                "old velocity. Compute",
            ),
            "swapped": (lambda w, g, v, rate, m, d: sgd(w, g, v, rate, m, d)[::-1], "first the new weight"),
            "decay away from 0": (lambda w, g, v, rate, m, d: sgd(w, g, v, rate, m, -d), "towards 0"),
            "in place": (in_place, "changes its argument `w`"),
            "weight alone": (lambda w, g, v, rate, m, d: sgd(w, g, v, rate, m, d)[0], "not a tuple"),
        },
    },
    "batches_at": {
        "right": batches,
        "mistakes": {
            "from 0": (lambda n, b, first, last, seed: batches(n, b, 0, last - first, seed), "position 0"),
            "from the epoch": (from_the_epoch, "start of the epoch"),
            "not shuffled": (lambda *a: batches(*a, order=lambda n, seed, epoch: np.arange(n)), "Nothing is shuffled"),
            "one order": (
                lambda *a: batches(*a, order=lambda n, s, epoch: np.random.default_rng(s).permutation(n)),
                "the same",
            ),
            "epochs from 1": (
                lambda *a: batches(*a, order=lambda n, seed, epoch: order(n, seed, epoch + 1)),
                "epochs from 1",
            ),
            "no gap": (endless, "over the end of an epoch"),
            "one generator": (one_generator, "from one generator"),
            "seed added": (
                lambda *a: batches(*a, order=lambda n, s, epoch: np.random.default_rng(s + epoch).permutation(n)),
                "add seed and epoch",
            ),
            "turned": (lambda *a: batches(*a, order=lambda n, s, epoch: order(n, epoch, s)), "epoch before the seed"),
            "floats": (lambda *a: batches(*a).double(), "Whole numbers are asked for"),
            "never full": (
                lambda n, b, *rest: batches(n - (n % b == 0), b, *rest),
                "nothing is dropped",
            ),
            "something else": (lambda *a: batches(*a).flip(1), "where"),
            "an array": (lambda *a: batches(*a).numpy(), "not a tensor"),
            "all from 0": (lambda n, b, first, last, seed: batches(n, b, 0, last, seed), "shape"),
        },
    },
    "resumed": {
        "right": go_on,
        "mistakes": {
            "velocity": (lambda w, v, *rest: go_on(w, torch.zeros_like(v), *rest), "forgets the optimizer"),
            "rate": (lambda *a: go_on(*a, rate_from=0), "initial value again"),
            "data": (lambda *a: go_on(*a, data_from=0), "first batch again"),
            "position": (lambda *a: go_on(*a, data_from=0, rate_from=0), "forgets the position"),
            "once more": (lambda w, v, position, *rest: go_on(w, v, 0, *rest), "once more on top"),
            "own schedule": (
                lambda w, v, k, targets, *rest: go_on(w, v, k, targets, *rest, rate_from=0, planned=len(targets) - k),
                "schedule of their own",
            ),
            "constant": (constant_rate, "constant"),
            "done already": (
                lambda w, v, k, targets, *rest: go_on(w, v, min(k, len(targets) - 1), targets, *rest),
                "after its last step is done",
            ),
            "not from 0": (lambda w, v, k, *rest: go_on(w, v, max(k, 1), *rest), "saved after 0 steps"),
            "something else": (lambda *a: 2 * go_on(*a), "is right"),
            "in place": (lambda w, v, *rest: w.copy_(go_on(w, v, *rest)), "changes its argument `w`"),
            "step missing": (step_missing, "A step is missing"),
        },
    },
}
