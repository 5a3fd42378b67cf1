"""The plan of the house: imports go down between the wings, no circle between files, one name for one thing."""

import ast
import subprocess
import sys
from collections import defaultdict
from pathlib import Path

import pytest

PACKAGE = Path(__file__).resolve().parents[2] / "acflib"
MAX_ENTRIES = 22
MAX_LOADED = 16
# From the ground up. A file imports from its own floor and the floors below.
FLOORS = (
    {"errors", "options", "distributed"},
    {"layers"},
    {"functional", "acf", "acfnet", "losses", "metrics", "similarity"},
    {"datasets"},
    {"engine"},
    {"predict"},
    {"training"},
    {"study"},
    {"course", "widgets", "site"},
    {"cli"},
)
APART = {"course", "widgets", "site"}  # on one floor, and none needs another
# Names that stand in several files on purpose: what each of the three views has, and what each program has.
EACH_VIEW = {"apply_action", "check_scene", "initial_state", "spoken"}
EACH_PROGRAM = {"main"}


def module_name(path: Path) -> str:
    parts = path.relative_to(PACKAGE.parent).with_suffix("").parts
    return ".".join(parts).removesuffix(".__init__")


FILES = {module_name(path): path for path in sorted(PACKAGE.rglob("*.py"))}


def imports_of(source: str) -> set[str]:
    """The files of acflib that a source imports, wherever in it."""
    found = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            found |= {name.name for name in node.names if name.name in FILES}
        elif isinstance(node, ast.ImportFrom) and node.module and node.module.split(".")[0] == "acflib":
            whole = (f"{node.module}.{name.name}" for name in node.names)
            found |= {name if name in FILES else node.module for name in whole}
    return found


IMPORTS = {name: imports_of(path.read_text(encoding="utf-8")) - {name} for name, path in FILES.items()}


def wing(name: str) -> str | None:
    """The second part of a module's name; None for the package itself and its ``__main__``."""
    second = name.split(".")[1] if "." in name else None
    return None if second == "__main__" else second


def runs_up(importer: str, imported: str) -> bool:
    here, there = wing(importer), wing(imported)
    if here is None or there is None:  # the package's own version may be read by anyone
        return False
    floor = {name: number for number, names in enumerate(FLOORS) for name in names}
    return floor[there] > floor[here] or (here != there and {here, there} <= APART)


def circles(imports: dict[str, set[str]]) -> set[str]:
    """The files that import themselves by way of others."""
    found = set()
    for start in imports:
        reached, todo = set(), list(imports[start])
        while todo:
            name = todo.pop()
            if name not in reached:
                reached.add(name)
                todo += imports.get(name, ())
        if start in reached:
            found.add(start)
    return found


def twice(sources: dict[str, str]) -> dict[str, list[str]]:
    """Public functions and classes whose name is defined in more than one file."""
    homes = defaultdict(list)
    for name, source in sources.items():
        for node in ast.parse(source).body:
            if isinstance(node, ast.FunctionDef | ast.ClassDef) and not node.name.startswith("_"):
                homes[node.name].append(name)
    return {name: files for name, files in homes.items() if len(files) > 1}


def allowed_twice(name: str, files: list[str]) -> bool:
    # The check of an exercise has the name of the function that the student writes again.
    outside = [file for file in files if not file.startswith("acflib.course.checks.lesson_")]
    if len(outside) <= 1 < len(files):
        return True
    return name in EACH_PROGRAM or (name in EACH_VIEW and {wing(file) for file in files} == {"widgets"})


def test_every_wing_has_its_floor():
    assert {wing(name) for name in FILES} - {None} == set().union(*FLOORS)


def test_imports_go_down():
    up = {f"{name} -> {other}" for name, others in IMPORTS.items() for other in others if runs_up(name, other)}
    assert up == set()


def test_no_circle_between_files():
    assert circles({name: others - {"acflib"} for name, others in IMPORTS.items()}) == set()


def test_one_name_is_one_thing():
    sources = {name: path.read_text(encoding="utf-8") for name, path in FILES.items()}
    assert {name: files for name, files in twice(sources).items() if not allowed_twice(name, files)} == {}


def test_the_top_level_can_be_taken_in_at_a_glance():
    entries = [path.name for path in PACKAGE.iterdir() if path.name != "__pycache__"]
    assert len(entries) <= MAX_ENTRIES, sorted(entries)


def test_import_acflib_loads_what_its_names_need():
    code = "import sys, acflib; print(*sorted(name for name in sys.modules if name.split('.')[0] == 'acflib'))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = done.stdout.split()
    print(f"{len(loaded)} modules of acflib: {', '.join(loaded)}")
    assert "acflib.acfnet" in loaded and len(loaded) <= MAX_LOADED


def test_an_import_does_not_wait_for_torchvision_nor_the_compiler():
    """Together they take about as long as torch itself; who builds a network or reads a data set needs them."""
    names = ("acflib", "acflib.cli.parser", "acflib.course.checks", "acflib.widgets")
    slow = "{'torchvision', 'torch._dynamo'} & sys.modules.keys()"
    code = "import sys; " + "; ".join(f"import {name}; print('{name}:', *{slow})" for name in names)
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines() == [f"{name}:" for name in names]


@pytest.mark.parametrize(
    ("importer", "imported"),
    [
        ("acflib.layers.bases", "acflib.acfnet"),
        ("acflib.predict.export", "acflib.training"),
        ("acflib.course.checks", "acflib.widgets.app"),
        ("acflib.engine.config", "acflib.cli.train"),
    ],
)
def test_an_arrow_that_runs_up_is_seen(importer, imported):
    assert runs_up(importer, imported) and not runs_up(imported, importer.replace("course", "functional"))


def test_a_circle_and_a_name_used_twice_are_seen():
    assert circles({"a": {"b"}, "b": {"c"}, "c": {"a"}, "d": {"a"}}) == {"a", "b", "c"}
    found = twice({"acflib.a": "class Line: pass", "acflib.b": "def Line(): pass\ndef _own(): pass", "acflib.c": ""})
    assert found == {"Line": ["acflib.a", "acflib.b"]} and not allowed_twice("Line", found["Line"])


def test_imports_of_every_form_are_seen():
    source = "import acflib.acf\ndef f():\n    from acflib import losses, tap\n    from acflib.acfnet import ACFNet\n"
    assert imports_of(source) == {"acflib.acf", "acflib.losses", "acflib", "acflib.acfnet"}
