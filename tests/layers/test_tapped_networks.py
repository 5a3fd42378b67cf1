"""tap() on networks of four libraries, each by the checks of tools/tapped_networks.py; and the table of them."""

import re

import pytest
import torch
import torchvision

from tools import tapped_networks
from tools.tapped_cases import CASES, OneClassifier, of_torchvision
from tools.tapped_networks import BEGIN, END, PAGE, examine

# The slow ones; of each library at least one is left.
LARGE = ("fcn_resnet50", "deeplabv3_resnet50", "deeplabv3_mobilenet_v3_large", "Unet", "FPN", "DeepLabV3Plus")
LARGE = (*LARGE, "UPerNet", "MAnet")


def param(case):
    marks = [pytest.mark.slow] * (case.name in LARGE)
    return pytest.param(case, id=f"{case.library}-{case.name}", marks=marks)


@pytest.mark.parametrize("case", [param(case) for case in CASES])
def test_tapped_network(case):
    """Features, centers and attention by the equations; gradients everywhere; 20 steps of training lower the loss."""
    if not case.is_installed():
        pytest.skip(f"{case.library} is not installed: pip install {case.library}")
    examine(case)


def test_at_least_twelve_networks_of_four_libraries():
    assert len(CASES) >= 12 and len({case.library for case in CASES}) >= 4


def test_recipe_for_lraspp_computes_what_torchvision_does():
    network = of_torchvision("lraspp_mobilenet_v3_large").eval()
    x = torch.randn(2, 3, 64, 96)
    with torch.no_grad():
        expected = network(x)["out"]
        network.classifier = OneClassifier(network.classifier)
        torch.testing.assert_close(network(x)["out"], expected)
    assert isinstance(network, torchvision.models.segmentation.LRASPP)


def test_table_of_the_docs_has_every_network():
    rows = PAGE.read_text().split(BEGIN)[1].split(END)[0].splitlines()
    shown = [tuple(re.split(r" \| ", row.strip("| "))[:2]) for row in rows if row.startswith("| ")][2:]
    assert shown == [(case.library, case.name) for case in CASES]


def test_table_needs_every_library(monkeypatch, capsys):
    monkeypatch.setattr(tapped_networks.Case, "is_installed", lambda case: case.library != "timm")
    assert tapped_networks.main([]) == 1
    assert "pip install timm" in capsys.readouterr().err
