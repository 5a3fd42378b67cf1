"""Streets: a generated street-scene set, written to disk in exactly the layout of Cityscapes.

One property is designed in and stated openly: **inside one image a class has one appearance; across images it does
not.** Every image draws its light, and for every class a hue, smaller shifts and a texture. So a patch of color says
little about its class, while shape, place and the rest of the image say it. This is the
situation that the paper's class centers are made for (its Fig. 4), so Streets can show *how* the idea works. It cannot
show how well the idea works on photographs.
"""

import json
import os
import shutil
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image
from tqdm.auto import tqdm

from acflib.datasets.base import require_folder
from acflib.datasets.cityscapes import Cityscapes
from acflib.datasets.folders import visible
from acflib.datasets.labels import CITYSCAPES_LABELS, TRAIN_ID_OF_ID
from acflib.datasets.streets.color import PALETTE, PALETTES, colorize, draw_look, texture
from acflib.datasets.streets.paint import Canvas
from acflib.datasets.streets.plan import Dice
from acflib.datasets.streets.scene import draw_scene, paint_scene
from acflib.datasets.streets.weather import draw_weather, falling, lighting, snow_and_mirrors, veil
from acflib.errors import ConfigError, DataError

GENERATOR_VERSION = 2
MANIFEST = "streets.json"
MAX_OVERSAMPLED_WIDTH = 512
CITIES = {  # invented names
    "train": ("ahornstedt", "birkenau", "cedrusheim", "dornbach"),
    "val": ("eichenrode", "fliederfeld"),
    "test": ("ginsterburg", "holundertal"),
}
_PARTIAL = ".partial-"
_COLORS = np.array([(*label.color, 255) for label in CITYSCAPES_LABELS if label.id >= 0], dtype=np.uint8)


@dataclass(frozen=True)
class Street:
    """One generated scene.

    Attributes:
        image: RGB, uint8 (H, W, 3).
        label_ids: Cityscapes ids 0 to 33, uint8 (H, W).
        instance_ids: id * 1000 + k for persons and vehicles, the id alone elsewhere; uint16 (H, W).
        weather: one of :data:`acflib.datasets.streets.weather.WEATHERS`.
    """

    image: np.ndarray
    label_ids: np.ndarray
    instance_ids: np.ndarray
    weather: str


class Streets(Cityscapes):
    """A folder that ``write_streets`` made. Unlike real Cityscapes, its test split has labels that mean something.

    Raises:
        DataError: the folder is missing, or its writing was never finished.
    """

    labeled_splits = ("train", "val", "test")
    known_weights = None  # the weights of Cityscapes are not those of Streets: see class_balance

    def __init__(self, root: str | Path, split: str) -> None:
        require_folder(Path(root), "Write it with `python -m acflib data streets`.")
        if not (Path(root) / MANIFEST).is_file():
            raise DataError(
                f"{root}: no {MANIFEST}, so this is not a complete Streets folder. "
                "Write one with `python -m acflib data streets`, or open the folder as Cityscapes."
            )
        super().__init__(root, split)


def render_street(
    seed: int | tuple[int, ...], width: int = 128, height: int = 64, palette: str = PALETTE, crowded: bool = False
) -> Street:
    """Draw one scene. The same seed gives the same scene at any size, and the same shapes with every palette.

    The picture is rendered with 3 x 3 samples per pixel up to 512 columns (one sample above) and averaged. Labels are
    those of the middle sample, so they do not depend on that.

    Args:
        seed: one number, or several (``write_streets`` uses seed, split and number).
        width: in pixels; twice the height.
        height: in pixels, at least 32.
        palette: "own", "turned" or "fixed": see :func:`acflib.datasets.streets.color.draw_look`.
        crowded: whether rare things are common, so that most classes occur in most images.

    Raises:
        ConfigError: the size is not 2:1, or too small, or the palette unknown.
    """
    if width != 2 * height or height < 32:
        raise ConfigError(f"size {width}x{height}: Streets are twice as wide as high, from 64x32. Try 128x64.")
    check_palette(palette)
    seeds = np.random.SeedSequence(seed).spawn(4)
    scene_rng, look_rng, pixel_rng, weather_rng = (np.random.default_rng(s) for s in seeds)
    samples = 3 if width <= MAX_OVERSAMPLED_WIDTH else 1
    canvas = Canvas(width * samples, height * samples)
    scene = draw_scene(scene_rng, crowded)
    weather, look = draw_weather(Dice(weather_rng)), draw_look(look_rng, palette)
    paint_scene(scene, weather, canvas)
    noise = texture(canvas, scene.camera, look)
    snow_and_mirrors(canvas, weather, noise)
    light = lighting(canvas, scene.camera, weather, scene.lamps)
    image = colorize(canvas, noise, look, light, veil(canvas, weather))
    drops = falling(canvas, weather, weather_rng)[..., None]
    image += drops * (0.85 - image)
    image = image.reshape(height, samples, width, samples, 3).mean(axis=(1, 3))
    image += 0.03 * (pixel_rng.random(image.shape, dtype=np.float32) - 0.5)  # noise of the sensor
    middle = np.s_[samples // 2 :: samples, samples // 2 :: samples]
    return Street(
        (np.clip(image, 0, 1) * 255).round().astype(np.uint8),
        np.ascontiguousarray(canvas.labels[middle]),
        np.ascontiguousarray(canvas.instances[middle]),
        weather.name,
    )


def write_streets(
    root: str | Path,
    width: int = 128,
    height: int = 64,
    train: int = 200,
    val: int = 100,
    test: int = 100,
    seed: int = 0,
    progress: bool = True,
    palette: str = PALETTE,
    crowded: bool = False,
) -> Path:
    """Write a Streets folder. Returns at once where the same set lies already.

    Everything is written to a hidden folder inside ``root``, moved into place when it is whole, and ``streets.json``
    comes last: an interrupted run leaves nothing that could be taken for a data set.

    Args:
        root: folder to fill; made if missing.
        width, height: size of the images in pixels, 2:1.
        train, val, test: number of scenes per split.
        seed: other seeds give other scenes.
        progress: show a progress bar.
        palette, crowded: see :func:`render_street`.

    Returns:
        The folder.

    Raises:
        DataError: the folder holds something else, or cannot be written.
        ConfigError: a size or count makes no sense, or the palette is unknown.
    """
    check_palette(palette)
    root = Path(root)
    counts = {"train": train, "val": val, "test": test}
    for split, count in counts.items():
        if not 0 <= count <= 999_999:
            raise ConfigError(f"{split}={count}: give a number of scenes from 0 to 999999.")
    if seed < 0:
        raise ConfigError(f"seed must be at least 0, got {seed}")
    manifest = {"generator": GENERATOR_VERSION, "width": width, "height": height, "counts": counts, "seed": seed}
    manifest |= world_of(palette, crowded)
    if _already_there(root, manifest):
        return root
    try:
        root.mkdir(parents=True, exist_ok=True)
        partial = Path(tempfile.mkdtemp(prefix=_PARTIAL, dir=root))
    except OSError as error:
        raise DataError(f"{root}: cannot be written ({error}). Choose another folder.") from error
    try:
        _write_scenes(partial, width, height, counts, seed, progress, palette, crowded)
        (partial / MANIFEST).write_text(json.dumps(manifest, indent=2) + "\n", encoding="utf-8")
        if _already_there(root, manifest):  # another process was faster
            return root
        for name in ("gtFine", "leftImg8bit", MANIFEST):
            os.replace(partial / name, root / name)
    except OSError as error:
        raise DataError(f"{root}: writing failed ({error}). Free some space or choose another folder.") from error
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    return root


def world_of(palette: str, crowded: bool) -> dict[str, str | bool]:
    """What a manifest says about palette and crowd; one that says nothing is of acflib 0.1, turned and not crowded."""
    return ({} if palette == "turned" else {"palette": palette}) | ({"crowded": True} if crowded else {})


def check_palette(palette: str) -> None:
    """Raise ConfigError unless this is the name of a palette."""
    if palette not in PALETTES:
        raise ConfigError(f"palette must be one of {', '.join(PALETTES)}, got {palette!r}")


def _already_there(root: Path, manifest: dict) -> bool:
    """True for the same set, False for an empty folder; DataError for anything else. Removes stale leftovers."""
    if not root.exists():
        return False
    require_folder(root, "Choose another place for Streets.")
    if (root / MANIFEST).is_file():
        try:
            found = json.loads((root / MANIFEST).read_text(encoding="utf-8"))
        except ValueError as error:
            raise DataError(f"{root / MANIFEST}: damaged ({error}). Delete the folder and write it again.") from error
        if found == manifest:
            return True
        raise DataError(f"{root}: holds another set ({found}), not {manifest}. Delete it or choose another folder.")
    for path in visible(root.iterdir(), root):
        raise DataError(f"{root}: holds other files ({path.name}). Choose an empty or new folder.")
    for path in root.glob(f"{_PARTIAL}*"):
        if time.time() - path.stat().st_mtime > 3600:  # of a run that was killed; a younger one may still be at work
            shutil.rmtree(path, ignore_errors=True)
    return False


def _write_scenes(
    folder: Path,
    width: int,
    height: int,
    counts: dict[str, int],
    seed: int,
    progress: bool,
    palette: str,
    crowded: bool,
) -> None:
    """Write all splits. Scene k of a split depends on (seed, split, k) alone, not on the counts."""
    with tqdm(total=sum(counts.values()), desc="Streets", unit="scene", disable=not progress) as bar:
        for number, (split, count) in enumerate(counts.items()):
            for city in CITIES[split]:
                (folder / "leftImg8bit" / split / city).mkdir(parents=True)
                (folder / "gtFine" / split / city).mkdir(parents=True)
            for k in range(count):
                street = render_street((seed, number, k), width, height, palette, crowded)
                _write_street(folder, split, CITIES[split][k % len(CITIES[split])], k, street)
                bar.update()


def _write_street(folder: Path, split: str, city: str, k: int, street: Street) -> None:
    """Write the five files of one scene. As in Cityscapes, a frame is CITY_SEQUENCE_FRAME."""
    frame = f"{city}_{k:06d}_000019"
    _save(street.image, folder / "leftImg8bit" / split / city / f"{frame}_leftImg8bit.png")
    annotation = folder / "gtFine" / split / city / f"{frame}_gtFine"
    _save(street.label_ids, Path(f"{annotation}_labelIds.png"))
    _save(TRAIN_ID_OF_ID[street.label_ids], Path(f"{annotation}_labelTrainIds.png"))
    _save(_COLORS[street.label_ids], Path(f"{annotation}_color.png"))
    _save(street.instance_ids, Path(f"{annotation}_instanceIds.png"))


def _save(array: np.ndarray, path: Path) -> None:
    """Write a PNG; uint16 becomes 16-bit gray."""
    Image.fromarray(array).save(path, compress_level=3)
