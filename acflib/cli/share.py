"""``acflib share``: a trained network as a folder for others."""

import argparse
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from acflib.cli.common import CHECKPOINT, require
from acflib.errors import ConfigError, DataError
from acflib.options import from_flags, option


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
    scores = [read_scores(Path(path)) for path in config.scores or ()]
    notes = _read(Path(config.notes)) if config.notes else ""
    model = load_pretrained(config.checkpoint)
    folder = save_pretrained(
        model, config.out, license=config.license, data=config.data_name, metrics=dict(scores), notes=notes
    )
    print(f"{folder}: weights, configuration and model card; load it with acflib.load_pretrained({str(folder)!r})")
    if not scores:
        print("its card carries no scores: acflib evaluate --json FILE makes some, --scores FILE takes them")
    return 0


def read_scores(path: Path) -> tuple[str, dict[str, Any]]:
    """Split and scores of a file that ``acflib evaluate --json`` wrote.

    Raises:
        DataError: it cannot be read, or is no such file.
    """
    try:
        found = json.loads(_read(path))
    except ValueError as error:
        raise DataError(f"{path}: no JSON ({error}); give a file that acflib evaluate --json wrote") from error
    if not isinstance(found, dict) or not {"split", "miou_fine"} <= found.keys():
        raise DataError(f"{path}: no scores; give a file that acflib evaluate --json wrote")
    return found["split"], found


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: cannot be read ({error})") from error
