"""The conclusions of ``docs/study-plan.md`` from the result files: the primary endpoint, then the family.

python -m acflib.study.ablation.conclusions          on the test scenes
python -m acflib.study.ablation.conclusions val      the same on val
"""

import sys
from dataclasses import dataclass
from pathlib import Path

from acflib.errors import DataError
from acflib.study.ablation.results import load_results
from acflib.study.ablation.studies import find_study
from acflib.study.ablation.table import scores
from acflib.study.ablation.verdicts import Comparison, compare, holm, verdict

MARGIN = 0.3  # points of mIoU: less counts for nothing


@dataclass(frozen=True)
class Contrast:
    """A difference of scores, seed by seed: the sum of ``plus`` minus the sum of ``minus``.

    A score is named STUDY/ROW, or STUDY/ROW/KIND, where KIND is "present" or an oracle: the evaluation
    "val_KIND" or "test_KIND".
    """

    name: str
    hypothesis: str
    plus: tuple[str, ...]
    minus: tuple[str, ...]


def gain(row: str, study: str, kind: str = "", over: str = "self") -> Contrast:
    """One row minus another one of the same study, both scored alike."""
    end = f"/{kind}" if kind else ""
    given = {"": "", "present": ", presence given"}[kind]
    return Contrast(f"{row} - {over}, {study}{given}", "", (f"{study}/{row}{end}",), (f"{study}/{over}{end}",))


def change(row: str, to: str, since: str) -> Contrast:
    """How the gain of a row over ``self`` differs between two studies."""
    a, b = gain(row, to), gain(row, since)
    return Contrast(f"gain of {row}, {to} - {since}", "", (*a.plus, *b.minus), (*a.minus, *b.plus))


def named(hypothesis: str, *contrasts: Contrast) -> tuple[Contrast, ...]:
    return tuple(Contrast(c.name, hypothesis, c.plus, c.minus) for c in contrasts)


(PRIMARY,) = named("H1", change("sum", "own-47", "own-239"))
FAMILY = (
    *named("H1b", gain("sum", "own-47")),
    *named(
        "H2",
        change("sum", "own-47", "fixed-47"),
        change("center", "own-47", "fixed-47"),
        change("global", "own-47", "fixed-47"),
        change("global", "turned-47", "fixed-47"),
    ),
    *named(
        "H3",
        gain("sum", "own-47", "present"),
        gain("center", "own-47", "present"),
        gain("global", "own-47", "present"),
        gain("sum", "own-47", "present", "global"),
        gain("center", "own-47", "present", "global"),
        gain("sum", "crowd-47"),
        gain("center", "crowd-47"),
        gain("sum", "crowd-47", over="global"),
        gain("center", "crowd-47", over="global"),
    ),
    *named("H4", gain("sum", "own-47", over="permuted"), gain("permuted", "own-47")),
    *named(
        "H5",
        Contrast("sum: true centers - presence", "", ("own-47/sum/centers",), ("own-47/sum/presence",)),
        Contrast("sum: appearance - its own centers", "", ("own-47/sum/appearance",), ("own-47/sum",)),
        gain("oracle-centers", "own-47", over="oracle-presence"),
    ),
)
SEEDS = {"own-47": 8, "own-239": 8}  # all others: 6, and so the rows that were trained with an oracle


def seeds_planned(contrast: Contrast) -> int:
    """Number of seeds that the plan has for a contrast."""
    parts = [name.split("/") for name in (*contrast.plus, *contrast.minus)]
    return min(6 if row.startswith("oracle-") else SEEDS.get(study, 6) for study, row, *_ in parts)


def differences(contrast: Contrast, split: str = "test", root: str | Path = ".") -> dict[int, float]:
    """Seed -> value of a contrast, for the seeds that all its scores have.

    Raises:
        DataError: a folder of results is missing, or a file in it cannot be used.
    """
    found = [(1, scores_of(name, split, root)) for name in contrast.plus]
    found += [(-1, scores_of(name, split, root)) for name in contrast.minus]
    seeds = set.intersection(*(set(values) for _, values in found))
    return {seed: sum(sign * values[seed] for sign, values in found) for seed in sorted(seeds)}


def scores_of(name: str, split: str, root: str | Path) -> dict[int, float]:
    """Seed -> fine mIoU in percent of STUDY/ROW or STUDY/ROW/KIND."""
    study_name, row, *kind = name.split("/")
    study = find_study(study_name if split == "val" else f"{study_name}-test")
    loaded = load_results(Path(root) / study.results, study)
    if loaded.problems:
        raise DataError("; ".join(loaded.problems))
    return scores(loaded.runs[row], "_".join([split, *kind]))


def conclude(split: str = "test", root: str | Path = ".") -> list[tuple[Contrast, Comparison, str]]:
    """The primary endpoint, tested alone, and the family, corrected by Holm: (contrast, comparison, verdict) each.

    Raises:
        DataError: results are missing, or there are fewer seeds than planned.
    """
    values = {contrast: differences(contrast, split, root) for contrast in (PRIMARY, *FAMILY)}
    for contrast, found in values.items():
        if len(found) < seeds_planned(contrast):
            raise DataError(
                f"{contrast.name}: {len(found)} of {seeds_planned(contrast)} seeds are there; finish the study first "
                "(`make study`, then `make study-test`)"
            )
    tested = {contrast: compare(contrast.name, list(found.values())) for contrast, found in values.items()}
    corrected = dict(zip(FAMILY, holm([tested[contrast] for contrast in FAMILY]), strict=True))
    corrected[PRIMARY] = holm([tested[PRIMARY]])[0]
    return [
        (contrast, corrected[contrast], verdict(corrected[contrast], list(values[contrast].values()), MARGIN))
        for contrast in (PRIMARY, *FAMILY)
    ]


def main() -> int:
    """Print a line for each conclusion; the exit status."""
    split = sys.argv[1] if len(sys.argv) > 1 else "test"
    for contrast, found, word in conclude(split):
        interval = f"{found.interval.mean:+.2f} ± {found.interval.half:.2f} (n = {found.interval.n})"
        print(f"{contrast.hypothesis:<4} {contrast.name:<48} {interval:<24} p {found.adjusted:.4f}  {word}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
