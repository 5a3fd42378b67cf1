"""The studies of the ablation as plain data: which rows, on which data, on which schedule."""

from dataclasses import replace

from acflib.acfnet import ModelConfig
from acflib.engine.config import TrainConfig
from acflib.engine.presets import TINY
from acflib.errors import ConfigError
from acflib.layers.bases import FIRST_TINY_FIELD
from acflib.losses import LossConfig
from acflib.predict.inference import PAPER_SCALES, InferenceConfig
from acflib.study.ablation.pairs import FIELDS, PAIR_STUDIES, WORLDS
from acflib.study.ablation.photographs import PHOTOGRAPH_STUDIES
from acflib.study.ablation.rows import Evaluation, Line, Row, Study, StudyData
from acflib.study.paper_tables import TABLE_1, TABLE_2

# The schedules. They were chosen on the baseline and on val, before any other row was run on test.
STREETS_ITERATIONS = TINY.iterations
STREETS_LEARNING_RATE = TINY.learning_rate
CAMVID_ITERATIONS = 400
CAMVID_LEARNING_RATE = 0.03
BOOTSTRAP_SHARE = 0.021  # K = 100,000 of the paper's 8 crops of 769 x 769 (section 4.4)

STREETS_DATA = StudyData(
    "streets-128x64", "data/streets-128x64-turned", True, 128, 64, (("train", 200), ("val", 100), ("test", 100))
)
STREETS = replace(
    TINY,
    model=replace(TINY.model, field=FIRST_TINY_FIELD),  # these runs are older than the narrow one
    iterations=STREETS_ITERATIONS,
    learning_rate=STREETS_LEARNING_RATE,
    loss=LossConfig(bootstrap_keep=BOOTSTRAP_SHARE),
    val_split="none",  # every evaluation is made at the end
    precision="float32",
    workers=0,
    tensorboard=False,
)
CAMVID_DATA = StudyData("camvid", "data/camvid", False, 480, 360, (("train", 367), ("val", 101)))
CAMVID = TrainConfig(
    model=ModelConfig(backbone="resnet18", num_classes=11, channels=256, align_corners=False, weights=None),
    loss=LossConfig(bootstrap_keep=BOOTSTRAP_SHARE),
    crop_size=(96, 128),
    scale_range=(0.27, 0.54),
    batch_size=8,
    iterations=CAMVID_ITERATIONS,
    learning_rate=CAMVID_LEARNING_RATE,
    val_split="none",
    precision="float32",
    workers=0,
    eval_batch_size=8,
    tensorboard=False,
)

VAL_AND_TEST = (Evaluation("val", "val"), Evaluation("test", "test"))
ORACLES_AT_TEST = tuple(
    Evaluation(f"test_oracle_{oracle}", "test", oracle=oracle) for oracle in ("centers", "attention", "both")
)
MS_FLIP = Evaluation("test_ms_flip", "test", InferenceConfig(scales=PAPER_SCALES, flip=True))
WITHOUT_ORACLE = Evaluation("test_without_oracle", "test")
SMALL = Evaluation("val", "val", InferenceConfig(scales=(0.4,)))

BASELINE = Row("baseline", "baseline", variant=None)
CENTER = Row("center", "+ class center", "center")
CONCAT = Row("concat", "+ ACF (concat)", "concat")
SUM = Row("sum", "+ ACF (sum)", "sum", extra=ORACLES_AT_TEST)
SELF = Row("self", "control (a): the pixel's own feature", "self")
PAPER_1 = dict(zip(("baseline", "center", "concat", "sum"), TABLE_1, strict=True))

TABLE1 = Study(
    "table1",
    "Table 1 on Streets",
    STREETS_DATA,
    "results/streets",
    STREETS,
    (BASELINE, CENTER, CONCAT, SUM),
    VAL_AND_TEST,
    "test",
    "baseline",
    (*(Line(name, paper=paper) for name, paper in PAPER_1.items()), Line("self")),
    (("sum", "baseline"), ("sum", "self"), ("concat", "sum"), ("sum", "center")),
    (SELF,),
)
TABLE2 = Study(
    "table2",
    "Table 2 on Streets",
    STREETS_DATA,
    "results/streets",
    STREETS,
    (
        Row("aspp", "ASPP baseline", None, "aspp"),
        Row("aspp-acf", "ASPP + ACF", "sum", "aspp", extra=(MS_FLIP,)),
        Row("aspp-acf-ob", "ASPP + ACF + bootstrapping", "sum", "aspp", bootstrap=True),
    ),
    VAL_AND_TEST,
    "test",
    "aspp",
    (
        Line("aspp", paper=TABLE_2[0]),
        Line("aspp-acf", paper=TABLE_2[1]),
        Line("aspp-acf-ob", paper=TABLE_2[2]),
        Line("aspp-acf", "ASPP + ACF + MS/Flip", "test_ms_flip", TABLE_2[3]),
    ),
    (("aspp-acf", "aspp"), ("aspp-acf-ob", "aspp-acf"), ("aspp-acf/test_ms_flip", "aspp-acf")),
)
CONTROLS = Study(
    "controls",
    "Controls on Streets",
    STREETS_DATA,
    "results/streets",
    STREETS,
    (
        SELF,
        Row("global", "control (b): global average", "global"),
        Row("psp", "control (b): pyramid pooling", "psp"),
        Row("detach", "control (d): ACF (sum), P detached", "sum", detach=True),
        Row("oracle-centers", "control (c): true centers, in training too", oracle="centers", extra=(WITHOUT_ORACLE,)),
        Row(
            "oracle-attention",
            "control (c): true attention, in training too",
            oracle="attention",
            extra=(WITHOUT_ORACLE,),
        ),
    ),
    VAL_AND_TEST,
    "test",
    "baseline",
    (
        Line("baseline"),
        Line("sum"),
        Line("self"),
        Line("global"),
        Line("psp"),
        Line("detach"),
        Line("sum", "control (c): sum, true centers at test", "test_oracle_centers"),
        Line("sum", "control (c): sum, true attention at test", "test_oracle_attention"),
        Line("sum", "control (c): sum, both at test", "test_oracle_both"),
        Line("oracle-centers"),
        Line("oracle-attention"),
    ),
    (
        ("sum", "self"),
        ("sum", "global"),
        ("sum", "psp"),
        ("detach", "sum"),
        ("sum/test_oracle_centers", "sum"),
        ("sum/test_oracle_attention", "sum"),
        ("sum/test_oracle_both", "sum"),
    ),
    (BASELINE, SUM),
)
PHOTOGRAPHS = Study(
    "camvid",
    "Table 1 and control (a) on CamVid",
    CAMVID_DATA,
    "results/camvid",
    CAMVID,
    (BASELINE, CENTER, CONCAT, replace(SUM, extra=()), SELF),
    (SMALL,),
    "val",
    "baseline",
    (*(Line(name, paper=paper) for name, paper in PAPER_1.items()), Line("self")),
    (("sum", "baseline"), ("sum", "self"), ("concat", "sum"), ("sum", "center")),
    note="CamVid's val is 101 frames, every second one, of a short stretch of one drive (0016E5), and train has frames "
    "of that drive before and after it: scores on val say little about other streets.",
)
PAIR_NAMES = {study.name for study in PAIR_STUDIES}
STUDIES = {study.name: study for study in (TABLE1, TABLE2, CONTROLS, PHOTOGRAPHS, *PHOTOGRAPH_STUDIES, *PAIR_STUDIES)}


def find_study(name: str) -> Study:
    """The study of that name.

    Raises:
        ConfigError: there is none.
    """
    if name not in STUDIES:
        own = [study for study in STUDIES if study not in PAIR_NAMES]
        raise ConfigError(
            f"there is no study {name!r}; the studies are {', '.join(own)}, and WORLD-FIELD such as own-47, of "
            f"{', '.join(world.name for world in WORLDS)} and {', '.join(map(str, FIELDS))}, also with -frozen or -test"
        )
    return STUDIES[name]
