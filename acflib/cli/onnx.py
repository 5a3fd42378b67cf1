"""``acflib onnx``: a network as files that run without PyTorch."""

import argparse
from dataclasses import dataclass
from pathlib import Path

from acflib.cli.common import CHECKPOINT, require
from acflib.options import from_flags, option

EPILOG = (
    "base.onnx: image -> features, coarse_logits. head.onnx: features, center_probs, attention_probs -> centers, "
    "attended, fine_features, fine_logits, reduced. whole.onnx: image -> probabilities, at the size of the image. "
    "An image is RGB from 0 to 1, minus mean, divided by std, float32 (batch, 3, height, width); mean, std, classes "
    "and colors stand in the files' metadata as JSON."
)


@dataclass(frozen=True)
class OnnxConfig:
    """``acflib onnx``."""

    checkpoint: str = option("", CHECKPOINT)
    out: str = option("onnx", "folder for base.onnx, head.onnx and whole.onnx")


def run_onnx(given: argparse.Namespace) -> int:
    """``acflib onnx``: write the files, print how far each is from PyTorch.

    Raises:
        ConfigError: a package or the checkpoint's name is missing, or ONNX has no words for the network.
        CheckpointError, TrainingError: the network cannot be read, or the files cannot be written.
    """
    from acflib.predict.onnx_export import export_onnx, require_packages
    from acflib.predict.pretrained import load_pretrained

    config = from_flags(OnnxConfig(), given)
    require(config.checkpoint, "--checkpoint", CHECKPOINT)
    require_packages()
    model = load_pretrained(config.checkpoint)
    found = export_onnx(model, config.out, model.info["classes"], model.info["colors"], Path(config.checkpoint).stem)
    for name, difference in found.items():
        print(f"{Path(config.out) / name}: differs from PyTorch by at most {difference:.0e} of the largest value")
    return 0
