"""``acflib app``: the similarity explorer and the laboratory in a browser, without notebooks. Voila serves them."""

import argparse
import importlib.util
import json
import signal
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from acflib.commands import CHECKPOINT
from acflib.errors import ConfigError
from acflib.options import from_flags, option

LOOPBACK = ("127.0.0.1", "localhost", "::1")
STREETS = "streets-acf-sum"
STREETS_BASELINE = "streets-baseline"


@dataclass(frozen=True)
class AppConfig:
    """``acflib app``."""

    checkpoint: str = option(STREETS, CHECKPOINT)
    baseline: str | None = option(None, f"a network for the first map; none: {STREETS_BASELINE} beside {STREETS}")
    host: str = option("127.0.0.1", "address to listen on; the default is seen from this computer alone")
    port: int = option(8866, "port to listen on")
    browser: bool = option(True, "open a browser")
    theme: str = option("light", "light or dark")


def run_app(given: argparse.Namespace) -> int:
    """``acflib app``: serves until Ctrl-C; 0, or what Voila ended with.

    Raises:
        ConfigError: Voila is not installed, or a setting cannot work.
        CheckpointError, DataError: a network or a photograph cannot be read. Said before anything is served.
    """
    config = from_flags(AppConfig(), given)
    check(config)
    pictures = check_inputs(config, given.images)
    if config.host not in LOOPBACK:
        print(f"acflib: everybody who can reach {config.host}:{config.port} can use this app", file=sys.stderr)
    with tempfile.TemporaryDirectory(prefix="acflib-app-") as folder:
        notebook = Path(folder) / "acflib.ipynb"
        notebook.write_text(json.dumps(app_notebook(config, pictures)), encoding="utf-8")
        print(f"Starting. The app will be at http://{config.host}:{config.port}/ ; Ctrl-C stops it.", flush=True)
        process = subprocess.Popen(voila_command(config, notebook))
        before = signal.signal(signal.SIGTERM, signal.default_int_handler)  # a kill ends it as Ctrl-C does
        try:
            return process.wait()
        except KeyboardInterrupt:
            return 0
        finally:
            signal.signal(signal.SIGTERM, before)
            process.terminate()  # Voila ends its kernels first
            process.wait()


def check(config: AppConfig) -> None:
    """Raise ConfigError where the app cannot run."""
    for package in ("voila", "anywidget"):
        if importlib.util.find_spec(package) is None:
            raise ConfigError(f"acflib app needs the package {package}: pip install 'acflib[app]'")
    if config.theme not in ("light", "dark"):
        raise ConfigError(f"--theme must be light or dark, got {config.theme!r}")
    if not 1 <= config.port <= 65535:
        raise ConfigError(f"--port must be from 1 to 65535, got {config.port}")


def check_inputs(config: AppConfig, images: list[Path]) -> list[Path]:
    """The photographs to choose from, after the networks and the photographs were found readable."""
    from acflib.photograph_files import find_photographs, tell_passed_over
    from acflib.pretrained import load_network
    from acflib.widgets.photographs import load_photograph

    for name in (config.checkpoint, baseline_of(config)):
        if name is not None:
            load_network(name)
    pictures = [path.resolve() for path in find_photographs(images)]
    tell_passed_over(images)
    for path in pictures:
        load_photograph(path)
    return pictures


def baseline_of(config: AppConfig) -> str | None:
    """The baseline that is meant: for the weights that come with acflib, the one that comes with them."""
    return STREETS_BASELINE if config.baseline is None and config.checkpoint == STREETS else config.baseline


def app_notebook(config: AppConfig, pictures: list[Path]) -> dict:
    """The notebook that Voila shows: one cell that makes the app."""
    files = [str(Path(name).resolve()) if name and Path(name).exists() else name for name in
             (config.checkpoint, baseline_of(config))]  # fmt: skip
    call = f"make_app({files[0]!r}, {files[1]!r}, {[str(path) for path in pictures]!r})"
    cell = {
        "cell_type": "code",
        "id": "app",
        "execution_count": None,
        "metadata": {},
        "outputs": [],
        "source": f"from acflib.widgets.app import make_app\n\n{call}",
    }
    kernel = {"name": "python3", "display_name": "Python 3 (ipykernel)", "language": "python"}
    return {"cells": [cell], "metadata": {"kernelspec": kernel, "title": "acflib"}, "nbformat": 4, "nbformat_minor": 5}


def voila_command(config: AppConfig, notebook: Path) -> list[str]:
    """How Voila is called."""
    command = [sys.executable, "-m", "voila", str(notebook), f"--Voila.ip={config.host}", f"--port={config.port}"]
    command += [f"--theme={config.theme}", "--show_tracebacks=True", "--Voila.log_level=30"]
    return command if config.browser else [*command, "--no-browser"]
