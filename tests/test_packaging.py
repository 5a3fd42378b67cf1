"""The house around the code: what it imports, what it pins, what the wheel holds, what lies in the repository."""

import importlib.metadata
import os
import re
import shutil
import subprocess
import sys
import sysconfig
from dataclasses import asdict
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from acflib.acfnet import ModelConfig, build_model
from acflib.export import fingerprint
from acflib.pretrained import load_pretrained, save_pretrained

if sys.version_info >= (3, 11):
    import tomllib
else:
    tomllib = pytest.importorskip("tomli")

ROOT = Path(__file__).resolve().parent.parent
PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
PROJECT = PYPROJECT["project"]
CORE = ("torch", "torchvision", "numpy", "pillow", "tqdm")


def constraints() -> dict[str, str]:
    """Name -> exact version, from constraints.txt."""
    lines = [line.strip() for line in (ROOT / "constraints.txt").read_text().splitlines()]
    pins = [line for line in lines if line and not line.startswith("#")]
    odd = [pin for pin in pins if not re.fullmatch(r"[A-Za-z0-9._-]+==[A-Za-z0-9.]+", pin)]
    assert not odd, f"only name==version, without a local suffix: {odd}"
    names = [canonicalize_name(pin.split("==")[0]) for pin in pins]
    assert len(names) == len(set(names)), "a package is pinned twice"
    return dict(zip(names, (pin.split("==")[1] for pin in pins), strict=True))


def closure(requirements: list[str]) -> dict[str, str]:
    """Name -> installed version of everything these requirements pull in here; packages not installed are left out."""
    todo = [Requirement(text) for text in requirements]
    seen: dict[tuple[str, str], str] = {}
    while todo:
        requirement = todo.pop()
        name = canonicalize_name(requirement.name)
        try:
            distribution = importlib.metadata.distribution(name)
        except importlib.metadata.PackageNotFoundError:
            continue
        for extra in ("", *requirement.extras):
            if (name, extra) in seen:
                continue
            seen[name, extra] = distribution.version
            children = [Requirement(text) for text in distribution.requires or []]
            todo += [child for child in children if child.marker is None or child.marker.evaluate({"extra": extra})]
    return {name: version for (name, _), version in seen.items()}


# ---- what it imports

IMPORT_WITH_BLOCKED = """
import importlib.abc, sys
blocked = set(sys.argv[1].split(","))

class Core(importlib.abc.MetaPathFinder):
    finders = list(sys.meta_path)

    def find_spec(self, fullname, path=None, target=None):
        if fullname.partition(".")[0] in blocked:
            return None
        specs = (finder.find_spec(fullname, path, target) for finder in self.finders)
        return next((spec for spec in specs if spec), None)

sys.meta_path[:] = [Core()]
for name in sys.argv[2].split(","):
    __import__(name)
"""


def import_core(modules: str) -> subprocess.CompletedProcess:
    """Import modules as if only the core packages, and what these need themselves, were installed."""
    core = {"acflib", *closure(list(CORE))}
    blocked = {
        module
        for module, distributions in importlib.metadata.packages_distributions().items()
        if not {canonicalize_name(name) for name in distributions} & core
    } - set(sys.stdlib_module_names)
    assert blocked >= {"matplotlib", "safetensors", "scipy", "ipywidgets", "tensorboard", "sklearn", "pytest"}
    command = [sys.executable, "-c", IMPORT_WITH_BLOCKED, ",".join(sorted(blocked)), modules]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=300)


def core_modules() -> list[str]:
    """All modules but the entry point and the rooms that may need an extra."""
    names = [".".join(path.relative_to(ROOT).with_suffix("").parts) for path in ROOT.glob("acflib/**/*.py")]
    names = [name.removesuffix(".__init__") for name in names]
    extra = re.compile(r"acflib\.(__main__|figures|ablation\.figures|widgets|app)\b")
    return sorted(name for name in names if not extra.match(name))


def test_core_imports_alone():
    modules = core_modules()
    assert {"acflib", "acflib.training", "acflib.cli", "acflib.datasets.streets"} <= set(modules)
    done = import_core(",".join(modules))
    assert done.returncode == 0, done.stderr


def test_import_test_can_fail():
    done = import_core("matplotlib")
    assert done.returncode != 0 and "No module named 'matplotlib'" in done.stderr


def test_core_dependencies():
    names = {canonicalize_name(Requirement(text).name) for text in PROJECT["dependencies"]}
    assert names == set(CORE)


# ---- what it pins


def all_requirements() -> list[str]:
    extras = PROJECT["optional-dependencies"]
    return PROJECT["dependencies"] + [text for extra in extras.values() for text in extra]


def test_constraints_fit_the_ranges():
    pins = constraints()
    for requirement in map(Requirement, all_requirements()):
        pin = pins.get(canonicalize_name(requirement.name))
        assert pin, f"{requirement.name} is asked for in pyproject.toml and not pinned in constraints.txt"
        assert requirement.specifier.contains(pin), f"{requirement} does not allow the pin {pin}"


@pytest.mark.skipif(not os.environ.get("CI") and not (ROOT / ".venv").exists(), reason="an environment of your own")
def test_constraints_are_what_is_installed():
    pins, installed = constraints(), closure(all_requirements())
    missing = sorted(set(installed) - set(pins))
    other = {
        name: f"installed {version}, pinned {pins[name]}"
        for name, version in installed.items()
        if name in pins and version.split("+")[0] != pins[name]
    }
    assert not missing, f"installed by the extras and not pinned in constraints.txt: {missing}"
    assert not other


def test_constraints_are_used():
    environment = yaml.safe_load((ROOT / "environment.yml").read_text())
    (pip_lines,) = [entry["pip"] for entry in environment["dependencies"] if isinstance(entry, dict)]
    assert pip_lines[0] == "-c constraints.txt"
    extras = re.fullmatch(r"-e \.\[([a-z,]+)\]", pip_lines[1]).group(1).split(",")
    assert set(extras) <= set(PROJECT["optional-dependencies"])
    assert "-c constraints.txt" in (ROOT / "Makefile").read_text()


# ---- what is in the wheel


def test_every_package_is_named_in_pyproject():
    found = {".".join(path.parent.relative_to(ROOT).parts) for path in ROOT.glob("acflib/**/*.py")}
    assert found | {"acflib._weights"} == set(PYPROJECT["tool"]["setuptools"]["packages"])


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
    config = ModelConfig(backbone="tiny", channels=16, align_corners=False, weights=None)
    checkpoint = {"config": {"model": asdict(config), "norm": "sync"}, "classes": [], "colors": [], "position": 0}
    save_pretrained(build_model(config), "packed", folder / "data/weights", checkpoint, "", {}, {})
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
from acflib.export import fingerprint
from acflib.pretrained import available
print(acflib.__file__, ",".join(available()), fingerprint(acflib.load_pretrained("packed")), sep="\\n")
"""


def assert_loads_packed_weights(printed: str, where: Path, source: Path) -> None:
    """What LOAD_PACKED printed: acflib lies at ``where``, knows all names, and has the weights that were packed."""
    path, names, digest = printed.splitlines()
    assert Path(path).is_relative_to(where)
    shipped = {file.stem for file in (source / "data/weights").glob("*.safetensors")}
    assert set(names.split(",")) == shipped and "packed" in shipped
    assert digest == fingerprint(load_pretrained("packed", folder=source / "data/weights"))


@pytest.mark.slow
def test_wheel_loads_its_weights(source: Path, installed_wheel: Path, tmp_path: Path):
    printed = run(sys.executable, "-c", LOAD_PACKED, cwd=tmp_path, PYTHONPATH=str(installed_wheel))
    assert_loads_packed_weights(printed, installed_wheel, source)
    folder = installed_wheel / "acflib/_weights"
    assert {path.suffix for path in folder.iterdir()} == {".json", ".safetensors"}  # and nothing else


@pytest.mark.slow
def test_editable_installation_loads_the_weights_of_the_clone(source: Path, editable: Path, tmp_path: Path):
    printed = run(editable, "-c", LOAD_PACKED, cwd=tmp_path, PYTHONPATH="")
    assert_loads_packed_weights(printed, source / "acflib", source)


@pytest.mark.slow
def test_wheel_imports(installed_wheel: Path, tmp_path: Path):
    code = "import acflib; print(acflib.__file__)"
    where = run(sys.executable, "-c", code, cwd=tmp_path, PYTHONPATH=str(installed_wheel)).strip()
    assert Path(where).is_relative_to(installed_wheel)


@pytest.mark.slow
def test_wheel_has_every_module(installed_wheel: Path):
    ours = {path.relative_to(ROOT) for path in (ROOT / "acflib").rglob("*.py")}
    assert ours == {path.relative_to(installed_wheel) for path in (installed_wheel / "acflib").rglob("*.py")}


@pytest.mark.slow
def test_wheel_runs_the_command_line(installed_wheel: Path, tmp_path: Path):
    environment = {"PYTHONPATH": str(installed_wheel), "OMP_NUM_THREADS": "1"}
    acflib = (sys.executable, "-m", "acflib")
    assert "train" in run(*acflib, "--help", cwd=tmp_path, **environment)
    sizes = ("--train", 2, "--val", 1, "--test", 1, "--size", "128x64")
    run(*acflib, "data", "streets", "--out", tmp_path / "streets", *sizes, cwd=tmp_path, **environment)
    assert len(list((tmp_path / "streets/leftImg8bit").rglob("*_leftImg8bit.png"))) == 4


# ---- what lies in the repository

MAX_BYTES = 3_000_000
MAX_LINES = 300
# Put together from parts, so that this file does not find itself.
REGISTRIES = [name + r"\." + "org" for name in ("pypi", "pythonhosted", r"registry\.npm" "js", "anaconda")]
HOMES = ["ro" + "ot", "wo" + "rk", "opt/wheels", "ho" + r"me/[a-z]\w*", "Us" + r"ers/[a-z]\w*"]
FORBIDDEN = {
    "a package registry": "|".join(REGISTRIES),
    "a path of one machine": r"(?<![\w.~/-])/(" + "|".join(HOMES) + ")/",
}


def repository_files() -> list[Path]:
    """Every file that is in git or would be added to it."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"]
    try:
        listed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True, timeout=60).stdout
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("not a git checkout")
    return [ROOT / name for name in listed.split("\0") if name and (ROOT / name).is_file()]


def test_no_large_file():
    assert [path.name for path in repository_files() if path.stat().st_size > MAX_BYTES] == []


def test_modules_are_short():
    lengths = {path.relative_to(ROOT): len(path.read_text().splitlines()) for path in ROOT.glob("acflib/**/*.py")}
    assert {name.as_posix(): length for name, length in lengths.items() if length > MAX_LINES} == {}


def forbidden_in(text: str) -> list[str]:
    hits = {what: re.search(rule, text) for what, rule in FORBIDDEN.items()}
    return [f"{what}: {hit.group()}" for what, hit in hits.items() if hit]


def test_no_machine_paths_or_registries():
    found = {}
    for path in repository_files():
        try:
            complaints = forbidden_in(path.read_text(encoding="utf-8"))
        except UnicodeDecodeError:
            continue  # a picture, weights
        if complaints:
            found[path.relative_to(ROOT).as_posix()] = complaints
    assert found == {}


def test_forbidden_text_is_seen():
    assert forbidden_in("see https://pypi" + ".org/simple")
    assert forbidden_in("open('/ro" + "ot/x/y')")
    assert not forbidden_in("artwork/x, ~/works/x, roots/x, workshop.org")
