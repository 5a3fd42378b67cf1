"""Predictions for photographs and for data sets, written as pictures."""

import sys
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from tqdm import tqdm

from acflib.acfnet import ACFNet
from acflib.datasets.base import SegmentationDataset
from acflib.datasets.normalize import normalize_image
from acflib.datasets.reading import as_rgb, read_image
from acflib.engine.devices import autocast, memory_format
from acflib.engine.files import replacing
from acflib.errors import ConfigError
from acflib.predict.inference import OUTPUTS, InferenceConfig, predict_probabilities, windows
from acflib.predict.photograph_files import RESULTS, check_targets, find_photographs, tell_passed_over
from acflib.predict.pictures import Colors, add_legend, color_labels, overlay, side_by_side, stack
from acflib.predict.scale import OWN, TRAINED, Scale, check_scale, resized, scale_note, seen_size, trained_scale


def predict_labels(
    model: ACFNet,
    image: np.ndarray,
    config: InferenceConfig = InferenceConfig(),
    output: str = "out",
    precision: str = "float32",
    scale: Scale = OWN,
    max_side: int | None = None,
) -> np.ndarray:
    """The class of each pixel of a photograph.

    With a sliding window and the one scale 1, memory does not grow with the height of a photograph: rows of pixels
    are decided as soon as all their windows are done.

    Args:
        model: a network in evaluation mode.
        image: RGB uint8 (H, W, 3), or what :func:`acflib.datasets.reading.as_rgb` makes that of.
        config: whole image, sliding window, scales, flip.
        output: "out" for the fine result, "coarse" for the coarse one.
        precision: "float32", "bf16" or "fp16" (with float32 weights), or "float64" (with such weights).
        scale: at which height the network sees the photograph: "own", "trained", or a number of training heights; see
            :func:`acflib.predict.scale.seen_size`. The class map is brought back to (H, W), pixel by pixel.
        max_side: of what the network sees, in pixels; None: no limit.

    Returns:
        uint8 (H, W).

    Raises:
        ConfigError: no such output or size, or not enough memory; says what takes less.
    """
    image = as_rgb(image)
    size = _shown_size(model, image, scale, max_side)
    found = _class_maps(model, resized(image, size), config, (output,), precision)
    if output not in found:
        there = OUTPUTS if model.acf is not None else OUTPUTS[:1]
        raise ConfigError(f'output="{output}" is not there; this network has: {", ".join(there)}')
    return labels_at(found[output], image.shape[:2])


def _shown_size(model: ACFNet, image: np.ndarray, scale: Scale, max_side: int | None) -> tuple[int, int]:
    """Height and width at which the network sees an image (H, W, 3)."""
    _check_max_side(max_side)
    height, width = seen_size(image.shape[:2], scale, trained_scale(getattr(model, "info", {})))
    factor = 1 if max_side is None else min(1, max_side / max(height, width))
    return max(1, round(height * factor)), max(1, round(width * factor))


def _check_max_side(max_side: int | None) -> None:
    if max_side is not None and max_side < 1:
        raise ConfigError(f"max_side must be at least 1 pixel, got {max_side}")


def labels_at(labels: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """A class map, uint8 (h, w), at another size (H, W): each pixel takes the class of the nearest one."""
    if labels.shape == tuple(size):
        return labels
    return np.array(Image.fromarray(labels).resize((size[1], size[0]), Image.Resampling.NEAREST))


def _class_maps(
    model: ACFNet, image: np.ndarray, config: InferenceConfig, outputs: tuple[str, ...], precision: str
) -> dict[str, np.ndarray]:
    """The class of each pixel, uint8 (H, W), in each of the outputs that the network has.

    A row of windows is a picture as high as a window, whose windows share its columns as those of the whole do. A
    pixel's mean over windows is the mean, over the rows of windows that hold it, of the means over their columns; its
    class is that of their sum, too. So one row of windows is kept at a time, with what the next one adds to.
    """
    height = len(image)
    if config.window is None or config.scales != (1.0,):
        whole = _probabilities(model, image, config, outputs, precision)
        return {name: _class_of(found) for name, found in whole.items()}
    size = min(config.window[0], height)
    tops = windows(height, size, config.overlap)
    labels: dict[str, np.ndarray] = {}
    waiting: dict[str, torch.Tensor] = {}
    for top, following in zip(tops, [*tops[1:], height], strict=True):
        found = _probabilities(model, image[top : top + size], config, outputs, precision)
        for name in list(found):
            sums = found.pop(name)  # (1, N, size, W)
            if name in waiting:
                sums[:, :, : waiting[name].shape[2]] += waiting[name]
            part = labels.setdefault(name, np.empty(image.shape[:2], np.uint8))
            part[top:following] = _class_of(sums[:, :, : following - top])
            waiting[name] = sums[:, :, following - top :].clone()
    return labels


def _probabilities(
    model: ACFNet, image: np.ndarray, config: InferenceConfig, outputs: tuple[str, ...], precision: str
) -> dict[str, torch.Tensor]:
    """RGB uint8 (H, W, 3) -> probabilities (1, N, H, W)."""
    parameter = next(model.parameters())
    channels_first = torch.tensor(image).permute(2, 0, 1)  # a copy, (H, W, 3) -> (3, H, W)
    batch = normalize_image(channels_first).unsqueeze(0)  # (1, 3, H, W)
    batch = batch.to(parameter.device, parameter.dtype, memory_format=memory_format(parameter.device, model))
    with autocast(parameter.device, precision):
        return predict_probabilities(model, batch, config, outputs)


def _class_of(probabilities: torch.Tensor) -> np.ndarray:
    """(1, N, H, W) -> uint8 (H, W)."""
    return probabilities[0].argmax(dim=0).to(torch.uint8).cpu().numpy()


def predict_files(
    model: ACFNet,
    paths: list[Path],
    out: Path,
    classes: list[str],
    colors: Colors,
    config: InferenceConfig = InferenceConfig(),
    opacity: float = 0.5,
    progress: bool = True,
    max_side: int | None = None,
    precision: str = "float32",
    scale: Scale = TRAINED,
) -> list[Path]:
    """Write, for each photograph, ``NAME_overlay.png`` with a legend and ``NAME_classes.png`` (class numbers, 8 bit).

    Files of a folder that are passed over are named on standard error, and so is a photograph that is far from the
    pictures that the network was trained on.

    Args:
        paths: photographs, or folders of them.
        out: folder to write to; made if missing.
        max_side: photographs with a longer side are made smaller for the network; their class map is brought back to
            full size, pixel by pixel. None: never.
        precision, scale: as of :func:`predict_labels`.

    Raises:
        DataError: a path is missing, no photograph, two photographs share a name, or a result would overwrite one.
        ConfigError: an opacity outside 0 to 1, a side below 1, no such scale, too little memory, or a folder that
            cannot be made.
    """
    if not 0 <= opacity <= 1:
        raise ConfigError(f"opacity must be in [0, 1], got {opacity}")
    _check_max_side(max_side)
    scale, trained = check_scale(scale), trained_scale(getattr(model, "info", {}))
    photographs = find_photographs(paths)
    check_targets(photographs, out)
    tell_passed_over(paths)
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigError(f"{out}: cannot be made ({error.strerror}); pass another --out") from error
    written, far = [], []
    for path in tqdm(photographs, "predicting", unit="image", disable=not progress):
        image = read_image(path)
        labels = predict_labels(model, image, config, precision=precision, scale=scale, max_side=max_side)
        note = scale_note(image.shape[:2], _shown_size(model, image, scale, max_side), trained)
        far += [(path, note)] if note else []
        picture = add_legend(overlay(image, labels, colors, opacity), labels, classes, colors)
        for name, result in (("overlay", picture), ("classes", Image.fromarray(labels))):
            target = out / (path.stem + RESULTS[name])
            with replacing(target) as temporary:
                result.save(temporary, format="PNG")
            written.append(target)
    tell_scales(far)
    return written


def tell_scales(scales: list[tuple[Path, str]]) -> None:
    """One line on standard error where photographs are far from the training pictures."""
    if scales:
        (path, note), more = scales[0], len(scales) - 1
        others = f" ({more} more photographs are like it)" if more else ""
        print(f"acflib: {path.name}: {note}{others}; --scale chooses", file=sys.stderr)


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
