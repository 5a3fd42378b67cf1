"""What Binder and a development container are made from. Neither was ever built by us: these are their rules, read."""

import json
import re
from pathlib import Path

import pytest
import yaml

from tests.house.test_packaging import PROJECT

ROOT = Path(__file__).resolve().parents[2]
DEVCONTAINER = ROOT / ".devcontainer" / "devcontainer.json"
MAKEFILE = (ROOT / "Makefile").read_text(encoding="utf-8")
PYTHONS = re.search(r"^PYTHON \?= \$\(shell for p in ((?:python3\.\d+ )+)", MAKEFILE, re.MULTILINE)[1].split()


@pytest.mark.skipif(not DEVCONTAINER.is_file(), reason="a copy without the folders that begin with a dot")
def test_the_development_container_makes_the_environment_that_make_uses():
    given = json.loads(DEVCONTAINER.read_text(encoding="utf-8"))
    version = re.fullmatch(r"python:(3\.\d+)-bookworm", given["image"])[1]  # has git and make; the slim ones have not
    assert f"python{version}" in PYTHONS
    target = re.fullmatch(r"make (\w+)", given["postCreateCommand"])[1]
    assert re.search(rf"^{target}:", MAKEFILE, re.MULTILINE)
    interpreter = given["customizations"]["vscode"]["settings"]["python.defaultInterpreterPath"]
    assert interpreter == "${containerWorkspaceFolder}/.venv/bin/python" and "BIN := .venv/bin" in MAKEFILE


def test_binder_reads_environment_yml_and_finds_jupyterlab_in_it():
    """repo2docker takes the first of these that it finds; a folder `binder` would hide the root."""
    before = ("binder", ".binder", "Dockerfile", "Project.toml", "JuliaProject.toml", "REQUIRE", "default.nix")
    assert [name for name in before if (ROOT / name).exists()] == []
    environment = yaml.safe_load((ROOT / "environment.yml").read_text(encoding="utf-8"))
    *conda, pip = environment["dependencies"]
    assert "pip" in conda and any(re.fullmatch(r"python=3\.\d+", line) for line in conda)  # the form that it reads
    # Local lines of pip make repo2docker copy the whole repository before it installs, so that they are found.
    constraints, package = pip["pip"]
    assert constraints == "-c constraints.txt" and package.startswith("-e .[") and "notebooks" in package
    assert any(line.startswith("jupyterlab") for line in PROJECT["optional-dependencies"]["notebooks"])
