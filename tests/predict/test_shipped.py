"""The pretrained weights that come with acflib: how many and how large, how they were made, and what they reach."""

from pathlib import Path

import pytest

from acflib.datasets import open_dataset
from acflib.datasets.streets import GENERATOR_VERSION, write_streets
from acflib.predict import pretrained
from acflib.predict.evaluation import evaluate
from acflib.predict.pretrained import available, load_pretrained, pretrained_info

SHIPPED = Path(__file__).resolve().parents[2] / "data" / "weights"
MAX_BYTES = 6_000_000
SHIPPED_NAMES = ("streets-acf-sum", "streets-baseline", "streets-global", "streets-self")


def test_a_clone_has_the_weights_of_the_lessons():
    assert pretrained.weights_folder() == SHIPPED
    assert available() == SHIPPED_NAMES
    for name in available():
        assert (SHIPPED / f"{name}.safetensors").stat().st_size <= MAX_BYTES
        assert load_pretrained(name).num_classes == 19
    assert load_pretrained("streets-baseline").acf is None
    assert load_pretrained("streets-acf-sum").acf is not None


def test_shipped_weights_belong_to_this_generator_and_to_one_schedule():
    baseline, acf = (pretrained_info(name) for name in ("streets-baseline", "streets-acf-sum"))
    assert baseline["training"] == acf["training"] and baseline["data"] == acf["data"]
    assert baseline["model"] | {"variant": "sum"} == acf["model"] and baseline["model"]["variant"] is None
    assert (acf["data"]["width"], acf["data"]["height"], acf["data"]["generator"]) == (256, 128, GENERATOR_VERSION)
    assert (acf["data"]["palette"], acf["model"]["field"]) == ("own", 47)
    for info in map(pretrained_info, SHIPPED_NAMES):
        assert info["training"] == acf["training"] and info["data"] == acf["data"]
        assert info["position"] == info["training"]["iterations"]
        assert info["command"].startswith(f"python tools/train_weights.py {info['name']} ")
        assert info["metrics"].keys() == {"val", "test"} and info["machine"]["commit"]


@pytest.mark.slow
def test_shipped_weights_reach_the_scores_of_their_sidecar(tmp_path):
    """On val scenes drawn anew. Another processor may round a few pixels to another class, hence the tolerance."""
    write_streets(tmp_path / "streets", 256, 128, train=0, val=100, test=0, progress=False)
    dataset = open_dataset(tmp_path / "streets", "val")
    for name in SHIPPED_NAMES:
        found = evaluate(load_pretrained(name), dataset, batch_size=20, progress=False).as_dict()
        expected = pretrained_info(name)["metrics"]["val"]
        assert found["miou_fine"] == pytest.approx(expected["miou_fine"], abs=0.05)
