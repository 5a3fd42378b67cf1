"""A JupyterLab on this computer and a Chromium that uses it: mouse and keys are real, nothing is called inside the page.

The widgets write what they show into attributes of their root: ``data-pixel`` ("row,column"), ``data-version``.
"""

import contextlib
import os
import re
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
# Lines of JupyterLab itself, not of ours: it asks for files that are not there, and warns.
NOT_OURS = re.compile(r"favicon|translation|/lsp/|api/contents.*\b404\b|status of 404|settings")


def missing() -> str | None:
    """Why the browser tests cannot run here; None if they can."""
    if find_browser() is None:
        return "no Chromium: on Debian or Ubuntu `apt-get install chromium`, or set ACFLIB_BROWSER to its path"
    try:
        import playwright.sync_api  # noqa: F401
    except ImportError:
        return "no playwright: pip install -c constraints.txt playwright"
    return None


def find_browser() -> str | None:
    """The path of a Chromium."""
    named = os.environ.get("ACFLIB_BROWSER")
    if named:
        return named if Path(named).exists() else None
    return next((path for name in BROWSERS if (path := shutil.which(name))), None)


def free_port() -> int:
    """A port of this computer that nobody listens on."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return found.getsockname()[1]


def wait_for(address: str, process: subprocess.Popen, seconds: float = 60) -> None:
    """Until a server answers; raises if it ends before, or takes longer."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if process.poll() is not None:
            raise RuntimeError(f"the server of {address} ended with status {process.returncode}")
        with contextlib.suppress(OSError):
            urllib.request.urlopen(address, timeout=2).close()
            return
        time.sleep(0.2)
    raise RuntimeError(f"no answer from {address} within {seconds} seconds")


@contextlib.contextmanager
def serving(command: list[str], address: str, log: Path, **environment: str) -> Iterator[None]:
    """Run a server while the block runs. It ends with the block, its children too."""
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")])),
        "CUDA_VISIBLE_DEVICES": "",
        "OMP_NUM_THREADS": os.environ.get("NOTEBOOK_THREADS", "2"),
        **environment,
    }
    with log.open("w") as file:
        process = subprocess.Popen(command, env=environment, stdout=file, stderr=subprocess.STDOUT)
        try:
            wait_for(address, process)
            yield
        finally:
            process.terminate()  # JupyterLab and Voila end their kernels first
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


@contextlib.contextmanager
def jupyterlab(folder: Path) -> Iterator[str]:
    """JupyterLab on loopback without a token, its files in ``folder``; gives its address."""
    port = free_port()
    state = folder / ".jupyter-state"
    settings = {
        "JUPYTERLAB_SETTINGS_DIR": str(state / "settings"),
        "JUPYTERLAB_WORKSPACES_DIR": str(state / "workspaces"),
        "JUPYTER_CONFIG_DIR": str(state / "config"),
        "JUPYTER_RUNTIME_DIR": str(state / "runtime"),
        "IPYTHONDIR": str(state / "ipython"),
    }
    command = [
        *(sys.executable, "-m", "jupyter", "lab", "--no-browser", "--ServerApp.ip=127.0.0.1"),
        *(f"--ServerApp.port={port}", "--ServerApp.port_retries=0", "--IdentityProvider.token="),
        *(f"--ServerApp.root_dir={folder}", "--ServerApp.allow_root=True", "--LabApp.news_url=None"),
        "--LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate",
    ]
    address = f"http://127.0.0.1:{port}"
    with serving(command, f"{address}/api/status", folder / "jupyterlab.log", **settings):
        yield address


class Errors(list):
    """What the browser's console says is wrong, but for what JupyterLab itself says."""

    def watch(self, page) -> None:
        page.on("pageerror", lambda error: self.append(f"page error: {error}"))
        page.on("console", self._heard)

    def _heard(self, message) -> None:
        if message.type == "error" and not NOT_OURS.search(f"{message.text} {message.location.get('url', '')}"):
            self.append(f"console: {message.text}")


def open_notebook(page, address: str, name: str) -> None:
    """Open a notebook and run all of its cells; back when the last has run."""
    page.goto(f"{address}/lab/tree/{name}?reset", wait_until="domcontentloaded")
    page.locator(".jp-Notebook").first.wait_for(timeout=60000)
    page.locator(".jp-NotebookPanel-toolbar .jp-Notebook-ExecutionIndicator[data-status=idle]").wait_for(timeout=60000)
    page.locator(".jp-Notebook .jp-Cell").first.click()
    page.get_by_role("menuitem", name="Run", exact=True).click()
    page.get_by_role("menuitem", name="Run All Cells", exact=True).click()


def settle(widget, page, version: int, seconds: float = 20) -> int:
    """Wait until a widget shows a frame newer than ``version``; its version."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        now = int(widget.get_attribute("data-version") or -1)
        if now > version:
            return now
        page.wait_for_timeout(10)
    raise AssertionError(f"no new frame within {seconds} seconds after frame {version}")
