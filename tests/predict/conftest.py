"""Networks that are shared: a run, and its folder for others."""

from pathlib import Path

import pytest
import torch

from acflib.metrics import Scores
from acflib.predict.pretrained import load_pretrained
from acflib.predict.sharing import save_pretrained
from acflib.training import train
from tests.runs import tiny_config

# Two classes: IoU 3 / (3 + 1 + 0) = 75 % and 2 / (2 + 0 + 1) = 66.67 %, the mean 70.83 %. The coarse one is perfect.
SCORES = Scores(("a", "b"), torch.tensor([[3, 0], [1, 2]]), torch.tensor([[4, 0], [0, 2]]))
TOLD = {"license": "apache-2.0", "data": {"name": "Streets 64x32", "seed": 0}, "metrics": {"val": SCORES}}


@pytest.fixture(scope="module")
def run(streets, tmp_path_factory):
    """The checkpoint of a finished run."""
    config = tiny_config(streets, tmp_path_factory.mktemp("runs") / "run", iterations=2, eval_every=0)
    train(config, progress=False)
    return Path(config.out) / "checkpoint.pt"


@pytest.fixture
def folder(run, tmp_path):
    model = load_pretrained(run)
    own = {"notes": "**Mine.**", "command": "acflib train"}
    return save_pretrained(model, tmp_path / "my-network", **TOLD, **own)
