"""Two processes equal one that has the whole batch, in float64: gradients, running buffers, weights after two steps."""

import os
import platform
import re
import socket
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from acflib.engine.run_folder import what_to_copy
from tests.training import two_ranks

pytestmark = pytest.mark.usefixtures("warm_python")

ROOT = Path(__file__).resolve().parents[2]
CLOSE = dict(rtol=0, atol=1e-10)


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return found.getsockname()[1]


def launch(out: Path) -> list[dict]:
    """Run two_ranks.py in two processes, as torchrun would, and read what they wrote."""
    environment = os.environ | {
        "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(free_port()), "WORLD_SIZE": "2",
        "OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT), "CUDA_VISIBLE_DEVICES": "",
    }  # fmt: skip
    if sys.platform == "linux":
        environment["GLOO_SOCKET_IFNAME"] = "lo"  # a machine may not know its own name
    command = [sys.executable, str(ROOT / "tests" / "training" / "two_ranks.py"), str(out)]
    logs = [out / f"rank{rank}.log" for rank in (0, 1)]
    processes = [
        subprocess.Popen(
            command, env=environment | {"RANK": str(rank), "LOCAL_RANK": str(rank)}, cwd=ROOT,
            stdout=log.open("w"), stderr=subprocess.STDOUT,
        )
        for rank, log in enumerate(logs)
    ]  # fmt: skip
    try:
        codes = [process.wait(timeout=120) for process in processes]
    finally:
        for process in processes:
            process.kill()
    assert codes == [0, 0], "\n".join(log.read_text() for log in logs)
    return [torch.load(out / f"rank{rank}.pt", weights_only=False) for rank in (0, 1)]


@pytest.fixture(scope="module")
def ranks(tmp_path_factory):
    """The results of rank 0 and of rank 1."""
    return launch(tmp_path_factory.mktemp("two_ranks"))


@pytest.fixture(scope="module")
def alone():
    """The results of one process."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield two_ranks.compute()
    torch.set_num_threads(threads)


def assert_same(found: dict, expected: dict):
    assert list(found) == list(expected)
    for name, value in expected.items():
        assert value.isfinite().all(), name
        torch.testing.assert_close(found[name], value, **CLOSE, msg=lambda text, n=name: f"{n}: {text}")


@pytest.mark.parametrize("name", ["plain", "ignored half", "every pixel kept", "eval mode", "eval mode, micro"])
def test_training_equals_one_process(ranks, alone, name):
    """In "ignored half" rank 1 has no valid pixel; "every pixel kept" is bootstrapping that leaves nothing out."""
    kinds = {key.split()[0] for key in alone[name]}
    assert kinds == {"losses", "gradient", "state"} and any("running_var" in key for key in alone[name])
    assert alone[name]["losses 0"][0] > 0.1 and alone[name]["gradient 1 classifier.weight"].abs().max() > 1e-3
    for rank in ranks:
        assert_same(rank[name], alone[name])


def test_bootstrapping_that_keeps_every_pixel_is_plain_cross_entropy(alone):
    assert_same(alone["every pixel kept"], alone["plain"])


def test_micro_batches_change_nothing_without_batch_statistics(ranks, alone):
    """Also where the micro-batches hold different numbers of valid pixels, one of them none."""
    for found in (alone, *ranks):
        assert_same(found["eval mode, micro"], alone["eval mode, ignored half"])


def test_half_precision_runs_over_processes(ranks):
    """bf16 on CPUs: batch statistics are taken in float32, and both processes have the same weights."""
    for name, value in ranks[0]["bf16"].items():
        assert value.isfinite().all(), name
    assert_same(ranks[1]["bf16"], ranks[0]["bf16"])


@pytest.mark.parametrize("name", ["scores of 5", "scores of 1"])
def test_evaluation_counts_every_picture_once(ranks, alone, name):
    """5 pictures over 2 processes: no padding; 1 picture: the second process has none.

    The second process had other running statistics than the first: those of the first count, as they are saved.
    """
    pictures = two_ranks.Pictures(int(name.split()[-1]))
    valid = sum(int((pictures.load_labels(i) != 255).sum()) for i in range(len(pictures)))
    assert alone[name]["fine"].sum() == alone[name]["coarse"].sum() == valid
    assert (alone[name]["fine"].sum(0) > 0).sum() >= 2  # more than one class is predicted
    for rank in ranks:
        for result in ("fine", "coarse"):
            assert torch.equal(rank[name][result], alone[name][result])


def test_processes_that_find_different_checkpoints_do_not_start(ranks):
    """Two machines, each with a disk of its own: one would go on from iteration 1, the other start anew."""
    node = re.escape(platform.node())
    for rank in ranks:
        said = rank["checkpoint of rank 0 alone"]
        assert re.search(rf"process 0 on {node} that of iteration 1, process 1 on {node} none", said)
        assert re.search(rf"Copy the folder \S+ of {node} to", said) and "all machines share" in said


def test_what_to_copy():
    """From the machine that is furthest, to each that is behind and to no other."""
    said = what_to_copy(Path("runs/a"), [7, 14, 14, -1], ["alpha", "beta", "beta", "gamma"])
    assert "Copy the folder runs/a of beta to alpha and gamma" in said
    assert "process 0 on alpha that of iteration 7, process 1 on beta that of iteration 14" in said
    assert "process 3 on gamma none" in said


def test_no_process_waits_where_the_folder_is_taken(ranks):
    """The first process alone looks, and all end."""
    assert re.search(r"busy: this process, \d+, is at work in this folder", ranks[0]["a folder of another run"])
    assert re.search(r"busy: the first process cannot use it", ranks[1]["a folder of another run"])


def test_gradients_are_not_copied_to_be_sent(ranks):
    assert all(rank["bucket view"] for rank in ranks)


@pytest.mark.parametrize("name", ["norm", "norm in bf16"])
def test_batch_statistics_over_processes_with_unequal_shares(ranks, alone, name):
    """3 images on one process, 1 on the other. Mean 5, spread 2: E[x^2] - E[x]^2 would lose digits."""
    expected, close = alone[name], CLOSE if name == "norm" else dict(rtol=2e-2, atol=1e-5)
    for result in ("out", "input gradient"):
        together = torch.cat([rank[name][result] for rank in ranks])
        torch.testing.assert_close(together, expected[result], **close)  # the dtype too
    for result in ("weight gradient", "running_mean", "running_var", "num_batches_tracked"):
        for rank in ranks:
            torch.testing.assert_close(rank[name][result], expected[result], **close)


def test_one_value_per_process_is_enough_for_two(ranks, alone):
    """A batch of one at 1x1, as in PSP, works where another process has a second value."""
    name = "norm of single values"
    together = torch.cat([rank[name]["out"] for rank in ranks])
    torch.testing.assert_close(together, alone[name]["out"], **CLOSE)
    assert (together[0] != together[1]).all()


def test_helpers(ranks, alone):
    for i, rank in enumerate(ranks):
        found = rank["small things"]
        assert (found["rank"], found["world_size"]) == (i, 2)
        assert [value.tolist() for value in found["gather"]] == [[0, 10], [1, 11]]
        assert (found["sum"], found["mean"]) == (3.0, 1.5)
        assert found["any"] == [False, True, True]
    found = alone["small things"]
    assert [value.tolist() for value in found["gather"]] == [[0, 10]]
    assert (found["rank"], found["world_size"], found["sum"], found["mean"]) == (0, 1, 1.0, 1.0)
    assert found["any"] == [False, False, True]
