"""All that changes while a network is trained, and how it goes into a checkpoint and comes back."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.amp import GradScaler
from torch.nn.parallel import DistributedDataParallel
from torch.optim import SGD

from acflib import distributed
from acflib.acfnet import ACFNet, ModelConfig, build_model, without_weights
from acflib.datasets.base import SegmentationDataset
from acflib.engine.checkpoints import config_as_dict, load_checkpoint, rng_state, save_checkpoint, set_rng_state
from acflib.engine.config import TrainConfig
from acflib.engine.devices import has_fused_sgd, place, weights_dtype
from acflib.errors import CheckpointError, TrainingError
from acflib.layers.inplace import use_inplace
from acflib.layers.norm import synchronize

LOSSES = ("loss", "fine", "coarse", "aux")


@dataclass
class TrainState:
    """Network, optimizer and position of a run.

    Attributes:
        model: the network itself, an ACFNet or any other with the same dict of logits as its result.
        network: the same, wrapped so that gradients are averaged over processes, and compiled if the configuration
            says so; call this one in training.
        optimizer: SGD as in section 4.2.
        scaler: gradient scaler, active for fp16 only.
        device: where all of it lies, of this process.
        precision: "float32", "bf16", "fp16" or "float64".
        class_weights: of the cross entropy, (N,); None: all classes weigh the same.
        position: global batches consumed = optimizer steps done.
        loss_sums: the losses since the last log line (in the order of ``LOSSES``) and their number, (5,), float64 (on
            mps float32).
    """

    model: Any
    network: nn.Module
    optimizer: SGD
    scaler: GradScaler
    device: torch.device
    precision: str
    class_weights: Tensor | None
    position: int
    loss_sums: Tensor


def start_state(
    config: TrainConfig,
    checkpoint: dict | None,
    device: torch.device,
    precision: str,
    class_weights: Sequence[float] | None = None,
) -> TrainState:
    """A fresh state, or that of a checkpoint.

    Random states are put back where the number of processes is the one that was saved; otherwise dropout draws anew.
    """
    torch.manual_seed(config.seed)  # the same initial weights on every process
    model = build_model(without_weights(config.model) if checkpoint or config.start else config.model)
    if config.norm == "inplace":
        use_inplace(model)  # before its weights: they are those of this kind
    model = model.to(weights_dtype(precision))  # before its weights, too: float32 would round those of float64
    if checkpoint:
        model.load_state_dict(checkpoint["model"])
    elif config.start:
        load_base(model, config)
    state = prepare(model, config, device, precision, class_weights)
    if not checkpoint:
        torch.manual_seed(config.seed + distributed.rank())  # dropout differs between processes
        return state
    load_optimizer(state.optimizer, checkpoint["optimizer"])
    if state.scaler.is_enabled() and checkpoint["scaler"]:  # a run in another precision left no scale: a fresh one
        state.scaler.load_state_dict(checkpoint["scaler"])
    state.position = checkpoint["position"]
    if len(checkpoint["rng"]) == distributed.world_size():
        set_rng_state(checkpoint["rng"][distributed.rank()])
        state.loss_sums.copy_(checkpoint["window"][distributed.rank()])
    else:
        torch.manual_seed(config.seed + distributed.rank() + state.position)
        state.loss_sums.copy_(torch.stack(checkpoint["window"]).mean(dim=0))  # the log takes the mean over processes
    return state


def load_base(model: ACFNet, config: TrainConfig) -> None:
    """Give a network the base network of the checkpoint ``config.start``; its other layers stay.

    Running statistics are included.

    Raises:
        CheckpointError: no such checkpoint, or its base network is of another shape or kind.
    """
    path = Path(cast(str, config.start))
    checkpoint = load_checkpoint(path)
    check_same_kind(path, checkpoint["config"], config)
    weights = checkpoint["model"]
    base = {name.removeprefix("base."): value for name, value in weights.items() if name.startswith("base.")}
    try:
        model.base.load_state_dict(base)
    except RuntimeError as error:
        raise CheckpointError(f"start={path}: its base network is another one than this run's: {error}") from error


def check_same_kind(path: Path, stored: dict[str, Any], config: TrainConfig) -> None:
    """Raise CheckpointError where the same weights would compute something else; no tensor's shape tells.

    A base network that is trained further may go on at another output stride; a frozen one cannot.
    """
    if (stored["norm"] == "inplace") != (config.norm == "inplace"):
        raise CheckpointError(
            f"start={path}: it was trained with norm={stored['norm']!r}, this run has norm={config.norm!r}: "
            '"inplace" has another activation, so both or neither'
        )
    for name in ("backbone", "output_stride", "align_corners") if config.freeze == "base" else ():
        before, now = stored["model"].get(name, getattr(ModelConfig(), name)), getattr(config.model, name)
        if before != now:
            raise CheckpointError(
                f"start={path}: it was trained with {name}={before}, this run has {now} and freezes it: choose {before}"
            )


def prepare(
    model: nn.Module,
    config: TrainConfig,
    device: torch.device,
    precision: str,
    class_weights: Sequence[float] | None = None,
) -> TrainState:
    """A network made ready for its first step: norms, device, memory format, several processes, compiler, optimizer.

    Args:
        model: an ACFNet, or any network with the same dict of logits as its result.
    """
    several = distributed.world_size() > 1
    if config.norm == "inplace":
        model = use_inplace(model)  # synchronized too
    elif config.norm == "sync" and several:
        model = synchronize(model, device.type)
    model = place(model, device, precision).train()
    if config.freeze == "base":
        model.base.requires_grad_(False)
    network: nn.Module = model
    if several:
        network = DistributedDataParallel(
            model,
            device_ids=[device.index] if device.type == "cuda" else None,
            gradient_as_bucket_view=True,  # gradients lie where they are sent from: no copy of them all
        )
    if config.compile:
        # Around the one for several processes, which then sends while it computes. Of a module it makes a module.
        network = cast(nn.Module, torch.compile(network))
    optimizer = SGD(
        model.parameters(), config.learning_rate, config.momentum, weight_decay=config.weight_decay,
        fused=has_fused_sgd(device, precision) or None,
    )  # fmt: skip
    scaler = GradScaler(device.type, enabled=precision == "fp16")
    sums = torch.float32 if device.type == "mps" else torch.float64  # mps has no float64
    loss_sums = torch.zeros(len(LOSSES) + 1, dtype=sums, device=device)
    weights = None
    if class_weights is not None:
        weights = torch.tensor(class_weights, dtype=weights_dtype(precision), device=device)
    return TrainState(model, network, optimizer, scaler, device, precision, weights, 0, loss_sums)


def load_optimizer(optimizer: SGD, saved: dict) -> None:
    """Put back the momentum of a checkpoint, which may come from another device.

    Which kernels SGD takes stays as it is here, and so does the memory order of each weight: the fused ones want the
    momentum in the same order.
    """
    (fused,) = {group["fused"] for group in optimizer.param_groups}
    optimizer.load_state_dict(saved)
    for group in optimizer.param_groups:
        group["fused"] = fused
    for weight, state in optimizer.state.items():
        if state.get("momentum_buffer") is not None:
            state["momentum_buffer"] = torch.empty_like(weight).copy_(state["momentum_buffer"])


def save_state(path: Path, state: TrainState, config: TrainConfig, dataset: SegmentationDataset) -> None:
    """Write a checkpoint; every process must call this, the first one writes.

    Raises:
        TrainingError: if a loss or a parameter is not finite (the older checkpoint stays), or the disk is full.
    """
    check_finite(state, path)
    device = state.device
    rng = {name: distributed.gather(own, device) for name, own in rng_state().items()}  # name -> one tensor a process
    loss_sums = distributed.gather(state.loss_sums, device)
    if distributed.rank() > 0:
        return
    content = {
        "config": config_as_dict(config.settled(state.model.num_classes)),
        "classes": list(dataset.classes),
        "colors": [list(color) for color in dataset.colors],
        "position": state.position,
        "model": state.model.state_dict(),
        "optimizer": state.optimizer.state_dict(),
        "scaler": state.scaler.state_dict(),
        "rng": [dict(zip(rng, values, strict=True)) for values in zip(*rng.values(), strict=True)],
        "window": loss_sums,
        "frames": len(dataset),
        "picture_size": list(dataset.load_image(0).shape[:2]),
    }
    save_checkpoint(path, content)


def check_finite(state: TrainState, checkpoint_path: Path) -> None:
    """Raise TrainingError if the losses since the last log line, or any weight or buffer, are not finite."""
    tensors = [t for t in state.model.state_dict().values() if t.is_floating_point()]
    finite = torch.stack([t.isfinite().all() for t in [state.loss_sums, *tensors]]).all()
    if finite:
        return
    last = f"The last good checkpoint is {checkpoint_path}" if checkpoint_path.exists() else "Nothing was saved yet"
    raise TrainingError(
        f"loss or weights are not finite after iteration {state.position}. {last}; "
        "start again with a lower --learning-rate, or with --precision float32"
    )
