"""The worlds of Streets: one palette for all images, one turn for all classes, a hue for each class; crowded scenes."""

import colorsys
import json

import numpy as np
import pytest
from scipy import stats

from acflib.cli import parser as cli
from acflib.datasets import Streets
from acflib.datasets.labels import ID
from acflib.datasets.streets import MANIFEST, render_street, write_streets
from acflib.datasets.streets.color import NATURAL, NEUTRAL, PALETTES, draw_look
from acflib.errors import ConfigError, DataError

NUMBERS = [ID[name] for name in NATURAL]


def hues(palette: str, images: int) -> np.ndarray:
    """Hue of each of the 19 classes in each image, (images, 19)."""
    looks = [draw_look(np.random.default_rng(seed), palette) for seed in range(images)]
    return np.array([[colorsys.rgb_to_hsv(*look.palette[n])[0] for n in NUMBERS] for look in looks])


def look_of_old(rng):
    """How looks were drawn before there were other palettes, line by line."""
    turn = rng.random()
    palette, roughness = np.zeros((34, 3)), np.zeros(34)
    for name, number in ID.items():
        if number < 0:
            continue
        hue, saturation, value, _ = NATURAL.get(name, NEUTRAL)
        r = rng.random(4)
        hue = (hue + turn + 0.06 * (r[0] - 0.5)) % 1
        saturation = min(1.0, saturation * (0.8 + 0.4 * r[1]))
        value = min(0.95, max(0.12, value + 0.16 * (r[2] - 0.5)))
        palette[number] = colorsys.hsv_to_rgb(hue, saturation, value)
        roughness[number] = 0.05 + 0.30 * r[3]
    roughness[ID["sky"]] *= 0.5
    light = 0.88 + 0.24 * rng.random(3)
    return palette, roughness, light, 0.12 * rng.random(), rng.random((64, 64), dtype=np.float32)


@pytest.mark.parametrize("seed", range(5))
def test_turned_streets_look_as_in_the_first_version(seed):
    found = draw_look(np.random.default_rng(seed), "turned")
    expected = look_of_old(np.random.default_rng(seed))
    values = found.palette, found.roughness, found.light, found.haze, found.noise
    for value, wanted in zip(values, expected, strict=True):
        assert np.array_equal(value, wanted)
    assert np.array_equal(render_street(seed).image, render_street(seed, palette="own").image)


def test_shapes_texture_and_light_are_the_same_in_all_worlds():
    streets = [render_street(3, palette=palette) for palette in PALETTES]
    looks = [draw_look(np.random.default_rng(3), palette) for palette in PALETTES]
    for street, look in zip(streets[1:], looks[1:], strict=True):
        assert np.array_equal(street.label_ids, streets[0].label_ids)
        assert np.array_equal(street.instance_ids, streets[0].instance_ids)
        assert not np.array_equal(street.image, streets[0].image)
        for name in ("roughness", "light", "haze", "noise", "grain"):
            assert np.array_equal(getattr(look, name), getattr(looks[0], name))


def test_fixed_is_one_palette_of_natural_colors():
    first, second = (draw_look(np.random.default_rng(seed), "fixed").palette for seed in (0, 1))
    assert np.array_equal(first, second)
    for name, (hue, saturation, value, _) in NATURAL.items():
        np.testing.assert_allclose(first[ID[name]], colorsys.hsv_to_rgb(hue, saturation, value))


def test_turned_has_one_angle_for_all_classes_and_own_one_for_each():
    natural = np.array([NATURAL[name][0] for name in NATURAL])
    turns = np.exp(2j * np.pi * (hues("turned", 200) - natural))  # (images, classes), on the circle
    assert np.abs(turns.mean(axis=1)).min() > 0.98, "inside an image all classes are turned alike"
    assert np.abs(turns.mean(axis=0)).max() < 0.25, "across images any turn comes up"
    found = hues("own", 400)
    for k in range(len(NUMBERS)):
        assert stats.kstest(found[:, k], "uniform").pvalue > 1e-4
    angles = np.exp(2j * np.pi * found)
    alike = np.abs(angles.T.conj() @ angles / len(angles) - np.eye(len(NUMBERS)))  # mean of exp(i(a - b)) for each pair
    assert alike.max() < 0.25, "two classes have nothing to do with each other"


def test_most_classes_are_in_most_crowded_images():
    counts = {}
    for crowded in (False, True):
        streets = [render_street((0, 1, k), crowded=crowded) for k in range(25)]
        counts[crowded] = np.array([len(set(np.unique(street.label_ids)) & set(NUMBERS)) for street in streets])
    assert counts[True].mean() > 17 and counts[True].min() >= 15
    assert counts[False].mean() < 13


def test_folder_tells_its_world_and_is_not_taken_for_another(tmp_path):
    few = {"width": 64, "height": 32, "train": 2, "val": 1, "test": 0, "progress": False}
    turned = write_streets(tmp_path / "turned", **few, palette="turned")
    assert not {"palette", "crowded"} & json.loads((turned / MANIFEST).read_text()).keys(), "as it always was"
    own = write_streets(tmp_path / "own", **few, palette="own", crowded=True)
    manifest = json.loads((own / MANIFEST).read_text())
    assert (manifest["palette"], manifest["crowded"]) == ("own", True)
    assert write_streets(own, **few, palette="own", crowded=True) == own
    for settings in ({}, {"palette": "turned"}, {"palette": "fixed", "crowded": True}):
        with pytest.raises(DataError, match="holds another set"):
            write_streets(own, **few, **settings)
    for folder, world in ((own, ("own", True)), (turned, ("turned", False))):
        expected = render_street((0, 0, 1), 64, 32, *world)
        assert np.array_equal(Streets(folder, "train").load_image(1), expected.image)


def test_unknown_palette_is_refused(tmp_path, capsys):
    with pytest.raises(ConfigError, match="palette must be one of fixed, turned, own, got 'red'"):
        render_street(0, palette="red")
    assert cli.main(["data", "streets", "--out", str(tmp_path / "s"), "--palette", "red"]) == 2
    assert "palette must be one of" in capsys.readouterr().err and not (tmp_path / "s").exists()
