"""The model card of a shared network."""

import pytest
import yaml

from acflib.errors import ConfigError
from acflib.predict.pretrained import load_pretrained
from acflib.predict.sharing import save_pretrained
from tests.predict.conftest import SCORES, TOLD


def test_card_carries_scores_data_and_license(folder):
    text = (folder / "README.md").read_text()
    _, header, body = text.split("---\n", 2)
    meta = yaml.safe_load(header)
    assert (meta["license"], meta["library_name"]) == ("apache-2.0", "acflib")
    assert meta["pipeline_tag"] == "image-segmentation"
    (result,) = meta["model-index"][0]["results"]
    assert meta["model-index"][0]["name"] == "my-network"
    assert result["dataset"] == {"name": "Streets 64x32", "type": "streets-64x32", "split": "val"}
    assert [(m["type"], m["value"]) for m in result["metrics"]] == [("mean_iou", 70.83), ("mean_iou", 100.0)]
    assert "| IoU in % | val, fine | val, coarse |" in body and "| **mean** | **70.83** | **100.00** |" in body
    assert "**Mine.**" in body and "Streets 64x32 (seed: 0)" in body and "`acflib train`" in body
    assert 'acflib.load_pretrained("my-network")' in body


def test_card_is_read_by_huggingface_hub(folder):
    hub = pytest.importorskip("huggingface_hub", reason="huggingface_hub is not installed: pip install acflib[hub]")
    card = hub.ModelCard.load(folder / "README.md")
    assert card.data.license == "apache-2.0" and card.data.library_name == "acflib"
    found = {(e.dataset_split, e.metric_name): e.metric_value for e in card.data.eval_results}
    assert found == {("val", "mIoU in %, fine"): 70.83, ("val", "mIoU in %, coarse"): 100.0}


@pytest.mark.parametrize(
    ("inference", "how"),
    [
        ({"scales": [1.0], "flip": False, "window": None}, ""),
        ({"scales": [0.75, 1.0], "flip": True, "window": [769, 769]}, " (2 scales, flip, window 769 x 769)"),
        ({"scales": [0.5], "flip": False, "window": None}, " (scale 0.5)"),
    ],
)
def test_card_says_how_images_were_segmented(run, tmp_path, inference, how):
    metrics = {"val": SCORES.as_dict() | {"inference": inference}}
    folder = save_pretrained(load_pretrained(run), tmp_path / "x", **TOLD | {"metrics": metrics})
    text = (folder / "README.md").read_text()
    assert f"| val, fine{how} | val, coarse{how} |" in text and f'"mIoU in %, fine{how}"' in text


def test_without_scores_the_card_says_so(run, tmp_path):
    model = load_pretrained(run)
    folder = save_pretrained(model, tmp_path / "x", license="other", data="Mine", metrics={})
    text = (folder / "README.md").read_text()
    assert "No scores were given" in text and "model-index" not in text


def test_card_follows_new_weights_but_no_readme_of_yours_is_lost(folder, run, tmp_path):
    model = load_pretrained(run)
    save_pretrained(model, folder, **TOLD | {"license": "mit"})
    assert 'license: "mit"' in (folder / "README.md").read_text()
    (folder / "README.md").write_text("# My project\n")
    with pytest.raises(ConfigError, match="README.md: is no model card of acflib and would be lost"):
        save_pretrained(model, folder, **TOLD)
    assert (folder / "README.md").read_text() == "# My project\n"
