"""How much a network listens to its class centers: a deaf one, and one that repeats what the centers say."""

import numpy as np
import pytest
import torch

from acflib.acfnet import ModelConfig, build_model
from acflib.datasets import open_dataset
from acflib.errors import ConfigError
from acflib.layers.alignment import CellGrid
from acflib.predict.evaluation import evaluate
from acflib.study.listening import CHANGES, changed_map, draw_disc, measure_listening, paint


def network(variant="sum"):
    torch.manual_seed(0)
    config = ModelConfig("tiny", variant=variant, channels=16, align_corners=False, weights=None)
    return build_model(config).eval()


@pytest.mark.parametrize("variant", ["sum", "concat", "center"])
def test_deaf_network_changes_nowhere(streets, variant):
    """The weights that read the context are 0. Its scores are those of the usual evaluation."""
    model, val = network(variant), open_dataset(streets, "val")
    model.acf.fuse.conv.weight.data[:, : model.acf.fuse.split[0]] = 0
    found, scores = measure_listening(model, val), evaluate(model, val, progress=False)
    assert found.painted == found.painted_to == 0 and found.discs > 0
    assert {found.miou[name] for name in CHANGES} == {found.miou["own"]}
    assert found.miou["own"] == pytest.approx(100 * scores.miou_fine)
    assert found.miou["coarse"] == pytest.approx(100 * scores.miou_coarse)


def test_network_that_hears_its_attention_alone_takes_the_painted_class(streets):
    """Centers and what is made of them are the identity by construction: fine is the attention map itself."""
    model = network()

    class Echo(torch.nn.Module):
        def forward(self, features, probabilities, center_probs=None, attention_probs=None):
            attention = probabilities if attention_probs is None else attention_probs
            return type("Found", (), {"centers": None, "attended": attention, "fused": attention})

    echo = Echo()
    echo.center_block = model.acf.center_block
    model.acf, model.classifier = echo, torch.nn.Identity()
    found = measure_listening(model, open_dataset(streets, "val"))
    assert len({found.miou[name] for name in CHANGES}) == 1
    assert found.painted == found.painted_to > 40  # a disc of 4 pixels on cells of 8: its rim is not covered


def test_changed_maps_give_the_centers_they_are_named_for():
    model, image = network(), torch.randn(1, 3, 32, 64)
    draws = torch.Generator().manual_seed(1)
    with torch.no_grad():
        own = model.intermediates(image)
        changed = {name: changed_map(own.probabilities, name, draws) for name in CHANGES[1:]}
        centers = {name: model.intermediates(image, class_map).centers for name, class_map in changed.items()}
        mean = model.acf.center_block.reduce(own.coarse_features).mean(dim=(2, 3))
    assert not centers["zero"].any()
    assert torch.allclose(centers["alike"], mean[:, None].expand_as(own.centers), atol=1e-5)
    moved = [int((centers["permuted"][0, k] - own.centers[0]).abs().sum(dim=1).argmin()) for k in range(19)]
    assert sorted(moved) == list(range(19)) != moved


def test_disc_lies_on_one_class_and_is_painted_with_another_of_the_image():
    labels = torch.full((32, 64), 255)
    labels[:, :30], labels[:, 34:] = 2, 5
    labels[0, 0] = 7  # too small to be chosen
    draws = torch.Generator().manual_seed(0)
    for _ in range(20):
        inside, brush = draw_disc(labels, draws)
        rows, columns = (place.numpy() for place in torch.nonzero(inside, as_tuple=True))
        assert brush in (2, 5) and np.ptp(rows) <= 8 and np.ptp(columns) <= 8
        assert (labels[inside] == 7 - brush).any()
    assert draw_disc(torch.full((8, 8), 3), draws) is None


def test_painted_cells_are_those_whose_middle_is_inside():
    own, inside = torch.rand(1, 19, 2, 4), torch.zeros(16, 32, dtype=torch.bool)
    inside[0:8, 4:16] = True  # the middles of cells are at 4, 12, 20, 28
    painted = paint(own, inside, 3, CellGrid((16, 32), (2, 4)))[0]
    assert torch.equal(painted[:, 0, :2], torch.eye(19)[3][:, None].expand(19, 2))
    assert torch.equal(painted[:, 1], own[0, :, 1]) and torch.equal(painted[:, 0, 2:], own[0, :, 0, 2:])


def test_cells_of_an_aligned_network_look_at_multiples_of_the_stride():
    """Its cells lie at 0, 8, 16 (and 24, 32 in the padding); a disc from 7 to 9 holds one of them."""
    own, inside = torch.rand(1, 19, 3, 5), torch.zeros(16, 32, dtype=torch.bool)
    inside[7:10, 7:10] = True
    changed = (paint(own, inside, 3, CellGrid((16, 32), (3, 5), True, 8)) != own).any(dim=1)[0]
    assert changed.nonzero().tolist() == [[1, 1]]


@pytest.mark.parametrize("variant", [None, "self", "global"])
def test_network_without_centers_is_refused(streets, variant):
    with pytest.raises(ConfigError, match="no class centers"):
        measure_listening(network(variant), open_dataset(streets, "val"))
