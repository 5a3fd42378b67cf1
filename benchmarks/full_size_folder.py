"""A folder that looks like Cityscapes to every tool: its names, its size of 2048x1024, files as large as real ones.

    python benchmarks/full_size_folder.py --out runs/full-size [--train 16] [--val 4] [--test 2] [--distinct 4]

The pictures are Streets scenes with the blur of a lens and the noise of a sensor, 2.6 MB a PNG on average (those of
Cityscapes have 2.3 MB). It is for dry runs of files, memory, speed and restarts; scores on it mean nothing.

Only ``--distinct`` scenes a split are drawn, which takes seconds each; the other frames are hard links to them (copies
where the disk has none). A file that is there already stays, so running it again, or with more frames, is quick.
A folder that another hand filled is refused: nothing is ever added to the real Cityscapes.
"""

import argparse
import os
import shutil
from pathlib import Path

import numpy as np
from PIL import Image, ImageFilter
from tqdm.auto import tqdm

from acflib.datasets.cityscapes import IDS_END, IMAGE_END
from acflib.datasets.folders import visible
from acflib.datasets.streets import GENERATOR_VERSION, render_street
from acflib.errors import DataError

CITIES = {
    "train": ("aachen", "bochum", "bremen", "cologne"),
    "val": ("frankfurt", "lindau", "munster"),
    "test": ("berlin", "bielefeld", "bonn"),
}
LENS_BLUR = 1.0  # standard deviation in pixels
SENSOR_NOISE = 1.0  # standard deviation in gray levels
DEFAULT_FOLDER = Path("runs/full-size")
INSTANCES_END = "_gtFine_instanceIds.png"
MARK = "GENERATED.txt"
MARK_TEXT = f"""Written by benchmarks/full_size_folder.py from Streets {GENERATOR_VERSION}, textured.
This is not Cityscapes; scores on it mean nothing.
"""


def write_full_size(
    out: Path,
    train: int = 16,
    val: int = 4,
    test: int = 0,
    distinct: int = 4,
    width: int = 2048,
    progress: bool = True,
) -> Path:
    """Write the folder; files that exist are left as they are.

    Args:
        out: root of the new folder, to be opened as Cityscapes.
        train, val, test: frames in each split; those of test have labels too, which acflib does not read.
        distinct: different scenes in each split, at most.
        width: of the pictures; their height is half of it.

    Raises:
        DataError: there are files in it that this function did not write.
    """
    mark_folder(out)
    with tqdm(total=train + val + test, desc=str(out), unit="frame", disable=not progress) as bar:
        for number, (split, count) in enumerate({"train": train, "val": val, "test": test}.items()):
            for k in range(count):
                first = files_of(out, split, k % distinct)
                if k < distinct:
                    draw(first, (number, k), width)
                else:
                    for source, target in zip(first, files_of(out, split, k), strict=True):
                        repeat(source, target)
                bar.update()
    return out


def mark_folder(out: Path) -> None:
    """Leave a mark that the folder is made by this script; refuse one that holds something else."""
    mark = out / MARK
    if mark.is_file():
        if mark.read_text() != MARK_TEXT:
            raise DataError(f"{mark}: the folder was made by another version of Streets. Remove it, or give a new one.")
        return
    if out.exists() and (not out.is_dir() or visible(out.iterdir(), out)):
        raise DataError(f"{out}: holds files that were not generated here. Give a new folder, or remove this one.")
    out.mkdir(parents=True, exist_ok=True)
    mark.write_text(MARK_TEXT)


def files_of(out: Path, split: str, k: int) -> tuple[Path, Path, Path]:
    """Image, labels and instances (for the official evaluator) of frame ``k``, with names as in Cityscapes."""
    city = CITIES[split][k % len(CITIES[split])]
    name = f"{city}_{k:06d}_000019"
    labels = out / "gtFine" / split / city
    return (
        out / "leftImg8bit" / split / city / (name + IMAGE_END),
        labels / (name + IDS_END),
        labels / (name + INSTANCES_END),
    )


def draw(files: tuple[Path, Path, Path], seed: tuple[int, int], width: int) -> None:
    """Draw one scene and write its files, unless they are there."""
    if all(file.is_file() for file in files):
        return
    street = render_street(seed, width, width // 2)
    blurred = np.asarray(Image.fromarray(street.image).filter(ImageFilter.GaussianBlur(LENS_BLUR)), dtype=np.float32)
    noise = SENSOR_NOISE * np.random.default_rng(seed).standard_normal(blurred.shape, dtype=np.float32)
    image = np.clip(blurred + noise, 0, 255).round().astype(np.uint8)
    for array, file in zip((image, street.label_ids, street.instance_ids), files, strict=True):
        file.parent.mkdir(parents=True, exist_ok=True)
        partial = file.with_name(file.name + ".partial")
        Image.fromarray(array).save(partial, "PNG")
        os.replace(partial, file)


def repeat(source: Path, target: Path) -> None:
    """The same file under another name."""
    if target.is_file():
        return
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        os.link(source, target)
    except OSError:  # another kind of disk
        partial = target.with_name(target.name + ".partial")
        shutil.copy(source, partial)
        os.replace(partial, target)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=DEFAULT_FOLDER)
    parser.add_argument("--train", type=int, default=16)
    parser.add_argument("--val", type=int, default=4)
    parser.add_argument("--test", type=int, default=2)
    parser.add_argument("--distinct", type=int, default=4, help="different scenes in each split")
    arguments = parser.parse_args()
    write_full_size(arguments.out, arguments.train, arguments.val, arguments.test, arguments.distinct)
    sizes = [path.stat().st_size for path in arguments.out.glob(f"leftImg8bit/*/*/*{IMAGE_END}")]
    print(f"{len(sizes)} images in {arguments.out}, {min(sizes) / 1e6:.2f} to {max(sizes) / 1e6:.2f} MB each")


if __name__ == "__main__":
    main()
