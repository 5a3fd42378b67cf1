"""Complete settings by name, for ``python -m acflib train --preset NAME``."""

from acflib.acfnet import ModelConfig
from acflib.config import TrainConfig

PRESETS = {
    # Sections 4.1 and 4.2: ResNet-101 + ACF(sum), 769 x 769 crops, batch 8, 40k iterations: the defaults.
    "r101-acf-sum": TrainConfig(out="runs/r101-acf-sum"),
    # A network of 0.6 M parameters on Streets 128 x 64, for a laptop CPU. The learning rate is larger than the paper's
    # because nothing is pretrained.
    "tiny-acf-sum": TrainConfig(
        out="runs/tiny-acf-sum",
        model=ModelConfig(backbone="tiny", channels=128, align_corners=False, weights=None),
        crop_size=(64, 128),
        scale_range=(0.75, 1.5),
        learning_rate=0.05,
        iterations=1600,
        eval_every=400,
        eval_batch_size=20,
        save_every=200,
        workers=1,
    ),
}
