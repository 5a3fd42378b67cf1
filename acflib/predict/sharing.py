"""Sharing a trained network: a folder as hubs have them, ``config.json``, ``model.safetensors`` and ``README.md``.

The configuration says how the network is built and how its weights were made; the README is the model card. No pickle.
:class:`acflib.predict.hub.SharedNetwork` takes such a folder to a hub and back.
"""

import hashlib
import json
import re
from pathlib import Path
from typing import Any

import torch

from acflib import __version__
from acflib.acfnet import ACFNet, build_model, without_weights
from acflib.engine.files import write_whole
from acflib.engine.machine import write_result
from acflib.errors import CheckpointError, ConfigError
from acflib.layers.bases import IMAGENET_MEAN, IMAGENET_STD
from acflib.metrics import Scores
from acflib.predict.model_card import MADE_BY, model_card
from acflib.predict.scale import picture_size
from acflib.predict.stored import FORMAT, PATHS, as_safetensors, build_stored, read_weights, stored_config

CONFIG, WEIGHTS, CARD = "config.json", "model.safetensors", "README.md"
NEEDED = {"format", "model", "norm", "classes", "colors", "position", "sha256", "bytes"}  # to load a network
AGAIN = "copy or download the folder again"


def save_pretrained(
    model: ACFNet,
    folder: str | Path,
    *,
    license: str,
    data: str | dict[str, Any],
    metrics: dict[str, Any],
    notes: str = "",
    command: str = "",
) -> Path:
    """Write a trained network for others: weights (float32), configuration, and a model card with scores and license.

    Each file is whole or not there. The configuration comes last: it holds the checksum of the weights.

    Args:
        model: the network, such as ``load_pretrained("runs/.../checkpoint.pt")``. Its ``info`` says how it is built and
            was trained.
        folder: made if missing; its name is the network's.
        license: of the weights, as hubs name it: "apache-2.0", "cc-by-nc-4.0", "other".
        data: the data set they were trained on; or a dict with "name" and whatever else describes it.
        metrics: split -> scores, a :class:`acflib.metrics.Scores` or what ``acflib evaluate --json`` wrote.
        notes: Markdown of your own for the card.
        command: that made the weights, if there is one.

    Returns:
        The folder.

    Raises:
        ConfigError: the network has no ``info``, or another network's; the license is no such name, scores are none,
            or the folder holds a README of yours; or safetensors is not installed.
        TrainingError: a file cannot be written.
    """
    folder = Path(folder)
    if not re.fullmatch(r"[a-z0-9]+([.-][a-z0-9]+)*", license):
        raise ConfigError(f"license={license!r}: name it as hubs do, such as apache-2.0, mit, cc-by-nc-4.0 or other")
    data = {"name": data} if isinstance(data, str) else data
    if not isinstance(data, dict) or not data.get("name"):
        raise ConfigError(f'data={data!r}: give the name of the data set, or a dict with "name"')
    _check_folder(folder)
    facts = _facts(model.info)
    _check_fits(model, facts["model"])
    content = as_safetensors(model)
    about = {
        "format": FORMAT,
        "model_type": "acfnet",
        "architectures": ["ACFNet"],
        "library_name": "acflib",
        "acflib_version": __version__,
        **facts,
        "license": license,
        "data": data,
        "metrics": {split: _scores(split, scores) for split, scores in metrics.items()},
        "notes": notes,
        "id2label": dict(enumerate(model.info["classes"])),
        "label2id": {name: i for i, name in enumerate(model.info["classes"])},
        "normalization": {"mean": IMAGENET_MEAN, "std": IMAGENET_STD},
        "parameters": sum(parameter.numel() for parameter in model.parameters()),
        "bytes": len(content),
        "sha256": hashlib.sha256(content).hexdigest(),
    }
    card = model_card(folder.absolute().name, {**about, "command": command}, notes)
    folder.mkdir(parents=True, exist_ok=True)
    write_whole(folder / WEIGHTS, content)
    write_whole(folder / CARD, card.encode())
    write_result(folder / CONFIG, command, **about)
    return folder


def load_folder(folder: str | Path) -> ACFNet:
    """The network that :func:`save_pretrained` wrote, in evaluation mode on the CPU; its ``info`` is ``config.json``.

    Raises:
        CheckpointError: a file is missing, damaged, or does not fit the others; the message names it.
        ConfigError: safetensors is not installed.
    """
    path = Path(folder) / CONFIG
    try:
        config = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise CheckpointError(f"{path}: cannot be read ({error}); {AGAIN}") from error
    if not isinstance(config, dict) or config.get("format") != FORMAT or not config.keys() >= NEEDED:
        raise CheckpointError(f"{path}: not the configuration of a network of acflib (format {FORMAT})")
    weights = read_weights(path.with_name(WEIGHTS), config["sha256"], config["bytes"], CONFIG, AGAIN)
    model = build_stored(path, config["model"], config["norm"], weights)
    model.info = config
    return model


def _facts(info: dict[str, Any]) -> dict[str, Any]:
    """How to build a network, and how it was trained: of a checkpoint, a sidecar or a shared folder."""
    if not info:
        raise ConfigError(
            "the model does not say how it was trained (its info is empty): take it from the checkpoint of its run, "
            'model = load_pretrained("runs/.../checkpoint.pt")'
        )
    facts = {key: info[key] for key in ("classes", "colors", "position")}
    facts |= {"picture_size": picture_size(info)}
    if "config" not in info:
        return facts | {key: info[key] for key in ("model", "norm", "training")}
    config = info["config"]
    training = {key: value for key, value in config.items() if key not in (*PATHS, "model", "norm")}
    return facts | {"model": config["model"], "norm": config["norm"], "training": training}


def _check_fits(model: ACFNet, config: dict[str, Any]) -> None:
    with torch.device("meta"):
        expected = build_model(without_weights(stored_config(config))).state_dict()
    found = {name: value.shape for name, value in model.state_dict().items()}
    wrong = sorted(name for name in found.keys() | expected.keys() if found.get(name) != _shape(expected.get(name)))
    if wrong:
        raise ConfigError(
            f"the info of the model describes another network: {', '.join(wrong[:3])} differ; take the model from the "
            'checkpoint of its run, load_pretrained("runs/.../checkpoint.pt"), and leave its layers as they are'
        )


def _shape(value: torch.Tensor | None) -> torch.Size | None:
    return None if value is None else value.shape


def _check_folder(folder: Path) -> None:
    """Refuse to write over a README that somebody wrote by hand."""
    card = folder / CARD
    if card.is_file() and MADE_BY not in card.read_text(encoding="utf-8", errors="replace"):
        raise ConfigError(f"{card}: is no model card of acflib and would be lost; choose another folder, or move it")


def _scores(split: str, scores: Scores | dict[str, Any]) -> dict[str, Any]:
    found = scores.as_dict() if isinstance(scores, Scores) else scores
    if not isinstance(found, dict) or not all(_is_whole(found, part) for part in ("fine", "coarse")):
        raise ConfigError(
            f"metrics[{split!r}] has no miou_fine and iou_fine: give Scores, or what `acflib evaluate --json` wrote"
        )
    return {key: value for key, value in found.items() if key.startswith(("miou_", "iou_")) or key == "inference"}


def _is_whole(scores: dict[str, Any], part: str) -> bool:
    """Whether there is a mean, 0 to 100, with an IoU of each class. A baseline has no coarse ones."""
    mean = scores.get(f"miou_{part}")
    if mean is None:
        return part == "coarse"
    return isinstance(mean, int | float) and 0 <= mean <= 100 and isinstance(scores.get(f"iou_{part}"), dict)
