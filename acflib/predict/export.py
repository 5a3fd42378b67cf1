"""Predictions of a split as files for the evaluation server of Cityscapes."""

import hashlib
import json
import re
from pathlib import Path

import torch
from PIL import Image
from torch import nn
from tqdm import tqdm

from acflib import distributed
from acflib.acfnet import ACFNet, evaluation_mode
from acflib.datasets.base import SegmentationDataset
from acflib.datasets.folders import visible
from acflib.datasets.labels import CITYSCAPES_CLASSES, ID_OF_TRAIN_ID
from acflib.engine.checkpoints import config_as_dict
from acflib.engine.files import remove_leftovers, replacing, write_whole
from acflib.errors import ConfigError, DataError
from acflib.predict.evaluation import check_classes
from acflib.predict.inference import InferenceConfig
from acflib.predict.predicting import predict_labels

ENDING = "_pred_labelIds.png"  # the evaluator takes CITY_SEQUENCE_FRAME*.png, in any folder below the one it is given
RECORD = "export.json"  # what the files beside it are predictions of
FRAME_NAME = re.compile(r"[^_]+_\d{6}_\d{6}")  # CITY_SEQUENCE_FRAME


def export_predictions(
    model: ACFNet,
    dataset: SegmentationDataset,
    out: str | Path,
    config: InferenceConfig = InferenceConfig(),
    output: str = "out",
    precision: str = "float32",
    resume: bool = False,
    progress: bool = True,
) -> list[Path]:
    """Write one ``CITY_SEQUENCE_FRAME_pred_labelIds.png`` a frame: ids (not train ids), 8 bit, in image size.

    Works for a split without labels. Under torchrun each process writes every n-th frame. Each file is whole or not
    there. ``export.json`` beside them says what they are predictions of.

    Args:
        model: the network; the training mode of each of its modules is put back.
        dataset: a split of Cityscapes, or of Streets.
        out: folder to write to, made if missing. It is for these files alone: the evaluator stops where it finds two
            PNGs of one frame.
        config: whole image, sliding window, scales, flip.
        output: "out" for the fine result, "coarse" for the coarse one.
        precision: "float32", "bf16", "fp16" or "float64".
        resume: keep the files that are there, if they are of the same network, data and settings.
        progress: whether to show a progress bar (first process only).

    Returns:
        The files of the whole split, in the order of its frames.

    Raises:
        DataError: no Cityscapes names or classes, or an image cannot be read.
        ConfigError: ``output`` is none the network has, the network has another number of classes, or the folder
            holds something else.
        TrainingError: a file cannot be written.
    """
    _check_names(dataset)
    check_classes(model.num_classes, dataset)
    if output not in (("out",) if model.acf is None else ("out", "coarse")):
        raise ConfigError(f'output="{output}" is not there: "out", and with an ACF module "coarse"')
    out = Path(out)
    files = [out / (frame.name + ENDING) for frame in dataset.frames]
    settings = {
        "split": dataset.split, "frames": len(files), "output": output, "precision": precision,
        "inference": config_as_dict(config), "weights_sha256": fingerprint(model),
    }  # fmt: skip
    _prepare(out, settings, files, resume)
    with evaluation_mode(model):
        _write(model, dataset, files, config, output, precision, progress)
    distributed.barrier()
    return files


def _write(
    model: ACFNet, dataset: SegmentationDataset, files: list[Path], config: InferenceConfig, output: str,
    precision: str, progress: bool,
) -> None:  # fmt: skip
    """This process's share of the files that are not there yet."""
    rank = distributed.rank()
    missing = [i for i in range(rank, len(files), distributed.world_size()) if not files[i].exists()]
    for i in tqdm(missing, "exporting", unit="image", disable=not progress or rank > 0):
        train_ids = predict_labels(model, dataset.load_image(i), config, output, precision)  # uint8 (H, W)
        with replacing(files[i]) as temporary:
            Image.fromarray(ID_OF_TRAIN_ID[train_ids]).save(temporary, format="PNG")


def fingerprint(model: nn.Module) -> str:
    """SHA-256 of all weights and buffers as float32, as hexadecimal digits."""
    found = hashlib.sha256()
    for name, value in sorted(model.state_dict().items()):
        value = value.float() if value.is_floating_point() else value
        found.update(name.encode())
        found.update(value.detach().cpu().flatten().contiguous().view(torch.uint8).numpy())  # its bytes
    return found.hexdigest()


def _check_names(dataset: SegmentationDataset) -> None:
    """Raise DataError for a data set that the evaluator of Cityscapes knows nothing of."""
    layout = "predictions for the server of Cityscapes need its layout and classes: give a Cityscapes or Streets folder"
    if dataset.classes != CITYSCAPES_CLASSES:
        raise DataError(f"{dataset.root}: {type(dataset).__name__} has other classes than Cityscapes; {layout}")
    for frame in dataset.frames:
        if not FRAME_NAME.fullmatch(frame.name):
            raise DataError(f"{frame.image}: its name is not CITY_SEQUENCE_FRAME (with six digits each); {layout}")


def _prepare(out: Path, settings: dict, files: list[Path], resume: bool) -> None:
    """Make the folder and write its record; every process checks before any begins to write.

    Raises:
        ConfigError: the folder holds files of something else, or files and ``resume`` was not asked for.
    """
    record = out / RECORD
    there = {path for path in _found(out) if path.suffix != ".tmp"}
    strangers = sorted(there - {record, *files})
    if strangers:
        raise ConfigError(
            f"{out}: holds other files ({strangers[0].name}); give an empty or new folder: the evaluator reads every "
            "PNG in it and below, and stops where it finds two of one frame"
        )
    if record in there:
        if not resume:
            raise ConfigError(f"{out}: already holds predictions: pass --resume to go on with them, or another --out")
        _check_same(record, settings)
    elif there:
        raise ConfigError(f"{out}: holds predictions without {RECORD}, so nobody knows of what: pass another --out")
    distributed.barrier()
    if distributed.rank() == 0:
        try:
            out.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise ConfigError(f"{out}: cannot be made ({error}); pass another --out") from error
        remove_leftovers(out)
        write_whole(record, json.dumps(settings, indent=2).encode() + b"\n")
    distributed.barrier()


def _found(out: Path) -> set[Path]:
    """What lies in a folder: what a user sees, and hidden PNGs that the evaluator would take for predictions."""
    paths = list(out.rglob("*")) if out.is_dir() else []
    taken = {path for path in paths if path.suffix == ".png" and FRAME_NAME.match(path.name)}
    return taken.union(visible(paths, out))


def _check_same(record: Path, settings: dict) -> None:
    try:
        found = json.loads(record.read_text(encoding="utf-8"))
    except ValueError as error:
        raise ConfigError(f"{record}: damaged ({error}); pass another --out") from error
    names = [name for name, value in settings.items() if found.get(name) != value]
    if names:
        raise ConfigError(
            f"{record.parent}: holds predictions of another network, data or settings "
            f"({', '.join(names)} differ): pass another --out"
        )
