"""``acflib app``: what is said before anything is served, and how Voila is called. The page itself: tests/browser."""

import dataclasses
import os
import signal
import socket
import subprocess
import sys
import time

import numpy as np
import pytest
from PIL import Image

from acflib.acfnet import ModelConfig, build_model
from acflib.cli import app as commands_app
from acflib.cli import parser as cli
from acflib.cli.app import AppConfig, app_notebook, baseline_of, check, voila_command
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
    seen = (128, 192)  # at the height of the training pictures
    assert all(child.message == "" and child.scene.size == seen for child in tabs.children)
    assert "no-such-weights" in make_app("no-such-weights").value


def test_a_network_of_other_classes_gets_streets_without_truth(monkeypatch):
    """Their ground truth is that of Cityscapes' classes; the names are those of the network."""
    from acflib.widgets import app

    model = build_model(ModelConfig(backbone="tiny", channels=8, num_classes=3, align_corners=False, weights=None))
    model.info = {"classes": ["sky", "tree", "cat"], "colors": [[1, 2, 3]] * 3}
    monkeypatch.setattr(app, "load_pretrained", lambda name: model)
    for child in app.make_app("mine").children:
        assert child.message == "" and child.scene.picture.truth is None
        assert child.scene.classes == ("sky", "tree", "cat") and child.scene.colors == ((1, 2, 3),) * 3


@pytest.mark.parametrize(
    ("changes", "message"),
    [({"theme": "blue"}, "--theme must be light or dark"), ({"port": 0}, "--port must be from 1 to 65535")],
)
def test_settings_that_cannot_work(changes, message):
    with pytest.raises(ConfigError, match=message):
        check(dataclasses.replace(AppConfig(), **changes))


@pytest.mark.parametrize("package", ["voila", "anywidget"])
def test_a_package_is_missing(monkeypatch, package):
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(ConfigError, match=rf"needs {package}: .*is not installed: .*pip install 'acflib\[app\]'"):
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


class Served:
    """Voila, which ends at once; ``ended`` notes what it was told."""

    def __init__(self, status=0, on_wait=lambda: None):
        self.status, self.on_wait, self.ended = status, on_wait, []

    def wait(self, timeout=None):
        self.on_wait()
        return self.status

    def terminate(self):
        self.ended.append("asked")

    def kill(self):
        self.ended.append("killed")


def serve(monkeypatch, served: Served, *arguments: str) -> int:
    monkeypatch.setattr(commands_app.subprocess, "Popen", lambda command: served)
    return cli.main(["app", "--port", str(free_port()), *arguments])


def free_port(host: str = "127.0.0.1") -> int:
    with socket.socket() as probe:
        probe.bind((host, 0))
        return probe.getsockname()[1]


def test_another_host_is_warned_about(monkeypatch, capsys):
    assert serve(monkeypatch, Served(), "--host", "0.0.0.0") == 0
    captured = capsys.readouterr()
    assert "everybody who can reach 0.0.0.0:" in captured.err
    assert "http://127.0.0.1:" in captured.out, "0.0.0.0 is no address to go to"


def test_a_kill_ends_the_server_too(monkeypatch):
    """SIGTERM would else end this command alone, and leave Voila and its kernels running."""

    def kill_once():
        if not served.ended:
            os.kill(os.getpid(), signal.SIGTERM)
            time.sleep(10)  # the signal breaks this off

    served, before = Served(on_wait=kill_once), signal.getsignal(signal.SIGTERM)
    assert serve(monkeypatch, served) == 0
    assert served.ended == ["asked"] and signal.getsignal(signal.SIGTERM) is before


def test_a_server_that_does_not_end_is_killed(monkeypatch):
    """A batch system kills this command half a minute after it asked: then nobody would."""

    class Stubborn(Served):
        def wait(self, timeout=None):
            if timeout is None and "killed" not in self.ended:
                raise KeyboardInterrupt
            if timeout is not None:
                assert timeout < 30
                raise subprocess.TimeoutExpired("voila", timeout)
            return -9

    served = Stubborn()
    assert serve(monkeypatch, served) == 0
    assert served.ended == ["asked", "killed"]


def test_a_server_that_ends_by_itself(monkeypatch, capsys):
    assert serve(monkeypatch, Served(status=-11)) == 2
    assert "Voila ended by itself (status -11)" in capsys.readouterr().err


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "0.0.0.0"])
def test_a_port_that_another_program_has(monkeypatch, capsys, host):
    """The browser would show that program, under the name of the app."""
    monkeypatch.setattr(commands_app.subprocess, "Popen", None)  # nothing is served
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        assert cli.main(["app", "--host", host, "--port", str(port)]) == 2
    captured = capsys.readouterr()
    assert f"--port {port}: another program answers there; give another" in captured.err
    assert "http://" not in captured.out, "nothing is announced"


@pytest.mark.parametrize(
    ("host", "message"),
    [
        ("no-such-host.invalid", "no such address"),
        ("a" * 70, "no such address"),
        ("192.0.2.1", "not an address of this computer"),  # of the block for documents, RFC 5737
    ],
)
def test_hosts_that_cannot_serve(monkeypatch, capsys, host, message):
    monkeypatch.setattr(commands_app.subprocess, "Popen", None)
    assert cli.main(["app", "--host", host]) == 2
    assert f"--host {host}: {message}" in capsys.readouterr().err


@pytest.mark.parametrize(("host", "shown"), [("::1", "[::1]"), ("::", "[::1]"), ("localhost", "localhost")])
def test_address_as_a_browser_takes_it(host, shown):
    assert commands_app.shown_address(AppConfig(host=host, port=80)) == f"http://{shown}:80/"


def test_voila_takes_the_port_that_was_announced_or_none(tmp_path):
    assert "--Voila.port_retries=0" in voila_command(AppConfig(), tmp_path / "x.ipynb")
