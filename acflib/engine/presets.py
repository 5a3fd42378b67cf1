"""Complete settings by name, for ``python -m acflib train --preset NAME``."""

from dataclasses import replace

from acflib.acfnet import ModelConfig
from acflib.engine.config import TrainConfig
from acflib.layers.bases import IMAGENET_WEIGHTS
from acflib.losses import LossConfig


def paper_row(
    out: str, variant: str | None, context: str | None = None, bootstrap: bool = False, split: str = "train"
) -> TrainConfig:
    """One row of Table 1, 2 or 3 with the values of sections 4.1, 4.2 and 4.4: ResNet-101, 769 x 769, batch 8, 40k."""
    return TrainConfig(
        out=f"runs/{out}",
        split=split,
        val_split="val" if split == "train" else "none",  # what was trained on is no test
        model=ModelConfig(variant=variant, context=context, weights=IMAGENET_WEIGHTS),
        loss=LossConfig(bootstrap=bootstrap),
    )


PAPER = {
    "r101-baseline": paper_row("r101-baseline", None),
    "r101-center": paper_row("r101-center", "center"),
    "r101-acf-concat": paper_row("r101-acf-concat", "concat"),
    "r101-acf-sum": paper_row("r101-acf-sum", "sum"),
    "r101-aspp": paper_row("r101-aspp", None, "aspp"),
    "r101-aspp-acf": paper_row("r101-aspp-acf", "sum", "aspp"),
    "r101-aspp-acf-ob": paper_row("r101-aspp-acf-ob", "sum", "aspp", bootstrap=True),
    "r101-aspp-acf-ob-trainval": paper_row("r101-aspp-acf-ob-trainval", "sum", "aspp", True, "trainval"),
}

# One GPU with less memory: the paper's network and batch of 8, in several passes before each step. What changes against
# the paper is that batch statistics are those of the images of one pass. `acflib doctor --preset NAME` counts the
# memory; none of it has been measured on a GPU.
SMALL_GPU = {
    # 4 images a pass
    "r101-acf-sum-24gb": replace(PAPER["r101-acf-sum"], out="runs/r101-acf-sum-24gb", micro_steps=2),
    # 2 images a pass, as on each of the paper's four GPUs
    "r101-acf-sum-12gb": replace(PAPER["r101-acf-sum"], out="runs/r101-acf-sum-12gb", micro_steps=4),
    # 2 images a pass, activations recomputed (one forward pass more)
    "r101-acf-sum-8gb": replace(
        PAPER["r101-acf-sum"],
        out="runs/r101-acf-sum-8gb",
        micro_steps=4,
        model=replace(PAPER["r101-acf-sum"].model, recompute=True),
    ),
}

# A network of 0.23 M parameters on Streets 128 x 64, for a laptop CPU. The learning rate is larger than the paper's
# because nothing is pretrained.
TINY = TrainConfig(
    out="runs/tiny-acf-sum",
    model=ModelConfig(backbone="tiny", channels=128, align_corners=False, weights=None),
    crop_size=(64, 128),
    scale_range=(0.75, 1.5),
    learning_rate=0.1,
    iterations=1600,
    eval_every=400,
    eval_batch_size=20,
    save_every=200,
    workers=1,
)

PRESETS: dict[str, TrainConfig] = {**PAPER, **SMALL_GPU, "tiny-acf-sum": TINY}
