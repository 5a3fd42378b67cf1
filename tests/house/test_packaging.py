"""What the package needs: what it imports, what it pins, which packages it names."""

import ast
import importlib.metadata
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

if sys.version_info >= (3, 11):
    import tomllib
else:
    tomllib = pytest.importorskip("tomli")

ROOT = Path(__file__).resolve().parents[2]
PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
PROJECT = PYPROJECT["project"]
CORE = ("torch", "torchvision", "numpy", "pillow", "tqdm")


def constraints(python: str = "{}.{}".format(*sys.version_info)) -> dict[str, str]:
    """Name -> exact version for a Python, from constraints.txt."""
    lines = [line.strip() for line in (ROOT / "constraints.txt").read_text().splitlines()]
    pins = [line for line in lines if line and not line.startswith("#")]
    form = r'[A-Za-z0-9._-]+==[A-Za-z0-9.]+( ; python_version (<|>=) "3\.\d+")?'
    odd = [pin for pin in pins if not re.fullmatch(form, pin)]
    assert not odd, f"only name==version, without a local suffix, at most for some Pythons: {odd}"
    found = [pin for pin in map(Requirement, pins) if not pin.marker or pin.marker.evaluate({"python_version": python})]
    names = [canonicalize_name(pin.name) for pin in found]
    assert len(names) == len(set(names)), f"a package is pinned twice for Python {python}"
    return {name: str(pin.specifier).removeprefix("==") for name, pin in zip(names, found, strict=True)}


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
    optional = r"study\.figures|study\.ablation\.(figures|verdicts|conclusions)|widgets|predict\.hub"
    optional += r"|study\.ablation\.pair_(blocks|tables|figures)"
    pages = r"site\.(markup|pages|library)"
    extra = re.compile(rf"acflib\.(__main__|{optional}|{pages})\b")
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


@pytest.mark.parametrize("python", ["3.10", "3.11", "3.12", "3.13"])
def test_constraints_fit_the_ranges(python):
    pins = constraints(python)
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


def test_every_package_is_named_in_pyproject():
    found = {".".join(path.parent.relative_to(ROOT).parts) for path in ROOT.glob("acflib/**/*.py")}
    assert found | {"acflib._weights"} == set(PYPROJECT["tool"]["setuptools"]["packages"])


# Modules of Python that came after the oldest version of the promise, 3.10. (`tools/python_matrix.py` runs it there.)
NEWER = {"tomllib", "annotationlib", "compression", "concurrent.interpreters", "importlib.resources.abc"}


def test_no_module_needs_a_newer_python():
    assert PYPROJECT["project"]["requires-python"] == ">=3.10"
    found = {}
    for path in (ROOT / "acflib").rglob("*.py"):
        nodes = list(ast.walk(ast.parse(path.read_text(encoding="utf-8"))))
        names = {alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names}
        names |= {node.module for node in nodes if isinstance(node, ast.ImportFrom) and node.module}
        if names & NEWER:
            found[path.name] = sorted(names & NEWER)
    assert found == {}
