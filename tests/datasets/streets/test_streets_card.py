"""What is in Streets: the counts in results/streets.json, their likeness to Cityscapes, and data/streets.md."""

import hashlib
import json
import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from scipy.stats import spearmanr

from acflib.datasets import Streets
from acflib.datasets.labels import CITYSCAPES_CLASSES, CITYSCAPES_COLORS
from acflib.datasets.streets import GENERATOR_VERSION, render_street
from acflib.datasets.streets.plan import Dice
from acflib.datasets.streets.weather import WEATHERS, draw_weather
from tools import streets_card

ROOT = Path(__file__).resolve().parents[3]
CARD = json.loads((ROOT / "results" / "streets.json").read_text())
# The other list of class weights that ERFNet was published with, for its encoder: w = 1 / ln(1.20 + p), where p was
# counted on labels of an eighth of the size.
ENCODER_WEIGHTS = (
    2.3653597831726, 4.4237880706787, 2.9691488742828, 5.3442072868347, 5.2983593940735, 5.2275490760803,
    5.4394111633301, 5.3659925460815, 3.4170460700989, 5.2414722442627, 4.7376127243042, 5.2286224365234,
    5.455126285553, 4.3019247055054, 5.4264230728149, 5.4331531524658, 5.433765411377, 5.4631009101868,
    5.3947434425354,
)  # fmt: skip


PIXELS = {name: np.array(list(split["pixels"].values())) for name, split in CARD["splits"].items()}  # (19,) each


def pixels_by_scene(streets: Path, split: str) -> np.ndarray:
    """Pixels of each value in each scene: (scenes, 256)."""
    dataset = Streets(streets, split)
    labels = [dataset.load_labels(index).reshape(-1) for index in range(len(dataset))]  # (H, W) to (H * W,)
    return np.array([np.bincount(scene, minlength=256) for scene in labels])


def test_the_card_holds_what_is_in_train(streets):
    check_card(streets, "train")


@pytest.mark.slow
@pytest.mark.parametrize("split", ["val", "test"])
def test_the_card_holds_what_is_in_the_set(all_streets, split):
    check_card(all_streets, split)


def check_card(streets: Path, split: str) -> None:
    card, found = CARD["splits"][split], pixels_by_scene(streets, split)
    assert CARD["generator"] == GENERATOR_VERSION and card["scenes"] == len(found)
    assert list(card["pixels"].items()) == list(zip(CITYSCAPES_CLASSES, found[:, :19].sum(axis=0), strict=True))
    present = (found[:, :19] >= 20).sum(axis=0)
    assert list(card["scenes_with_20_pixels"].values()) == present.tolist()
    assert card["ignored_pixels"] == found[:, 255].sum()
    assert found.sum() == card["scenes"] * 128 * 64
    checksum, folder = hashlib.sha256(), streets / "gtFine" / split
    for path in sorted(folder.rglob("*_labelIds.png"), key=lambda path: path.name.split("_")[1]):
        checksum.update(np.array(Image.open(path)).tobytes())
    assert checksum.hexdigest() == card["sha256_of_label_maps"]
    assert sum(card["weathers"].values()) == card["scenes"] and list(card["weathers"]) == list(WEATHERS)


def test_weathers_of_the_card():
    drawn = [render_street((0, 2, k), 64, 32).weather for k in range(100)]
    assert {name: drawn.count(name) for name in WEATHERS} == CARD["splits"]["test"]["weathers"]


def test_frequencies_are_like_those_of_cityscapes():
    """The same order, but for neighbors; every share between 0.8 and 2 times that of Cityscapes."""
    pixels = sum(PIXELS.values())
    share, cityscapes = 100 * pixels / pixels.sum(), streets_card.cityscapes_share()
    assert spearmanr(share, cityscapes).statistic > 0.97
    assert (0.8 < share / cityscapes).all() and (share / cityscapes < 2).all()
    assert np.argsort(-share)[:6].tolist() == np.argsort(-cityscapes)[:6].tolist()


@pytest.mark.parametrize("split", ["train", "val", "test"])
def test_the_rarest_class_is_still_there(split):
    """In at least 8 scenes of 100, with several hundred pixels in 100 scenes."""
    card, scenes = CARD["splits"][split], CARD["splits"][split]["scenes"]
    assert min(card["scenes_with_20_pixels"].values()) >= 0.08 * scenes
    assert min(PIXELS[split]) / scenes * 100 >= 500
    assert 0.02 < card["ignored_pixels"] / (card["ignored_pixels"] + PIXELS[split].sum()) < 0.1  # they are real


def test_both_lists_of_published_weights_give_the_same_shares():
    """ERFNet's two lists differ in their constant; a wrong constant or list would show here."""
    share = np.exp(1 / np.array(ENCODER_WEIGHTS)) - 1.20
    assert streets_card.cityscapes_share() == pytest.approx(100 * share / share.sum(), rel=0.02)
    assert list(CARD["cityscapes_percent"].values()) == pytest.approx(streets_card.cityscapes_share(), abs=5e-4)


def test_the_table_of_the_document_is_that_of_the_card():
    text = (ROOT / "data" / "streets.md").read_text(encoding="utf-8")
    rows = dict(re.findall(r"^\| ([a-z ]+) \| ([0-9.]+ \| [0-9.]+ \| [0-9.]+ \| [0-9.]+) \|$", text, re.MULTILINE))
    assert list(rows) == sorted(CITYSCAPES_CLASSES, key=lambda name: -CARD["cityscapes_percent"][name])
    pixels = {name: sum(split["pixels"][name] for split in CARD["splits"].values()) for name in CITYSCAPES_CLASSES}
    for name, row in rows.items():
        share = 100 * pixels[name] / sum(pixels.values())
        cityscapes = CARD["cityscapes_percent"][name]
        present = [split["scenes_with_20_pixels"][name] for split in CARD["splits"].values()]
        expected = f"{share:.2f} | {cityscapes:.2f} | {share / cityscapes:.1f} | {sum(present) / 4:.0f}"
        assert row == expected, name


def test_the_document_names_the_weathers_and_their_shares():
    text = (ROOT / "data" / "streets.md").read_text(encoding="utf-8")
    assert re.findall(r"(\w+) \((\d+) %\)", text) == [(name, f"{100 * p:.0f}") for name, p in WEATHERS.items()]
    assert f"took {CARD['cpu_seconds']:.0f} seconds of one core" in text


def test_the_picture_shows_every_weather_with_official_colors():
    path = ROOT / "docs" / "images" / "streets.png"
    assert path.stat().st_size <= 300_000
    picture = np.array(Image.open(path).convert("RGB"))
    found = {tuple(color) for color in np.unique(picture.reshape(-1, 3), axis=0).tolist()}  # (H, W, 3) to (H * W, 3)
    assert found >= set(CITYSCAPES_COLORS)


def test_the_tool_writes_both_files(tmp_path, monkeypatch):
    def two_scenes(number: int, scenes: int) -> dict:
        return {"scenes": scenes, "number": number}

    streets = [render_street((0, 0, k), 64, 32) for k in range(len(WEATHERS))]
    monkeypatch.setattr(streets_card, "count_split", two_scenes)
    monkeypatch.setattr(streets_card, "first_of_each_weather", lambda: streets)
    streets_card.main(["--out", str(tmp_path / "a" / "card.json"), "--picture", str(tmp_path / "b" / "card.png")])
    card = json.loads((tmp_path / "a" / "card.json").read_text())
    assert [split["scenes"] for split in card["splits"].values()] == [200, 100, 100]
    assert [split["number"] for split in card["splits"].values()] == [0, 1, 2]
    assert Image.open(tmp_path / "b" / "card.png").width == 4 * (64 + 4)


def test_the_samples_are_the_first_of_their_weather():
    drawn: dict[str, int] = {}
    for k in range(400):
        weather_rng = np.random.default_rng(np.random.SeedSequence((0, 0, k)).spawn(4)[3])
        drawn.setdefault(draw_weather(Dice(weather_rng)).name, k)
    for street, name in zip(streets_card.first_of_each_weather(), WEATHERS, strict=True):
        assert np.array_equal(street.label_ids, render_street((0, 0, drawn[name]), 256, 128).label_ids)
