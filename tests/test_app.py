"""``acflib app``: what is said before anything is served, and how Voila is called. The page itself: tests/browser."""

import argparse
import dataclasses
import os
import signal
import time

import numpy as np
import pytest
from PIL import Image

from acflib import cli, commands_app
from acflib.commands_app import AppConfig, app_notebook, baseline_of, check, voila_command
from acflib.errors import ConfigError


def test_loopback_only_by_default(tmp_path):
    command = voila_command(AppConfig(), tmp_path / "x.ipynb")
    assert "--Voila.ip=127.0.0.1" in command and "--port=8866" in command and "--no-browser" not in command
    assert "--no-browser" in voila_command(AppConfig(browser=False), tmp_path / "x.ipynb")


def test_baseline_goes_with_the_weights_that_come_with_it():
    assert baseline_of(AppConfig()) == "streets-baseline"
    assert baseline_of(AppConfig(checkpoint="runs/x/checkpoint.pt")) is None
    assert baseline_of(AppConfig(baseline="mine.pt")) == "mine.pt"


def test_the_notebook_makes_the_app(tmp_path, monkeypatch):
    """Its one cell is run here; names and paths arrive as they were given."""
    picture = tmp_path / "it's.png"
    Image.fromarray(np.zeros((40, 60, 3), np.uint8)).save(picture)
    (cell,) = app_notebook(AppConfig(), [picture])["cells"]
    found = {}
    monkeypatch.setattr("acflib.widgets.app.make_app", lambda *arguments: found.update(arguments=arguments))
    exec(cell["source"], {})
    assert found["arguments"] == ("streets-acf-sum", "streets-baseline", [str(picture)])


def test_make_app(tmp_path):
    from acflib.widgets.app import make_app

    picture = tmp_path / "x.png"
    Image.fromarray(np.zeros((40, 60), np.uint8)).save(picture)
    tabs = make_app("streets-acf-sum", None, [str(picture)])
    assert tabs.titles == ("Similarity explorer", "Class center laboratory", "Attention viewer")
    assert all(child.message == "" and child.scene.size == (40, 60) for child in tabs.children)
    assert "no-such-weights" in make_app("no-such-weights").value


@pytest.mark.parametrize(
    ("changes", "message"),
    [({"theme": "blue"}, "--theme must be light or dark"), ({"port": 0}, "--port must be from 1 to 65535")],
)
def test_settings_that_cannot_work(changes, message):
    with pytest.raises(ConfigError, match=message):
        check(dataclasses.replace(AppConfig(), **changes))


def test_voila_is_missing(monkeypatch):
    monkeypatch.setattr(commands_app.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(ConfigError, match=r"needs the package voila: pip install 'acflib\[app\]'"):
        check(AppConfig())


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--checkpoint", "nothing.pt"], "nothing.pt: no such checkpoint"),
        (["--baseline", "nothing.pt"], "nothing.pt: no such checkpoint"),
        (["nowhere.jpg"], "nowhere.jpg: no such photograph"),
    ],
)
def test_inputs_that_cannot_be_read(arguments, message, capsys, monkeypatch):
    monkeypatch.setattr(commands_app.subprocess, "Popen", None)  # nothing is served
    assert cli.main(["app", *arguments]) == 2
    assert message in capsys.readouterr().err


def test_another_host_is_warned_about(monkeypatch, capsys):
    class Served:
        def wait(self):
            return 0

        def terminate(self):
            pass

    monkeypatch.setattr(commands_app.subprocess, "Popen", lambda command: Served())
    given = argparse.Namespace(host="0.0.0.0", images=[])
    assert commands_app.run_app(given) == 0
    assert "everybody who can reach 0.0.0.0:8866" in capsys.readouterr().err


def test_a_kill_ends_the_server_too(monkeypatch):
    """SIGTERM would else end this command alone, and leave Voila and its kernels running."""
    ended = []

    class Served:
        def wait(self):
            if not ended:
                os.kill(os.getpid(), signal.SIGTERM)
                time.sleep(10)  # the signal breaks this off
            return 0

        def terminate(self):
            ended.append(True)

    monkeypatch.setattr(commands_app.subprocess, "Popen", lambda command: Served())
    before = signal.getsignal(signal.SIGTERM)
    assert commands_app.run_app(argparse.Namespace(images=[])) == 0
    assert ended == [True] and signal.getsignal(signal.SIGTERM) is before
