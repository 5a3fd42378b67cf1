"""A JupyterLab on this computer and a Chromium that uses it: real mouse and keys, nothing is called inside the page.

The widgets write what they show into attributes of their root: ``data-pixel`` ("row,column"), ``data-version``.
"""

import contextlib
import json
import os
import re
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
# The first is Chromium without the parts for a window, as playwright takes it by default; it is quicker.
BROWSERS = ("chromium-headless-shell", "chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
WAIT_MS = 300000  # for the start of a page: a machine that is busy with other things is slow, not broken
# Lines of JupyterLab and Voila, not of ours: they ask for files that are not there, or lie on the internet.
NOT_OURS = re.compile(r"favicon|translation|/lsp/|status of 404|settings|ERR_(NAME_NOT_RESOLVED|INTERNET_DISCONNECTED)")


def missing() -> str | None:
    """Why the browser tests cannot run here; None if they can."""
    if find_browser() is None:
        return "no Chromium: `apt-get install chromium` (or chromium-headless-shell), or set ACFLIB_BROWSER to its path"
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


def wait_for(address: str, process: subprocess.Popen, seconds: float = 180) -> None:
    """Until a server answers, be it that there is no such page; raises if it ends before, or takes longer."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if process.poll() is not None:
            raise RuntimeError(f"the server of {address} ended with status {process.returncode}")
        try:
            urllib.request.urlopen(address, timeout=2).close()
            return
        except urllib.error.HTTPError:
            return
        except OSError:
            pass
        time.sleep(0.2)
    raise RuntimeError(f"no answer from {address} within {seconds} seconds")


@dataclass(frozen=True)
class Server:
    """A server that runs."""

    address: str
    process: int  # its id


def launch(playwright):
    """A Chromium without a window."""
    return playwright.chromium.launch(executable_path=find_browser(), args=["--no-sandbox"])


@contextlib.contextmanager
def serving(command: list[str], address: str, log: Path, **environment: str) -> Iterator[int]:
    """Run a server while the block runs; gives its process id. It ends with the block, its children too."""
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
            yield process.pid
        finally:
            process.terminate()  # JupyterLab and Voila end their kernels first
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


@contextlib.contextmanager
def jupyterlab(folder: Path) -> Iterator[Server]:
    """JupyterLab on loopback without a token, its files in ``folder``."""
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
        *(sys.executable, "-m", "jupyterlab", "--no-browser", "--ServerApp.ip=127.0.0.1"),
        *(f"--ServerApp.port={port}", "--ServerApp.port_retries=0", "--IdentityProvider.token="),
        *(f"--ServerApp.root_dir={folder}", "--ServerApp.allow_root=True"),
        "--LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate",
        # What the tests do not need, and what starts slowly.
        *(f"--ServerApp.jpserver_extensions={name}=False" for name in ("voila.server_extension", "jupyter_lsp")),
    ]
    no_news = state / "settings/@jupyterlab/apputils-extension/notification.jupyterlab-settings"
    no_news.parent.mkdir(parents=True, exist_ok=True)
    no_news.write_text('{"fetchNews": "false", "checkForUpdates": false, "doNotDisturbMode": true}')
    address = f"http://127.0.0.1:{port}"
    with serving(command, f"{address}/api/status", folder / "jupyterlab.log", **settings) as process:
        yield Server(address, process)


class Errors(list):
    """What the browser's console says is wrong, but for what JupyterLab itself says."""

    def watch(self, page) -> None:
        page.on("pageerror", lambda error: self.append(f"page error: {error}"))
        page.on("console", self._heard)

    def _heard(self, message) -> None:
        if message.type == "error" and not NOT_OURS.search(f"{message.text} {message.location.get('url', '')}"):
            self.append(f"console: {message.text}")


def open_notebook(page, address: str, name: str) -> None:
    """Open a notebook and have all of its cells run, by the menu.

    In a workspace of its own: what JupyterLab opens again after a reload is what the last page of a workspace had open.
    """
    page.goto(f"{address}/lab/workspaces/{Path(name).stem}/tree/{name}?reset", wait_until="domcontentloaded")
    page.locator(".jp-Notebook").first.wait_for(timeout=WAIT_MS)
    # Without a kernel JupyterLab would ask for one, in a dialog.
    toolbar = page.locator(".jp-NotebookPanel-toolbar")
    toolbar.locator(".jp-Toolbar-kernelName", has_text="Python").wait_for(timeout=WAIT_MS)
    toolbar.locator(".jp-Notebook-ExecutionIndicator[data-status=idle]").wait_for(timeout=WAIT_MS)
    run_all(page)


def run_all(page) -> None:
    """Have all cells of the notebook run, by the menu."""
    page.locator(".jp-Notebook .jp-Cell").first.click()
    page.get_by_role("menuitem", name="Run", exact=True).click()
    page.get_by_role("menuitem", name="Run All Cells", exact=True).click()


def kernel_menu(page, entry: str, sure: str = "") -> None:
    """Choose an entry of JupyterLab's menu *Kernel*; ``sure`` is the button that says yes to its question."""
    page.get_by_role("menuitem", name="Kernel", exact=True).click()
    page.locator(".lm-Menu-itemLabel").get_by_text(entry, exact=True).click()
    if sure:
        page.locator(".jp-Dialog button", has_text=sure).click()


def set_theme(page, name: str) -> None:
    """Choose a theme of JupyterLab by its menu."""
    page.get_by_role("menuitem", name="Settings", exact=True).click()
    page.locator(".lm-Menu-item[data-type=submenu]", has_text=re.compile("^Theme$")).hover()
    page.locator(".lm-Menu-item", has_text=re.compile(f"^{name}$")).click()
    light = "true" if "Light" in name else "false"
    page.locator(f"body[data-jp-theme-light={light}]").wait_for(state="attached", timeout=60000)


def wait_until_run(page, path: Path, seconds: float = 400) -> dict:
    """Save (Ctrl+S) until the file on disk says that every code cell has run; the notebook."""
    end, counts = time.monotonic() + seconds, []
    while time.monotonic() < end:
        page.keyboard.press("Control+s")
        page.wait_for_timeout(1500)
        try:
            notebook = json.loads(path.read_text())
        except json.JSONDecodeError:
            continue  # JupyterLab is about to write it
        counts = [cell["execution_count"] for cell in code_cells(notebook)]
        if counts == list(range(1, len(counts) + 1)):
            return notebook
    raise AssertionError(f"{path.name}: not all cells have run within {seconds} seconds: {counts}")


def code_cells(notebook: dict) -> list[dict]:
    """The code cells of a notebook as it stands in its file."""
    return [cell for cell in notebook["cells"] if cell["cell_type"] == "code"]


def write_notebook(path: Path, sources: list[str]) -> None:
    """Write a notebook of these code cells."""
    cells = [
        {"cell_type": "code", "id": f"c{i}", "metadata": {}, "execution_count": None, "outputs": [], "source": source}
        for i, source in enumerate(sources)
    ]
    kernel = {"name": "python3", "display_name": "Python 3 (ipykernel)", "language": "python"}
    path.write_text(
        json.dumps({"cells": cells, "metadata": {"kernelspec": kernel}, "nbformat": 4, "nbformat_minor": 5})
    )


def forget_outputs(path: Path) -> None:
    """Take outputs, counts and widget states out of a notebook's file."""
    from tools.my_lessons import without_outputs

    path.write_text(json.dumps(without_outputs(json.loads(path.read_text())), indent=1))


def complaints_of(notebook: dict, log: Path) -> list[str]:
    """Errors and warnings of the kernel: in the outputs, and what widgets raised, which lands in the server's log."""
    outputs = [output for cell in code_cells(notebook) for output in cell["outputs"]]
    found = [f"{o['output_type']}: {o.get('ename') or o.get('text')}" for o in outputs if o["output_type"] == "error"]
    found += [f"stderr: {o['text']}" for o in outputs if o.get("name") == "stderr"]
    # JupyterLab indents what it says of its own errors; a busy machine asks it for kernels that are half made.
    lines = [line for line in log.read_text().splitlines() if not line.startswith(" ")]
    return found + [line for line in lines if "Traceback" in line or "Exception" in line]


def version_of(widget) -> int:
    """The number of the frame that a widget shows."""
    return int(widget.get_attribute("data-version"))


def settle(widget, page, version: int, seconds: float = 60) -> int:
    """Wait until a widget shows a frame newer than ``version``; its version."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        now = int(widget.get_attribute("data-version") or -1)
        if now > version:
            return now
        page.wait_for_timeout(10)
    raise AssertionError(f"no new frame within {seconds} seconds after frame {version}")


def wait_for_pixel(widget, page, pixel: tuple[int, int], seconds: float = 60) -> None:
    """Wait until a widget shows this pixel."""
    wanted, end = f"{pixel[0]},{pixel[1]}", time.monotonic() + seconds
    while (found := widget.get_attribute("data-pixel")) != wanted:
        assert time.monotonic() < end, f"the widget shows {found}, not {wanted}"
        page.wait_for_timeout(10)


def point_of(stack, pixel: tuple[int, int], size: tuple[int, int]) -> tuple[float, float]:
    """Where the middle of a pixel lies on the screen; the panel is scrolled into view."""
    stack.scroll_into_view_if_needed()
    box = stack.bounding_box()
    row, column = ((place + 0.5) / length for place, length in zip(pixel, size, strict=True))
    return box["x"] + column * box["width"], box["y"] + row * box["height"]
