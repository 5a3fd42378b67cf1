"""The tables inside RESULTS.md, made from the results: between ``<!-- table:NAME -->`` and ``<!-- end -->``.

The names: ``STUDY`` or ``STUDY/EVALUATION`` (a table), ``headline`` (two sentences), ``classes:STUDY`` (IoU by class),
``corrections:ROW`` (where fine corrects coarse, by class and by confidence), ``within`` (fine - coarse); those of the
study of class centers stand in ``pair_blocks``.
"""

import re
from functools import reduce
from operator import add
from pathlib import Path

from acflib.engine.files import write_whole
from acflib.errors import ConfigError, DataError
from acflib.study.ablation.results import Loaded, load_sound
from acflib.study.ablation.rows import Study
from acflib.study.ablation.stats import MANY_SEEDS, Interval, mean_interval, paired_difference
from acflib.study.ablation.studies import STUDIES, find_study
from acflib.study.ablation.table import (
    NOTHING,
    as_markdown,
    make_difference,
    make_table,
    markdown_rows,
    scores,
    sign_of,
    signed,
)

OF_PAIRS = (
    "verdicts", "comparisons", "recompute", "rows", "parts", "worlds", "oracles", "pairing", "power", "fields",
    "photographs",
)  # fmt: skip
BLOCK = re.compile(r"(<!-- table:(\S+) -->\n)(.*?)(<!-- end -->)", re.DOTALL)
HEADLINES = (
    (("sum", "baseline"), "what ACF(sum) adds to the base network"),
    (("sum", "self"), "what the class centers add to a head of the same size"),
)


def write_tables(path: str | Path, root: str | Path = ".") -> bool:
    """Make all blocks of a Markdown file anew.

    Args:
        path: the file.
        root: folder that holds ``results/``.

    Returns:
        Whether the file changed.

    Raises:
        DataError: the file is missing, has no markers or damaged ones, or a result file cannot be used.
        ConfigError: a name in a marker is unknown.
    """
    path = Path(path)
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, ValueError) as error:
        raise DataError(f"{path}: cannot be read ({error})") from error
    try:
        new = fill_blocks(text, root)
    except ConfigError as error:
        raise ConfigError(f"{path}: {error}") from error
    except DataError as error:
        raise DataError(f"{path}: {error}") from error
    if new != text:
        write_whole(path, new.encode())
    return new != text


def fill_blocks(text: str, root: str | Path = ".") -> str:
    """A Markdown text with its blocks made anew from the results; nothing else is changed.

    Raises:
        DataError: no markers, a marker without its end, or a result file that cannot be used.
        ConfigError: an unknown name.
    """
    starts, ends = len(re.findall(r"<!-- table:", text)), len(re.findall(r"<!-- end -->", text))
    found = [(match[2], match[3]) for match in BLOCK.finditer(text)]
    if not starts or not starts == ends == len(found) or any("<!-- table:" in body for _, body in found):
        raise DataError(
            f"{starts} markers <!-- table:NAME --> and {ends} markers <!-- end -->: give each table one of both, "
            "each on its own line"
        )
    return BLOCK.sub(lambda match: f"{match[1]}\n{block(match[2], root)}\n\n{match[4]}", text)


def block(name: str, root: str | Path = ".") -> str:
    """The Markdown of one block; see the top of this file for the names.

    Raises:
        DataError: there are no results, or one cannot be used.
        ConfigError: an unknown name.
    """
    if name == "headline":
        return headline(load_sound(STUDIES["table1"], root))
    if name == "within":
        return within(load_sound(STUDIES["table1"], root))
    kind, _, rest = name.partition(":")
    if kind == "classes":
        study = find_study(rest)
        return classes_table(study, load_sound(study, root))
    if kind == "corrections":
        return corrections_text(rest, root)
    if kind in OF_PAIRS:
        from acflib.study.ablation.pair_blocks import pair_block  # needs scipy

        return pair_block(kind, rest, root)
    study_name, _, evaluation = name.partition("/")
    study = find_study(study_name)
    return as_markdown(make_table(study, load_sound(study, root), evaluation or None))


def headline(loaded: Loaded) -> str:
    """The two differences that matter, on Streets test."""
    lines = []
    for pair, meaning in HEADLINES:
        difference = make_difference(loaded, pair, STUDIES["table1"].main)
        name = f"{difference.a}(fine) − {difference.b}(fine)".replace("sum", "ACF(sum)").replace("self", "control (a)")
        shown = signed(difference.interval).replace("-", "−")
        says = interval_says(difference.interval)
        lines.append(f"- {name} = **{shown}** points of mIoU on test, {meaning} (*measured here*, {says}).")
    return "\n".join(lines)


def within(loaded: Loaded) -> str:
    """fine - coarse inside one trained network, and how much more of it ACF(sum) has than control (a)."""
    main = STUDIES["table1"].main
    gains = {}
    for row in ("sum", "self"):
        fine, coarse = scores(loaded.runs[row], main), scores(loaded.runs[row], main, "coarse")
        gains[row] = {seed: fine[seed] - coarse[seed] for seed in fine}
    found = [mean_interval([*gains["sum"].values()]), mean_interval([*gains["self"].values()])]
    found.append(paired_difference(gains["sum"], gains["self"]))
    names = ("inside ACF(sum)", "inside control (a)", "the first − the second, seed by seed")
    return "\n".join(
        f"- fine − coarse {name}: **{signed(each).replace('-', '−')}** ({interval_says(each)})"
        for name, each in zip(names, found, strict=True)
    )


def interval_says(found: Interval | None) -> str:
    """How many seeds, and whether the interval holds 0."""
    if found is None or found.half is None:
        return sign_of(found)
    return f"{found.n} seeds; the 95 % interval " + ("excludes 0" if found.excludes_zero else too_few(found))


def too_few(found: Interval) -> str:
    """What is said of an interval that holds 0: how many seeds would tell it from 0 half the time."""
    needed = f"about {found.seeds_needed}" if found.seeds_needed else f"more than {MANY_SEEDS}"
    return f"does not exclude 0; with this spread {needed} seeds would tell one of this size from 0 half the time"


def classes_table(study: Study, loaded: Loaded) -> str:
    """Mean fine IoU by class of every row of a study, and the paired difference sum - baseline where both are there."""
    names = [line.row for line in study.lines if line.evaluation is None and loaded.runs[line.row]]
    if not names:
        raise DataError(f"there are no results of {study.name} yet")
    titles = [study.row(name).title for name in names]
    pair = ("sum", study.baseline) if {"sum", study.baseline} <= set(names) else None
    texts = [["class", *titles, *([f"{pair[0]} - {pair[1]}"] if pair else [])]]
    ious = {
        name: {seed: r.evaluations[study.main]["iou_fine"] for seed, r in loaded.runs[name].items()} for name in names
    }
    for label in next(iter(ious[names[0]].values())):
        values = {name: {s: iou[label] for s, iou in ious[name].items() if iou[label] is not None} for name in names}
        means = [mean_interval([*values[name].values()]) for name in names]
        line = [label, *(NOTHING if mean is None else f"{mean.mean:.1f}" for mean in means)]
        texts.append(line + ([signed(paired_difference(values[pair[0]], values[pair[1]]))] if pair else []))
    title = f"**{study.title}: fine IoU in % by class on {study.main}, mean over the seeds** (*measured here*)"
    return "\n".join([title, "", *markdown_rows(texts)])


def corrections_text(row: str, root: str | Path) -> str:
    """Where fine corrects coarse, counted over all seeds of a row of Streets."""
    study = next((s for s in STUDIES.values() if row in [r.name for r in s.rows]), None)
    if study is None:
        raise ConfigError(f"there is no row {row!r} in any study")
    found = [run.corrections for run in load_sound(study, root).runs[row].values() if run.corrections is not None]
    if not found:
        raise DataError(f"there are no corrections of the row {row} in {study.results}")
    title = f"**{row}: pixels of {study.data.name} {study.main} by true class, and by the confidence of coarse**"
    return "\n".join(
        [f"{title} (*measured here*, {len(found)} seeds added)", "", "```", reduce(add, found).table(), "```"]
    )
