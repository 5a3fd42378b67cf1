"""The scripts in benchmarks/, imported as Python runs them: with their folder on the path."""

import importlib
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType

FOLDER = Path(__file__).resolve().parents[2] / "benchmarks"


@contextmanager
def benchmark_scripts() -> Iterator[Callable[[str], ModuleType]]:
    """Context manager that gives a function: the name of a script -> its module. Afterwards they are forgotten."""
    names = {path.stem for path in FOLDER.glob("*.py")} - set(sys.modules)
    sys.path.insert(0, str(FOLDER))
    try:
        yield importlib.import_module
    finally:
        sys.path.remove(str(FOLDER))
        for name in names:
            sys.modules.pop(name, None)
