"""In-place activated BatchNorm over two gloo processes with unequal batches equals one process with all images."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from tests.layers import two_ranks_inplace

pytestmark = pytest.mark.usefixtures("warm_python")

ROOT = Path(__file__).resolve().parents[2]
CLOSE = dict(rtol=0, atol=1e-10)


@pytest.fixture(scope="module")
def ranks(tmp_path_factory):
    """The results of rank 0 and of rank 1."""
    out = tmp_path_factory.mktemp("two_ranks_inplace")
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2"]
    environment = os.environ | {"OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT), "CUDA_VISIBLE_DEVICES": ""}
    if sys.platform == "linux":
        environment["GLOO_SOCKET_IFNAME"] = "lo"  # a machine may not know its own name
    script = str(ROOT / "tests" / "layers" / "two_ranks_inplace.py")
    done = subprocess.run(
        [*command, script, str(out)], cwd=ROOT, env=environment, capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return [torch.load(out / f"rank{rank}.pt") for rank in (0, 1)]


@pytest.fixture(scope="module")
def alone():
    """The results of one process."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield two_ranks_inplace.compute()
    torch.set_num_threads(threads)


@pytest.mark.parametrize("name", ["norm", "residual norm", "single values", "bf16"])
def test_values_gradients_and_buffers(ranks, alone, name):
    """3 images on one process, 1 on the other; in "single values" each has one value per channel."""
    close = dict(rtol=2e-2, atol=1e-4) if name == "bf16" else CLOSE
    assert len(alone[name]) == 7 + (name != "norm")
    for result, expected in alone[name].items():
        if result.startswith("all: "):
            parts = [rank[name][result] for rank in ranks]
        else:
            parts = [torch.cat([rank[name][result] for rank in ranks])]
        for part in parts:
            torch.testing.assert_close(part, expected, **close, msg=lambda text, r=result: f"{r}: {text}")


@pytest.mark.parametrize("name", ["layers", "network"])
def test_training_under_ddp(ranks, alone, name):
    """Two steps: gradients, and weights and running buffers after them."""
    assert any("running_var" in key for key in alone[name]) and any("gradient 1" in key for key in alone[name])
    assert max(float(v.abs().max()) for k, v in alone[name].items() if "gradient" in k) > 1e-2
    for rank in ranks:
        assert list(rank[name]) == list(alone[name])
        for key, value in alone[name].items():
            torch.testing.assert_close(rank[name][key], value, **CLOSE, msg=lambda text, k=key: f"{k}: {text}")
