"""What the tests of the widgets share: small networks and pictures, and how the browser speaks to Python."""

import dataclasses
import io

import torch
from PIL import Image

from acflib.acfnet import ModelConfig, build_model
from acflib.datasets.transforms import normalize_image
from acflib.widgets import AttentionViewer, ClassCenterLab, SimilarityExplorer

SIZE = (64, 128)  # of the pictures
CLASSES = {"explorer": SimilarityExplorer, "lab": ClassCenterLab, "attention": AttentionViewer}


def tell(widget, action, seq=1, client="view", buffers=()):
    """What the front end does: a custom message."""
    widget._handle_custom_msg({**action, "client": client, "seq": seq}, list(buffers))


def png_bytes(array, **settings):
    """A picture as a PNG file."""
    file = io.BytesIO()
    Image.fromarray(array).save(file, format="PNG", **settings)
    return file.getvalue()


def network(variant="sum", **changes):
    """A tiny network that was not trained."""
    torch.manual_seed(0)
    config = ModelConfig(**({"backbone": "tiny", "channels": 24, "align_corners": False, "weights": None} | changes))
    return build_model(dataclasses.replace(config, variant=variant)).eval()


def batch(picture):
    """A picture as a network takes it."""
    return normalize_image(torch.from_numpy(picture.image).permute(2, 0, 1))[None]  # (1, 3, H, W)
