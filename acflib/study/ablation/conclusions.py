"""The conclusions of ``docs/study-plan.md`` from the result files: the primary endpoint, the family, the photographs.

python -m acflib.study.ablation.conclusions          on the test scenes
python -m acflib.study.ablation.conclusions val      the differences on val, where nothing is tested
"""

import sys
from dataclasses import dataclass, replace

from acflib.errors import AcflibError
from acflib.study.ablation.pair_results import PairResults
from acflib.study.ablation.pairs import FIRST_SEED, planned_seeds
from acflib.study.ablation.verdicts import Comparison, compare, holm, verdict

MARGIN = 0.3  # points of mIoU: less counts for nothing


@dataclass(frozen=True)
class Contrast:
    """A difference of scores, seed by seed: the sum of ``plus`` minus the sum of ``minus``.

    A score is named STUDY/ROW, or STUDY/ROW/KIND, where KIND is "present" or an oracle: the evaluation
    "val_KIND" or "test_KIND". :class:`PairResults` finds it.
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


def between(name: str, a: Contrast, b: Contrast) -> Contrast:
    """How two differences differ: a - b."""
    return Contrast(name, "", (*a.plus, *b.minus), (*a.minus, *b.plus))


def change(row: str, to: str, since: str, kind: str = "") -> Contrast:
    """How the gain of a row over ``self`` differs between two studies."""
    return between(f"gain of {row}, {to} - {since}", gain(row, to, kind), gain(row, since, kind))


def parts(row: str) -> dict[str, Contrast]:
    """The three parts of what a row's look at the whole image brings (H3 of the plan), field 47."""
    given = gain(row, "own-47", "present")
    return {
        "presence": between(f"presence of {row}", gain(row, "own-47"), given),
        "palette": change(row, "turned-47", "fixed-47", "present"),
        "looks": change(row, "own-47", "fixed-47", "present"),
    }


def named(hypothesis: str, *contrasts: Contrast) -> tuple[Contrast, ...]:
    return tuple(replace(contrast, hypothesis=hypothesis) for contrast in contrasts)


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

# On CamVid: the first is its primary endpoint; both are corrected together.
PHOTOGRAPHS = named("CamVid", gain("sum", "photographs"), gain("psp", "photographs"))


@dataclass(frozen=True)
class Conclusion:
    """What the plan says of one contrast, as far as its runs are there.

    Attributes:
        contrast: which.
        values: seed -> value, of the seeds of the plan that have been run.
        found: the comparison, its p after Holm; None while it cannot be concluded.
        verdict: the word of the plan; None with it.
    """

    contrast: Contrast
    values: dict[int, float]
    found: Comparison | None = None
    verdict: str | None = None

    @property
    def whole(self) -> bool:
        """Whether all seeds of the plan are there."""
        return len(self.values) == seeds_planned(self.contrast)


def seeds_planned(contrast: Contrast) -> int:
    """Number of seeds that the plan has for all scores of a contrast; 0 where it lacks one."""
    names = [name.split("/") for name in (*contrast.plus, *contrast.minus)]
    return min(planned_seeds(study, row) for study, row, *_ in names)


def differences(contrast: Contrast, results: PairResults) -> dict[int, float]:
    """Seed -> value of a contrast, for the seeds of the plan that all its scores have; no other is ever counted.

    Raises:
        DataError: a result file cannot be used.
    """
    found = [(1, results.scores(name)) for name in contrast.plus]
    found += [(-1, results.scores(name)) for name in contrast.minus]
    planned = range(FIRST_SEED, FIRST_SEED + seeds_planned(contrast))
    seeds = set(planned).intersection(*(set(values) for _, values in found))
    return {seed: sum(sign * values[seed] for sign, values in found) for seed in sorted(seeds)}


def conclude(results: PairResults) -> list[Conclusion]:
    """The primary endpoint, then the family, of the seeds of the plan alone.

    The primary endpoint is tested alone, as soon as its seeds are there. The family is corrected by Holm, so it is
    concluded only when all of it is there.

    Raises:
        DataError: a result file cannot be used.
    """
    primary, *family = (collect(contrast, results) for contrast in (PRIMARY, *FAMILY))
    return [*tested([primary]), *tested(family)]


def conclude_photographs(results: PairResults) -> list[Conclusion]:
    """The comparisons on photographs, corrected by Holm, when all of them are there.

    Raises:
        DataError: a result file cannot be used.
    """
    return tested([collect(contrast, results) for contrast in PHOTOGRAPHS])


def collect(contrast: Contrast, results: PairResults) -> Conclusion:
    """The values, without a conclusion."""
    return Conclusion(contrast, differences(contrast, results))


def tested(together: list[Conclusion]) -> list[Conclusion]:
    """The same with their comparisons, corrected over all of them, and verdicts; unchanged while a seed is missing."""
    if not all(each.whole for each in together):
        return together
    values = [list(each.values.values()) for each in together]
    found = holm([compare(each.contrast.name, v) for each, v in zip(together, values, strict=True)])
    words = [verdict(comparison, v, MARGIN) for comparison, v in zip(found, values, strict=True)]
    return [replace(e, found=f, verdict=word) for e, f, word in zip(together, found, words, strict=True)]


def missing(conclusion: Conclusion) -> str:
    """What is said of a contrast that cannot be concluded yet."""
    if conclusion.whole:
        return "no verdict before the whole family is run"
    return f"not run yet: {len(conclusion.values)} of {seeds_planned(conclusion.contrast)} seeds"


def main() -> int:
    """Print a line for each conclusion; the exit status."""
    split = sys.argv[1] if len(sys.argv) > 1 else "test"
    try:
        results = PairResults(split)
        found = [*conclude(results), *conclude_photographs(results)]
    except AcflibError as error:
        print(f"acflib: {error}", file=sys.stderr)
        return 2
    for each in found:
        begin = f"{each.contrast.hypothesis:<6} {each.contrast.name:<48}"
        if each.found is None:
            print(begin, missing(each))
            continue
        interval = each.found.interval
        numbers = f"{interval.mean:+.2f} ± {interval.half:.2f} (n = {interval.n})"
        if split == "val":
            print(begin, numbers, "not tested: all choices were made here")
            continue
        print(f"{begin} {numbers:<24} p {each.found.adjusted:.4f}  {each.verdict}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
