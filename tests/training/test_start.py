"""Runs that start from the base network of another one, and frozen ones."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from acflib.acfnet import ModelConfig, build_model
from acflib.engine.checkpoints import load_checkpoint
from acflib.engine.config import TrainConfig
from acflib.engine.train_state import check_same_kind
from acflib.errors import CheckpointError
from acflib.training import train
from tests.runs import tiny_config


def test_a_run_starts_from_the_base_network_of_another_one(streets, tmp_path):
    """Base weights and running statistics are those of the checkpoint; the heads are drawn by the run's own seed."""
    first = tiny_config(streets, tmp_path / "first", iterations=2)
    base_only = replace(first, model=replace(first.model, variant=None))
    train(base_only, progress=False)
    found = {}
    for seed in (0, 1):
        config = replace(
            first, out=str(tmp_path / f"second{seed}"), start=str(tmp_path / "first" / "checkpoint.pt"), seed=seed,
            freeze="base",
        )  # fmt: skip
        found[seed] = train(config, progress=False).model.state_dict()
    start = load_checkpoint(tmp_path / "first" / "checkpoint.pt")["model"]
    for name, value in start.items():
        assert torch.equal(found[0][name], value) and torch.equal(found[1][name], value), name
    heads = [name for name in found[0] if name not in start and name.endswith("weight")]
    assert heads and not any(torch.equal(found[0][name], found[1][name]) for name in heads if "bn" not in name)


def test_a_frozen_base_stays_as_it_is_and_the_heads_are_trained(streets, tmp_path):
    config = tiny_config(streets, tmp_path / "run", iterations=3, eval_every=1)  # an evaluation puts the mode back
    frozen = replace(config, freeze="base", val_split="val")
    torch.manual_seed(frozen.seed)
    before = build_model(frozen.model).state_dict()
    after = train(frozen, progress=False).model.state_dict()
    moved = {name for name in before if not torch.equal(before[name], after[name])}
    assert not any(name.startswith("base.") for name in moved)
    assert {name for name in before if not name.startswith("base.")} == moved
    log = (tmp_path / "run" / "log.csv").read_text().splitlines()
    assert dict(zip(log[0].split(","), log[1].split(","), strict=True))["aux"] == ""  # there is no auxiliary loss


def test_a_run_that_was_stopped_resumes_from_itself_and_not_from_its_start(streets, tmp_path):
    first = tiny_config(streets, tmp_path / "first", iterations=2)
    train(first, progress=False)
    whole = replace(first, out=str(tmp_path / "whole"), start=str(tmp_path / "first" / "checkpoint.pt"), iterations=4)
    expected = train(whole, progress=False).model.state_dict()
    again = train(whole, resume=True, progress=False)
    assert again.position == 4
    assert all(torch.equal(value, expected[name]) for name, value in again.model.state_dict().items())


def test_start_from_another_network_is_refused(streets, tmp_path):
    first = tiny_config(streets, tmp_path / "first", iterations=1)
    train(replace(first, model=replace(first.model, field=239)), progress=False)
    second = replace(first, out=str(tmp_path / "second"), start=str(tmp_path / "first" / "checkpoint.pt"))
    with pytest.raises(CheckpointError, match="its base network is another one"):
        train(second, progress=False)
    with pytest.raises(CheckpointError, match="no such checkpoint"):
        train(replace(second, start=str(tmp_path / "none.pt")), progress=False)


OTHER_KINDS = [
    ({"norm": "inplace"}, None, "trained with norm='sync', this run has norm='inplace'"),
    ({"output_stride": 16}, "base", "trained with output_stride=8, this run has 16 and freezes it: choose 8"),
    ({"align_corners": True, "crop_size": (33, 65)}, "base", "trained with align_corners=False, this run has True"),
]


@pytest.mark.parametrize("changes, freeze, message", OTHER_KINDS)
def test_a_base_network_that_would_compute_something_else_is_refused(streets, tmp_path, changes, freeze, message):
    """Its tensors have the same names and shapes."""
    first = tiny_config(streets, tmp_path / "first", iterations=1, val_split="none")
    train(first, progress=False)
    of_model = {name: changes[name] for name in ("output_stride", "align_corners") if name in changes}
    of_run = {name: changes[name] for name in ("norm", "crop_size") if name in changes}
    second = replace(first, out=str(tmp_path / "second"), start=str(tmp_path / "first" / "checkpoint.pt"), **of_run)
    second = replace(second, model=replace(first.model, **of_model), freeze=freeze)
    with pytest.raises(CheckpointError, match=message):
        train(second, progress=False)


def test_a_base_network_that_is_trained_further_may_take_another_output_stride(streets, tmp_path):
    first = tiny_config(streets, tmp_path / "first", iterations=1, val_split="none")
    train(first, progress=False)
    second = replace(first, out=str(tmp_path / "second"), start=str(tmp_path / "first" / "checkpoint.pt"))
    assert train(replace(second, model=replace(first.model, output_stride=16)), progress=False).finished


def test_a_frozen_base_network_is_of_the_same_name():
    """Of timm two may have the same tensors and pad their images differently."""
    stored = {"norm": "sync", "model": {"backbone": "timm/tf_efficientnet_lite0"}}
    model = ModelConfig(backbone="timm/efficientnet_lite0", weights=None)
    config = TrainConfig(model=model, start="there.pt", freeze="base")
    with pytest.raises(CheckpointError, match="trained with backbone=timm/tf_efficientnet_lite0"):
        check_same_kind(Path("there.pt"), stored, config)
    check_same_kind(Path("there.pt"), {**stored, "model": {"backbone": model.backbone}}, config)
