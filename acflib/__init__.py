"""acflib: Attentional Class Feature Network (ACFNet, ICCV 2019) to learn from, use and trust."""

__version__ = "0.1.0"

from acflib import functional
from acflib.acf import ACFModule, ClassAttentionBlock, ClassCenterBlock
from acflib.acfnet import ACFNet, Intermediates, ModelConfig, build_model, inspect
from acflib.errors import AcflibError, CheckpointError, ConfigError, DataError, TrainingError
from acflib.layers.bases import BaseOutput, ResNetBase
from acflib.layers.tapping import tap
from acflib.predict.pretrained import load_pretrained

__all__ = [
    "ACFModule",
    "ACFNet",
    "AcflibError",
    "BaseOutput",
    "CheckpointError",
    "ClassAttentionBlock",
    "ClassCenterBlock",
    "ConfigError",
    "DataError",
    "Intermediates",
    "ModelConfig",
    "ResNetBase",
    "TrainingError",
    "build_model",
    "functional",
    "inspect",
    "load_pretrained",
    "tap",
]
