"""The browser's half of the widgets: plain ES modules in ``static/``, joined without a build step."""

import re
from functools import lru_cache
from pathlib import Path

STATIC = Path(__file__).parent / "static"
_IMPORT = re.compile(r'^import \{[^}]*\} from "\./(\w+)\.js";\n', re.MULTILINE)
_EXPORT = re.compile(r"^export (?=const|function|async|class)", re.MULTILINE)


@lru_cache
def module(name: str) -> str:
    """``static/NAME.js`` as one module: the modules of this folder that it imports are put before it.

    A widget's module reaches the browser as text, so it cannot import a neighbor by its path. Imports have the form
    ``import { a, b } from "./other.js";`` and stand at the beginning of a line.
    """
    seen: list[str] = []
    return _joined(name, seen, keep_exports=True)


def _joined(name: str, seen: list[str], keep_exports: bool = False) -> str:
    seen.append(name)
    text = (STATIC / f"{name}.js").read_text(encoding="utf-8")
    needed = [other for other in _IMPORT.findall(text) if other not in seen]
    before = "".join(_joined(other, seen) for other in needed if other not in seen)
    text = _IMPORT.sub("", text)
    return before + (text if keep_exports else _EXPORT.sub("", text))


@lru_cache
def styles() -> str:
    """The style sheet of all widgets."""
    return (STATIC / "widgets.css").read_text(encoding="utf-8")
