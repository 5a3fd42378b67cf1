"""Two machines on one computer: each a network namespace with an address and a name of its own, a cable between them.

    sudo python tests/training/two_machines.py --cuts 10

torchrun trains on both. Again and again the cable is pulled, a machine is killed, or it freezes; both sides must end
with a clear error, and the next run must go on as if nothing had happened: its losses are compared with those of a run
that nobody disturbed, to the last digit (of two numbers the sum does not depend on the order). They have no common
disk. Needs Linux, root and iproute2; the namespaces are removed at the end, and nothing else is changed.
"""

import argparse
import contextlib
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
if __name__ == "__main__":
    sys.path.insert(0, str(ROOT))

from acflib.datasets.streets import write_streets  # noqa: E402
from acflib.engine.checkpoints import load_checkpoint  # noqa: E402
from acflib.engine.machine import write_result  # noqa: E402
from acflib.engine.runlog import read_csv  # noqa: E402
from tests.runs import flags, tiny_config  # noqa: E402

RESULTS = ROOT / "results" / "two_machines.json"
ADDRESSES = {"alpha": "192.0.2.1", "beta": "192.0.2.2"}  # of the range that is kept for documentation
FAULTS = [("cable", "beta"), ("kill", "beta"), ("freeze", "beta"), ("kill", "alpha"), ("cable", "alpha")]
ITERATIONS, SAVE_EVERY = 400, 7
PATIENCE = 300  # seconds; without signs of life, gloo would wait 1800
# In a mount namespace of its own, which `ip netns exec` makes, and a host name of its own.
INSIDE = 'mount --bind "$1" /etc/hosts; mount --bind /dev/null /etc/resolv.conf; hostname "$2"; shift 2; exec "$@"'


@dataclass(frozen=True)
class Machine:
    """One of the two: its name, its network namespace (which its end of the cable is called by too), and its disk."""

    name: str
    space: str
    disk: Path

    def start(self, arguments: list[str]) -> subprocess.Popen:
        """torchrun on this machine; what it prints goes to ``disk/output.txt``."""
        rank = list(ADDRESSES).index(self.name)
        inside = ["ip", "netns", "exec", self.space, "unshare", "--uts", "sh", "-c", INSIDE, "sh"]
        launcher = [sys.executable, "-m", "torch.distributed.run", "--nnodes", "2", "--nproc-per-node", "1"]
        launcher += ["--node-rank", str(rank), "--master-addr", "alpha", "--master-port", "29500"]
        with (self.disk / "output.txt").open("w") as output:
            return subprocess.Popen(
                [*inside, str(self.disk.parent / "hosts"), self.name, *launcher, "-m", "acflib", *arguments],
                cwd=self.disk, stdout=output, stderr=subprocess.STDOUT,
                env=os.environ | {"OMP_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": "", "PYTHONPATH": str(ROOT)},
            )  # fmt: skip

    def signal(self, number: signal.Signals) -> None:
        """Send a signal to every process of this machine."""
        for process in ip("netns", "pids", self.space).split():
            with contextlib.suppress(ProcessLookupError):
                os.kill(int(process), number)

    def cable(self, state: str) -> None:
        """Pull this machine's end of the cable ("down"), or put it back ("up")."""
        ip("-n", self.space, "link", "set", self.space, state)

    def said(self) -> str:
        """What torchrun and acflib printed."""
        return (self.disk / "output.txt").read_text(errors="replace")


def ip(*arguments: str) -> str:
    return subprocess.run(["ip", *arguments], check=True, capture_output=True, text=True).stdout


def missing() -> str:
    """Why it cannot be done here; "" where it can."""
    if sys.platform != "linux" or shutil.which("ip") is None or shutil.which("unshare") is None:
        return "needs Linux with iproute2 and util-linux"
    if os.geteuid() != 0:
        return "needs root, for network namespaces"
    name = f"acf{os.getpid()}"
    for command in (["ip", "netns", "add", name], ["ip", "netns", "exec", name, "unshare", "--uts", "true"]):
        if subprocess.run(command, capture_output=True).returncode:
            return f"{' '.join(command[:3])} is not allowed here"
    ip("netns", "del", name)
    return ""


@contextlib.contextmanager
def two_machines(folder: Path) -> Iterator[list[Machine]]:
    """Context manager: both machines, each with an empty disk. All that runs on them is killed at the end."""
    (folder / "hosts").write_text("127.0.0.1 localhost\n" + "".join(f"{ADDRESSES[n]} {n}\n" for n in ADDRESSES))
    machines = [Machine(name, f"acf{os.getpid()}{name[0]}", folder / name) for name in ADDRESSES]
    alpha, beta = machines
    try:
        for machine in machines:
            machine.disk.mkdir()
            ip("netns", "add", machine.space)
        ip("link", "add", alpha.space, "netns", alpha.space, "type", "veth", "peer", beta.space, "netns", beta.space)
        for machine in machines:
            ip("-n", machine.space, "addr", "add", f"{ADDRESSES[machine.name]}/30", "dev", machine.space)
            ip("-n", machine.space, "link", "set", "lo", "up")
            machine.cable("up")
        yield machines
    finally:
        for machine in machines:
            with contextlib.suppress(subprocess.CalledProcessError):
                machine.signal(signal.SIGKILL)
                ip("netns", "del", machine.space)  # and its end of the cable


def losses(machine: Machine) -> dict[int, str]:
    """Iteration -> loss, as the log has it."""
    return {int(row["iteration"]): row["loss"] for row in read_csv(machine.disk / "run" / "log.csv")}


def wait_for_iteration(machine: Machine, iteration: int, running: list[subprocess.Popen]) -> None:
    """Until the log is that far."""
    deadline = time.time() + PATIENCE
    while max(losses(machine), default=0) < iteration:
        assert all(process.poll() is None for process in running), machine.said()
        assert time.time() < deadline, f"iteration {iteration} was not reached: {machine.said()}"
        time.sleep(0.01)


def strike(fault: str, struck: Machine, machines: list[Machine], running: list[subprocess.Popen]) -> dict[str, float]:
    """Let a fault happen; machine -> seconds until torchrun had ended there, of those that it is left to end on."""
    start = time.time()
    if fault == "cable":
        struck.cable("down")
    else:
        struck.signal(signal.SIGKILL if fault == "kill" else signal.SIGSTOP)
    seconds = {}
    for machine, process in zip(machines, running, strict=True):
        if fault == "cable" or machine is not struck:
            assert process.wait(timeout=PATIENCE) > 0
            seconds[machine.name] = round(time.time() - start, 1)
            said = machine.said()
            assert "nothing was heard of process" in said or "another process of this run has ended" in said, said
            assert "run/checkpoint.pt; go on with the same command and --resume" in said, said
    struck.signal(signal.SIGKILL)
    for process in running:
        process.wait()
    struck.cable("up")
    return seconds


def copy_as_told(machines: list[Machine], command: list[str]) -> None:
    """Without a common disk nothing goes on, and both machines say what to copy; then it is copied."""
    alpha, beta = machines
    for machine, process in [(machine, machine.start(command)) for machine in machines]:
        assert process.wait(timeout=PATIENCE) > 0
        assert "Copy the folder run of alpha to beta" in machine.said(), machine.said()
    copy(alpha, beta)


def copy(source: Machine, target: Machine) -> None:
    shutil.rmtree(target.disk / "run", ignore_errors=True)
    shutil.copytree(source.disk / "run", target.disk / "run")


def prove(folder: Path, cuts: int, seed: int = 0) -> list[dict]:
    """Train undisturbed, then with ``cuts`` faults at random moments; what happened at each.

    Raises:
        AssertionError: a side did not end, or said too little, or a run went on with other losses.
    """
    data = folder / "streets"
    write_streets(data, width=64, height=32, train=12, val=2, test=2, seed=0, progress=False)
    settings = {"iterations": ITERATIONS, "save_every": SAVE_EVERY, "eval_every": 0, "workers": 1}
    command = ["train", *flags(tiny_config(data, Path("run"), **settings)), "--val-split", "none"]
    with two_machines(folder) as machines:
        alpha, beta = machines
        for process in [machine.start(command) for machine in machines]:
            assert process.wait(timeout=PATIENCE) == 0, alpha.said() + beta.said()
        undisturbed = losses(alpha)
        assert list(undisturbed) == list(range(1, ITERATIONS + 1))
        shutil.rmtree(alpha.disk / "run")
        found, chance, position = [], random.Random(seed), 0
        for cut in range(cuts):
            running = [machine.start([*command, *(["--resume"] if cut else [])]) for machine in machines]
            wait_for_iteration(alpha, max(position, SAVE_EVERY) + chance.randint(2, ITERATIONS // (2 * cuts)), running)
            time.sleep(chance.random() * 0.05)
            fault, name = FAULTS[cut % len(FAULTS)]
            seconds = strike(fault, machines[list(ADDRESSES).index(name)], machines, running)
            at, position = max(losses(alpha)), load_checkpoint(alpha.disk / "run" / "checkpoint.pt")["position"]
            assert losses(alpha).items() <= undisturbed.items(), f"other losses after cut {cut}"
            if cut == 0:
                copy_as_told(machines, [*command, "--resume"])
            copy(alpha, beta)
            found.append({"fault": fault, "machine": name, "iteration": at, "saved": position, "seconds": seconds})
            print(found[-1], flush=True)
        for process in [machine.start([*command, "--resume"]) for machine in machines]:
            assert process.wait(timeout=PATIENCE) == 0, alpha.said() + beta.said()
        assert losses(alpha) == undisturbed
    return found


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cuts", type=int, default=10, help="1 to 10 (default: 10)")
    cuts = parser.parse_args().cuts
    if not 1 <= cuts <= 10:
        parser.error(f"--cuts must be 1 to 10, got {cuts}")
    if reason := missing():
        parser.error(reason)
    with tempfile.TemporaryDirectory() as folder:
        found = prove(Path(folder), cuts)
    write_result(RESULTS, f"python tests/training/two_machines.py --cuts {cuts}", iterations=ITERATIONS, cuts=found)
    print(f"{cuts} cuts, {cuts} resumes with the losses of the undisturbed run; wrote {RESULTS.relative_to(ROOT)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
