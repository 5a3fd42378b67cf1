"""One run of a student's notebook in a kernel of its own, with the judgments after it."""

import asyncio
import json
import os
import secrets
import subprocess
import tempfile
import threading
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from acflib.course.checks.catalog import MATERIAL
from acflib.course.grading.cells import MISSING, CheckCall
from acflib.course.grading.clock import SLOW, Clock, processor_seconds
from acflib.engine.machine import AROUND, python_path
from acflib.errors import ConfigError, package_fault

ANSWER_TIME = 10  # seconds in which an interrupted kernel must answer
NO_VERDICT = "The check "  # begins the message of a judgment that was broken off
POLL = 0.2  # seconds between two looks at the clock
STARTING = threading.Lock()  # one kernel at a time looks for free ports
# What judges, a function in the kernel. A check that a student's cell has replaced is replaced again: acflib is loaded
# anew. For the cells that follow all is as it was: the modules, the random numbers, and no name but its own is there.
JUDGING = f"""
def NAME(*arguments):
    import random, sys
    import numpy, torch
    def of_acflib():
        return {{name: module for name, module in sys.modules.items() if name.split(".")[0] == "acflib"}}
    before, path = of_acflib(), list(sys.path)
    states = random.getstate(), numpy.random.get_state(), torch.get_rng_state()
    try:
        for name in before:
            del sys.modules[name]
        sys.path.insert(0, {str(AROUND)!r})
        from acflib.course.grading.kernel import judge_answer
        judge_answer(*arguments)
    finally:
        for name in of_acflib():
            del sys.modules[name]
        sys.modules.update(before)
        sys.path[:] = path
        random.setstate(states[0]), numpy.random.set_state(states[1]), torch.set_rng_state(states[2])
"""


class KernelLost(Exception):
    """The kernel ended in a cell, or cannot be stopped there."""

    def __init__(self, cell: int, reason: str) -> None:
        super().__init__(reason)
        self.cell, self.reason = cell, reason


class Session:
    """A kernel and the cells that it runs.

    Args:
        notebook: the student's.
        folder: where the kernel works, as in JupyterLab: the folder of the notebook.
        timeout: seconds of the processor that a cell, or one judgment, may take; see :class:`Clock`.
        lost: index of a cell -> why it is left out, because it ended the kernel of a session before.
        threads: that torch may use in the kernel; None leaves it to torch.
        material: a folder with the checks, where they are none of the course's.

    Attributes:
        slow: index of a cell -> "ran longer than 120 seconds", of this session.
    """

    def __init__(
        self,
        notebook,
        folder: Path,
        timeout: float,
        lost: dict[int, str],
        threads: int | None = None,
        material: str | None = None,
    ) -> None:
        self.cells, self.timeout, self.lost, self.material = notebook.cells, timeout, lost, material
        self.slow: dict[int, str] = {}
        self.answers = f"answers_{secrets.token_hex(8)}"  # a variable of the kernel: check -> the student's function
        self.judging = f"judging_{secrets.token_hex(8)}"  # a function of the kernel, see JUDGING
        self.results = tempfile.TemporaryDirectory()
        self.client = start_kernel(folder, threads, material)

    def kill(self) -> None:
        """End the kernel now, from any thread: whoever waits for it is told that it is dead."""
        with suppress(Exception):  # it may have ended by itself
            self.client.km.provisioner.process.kill()

    def close(self) -> None:
        """End the kernel, whatever it is doing."""
        from nbclient.util import run_sync

        with suppress(Exception):  # it may have ended by itself
            run_sync(self.client.km.shutdown_kernel)(now=True)
        with suppress(Exception):
            self.client.kc.stop_channels()
        self.results.cleanup()

    def run(self, calls: Sequence[CheckCall], seed: int) -> dict[str, dict]:
        """Run all cells, and judge each answer where the student's cell does: with the names as they are there.

        Returns:
            check -> {"solved", "message", "seconds", "lines"}, for each check that is called with one answer.

        Raises:
            KernelLost: in a cell that has to be left out.
        """
        self._execute(f"{self.answers} = {{}}{JUDGING.replace('NAME', self.judging)}", 0)
        found: dict[str, dict] = {}
        last = {call.check: call for call in calls}  # it counts, and no other sees the inputs that it is judged on
        for index, cell in enumerate(self.cells):
            runs = cell.cell_type == "code" and index not in self.lost
            problem = self._execute(cell.source, index) if runs else self.lost.get(index)
            if problem and problem.startswith(SLOW):
                self.slow[index] = problem
            for call in (call for call in last.values() if call.cell == index):
                if call.answer is not None:
                    verdict = self._judge(call, seed, self._keep_answer(call, problem))
                    verdict["message"] += self._why_a_name_is_missing(index, verdict["message"])
                    found[call.check] = verdict
        return found

    def _why_a_name_is_missing(self, cell: int, message: str) -> str:
        """What to add to a message about a missing name: which cell before it was broken off, or left out."""
        before = {k: reason for k, reason in sorted({**self.lost, **self.slow}.items()) if k < cell}
        if "NameError" not in message or not before:
            return ""
        place, reason = next(iter(before.items()))
        return f" (Cell {place + 1} before it {reason}, so names may be missing.)"

    def _keep_answer(self, call: CheckCall, problem: str | None) -> str | None:
        """Keep the function that the cell checks, as it is now; what is wrong where there is none."""
        if problem and (call.cell in self.lost or problem.startswith(SLOW)):
            return problem  # it would do so again
        missing = self._execute(f"{self.answers}[{call.check!r}] = {call.answer}", call.cell)
        return (problem or missing) if missing else None

    def _judge(self, call: CheckCall, seed: int, problem: str | None) -> dict:
        if problem:
            return {"solved": False, "message": f"The cell {problem}"}
        result = Path(self.results.name) / secrets.token_hex(8)
        arguments = f"{str(result)!r}, {call.check!r}, {self.answers}[{call.check!r}], {seed}, {self.material!r}"
        problem = self._execute(f"{self.judging}({arguments})", call.cell)
        if result.exists():
            return json.loads(result.read_text(encoding="utf-8"))
        return {"solved": False, "message": f"{NO_VERDICT}{problem or 'gave no result'}"}

    def _execute(self, source: str, index: int) -> str | None:
        """Run a source; None, or what went wrong. ``index`` is the student's cell to blame for a lost kernel."""
        from nbclient.exceptions import CellExecutionError, DeadKernelError
        from nbclient.util import run_sync
        from nbformat.v4 import new_code_cell

        clock = Clock(self.timeout, lambda: processor_seconds(self.client.km.provisioner.process.pid))
        late: str | None = None

        async def bounded() -> None:
            nonlocal late
            cell = asyncio.ensure_future(self.client.async_execute_cell(new_code_cell(source), 0))
            while not (await asyncio.wait({cell}, timeout=POLL))[0] and not late:
                if late := clock.over():
                    await self.client.km.interrupt_kernel()
                    await asyncio.wait({cell}, timeout=ANSWER_TIME)
            if not cell.done():
                cell.cancel()
                raise asyncio.TimeoutError
            cell.result()

        problem = None
        try:
            run_sync(bounded)()
        except CellExecutionError as error:
            problem = f"raised {error.ename}: {error.evalue}".splitlines()[0]
        except (DeadKernelError, asyncio.TimeoutError):
            dead = "ended the kernel (a crash, or not enough memory)"
            raise KernelLost(index, f"{late} and could not be stopped" if late else dead) from None
        return late or problem


def kernel_environment(threads: int | None, material: str | None) -> dict[str, str]:
    """Variables of a kernel: this acflib, no windows, the material, and threads where nothing else says how many."""
    environment = {**os.environ, "PYTHONPATH": python_path(), "MPLBACKEND": "agg"}
    if material:
        environment[MATERIAL] = material
    if threads:
        environment.setdefault("OMP_NUM_THREADS", str(threads))
    return environment


def start_kernel(folder: Path, threads: int | None = None, material: str | None = None):
    """An nbclient with a kernel of the Python that runs this, working in ``folder``, with ``threads`` for torch.

    Where ``material`` is given, its exercises are judged in the kernel, too.

    Raises:
        ConfigError: a package is missing, or the kernel does not start.
    """
    try:
        from ipykernel.kernelspec import get_kernel_dict
        from jupyter_client.kernelspec import KernelSpec, KernelSpecManager
        from jupyter_client.manager import AsyncKernelManager
        from nbclient import NotebookClient
        from nbclient.util import run_sync
        from nbformat.v4 import new_code_cell, new_notebook
    except Exception as error:  # missing, or broken
        package = (getattr(error, "name", None) or "nbclient").partition(".")[0]
        raise ConfigError(MISSING.format(package=package, fault=package_fault(package, error))) from error

    class ThisPython(KernelSpecManager):
        """Whatever kernel a notebook names, it gets this Python, where acflib is."""

        def get_kernel_spec(self, kernel_name: str) -> KernelSpec:
            return KernelSpec(**get_kernel_dict())

    environment = kernel_environment(threads, material)
    died: Exception | None = None
    for _ in range(3):  # a kernel dies where another process takes the port that was chosen for it
        client = NotebookClient(
            new_notebook(cells=[new_code_cell()]),  # a place for the cell that runs
            km=AsyncKernelManager(kernel_name="python3", kernel_spec_manager=ThisPython()),
            timeout=None,  # Session looks at the clock
            resources={"metadata": {"path": str(folder)}},
        )
        client.log.setLevel("CRITICAL")  # a cell that takes too long is reported by the grade
        try:
            with STARTING:
                run_sync(client.async_start_new_kernel)(env=environment, stderr=subprocess.DEVNULL)
            run_sync(client.async_start_new_kernel_client)()
            return client
        except (RuntimeError, OSError) as error:
            died = error
    raise ConfigError(f"no Python kernel starts ({died}); try: pip install --force-reinstall ipykernel") from died
