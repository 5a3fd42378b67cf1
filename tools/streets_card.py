"""Count what is in Streets, and draw samples of it: the numbers and the picture of data/streets.md.

    python tools/streets_card.py [--out results/streets.json] [--picture docs/images/streets.png]

Renders the default set (128x64, 200 / 100 / 100 scenes, seed 0) and writes, for every split, the pixels of each class,
the number of scenes that hold at least 20 pixels of it, the weathers, and a checksum of all label maps. The picture
shows the first training scene of each weather, none chosen by hand.
"""

import argparse
import hashlib
import inspect
import io
import itertools
import time
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from acflib.datasets.labels import CITYSCAPES_CLASSES, CITYSCAPES_COLORS, TRAIN_ID_OF_ID
from acflib.datasets.streets import GENERATOR_VERSION, Street, render_street, write_streets
from acflib.datasets.streets.weather import WEATHERS
from acflib.engine.files import write_whole
from acflib.engine.machine import write_result

SPLITS = ("train", "val", "test")
LARGE = 20  # pixels: from here on a class counts as present in a scene
# Shares of Cityscapes' train split in percent, of the pixels of the 19 classes. From the class weights that ERFNet
# (Romera et al., 2018) was published with: w = 1 / ln(1.10 + p); see cityscapes_share.
ERFNET_WEIGHTS = (
    2.8149201869965, 6.9850029945374, 3.7890393733978, 9.9428062438965, 9.7702074050903, 9.5110931396484,
    10.311357498169, 10.026463508606, 4.6323022842407, 9.5608062744141, 7.8698215484619, 9.5168733596802,
    10.373730659485, 6.6616044044495, 10.260489463806, 10.287888526917, 10.289801597595, 10.405355453491,
    10.138095855713,
)  # fmt: skip
STEP = 10  # of brightness in the picture
TEXT, LEGEND_COLUMNS, BAND = 12, 10, 18  # size of the letters, and of the bands they stand in, in pixels


def cityscapes_share() -> np.ndarray:
    """Percent of the labeled pixels of Cityscapes' train split, (19,)."""
    share = np.exp(1 / np.array(ERFNET_WEIGHTS)) - 1.10  # of all pixels, those without a label too
    return 100 * share / share.sum()


def count_split(number: int, scenes: int) -> dict:
    """What is in one split of the default set. ``number`` is its place in SPLITS."""
    pixels, present, ignored = np.zeros(19, dtype=np.int64), np.zeros(19, dtype=np.int64), 0
    weathers = dict.fromkeys(WEATHERS, 0)
    checksum = hashlib.sha256()
    for k in range(scenes):
        street = render_street((0, number, k))
        counts = np.bincount(TRAIN_ID_OF_ID[street.label_ids].reshape(-1), minlength=256)  # (H, W) to (H * W,)
        pixels += counts[:19]
        present += counts[:19] >= LARGE
        ignored += int(counts[255])
        weathers[street.weather] += 1
        checksum.update(street.label_ids.tobytes())
    return {
        "scenes": scenes,
        "pixels": dict(zip(CITYSCAPES_CLASSES, pixels.tolist(), strict=True)),
        "scenes_with_20_pixels": dict(zip(CITYSCAPES_CLASSES, present.tolist(), strict=True)),
        "ignored_pixels": ignored,
        "weathers": weathers,
        "sha256_of_label_maps": checksum.hexdigest(),
    }


def first_of_each_weather() -> list[Street]:
    """The first scene of the train split, at 256x128, in every weather."""
    found: dict[str, int] = {}
    for k in itertools.count():
        found.setdefault(render_street((0, 0, k), 64, 32).weather, k)
        if len(found) == len(WEATHERS):
            return [render_street((0, 0, found[name]), 256, 128) for name in WEATHERS]


def draw_picture(streets: list[Street]) -> Image.Image:
    """Scenes above their labels, four in a row, and the legend."""
    font = ImageFont.load_default(TEXT)
    colors = np.array([*CITYSCAPES_COLORS, (0, 0, 0)], dtype=np.uint8)
    height, width = streets[0].label_ids.shape
    step, columns = BAND + 2 * height + 8, 4
    rows = -(-len(streets) // columns)
    picture = Image.new("RGB", (columns * (width + 4), rows * step), "white")
    pen = ImageDraw.Draw(picture)
    for k, street in enumerate(streets):
        x, y = k % columns * (width + 4), k // columns * step
        pen.text((x + 2, y + 1), street.weather, "black", font)
        coarse = street.image // STEP * STEP + STEP // 2  # without the noise of the sensor the file is far smaller
        picture.paste(Image.fromarray(coarse), (x, y + BAND))
        train_ids = np.minimum(TRAIN_ID_OF_ID[street.label_ids], 19)
        picture.paste(Image.fromarray(colors[train_ids]), (x, y + BAND + height))
    x, y = len(streets) % columns * (width + 4) + 10, (rows - 1) * step + BAND  # the place of the missing eighth
    for k, (name, color) in enumerate(zip((*CITYSCAPES_CLASSES, "ignored"), colors, strict=True)):
        left, top = x + k // LEGEND_COLUMNS * 124, y + k % LEGEND_COLUMNS * 25
        pen.rectangle((left, top + 2, left + 22, top + 18), tuple(color.tolist()), "black")
        pen.text((left + 28, top + 2), name, "black", font)
    return picture


def main(given: list[str] | None = None) -> None:
    """Write the result file and the picture."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=Path("results/streets.json"))
    parser.add_argument("--picture", type=Path, default=Path("docs/images/streets.png"))
    arguments = parser.parse_args(given)
    defaults = inspect.signature(write_streets).parameters
    start = time.process_time()
    splits = {split: count_split(number, defaults[split].default) for number, split in enumerate(SPLITS)}
    seconds = time.process_time() - start
    write_result(
        arguments.out,
        "python tools/streets_card.py",
        generator=GENERATOR_VERSION,
        size=[128, 64],
        cpu_seconds=round(seconds, 1),
        splits=splits,
        cityscapes_percent=dict(zip(CITYSCAPES_CLASSES, cityscapes_share().round(3).tolist(), strict=True)),
    )
    stream = io.BytesIO()
    draw_picture(first_of_each_weather()).save(stream, "png", optimize=True)
    arguments.picture.parent.mkdir(parents=True, exist_ok=True)
    write_whole(arguments.picture, stream.getvalue())
    print(f"wrote {arguments.out} and {arguments.picture}; rendering took {seconds:.1f} s of one core")


if __name__ == "__main__":
    main()
