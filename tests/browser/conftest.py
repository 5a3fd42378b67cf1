"""One JupyterLab and one Chromium for all tests of this folder; one page and one kernel for each lesson.

Skipped, with the reason, where there is no Chromium or no playwright. A machine with two free cores takes about two
minutes.
"""

import contextlib
import os
import shutil
import sys
from pathlib import Path

import pytest
from filelock import FileLock

from tests.browser import lab
from tests.browser.opened import Opened
from tests.warm import WarmPopen

REASON = lab.missing()
IN_JUPYTERLAB = ("test_explorer", "test_kernel_gone", "test_laboratory", "test_reading", "test_screen")


def pytest_xdist_make_scheduler(config: pytest.Config, log):
    """A file stays in one process; so do all that open lessons, opened once then, unless each can have its own."""
    from xdist.scheduler import LoadScopeScheduling

    class Groups(LoadScopeScheduling):
        def _split_scope(self, nodeid: str) -> str:
            file = nodeid.split("::")[0]
            together = Path(file).stem in IN_JUPYTERLAB and self.numnodes < len(IN_JUPYTERLAB)
            return "lessons" if together else file

    return Groups(config, log)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if REASON is not None and item.path.parent.name == "browser":
            item.add_marker(pytest.mark.skip(reason=f"browser tests: {REASON}"))


@pytest.fixture(scope="session")
def folder(tmp_path_factory):
    """Copies of both lessons, never run."""
    found = tmp_path_factory.mktemp("lessons")
    for path in sorted((lab.ROOT / "notebooks").glob("1[34]_*.ipynb")):
        shutil.copy(path, found)
        lab.forget_outputs(found / path.name)
    return found


@pytest.fixture(scope="session")
def server(folder, stove):
    """A JupyterLab, whose kernels begin at once (``tests/warm.py``): its address and its process."""
    with contextlib.ExitStack() as running:
        with pytest.MonkeyPatch.context() as patch:
            if stove:
                patch.setattr(WarmPopen, "stove", stove)
                patch.setattr(lab.subprocess, "Popen", WarmPopen)
            found = running.enter_context(lab.jupyterlab(folder))
        yield found


@pytest.fixture(scope="session")
def browser():
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        found = lab.launch(playwright)
        yield found
        found.close()


@pytest.fixture(scope="session")
def lesson_13(browser, server, folder):
    return Opened(browser, server.address, folder / "13_similarity_explorer.ipynb")


@pytest.fixture(scope="session")
def lesson_14(browser, server, folder):
    return Opened(browser, server.address, folder / "14_what_if.ipynb")


@pytest.fixture
def explorer(lesson_13):
    """Lesson 13 in its page; the browser's console and the kernel must have nothing to complain of after each test."""
    yield lesson_13
    assert lesson_13.complaints() == []


@pytest.fixture
def laboratory(lesson_14):
    """Lesson 14 in its page, as above."""
    yield lesson_14
    assert lesson_14.complaints() == []


@pytest.fixture(scope="session")
def site(tmp_path_factory):
    """The folder, without lessons, built once for all processes. Skipped where packages or npm are missing."""
    from acflib.errors import ConfigError
    from acflib.site.build import MARK, build_site

    here = tmp_path_factory.getbasetemp()
    out = (here.parent if "PYTEST_XDIST_WORKER" in os.environ else here) / "site"
    os.environ.setdefault("npm_config_fetch_retries", "0")  # without a network npm would wait for more than a minute
    try:
        with FileLock(f"{out}.lock"):
            if not (out / MARK).exists():
                runtime = os.environ.get("ACFLIB_ORT_WEB")
                build_site(out, "streets-acf-sum", "streets-baseline", runtime, lessons=False)
    except ConfigError as error:
        if "npm" in str(error) or "[onnx]" in str(error):
            pytest.skip(f"the site cannot be built here: {error}")
        raise
    return out


@pytest.fixture(scope="session")
def address(site, tmp_path_factory):
    """A plain file server on loopback."""
    port = lab.free_port()
    command = [sys.executable, "-m", "http.server", str(port), "--bind", "127.0.0.1", "--directory", str(site)]
    found = f"http://127.0.0.1:{port}"
    with lab.serving(command, found, tmp_path_factory.mktemp("log") / "server.log"):
        yield found


@pytest.fixture(scope="module")
def opened(browser, address):
    from tests.browser.playground import Playground

    found = Playground(browser, address)
    yield found
    found.close()


@pytest.fixture(scope="module")
def laptop(browser, address):
    """The page on a small laptop."""
    from tests.browser.playground import LAPTOP, Playground

    found = Playground(browser, address, viewport=LAPTOP)
    yield found
    found.close()


@pytest.fixture
def play(opened):
    """The page; nothing foreign is asked for, and the console, where a browser tells what it forbids, is silent."""
    opened.open()
    yield opened
    assert opened.foreign == [] and opened.errors == []


@pytest.fixture(scope="module")
def model():
    import acflib

    return acflib.load_pretrained("streets-acf-sum")
