"""What training_step.py measures: a network of a preset or a peer, ready to train, with a batch of noise."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from peers import BASELINE, PEERS, make_peer
from torch import Tensor

from acflib.acfnet import build_model, without_weights
from acflib.datasets.labels import CITYSCAPES_CLASS_WEIGHTS
from acflib.engine.config import TrainConfig
from acflib.engine.devices import pick_device, pick_precision
from acflib.engine.presets import PRESETS
from acflib.engine.train_state import prepare
from acflib.training import optimizer_step


@dataclass(frozen=True)
class Settings:
    """Of all networks alike; None: the preset's own."""

    presets: tuple[str, ...]
    size: int | None = None  # height and width of the crops
    batch: int | None = None
    device: str = "auto"
    precision: str = "auto"
    compile: bool = False
    rounds: int = 3
    iterations: int = 1  # in a row, per round
    warm_up: int = 1
    data: Path | None = None  # a Cityscapes folder
    cache: Path | None = None
    workers: int = 0  # loading processes


def config_of(name: str, settings: Settings) -> TrainConfig:
    """The preset (the baseline's for a peer) at the size of this run."""
    config = PRESETS[BASELINE if name in PEERS else name]
    size, batch = settings.size, settings.batch or config.batch_size
    return replace(
        config,
        crop_size=(size, size) if size else config.crop_size,
        batch_size=batch,
        micro_steps=min(config.micro_steps, batch),
        compile=settings.compile,
        model=without_weights(config.model),
    )


@dataclass(frozen=True)
class Case:
    """A network that is measured."""

    train_on: Callable[[Tensor, Tensor], Tensor]  # one iteration on a batch; returns its losses
    noise: tuple[Tensor, Tensor]  # images (B, 3, h, w) and labels (B, h, w)
    optimizer: torch.optim.Optimizer
    resident: int  # bytes of weights, buffers and momentum
    config: TrainConfig

    def step(self) -> Tensor:
        """One iteration on noise."""
        return self.train_on(*self.noise)

    @property
    def feed(self) -> tuple:
        """Networks that are equal in this have the same batches."""
        return self.config.batch_size, self.config.crop_size, self.config.scale_range


def make_case(name: str, settings: Settings) -> Case:
    """The network of a preset or a peer, with its step."""
    torch.manual_seed(0)
    config = config_of(name, settings)
    device = pick_device(settings.device)
    precision = pick_precision(settings.precision, device)
    num_classes = config.model.num_classes
    model = make_peer(name, num_classes, aux=True) if name in PEERS else build_model(config.model)
    state = prepare(model, config, device, precision, CITYSCAPES_CLASS_WEIGHTS)
    images = torch.randn(config.batch_size, 3, *config.crop_size)
    labels = torch.randint(num_classes, (config.batch_size, *config.crop_size))
    labels[:, : config.crop_size[0] // 10] = 255
    if device.type == "cuda":
        images, labels = images.pin_memory(), labels.pin_memory()

    def train_on(images: Tensor, labels: Tensor) -> Tensor:
        # A tiny learning rate: noise has nothing to teach, and must not drive the weights away.
        return optimizer_step(state, images, labels, 1e-6, config)

    momentum = sum(parameter.nbytes for parameter in model.parameters())
    resident = momentum + sum(value.nbytes for value in model.state_dict().values())
    return Case(train_on, (images, labels), state.optimizer, resident, config)
