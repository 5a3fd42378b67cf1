"""Copy the lessons into a folder of the student's own, without their outputs (make lab).

    python tools/my_lessons.py [--out my-lessons]

What a lesson asks to predict stands in its outputs, so a copy has none. A copy that is there already is the student's
and stays as it is. Solutions are not copied.
"""

import argparse
import json
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
if __name__ == "__main__":
    sys.path.insert(0, str(ROOT))

from acflib.engine.files import write_whole  # noqa: E402
from tools.notebook_cells import lessons  # noqa: E402


def without_outputs(notebook: dict[str, Any]) -> dict[str, Any]:
    """A notebook as nobody has run it: no outputs, counts and states of widgets."""
    cells = [
        cell | {"outputs": [], "execution_count": None} if cell["cell_type"] == "code" else cell
        for cell in notebook["cells"]
    ]
    metadata = {key: value for key, value in notebook["metadata"].items() if key != "widgets"}
    return notebook | {"cells": cells, "metadata": metadata}


def copy_lessons(source: Path, target: Path) -> list[Path]:
    """Copy the numbered notebooks that ``target`` lacks; those that were copied."""
    target.mkdir(parents=True, exist_ok=True)
    copied = []
    for lesson in lessons(source):
        path = target / lesson.name
        if not path.exists():
            notebook = without_outputs(json.loads(lesson.read_text(encoding="utf-8")))
            write_whole(path, (json.dumps(notebook, indent=1, ensure_ascii=False) + "\n").encode())
            copied.append(path)
    return copied


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=ROOT / "my-lessons", help="your folder (default: my-lessons)")
    out = parser.parse_args().out
    copied = copy_lessons(ROOT / "notebooks", out)
    print(f"{len(copied)} lessons copied to {out}. For a fresh one, rename or delete yours and do this again.")


if __name__ == "__main__":
    main()
