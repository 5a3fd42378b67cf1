"""Tables of the study of ``docs/study-plan.md``. Each shows what has been run, and says what has not."""

from collections.abc import Mapping, Sequence
from statistics import stdev

from acflib.study.ablation.conclusions import (
    FAMILY,
    PRIMARY,
    Contrast,
    change,
    differences,
    gain,
    parts,
    seeds_planned,
)
from acflib.study.ablation.pair_results import PairResults
from acflib.study.ablation.pairs import FIELDS, planned_seeds
from acflib.study.ablation.results import load_sound
from acflib.study.ablation.stats import Interval, mean_interval, paired_difference
from acflib.study.ablation.studies import STUDIES, find_study
from acflib.study.ablation.table import NOTHING, markdown_rows, scores, signed, unsigned
from acflib.study.ablation.verdicts import ALPHA, power, spread, unpaired_difference

NOT_RUN = "not run yet"
WORLD_STUDIES = (*(f"{world}-{field}" for world in ("own", "turned", "fixed") for field in FIELDS), "crowd-47")
PART_ROWS = ("sum", "center", "concat", "global", "psp", "permuted", "detach")
ORACLES = {
    "": "its own centers",
    "presence": "its own centers, 0 where the class is absent",
    "centers": "true centers (0 where the class is absent)",
    "appearance": "true centers, its own where the class is absent",
}
TRAINED = {"oracle-presence": "presence", "oracle-centers": "true centers", "oracle-appearance": "appearance"}
PLANNED_DEVIATION = {"gain": 0.24, "change": 0.34}  # of the plan's section "How many seeds"
EFFECTS = (0.3, 0.4, 0.5, 0.7)


def titled(title: str, results: PairResults, texts: Sequence[Sequence[str]], *notes: str) -> str:
    """A table of Markdown with its title above and its notes below."""
    lines = [f"**{title}, on {results.split}** (*measured here*)", "", *markdown_rows(texts)]
    return "\n".join([*lines, "", *(f"- {note}" for note in notes)])


def over_seeds(values: Mapping[int, float]) -> Interval | None:
    return mean_interval([*values.values()])


def rows_table(study: str, results: PairResults) -> str:
    """The rows of one study: coarse, fine, gain over ``self``, the same with presence given, parameters of the head."""
    given = "presence given"
    texts = [["row", "seeds", "coarse", "fine", "fine - self", f"{given}: fine", f"{given}: fine - self", "head"]]
    for row in find_study(study).rows:
        name = f"{study}/{row.name}"
        fine, present = results.scores(name), results.scores(f"{name}/present")
        if not fine and not planned_seeds(study, row.name):
            continue
        if not fine:
            texts.append([row.title, "0", NOT_RUN, *[NOTHING] * 5])
            continue
        head = results.head_parameters(study, row.name)
        line = [row.title, str(len(fine)), unsigned(over_seeds(results.scores(name, "coarse")))]
        line += [unsigned(over_seeds(fine)), gain_text(row.name, fine, results.scores(f"{study}/self"))]
        line += [unsigned(over_seeds(present)), gain_text(row.name, present, results.scores(f"{study}/self/present"))]
        texts.append([*line, NOTHING if head is None else f"{head:,}"])
    notes = (
        "Mean over the seeds ± half of the 95 % interval; gains seed by seed, from one base network a seed.",
        "*presence given*: each pixel chooses among the classes that occur in its image. *head*: its parameters.",
    )
    return titled(f"{find_study(study).title}: mIoU in %", results, texts, *notes)


def gain_text(row: str, values: Mapping[int, float], own: Mapping[int, float]) -> str:
    return NOTHING if row == "self" else signed(paired_difference(values, own))


def parts_table(results: PairResults) -> str:
    """The three parts of what a row's look at the whole image brings."""
    texts = [["row", "gain, own", "presence", "the palette", "what each class looks like"]]
    val = val_beside(results)
    for row in PART_ROWS:
        found = [gain(row, "own-47"), *parts(row).values()]
        texts.append([find_study("own-47").row(row).title, *(shown(contrast, results, val) for contrast in found)])
    notes = (
        "*presence*: gain minus gain with presence given, in own. *the palette*: gain with presence given, turned "
        "minus fixed. *what each class looks like*: the same, own minus fixed. Points of fine mIoU, field 47; shown, "
        "not tested.",
        "A dash: not in the plan, which has four of these rows in own alone.",
    )
    return titled("Three differences of gains over an equal head (no sum)", results, texts, *notes)


def shown(contrast: Contrast, results: PairResults, val: PairResults | None) -> str:
    """Mean and interval of a contrast with its number of seeds; what is not planned, or not run yet, is told apart.

    Args:
        val: where a mean of the other sign stands beside; None on val itself.
    """
    found = over_seeds(differences(contrast, results))
    if found is None:
        return NOT_RUN if seeds_planned(contrast) else NOTHING
    there = over_seeds(differences(contrast, val)) if val else None
    return f"{signed(found)}, n = {found.n}{other_sign(found, there)}"


def other_sign(here: Interval | None, there: Interval | None) -> str:
    """The value on val where it has the other sign, as the plan wants it; else nothing."""
    if here is None or there is None or here.mean * there.mean >= 0:
        return ""
    return f" (on val {signed(there)})".replace("-", "−")


def val_beside(results: PairResults) -> PairResults | None:
    """The results on val, beside those on test."""
    return PairResults("val", results.root) if results.split == "test" else None


def worlds_table(results: PairResults) -> str:
    """The gains over ``self`` in every world and field, without and with presence given."""
    rows = ("sum", "global", "center")
    given = "presence given"
    heading = ["world, field", "self", *(f"{r} - self" for r in rows), *(f"{given}: {r} - self" for r in rows)]
    texts, val = [heading], val_beside(results)
    for study in WORLD_STUDIES:
        own = over_seeds(results.scores(f"{study}/self"))
        line = [study.replace("-", ", "), NOT_RUN if own is None else f"{unsigned(own)}, n = {own.n}"]
        for kind in ("", "present"):
            line += [shown(gain(row, study, kind), results, val) for row in rows]
        texts.append(line)
    notes = (
        "Points of fine mIoU. own: each class its own hue in each image; turned: one turn of the hue for all classes; "
        "fixed: one palette; crowd: own hues, and most classes in most images.",
        "A dash: not in the plan, which has global and center at 47 in all worlds and at 239 in own alone.",
    )
    return titled("Gains over an equal head by world and field of view", results, texts, *notes)


def oracles_table(results: PairResults) -> str:
    """Center oracles, each beside its presence control."""
    heading = ["row, own-47", "centers", "seeds", "fine", "minus its own", "presence given: fine", "minus its own"]
    texts = [heading]
    for row in ("sum", "concat", "center"):
        title = find_study("own-47").row(row).title
        if not results.runs("own-47", row):
            texts.append([title, NOT_RUN, "0", *[NOTHING] * 4])
            continue
        coarse = f"own-47/{row}"
        texts.append([title, "coarse result, no centers", *oracle_cells(coarse, coarse, results, "coarse")])
        for kind, words in ORACLES.items():
            texts.append([title, words, *oracle_cells(f"{coarse}/{kind}".rstrip("/"), coarse, results)])
    for row, words in TRAINED.items():
        name, title = f"own-47/{row}", f"trained with {words}"
        if not results.runs("own-47", row):
            texts.append([title, NOT_RUN, "0", *[NOTHING] * 4])
            continue
        texts.append([title, "coarse result, no centers", *oracle_cells(name, "own-47/sum", results, "coarse")])
        texts.append([title, words, *oracle_cells(name, "own-47/sum", results)])
        texts.append([title, "its own centers", *oracle_cells(f"{name}/without_oracle", "own-47/sum", results)])
    notes = (
        "A center oracle tells which classes occur, so it is to be compared with presence alone.",
        "*minus its own*: seed by seed, minus fine of the same network with its own centers; for the rows trained with "
        "an oracle minus ACF (sum).",
    )
    return titled("Oracles beside their presence controls: mIoU in %", results, texts, *notes)


def oracle_cells(name: str, own: str, results: PairResults, output: str = "fine") -> list[str]:
    """Seeds, score, difference to the fine result of ``own``; and the last two with presence given."""
    plain = results.scores(name, output)
    cells = [str(len(plain))]
    for end in ("", "present"):
        # "own-47/sum/centers" is scored with presence given as "own-47/sum/centers_present".
        joint = "" if not end else "_present" if name.count("/") == 2 else "/present"
        values = results.scores(f"{name}{joint}", output)
        rest = results.scores(f"{own}/{end}".rstrip("/"))
        cells += [unsigned(over_seeds(values)), NOTHING if values == rest else signed(paired_difference(values, rest))]
    return cells


def pairing_table(results: PairResults) -> str:
    """How much narrower the intervals are in pairs than if all runs were independent, beside the old study."""
    texts = [["difference", "n", "in pairs", "as if independent (Welch)", "sd in pairs", "sd independent", "ratio"]]
    for study in (*WORLD_STUDIES, "own-47-frozen", "photographs"):
        texts += pairing_line(f"sum - self, {study}", *(results.scores(f"{study}/{row}") for row in ("sum", "self")))
    for row in ("center", "global"):
        name = f"{row} - self, own-47"
        texts += pairing_line(name, results.scores(f"own-47/{row}"), results.scores("own-47/self"))
    wide, narrow = (differences(gain("sum", f"own-{field}"), results) for field in (239, 47))
    texts += pairing_line("gain of sum, own-47 - own-239", narrow, wide)
    if len(texts) == 1:
        texts.append(["sum - self", "0", NOT_RUN, *[NOTHING] * 4])
    texts += old_pairing(results)
    notes = (
        "Points of fine mIoU. Pairs start from one trained base network a seed; those of the old study share "
        "the initial weights and the crops alone.",
    )
    return titled("Paired and unpaired intervals and spread", results, texts, *notes)


def pairing_line(name: str, a: Mapping[int, float], b: Mapping[int, float]) -> list[list[str]]:
    """One line of the table; none for fewer than two seeds in common."""
    seeds = sorted(a.keys() & b.keys())
    if len(seeds) < 2:
        return []
    first, second = {s: a[s] for s in seeds}, {s: b[s] for s in seeds}
    found = spread(first, second)
    unpaired = unpaired_difference([*first.values()], [*second.values()])
    ratio = f"{found.ratio:.1f}" if found.paired else NOTHING
    deviations = [f"{found.paired:.2f}", f"{found.independent:.2f}", ratio]
    return [[name, str(len(seeds)), signed(paired_difference(a, b)), signed(unpaired), *deviations]]


def old_pairing(results: PairResults) -> list[list[str]]:
    """The same of the old study, where its results are there."""
    study = STUDIES["controls"]
    if not (results.root / study.results).is_dir():
        return []
    runs = load_sound(study, results.root).runs
    return pairing_line("old study: sum - self", *(scores(runs[row], results.split) for row in ("sum", "self")))


def power_table(results: PairResults) -> str:
    """With which chance the study finds an effect: by the spread that was planned with, and by that found."""
    texts = [["comparison", "n", "level", "sd", *(f"effect {effect}" for effect in EFFECTS)]]
    step = ALPHA / len(FAMILY)
    lines = (
        (PRIMARY, "change", ALPHA),
        (gain("sum", "own-47"), "gain", step),
        (gain("sum", "crowd-47"), "gain", step),
        (change("sum", "own-47", "fixed-47"), "change", step),
    )
    for contrast, kind, alpha in lines:
        planned = seeds_planned(contrast)
        deviation = PLANNED_DEVIATION[kind]
        texts.append(power_line(f"{contrast.name}, as planned", planned, alpha, deviation))
        values = [*differences(contrast, results).values()]
        if len(values) < planned:
            texts.append([f"{contrast.name}, as found", str(len(values)), NOT_RUN, *[NOTHING] * (1 + len(EFFECTS))])
        else:
            found = stdev(values)
            texts.append(power_line(f"{contrast.name}, as found", len(values), alpha, found))
    notes = (
        "Chance that the t test finds a true effect of so many points. *level*: 5 % for the primary endpoint; for the "
        "family its strictest step of Holm, 5 % / 19. It depends on the spread, not on the effect found.",
    )
    return titled("Power", results, texts, *notes)


def power_line(name: str, n: int, alpha: float, deviation: float) -> list[str]:
    chances = [f"{100 * power(effect, deviation, n, alpha):.0f} %" if deviation else NOTHING for effect in EFFECTS]
    return [name, str(n), f"{100 * alpha:.2g} %", f"{deviation:.2f}", *chances]
