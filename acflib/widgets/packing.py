"""Class maps and pictures as few bytes on their way to the browser; ``static/link.js`` unpacks them."""

import io

import numpy as np
from PIL import Image

LONGEST = 65535


def pack_labels(labels: np.ndarray) -> bytes:
    """A class map as runs of equal labels, row after row: label (1 byte), length (2 bytes, the lower first).

    Args:
        labels: uint8, any shape.
    """
    flat = np.ascontiguousarray(labels, dtype=np.uint8).ravel()
    starts = np.concatenate([[0], np.flatnonzero(np.diff(flat)) + 1])
    lengths = np.diff(np.concatenate([starts, [flat.size]]))
    pieces = -(-lengths // LONGEST)  # a long run is cut
    which = np.repeat(np.arange(len(starts)), pieces)
    first = np.cumsum(pieces) - pieces
    done = (np.arange(len(which)) - first[which]) * LONGEST
    runs = np.empty(len(which), dtype=[("label", "u1"), ("length", "<u2")])
    runs["label"] = flat[starts[which]]
    runs["length"] = np.minimum(lengths[which] - done, LONGEST)
    return runs.tobytes()


def pack_picture(image: np.ndarray) -> bytes:
    """RGB, uint8 (H, W, 3), as the bytes of a PNG file."""
    file = io.BytesIO()
    Image.fromarray(image).save(file, format="PNG")
    return file.getvalue()
