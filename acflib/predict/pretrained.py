"""Trained networks, from the checkpoint of a run or by name.

Those with a name are small and come with acflib: ``NAME.safetensors``, and beside it ``NAME.json``, which says how they
were made. In a clone they lie in ``data/weights``, in an installed acflib in ``acflib/_weights``.
"""

import hashlib
import json
import re
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from acflib.acfnet import ACFNet, ModelConfig, build_model, without_weights
from acflib.datasets.folders import visible
from acflib.datasets.transforms import IMAGENET_MEAN, IMAGENET_STD
from acflib.engine.checkpoints import load_checkpoint
from acflib.engine.devices import pick_device
from acflib.engine.files import write_whole
from acflib.engine.machine import AROUND, PACKAGE, write_result
from acflib.errors import CheckpointError, ConfigError, package_fault
from acflib.layers.inplace import use_inplace

FORMAT = 1
KEYS = {
    "format", "name", "command", "machine", "model", "norm", "classes", "colors", "normalization", "position",
    "training", "data", "metrics", "parameters", "bytes", "sha256",
}  # fmt: skip
OF_CHECKPOINT = ("config", "classes", "colors", "position", "frames")  # what a network remembers of its checkpoint
PATHS = ("data", "cache", "out")  # settings of a training run that say where, not what
LFS_POINTER = b"version https://git-lfs"
AGAIN = "use another copy: `git checkout -- data/weights` in a clone, or install acflib again"


def load_pretrained(name: str | Path, device: str = "cpu", folder: str | Path | None = None) -> ACFNet:
    """A trained network, in evaluation mode.

    Args:
        name: path of the checkpoint of a run, such as "runs/mine/checkpoint.pt"; or one of :func:`available`, such as
            "streets-acf-sum". A file goes before a name.
        device: "cpu", "auto", "cuda", "cuda:1" or "mps".
        folder: where the weights of that name lie, if not those that come with acflib; no checkpoint is looked for.

    Returns:
        The network. Its ``info`` holds "classes", "colors" and "position" (optimizer steps); beside them what
        :func:`pretrained_info` tells of weights with a name, and "config" and "frames" of a checkpoint.

    Raises:
        ConfigError: no weights of that name in ``folder``, no such device, or safetensors is not installed.
        CheckpointError: there is neither a file nor weights of that name, or a file is damaged, or does not fit its
            sidecar; the message names it.
    """
    if folder is None and Path(name).is_file():
        checkpoint = load_checkpoint(Path(name))
        config = checkpoint["config"]
        info = {key: checkpoint[key] for key in OF_CHECKPOINT}
        model = _build(Path(name), config["model"], config["norm"], checkpoint["model"])
    elif folder is None and str(name) not in available():
        raise CheckpointError(
            f"{name}: no such checkpoint (a run writes checkpoint.pt into its --out folder), and no pretrained "
            f"weights of that name ({', '.join(available()) or 'there are none'})"
        )
    else:
        info = pretrained_info(str(name), folder)
        path = _folder(folder) / f"{name}.safetensors"
        model = _build(path, info["model"], info["norm"], read_weights(path, info["sha256"], info["bytes"]))
    model.info = info
    return model.to(pick_device(device))


def _build(path: Path, config: dict[str, Any], norm: str, weights: dict[str, Tensor]) -> ACFNet:
    """The network of a stored configuration (fields of ModelConfig) with its stored weights, in evaluation mode."""
    try:
        model = build_model(without_weights(ModelConfig(**config)))
    except (TypeError, ConfigError) as error:
        raise CheckpointError(f"{path}: this acflib cannot build its network: {error}") from error
    if norm == "inplace":  # the same weights with leaky ReLU instead of ReLU
        use_inplace(model)
    try:
        model.load_state_dict(weights)
    except RuntimeError as error:
        raise CheckpointError(f"{path}: its weights do not fit its own configuration: {error}") from error
    return model.eval()


def pretrained_info(name: str, folder: str | Path | None = None) -> dict[str, Any]:
    """What the sidecar of trained weights says: how they were made, and how good they are.

    Returns:
        A dict with the keys: command, machine (with the commit), model (fields of ModelConfig), training (fields of
        TrainConfig), position (optimizer steps), data (the data set and its generator), classes, colors, normalization
        (mean and std of the colors, 0 to 1), metrics (split -> percentages), parameters (their number), bytes, sha256.

    Raises:
        ConfigError: no weights of that name.
        CheckpointError: the sidecar is damaged, or of another format version.
    """
    names = available(folder)
    if name not in names:
        known = (
            f"there are: {', '.join(names)}" if names else "there are none: `python tools/train_weights.py` makes them"
        )
        raise ConfigError(f"no pretrained weights {name!r} in {_folder(folder)}; {known}")
    path = _folder(folder) / f"{name}.json"
    try:
        info = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise CheckpointError(f"{path}: cannot be read ({error}); {AGAIN}") from error
    if not isinstance(info, dict) or info.get("format") != FORMAT or not info.keys() >= KEYS:
        raise CheckpointError(f"{path}: not a sidecar of weights of format {FORMAT}, which this acflib reads; {AGAIN}")
    return info


def available(folder: str | Path | None = None) -> tuple[str, ...]:
    """The names that :func:`load_pretrained` knows."""
    return tuple(path.stem for path in visible(_folder(folder).glob("*.json"), _folder(folder)))


def save_pretrained(
    model: ACFNet,
    name: str,
    folder: str | Path,
    checkpoint: dict[str, Any],
    command: str,
    data: dict[str, Any],
    metrics: dict[str, Any],
) -> Path:
    """Write a trained network as ``NAME.safetensors`` (float32) and ``NAME.json``, for :func:`load_pretrained`.

    Each file is whole or not there. The sidecar comes last: it holds the checksum of the weights.

    Args:
        model: the network, such as ``load_pretrained("runs/.../checkpoint.pt")``.
        name: lower-case letters, digits and hyphens.
        folder: made if missing.
        checkpoint: its configuration, classes, colors and position: ``model.info`` of that network.
        command: the command that made the weights.
        data: the data set and its version.
        metrics: split -> scores.

    Returns:
        The weights file.

    Raises:
        ConfigError: the name has other characters, or safetensors is not installed.
        TrainingError: a file cannot be written.
    """
    if not re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", name):
        raise ConfigError(f"name={name!r}: give lower-case letters, digits and hyphens, such as streets-acf-sum")
    path = Path(folder) / f"{name}.safetensors"
    path.parent.mkdir(parents=True, exist_ok=True)
    content = _safetensors().save({key: _plain(value) for key, value in model.state_dict().items()})
    config = checkpoint["config"]
    about = {
        "format": FORMAT,
        "name": name,
        "data": data,
        "metrics": metrics,
        "model": config["model"],
        "norm": config["norm"],
        "classes": checkpoint["classes"],
        "colors": checkpoint["colors"],
        "normalization": {"mean": IMAGENET_MEAN, "std": IMAGENET_STD},
        "position": checkpoint["position"],
        "training": {key: value for key, value in config.items() if key not in (*PATHS, "model", "norm")},
        "parameters": sum(parameter.numel() for parameter in model.parameters()),
        "bytes": len(content),
        "sha256": hashlib.sha256(content).hexdigest(),
    }
    write_whole(path, content)
    write_result(path.with_suffix(".json"), command, **about)
    return path


def read_weights(path: Path, sha256: str, size: int) -> dict[str, Tensor]:
    """The tensors of a safetensors file, by name, after its checksum was found right.

    Args:
        path: the file.
        sha256: what its sidecar says, hexadecimal.
        size: the same, in bytes.

    Raises:
        CheckpointError: the file is missing, a pointer of Git LFS, damaged, or another than the sidecar's.
        ConfigError: safetensors is not installed.
    """
    safetensors = _safetensors()
    try:
        content = path.read_bytes()
    except OSError as error:
        raise CheckpointError(f"{path}: cannot be read ({error.strerror}); {AGAIN}") from error
    if content.startswith(LFS_POINTER):
        raise CheckpointError(f"{path}: holds a pointer of Git LFS, not the weights; fetch them with `git lfs pull`")
    if hashlib.sha256(content).hexdigest() != sha256:
        sizes = f"{len(content)} bytes, {size} expected"
        raise CheckpointError(f"{path}: damaged, or not the weights that {path.stem}.json describes ({sizes}); {AGAIN}")
    try:
        return safetensors.load(content)
    except Exception as error:  # SafetensorError, or what a wrong header makes of it
        raise CheckpointError(f"{path}: not a safetensors file ({error}); {AGAIN}") from error


def _folder(folder: str | Path | None) -> Path:
    return weights_folder() if folder is None else Path(folder)


def weights_folder() -> Path:
    """Where the weights that come with this acflib lie: in an installed package, or in the clone around it."""
    inside = PACKAGE / "_weights"
    return inside if inside.is_dir() else AROUND / "data" / "weights"


def _plain(value: Tensor) -> Tensor:
    """On the CPU, rows in order; float32 if it is a float."""
    dtype = torch.float32 if value.is_floating_point() else value.dtype
    return value.detach().to("cpu", dtype).contiguous()


def _safetensors():
    """``safetensors.torch``, which is an extra of acflib."""
    try:
        import safetensors.torch
    except Exception as error:
        raise ConfigError(f"pretrained weights need safetensors: {package_fault('safetensors', error)}") from None
    return safetensors.torch
