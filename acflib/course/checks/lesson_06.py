"""Checks of lesson 06: one step of SGD, the order of the images, the log, and how a run goes on after a stop."""

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

from acflib.course.checks.judge import Answer, Case, Verdict, distinct_sizes, judge, random_cases
from acflib.engine.sampling import EpochBatches
from acflib.losses import poly_learning_rate


def log_rows(student: Answer) -> Verdict:
    """Lesson 06, exercise 1. ``student(losses, every)`` -> the rows of the log, (ceil(T / every),).

    losses (T,), one a step. A row is the mean since the row before; the last row may have fewer steps.
    """

    def each(reduce: Callable[[Tensor], Tensor]) -> Answer:
        return lambda losses, every: torch.stack([reduce(window) for window in losses.split(every)])

    def since_start(losses: Tensor, every: int) -> Tensor:
        ends = [*range(every, len(losses), every), len(losses)]
        return torch.stack([losses[:end].mean() for end in ends])

    mistakes = {
        "You log the loss of one step. It jumps from batch to batch: take the mean since the row before.": (
            each(lambda window: window[-1])
        ),
        "You log the first loss of each window. Take the mean of all of them.": each(lambda window: window[0]),
        "This is the mean since the start of training. It hides what happens now: begin anew after each row.": (
            since_start
        ),
        "The last row has fewer steps than the others. Divide by how many there are.": (
            lambda losses, every: torch.stack([window.sum() / every for window in losses.split(every)])
        ),
        "These are sums. Divide each by the number of its steps.": each(torch.sum),
    }
    cases = random_cases(_log_case)
    losses, every = cases[0]
    corners = {
        "Where `every` divides the number of losses, the last full row is the last one: no row follows of no losses.": (
            losses[: len(losses) // every * every],
            every,
        ),
        "With every = 1 each loss is a row.": (losses, 1),
        "A run shorter than `every` has one row.": (losses, len(losses) + 2),
    }
    return judge(student, cases, each(torch.mean), mistakes, corners=corners, rubric="log_rows")


def sgd_step(student: Answer) -> Verdict:
    """Lesson 06, exercise 2. ``student(weight, gradient, velocity, rate, momentum, decay)`` -> (weight, velocity), new.

    SGD of section 4.2, with torch's convention: the learning rate stays outside of the velocity.
    """

    def right(w: Tensor, g: Tensor, v: Tensor, rate: float, m: float, d: float) -> tuple[Tensor, Tensor]:
        v = m * v + g + d * w
        return w - rate * v, v

    def rate_inside(w: Tensor, g: Tensor, v: Tensor, rate: float, m: float, d: float) -> tuple[Tensor, Tensor]:
        v = m * v + rate * (g + d * w)
        return w - v, v

    def decoupled(w: Tensor, g: Tensor, v: Tensor, rate: float, m: float, d: float) -> tuple[Tensor, Tensor]:
        v = m * v + g
        return w - rate * v - rate * d * w, v

    def damped(w: Tensor, g: Tensor, v: Tensor, rate: float, m: float, d: float) -> tuple[Tensor, Tensor]:
        v = m * v + (1 - m) * (g + d * w)
        return w - rate * v, v

    def nesterov(w: Tensor, g: Tensor, v: Tensor, rate: float, m: float, d: float) -> tuple[Tensor, Tensor]:
        v = m * v + g + d * w
        return w - rate * (g + d * w + m * v), v

    mistakes = {
        "The weight decay is forgotten: add decay * weight to the gradient.": (
            lambda w, g, v, rate, m, d: right(w, g, v, rate, m, 0.0)
        ),
        "The momentum is forgotten: the old velocity must enter.": (
            lambda w, g, v, rate, m, d: right(w, g, 0 * v, rate, m, d)
        ),
        "The learning rate is inside of the velocity. That is another convention: there a step keeps the rates of the "
        "steps before. Multiply with the rate when the weight moves.": rate_inside,
        "The weight decay goes past the velocity. That is how AdamW does it; SGD adds it to the gradient first.": (
            decoupled
        ),
        "The gradient is multiplied by (1 - momentum), a running mean. SGD here adds the whole gradient.": damped,
        "This is Nesterov's momentum. The paper names plain SGD with momentum.": nesterov,
        "The sign is wrong: the weight goes up the slope. Subtract.": (
            lambda w, g, v, rate, m, d: (w + rate * right(w, g, v, rate, m, d)[1], right(w, g, v, rate, m, d)[1])
        ),
        "The weight moves with the old velocity. Compute the new one first.": (
            lambda w, g, v, rate, m, d: (w - rate * v, right(w, g, v, rate, m, d)[1])
        ),
        "The two results are swapped: first the new weight, then the new velocity.": (
            lambda w, g, v, rate, m, d: right(w, g, v, rate, m, d)[::-1]
        ),
        "The sign of the weight decay is wrong: it must pull the weight towards 0.": (
            lambda w, g, v, rate, m, d: right(w, g, v, rate, m, -d)
        ),
    }
    return judge(student, random_cases(_step_case), right, mistakes, rubric="sgd_step")


def batches_at(student: Answer) -> Verdict:
    """Lesson 06, exercise 3. ``student(length, batch_size, first, last, seed)`` -> image numbers.

    The batches at the positions first..last-1, int64 (last - first, batch_size). The order of an epoch is
    ``np.random.default_rng([seed, epoch]).permutation(length)``; an incomplete last batch is dropped.
    """

    def right(length: int, size: int, first: int, last: int, seed: int) -> Tensor:
        batches = EpochBatches(length, size, first, last, seed)
        return torch.tensor([[index for _, index in batch] for batch in batches])

    def batches(order_of: Callable[[int, int, int], np.ndarray]) -> Answer:
        def found(length: int, size: int, first: int, last: int, seed: int) -> Tensor:
            pairs = [divmod(position, length // size) for position in range(first, last)]
            rows = [order_of(length, seed, epoch)[batch * size : (batch + 1) * size] for epoch, batch in pairs]
            return torch.from_numpy(np.stack(rows))

        return found

    def without_a_gap(length: int, size: int, first: int, last: int, seed: int) -> Tensor:
        epochs = range(last * size // length + 1)
        order = np.concatenate([np.random.default_rng([seed, epoch]).permutation(length) for epoch in epochs])
        return torch.from_numpy(order[first * size : last * size].reshape(-1, size))

    mistakes = {
        "You begin at position 0. A run that goes on at `first` would see the first images again.": (
            lambda length, size, first, last, seed: right(length, size, 0, last - first, seed)
        ),
        "You begin at the start of the epoch that `first` lies in. Go on in the middle of it.": (
            lambda length, size, first, last, seed: right(
                length, size, p := first // (length // size) * (length // size), p + last - first, seed
            )
        ),
        "Nothing is shuffled.": batches(lambda length, seed, epoch: np.arange(length)),
        "Every epoch has the same order. The epoch must enter the random numbers: default_rng([seed, epoch]).": (
            batches(lambda length, seed, epoch: np.random.default_rng([seed, 0]).permutation(length))
        ),
        "You draw the orders one after another from one generator. Then the order of an epoch depends on those before: "
        "each has a generator of its own, default_rng([seed, epoch]).": _one_generator,
        "You add seed and epoch. Then epoch 1 of this run is epoch 0 of the next seed: default_rng([seed, epoch]).": (
            batches(lambda length, seed, epoch: np.random.default_rng(seed + epoch).permutation(length))
        ),
        "You give the epoch before the seed: default_rng([seed, epoch]).": (
            batches(lambda length, seed, epoch: np.random.default_rng([epoch, seed]).permutation(length))
        ),
        "You count epochs from 1. The first epoch is number 0.": (
            batches(lambda length, seed, epoch: np.random.default_rng([seed, epoch + 1]).permutation(length))
        ),
        "A batch goes over the end of an epoch. The incomplete last batch is dropped, and a new order begins.": (
            without_a_gap
        ),
    }
    cases = random_cases(_order_case)
    length, size, first, last, seed = cases[0]
    corners = {
        "Where batches fill the epoch exactly, nothing is dropped.": (length // size * size, size, first, last, seed),
        "A run that starts has the positions from 0.": (length, size, 0, 3, seed),
        "One position has one batch.": (length, size, first, first + 1, seed),
    }
    return judge(student, cases, right, mistakes, corners=corners, rubric="batches_at")


def resumed(student: Answer) -> Verdict:
    """Lesson 06, exercise 4. ``student(weight, velocity, position, targets, initial, power, momentum)`` -> last weight.

    A run of len(targets) steps was saved after ``position`` steps. The gradient of step k is weight - targets[k]; the
    rate follows the poly rule. weight and velocity (D,), targets (iterations, D).
    """

    def run(steps: Callable, rate_at: Callable, use_velocity: bool = True) -> Answer:
        """``steps`` and ``rate_at`` tell which targets are used and at which learning rates, from (n, position)."""

        def found(w: Tensor, v: Tensor, position: int, targets: Tensor, a: float, power: float, m: float) -> Tensor:
            n = len(targets)
            v = v if use_velocity else torch.zeros_like(v)
            for place, k in enumerate(steps(n, position)):
                v = m * v + w - targets[k]
                w = w - rate_at(place, n, position, a, power) * v
            return w

        return found

    def rest(n: int, position: int) -> range:
        return range(position, n)

    def going_on(place: int, n: int, position: int, a: float, power: float) -> float:
        return poly_learning_rate(a, position + place, n, power)

    def afresh(place: int, n: int, position: int, a: float, power: float) -> float:
        return poly_learning_rate(a, place, n, power)

    mistakes = {
        "The velocity starts at 0 again: this resume forgets the optimizer.": run(rest, going_on, use_velocity=False),
        "The learning rate starts at its initial value again. It follows from the position.": run(rest, afresh),
        "The data start from the first batch again. Go on with targets[position].": (
            run(lambda n, position: range(n - position), going_on)
        ),
        "Rate and data both start from 0 again: this resume forgets the position.": (
            run(lambda n, position: range(n - position), afresh)
        ),
        "The whole run is made once more on top. Only iterations - position steps are left.": (
            run(lambda n, position: range(n), afresh)
        ),
        "The remaining steps get a schedule of their own. The rate goes on where it was.": (
            run(rest, lambda place, n, position, a, power: poly_learning_rate(a, place, n - position, power))
        ),
        "The learning rate is constant. It goes on falling by the poly rule.": (
            run(rest, lambda place, n, position, a, power: poly_learning_rate(a, position, n, power))
        ),
        "A step is missing: `position` steps are done, so the next one is number `position`.": (
            run(
                lambda n, position: range(position + 1, n),
                lambda place, n, position, a, power: poly_learning_rate(a, position + 1 + place, n, power),
            )
        ),
    }
    cases = random_cases(_resume_case)
    weight, velocity, _, *others = cases[0]
    corners = {
        "A run that was saved after 0 steps is made as a whole.": (weight, velocity, 0, *others),
        "A run that was saved after its last step is done: its weight is the answer.": (
            weight,
            velocity,
            len(others[0]),
            *others,
        ),
    }
    return judge(student, cases, run(rest, going_on), mistakes, corners=corners, rubric="resumed")


# ---- random inputs


def _log_case(random: torch.Generator) -> Case:
    every, rows = distinct_sizes(random, 2, low=3)
    rest = int(torch.randint(2, every, (), generator=random))
    return torch.rand(every * rows + rest, generator=random, dtype=torch.float64) + 0.5, every


def _step_case(random: torch.Generator) -> Case:
    shape = distinct_sizes(random, 3)
    weight, gradient, velocity = (torch.randn(shape, generator=random, dtype=torch.float64) for _ in range(3))
    rate, momentum, decay = torch.rand(3, generator=random, dtype=torch.float64).tolist()
    return weight, gradient, velocity, 0.1 + 0.2 * rate, 0.5 + 0.4 * momentum, 0.1 + 0.1 * decay


def _order_case(random: torch.Generator) -> Case:
    size = int(torch.randint(3, 6, (), generator=random))
    per_epoch = int(torch.randint(3, 6, (), generator=random))
    rest = int(torch.randint(1, size, (), generator=random))  # dropped at the end of an epoch
    first = per_epoch + int(torch.randint(1, per_epoch, (), generator=random))  # in the middle of epoch 1
    seed = int(torch.randint(1, 1000, (), generator=random))
    return per_epoch * size + rest, size, first, first + 2 * per_epoch, seed


def _resume_case(random: torch.Generator) -> Case:
    iterations, channels = distinct_sizes(random, 2, low=6, high=12)
    position = iterations // 2 - int(torch.randint(0, 2, (), generator=random))
    weight, velocity = (torch.randn(channels, generator=random, dtype=torch.float64) for _ in range(2))
    targets = torch.randn(iterations, channels, generator=random, dtype=torch.float64)
    initial, power, momentum = torch.rand(3, generator=random, dtype=torch.float64).tolist()
    return weight, velocity, position, targets, 0.1 + 0.2 * initial, 0.6 + 0.3 * power, 0.5 + 0.4 * momentum


# ---- parts of the mistakes


def _one_generator(length: int, size: int, first: int, last: int, seed: int) -> Tensor:
    random, per_epoch = np.random.default_rng(seed), length // size
    orders = [random.permutation(length) for _ in range(last)]
    pairs = [divmod(position, per_epoch) for position in range(first, last)]
    return torch.from_numpy(np.stack([orders[epoch][batch * size : (batch + 1) * size] for epoch, batch in pairs]))
