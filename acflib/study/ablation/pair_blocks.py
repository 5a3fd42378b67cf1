"""The blocks of RESULTS.md about the study of ``docs/study-plan.md``; SPLIT is "test" or "val".

    verdicts:SPLIT       a line for each hypothesis, in plain words
    comparisons:SPLIT    the primary endpoint and the family of 19, in a table
    photographs:SPLIT    the comparisons on CamVid, in a table
    recompute:SPLIT      ten lines of numpy for the primary interval, and what they print
    rows:STUDY/SPLIT     the rows of one study, such as rows:own-47/test
    parts:SPLIT, worlds:SPLIT, oracles:SPLIT, pairing:SPLIT, power:SPLIT    see acflib.study.ablation.pair_tables
    fields               fields of view, from results/fields.json

What has not been run yet is said in its place.
"""

from collections.abc import Callable
from pathlib import Path

from acflib.errors import ConfigError
from acflib.study.ablation import pair_tables
from acflib.study.ablation.conclusions import (
    PRIMARY,
    Conclusion,
    conclude,
    conclude_photographs,
    differences,
    gain,
    missing,
)
from acflib.study.ablation.pair_results import PairResults
from acflib.study.ablation.results import DamagedResult, read_json
from acflib.study.ablation.stats import Interval, mean_interval
from acflib.study.ablation.studies import find_study
from acflib.study.ablation.table import NOTHING, markdown_rows, signed

QUESTIONS = {
    "H1": "does the gain of class centers over an equal head grow as the base network sees less of the image?",
    "H1b": "do class centers add to an equal head where the base network sees 47 pixels?",
    "H2": "do heads gain more where each class draws its hue for each image (own) than where all images are alike "
    "(fixed)? For centers the paper's idea says so; the global average, without classes, is the control.",
    "H3": "is it more than which classes occur, and more than a global average?",
    "H4": "is it the assignment of centers to classes?",
    "H5": "what is left of an oracle of centers beside an oracle of presence?",
}
# The comparisons in plain words.
WORDS = {
    "gain of sum, own-47 - own-239": "gain at 47 pixels minus gain at 239",
    "sum - self, own-47": "ACF (sum) minus the equal head",
    "gain of sum, own-47 - fixed-47": "gain of ACF (sum), own minus fixed",
    "gain of center, own-47 - fixed-47": "gain of the class center, own minus fixed",
    "gain of global, own-47 - fixed-47": "gain of the global average, own minus fixed",
    "gain of global, turned-47 - fixed-47": "gain of the global average, turned minus fixed",
    "sum - self, own-47, presence given": "told which classes occur, ACF (sum) minus the equal head",
    "center - self, own-47, presence given": "told which classes occur, class center minus the equal head",
    "global - self, own-47, presence given": "told which classes occur, global average minus the equal head",
    "sum - global, own-47, presence given": "told which classes occur, ACF (sum) minus global average",
    "center - global, own-47, presence given": "told which classes occur, class center minus global average",
    "sum - self, crowd-47": "where most classes occur anyway (crowd), ACF (sum) minus the equal head",
    "center - self, crowd-47": "crowd, class center minus the equal head",
    "sum - global, crowd-47": "crowd, ACF (sum) minus global average",
    "center - global, crowd-47": "crowd, class center minus global average",
    "sum - permuted, own-47": "ACF (sum) minus the same with the centers of other classes",
    "permuted - self, own-47": "centers of other classes minus the equal head",
    "sum: true centers - presence": "true centers minus its own where the class occurs and 0 elsewhere",
    "sum: appearance - its own centers": "true centers where the class occurs and its own elsewhere, minus its own",
    "oracle-centers - oracle-presence, own-47": "trained with true centers minus trained with presence",
}
RECOMPUTE = """\
import json
import numpy as np

def fine(study, row):
    paths = [f"{FOLDER}/{study}/{row}/seed-{seed}.json" for seed in range(10, 18)]
    return np.array([json.load(open(path))["evaluations"]["SPLIT"]["miou_fine"] for path in paths])

gain = {field: fine(f"own-{field}", "sum") - fine(f"own-{field}", "self") for field in (47, 239)}
difference = gain[47] - gain[239]  # one number a seed
half = 2.364624 * difference.std(ddof=1) / np.sqrt(8)  # Student's t of 7 degrees of freedom at 97.5 %
print(f"{difference.mean():+.2f} ± {half:.2f}")
"""
COMPARISON = ["", "difference", "mean ± 95 %", "n", "p", "p after Holm", "verdict"]
FOLDERS = {"test": "results/study-test", "val": "results/study"}


def pair_block(kind: str, rest: str, root: str | Path) -> str:
    """The Markdown of one block, KIND:REST.

    Raises:
        ConfigError: an unknown name.
        DataError: a result file that cannot be used.
    """
    if kind == "fields":
        return fields_table(Path(root) / "results" / "fields.json")
    study, _, split = rest.rpartition("/")
    try:
        results = PairResults(split, root)
    except ConfigError as error:
        raise ConfigError(f"{kind}:{rest}: {error}") from error
    if kind == "rows":
        if find_study(study).start is None or find_study(study).trained is not None:
            raise ConfigError(f"rows:{rest}: name a study of docs/study-plan.md and a split, as in rows:own-47/{split}")
        return pair_tables.rows_table(study, results)
    if study:
        raise ConfigError(f"{kind}:{rest}: this block is of all studies, name the split alone: {kind}:{split}")
    return BLOCKS[kind](results)


def verdict_lines(results: PairResults) -> str:
    """One line a hypothesis: number, interval, seeds, p after Holm, and the word of the plan."""
    found = conclude(results)
    said: dict[str, list[str]] = {}
    for name in QUESTIONS:
        of_it = [each for each in found if each.contrast.hypothesis == name]
        begun = [each for each in of_it if each.values]
        said[name] = [f"{WORDS[each.contrast.name]}: {number_and_word(each, results.split)}" for each in begun]
        if len(begun) < len(of_it):  # the table of all comparisons names them
            few = f"{len(of_it) - len(begun)} of its {len(of_it)} comparisons: " if begun else ""
            said[name].append(f"{few}*not run yet*")
    said["H1"].append(gains_at_both_fields(results))
    return "\n".join(f"- **{name}**, {QUESTIONS[name]} On {results.split}: {'; '.join(said[name])}." for name in said)


def number_and_word(conclusion: Conclusion, split: str) -> str:
    """Such as "**shown: above 0**, +0.62 ± 0.21 (n = 8, p 0.0004)"; on val without a word, for nothing is tested."""
    if not conclusion.whole:
        return f"*{missing(conclusion)}*"
    interval = mean_interval([*conclusion.values.values()])
    number = minus(signed(interval))
    if split == "val":
        return f"{number} (n = {len(conclusion.values)}), *not tested*"
    if conclusion.found is None:
        return f"{number} (n = {len(conclusion.values)}), *{missing(conclusion)}*"
    p = f"p {p_value(conclusion.found.adjusted)}" + ("" if conclusion.contrast == PRIMARY else " after Holm")
    return f"**{conclusion.verdict}**, {number} (n = {len(conclusion.values)}, {p}){excluded(conclusion)}"


def excluded(conclusion: Conclusion) -> str:
    """What the data exclude, where nothing is shown."""
    if conclusion.found is None or conclusion.verdict != "not shown":
        return ""
    if conclusion.found.interval.excludes_zero:  # before the correction alone
        return ", whose interval excludes 0, but for the correction"
    low, high = ends(conclusion.found.interval)
    return minus(f", so less than {low:+.2f} and more than {high:+.2f} are excluded")


def ends(interval: Interval) -> tuple[float, float]:
    assert interval.half is not None  # of two seeds at least
    return interval.mean - interval.half, interval.mean + interval.half


def gains_at_both_fields(results: PairResults) -> str:
    """The note of the plan to H1: each of the two gains by itself."""
    found = {field: mean_interval([*differences(gain("sum", f"own-{field}"), results).values()]) for field in (47, 239)}
    return "; ".join(
        f"at {field} alone {minus(signed(interval)) if interval else '*not run yet*'}"
        for field, interval in found.items()
    )


def p_value(p: float | None) -> str:
    """Four digits after the point, and never 0."""
    return NOTHING if p is None else "< 0.0001" if p < 0.0001 else f"{p:.4f}"


def minus(text: str) -> str:
    """The sign of a number as a minus sign."""
    return text.replace("-", "−")


def comparisons_table(results: PairResults) -> str:
    """All comparisons of the plan: the primary endpoint, tested alone, and the 19 of the family by their numbers.

    On test, a difference that has another sign on val stands there with its value on val.
    """
    found = conclude(results)
    other = conclude(PairResults("val", results.root)) if results.split == "test" else found
    texts = [COMPARISON]
    for number, (each, val) in enumerate(zip(found, other, strict=True)):
        place = each.contrast.hypothesis if not number else f"{each.contrast.hypothesis} ({number})"
        texts.append(comparison_line(place, each, val, results.split, corrected=bool(number)))
    title = f"**The comparisons of the plan: points of fine mIoU on {results.split}** (*measured here*)"
    note = "- The first is the primary endpoint and stands alone; p of the others is corrected over all 19 of them."
    if results.split == "val":
        note = "- Not tested: all choices were made here."
    return "\n".join([title, "", *markdown_rows(texts), "", note])


def comparison_line(place: str, each: Conclusion, val: Conclusion, split: str, corrected: bool) -> list[str]:
    """The cells of one comparison; what is missing is said, and on val nothing is tested."""
    line = [place, each.contrast.name]
    if not each.whole:
        return [*line, NOTHING, str(len(each.values)), NOTHING, NOTHING, missing(each)]
    line += [signed(mean_interval([*each.values.values()])) + differs_on_val(each, val), str(len(each.values))]
    if each.found is None:
        return [*line, NOTHING, NOTHING, missing(each)]
    if split == "val":
        return [*line, NOTHING, NOTHING, NOTHING]
    return [*line, p_value(each.found.p), p_value(each.found.adjusted) if corrected else NOTHING, str(each.verdict)]


def photographs_table(results: PairResults) -> str:
    """The comparisons on photographs, corrected together."""
    found = conclude_photographs(results)
    other = conclude_photographs(PairResults("val", results.root)) if results.split == "test" else found
    texts = [COMPARISON]
    for each, val in zip(found, other, strict=True):
        texts.append(comparison_line(each.contrast.hypothesis, each, val, results.split, corrected=True))
    title = f"**CamVid, ImageNet weights: points of fine mIoU on {results.split}** (*measured here*)"
    note = "- The first is the primary endpoint on photographs; p is corrected over all of the table (Holm)."
    if results.split == "val":
        note = "- Not tested: only test is."
    return "\n".join([title, "", *markdown_rows(texts), "", note])


def differs_on_val(conclusion: Conclusion, val: Conclusion) -> str:
    """The value on val where it has the other sign."""
    return pair_tables.other_sign(*(mean_interval([*each.values.values()]) for each in (conclusion, val)))


def recompute_text(results: PairResults) -> str:
    """Code that makes the primary interval from the files alone, and what our own makes of them."""
    code = RECOMPUTE.replace("{FOLDER}", FOLDERS[results.split]).replace("SPLIT", results.split)
    primary = conclude(results)[0]
    if primary.found is None:
        return f"```python\n{code}```\n\nThe primary endpoint is *{missing(primary)}*."
    low, high = ends(primary.found.interval)
    interval = f"{primary.found.interval.mean:+.2f} ± {high - primary.found.interval.mean:.2f}"
    return f"```python\n{code}```\n\nIt prints `{interval}`: from {minus(f'{low:+.2f} to {high:+.2f}')}."


def fields_table(path: Path) -> str:
    """What a feature sees, from the file of ``benchmarks/fields.py``.

    Raises:
        DataError: the file cannot be read.
    """
    try:
        found = read_json(path)
    except FileNotFoundError:
        return "*Not measured yet: `python benchmarks/fields.py --out results/fields.json`.*"
    texts = [
        ["base network", "weights", "image", "theoretical field", "of the image", "effective field", "of the image"]
    ]
    try:
        for row in found["fields"]:
            (height, width), (high, wide) = row["image"], row["theoretical"]
            numbers = [f"{wide} x {high}", f"{row['theoretical_percent']:.1f} %"]
            side = f"{row['effective']:.0f}"
            numbers += [f"{side} x {side}", f"{row['effective_percent']:.1f} %"]
            texts.append([row["network"], row["weights"], f"{width} x {height}", *numbers])
        note = str(found["note"])
    except (KeyError, TypeError, ValueError) as error:
        raise DamagedResult(f"{path}: not as benchmarks/fields.py writes it ({error!r}); make it anew") from error
    title = "**What one feature sees, in pixels and as a share of the image** (*measured here*, output stride 8)"
    end = (
        "- Theoretical: all pixels of the image that can change it. Effective: those whose gradient is above 4.55 % of "
        f"the largest, as a square of as many pixels (Luo et al., 2016). {note}."
    )
    return "\n".join([title, "", *markdown_rows(texts), "", end])


BLOCKS: dict[str, Callable[[PairResults], str]] = {
    "verdicts": verdict_lines,
    "comparisons": comparisons_table,
    "recompute": recompute_text,
    "parts": pair_tables.parts_table,
    "worlds": pair_tables.worlds_table,
    "oracles": pair_tables.oracles_table,
    "pairing": pair_tables.pairing_table,
    "power": pair_tables.power_table,
    "photographs": photographs_table,
}
