"""The training loop (paper, section 4.2): from a data folder to a trained ACFNet, on a CPU, a GPU, or several."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, replace
from pathlib import Path
from typing import cast

import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader

from acflib import distributed
from acflib.acfnet import ACFNet
from acflib.datasets import open_dataset
from acflib.datasets.base import SegmentationDataset
from acflib.datasets.cache import open_cache
from acflib.engine.config import TrainConfig
from acflib.engine.contact import clear_contact_errors, in_contact
from acflib.engine.devices import autocast, memory_format, pick_device, weights_dtype
from acflib.engine.oracle import oracle_probs
from acflib.engine.run_folder import check_same_data, prepare_folder, run_precision, sole_run, write_config
from acflib.engine.runlog import RunLog
from acflib.engine.sampling import EpochBatches
from acflib.engine.stopping import StopRequest, last_words
from acflib.engine.train_state import LOSSES, TrainState, check_finite, save_state, start_state
from acflib.engine.workers import clear_errors, ended_with, ignore_interrupts, shared_batch
from acflib.errors import ConfigError, MemoryShortage
from acflib.losses import pixel_weights, pixels_to_keep, poly_learning_rate, total_loss
from acflib.metrics import Scores
from acflib.predict.evaluation import check_classes, check_split, evaluate


@dataclass(frozen=True)
class TrainResult:
    """What :func:`train` returns."""

    model: ACFNet
    folder: Path  # holds checkpoint.pt, log.csv, evaluation.csv, config.json
    position: int  # optimizer steps done
    finished: bool  # False where Ctrl-C stopped it
    scores: Scores | None  # of the last evaluation made by this call


def train(config: TrainConfig, resume: bool = False, progress: bool = True) -> TrainResult:
    """Train a network as ``config`` says; under torchrun, together with the other processes.

    Writes into ``config.out``: ``checkpoint.pt`` (all that a resumed run needs), ``log.csv``, ``evaluation.csv``,
    ``config.json`` and TensorBoard files. On a CPU, with the same number of processes and threads, a resumed run ends
    with the same weights, bit for bit, as one that never stopped.

    Args:
        config: the run.
        resume: go on from ``checkpoint.pt`` in ``config.out``; from the start where there is none yet.
        progress: whether to show progress bars.

    Raises:
        ConfigError, DataError: a setting or a file cannot work.
        ConfigError: another process is training in the folder.
        CheckpointError: the folder holds another run, or a damaged checkpoint.
        TrainingError: the loss is not finite any more, or the disk is full. The last good checkpoint stays.
        LoaderError: a loading process was killed, or shared memory is too small for it.
        ContactError: under torchrun, another process has ended.
    """
    with started(config, resume) as (config, state, dataset, val_dataset):
        folder, checkpoint_path = Path(config.out), Path(config.out) / "checkpoint.pt"
        loader = make_loader(config, dataset, state.position, state.device)
        scores, stopped = None, False
        with (
            RunLog(folder, config, state.position, progress) as log,
            StopRequest(state.device) as stop,
            ended_with(loader),
        ):
            # Scores that are missing, because the run ended between saving and evaluating.
            missing = evaluation_due(config, state.position) and log.lacks_scores(state.position)
            if distributed.any_rank(missing, state.device):
                scores = evaluate_now(config, state, val_dataset, log)
            # One turn = one global batch = one optimizer step.
            for images, labels in clear_errors(loader):
                # Learn: forward, backward, a step of SGD at the rate of the poly rule.
                rate = poly_learning_rate(config.learning_rate, state.position, config.iterations, config.poly_power)
                losses = optimizer_step(state, images, labels, rate, config)
                state.loss_sums += torch.cat([losses, losses.new_ones(1)])
                state.position += 1
                last, due = state.position == config.iterations, evaluation_due(config, state.position)
                # Log: the means since the last line. Only here a GPU is waited for.
                log.step()
                if logged := last or state.position % config.log_every == 0:
                    check_finite(state, checkpoint_path)
                    log.losses(state.position, epoch_of(state.position, loader), mean_losses(state), rate)
                # Save: before an evaluation, which may fail, and where somebody asks to stop.
                stopped = not last and stop.requested(all_ranks_ask=logged)
                if last or stopped or due or state.position % config.save_every == 0:
                    save_state(checkpoint_path, state, config, dataset)
                # Evaluate.
                if due and not stopped:
                    scores = evaluate_now(config, state, val_dataset, log)
                    stopped = not last and stop.requested(all_ranks_ask=True)
                if stopped:
                    break
    return TrainResult(state.model, folder, state.position, not stopped, scores)


Started = tuple[TrainConfig, TrainState, SegmentationDataset, SegmentationDataset | None]


@contextmanager
def started(config: TrainConfig, resume: bool) -> Iterator[Started]:
    """Context manager: a run with all that it needs before its first step; the folder is its own meanwhile.

    Gives the configuration with nothing left open in it, the state (fresh, or that of the checkpoint), and the data.
    """
    device, folder = pick_device(config.device), Path(config.out)
    with distributed.joined(device), in_contact():
        # The data first: the network is made for their classes.
        dataset, val_dataset = open_data(config)
        config = config.settled(dataset.num_classes)
        with sole_run(folder, device):
            # The folder: a new one, or that of this very run.
            checkpoint = prepare_folder(config, resume, device)
            check_same_data(folder / "checkpoint.pt", checkpoint, dataset)
            precision = run_precision(config, checkpoint, device)
            config = replace(config, precision=precision)  # a resumed run does not choose anew
            write_config(config)
            # The network and the optimizer.
            state = start_state(config, checkpoint, device, precision, class_weights_of(config, dataset))
            hint = f"checkpoints: {config.out}/checkpoint.pt; go on with the same command and --resume"
            with last_words(hint), clear_contact_errors():
                yield config, state, dataset, val_dataset


def open_data(config: TrainConfig) -> tuple[SegmentationDataset, SegmentationDataset | None]:
    """What to train on and what to evaluate on (None for "none"), from the cache where there is one.

    Raises:
        ConfigError, DataError: they do not fit the network or the configuration.
    """
    dataset = open_dataset(config.data, config.split)
    if config.cache:
        dataset = open_cache(config.cache, config.split, source=dataset)
    num_classes = dataset.num_classes if config.model.num_classes is None else config.model.num_classes
    check_classes(num_classes, dataset)
    if config.val_split == "none":
        return dataset, None
    val_dataset = open_dataset(config.data, config.val_split)
    check_classes(num_classes, val_dataset)
    check_split(val_dataset, config.eval_batch_size)
    if config.cache and (Path(config.cache) / config.val_split).is_dir():
        val_dataset = open_cache(config.cache, config.val_split, source=val_dataset)
    return dataset, val_dataset


def evaluation_due(config: TrainConfig, position: int) -> bool:
    """Whether scores belong to this iteration."""
    if config.val_split == "none" or position == 0:
        return False
    return position == config.iterations or (config.eval_every > 0 and position % config.eval_every == 0)


def evaluate_now(
    config: TrainConfig, state: TrainState, val_dataset: SegmentationDataset | None, log: RunLog
) -> Scores:
    """Scores of the network as it is, also written to the log.

    Raises:
        MemoryShortage: whole images do not fit; the message names flags of training.
    """
    assert val_dataset is not None  # evaluation_due says no where there is none
    try:
        scores = evaluate(
            state.model, val_dataset, batch_size=config.eval_batch_size, workers=config.workers,
            precision=state.precision, progress=False, oracle=config.oracle,
        )  # fmt: skip
    except MemoryShortage as error:  # its advice is for `acflib evaluate`
        smaller = "--eval-batch-size 1, or " if config.eval_batch_size > 1 else ""
        raise MemoryShortage(
            f"evaluating {config.val_split} takes more memory than there is. The checkpoint is written: go on with "
            f"--resume and {smaller}--val-split none, and score checkpoint.pt by `acflib evaluate --window 769 769`"
        ) from error
    log.scores(state.position, scores)
    return scores


def optimizer_step(
    state: TrainState, images: Tensor, labels: Tensor, learning_rate: float, config: TrainConfig
) -> Tensor:
    """Forward and backward over this process's share of a global batch, in micro-batches, then one step of SGD.

    Args:
        images: (B, 3, H, W); labels: int64 (B, H, W); both on any device.

    Returns:
        The losses in the order of ``LOSSES``, (4,) in the dtype of ``state.loss_sums``; 0 for one that the network does
        not have. Their mean over processes is the loss of the global batch.
    """
    device = state.device
    if config.freeze == "base":
        state.model.base.eval()  # its running statistics stay too; each time, for an evaluation puts it back
    order = memory_format(device, state.model)
    images = images.to(device, weights_dtype(state.precision), non_blocking=True, memory_format=order)
    labels = labels.to(device, non_blocking=True)
    for group in state.optimizer.param_groups:
        group["lr"] = learning_rate
    state.optimizer.zero_grad()
    # One denominator for all parts of the global batch. DDP averages gradients, hence the mean over processes.
    denominator = distributed.mean_over_ranks(pixel_weights(labels, state.class_weights).sum())
    parts = distributed.world_size() * config.micro_steps
    keep = pixels_to_keep(config.loss.bootstrap_keep, config.crop_pixels, parts)
    totals = torch.zeros(len(LOSSES), dtype=state.loss_sums.dtype, device=device)
    num_classes = cast(int, config.model.num_classes)  # as the data has, see `started`
    micro_batches = list(zip(images.chunk(config.micro_steps), labels.chunk(config.micro_steps), strict=True))
    for i, (micro_images, micro_labels) in enumerate(micro_batches):
        with average_gradients(state.network, now=i == len(micro_batches) - 1):
            class_maps = oracle_probs(config.oracle, micro_labels, num_classes)
            with autocast(device, state.precision):
                logits = state.network(micro_images, **class_maps)
            losses = total_loss(
                logits, micro_labels, config.loss, state.class_weights, denominator, keep, config.micro_steps,
                distributed.mean_over_ranks,
            )  # fmt: skip
            state.scaler.scale(losses["loss"]).backward()
        totals += torch.stack([losses[name].detach() if name in losses else totals.new_zeros(()) for name in LOSSES])
    state.scaler.step(state.optimizer)
    state.scaler.update()
    return totals


def average_gradients(network: nn.Module, now: bool):
    """Context manager: several processes average their gradients in the last micro-batch only, not in each."""
    no_sync = getattr(network, "no_sync", nullcontext)
    return nullcontext() if now else no_sync()


def mean_losses(state: TrainState) -> dict[str, float | None]:
    """The mean losses since the last log line, over all processes; then the sums start anew."""
    *sums, count = distributed.mean_over_ranks(state.loss_sums).tolist()
    state.loss_sums.zero_()
    present = {"loss", "fine"} | ({"coarse"} if state.model.acf is not None else set())
    has_aux = getattr(state.model.base, "aux_head", None) is not None and state.model.base.training
    present |= {"aux"} if has_aux else set()
    return {name: total / count if name in present else None for name, total in zip(LOSSES, sums, strict=True)}


def epoch_of(position: int, loader: DataLoader) -> int:
    """The epoch (from 0) of the batch consumed last."""
    batches = loader.batch_sampler
    assert isinstance(batches, EpochBatches)  # see make_loader
    return (position - 1) // batches.batches_per_epoch


def make_loader(config: TrainConfig, dataset: SegmentationDataset, position: int, device: torch.device) -> DataLoader:
    """This process's share of the batches from ``position`` to the end: images (B, 3, h, w), labels int64 (B, h, w)."""
    # torchvision is slow to import: see acflib.layers.bases
    from acflib.datasets.transforms import SeededAugmentation, training_transform

    share = distributed.world_size() * config.micro_steps
    if config.batch_size % share:
        raise ConfigError(
            f"batch_size={config.batch_size} must be a multiple of processes x micro_steps = "
            f"{distributed.world_size()} x {config.micro_steps}"
        )
    transform = training_transform(config.crop_size, config.scale_range, config.flip_probability)
    batches = EpochBatches(
        len(dataset), config.batch_size, position, config.iterations, config.seed, distributed.rank(),
        distributed.world_size(),
    )  # fmt: skip
    return DataLoader(
        SeededAugmentation(dataset, transform, config.seed),
        batch_sampler=batches,
        num_workers=config.workers,
        prefetch_factor=config.prefetch if config.workers else None,
        pin_memory=device.type == "cuda",
        persistent_workers=config.workers > 0,
        collate_fn=shared_batch,
        worker_init_fn=ignore_interrupts,
        generator=torch.Generator(),  # else the loader would draw from the global random state
    )


def class_weights_of(config: TrainConfig, dataset: SegmentationDataset) -> Sequence[float] | None:
    """Weights of the classes in the cross entropy: the data set's own, else from the frequencies of its labels."""
    from acflib.datasets.transforms import class_balance

    if not config.class_balance:
        return None
    return dataset.class_weights or class_balance(dataset)
