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

from acflib.acfnet import ACFNet
from acflib.datasets.folders import visible
from acflib.engine.checkpoints import load_checkpoint
from acflib.engine.devices import pick_device
from acflib.engine.files import write_whole
from acflib.engine.machine import AROUND, PACKAGE, write_result
from acflib.errors import AcflibError, CheckpointError, ConfigError
from acflib.layers.bases import IMAGENET_MEAN, IMAGENET_STD
from acflib.predict.sharing import CONFIG, load_folder
from acflib.predict.stored import FORMAT, PATHS, as_safetensors, build_stored, read_weights

KEYS = {
    "format", "name", "command", "machine", "model", "norm", "classes", "colors", "normalization", "position",
    "training", "data", "metrics", "parameters", "bytes", "sha256",
}  # fmt: skip
# What a network remembers of its checkpoint.
OF_CHECKPOINT = ("config", "classes", "colors", "position", "frames", "picture_size")
AGAIN = "use another copy: `git checkout -- data/weights` in a clone, or install acflib again"


def load_pretrained(
    name: str | Path, device: str = "cpu", folder: str | Path | None = None, dtype: torch.dtype = torch.float32
) -> ACFNet:
    """A trained network, in evaluation mode.

    Args:
        name: path of the checkpoint of a run, such as "runs/mine/checkpoint.pt"; or one of :func:`available`, such as
            "streets-acf-sum"; or a folder of :func:`acflib.save_pretrained`, or such a folder's name on a hub,
            "owner/name". A file or such a folder goes before a name, and all before a hub.
        device: "cpu", "auto", "cuda", "cuda:1" or "mps".
        folder: where the weights of that name lie, if not those that come with acflib; no checkpoint is looked for.
        dtype: of the weights; torch.float64 rounds none of a checkpoint trained in it.

    Returns:
        The network. Its ``info`` holds "classes", "colors" and "position" (optimizer steps); beside them what
        :func:`pretrained_info` tells of weights with a name, what ``config.json`` tells in a shared folder, and
        "config" and "frames" of a checkpoint.

    Raises:
        ConfigError: no weights of that name in ``folder``, no such device, the hub cannot be reached or has no such
            network, or a package is not installed.
        CheckpointError: there is neither a file nor weights nor a folder of that name, or a file is damaged, or does
            not fit its sidecar; the message names it.
    """
    place = pick_device(device)
    if folder is None and Path(name).is_file():
        return _load_checkpoint(Path(name), dtype).to(place)
    if folder is None and (str(name) not in available() or (Path(name) / CONFIG).is_file()):
        shared = load_shared(str(name))
        if shared is None:
            raise CheckpointError(
                f"{name}: no such checkpoint (a run writes checkpoint.pt into its --out folder), no pretrained weights "
                f"of that name ({', '.join(available()) or 'there are none'}), and no folder of save_pretrained"
            )
        return shared.to(place, dtype)
    info = pretrained_info(str(name), folder)
    path = _folder(folder) / f"{name}.safetensors"
    weights = read_weights(path, info["sha256"], info["bytes"], path.with_suffix(".json").name, AGAIN)
    model = build_stored(path, info["model"], info["norm"], weights)
    model.info = info
    return model.to(place, dtype)


def _load_checkpoint(path: Path, dtype: torch.dtype) -> ACFNet:
    if path.suffix in (".safetensors", ".json"):
        raise CheckpointError(
            f"{path}: a part of a network: give its folder, {path.parent}, or the name of its weights"
        )
    checkpoint = load_checkpoint(path)
    config = checkpoint["config"]
    model = build_stored(path, config["model"], config["norm"], checkpoint["model"], dtype)
    model.info = {key: checkpoint[key] for key in OF_CHECKPOINT}
    return model


def load_shared(name: str) -> ACFNet | None:
    """A shared network by its folder or its name on a hub; None where it is neither.

    Raises:
        ConfigError: the hub cannot be reached or has no such network, or a package is not installed.
        CheckpointError: a file is missing, damaged, or does not fit the others.
    """
    if (Path(name) / CONFIG).is_file():
        return load_folder(name)
    path = Path(name)
    is_path = path.exists() or path.parent.exists() or path.suffix in (".pt", ".pth", ".safetensors", ".json")
    if is_path or not re.fullmatch(r"[\w-][\w.-]*/[\w.-]+", name):  # no mistyped path is sent to a hub
        return None
    try:
        from acflib.predict.hub import SharedNetwork
    except ImportError:
        raise ConfigError(
            f'{name}: no such folder; a network of that name on a hub needs pip install "acflib[hub]"'
        ) from None
    try:
        shared = SharedNetwork.from_pretrained(name)
    except AcflibError:
        raise
    except (OSError, ValueError) as error:  # of huggingface_hub: no connection, no such repository or file
        raise ConfigError(
            f"{name}: no such folder, and the hub does not give a network of that name ({error}): "
            "check the name and the connection, or download its folder and name that"
        ) from error
    return shared.network


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


def save_shipped(
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
    content = as_safetensors(model)
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


def _folder(folder: str | Path | None) -> Path:
    return weights_folder() if folder is None else Path(folder)


def weights_folder() -> Path:
    """Where the weights that come with this acflib lie: in an installed package, or in the clone around it."""
    inside = PACKAGE / "_weights"
    return inside if inside.is_dir() else AROUND / "data" / "weights"
