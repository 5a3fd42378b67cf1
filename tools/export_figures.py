"""Write the figures of the notebooks as PNG files, for slides.

    python tools/export_figures.py --out slides                       all notebooks
    python tools/export_figures.py notebooks/09*.ipynb --out slides   these

A file is called by its notebook, the number of the cell and its tag or heading: 01_class_centers-11-fig-1c.png. The
pictures are those stored in the notebook; nothing is run.
"""

import argparse
import base64
import re
import sys
from collections.abc import Iterable
from pathlib import Path

import nbformat

ROOT = Path(__file__).resolve().parent.parent
if __name__ == "__main__":
    sys.path.insert(0, str(ROOT))

from acflib.engine.files import write_whole  # noqa: E402
from acflib.errors import AcflibError, ConfigError  # noqa: E402
from tools.notebook_cells import code_cells, lessons  # noqa: E402


def slug(text: str) -> str:
    """A heading as part of a file name: "9. Which pixels?" -> "which-pixels"."""
    words = re.findall(r"[a-z0-9]+", re.sub(r"^\d+\. ", "", text).lower())
    return "-".join(words)[:40].strip("-") or "figure"


def figures(path: Path) -> list[tuple[str, bytes]]:
    """File name and PNG of each stored figure of a notebook, in order.

    Raises:
        ConfigError: the file is no notebook.
    """
    try:
        notebook = nbformat.read(path, as_version=4)
    except (OSError, ValueError) as error:
        raise ConfigError(f"{path}: cannot be read as a notebook ({error}); give an .ipynb file") from error
    found = []
    for number, heading, cell in code_cells(notebook):
        pictures = [output.data["image/png"] for output in cell.outputs if "image/png" in output.get("data", {})]
        label = next((tag for tag in cell.metadata.get("tags", []) if tag.startswith("fig-")), slug(heading))
        for k, picture in enumerate(pictures):
            letter = chr(ord("a") + k) if len(pictures) > 1 else ""
            found.append((f"{path.stem}-{number:02d}{letter}-{label}.png", base64.b64decode(picture)))
    return found


def write_pictures(folder: Path, pictures: Iterable[tuple[str, bytes]]) -> None:
    """Write the files (name, content) into a folder, which is made if missing, and print where each is."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in pictures:
        write_whole(folder / name, content)
        print(folder / name)


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("notebooks", nargs="*", type=Path, help="default: all lessons, without the solutions")
    parser.add_argument("--out", type=Path, default=Path("slides"), help="folder for the pictures (default: slides)")
    given = parser.parse_args(arguments)
    try:
        write_pictures(given.out, (found for path in given.notebooks or lessons() for found in figures(path)))
    except (AcflibError, OSError) as error:
        print(f"export_figures: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
