"""What a study of the ablation is: rows that differ in one thing, on one data set, with one schedule.

A row changes the network, the loss or the oracle; everything else of a study is its ``base``. Rows of one seed start
from the same weights of the base network and see the same crops in the same order, so that they can be compared in
pairs.
"""

from dataclasses import dataclass, replace

from acflib.engine.config import TrainConfig
from acflib.errors import ConfigError
from acflib.predict.inference import InferenceConfig
from acflib.study.paper_tables import PaperRow


@dataclass(frozen=True)
class StudyData:
    """The data set of a study. Results of another one are never taken for it.

    Attributes:
        name: names the folders of its results and runs.
        folder: where it lies, unless ``--data`` says otherwise.
        generated: whether it is Streets, which is written when missing.
        width, height: of an image, in pixels.
        counts: (split, number of images).
        seed: of the generator.
        palette, crowded: of the generator.
    """

    name: str
    folder: str
    generated: bool
    width: int
    height: int
    counts: tuple[tuple[str, int], ...]
    seed: int = 0
    palette: str = "turned"
    crowded: bool = False


@dataclass(frozen=True)
class Evaluation:
    """One way to score a trained network; ``name`` is its key in a result file.

    ``presence``: each pixel chooses among the classes that occur in its image alone, as the labels tell.
    """

    name: str
    split: str
    inference: InferenceConfig = InferenceConfig()
    oracle: str = "none"
    presence: bool = False


@dataclass(frozen=True)
class Row:
    """One network of a study, by what distinguishes it from the study's ``base``.

    Attributes:
        name: also names its folder of results.
        title: for tables.
        variant, context, detach: of :class:`acflib.acfnet.ModelConfig`.
        bootstrap: online bootstrapping of the fine loss, K = 2.1 % of the batch's pixels.
        oracle: of :class:`acflib.engine.config.TrainConfig`, in training and in the study's own evaluations.
        extra: further evaluations of this row.
    """

    name: str
    title: str
    variant: str | None = "sum"
    context: str | None = None
    detach: bool = False
    bootstrap: bool = False
    oracle: str = "none"
    extra: tuple[Evaluation, ...] = ()


@dataclass(frozen=True)
class Line:
    """One line of a printed table: a row, scored by the study's main evaluation unless another one is named."""

    row: str
    title: str | None = None
    evaluation: str | None = None
    paper: PaperRow | None = None


@dataclass(frozen=True)
class Study:
    """Rows that are compared with each other.

    Attributes:
        name: for ``acflib ablate --study``.
        title: for tables.
        data: the data set.
        results: folder of the result files, unless ``--results`` says otherwise.
        base: the run that every row starts from; ``data``, ``out`` and ``seed`` are filled in.
        rows: what this study runs.
        evaluations: made of every row.
        main: name of the evaluation that tables show.
        baseline: the row that every line is compared with.
        lines: of the table.
        pairs: (a, b) for the differences a - b below the table; ROW, or ROW/EVALUATION.
        others: rows of another study on the same data and schedule, which lines or pairs show.
        note: what a reader of the table must know.
        start: the study whose row "base" is trained first; each row starts from the base network of its seed.
        trained: the study whose trained networks are scored here; nothing is trained then.
        keep: whether the checkpoints of finished runs stay, for another study to start from or to score.
        runs: folder of its runs below that of all runs; None: the name of the data.
    """

    name: str
    title: str
    data: StudyData
    results: str
    base: TrainConfig
    rows: tuple[Row, ...]
    evaluations: tuple[Evaluation, ...]
    main: str
    baseline: str
    lines: tuple[Line, ...]
    pairs: tuple[tuple[str, str], ...] = ()
    others: tuple[Row, ...] = ()
    note: str = ""
    start: "Study | None" = None
    trained: "Study | None" = None
    keep: bool = False
    runs: str | None = None

    def row(self, name: str) -> Row:
        """The row of that name, run or shown here.

        Raises:
            ConfigError: there is none.
        """
        for row in (*self.rows, *self.others):
            if row.name == name:
                return row
        known = ", ".join(row.name for row in self.rows)
        raise ConfigError(f"there is no row {name!r} in the study {self.name}; its rows are {known}")


def config_of(study: Study, row: Row, seed: int) -> TrainConfig:
    """The training run of one row and seed; ``data`` and ``out`` are still to be filled in."""
    base = study.base
    return replace(
        base,
        seed=seed,
        oracle=row.oracle,
        model=replace(base.model, variant=row.variant, context=row.context, detach=row.detach),
        loss=replace(base.loss, bootstrap=row.bootstrap),
    )


def evaluations_of(study: Study, row: Row) -> tuple[Evaluation, ...]:
    """All evaluations of a row. A row trained with an oracle keeps it where the study itself evaluates."""
    return (*(replace(e, oracle=row.oracle) for e in study.evaluations), *row.extra)


def wants_corrections(study: Study, row: Row) -> bool:
    """Whether to count where fine corrects coarse: at full size, without an oracle, where there is a coarse result."""
    main = next(e for e in study.evaluations if e.name == study.main)
    return row.variant is not None and row.oracle == "none" and main.inference == InferenceConfig()
