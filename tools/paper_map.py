"""Write docs/paper-map.md: where each equation, figure, table and value of the paper is reproduced and tested.

    python tools/paper_map.py

The list of items is tests/house/paper_items.toml; the cells are found by their tags. tests/house/test_paper_map.py
holds both to what they promise.
"""

import sys
from dataclasses import dataclass, field
from pathlib import Path

import nbformat

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

ROOT = Path(__file__).resolve().parent.parent
if __name__ == "__main__":
    sys.path.insert(0, str(ROOT))

from acflib.engine.files import write_whole  # noqa: E402
from tools.notebook_cells import code_cells, lessons  # noqa: E402

ITEMS = ROOT / "tests" / "house" / "paper_items.toml"
PAGE = ROOT / "docs" / "paper-map.md"
KINDS = {
    "equation": "Equations",
    "figure": "Figures",
    "table": "Tables",
    "hyper": "Values of sections 3.2, 4.1, 4.2, 4.4 and 4.5",
}
INTRODUCTION = """\
# Paper map

Where each equation, figure, table and value of the paper (Zhang et al., ACFNet, ICCV 2019) happens in this repository:
the cell of a lesson that reproduces it, the function that computes it, the test that proves it. `In [4]` is the fourth
code cell of the notebook; in JupyterLab the link opens the notebook at this cell.

Made from the notebooks' tags and `tests/house/paper_items.toml` by `python tools/paper_map.py`; do not edit. What the
paper leaves open is on the page [paper versus code](paper-versus-code.md).
"""


@dataclass(frozen=True)
class Item:
    """One item of the paper; the fields are explained at the top of ``tests/house/paper_items.toml``."""

    title: str
    kind: str
    tag: str
    section: str
    lesson: str
    functions: tuple[str, ...]
    tests: tuple[str, ...]
    reads: tuple[str, ...] = ()
    config: dict = field(default_factory=dict)
    values: tuple = ()
    names: tuple[str, ...] = ()


@dataclass(frozen=True)
class Cell:
    """A tagged code cell: its notebook, id, number (In [...]) and the heading that it stands under."""

    notebook: Path
    id: str
    number: int
    heading: str
    tags: tuple[str, ...]
    source: str
    outputs: tuple


def load_items() -> list[Item]:
    """All items, in the order of the file."""
    records = tomllib.loads(ITEMS.read_text(encoding="utf-8"))["item"]
    return [Item(**{k: tuple(v) if isinstance(v, list) else v for k, v in record.items()}) for record in records]


def load_cells() -> list[Cell]:
    """All tagged code cells of the numbered lessons, in order."""
    return [cell for path in lessons() for cell in tagged_cells(path)]


def tagged_cells(path: Path) -> list[Cell]:
    found = []
    for number, heading, cell in code_cells(nbformat.read(path, as_version=4)):
        if tags := cell.metadata.get("tags"):
            found.append(Cell(path, cell.id, number, heading, tuple(tags), cell.source, tuple(cell.outputs)))
    return found


def cells_of(item: Item, cells: list[Cell]) -> list[Cell]:
    """The cells that reproduce an item, those of its own lesson first."""
    tagged = [cell for cell in cells if item.tag in cell.tags]
    return sorted(tagged, key=lambda cell: not cell.notebook.name.startswith(item.lesson))


def page() -> str:
    """The text of docs/paper-map.md."""
    cells = load_cells()
    lines = [INTRODUCTION]
    for kind, heading in KINDS.items():
        lines += [
            f"## {heading}",
            "",
            "| the paper | section | lesson | function | test |",
            "| --- | --- | --- | --- | --- |",
        ]
        lines += [row(item, cells_of(item, cells)) for item in load_items() if item.kind == kind]
        lines.append("")
    return "\n".join(lines).rstrip() + "\n"


def row(item: Item, cells: list[Cell]) -> str:
    functions = [f"[`{name.removeprefix('acflib.')}`](../{source_of(name)})" for name in (*item.functions, *item.reads)]
    tests = [f"[`{test.partition('::')[2]}`](../{test.partition('::')[0]})" for test in item.tests]
    columns = [item.title, item.section, links(cells), "<br>".join(functions), "<br>".join(tests)]
    return "| " + " | ".join(columns) + " |"


def links(cells: list[Cell]) -> str:
    """One line a notebook, one link a cell."""
    lines = []
    for notebook in dict.fromkeys(cell.notebook for cell in cells):
        mine = [cell for cell in cells if cell.notebook == notebook]
        path = f"../notebooks/{notebook.name}"
        numbers = ", ".join(f"[In [{cell.number}]]({path}#cell-id={cell.id})" for cell in mine)
        lines.append(f"{notebook.name[:2]} {numbers}: {mine[0].heading}")
    return "<br>".join(lines).replace("|", "\\|") or "**missing**"


def source_of(name: str) -> str:
    """The file of a dotted name, below the repository: acflib.losses.total_loss -> acflib/losses.py."""
    parts = name.split(".")
    for length in range(len(parts), 0, -1):
        stem = ROOT.joinpath(*parts[:length])
        for path in (stem.with_suffix(".py"), stem / "__init__.py"):
            if path.is_file():
                return path.relative_to(ROOT).as_posix()
    raise ValueError(f"{name}: no such module")


def main() -> int:
    text = page()
    write_whole(PAGE, text.encode())
    missing = text.count("**missing**")
    print(f"{PAGE.relative_to(ROOT)}: {len(load_items())} items, {missing} without a cell")
    return min(missing, 1)


if __name__ == "__main__":
    sys.exit(main())
