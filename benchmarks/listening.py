"""How much the shipped networks listen to their class centers (:mod:`acflib.study.listening`), on Streets val.

    python benchmarks/listening.py --out results/listening.json
    python benchmarks/listening.py --weights OLD --palette turned --out results/listening-old.json

The second line is for the weights of acflib 0.1, which were trained on another palette: take ``data/weights`` from the
history (``git show 73de1a4:data/weights/NAME > OLD/NAME``). Shapes, discs and permutations are the same in both.
"""

import argparse
import tempfile
from pathlib import Path

from peers import command_line

from acflib.datasets import open_dataset
from acflib.datasets.streets import write_streets
from acflib.datasets.streets.color import PALETTE, PALETTES
from acflib.engine.machine import write_result
from acflib.predict.pretrained import load_pretrained
from acflib.study.listening import RADIUS, measure_listening

SCENES = 100


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", default=["streets-acf-sum"], help="weights (default: %(default)s)")
    parser.add_argument("--weights", type=Path, help="folder of the weights (default: those of this acflib)")
    parser.add_argument("--palette", choices=PALETTES, default=PALETTE, help="of Streets (default: %(default)s)")
    parser.add_argument("--out", type=Path, help="also write the numbers to this JSON file")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        write_streets(folder, 256, 128, train=0, val=SCENES, test=0, palette=arguments.palette)
        val, networks = open_dataset(folder, "val"), {}
        for name in arguments.names:
            found = measure_listening(load_pretrained(name, folder=arguments.weights), val)
            networks[name] = found._asdict()
            print(name, found)
    if arguments.out:
        data = {"split": "val", "scenes": SCENES, "width": 256, "palette": arguments.palette, "radius": RADIUS}
        write_result(arguments.out, command_line("listening.py"), data=data, networks=networks)


if __name__ == "__main__":
    main()
