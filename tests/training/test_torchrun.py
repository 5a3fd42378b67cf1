"""The command line under torchrun: two gloo processes on this machine."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from acflib.engine.checkpoints import load_checkpoint
from acflib.engine.runlog import read_csv
from tests.runs import flags, tiny_config

pytestmark = pytest.mark.usefixtures("warm_python")


def torchrun(processes, *arguments):
    """Run ``python -m acflib`` in several processes; their joint output."""
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", f"--nproc-per-node={processes}"]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        [*command, "-m", "acflib", *arguments], capture_output=True, text=True, timeout=300, env=environment
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


THE_GROUP_ENDS = """
import os, weakref, torch, torch.distributed as dist
from acflib import distributed
os.environ.update(RANK="0", WORLD_SIZE="1", MASTER_ADDR="localhost", MASTER_PORT="0")
with distributed.joined(torch.device("cpu")):
    import torchvision  # as the first reading of a data set does
    dist.all_reduce(torch.ones(1))
    group = weakref.ref(dist.group.WORLD)
assert group() is None, "the group of processes and its threads outlive shutdown"
"""


def test_nothing_of_the_group_outlives_the_command():
    """A thread of gloo still at work when Python ends aborts the process: rare, and seen once."""
    done = subprocess.run([sys.executable, "-c", THE_GROUP_ENDS], capture_output=True, text=True, timeout=100)
    assert done.returncode == 0, done.stderr


@pytest.fixture(scope="module")
def two_processes(streets, tmp_path_factory):
    """A run of two processes, float64 and without the auxiliary head (its dropout draws per process)."""
    out = tmp_path_factory.mktemp("torchrun") / "two"
    config = tiny_config(streets, out, iterations=4, save_every=2)
    extra = ["--no-bootstrap", "--no-aux", "--precision", "float64"]
    torchrun(2, "train", *flags(config), *extra)
    return config, extra


def test_two_processes_train_like_one(two_processes, tmp_path):
    config, extra = two_processes
    single = tmp_path / "one"
    arguments = flags(config)
    arguments[arguments.index("--out") + 1] = str(single)
    torchrun(1, "train", *arguments, *extra)
    for a, b in zip(read_csv(single / "log.csv"), read_csv(Path(config.out) / "log.csv"), strict=True):
        assert float(a["loss"]) == pytest.approx(float(b["loss"]), rel=1e-9)
    a, b = load_checkpoint(single / "checkpoint.pt"), load_checkpoint(Path(config.out) / "checkpoint.pt")
    for name, value in a["model"].items():
        torch.testing.assert_close(b["model"][name], value, rtol=1e-9, atol=1e-9)
    assert len(b["rng"]) == 2 and len(a["rng"]) == 1


def test_evaluation_by_two_processes_counts_every_image_once(two_processes, streets, tmp_path):
    """5 images, 2 processes: no padding, no repeat."""
    config, _ = two_processes
    found = []
    for processes in (1, 2):
        path = tmp_path / f"{processes}.json"
        checkpoint = str(Path(config.out) / "checkpoint.pt")
        torchrun(processes, "evaluate", "--checkpoint", checkpoint, "--data", str(streets), "--json", str(path))
        found.append(json.loads(path.read_text()))
    assert found[0] == found[1]
