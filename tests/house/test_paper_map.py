"""Every item of the paper happens in a lesson: a tagged cell that does what its kind demands, a function, a test."""

import ast
import importlib
import re
from dataclasses import replace
from functools import cache
from pathlib import Path

import pytest

from acflib.engine.presets import PRESETS
from tools.paper_map import PAGE, ROOT, Cell, Item, cells_of, load_cells, load_items, page

ITEMS = load_items()
every_item = pytest.mark.parametrize("item", ITEMS, ids=[f"lesson_{item.lesson}-{item.tag}" for item in ITEMS])
CONFIGS = {
    "PRESETS",
    "PAPER",
    "TrainConfig",
    "ModelConfig",
    "LossConfig",
    "InferenceConfig",
    "config",
    "paper",
    "preset",
}


@cache
def all_cells() -> list[Cell]:
    return load_cells()


def words(source: str) -> set[str]:
    """All identifiers in a source, those in strings and comments not counted."""
    found = set()
    for node in ast.walk(ast.parse(source)):
        for name in ("id", "attr", "arg", "name", "asname"):
            found |= set(re.findall(r"\w+", getattr(node, name, None) or ""))
    return found


def constants(source: str) -> list:
    """All literal numbers, strings and bools in a source."""
    return [node.value for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Constant)]


def asserts(source: str) -> str:
    """The parts of a source that compare: assert statements and calls of assert_close or assert_equal."""
    nodes = ast.walk(ast.parse(source))
    calls = {"assert_close", "assert_equal", "assert_allclose"}
    comparing = [n for n in nodes if isinstance(n, ast.Assert) or isinstance(n, ast.Call) and words_of(n.func) & calls]
    return "\n".join(ast.unparse(node) for node in comparing)


def words_of(node: ast.AST) -> set[str]:
    return words(ast.unparse(node))


def complaint(item: Item, cell: Cell) -> str | None:
    """Why a cell does not do what it is tagged for; None if it does."""
    return {"equation": equation, "figure": figure, "table": table, "hyper": hyper}[item.kind](item, cell)


def last_names(dotted: tuple[str, ...]) -> set[str]:
    return {name.rpartition(".")[2] for name in dotted}


def equation(item: Item, cell: Cell) -> str | None:
    if not asserts(cell.source):
        return "compares nothing: no assert, no assert_close"
    if not words(cell.source) & last_names(item.functions):
        return f"names none of {sorted(last_names(item.functions))}"
    return None


def figure(item: Item, cell: Cell) -> str | None:
    has_picture = any("image/png" in output.get("data", {}) for output in cell.outputs)
    return None if has_picture else "holds no PNG"


def table(item: Item, cell: Cell) -> str | None:
    if not words(cell.source) & last_names(item.reads):
        return f"reads no results: it names none of {sorted(last_names(item.reads))}"
    return None if cell.outputs else "shows nothing"


def hyper(item: Item, cell: Cell) -> str | None:
    if "hyper" not in cell.tags:
        return 'lacks the tag "hyper"'
    compared = asserts(cell.source)
    if not compared:
        return "asserts nothing"
    if not words(cell.source) & (CONFIGS | last_names(item.functions)):
        return "names no preset and no config"
    missing = {key.rpartition(".")[2] for key in item.config} - words(compared)
    if missing:
        return f"asserts nothing about {sorted(missing)}"
    wanted = [v for value in item.config.values() for v in (value if isinstance(value, list) else [value])]
    shown = constants(cell.source)
    absent = [v for v in (*wanted, *item.values) if v is not True and v not in shown]
    if absent:
        return f"does not show {absent}"
    unnamed = set(item.names) - words(cell.source)
    return f"does not name {sorted(unnamed)}" if unnamed else None


# ---- the lessons


@every_item
def test_a_cell_reproduces_it(item: Item):
    tagged = cells_of(item, all_cells())
    here = [cell for cell in tagged if cell.notebook.name.startswith(item.lesson)]
    assert here, f'no code cell of lesson {item.lesson} has the tag "{item.tag}"'
    complaints = {f"{cell.notebook.name} In [{cell.number}]": complaint(item, cell) for cell in tagged}
    if item.kind in ("figure", "hyper"):  # each cell; the other tags also mark the way to an equation or table
        assert not any(complaints.values()), complaints
    assert any(complaint(item, cell) is None for cell in here), complaints


@every_item
def test_its_functions_exist(item: Item):
    for name in (*item.functions, *item.reads):
        module, _, attribute = name.rpartition(".")
        assert hasattr(importlib.import_module(module), attribute), name


@every_item
def test_its_tests_exist(item: Item):
    assert item.tests
    for test in item.tests:
        path, _, name = test.partition("::")
        tree = ast.parse((ROOT / path).read_text(encoding="utf-8"))
        assert name in {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}, test


@every_item
def test_its_values_are_those_of_the_preset(item: Item):
    for path, value in item.config.items():
        found = PRESETS["r101-aspp-acf-ob"]
        for name in path.split("."):
            found = getattr(found, name)
        assert found == (tuple(value) if isinstance(value, list) else value), path


def test_the_page_is_up_to_date():
    assert PAGE.read_text(encoding="utf-8") == page(), "run: python tools/paper_map.py"


def test_links_of_the_page_lead_somewhere():
    links = re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", page())
    assert links
    assert [link for link in links if not (PAGE.parent / link).resolve().is_file()] == []


# ---- the list itself


def test_the_list_is_complete():
    tags = [item.tag for item in ITEMS]
    assert len(set(tags)) == len(tags)
    assert {t for t in tags if t.startswith("eq-")} == {f"eq-{n}" for n in range(1, 6)} and "poly" in tags
    assert {re.sub(r"[abc]$", "", t) for t in tags if t.startswith("fig-")} == {f"fig-{n}" for n in range(1, 8)}
    assert {t for t in tags if t.startswith("table-")} == {"table-1", "table-2", "table-3"}
    for part in ("3.2", "4.1", "4.2", "4.4"):
        assert any(part in item.section for item in ITEMS if item.kind == "hyper"), part


def test_the_paper_s_numbers_are_in_the_list():
    """All numbers in sections 4.1, 4.2 and 4.4 that set something up, read off the paper by hand."""
    numbers = {8, 2, 4, 12, 24, 36, 512, 0.01, 0.0005, 0.9, 0.4, 0.6, 0.7, 40_000, 0.5, 769, 100_000}
    numbers |= {0.75, 1.0, 1.25, 1.5, 1.75}
    listed = {v for item in ITEMS for value in (*item.config.values(), *item.values) for v in flat(value)}
    assert numbers <= listed


def flat(value) -> list:
    return list(value) if isinstance(value, list) else [value]


# ---- the demands themselves: each refuses a cell that only looks right

PNG = ({"output_type": "display_data", "data": {"image/png": "x"}},)
TEXT = ({"output_type": "stream", "name": "stdout", "text": "agree\n"},)


def cell(source: str, tags: tuple = (), outputs: tuple = TEXT) -> Cell:
    return Cell(Path("01_x.ipynb"), "a", 1, "", tags, source, outputs)


def item(tag: str) -> Item:
    return next(item for item in ITEMS if item.tag == tag)


RATE = "paper = PRESETS['r101-acf-sum']\nassert paper.learning_rate == 0.01"
GOOD = [
    ("eq-1", cell("assert_close(hard_class_centers(x, y, 3), by_hand)")),
    ("eq-4", cell("from acflib import losses\nassert losses.total_loss(a) == 3")),
    ("fig-2", cell("plt.show()", outputs=PNG)),
    ("table-1", cell("print(load_results('streets', 'table1'))")),
    ("hyper-learning-rate", cell(RATE, ("hyper", "hyper-learning-rate"))),
    ("hyper-iterations", cell("assert config.iterations == 40_000", ("hyper",))),
    ("hyper-crop", cell("assert PAPER['a'].crop_size == (769, 769)", ("hyper",))),
]
BAD = [
    ("eq-1", cell("print(hard_class_centers(x, y, 3))"), "compares nothing"),
    ("eq-1", cell("# hard_class_centers\nassert_close(by_loops, by_hand)"), "names none"),
    ("eq-1", cell("print('assert hard_class_centers')"), "compares nothing"),
    ("fig-2", cell("plt.show()"), "no PNG"),
    ("table-1", cell("print('75.85')"), "reads no results"),
    ("table-1", cell("found = load_results('streets', 'table1')", outputs=()), "shows nothing"),
    ("hyper-learning-rate", cell(RATE, ("hyper-learning-rate",)), "lacks the tag"),
    ("hyper-learning-rate", cell("print(paper.learning_rate == 0.01)", ("hyper",)), "asserts nothing"),
    ("hyper-learning-rate", cell("assert paper.learning_rate > 0", ("hyper",)), "does not show"),
    ("hyper-learning-rate", cell("assert paper.momentum == 0.01", ("hyper",)), "nothing about ['learning_rate']"),
    ("hyper-learning-rate", cell("learning_rate = 0.01\nassert learning_rate == 0.01", ("hyper",)), "no preset"),
    ("hyper-scales", cell("assert config.scales == (0.75, 1.0, 1.25, 1.5, 1.75, 2.0)", ("hyper",)), "does not name"),
]


@pytest.mark.parametrize(("tag", "good"), GOOD, ids=[tag for tag, _ in GOOD])
def test_a_good_cell_is_accepted(tag: str, good: Cell):
    assert complaint(item(tag), good) is None


@pytest.mark.parametrize(("tag", "bad", "message"), BAD, ids=[f"{tag}-{message}" for tag, _, message in BAD])
def test_a_bad_cell_is_refused(tag: str, bad: Cell, message: str):
    assert message in (complaint(item(tag), bad) or "")


def test_an_item_without_a_cell_shows_as_missing():
    assert cells_of(replace(item("eq-1"), tag="eq-9"), all_cells()) == []
