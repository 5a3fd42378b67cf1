"""A Python that has torch loaded already, for tests that start many commands: a command begins at once.

The fixture ``warm_python`` (``tests/conftest.py``) puts :class:`WarmPopen` in the place of ``subprocess.Popen``.
Commands of this Python are then forked from a process that has imported what stands in ``LOADED``, and nothing of ours:
each is a process with an id, signals, files, a folder, an environment and an exit status of its own, and imports acflib
anew. All other commands are started as ever.

Not for tests of what an import loads, or of settings that torch reads while it is loaded.
"""

import atexit
import gc
import importlib.util
import inspect
import json
import os
import runpy
import select
import signal
import socket
import subprocess
import sys
import threading
import types
from collections.abc import Sequence

LAUNCHER = "jupyter_client.launcher"
FOR_KERNELS = ("torch", "torch._dynamo", "torchvision", "ipykernel.kernelapp", LAUNCHER)
LOADED = (*FOR_KERNELS, "matplotlib.figure")  # which reads its backend once: kernels that draw need it afresh
LONGEST = 2**18  # bytes of a request: a command and its environment
PIPES = ("p2cread", "p2cwrite", "c2pread", "c2pwrite", "errread", "errwrite")  # as Popen names its ends of pipes
MAYBE_IGNORED = ("SIGINT", "SIGHUP")  # by what starts a command in the background
REAL = subprocess.Popen


def is_installed(module: str) -> bool:
    """Whether the package of a module is here: the core of acflib needs neither Jupyter nor matplotlib."""
    return importlib.util.find_spec(module.split(".")[0]) is not None


class Stove:
    """The process that commands are forked from, or the line to one. It ends when nobody is left to ask it."""

    def __init__(self, loaded: Sequence[str] = LOADED, line: socket.socket | None = None) -> None:
        if line is not None:
            self.line = line
            return
        self.line, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.line.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, LONGEST)
        with theirs:
            command = [sys.executable, __file__, str(theirs.fileno()), *filter(is_installed, loaded)]
            self.process = REAL(command, pass_fds=[theirs.fileno()])

    def start(self, request: dict, files: list[int]) -> tuple[int, socket.socket]:
        """Have a command run; its process id, and the socket from which its exit status will come."""
        ours, theirs = socket.socketpair()
        with theirs:
            files = [*files, self.line.fileno(), theirs.fileno()]
            socket.send_fds(self.line, [json.dumps(request).encode()], files)
        return number_from(ours), ours

    def close(self) -> None:
        self.line.close()
        self.process.wait(30)


class WarmPopen(REAL):
    """``subprocess.Popen`` whose commands of this Python come from a stove."""

    stove: Stove | None = None
    status: socket.socket | None = None

    def _execute_child(self, *arguments, **named) -> None:
        given = inspect.signature(super()._execute_child).bind(*arguments, **named).arguments
        special = any(given[name] for name in ("shell", "preexec_fn", "pass_fds", "executable"))
        if special or not is_plain(given["args"]):
            return super()._execute_child(*arguments, **named)
        request = {
            "command": list(map(os.fspath, given["args"][1:])),
            "folder": os.fspath(given["cwd"] or os.getcwd()),
            "environment": dict(os.environ if given["env"] is None else given["env"]),
            "session": bool(given["start_new_session"]),
            "ignored": [name for name in MAYBE_IGNORED if signal.getsignal(getattr(signal, name)) is signal.SIG_IGN],
        }
        asked = [given["p2cread"], given["c2pwrite"], given["errwrite"]]
        files = [own if file == -1 else file for own, file in enumerate(asked)]
        self.pid, self.status = self.stove.start(request, files)
        self._child_created = True
        self._close_pipe_fds(*(given[name] for name in PIPES))

    def _try_wait(self, wait_flags: int) -> tuple[int, int]:
        if self.status is None:
            return super()._try_wait(wait_flags)
        if wait_flags & os.WNOHANG and not select.select([self.status], [], [], 0)[0]:
            return 0, 0
        return self.pid, number_from(self.status)

    def _internal_poll(self, *arguments, **named) -> int | None:
        if self.status is None:
            return super()._internal_poll(*arguments, **named)
        with self._waitpid_lock:
            if self.returncode is None and (found := self._try_wait(os.WNOHANG))[0]:
                self._handle_exitstatus(found[1])
        return self.returncode


def is_plain(command: object) -> bool:
    """Whether it is this Python with -m, -c or a script, and no other option but -u."""
    if not isinstance(command, (list, tuple)) or command[0] != sys.executable:
        return False
    rest = [os.fspath(part) for part in command[1:] if part != "-u"]
    return bool(rest) and (rest[0] in ("-m", "-c") or not rest[0].startswith("-"))


def number_from(line: socket.socket) -> int:
    return int.from_bytes(line.recv(4, socket.MSG_WAITALL), "little")


def serve(line: socket.socket) -> dict:
    """Fork for each request; returns the request in the forked process, and never in this one."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C in a terminal is for the tests
    while True:
        signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for the keepers
        message, files, *_ = socket.recv_fds(line, LONGEST, 5)
        if not message:
            os._exit(0)
        if os.fork() == 0:
            line.close()
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            if (pid := os.fork()) == 0:
                return json.loads(message) | {"files": files}
            keep(pid, files)
        for file in files:
            os.close(file)


def keep(pid: int, files: list[int]) -> None:
    """Be the parent of a command: say its status to whoever asked, and end with him, as parents do."""
    answer = socket.socket(fileno=files.pop())
    for file in files:
        os.close(file)
    threading.Thread(target=end_with, args=(answer,), daemon=True).start()
    status = os.waitpid(pid, 0)[1]
    answer.sendall(status.to_bytes(4, "little"))
    os._exit(0)


def end_with(answer: socket.socket) -> None:
    asked = select.poll()
    asked.register(answer, 0)  # for the end of the other side alone
    asked.poll()
    os._exit(1)


def become(request: dict) -> list[str]:
    """Make this process what was asked for; the command. What it starts comes from the stove, too."""
    signal.signal(signal.SIGINT, signal.default_int_handler)
    for name in request["ignored"]:
        signal.signal(getattr(signal, name), signal.SIG_IGN)
    *files, line, answer = request["files"]
    if request["session"]:
        os.setsid()
    with socket.socket(fileno=answer) as said:  # only now: whoever has the id asks for the group, too
        said.sendall(os.getpid().to_bytes(4, "little"))
    for number, file in enumerate(files):
        os.dup2(file, number)
        os.close(file)
    os.set_inheritable(line, False)
    WarmPopen.stove = Stove(line=socket.socket(fileno=line))
    subprocess.Popen = WarmPopen
    if LAUNCHER in sys.modules:
        sys.modules[LAUNCHER].Popen = WarmPopen
    os.chdir(request["folder"])
    before = paths_of_environment()
    os.environ.clear()
    os.environ.update(request["environment"])
    if "JPY_PARENT_PID" in os.environ:  # a kernel ends with its parent
        os.environ["JPY_PARENT_PID"] = str(os.getppid())
    sys.path[:] = [*paths_of_environment(), *(path for path in sys.path if path not in before)]
    folders = filter(os.path.isdir, paths_of_environment())
    forget({name.partition(".")[0] for folder in folders for name in os.listdir(folder)})
    return request["command"]


def forget(packages: set[str]) -> None:
    """The environment brings them in versions of its own."""
    for name in [name for name in sys.modules if name.partition(".")[0] in packages]:
        del sys.modules[name]


def paths_of_environment() -> list[str]:
    return [os.path.abspath(path) for path in os.environ.get("PYTHONPATH", "").split(os.pathsep) if path]


def run(command: list[str]) -> None:
    """As Python does: the first place of its path is the folder of the program."""
    if command[0] == "-u":
        sys.stdout.reconfigure(write_through=True)
        return run(command[1:])
    if command[0] == "-m":
        sys.argv[:] = command[1:]
        sys.path.insert(0, os.getcwd())
        runpy.run_module(command[1], run_name="__main__", alter_sys=True)
    elif command[0] == "-c":
        sys.argv[:] = ["-c", *command[2:]]
        sys.path.insert(0, "")
        sys.modules["__main__"] = types.ModuleType("__main__")
        exec(compile(command[1], "<string>", "exec"), sys.modules["__main__"].__dict__)
    else:
        sys.argv[:] = command
        sys.path.insert(0, os.path.dirname(os.path.abspath(command[0])))
        runpy.run_path(command[0], run_name="__main__")


def run_and_leave(command: list[str]) -> None:
    """Without taking all modules to pieces at the end, which takes longer than most commands."""
    status = 0
    try:
        run(command)
    except SystemExit as end:
        if isinstance(end.code, str):
            raise
        status = end.code or 0
    threading._shutdown()
    atexit._run_exitfuncs()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(status)


if __name__ == "__main__":
    del sys.path[0]  # the folder of this file
    for name in sys.argv[2:]:
        importlib.import_module(name)
    gc.freeze()
    run_and_leave(become(serve(socket.socket(fileno=int(sys.argv[1])))))
