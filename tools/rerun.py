"""Train runs of a study again, from nothing, and hold the new numbers against the committed ones.

    python tools/rerun.py own-47-frozen/self/10 own-47-frozen/sum/10 base-own-47/base/10

    python tools/rerun.py --trained ../elsewhere base-own-239/base/10        what was trained again there

A run is named STUDY/ROW/SEED; its base network is trained again too. Writes results/rerun.json: for each run whether
every score of every class is the same to the last digit, and the base network to the last bit. That is promised on the
same kind of processor with the same versions alone; the file says what both were.
"""

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
if __name__ == "__main__":
    sys.path.insert(0, str(ROOT))

from acflib.engine.machine import write_result  # noqa: E402
from acflib.study.ablation.results import result_path  # noqa: E402
from acflib.study.ablation.studies import find_study  # noqa: E402

OUT = ROOT / "results" / "rerun.json"


def compare(name: str, first: dict, again: dict) -> dict:
    """What is the same in two result files of the run ``name``, and the largest difference of an mIoU, in points."""
    scores = [(place, key) for place, found in first["evaluations"].items() for key in found if key.startswith("miou")]
    return {
        "run": name,
        "first_machine": first["machine"],
        "same_scores": first["evaluations"] == again["evaluations"],
        "same_base": "base_sha256" in first and first["base_sha256"] == again.get("base_sha256"),
        "largest_difference": max(
            abs(first["evaluations"][place][key] - again["evaluations"][place][key]) for place, key in scores
        ),
    }


def rerun(names: list[str], trained: Path | None = None) -> list[dict]:
    """Train the runs in an empty folder, or take what was trained in another clone; one comparison each.

    Raises:
        SystemExit: a result is missing.
        ConfigError: there is no such study.
        subprocess.CalledProcessError: a run failed.
    """
    runs = [name.split("/") for name in names]
    paths = [result_path(Path(find_study(study).results), row, int(seed)) for study, row, seed in runs]
    committed = [ROOT / path for path in paths]
    there = [trained / path for path in paths] if trained else []
    if missing := [str(path) for path in (*committed, *there) if not path.exists()]:
        sys.exit(f"nothing to hold the new numbers against: no {', '.join(missing)}")
    if trained:
        three = zip(names, committed, there, strict=True)
        return [compare(name, *(json.loads(path.read_bytes()) for path in pair)) for name, *pair in three]
    compared = []
    with tempfile.TemporaryDirectory() as folder:
        for name, (study, row, seed), path in zip(names, runs, committed, strict=True):
            results = Path(folder) / "results" / study
            which = ["--study", study, "--rows", row, "--seeds", seed, "--jobs", "1"]
            where = ["--results", str(results), "--runs", f"{folder}/runs"]
            subprocess.run([sys.executable, "-m", "acflib", "ablate", *which, *where], cwd=ROOT, check=True)
            again = json.loads(result_path(results, row, int(seed)).read_bytes())
            compared.append(compare(name, json.loads(path.read_bytes()), again))
    return compared


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("runs", nargs="+", metavar="STUDY/ROW/SEED", help="such as own-47-frozen/sum/10")
    parser.add_argument("--trained", type=Path, help="a clone in which the runs were made already; nothing is trained")
    parser.add_argument("--out", type=Path, default=OUT)
    args = parser.parse_args()
    if unsound := [name for name in args.runs if name.count("/") != 2 or not name.rpartition("/")[2].isdigit()]:
        parser.error(f"{', '.join(unsound)}: name a run as STUDY/ROW/SEED, such as own-47-frozen/sum/10")
    compared = rerun(args.runs, args.trained)
    where = f"--trained {args.trained} " if args.trained else ""
    write_result(args.out, f"python tools/rerun.py {where}{' '.join(args.runs)}", runs=compared)
    for run in compared:
        same = "the same digits" if run["same_scores"] else f"differs by up to {run['largest_difference']:.2f} points"
        print(f"{run['run']}: {same}")


if __name__ == "__main__":
    main()
