"""The tables of the ablation: means over seeds, intervals and paired differences, beside the paper's numbers."""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

from acflib.errors import ConfigError
from acflib.study.ablation.results import Loaded, RunResult
from acflib.study.ablation.rows import Line, Study
from acflib.study.ablation.stats import Interval, mean_interval, paired_difference
from acflib.study.paper_tables import PaperRow

NOTHING = "-"
EXPLANATION = (
    "Mean over the seeds ± half of the 95 % confidence interval (Student's t). Differences are taken seed by seed: "
    "same initial base network, same crops."
)
PAPER_NOTE = (
    "*paper*: ResNet-101 on Cityscapes val; in brackets the gain over its baseline. Other images and a larger network: "
    "signs and order can be compared, numbers cannot."
)


@dataclass(frozen=True)
class TableRow:
    """One line of a table; scores in percent."""

    title: str
    seeds: tuple[int, ...]
    fine: Interval | None
    coarse: Interval | None  # None without a coarse result
    gain: Interval | None  # fine - fine of the study's baseline, in pairs; None for the baseline itself
    correction: Interval | None  # fine - coarse of the same network, in pairs
    paper: PaperRow | None


@dataclass(frozen=True)
class Difference:
    """A paired difference of two fine scores, a - b."""

    a: str
    b: str
    interval: Interval | None


@dataclass(frozen=True)
class Table:
    """Everything that a printed table tells."""

    title: str
    baseline: str
    rows: tuple[TableRow, ...]
    differences: tuple[Difference, ...]
    paper_baseline: float | None
    notes: tuple[str, ...]


def scores(runs: dict[int, RunResult], evaluation: str, output: str = "fine") -> dict[int, float]:
    """Seed -> mIoU of one row, in percent; no entry where there is no such evaluation or output."""
    key = f"miou_{output}"
    return {s: r.evaluations[evaluation][key] for s, r in runs.items() if key in r.evaluations.get(evaluation, {})}


def make_table(study: Study, loaded: Loaded, evaluation: str | None = None) -> Table:
    """The table of a study.

    Args:
        study: which lines, which differences.
        loaded: from :func:`acflib.study.ablation.results.load_results`.
        evaluation: shown instead of the study's main one; lines with an evaluation of their own keep it.

    Raises:
        ConfigError: no such evaluation.
    """
    main = evaluation or study.main
    known = [e.name for e in study.evaluations]
    if main not in known:
        raise ConfigError(f"the study {study.name} has no evaluation {main!r} of every row; it has {', '.join(known)}")
    # Lines and pairs with evaluations of their own belong to the main one.
    own = main != study.main
    lines = [line for line in study.lines if not (own and line.evaluation)]
    pairs = [pair for pair in study.pairs if not (own and any("/" in name for name in pair))]
    paper = [line.paper for line in study.lines if line.row == study.baseline and line.paper]
    return Table(
        f"{study.title}: mIoU in % on {main}",
        study.baseline,
        tuple(make_row(study, loaded, line, main) for line in lines),
        tuple(make_difference(loaded, pair, main) for pair in pairs),
        paper[0].fine if paper else None,
        tuple(note for note in (EXPLANATION, PAPER_NOTE if paper else "", study.note, provenance(loaded)) if note),
    )


def make_row(study: Study, loaded: Loaded, line: Line, main: str) -> TableRow:
    """One line of the table of a study."""
    runs, evaluation = loaded.runs[line.row], line.evaluation or main
    fine, coarse = scores(runs, evaluation), scores(runs, evaluation, "coarse")
    is_baseline = line.row == study.baseline and evaluation == main
    return TableRow(
        line.title or study.row(line.row).title,
        tuple(sorted(fine)),
        mean_interval([*fine.values()]),
        mean_interval([*coarse.values()]),
        None if is_baseline else paired_difference(fine, scores(loaded.runs[study.baseline], main)),
        paired_difference(fine, coarse),
        line.paper,
    )


def make_difference(loaded: Loaded, pair: tuple[str, str], main: str) -> Difference:
    """a - b of two fine scores, each named ROW or ROW/EVALUATION."""
    a, b = (scores(loaded.runs[name.partition("/")[0]], name.partition("/")[2] or main) for name in pair)
    return Difference(*pair, paired_difference(a, b))


def provenance(loaded: Loaded) -> str:
    """On what the results were measured, with which versions, and how long a run was."""
    contents = [run.content for runs in loaded.runs.values() for run in runs.values()]
    if not contents:
        return ""
    machines = [c["machine"] for c in contents]
    devices = {
        m["cpu"] if c["config"]["device"] == "cpu" else m["gpu"] for c, m in zip(contents, machines, strict=True)
    }
    parts = [_some(devices), f"torch {_some({m['torch'] for m in machines})}"]
    parts += [f"{_some({str(c['iterations']) for c in contents})} iterations a run"]
    parts += [f"{median(c['seconds']['training'] for c in contents):.0f} s of training a run (median)"]
    parts += [f"commit {_some({m['commit'] for m in machines})}"]
    return f"*measured here* (all columns without *paper*): {len(contents)} runs, {', '.join(parts)}."


def _some(names: set) -> str:
    return " / ".join(sorted(str(name) for name in names))


def signed(interval: Interval | None) -> str:
    """A difference, such as "+1.52 ± 0.80"."""
    return NOTHING if interval is None else f"{interval.mean:+.2f}{_half(interval)}"


def unsigned(interval: Interval | None) -> str:
    """A score, such as "72.34 ± 0.61"."""
    return NOTHING if interval is None else f"{interval.mean:.2f}{_half(interval)}"


def _half(interval: Interval) -> str:
    return " (one seed)" if interval.half is None else f" ± {interval.half:.2f}"


def sign_of(interval: Interval | None) -> str:
    """What the interval says about the sign of a difference."""
    if interval is None:
        return "no pair of runs"
    if interval.half is None:
        return "one seed: no interval"
    if not interval.excludes_zero:
        return f"{interval.n} seeds: around 0"
    return f"{interval.n} seeds: {'above' if interval.mean > 0 else 'below'} 0"


def cells(table: Table) -> list[list[str]]:
    """Heading and lines of a table as texts."""
    heading = ["row", "seeds", "fine", "coarse", f"fine - {table.baseline}", "fine - coarse"]
    paper = any(row.paper for row in table.rows)
    heading += ["paper: coarse", "paper: fine"] if paper else []
    found = [heading]
    for row in table.rows:
        line = [row.title, str(len(row.seeds)), unsigned(row.fine), unsigned(row.coarse)]
        line += [signed(row.gain), signed(row.correction)]
        found.append(line + (paper_cells(row.paper, table.paper_baseline) if paper else []))
    return found


def paper_cells(row: PaperRow | None, baseline: float | None) -> list[str]:
    """The paper's coarse and fine score, the gain over its baseline in brackets."""
    if row is None:
        return [NOTHING, NOTHING]
    gain = f" ({row.fine - baseline:+.2f})" if baseline is not None and row.fine != baseline else ""
    return [NOTHING if row.coarse is None else f"{row.coarse:.2f}", f"{row.fine:.2f}{gain}"]


def as_text(table: Table) -> str:
    """A table to print."""
    lines = [table.title, "", *aligned(cells(table))]
    if table.differences:
        lines += ["", "differences of fine, in pairs, and where their interval lies:"]
        texts = [[f"{d.a} - {d.b}", signed(d.interval), sign_of(d.interval)] for d in table.differences]
        lines += aligned(texts)
    return "\n".join([*lines, "", *(note.replace("*", "") for note in table.notes)])


def as_markdown(table: Table) -> str:
    """The same in Markdown."""
    lines = [f"**{table.title}**", "", *markdown_rows(cells(table))]
    if table.differences:
        heading = ["difference of fine, in pairs", "mean ± 95 %", "its interval"]
        texts = [[f"{d.a} - {d.b}", signed(d.interval), sign_of(d.interval)] for d in table.differences]
        lines += ["", *markdown_rows([heading, *texts])]
    return "\n".join([*lines, "", *(f"- {note}" for note in table.notes)])


def aligned(texts: Sequence[Sequence[str]]) -> list[str]:
    """Lines with columns of equal width, the first one to the left, the others to the right."""
    widths = [max(len(line[i]) for line in texts) for i in range(len(texts[0]))]
    return [
        "  ".join([line[0].ljust(widths[0]), *(cell.rjust(w) for cell, w in zip(line[1:], widths[1:], strict=True))])
        for line in texts
    ]


def markdown_rows(texts: Sequence[Sequence[str]]) -> list[str]:
    """A table of Markdown, the first line its heading. Minus signs and columns of numbers look right."""
    heading, *rows = [[cell.replace(" - ", " − ").replace("|", "\\|") for cell in line] for line in texts]
    rows = [[cell.replace("-", "−") if cell[:1] == "-" and cell != NOTHING else cell for cell in row] for row in rows]
    rule = ["---", *["---:"] * (len(heading) - 1)]
    return [f"| {' | '.join(line)} |" for line in (heading, rule, *rows)]
