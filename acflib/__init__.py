"""acflib: Attentional Class Feature Network (ACFNet, ICCV 2019) to learn from, use and trust.

The map of the house. Imports go down this list only, never up:

    functional, acf, acfnet, losses    the paper: Eq. 1 to 5, Fig. 2 and 3, Table 1; layers/ is what they are built of
    training, engine/                  section 4.2: the loop, and what a run needs around it
    datasets/                          Cityscapes, CamVid, generated Streets; transforms
    predict/, metrics, similarity      a trained network: inference, scores, overlays, export; Fig. 5 and 6
    study/                             the ablation: rows, seeds, intervals, the paper's own numbers
    course/, widgets/, site/, cli/     checks, grading, material; views to click in; static pages; the commands
"""

__version__ = "0.2.0"

from typing import TYPE_CHECKING, Any

from acflib import functional
from acflib.acf import ACFModule, ClassAttentionBlock, ClassCenterBlock
from acflib.acfnet import ACFNet, Intermediates, ModelConfig, build_model, inspect
from acflib.errors import AcflibError, CheckpointError, ConfigError, DataError, TrainingError
from acflib.layers.bases import BaseOutput, ResNetBase
from acflib.layers.tapping import tap

if TYPE_CHECKING:
    from acflib.predict.pretrained import load_pretrained
    from acflib.predict.sharing import save_pretrained

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
    "save_pretrained",
    "tap",
]


def __getattr__(name: str) -> Any:
    """What reads and writes trained networks is imported when asked for: it needs files and data sets, as no other."""
    if name == "load_pretrained":
        from acflib.predict.pretrained import load_pretrained

        return load_pretrained
    if name == "save_pretrained":
        from acflib.predict.sharing import save_pretrained

        return save_pretrained
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
