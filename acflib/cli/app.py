"""``acflib app``: the similarity explorer and the laboratory in a browser, without notebooks. Voila serves them."""

import argparse
import errno
import importlib
import json
import os
import socket
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from acflib.cli.common import CHECKPOINT
from acflib.errors import ConfigError, package_fault
from acflib.options import from_flags, option
from acflib.predict.photograph_files import find_photographs, tell_passed_over
from acflib.predict.pretrained import load_pretrained

STOP_SECONDS = 15  # for Voila to end its kernels; batch systems kill 30 s after they asked
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
    """``acflib app``: serves until Ctrl-C; 0.

    Raises:
        ConfigError: Voila is not installed or ended by itself, or a setting cannot work.
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
        print(f"Starting. The app will be at {shown_address(config)} ; Ctrl-C stops it.", flush=True)
        process = subprocess.Popen(voila_command(config, notebook))
        try:
            status = process.wait()
        except KeyboardInterrupt:  # SIGTERM is one too: acflib.engine.interrupts
            return 0
        finally:
            end(process)
    if status:
        raise ConfigError(
            f"Voila ended by itself (status {status}); what it said is above. Does it start alone: voila?"
        )
    return 0


def end(process: subprocess.Popen) -> None:
    """Ask Voila to end, which ends its kernels first; kill it if it does not, or if somebody is in a hurry.

    Its kernels end by themselves when it is gone.
    """
    try:
        process.terminate()
        process.wait(STOP_SECONDS)
    except (KeyboardInterrupt, subprocess.TimeoutExpired):
        process.kill()
        process.wait()


def check(config: AppConfig) -> None:
    """Raise ConfigError where the app cannot run."""
    for package in ("voila", "anywidget"):
        try:
            importlib.import_module(package)
        except Exception as error:
            fault = package_fault(package, error)
            raise ConfigError(
                f"acflib app needs {package}: {fault}; all it needs: pip install 'acflib[app]'"
            ) from error
    if config.theme not in ("light", "dark"):
        raise ConfigError(f"--theme must be light or dark, got {config.theme!r}")
    if not 1 <= config.port <= 65535:
        raise ConfigError(f"--port must be from 1 to 65535, got {config.port}")
    check_address(config.host, config.port)


def check_address(host: str, port: int) -> None:
    """Raise ConfigError where nothing can be served: an unknown host, another computer's, or a port that is taken."""
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except (OSError, UnicodeError) as error:
        raise ConfigError(f"--host {host}: no such address ({error}); 127.0.0.1 is this computer alone") from error
    for family, kind, protocol, _, address in found:
        try:
            with socket.socket(family, kind, protocol) as probe:
                if os.name != "nt":  # as the server will: a connection that has just ended does not hold the port
                    probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                if family == socket.AF_INET6:
                    probe.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
                probe.bind(address)
        except OSError as error:
            if error.errno in (errno.EAFNOSUPPORT, errno.EADDRNOTAVAIL) and len(found) > 1:
                continue  # "localhost" is ::1 too, on a computer without it
            raise ConfigError(_why_not(host, port, error)) from error


def _why_not(host: str, port: int, error: OSError) -> str:
    if error.errno == errno.EADDRINUSE:
        return f"--port {port}: another program answers there; give another, such as --port {port % 65535 + 1}"
    if error.errno == errno.EACCES:
        return f"--port {port}: not allowed ({error.strerror}); give one above 1023"
    return f"--host {host}: not an address of this computer ({error.strerror}); 127.0.0.1 is this computer alone"


def shown_address(config: AppConfig) -> str:
    """What to type into a browser on this computer."""
    host = {"0.0.0.0": "127.0.0.1", "": "127.0.0.1", "::": "::1"}.get(config.host, config.host)
    return f"http://[{host}]:{config.port}/" if ":" in host else f"http://{host}:{config.port}/"


def check_inputs(config: AppConfig, images: list[Path]) -> list[Path]:
    """The photographs to choose from, after the networks and the photographs were found readable."""
    from acflib.widgets.photographs import load_photograph  # its wing needs anywidget, which check() looked for

    for name in (config.checkpoint, baseline_of(config)):
        if name is not None:
            load_pretrained(name)
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
    cell: dict[str, Any] = {
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
    command += ["--Voila.port_retries=0"]  # the port that was announced, or none
    command += [f"--theme={config.theme}", "--show_tracebacks=True", "--Voila.log_level=30"]
    return command if config.browser else [*command, "--no-browser"]
