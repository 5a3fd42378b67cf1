"""Write the first code cell of the lessons: it installs acflib where there is none, as on Colab.

    python tools/first_cell.py --course https://HOST/OWNER/acfnet                    all lessons and solutions
    python tools/first_cell.py --course https://HOST/OWNER/acfnet notebooks/01*.ipynb  these

The cell stands below the header of a lesson. One that stands there already is replaced, so a fork writes its own
address. Without ``--course`` the address is a placeholder: the cell then does nothing where acflib is installed, and
says what to fill in elsewhere. Run ``make notebooks`` afterwards, since the numbers of all cells change.
"""

import argparse
import sys
from pathlib import Path

import nbformat
from nbformat.v4 import new_code_cell

ROOT = Path(__file__).resolve().parent.parent
if __name__ == "__main__":
    sys.path.insert(0, str(ROOT))

from acflib.engine.files import write_whole  # noqa: E402
from acflib.errors import AcflibError, ConfigError  # noqa: E402
from tools.notebook_cells import lessons  # noqa: E402

TAG = "setup"
NOWHERE = "https://HOST/YOUR_COPY/acfnet"
# A clone, and not only a package: some lessons read results/. The extras are those that lessons import; JupyterLab and
# the kernel are there already, and must not be replaced while they run. What git and pip say is caught: a notebook
# does not show it.
SOURCE = """\
# Does nothing where acflib is installed. Elsewhere, as on Colab, it fetches the course: a minute or two, once.
import importlib.util
import subprocess
import sys
from pathlib import Path

COURSE = "{course}"


def run_or_stop(*command):
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


if importlib.util.find_spec("acflib") is None:
    assert "YOUR_COPY" not in COURSE, "no acflib here: start with `make lab`, or write the course's address into COURSE"
    if not Path("acfnet").exists():
        run_or_stop("git", "clone", "--quiet", "--depth", "1", COURSE, "acfnet")
    packages = ["--editable", "./acfnet[figures,weights,photographs]", "anywidget>=0.9"]
    run_or_stop(sys.executable, "-m", "pip", "install", "--quiet", *packages)
    sys.path.insert(0, str(Path("acfnet").resolve()))  # this kernel started before the installation
    importlib.invalidate_caches()
if "google.colab" in sys.modules:
    from google.colab import output

    output.enable_custom_widget_manager()"""


def first_cell(course: str = NOWHERE) -> str:
    """The source of the cell, for a course that git clones from ``course``.

    Raises:
        ConfigError: no address, or one that does not fit into a line of Python.
    """
    if not course.strip() or set(course) & set('"\\\n{}') or course.startswith("-"):
        raise ConfigError(f"--course {course!r} is no address to clone from; give one such as {NOWHERE}")
    return SOURCE.format(course=course)


def put_first_cell(notebook: nbformat.NotebookNode, course: str = NOWHERE) -> None:
    """Put the cell below the header of a lesson, in place of the one that may stand there.

    Raises:
        ConfigError: the notebook does not begin with a text cell.
    """
    cells = [cell for cell in notebook.cells if TAG not in cell.metadata.get("tags", [])]
    if not cells or cells[0].cell_type != "markdown":
        raise ConfigError("the notebook does not begin with a header, a text cell")
    name = cells[0].get("id", "").split("-")[0] or "first"
    cell = new_code_cell(first_cell(course), id=f"{name}-{TAG}", metadata={"tags": [TAG]})
    notebook.cells = [cells[0], cell, *cells[1:]]


def changed(path: Path, course: str) -> str:
    """The text of a notebook with the cell in it.

    Raises:
        ConfigError: the file is no notebook, or one without a header.
    """
    try:
        notebook = nbformat.read(path, as_version=4)
        put_first_cell(notebook, course)
    except (OSError, ValueError) as error:
        raise ConfigError(f"{path}: {error}") from error
    return nbformat.writes(notebook) + "\n"


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("notebooks", nargs="*", type=Path, help="those to change (default: all lessons and solutions)")
    parser.add_argument("--course", default=NOWHERE, help="the address that git clones the course from")
    given = parser.parse_args(arguments)
    try:
        new = [
            (path, changed(path, given.course))
            for path in given.notebooks or lessons() + lessons(ROOT / "notebooks" / "solutions")
        ]
    except AcflibError as error:
        print(error, file=sys.stderr)
        return 2
    for path, text in new:
        write_whole(path, text.encode())
    return 0


if __name__ == "__main__":
    sys.exit(main())
