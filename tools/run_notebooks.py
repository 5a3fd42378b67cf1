"""Run notebooks again, in place, so that strict nbval reproduces their output.

    python tools/run_notebooks.py                      all notebooks, solutions too, in order
    python tools/run_notebooks.py notebooks/01*.ipynb  these

A notebook that raises stays as it was. The kernel is the Python that runs this script, with the
settings of conftest.py: no GPU, a fixed number of threads. What differs from run to run (times, versions, kernel names)
is not stored.
"""

import argparse
import os
import subprocess
import sys
import time
from pathlib import Path

import nbformat
from ipykernel.kernelspec import get_kernel_dict
from jupyter_client.kernelspec import KernelSpec, KernelSpecManager
from jupyter_client.manager import AsyncKernelManager
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError

from acflib.datasets.folders import visible

ROOT = Path(__file__).resolve().parent.parent
KERNEL_ENVIRONMENT = {
    "CUDA_VISIBLE_DEVICES": "",
    "OMP_NUM_THREADS": os.environ.get("NOTEBOOK_THREADS", "2"),
    "PYTHONPATH": os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")])),
}


class ThisPython(KernelSpecManager):
    """Whatever kernel a notebook names, it gets the Python that runs this script."""

    def get_kernel_spec(self, kernel_name: str) -> KernelSpec:
        return KernelSpec(**get_kernel_dict())


def clean(notebook: nbformat.NotebookNode) -> None:
    """Drop what differs from run to run or from machine to machine."""
    widgets = notebook.metadata.get("widgets")
    notebook.metadata = nbformat.NotebookNode(
        kernelspec={"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"},
        language_info={"name": "python"},
    )
    if widgets:
        notebook.metadata["widgets"] = widgets
    for cell in notebook.cells:
        for key in ("execution", "ExecuteTime", "collapsed", "scrolled", "jupyter"):
            cell.metadata.pop(key, None)


def run(path: Path) -> None:
    """Execute one notebook and replace its file; raises CellExecutionError where a cell fails."""
    notebook = nbformat.read(path, as_version=4)
    client = NotebookClient(
        notebook,
        km=AsyncKernelManager(kernel_name="python3", kernel_spec_manager=ThisPython()),
        timeout=600,
        record_timing=False,
        coalesce_streams=True,
        resources={"metadata": {"path": str(path.parent)}},
    )
    client.execute(env={**os.environ, **KERNEL_ENVIRONMENT}, stderr=subprocess.DEVNULL)  # the kernel's own log
    clean(notebook)
    partial = path.with_suffix(".ipynb.partial")
    nbformat.write(notebook, partial)
    os.replace(partial, path)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("notebooks", nargs="*", type=Path, help="notebooks to run (default: all)")
    chosen = parser.parse_args().notebooks or visible((ROOT / "notebooks").rglob("*.ipynb"), ROOT)
    failed = 0
    for path in (path for path in chosen if ".ipynb_checkpoints" not in path.parts):
        start = time.perf_counter()
        try:
            run(path.resolve())
        except CellExecutionError as error:
            failed += 1
            print(f"FAILED {path} (left as it was)\n{error}", file=sys.stderr)
        else:
            print(f"ok     {path}  {time.perf_counter() - start:.0f} s  {path.stat().st_size / 1e3:.0f} kB")
    return min(failed, 1)


if __name__ == "__main__":
    sys.exit(main())
