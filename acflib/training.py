"""The training loop (paper, section 4.2): from a data folder to a trained ACFNet, on a CPU, a GPU, or several."""

from contextlib import nullcontext
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader

from acflib import distributed
from acflib.acfnet import ACFNet
from acflib.datasets import open_dataset
from acflib.datasets.base import SegmentationDataset
from acflib.datasets.cache import open_cache
from acflib.datasets.transforms import SeededAugmentation, class_balance, training_transform
from acflib.engine.config import TrainConfig
from acflib.engine.devices import autocast, pick_device, weights_dtype
from acflib.engine.interrupts import StopRequest
from acflib.engine.launcher import last_words
from acflib.engine.oracle import oracle_probs
from acflib.engine.run_folder import check_same_data, prepare_folder, run_precision, sole_run, write_config
from acflib.engine.runlog import RunLog
from acflib.engine.sampling import EpochBatches
from acflib.engine.train_state import LOSSES, TrainState, check_finite, save_state, start_state
from acflib.engine.workers import clear_errors, ended_with, ignore_interrupts, shared_batch
from acflib.errors import ConfigError
from acflib.losses import pixel_weights, pixels_to_keep, poly_learning_rate, total_loss
from acflib.metrics import Scores
from acflib.predict.evaluation import check_classes, check_split, evaluate


@dataclass(frozen=True)
class TrainResult:
    """What :func:`train` returns."""

    model: ACFNet
    folder: Path  # holds checkpoint.pt, log.csv, evaluation.csv, config.json
    position: int  # optimiser steps done
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
    """
    device = pick_device(config.device)
    joined = distributed.setup(device)
    folder = Path(config.out)
    try:
        dataset, val_dataset = open_data(config)
        with sole_run(folder, device):
            checkpoint = prepare_folder(config, resume, device)
            check_same_data(folder / "checkpoint.pt", checkpoint, dataset)
            precision = run_precision(config, checkpoint, device)
            config = replace(config, precision=precision)  # a resumed run does not choose anew
            write_config(config)
            state = start_state(config, checkpoint, device, precision)
            with last_words(f"checkpoints: {config.out}/checkpoint.pt; go on with the same command and --resume"):
                return run_loop(config, state, dataset, val_dataset, device, precision, progress)
    finally:
        if joined:
            distributed.shutdown()


def open_data(config: TrainConfig) -> tuple[SegmentationDataset, SegmentationDataset | None]:
    """What to train on and what to evaluate on (None for "none"), from the cache where there is one.

    Raises:
        ConfigError, DataError: they do not fit the network or the configuration.
    """
    dataset = open_dataset(config.data, config.split)
    if config.cache:
        dataset = open_cache(config.cache, config.split, source=dataset)
    check_classes(config.model.num_classes, dataset)
    if config.val_split == "none":
        return dataset, None
    val_dataset = open_dataset(config.data, config.val_split)
    check_classes(config.model.num_classes, val_dataset)
    check_split(val_dataset, config.eval_batch_size)
    if config.cache and (Path(config.cache) / config.val_split).is_dir():
        val_dataset = open_cache(config.cache, config.val_split, source=val_dataset)
    return dataset, val_dataset


def run_loop(
    config: TrainConfig,
    state: TrainState,
    dataset: SegmentationDataset,
    val_dataset: SegmentationDataset | None,
    device: torch.device,
    precision: str,
    progress: bool,
) -> TrainResult:
    """The flat loop: one turn = one global batch = one optimiser step."""
    folder = Path(config.out)
    checkpoint_path = folder / "checkpoint.pt"
    class_weights = make_class_weights(config, dataset, device, precision)
    loader = make_loader(config, dataset, state.position, device)
    scores, stopped = None, False
    with RunLog(folder, config, state.position, progress) as log, StopRequest(device) as stop, ended_with(loader):
        if evaluation_due(config, state.position) and distributed.any_rank(log.lacks_scores(state.position), device):
            scores = evaluate_now(config, state, val_dataset, precision, log)  # it ended between saving and evaluating
        for images, labels in clear_errors(loader):
            learning_rate = poly_learning_rate(
                config.learning_rate, state.position, config.iterations, config.poly_power
            )
            losses = optimiser_step(state, images, labels, learning_rate, config, class_weights, precision)
            state.window += torch.cat([losses, losses.new_ones(1)])
            state.position += 1
            last = state.position == config.iterations

            log.step()
            if last or state.position % config.log_every == 0:
                check_finite(state, checkpoint_path)
                log.losses(state.position, epoch_of(state.position, loader), read_window(state), learning_rate)
            stopped = not last and stop.requested(all_ranks_ask=state.position % config.log_every == 0)
            due = evaluation_due(config, state.position)
            if last or stopped or due or state.position % config.save_every == 0:
                save_state(checkpoint_path, state, config, dataset)  # before an evaluation, which may fail
            if due and not stopped:
                scores = evaluate_now(config, state, val_dataset, precision, log)
                stopped = not last and stop.requested(all_ranks_ask=True)
            if stopped:
                break
    return TrainResult(state.model, folder, state.position, not stopped, scores)


def evaluation_due(config: TrainConfig, position: int) -> bool:
    """Whether scores belong to this iteration."""
    if config.val_split == "none" or position == 0:
        return False
    return position == config.iterations or (config.eval_every > 0 and position % config.eval_every == 0)


def evaluate_now(
    config: TrainConfig, state: TrainState, val_dataset: SegmentationDataset | None, precision: str, log: RunLog
) -> Scores:
    """Scores of the network as it is, also written to the log."""
    assert val_dataset is not None  # evaluation_due says no where there is none
    scores = evaluate(
        state.model, val_dataset, batch_size=config.eval_batch_size, workers=config.workers, precision=precision,
        progress=False, oracle=config.oracle,
    )  # fmt: skip
    log.scores(state.position, scores)
    return scores


def optimiser_step(
    state: TrainState,
    images: Tensor,
    labels: Tensor,
    learning_rate: float,
    config: TrainConfig,
    class_weights: Tensor | None,
    precision: str,
) -> Tensor:
    """Forward and backward over this process's share of a global batch, in micro-batches, then one step of SGD.

    Args:
        images: (B, 3, H, W); labels: int64 (B, H, W); both on any device.

    Returns:
        The losses in the order of ``LOSSES``, (4,) in the dtype of ``state.window``; 0 for one that the network does
        not have. Their mean over processes is the loss of the global batch.
    """
    device = state.window.device
    if config.freeze == "base":
        state.model.base.eval()  # its running statistics stay too; each time, for an evaluation puts it back
    images = images.to(device, weights_dtype(precision), non_blocking=True)
    labels = labels.to(device, non_blocking=True)
    if device.type == "cuda":
        images = images.contiguous(memory_format=torch.channels_last)
    for group in state.optimizer.param_groups:
        group["lr"] = learning_rate
    state.optimizer.zero_grad()
    # One denominator for all parts of the global batch. DDP averages gradients, hence the mean over processes.
    denominator = distributed.mean_over_ranks(pixel_weights(labels, class_weights).sum())
    parts = distributed.world_size() * config.micro_steps
    keep = pixels_to_keep(config.loss.bootstrap_keep, config.crop_pixels, parts)
    totals = torch.zeros(len(LOSSES), dtype=state.window.dtype, device=device)
    micro_batches = list(zip(images.chunk(config.micro_steps), labels.chunk(config.micro_steps), strict=True))
    for i, (micro_images, micro_labels) in enumerate(micro_batches):
        with average_gradients(state.network, now=i == len(micro_batches) - 1):
            class_maps = oracle_probs(config.oracle, micro_labels, config.model.num_classes)
            with autocast(device, precision):
                logits = state.network(micro_images, **class_maps)
            losses = total_loss(
                logits, micro_labels, config.loss, class_weights, denominator, keep, config.micro_steps,
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


def read_window(state: TrainState) -> dict[str, float | None]:
    """The mean losses since the last log line, over all processes; then the window starts anew."""
    window = distributed.mean_over_ranks(state.window).tolist()
    state.window.zero_()
    present = {"loss", "fine"} | ({"coarse"} if state.model.acf is not None else set())
    has_aux = getattr(state.model.base, "aux_head", None) is not None and state.model.base.training
    present |= {"aux"} if has_aux else set()
    return {name: window[i] / window[-1] if name in present else None for i, name in enumerate(LOSSES)}


def epoch_of(position: int, loader: DataLoader) -> int:
    """The epoch (from 0) of the batch consumed last."""
    batches = loader.batch_sampler
    assert isinstance(batches, EpochBatches)  # see make_loader
    return (position - 1) // batches.batches_per_epoch


def make_loader(config: TrainConfig, dataset: SegmentationDataset, position: int, device: torch.device) -> DataLoader:
    """This process's share of the batches from ``position`` to the end: images (B, 3, h, w), labels int64 (B, h, w)."""
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


def make_class_weights(
    config: TrainConfig, dataset: SegmentationDataset, device: torch.device, precision: str
) -> Tensor | None:
    """Weights of the classes in the cross entropy: the data set's own, else from the frequencies of its labels."""
    if not config.class_balance:
        return None
    weights = dataset.class_weights or class_balance(dataset)
    return torch.tensor(weights, dtype=weights_dtype(precision), device=device)
