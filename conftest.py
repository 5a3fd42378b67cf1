"""Settings for tests that run side by side (`pytest -n auto`), and for `pytest --nbval notebooks/`.

The second make the stored output of a notebook comparable everywhere.

They hold for tests alone. A student who opens the same notebook in JupyterLab keeps the GPU and all threads.
"""

import os
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest

if "PYTEST_XDIST_WORKER" in os.environ:
    # Before torch is imported: two processes with a thread for each core would wait for each other.
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    os.environ.setdefault("NOTEBOOK_THREADS", "1")

# Another thread count: NOTEBOOK_THREADS=4 pytest --nbval notebooks/
KERNEL_ENVIRONMENT = {
    "CUDA_VISIBLE_DEVICES": "",  # the outputs were stored on a CPU
    "OMP_NUM_THREADS": os.environ.get("NOTEBOOK_THREADS", "2"),
    # What torch gives back stays with the process (glibc): asking for it again takes time.
    "MALLOC_MMAP_THRESHOLD_": "1000000000",
    "MALLOC_TRIM_THRESHOLD_": "1000000000",
    # The acflib beside this file is the one that is tested, even in a copy of the repository.
    "PYTHONPATH": os.pathsep.join(filter(None, [str(Path(__file__).parent), os.environ.get("PYTHONPATH")])),
}

LONGEST = ("10_", "08_")

# Warnings hold process ids and paths, HTML and SVG hold random ids and times. The text/plain beside them is compared.
NOT_COMPARED = ("stderr", "text/html", "image/svg+xml")


def pytest_configure(config: pytest.Config) -> None:
    if not (getattr(config.option, "nbval", False) or getattr(config.option, "nbval_lax", False)):
        return
    if not config.option.nbval_kernel_name:
        config.option.nbval_current_env = True  # the kernel is the Python that runs pytest
    _patch_nbval()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Of the notebooks the longest first, or one worker would still be at it when all others have ended."""
    items.sort(key=lambda item: not item.path.name.startswith(LONGEST))


def pytest_collectstart(collector: pytest.Collector) -> None:
    if hasattr(collector, "skip_compare"):  # nbval's notebook file
        collector.skip_compare += NOT_COMPARED


def started_again(start: Callable) -> Callable:
    """The same, tried three times: a kernel dies where another process takes the port that was chosen for it."""

    def start_kernel(*args, **kwargs):
        for _ in range(2):
            with suppress(RuntimeError):
                return start(*args, **kwargs)
        return start(*args, **kwargs)

    return start_kernel


def _patch_nbval() -> None:
    """Three changes to nbval 0.11.0, whose version pyproject.toml therefore pins."""
    import nbval.kernel

    start_new_kernel = started_again(nbval.kernel.start_new_kernel)

    def start_with_environment(*args, **kwargs):
        return start_new_kernel(*args, env={**os.environ, **KERNEL_ENVIRONMENT}, **kwargs)

    def execute_with_history(self, cell_input, allow_stdin=None):
        # store_history=True as in JupyterLab: only then does a trailing `;` keep a cell silent.
        return self.kc.execute(cell_input, store_history=True, allow_stdin=allow_stdin, stop_on_error=False)

    warm = (Path(__file__).parent / "tests" / "warm.py").exists()  # a student's copy has no tests
    if warm and "PYTEST_XDIST_WORKER" in os.environ and sys.platform == "linux":  # as `make test` does, for speed
        import jupyter_client.launcher

        from tests.warm import FOR_KERNELS, Stove, WarmPopen

        os.environ.update(KERNEL_ENVIRONMENT)
        WarmPopen.stove = Stove(FOR_KERNELS)
        jupyter_client.launcher.Popen = WarmPopen
    nbval.kernel.start_new_kernel = start_with_environment
    nbval.kernel.RunningKernel.execute_cell_input = execute_with_history
