"""Commands that are forked from a Python with torch loaded do what those of a new Python do: see ``tests/warm.py``."""

import os
import signal
import subprocess
import sys
import textwrap

import pytest

from tests.warm import REAL, Stove, WarmPopen

pytestmark = [
    pytest.mark.usefixtures("warm_python"),
    pytest.mark.skipif(sys.platform != "linux", reason="commands are forked on Linux alone"),
]

TELL = textwrap.dedent("""
    import atexit, json, os, subprocess, sys
    atexit.register(print, "the end")
    print(json.dumps([sys.argv, os.getcwd(), os.environ.get("HERE"), __name__, input(), os.getppid() == os.getpid()]))
    print(len([name for name in sys.modules if name.partition(".")[0] in ("acflib", "tests", "pytest")]))
    import found_by_path
    print(found_by_path.__file__)
    print(subprocess.run([sys.executable, "-c", "raise SystemExit(7)"]).returncode, flush=True)
    print("an error", file=sys.stderr)
    sys.exit(3)
""")


def outcome(popen: type, command: list[str], folder, **settings) -> tuple:
    process = popen(command, cwd=folder, stdin=-1, stdout=-1, stderr=-1, text=True, **settings)
    return (*process.communicate("a line\n"), process.returncode)


@pytest.mark.parametrize("kind", ["-c", "-m", "script"])
def test_a_command_is_as_in_a_new_python(tmp_path, kind):
    (tmp_path / "tell.py").write_text(TELL)
    (tmp_path / "path").mkdir()
    (tmp_path / "path" / "found_by_path.py").touch()
    command = {"-c": ["-c", TELL], "-m": ["-m", "tell"], "script": [str(tmp_path / "tell.py")]}[kind]
    path = os.pathsep.join([str(tmp_path / "path"), os.getcwd()])
    settings = {"env": {**os.environ, "HERE": "yes", "PYTHONPATH": path}}
    command = [sys.executable, *command, "an argument"]
    warm = outcome(WarmPopen, command, tmp_path, **settings)
    assert warm == outcome(REAL, command, tmp_path, **settings)
    assert warm[2] == 3 and "an argument" in warm[0] and "\n7\nthe end" in warm[0] and warm[1] == "an error\n"


def test_what_is_not_installed_is_not_loaded(tmp_path, monkeypatch):
    """As Jupyter where acflib has its core alone."""
    stove = Stove(["json", "no_such_package.part"])
    monkeypatch.setattr(WarmPopen, "stove", stove)
    assert outcome(WarmPopen, [sys.executable, "-c", "print(5)"], tmp_path) == ("5\n", "", 0)
    stove.close()


@pytest.mark.parametrize("end", ["raise ValueError", "import os; os.abort()", "import sys; sys.exit('words')"])
def test_it_ends_as_in_a_new_python(tmp_path, end):
    warm, cold = (outcome(kind, [sys.executable, "-c", end], tmp_path) for kind in (WarmPopen, REAL))
    assert (warm[2], warm[0], warm[1].splitlines()[-1:]) == (cold[2], cold[0], cold[1].splitlines()[-1:])


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
@pytest.mark.parametrize("session", [False, True])
def test_signals_and_sessions(number, session):
    wait = [sys.executable, "-c", "import time; print('ready', flush=True); time.sleep(60)"]
    with subprocess.Popen(wait, stdout=-1, stderr=-1, text=True, start_new_session=session) as process:
        assert isinstance(process, WarmPopen) and process.stdout.readline() == "ready\n" and process.poll() is None
        assert (os.getpgid(process.pid) == process.pid) is session
        with pytest.raises(subprocess.TimeoutExpired):
            process.wait(0.05)
        (os.killpg if session else os.kill)(process.pid, number)
        assert process.wait(20) == -number and process.poll() == -number


def test_broken_packages_are_those_of_the_environment(tmp_path):
    (tmp_path / "torchvision.py").write_text("raise TypeError('broken')")
    settings = {"env": {**os.environ, "PYTHONPATH": str(tmp_path)}}
    found = outcome(WarmPopen, [sys.executable, "-c", "import torchvision"], tmp_path, **settings)
    assert found[2] == 1 and "TypeError: broken" in found[1]


def test_other_commands_are_started_as_ever():
    assert subprocess.run(["sh", "-c", "exit 5"]).returncode == 5
    assert subprocess.run("exit 6", shell=True).returncode == 6
    assert subprocess.run([sys.executable, "-S", "-c", "import sys; sys.exit('torch' in sys.modules)"]).returncode == 0
