"""Everything that defines a training run, each value a named field. The defaults are those of section 4.2."""

import math
from dataclasses import dataclass, replace

from acflib.acf import VARIANTS
from acflib.acfnet import ModelConfig
from acflib.engine.oracle import check_oracle
from acflib.errors import ConfigError
from acflib.layers.alignment import padded_size
from acflib.layers.bases import TINY_FIELD
from acflib.losses import LossConfig
from acflib.options import option

# Fields that may change when a run is resumed. Most cannot change the weights at all: what is read from where, what is
# shown, saved and evaluated, and when. The device changes rounding at most, and compiling the draws of dropout.
MAY_CHANGE = (
    "data", "cache", "out", "device", "workers", "prefetch", "compile", "tensorboard", "model.weights",
    "model.recompute", "val_split", "log_every", "eval_every", "eval_batch_size", "save_every",
)  # fmt: skip


@dataclass(frozen=True)
class TrainConfig:
    """A training run. ``batch_size`` counts all processes and micro-batches together."""

    data: str = option("", "data folder: Cityscapes, CamVid or Streets")
    cache: str | None = option(None, "folder of `acflib data cache` to read images from; of val_split too, if in it")
    out: str = option("runs/acfnet", "folder of the run: checkpoint, log, pictures")
    split: str = option("train", 'part to train on, "trainval" for the paper\'s test-set entry')
    val_split: str = option("val", 'part to evaluate on; "none" to leave it out')
    model: ModelConfig = ModelConfig()
    loss: LossConfig = LossConfig()
    oracle: str = option("none", "ground truth in place of P: centers, attention, both, presence or appearance")
    start: str | None = option(None, "checkpoint.pt of another run, whose base network this one starts from")
    freeze: str | None = option(None, '"base": the base network keeps its weights, only the rest is trained')
    class_balance: bool = option(True, "weigh the classes in the cross entropy")
    crop_size: tuple[int, int] = option((769, 769), "height and width of the training crop, in pixels")
    scale_range: tuple[float, float] = option((0.5, 2.0), "smallest and largest random scale")
    flip_probability: float = option(0.5, "chance of a mirrored image")
    batch_size: int = option(8, "images per optimizer step, over all processes")
    micro_steps: int = option(1, "forward passes that share one optimizer step (for small GPUs)")
    iterations: int = option(40_000, "optimizer steps")
    learning_rate: float = option(0.01, "initial learning rate")
    momentum: float = option(0.9, "of SGD")
    weight_decay: float = option(0.0005, "of SGD, on all parameters")
    poly_power: float = option(0.9, "learning rate = initial * (1 - iteration / iterations) ** power")
    norm: str = option("sync", '"sync": statistics over all processes; "batch": each alone; "inplace": sync, leaky')
    seed: int = option(0, "of initial weights, sample order and augmentation")
    device: str = option("auto", '"auto", "cpu", "cuda", "cuda:1" or "mps"')
    precision: str = option("auto", '"auto", "float32", "bf16", "fp16" or "float64"')
    compile: bool = option(False, "torch.compile the network: minutes at the start, then faster steps")
    workers: int = option(4, "data loading processes per training process, in evaluations too")
    prefetch: int = option(2, "batches that each data loading process holds ready")
    log_every: int = option(10, "optimizer steps between log lines")
    eval_every: int = option(2000, "optimizer steps between evaluations; 0: only at the end")
    eval_batch_size: int = option(1, "images per evaluation step; above 1 only for images of one size")
    save_every: int = option(500, "optimizer steps between checkpoints")
    tensorboard: bool = option(True, "also write TensorBoard files, where it is installed")

    def __post_init__(self):
        counts = ("batch_size", "micro_steps", "iterations", "prefetch", "log_every", "save_every", "eval_batch_size")
        for name in counts:
            if getattr(self, name) < 1:
                raise ConfigError(f"{name} must be at least 1, got {getattr(self, name)}")
        for name in ("eval_every", "workers", "seed", "weight_decay", "momentum"):
            if getattr(self, name) < 0:
                raise ConfigError(f"{name} must be at least 0, got {getattr(self, name)}")
        if not 0 < self.learning_rate < math.inf:  # a comparison with NaN is False, so NaN is refused too
            raise ConfigError(f"learning_rate must be a positive number, got {self.learning_rate}")
        if not 0 <= self.poly_power < math.inf:
            raise ConfigError(f"poly_power must be at least 0 (else the rate would rise), got {self.poly_power}")
        if not 0 < self.scale_range[0] <= self.scale_range[1] < math.inf:
            raise ConfigError(f"scale_range must be (smallest, largest), positive numbers, got {self.scale_range}")
        if not 0 <= self.flip_probability <= 1:
            raise ConfigError(f"flip_probability must be in [0, 1], got {self.flip_probability}")
        if self.norm not in ("batch", "sync", "inplace"):
            raise ConfigError(f'norm must be "batch", "sync" or "inplace", got {self.norm!r}')
        check_oracle(self.oracle)
        if self.oracle != "none" and self.model.variant not in VARIANTS:
            raise ConfigError(f"oracle={self.oracle!r} needs class centers, variant is {self.model.variant!r}")
        if self.oracle in ("attention", "both") and self.model.variant == "center":
            raise ConfigError(f'oracle={self.oracle!r}: the variant "center" has no attention; choose "centers"')
        if self.freeze not in (None, "base"):
            raise ConfigError(f'freeze must be "base" or None, got {self.freeze!r}')
        if self.freeze and self.model.variant is None:
            raise ConfigError("freeze='base' leaves nothing to train in a network without ACF module: choose a variant")
        if self.compile and self.model.recompute:
            raise ConfigError("compile=True and recompute=True do not go together: torch cannot trace both; choose one")
        stride = self.model.output_stride
        if stride < 1:
            raise ConfigError(f"output_stride must be 8, 16 or 32, got {stride}")
        fitting = padded_size(self.crop_size, stride)
        if self.model.align_corners and fitting != tuple(self.crop_size):
            raise ConfigError(
                f"align_corners=True suits crops of {stride}k+1 pixels (output_stride={stride}), crop_size is "
                f"{self.crop_size}: choose such a crop, for example {fitting}, or align_corners=False"
            )

    @property
    def crop_pixels(self) -> int:
        """Pixels of all crops of one optimizer step."""
        return self.batch_size * self.crop_size[0] * self.crop_size[1]

    def settled(self, num_classes: int) -> "TrainConfig":
        """The same run with nothing left open in its network: the classes of the data, the field of the tiny base."""
        model = self.model
        if model.num_classes is None:
            model = replace(model, num_classes=num_classes)
        if model.backbone == "tiny" and model.field is None:
            model = replace(model, field=TINY_FIELD)
        return replace(self, model=model)
