"""``acflib share``: a trained network as a folder for others."""

import argparse
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from acflib.acfnet import ACFNet
from acflib.cli.common import CHECKPOINT, require
from acflib.errors import ConfigError, DataError
from acflib.options import from_flags, option
from acflib.predict.export import fingerprint


@dataclass(frozen=True)
class ShareConfig:
    """Settings of ``acflib share``."""

    checkpoint: str = option("", CHECKPOINT)
    out: str = option("shared/acfnet", "folder to write; its name is the network's")
    license: str = option("", "of the weights, as hubs name it: apache-2.0, cc-by-nc-4.0, other")
    data_name: str = option("", 'the data set they were trained on, such as "Cityscapes"')
    scores: tuple[str, ...] = option((), "files that `acflib evaluate --json` wrote, one a split")
    notes: str | None = option(None, "file with Markdown of your own for the model card")


def run_share(given: argparse.Namespace) -> int:
    """``acflib share``."""
    from acflib.predict.pretrained import load_pretrained
    from acflib.predict.sharing import save_pretrained

    config = from_flags(ShareConfig(), given)
    require(config.checkpoint, "--checkpoint", CHECKPOINT)
    require(config.license, "--license", "that of the weights; mind the terms of the data (docs/data-licenses.md)")
    require(config.data_name, "--data-name", "the name of the data set they were trained on")
    files = {path: read_scores(Path(path)) for path in config.scores or ()}
    notes = _read(Path(config.notes)) if config.notes else ""
    model = load_pretrained(config.checkpoint)
    scores: dict[str, dict[str, Any]] = {}
    for path, found in files.items():
        check_scores(path, found, model)
        if found["split"] in scores:
            raise ConfigError(f"--scores {path}: a second file of the split {found['split']}; give one of each")
        scores[found["split"]] = found
    folder = save_pretrained(
        model, config.out, license=config.license, data=config.data_name, metrics=scores, notes=notes
    )
    print(f"{folder}: weights, configuration and model card; load it with acflib.load_pretrained({str(folder)!r})")
    if not scores:
        print("its card carries no scores: acflib evaluate --json FILE makes some, --scores FILE takes them")
    return 0


def read_scores(path: Path) -> dict[str, Any]:
    """What is in a file that ``acflib evaluate --json`` wrote.

    Raises:
        DataError: it cannot be read, or is no such file.
    """
    try:
        found = json.loads(_read(path))
    except ValueError as error:
        raise DataError(f"{path}: no JSON ({error}); give a file that acflib evaluate --json wrote") from error
    wanted = {"split", "miou_fine", "iou_fine", "iteration"}
    if not isinstance(found, dict) or not wanted <= found.keys() or not isinstance(found["iou_fine"], dict):
        raise DataError(f"{path}: no scores; give a file that acflib evaluate --json wrote")
    return found


def check_scores(path: str, found: dict[str, Any], model: ACFNet) -> None:
    """See that scores are those of this network.

    Raises:
        ConfigError: they are of another one.
    """
    known = {"weights_sha256": fingerprint(model), "iteration": model.info["position"]}
    wrong = [key for key, value in known.items() if found.get(key, value) != value]  # older files have no checksum
    if wrong or list(found["iou_fine"]) != list(model.info["classes"]):
        raise ConfigError(
            f"--scores {path}: scores of another network, {found.get('checkpoint')} at iteration {found['iteration']}; "
            "evaluate this one: acflib evaluate --json FILE"
        )


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: cannot be read ({error})") from error
