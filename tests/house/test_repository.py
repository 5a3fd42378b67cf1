"""What lies in the repository: small files, short modules, nothing of one machine."""

import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
MAX_BYTES = 3_000_000
MAX_LINES = 300
# What only one machine or one network has. The folder of this clone is looked for as well.
FORBIDDEN = {
    "a path of one machine": r"(?<![\w.~/-])/(?:root|home/[a-z]\w*|Users/[a-z]\w*)/[\w.]|" + re.escape(str(ROOT)),
    "a package index": r"(?:index-url|find-links)[ =]+(?!\w+://download\.pytorch\.org/|\$\(|\*)[\w/$]|https?://\S+/simple\b",
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
    modules = [path for path in repository_files() if path.suffix == ".py"]
    lengths = {
        path.relative_to(ROOT).as_posix(): len(path.read_text(encoding="utf-8").splitlines()) for path in modules
    }
    assert lengths and {name: length for name, length in lengths.items() if length > MAX_LINES} == {}


def forbidden_in(text: str) -> list[str]:
    hits = {what: re.search(rule, text) for what, rule in FORBIDDEN.items()}
    return [f"{what}: {hit.group()}" for what, hit in hits.items() if hit]


def test_no_machine_paths_or_package_indexes():
    found = {}
    for path in repository_files():
        try:
            complaints = forbidden_in(path.read_text(encoding="utf-8"))
        except UnicodeDecodeError:
            continue  # a picture, weights
        if complaints:
            found[path.relative_to(ROOT).as_posix()] = complaints
    assert found == {}


@pytest.mark.parametrize(
    "text",
    [
        "pip install --extra-index-" + "url some.host",
        "see https://some.host" + "/simple",
        "open('" + "/".join(["", "root", "x", "y"]) + "')",
        "/".join(["", "home", "ada", "data"]),
        f"from {ROOT}/elsewhere",
    ],
)
def test_forbidden_text_is_seen(text):
    assert forbidden_in(text)


def test_other_text_is_not():
    assert not forbidden_in(
        "artwork/x, ~/works/x, roots/x, workshop.org, a/home/of/ones/own, https://some.host/simpler"
    )
