"""Checkpoints: everything a run needs to go on as if it had never stopped, written whole or not at all.

Files are read with ``weights_only=True``: tensors and plain values, never a pickled program.
"""

import dataclasses
import random
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from acflib.engine.files import replacing
from acflib.errors import CheckpointError

FORMAT = 3
KEYS = {
    "format", "config", "classes", "colors", "position", "model", "optimizer", "scaler", "rng", "window", "frames",
    "picture_size",
}  # fmt: skip
READABLE = {1: KEYS - {"frames", "picture_size"}, 2: KEYS - {"picture_size"}, 3: KEYS}  # format -> the keys that it has


def save_checkpoint(path: Path, state: dict[str, Any]) -> None:
    """Write a checkpoint atomically. ``state`` holds the keys in ``KEYS``, without "format".

    Raises:
        TrainingError: if the file cannot be written, for example on a full disk; an older checkpoint stays whole.
    """
    state = {"format": FORMAT, **state}
    assert state.keys() == KEYS, state.keys() ^ KEYS
    with replacing(path) as temporary:
        try:
            torch.save(state, temporary)
        except RuntimeError as error:  # a full disk
            raise OSError(str(error)) from error


def load_checkpoint(path: Path) -> dict[str, Any]:
    """Read a checkpoint onto the CPU, wherever it was written. An older one has None for what it lacks.

    Raises:
        CheckpointError: no such file, damaged, not a checkpoint of acflib, or of another format version.
    """
    if not path.is_file():
        raise CheckpointError(f"{path}: no such checkpoint; a run writes checkpoint.pt into its --out folder")
    if not zipfile.is_zipfile(path):
        raise CheckpointError(f"{path}: truncated, or not a checkpoint; use another copy or start the run anew")
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # torch raises many kinds here, by the place of the damage
        raise CheckpointError(f"{path}: cannot be read ({type(error).__name__}: {error}); use another copy") from error
    if not isinstance(state, dict) or "format" not in state:
        raise CheckpointError(f"{path}: not a checkpoint of acflib (it holds no format number)")
    if state["format"] not in READABLE:
        known = " and ".join(map(str, READABLE))
        raise CheckpointError(f"{path}: format {state['format']} is unknown here; this acflib reads format {known}")
    wrong = sorted(state.keys() ^ READABLE[state["format"]])
    if wrong:
        raise CheckpointError(f"{path}: damaged: {', '.join(wrong)} is missing or does not belong there")
    return {"frames": None, "picture_size": None, **state}


def check_same_config(path: Path, stored: dict, current: dict, may_differ: tuple[str, ...]) -> None:
    """Raise CheckpointError naming every setting that differs, but those in ``may_differ``."""
    stored, current = flat(stored), flat(current)
    names = sorted(name for name in stored.keys() | current.keys() if name not in may_differ)
    differences = [
        f"{name} is {current.get(name)!r}, was {stored.get(name)!r}"
        for name in names
        if stored.get(name) != current.get(name)
    ]
    if differences:
        raise CheckpointError(
            f"{path} belongs to another configuration: {'; '.join(differences)}. "
            "Pass the settings of that run, or another --out to start a new one."
        )


def config_as_dict(config: Any) -> dict[str, Any]:
    """A configuration as plain values (tuples become lists, as they do in a file)."""
    return _plain(dataclasses.asdict(config))


def rng_state() -> dict[str, Tensor]:
    """The global random states of this process (Python, NumPy, torch, the current GPU), as tensors."""
    numpy_state = np.random.get_state()
    assert isinstance(numpy_state, tuple)  # a dict where one asks for it
    _, keys, position, has_gauss, cached = numpy_state
    version, words, gauss = random.getstate()
    state = {
        "torch": torch.get_rng_state(),
        "numpy_keys": torch.from_numpy(keys.astype(np.int64)),
        "numpy_rest": torch.tensor([position, has_gauss, cached], dtype=torch.float64),
        "python": torch.tensor(words, dtype=torch.int64),
        "python_gauss": torch.tensor([version, float("nan") if gauss is None else gauss], dtype=torch.float64),
    }
    if torch.cuda.is_available():
        state["cuda"] = torch.cuda.get_rng_state()
    return state


def set_rng_state(state: dict[str, Tensor]) -> None:
    """Put back what :func:`rng_state` returned; a GPU's state only where there is a GPU."""
    torch.set_rng_state(state["torch"])
    position, has_gauss, cached = state["numpy_rest"].tolist()
    np.random.set_state(
        ("MT19937", state["numpy_keys"].numpy().astype(np.uint32), int(position), int(has_gauss), cached)
    )
    version, gauss = state["python_gauss"].tolist()
    random.setstate((int(version), tuple(state["python"].tolist()), None if gauss != gauss else gauss))
    if "cuda" in state and torch.cuda.is_available():
        torch.cuda.set_rng_state(state["cuda"])


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return value


def flat(config: dict) -> dict:
    """{"model": {"variant": "sum"}} -> {"model.variant": "sum"}."""
    found: dict[str, Any] = {}
    for key, value in config.items():
        found |= {f"{key}.{k}": v for k, v in flat(value).items()} if isinstance(value, dict) else {key: value}
    return found
