"""The form that every lesson has, as functions of a notebook that return complaints (tests/house/test_lessons.py)."""

import ast
import re
from functools import cache
from pathlib import Path

import nbformat

from tests.house.test_notebooks import IGNORE, SKIP, code_cells, has_marker
from tools.list_exercises import TITLE, exercises_in
from tools.paper_map import load_items

ROOT = Path(__file__).resolve().parents[2]
MIN_TEXT_SHARE = 0.6
OWN_TAGS = {"hyper", "exercise", "hand", "setup", "widget", "nbval-ignore-output", "nbval-skip"}
HEADER = ("What you will learn", "Prerequisites", "Paper", "Time and memory")
SECTIONS = ("Common mistakes", "Exercises", "Summary", "What next")
# The modules that lessons teach. A cell may define one of their names only as a hand computation.
TAUGHT = {
    "acf.py", "acfnet.py", "engine/oracle.py", "functional.py", "layers/bases.py", "layers/contexts.py", "losses.py",
    "metrics.py", "predict/inference.py", "similarity.py",
}  # fmt: skip


def markdown(notebook: nbformat.NotebookNode) -> list[str]:
    return [cell.source for cell in notebook.cells if cell.cell_type == "markdown"]


def tags(cell: nbformat.NotebookNode) -> set[str]:
    return set(cell.metadata.get("tags", []))


def tree(cell: nbformat.NotebookNode) -> ast.Module:
    """The cell as Python; magics are left out."""
    lines = cell.source.splitlines()
    return ast.parse("\n".join("pass" if line.startswith(("%", "!")) else line for line in lines))


def compared_text(cell: nbformat.NotebookNode) -> bool:
    """Whether the cell stores a text that strict nbval compares; the name of a figure object does not count."""
    if has_marker(cell, IGNORE) or has_marker(cell, SKIP):
        return False
    for output in cell.outputs:
        if output.output_type == "stream" and output.name == "stdout":
            return True
        if "data" in output and not output.data.get("text/plain", "<Figure").startswith("<Figure"):
            return True
    return False


def check_text_share(notebook: nbformat.NotebookNode) -> list[str]:
    cells = [cell for cell in code_cells(notebook) if "setup" not in tags(cell)]  # tools/first_cell.py; says nothing
    with_text = sum(map(compared_text, cells))
    if with_text >= MIN_TEXT_SHARE * len(cells):
        return []
    return [f"{with_text} of {len(cells)} code cells have compared text; at least {MIN_TEXT_SHARE:.0%} must"]


def check_figures(notebook: nbformat.NotebookNode) -> list[str]:
    """A cell that shows a figure stores it as PNG: code-hosting sites draw nothing else."""
    return [
        f"cell {number} shows a figure but stores no PNG"
        for number, cell in enumerate(code_cells(notebook), 1)
        if re.search(r"\bplt\.show\(|<Figure size", cell.source + str(cell.outputs))
        and not any("image/png" in output.get("data", {}) for output in cell.outputs)
    ]


def check_tags(notebook: nbformat.NotebookNode) -> list[str]:
    """A typing error in a tag would hide a cell from the tests that look for it."""
    known = OWN_TAGS | {item.tag for item in load_items()}
    unknown = set().union(*(tags(cell) for cell in notebook.cells)) - known
    on_text = [cell.id for cell in notebook.cells if cell.cell_type != "code" and tags(cell)]
    complaints = [f"unknown tags {sorted(unknown)}"] if unknown else []
    return complaints + [f"tags on the text cells {on_text}"] * bool(on_text)


# ---- lessons alone, not solutions


def check_header(notebook: nbformat.NotebookNode) -> list[str]:
    head = notebook.cells[0].source if notebook.cells else ""
    complaints = [] if re.match(r"# \d\d · \S", head) else ["does not begin with '# NN · Title'"]
    complaints += [] if "**Question.**" in head else ["the first cell asks no **Question.**"]
    rows = re.findall(r"^\| \*\*(.+?)\*\* \| (.{10,}) \|$", head, re.MULTILINE)
    if tuple(name for name, _ in rows) != HEADER:
        complaints.append(f"the first cell has no table with the rows {HEADER}")
    time = dict(rows).get("Time and memory", "")
    if not re.search(r"\d+ seconds? on 2 CPU cores.*\d GB", time):
        complaints.append("Time and memory: give '... N seconds on 2 CPU cores ... N GB'")
    return complaints


def check_sections(notebook: nbformat.NotebookNode, exercises: bool = True) -> list[str]:
    headings = re.findall(r"^## (?:\d+\. )?(.+)$", "\n".join(markdown(notebook)), re.MULTILINE)
    wanted = [section for section in SECTIONS if exercises or section == "What next" or section == "Summary"]
    order = [next((k for k, heading in enumerate(headings) if heading.startswith(s)), None) for s in wanted]
    missing = [section for section, place in zip(wanted, order, strict=True) if place is None]
    if missing:
        return [f"has no section {missing}"]
    return [] if order == sorted(order) else [f"the sections are not in the order {wanted}"]


def check_next(notebook: nbformat.NotebookNode, number: int, last: int) -> list[str]:
    """The lesson leads to the next one."""
    if number == last or re.search(rf"lesson {number + 1:02d}\b", markdown(notebook)[-1], re.IGNORECASE):
        return []
    return [f"its last cell does not name lesson {number + 1:02d}"]


def check_hand_cells(notebook: nbformat.NotebookNode) -> list[str]:
    """Hand computations use nothing of acflib, neither imported in the cell nor before."""
    complaints, from_acflib = [], set()
    hand = [cell for cell in code_cells(notebook) if "hand" in tags(cell)]
    for number, cell in enumerate(code_cells(notebook), 1):
        imported = acflib_names(tree(cell))
        from_acflib |= imported
        if "hand" in tags(cell):
            used = {node.id for node in ast.walk(tree(cell)) if isinstance(node, ast.Name)} & from_acflib
            if imported | used:
                complaints.append(f"cell {number} is a hand computation but uses {sorted(imported | used)} of acflib")
    return complaints if hand else ["has no hand computation (tag `hand`)"]


def acflib_names(module: ast.Module) -> set[str]:
    """The names that imports of acflib bind."""
    names = set()
    for node in ast.walk(module):
        if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "acflib":
            names |= {alias.asname or alias.name for alias in node.names}
        elif isinstance(node, ast.Import):
            names |= {a.asname or "acflib" for a in node.names if a.name.split(".")[0] == "acflib"}
    return names


def check_copies(notebook: nbformat.NotebookNode) -> list[str]:
    """No definition is copied from the library: import it, or derive it by hand in a cell tagged `hand`."""
    names, bodies = library_definitions()
    complaints = []
    for number, cell in enumerate(code_cells(notebook), 1):
        if "hand" in tags(cell):
            continue
        for node in ast.walk(tree(cell)):
            if isinstance(node, (ast.FunctionDef, ast.ClassDef)):
                if node.name in names:
                    complaints.append(f"cell {number} defines {node.name}, which acflib has")
                elif body(node) in bodies:
                    complaints.append(f"cell {number} copies {bodies[body(node)]} of acflib as {node.name}")
    return complaints


@cache
def library_definitions() -> tuple[set[str], dict[str, str]]:
    """The public names of the taught modules, and body -> name of all functions of acflib of two lines or more."""
    names, bodies = set(), {}
    package = ROOT / "acflib"
    if gone := sorted(name for name in TAUGHT if not (package / name).is_file()):
        raise FileNotFoundError(f"TAUGHT names files that acflib has not: {gone}")
    for path in sorted(package.rglob("*.py")):
        taught = path.relative_to(package).as_posix() in TAUGHT
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, (ast.FunctionDef, ast.ClassDef)):
                if taught and not node.name.startswith("_"):
                    names |= {node.name} if node.name != "forward" else set()
                if len(without_docstring(node)) > 1:
                    bodies[body(node)] = node.name
    return names, bodies


def without_docstring(node: ast.FunctionDef | ast.ClassDef) -> list[ast.stmt]:
    first = node.body[0]
    is_docstring = isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant)
    return node.body[1:] if is_docstring else node.body


def body(node: ast.FunctionDef | ast.ClassDef) -> str:
    """What a definition does: its statements without the docstring, formatting and comments."""
    return "\n".join(ast.unparse(statement) for statement in without_docstring(node))


# ---- exercises and their solutions


def check_exercises(path: Path) -> list[str]:
    """At least three exercises of the right form; the stored output says that they are not solved."""
    try:
        found = exercises_in(path)
    except ValueError as error:
        return [str(error)]
    notebook = nbformat.read(path, as_version=4)
    complaints = [] if len(found) >= 3 else [f"has {len(found)} exercises; at least three"]
    if len(TITLE.findall("\n".join(markdown(notebook)))) != len(found):
        complaints.append("has a text of an exercise without a code cell tagged `exercise`")
    for number, cell in enumerate(code_cells(notebook), 1):
        if "exercise" in tags(cell) and not (compared_text(cell) and unsolved(cell)):
            complaints.append(f"cell {number}: the compared output of an exercise is its message 'Not solved yet: ...'")
    return complaints


def unsolved(cell: nbformat.NotebookNode) -> bool:
    texts = [output.data.get("text/plain", "") for output in cell.outputs if "data" in output]
    return len(texts) == 1 and texts[0].startswith("Not solved yet")


def check_solutions(path: Path) -> list[str]:
    """Each exercise is solved in the notebook of the same name under solutions/, and its check says so there."""
    solutions = path.parent / "solutions" / path.name
    if not solutions.is_file():
        return [f"has no solutions/{path.name}"]
    solved = set()
    for cell in code_cells(nbformat.read(solutions, as_version=4)):
        texts = [output.data.get("text/plain", "") for output in cell.outputs if "data" in output]
        if texts and re.fullmatch(r"Right, on \d+ random (shapes|inputs)\.", texts[-1]) and compared_text(cell):
            solved |= set(re.findall(r"\bchecks\.(\w+)\(", cell.source))
    wanted = [record["check"] for record in exercises_in(path)]
    return [f"solutions/{path.name} does not solve {name}" for name in wanted if name not in solved]
