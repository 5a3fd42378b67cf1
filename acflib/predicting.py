"""Predictions for photographs and for data sets, written as pictures."""

from pathlib import Path

import numpy as np
import torch
from PIL import Image
from tqdm import tqdm

from acflib.acfnet import ACFNet
from acflib.checkpoints import replacing
from acflib.datasets.base import IMAGE_SUFFIXES, SegmentationDataset, read_image
from acflib.datasets.transforms import normalize_image
from acflib.devices import autocast, memory_format
from acflib.errors import ConfigError, DataError
from acflib.inference import OUTPUTS, InferenceConfig, predict_probabilities
from acflib.pictures import Colors, add_legend, color_labels, overlay, side_by_side, stack


def predict_labels(
    model: ACFNet,
    image: np.ndarray,
    config: InferenceConfig = InferenceConfig(),
    output: str = "out",
    precision: str = "float32",
) -> np.ndarray:
    """The class of each pixel of a photograph.

    Args:
        model: a network in evaluation mode.
        image: RGB uint8 (H, W, 3).
        config: whole image, sliding window, scales, flip.
        output: "out" for the fine result, "coarse" for the coarse one.
        precision: "float32", "bf16" or "fp16" (with float32 weights), or "float64" (with such weights).

    Returns:
        uint8 (H, W).
    """
    found = _class_maps(model, image, config, (output,), precision)
    if output not in found:
        there = OUTPUTS if model.acf is not None else OUTPUTS[:1]
        raise ConfigError(f'output="{output}" is not there; this network has: {", ".join(there)}')
    return found[output]


def _class_maps(
    model: ACFNet, image: np.ndarray, config: InferenceConfig, outputs: tuple[str, ...], precision: str
) -> dict[str, np.ndarray]:
    """The class of each pixel, uint8 (H, W), in each of the outputs that the network has."""
    parameter = next(model.parameters())
    channels_first = torch.tensor(image).permute(2, 0, 1)  # a copy, (H, W, 3) -> (3, H, W)
    batch = normalize_image(channels_first).unsqueeze(0)  # (1, 3, H, W)
    batch = batch.to(parameter.device, parameter.dtype, memory_format=memory_format(parameter.device))
    with autocast(parameter.device, precision):
        found = predict_probabilities(model, batch, config, outputs)
    return {name: value[0].argmax(dim=0).to(torch.uint8).cpu().numpy() for name, value in found.items()}


def predict_files(
    model: ACFNet,
    paths: list[Path],
    out: Path,
    classes: list[str],
    colors: Colors,
    config: InferenceConfig = InferenceConfig(),
    opacity: float = 0.5,
    progress: bool = True,
    precision: str = "float32",
) -> list[Path]:
    """Write, for each photograph, ``NAME_overlay.png`` with a legend and ``NAME_classes.png`` (class numbers, 8 bit).

    Args:
        paths: photographs, or folders of them.
        out: folder to write to; made if missing.
        precision: as of :func:`predict_labels`.

    Raises:
        DataError: a path is missing, no photograph, or two photographs share a name.
        ConfigError: an opacity outside 0 to 1, or a folder that cannot be made.
    """
    if not 0 <= opacity <= 1:
        raise ConfigError(f"opacity must be in [0, 1], got {opacity}")
    photographs = find_photographs(paths)
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigError(f"{out}: cannot be made ({error.strerror}); pass another --out") from error
    written = []
    for path in tqdm(photographs, "predicting", unit="image", disable=not progress):
        image = read_image(path)
        labels = predict_labels(model, image, config, precision=precision)
        picture = add_legend(overlay(image, labels, colors, opacity), labels, classes, colors)
        for name, result in (("overlay", picture), ("classes", Image.fromarray(labels))):
            target = out / f"{path.stem}_{name}.png"
            with replacing(target) as temporary:
                result.save(temporary, format="PNG")
            written.append(target)
    return written


def find_photographs(paths: list[Path]) -> list[Path]:
    """The photographs among files and in folders, sorted within each folder.

    Raises:
        DataError: nothing there, or two of one name (their results would overwrite each other).
    """
    found = []
    for path in paths:
        if path.is_dir():
            inside = sorted(p for p in path.iterdir() if p.suffix.lower() in IMAGE_SUFFIXES)
            if not inside:
                raise DataError(f"{path}: holds no photographs ({', '.join(IMAGE_SUFFIXES)})")
            found += inside
        elif path.is_file():
            found.append(path)
        else:
            raise DataError(f"{path}: no such photograph or folder")
    names = [path.stem for path in found]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise DataError(f"two photographs are named {twice[0]}: their results would overwrite each other; rename one")
    return found


def prediction_sheet(model: ACFNet, dataset: SegmentationDataset, count: int = 4) -> Image.Image:
    """Image, ground truth, coarse (if there is one) and fine result: frames spread evenly over a split, a row each.

    A legend below names the classes that occur.
    """
    rows, shown = [], []
    for index in np.linspace(0, len(dataset) - 1, min(count, len(dataset))).round().astype(int):
        image = dataset.load_image(int(index))
        found = _class_maps(model, image, InferenceConfig(), OUTPUTS, "float32")
        maps = {"ground truth": dataset.load_labels(int(index))}
        maps |= {name: found[output] for name, output in (("coarse", "coarse"), ("fine", "out")) if output in found}
        pictures = [image, *(color_labels(labels, dataset.colors) for labels in maps.values())]
        rows.append(side_by_side(pictures, ["image", *maps]))
        shown += [labels.ravel() for labels in maps.values()]
    return add_legend(np.asarray(stack(rows)), np.concatenate(shown), dataset.classes, dataset.colors, shares=False)
