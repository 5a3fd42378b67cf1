"""The browser's half of the widgets: how its modules are joined, what it unpacks, which colors it uses."""

import re

import numpy as np
import pytest

from acflib.widgets import bundle
from acflib.widgets.packing import pack_labels

CLASSES = ("explorer", "lab", "attention")


@pytest.mark.parametrize("name", CLASSES)
def test_modules_are_joined(name):
    text = bundle.module(name)
    assert not re.search(r"^(import|export (?!default))", text, re.MULTILINE)
    assert text.count("export default") == 1 and text.count("export class Panel") == 0 < text.count("class Panel")
    # Joined modules share one scope: no name may be declared twice.
    names = re.findall(r"^(?:const|let|function|async function|class) (\w+)", text, re.MULTILINE)
    assert len(names) > 20 and len(names) == len(set(names))


def test_imports_name_exports():
    """Joined modules share one scope, so a wrong import would go unseen until someone looks for the name there."""
    for path in bundle.STATIC.glob("*.js"):
        text = path.read_text()
        for names, other in re.findall(r'^import \{ ([^}]*) \} from "\./(\w+)\.js";$', text, re.MULTILINE):
            module = (bundle.STATIC / f"{other}.js").read_text()
            exported = re.findall(r"^export (?:const|function|async function|class) (\w+)", module, re.MULTILINE)
            assert set(names.split(", ")) <= set(exported), f"{path.name} imports from {other}.js"
            rest = re.sub(r"^import .*$", "", text, flags=re.MULTILINE)
            assert all(re.search(rf"\b{name}\b", rest) for name in names.split(", ")), f"{path.name}: unused import"


@pytest.mark.parametrize("shape", [(1, 1), (7, 9), (40, 300), (300, 500)])
@pytest.mark.parametrize("kind", ["random", "one class", "long runs"])
def test_class_maps_are_packed_as_runs(shape, kind):
    ramp = np.arange(np.prod(shape)).reshape(shape) // 50 % 256
    random = np.random.default_rng(0).integers(0, 3, shape)
    labels = {"random": random, "one class": np.full(shape, 255), "long runs": ramp}[kind].astype(np.uint8)
    packed = pack_labels(labels)
    runs = [packed[i : i + 3] for i in range(0, len(packed), 3)]
    assert b"".join(run[:1] * int.from_bytes(run[1:], "little") for run in runs) == labels.tobytes()


def test_the_color_map_is_viridis():
    matplotlib = pytest.importorskip("matplotlib")
    text = (bundle.STATIC / "paint.js").read_text()
    found = bytes.fromhex("".join(re.findall(r'"([0-9a-f]{6,})"', text)))
    expected = matplotlib.colormaps["viridis"](range(256), bytes=True)[:, :3]
    assert found == np.ascontiguousarray(expected).tobytes()


def test_colors_of_the_theme_are_used():
    """Every color is a theme's variable, with a light fall-back; or black and white of marks that lie on pictures."""
    marks = {"white", "black"}
    for line in bundle.styles().splitlines():
        for value in re.findall(r"(?:color|background|border|fill|stroke)[\w-]*: ?([^;]+);", line):
            plain = re.sub(r"var\([^()]*(\([^()]*\))?[^()]*\)", "", value)
            allowed = "acf-cross" in line or "acf-pin" in line or "acf-brush" in line or "acf-names" in line
            words = set(re.findall(r"#\w+|rgb|\b(?:white|black|gray|red|blue)\b", plain))
            assert words <= (marks if allowed else set()), line
