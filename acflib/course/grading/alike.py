"""The same answer in the forms of two students: bodies that differ in nothing but names, comments and blank lines.

It is a remark for whoever grades, and costs no points: there are not many ways to write a short answer.
"""

import ast
import builtins
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from acflib.course.grading.cells import calls_in, read_notebook, without_magics
from acflib.course.material.folder import forms_in_key
from acflib.errors import DataError

FEW = 18  # expressions and statements: a single return of so few says nothing
SHOWN = 3  # students that a remark names


@dataclass(frozen=True)
class Handed:
    """An answer that was handed in: the student whose form it is, the exercise, and its body."""

    student: str
    exercise: str
    body: str


def alike(notebooks: Iterable[Path], material: str | None) -> dict[Path, tuple[str, ...]]:
    """Notebook -> remarks on answers that another student has, too; none where all students have the same forms.

    Raises:
        DataError: the key of the forms cannot be read.
    """
    forms = forms_in_key(Path(material)) if material else {}
    handed = {path: tuple(_handed_in(path, forms)) for path in notebooks} if forms else {}
    who: dict[tuple[str, str], dict[str, None]] = {}  # of an exercise and a body, in the order of the notebooks
    for answer in (answer for answers in handed.values() for answer in answers):
        who.setdefault((answer.exercise, answer.body), {})[answer.student] = None
    found = {path: [_remark(answer, who[answer.exercise, answer.body]) for answer in handed[path]] for path in handed}
    return {path: tuple(filter(None, remarks)) for path, remarks in found.items()}


def _handed_in(path: Path, forms: dict[str, tuple[str, str]]) -> Iterator[Handed]:
    try:
        notebook = read_notebook(path)
    except DataError:  # whoever grades it says so
        return
    functions: dict[str, ast.AST] = {}
    last: dict[str, str] = {}  # the last call of a check counts
    for cell in notebook.cells:
        if cell.cell_type == "code":
            functions |= _functions(cell.source)
            calls = {call.check: call.answer for call in calls_in(cell.source, 0) if call.check in forms}
            last |= {check: plain_body(functions.get(answer or "")) for check, answer in calls.items()}
    yield from (Handed(*forms[check], body) for check, body in last.items() if body)


def _functions(source: str) -> dict[str, ast.AST]:
    """Name -> function, of those that a cell defines; none where it is no Python."""
    try:
        body = ast.parse(without_magics(source)).body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return {}
    return {node.name: node for node in body if isinstance(node, ast.FunctionDef)}


def plain_body(function: ast.AST | None) -> str:
    """The body of a function with its names replaced by numbers; empty where it is too short to say anything.

    The arguments may stand in any order, as they do in forms. Names of Python itself and of attributes stay.
    """
    if not isinstance(function, ast.FunctionDef):
        return ""
    body = function.body[1:] if ast.get_docstring(function) is not None else function.body
    nodes = [node for statement in body for node in ast.walk(statement)]
    if sum(isinstance(node, (ast.expr, ast.stmt)) for node in nodes) < FEW:
        return ""
    anonymous = _Anonymous()
    try:
        return "\n".join(ast.dump(anonymous.visit(statement)) for statement in body)
    except RecursionError:  # nested deeper than anybody writes
        return ""


class _Anonymous(ast.NodeTransformer):
    """Names become numbers in the order in which they are met."""

    def __init__(self) -> None:
        self._numbers: dict[str, str] = {}

    def _number(self, name: str) -> str:
        return name if hasattr(builtins, name) else self._numbers.setdefault(name, str(len(self._numbers)))

    def visit_Name(self, node: ast.Name) -> ast.AST:
        return ast.Name(self._number(node.id), node.ctx)

    def visit_arg(self, node: ast.arg) -> ast.AST:
        return ast.arg(self._number(node.arg))

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.AST:
        self.generic_visit(node)
        node.name, node.returns = self._number(node.name), None
        return node


def _remark(answer: Handed, students: dict[str, None]) -> str:
    others = [student for student in students if student != answer.student]
    if not others:
        return ""
    more = f" and {len(others) - SHOWN} more" if len(others) > SHOWN else ""
    named = ", ".join(others[:SHOWN]) + more
    return f"Exercise {answer.exercise}: {answer.student} has the same body, but for names, as {named}. Costs nothing."
