"""What is frozen stays frozen: every function that evaluates a network gives each module its own mode back."""

import numpy as np
import pytest
import torch
from torch import nn

from acflib.acfnet import ModelConfig, build_model, evaluation_mode, inspect
from acflib.datasets import open_dataset
from acflib.predict.evaluation import evaluate, probability_batches
from acflib.predict.export import export_predictions
from acflib.widgets.lab_view import what_if
from acflib.widgets.scene import Picture, analyze

PICTURE = Picture("noise", np.random.default_rng(0).integers(0, 256, (32, 64, 3), dtype=np.uint8))


def first_batch(model, data, folder):
    stream = probability_batches(model, data, progress=False)
    next(stream)
    stream.close()


def refused(model, data, folder):
    with pytest.raises(RuntimeError):
        inspect(model, torch.zeros(1, 3, 0, 0))


def lab(model, data, folder):
    scene = analyze(PICTURE, model)
    what_if(scene, scene.probabilities)


@pytest.mark.parametrize(
    "use",
    [
        lambda model, data, folder: evaluate(model, data, progress=False),
        first_batch,
        lambda model, data, folder: export_predictions(model, data, folder / "out", progress=False),
        lambda model, data, folder: inspect(model, torch.zeros(3, 33, 65)),
        refused,
        lab,
    ],
    ids=["evaluate", "probability_batches", "export", "inspect", "an error", "laboratory"],
)
def test_frozen_norms_stay_frozen(use, streets, tmp_path):
    model = build_model(ModelConfig(backbone="tiny", channels=16)).train()
    for module in model.base.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.eval()
    before = [module.training for module in model.modules()]
    assert {True, False} == set(before)
    use(model, open_dataset(streets, "val"), tmp_path)
    assert [module.training for module in model.modules()] == before


def test_modes_come_back_after_an_error():
    model = nn.Sequential(nn.BatchNorm2d(3).eval(), nn.ReLU())
    with pytest.raises(KeyError), evaluation_mode(model):
        assert not any(module.training for module in model.modules())
        raise KeyError
    assert [module.training for module in model.modules()] == [True, False, True]
