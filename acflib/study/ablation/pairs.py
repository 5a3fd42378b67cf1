"""The studies of when and why class centers help: pairs of rows that start from one trained base network.

A study is a world of Streets and a field of view of the tiny base, named WORLD-FIELD, such as "own-47"; with "-frozen"
the base network keeps its weights and only heads are trained. "base-WORLD-FIELD" trains the base networks, and comes
first by itself. "WORLD-FIELD-test" scores the trained networks on the test scenes; it is run once, at the end.
``docs/study-plan.md`` says which rows and seeds there are, and what is concluded from them.
"""

from dataclasses import dataclass, replace
from pathlib import Path

from acflib.engine.config import TrainConfig
from acflib.engine.presets import TINY
from acflib.layers.bases import TINY_FIELDS
from acflib.study.ablation.rows import Evaluation, Line, Row, Study, StudyData

BASE_ITERATIONS, BASE_LEARNING_RATE = 1600, 0.1
ROW_ITERATIONS, ROW_LEARNING_RATE = 800, 0.05
TEST_SCENES, TEST_SEED = 400, 20191027  # a seed of its own: scenes that nobody has looked at
FIELDS = tuple(TINY_FIELDS)
FIRST_SEED = 10
# What the plan runs, in its order: studies, rows, number of seeds. The Makefile's target "study" runs the same.
PLAN = (
    ("own-47 own-239", "self sum", 8),
    ("own-47", "baseline global psp concat center permuted detach", 8),
    ("turned-47 fixed-47", "self sum global center", 6),
    ("crowd-47", "self sum global center", 6),
    ("own-47", "oracle-centers oracle-presence oracle-appearance", 6),
    ("turned-239 fixed-239 own-111 turned-111 fixed-111", "self sum", 5),
    ("own-239", "global center", 5),
    ("own-47-frozen", "self global sum center permuted", 5),
)
PHOTOGRAPH_PLAN = ("photographs", "self sum psp", 3)  # the target "photographs" runs the same


@dataclass(frozen=True)
class World:
    """What an image of Streets looks like; the shapes are the same in all, but for the crowded one."""

    name: str
    palette: str
    crowded: bool = False


WORLDS = (
    World("fixed", "fixed"),  # the same palette in every image
    World("turned", "turned"),  # one turn of the hue for all classes
    World("own", "own"),  # each class draws its hue for each image: the Streets of the lessons
    World("crowd", "own", crowded=True),  # the same, and most classes in most images
)

VAL = (Evaluation("val", "val"), Evaluation("val_present", "val", presence=True))
CENTER_ORACLES = tuple(
    Evaluation(f"val_{oracle}{'_present' if presence else ''}", "val", oracle=oracle, presence=presence)
    for oracle in ("centers", "presence", "appearance")
    for presence in (False, True)
)
WITHOUT_ORACLE = (
    Evaluation("val_without_oracle", "val"),
    Evaluation("val_without_oracle_present", "val", presence=True),
)

BASE = Row("base", "base network", variant=None)
BASELINE = Row("baseline", "baseline", variant=None)
HEADS = (
    Row("self", "the pixel's own feature", "self"),
    Row("global", "global average", "global"),
    Row("psp", "pyramid pooling", "psp"),
    Row("sum", "ACF (sum)", "sum", extra=CENTER_ORACLES),
    Row("concat", "ACF (concat)", "concat", extra=CENTER_ORACLES),
    Row("center", "class center", "center", extra=CENTER_ORACLES),
    Row("permuted", "ACF (sum), centers of other classes", "permuted"),
    Row("detach", "ACF (sum), P detached", "sum", detach=True),
    Row("oracle-centers", "ACF (sum), true centers", oracle="centers", extra=WITHOUT_ORACLE),
    Row("oracle-presence", "ACF (sum), presence", oracle="presence", extra=WITHOUT_ORACLE),
    Row("oracle-appearance", "ACF (sum), appearance", oracle="appearance", extra=WITHOUT_ORACLE),
)
PAIRS = (
    ("sum", "self"),
    ("concat", "self"),
    ("center", "self"),
    ("global", "self"),
    ("psp", "self"),
    ("permuted", "self"),
    ("sum", "permuted"),
    ("sum", "global"),
    ("center", "global"),
    ("detach", "sum"),
    ("sum/val_present", "self/val_present"),
    ("center/val_present", "self/val_present"),
    ("global/val_present", "self/val_present"),
    ("sum/val_centers", "sum/val_presence"),
    ("oracle-centers", "oracle-presence"),
)


def planned_seeds(study: str, row: str) -> int:
    """How many seeds the plan has of a row of a study; 0 where it has none. The first is FIRST_SEED."""
    plan = (*PLAN, PHOTOGRAPH_PLAN)
    return sum(seeds for studies, rows, seeds in plan if study in studies.split() and row in rows.split())


def settings(field: int) -> TrainConfig:
    """The training of a base network of this field; everything is evaluated at the end."""
    return replace(
        TINY,
        model=replace(TINY.model, field=field),
        iterations=BASE_ITERATIONS,
        learning_rate=BASE_LEARNING_RATE,
        val_split="none",
        precision="float32",
        workers=0,
        tensorboard=False,
    )


def data_of(world: World) -> StudyData:
    """The scenes that networks are trained on, and those of val, on which all is chosen."""
    folder = f"data/streets-128x64-{world.name}"
    name = "streets-128x64" if world.name == "turned" else Path(folder).name  # as in the results of acflib 0.1
    counts = (("train", 200), ("val", 100), ("test", 100))  # its test is the old one, and not used here
    return StudyData(name, folder, True, 128, 64, counts, 0, world.palette, world.crowded)


def final_data_of(world: World) -> StudyData:
    """The scenes that are looked at once, when everything has been decided."""
    name = f"streets-128x64-{world.name}-study-test"
    counts = (("test", TEST_SCENES),)
    return StudyData(name, f"data/{name}", True, 128, 64, counts, TEST_SEED, world.palette, world.crowded)


def base_study(world: World, field: int) -> Study:
    """The base networks of a world and a field, one a seed."""
    name = f"base-{world.name}-{field}"
    return Study(
        name, f"Base networks, {world.name}, field {field}", data_of(world), f"results/study/{name}", settings(field),
        (BASE,), VAL, "val", "base", (Line("base"),), keep=True, runs=name,
    )  # fmt: skip


def row_study(world: World, field: int, frozen: bool) -> Study:
    """The rows of a world and a field, each started from the base network of its seed."""
    name = f"{world.name}-{field}{'-frozen' if frozen else ''}"
    base = replace(
        settings(field), iterations=ROW_ITERATIONS, learning_rate=ROW_LEARNING_RATE, freeze="base" if frozen else None
    )
    rows = HEADS if frozen else (BASELINE, *HEADS)  # nothing of the baseline is left to train where its base is frozen
    how = "heads alone trained" if frozen else "end to end"
    return Study(
        name, f"{world.name}, field {field}, {how}", data_of(world), f"results/study/{name}", base, rows, VAL, "val",
        "self" if frozen else "baseline", tuple(Line(row.name) for row in rows), PAIRS, start=base_study(world, field),
        keep=True, runs=name,
    )  # fmt: skip


def final_study(study: Study) -> Study:
    """The same rows on the test scenes: nothing is trained, each kept network is scored once."""
    world = next(world for world in WORLDS if data_of(world) == study.data)
    rows = tuple(replace(row, extra=tuple(at_test(e) for e in row.extra)) for row in study.rows)
    pairs = tuple((a.replace("/val", "/test"), b.replace("/val", "/test")) for a, b in study.pairs)
    return replace(
        study, name=f"{study.name}-test", title=f"{study.title}, test", data=final_data_of(world), rows=rows,
        results=f"results/study-test/{study.name}", evaluations=tuple(at_test(e) for e in study.evaluations),
        main="test", pairs=pairs, trained=study, runs=f"{study.name}-test",
    )  # fmt: skip


def at_test(evaluation: Evaluation) -> Evaluation:
    """The same evaluation on the test scenes."""
    return replace(evaluation, name=evaluation.name.replace("val", "test", 1), split="test")


BASE_STUDIES = tuple(base_study(world, field) for world in WORLDS for field in FIELDS)
ROW_STUDIES = tuple(row_study(world, field, frozen) for world in WORLDS for field in FIELDS for frozen in (False, True))
TEST_STUDIES = tuple(final_study(study) for study in ROW_STUDIES)
PAIR_STUDIES = (*BASE_STUDIES, *ROW_STUDIES, *TEST_STUDIES)
