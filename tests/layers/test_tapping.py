"""tap(): any segmentation network as a base network."""

import pytest
import torch
import torchvision
from torch import nn

from acflib import ACFNet, ConfigError, inspect, tap

IMAGES = torch.randn(2, 3, 49, 65)


class Stranger(nn.Module):
    """A user's network that knows nothing of torchvision."""

    def __init__(self):
        super().__init__()
        self.body = nn.Sequential(nn.Conv2d(3, 8, 3, stride=4, padding=1), nn.ReLU())
        self.last = nn.Conv2d(8, 5, 3, padding=1)

    def forward(self, x):
        return nn.functional.interpolate(self.last(self.body(x)), x.shape[-2:], mode="bilinear")


@pytest.mark.parametrize("name", ["fcn_resnet50", "deeplabv3_resnet50"])
def test_tap_torchvision(name):
    network = torchvision.models.get_model(name, weights=None, weights_backbone=None, num_classes=7, aux_loss=True)
    model = ACFNet(tap(network, "classifier.4"), channels=16).eval()
    found = model(IMAGES)
    assert found["out"].shape == (2, 7, 49, 65)
    coarse = nn.functional.interpolate(model.intermediates(IMAGES).coarse_logits, (49, 65), mode="bilinear")
    torch.testing.assert_close(coarse, network(IMAGES)["out"])
    assert model.train()(IMAGES).keys() == {"out", "coarse", "aux"}


def test_tap_a_stranger_and_train_it():
    network = Stranger()
    model = ACFNet(tap(network, "last"), channels=16)
    found = model(IMAGES)
    assert found["out"].shape == (2, 5, 49, 65)
    found["out"].mean().backward()
    assert network.body[0].weight.grad.abs().max() > 0 and network.last.weight.grad.abs().max() > 0
    assert inspect(model, IMAGES).coarse_features.shape == (2, 8, 13, 17)


def test_tap_says_what_is_wrong():
    with pytest.raises(ConfigError, match='no layer "classifier".*body.0, last'):
        tap(Stranger(), "classifier")
    with pytest.raises(ConfigError, match="feature_channels and num_classes"):
        tap(Stranger(), "body")
    twice = nn.Sequential(nn.Conv2d(3, 3, 1))
    twice.append(twice[0])
    with pytest.raises(ConfigError, match="ran 2 times"):
        ACFNet(tap(twice, "0"), channels=4)(IMAGES)


def test_a_call_leaves_no_hook_behind():
    network = tap(nn.Sequential(nn.Conv2d(3, 5, 1)), "0")
    network(IMAGES)
    with pytest.raises(RuntimeError):
        network(torch.randn(2, 4, 8, 8))  # four channels
    assert not network.network[0]._forward_hooks


# ---- the tapped layer must make the result


class TwoClassifiers(Stranger):
    """Adds up two classifiers, as torchvision's LR-ASPP does."""

    def __init__(self):
        super().__init__()
        self.second = nn.Conv2d(8, 5, 1)

    def forward(self, x):
        features = self.body(x)
        return nn.functional.interpolate(self.last(features) + self.second(features), x.shape[-2:], mode="bilinear")


class LearnedUpsampling(Stranger):
    """Convolves its logits again."""

    def __init__(self):
        super().__init__()
        self.up = nn.ConvTranspose2d(5, 5, 4, stride=4)

    def forward(self, x):
        return self.up(self.last(self.body(x)))


class Side(Stranger):
    """Has an auxiliary classifier, which does not touch the result."""

    def __init__(self):
        super().__init__()
        self.side = nn.Conv2d(8, 5, 1)

    def forward(self, x):
        features = self.body(x)
        self.side(features)
        return [self.last(features)]


@pytest.mark.parametrize("network, layer", [(TwoClassifiers, "last"), (LearnedUpsampling, "last"), (Side, "side")])
def test_a_layer_that_does_not_make_the_result_alone_is_noticed(network, layer):
    model = ACFNet(tap(network(), layer), channels=4)
    for _ in range(2):  # not only the first time
        with pytest.raises(ConfigError, match=rf'"{layer}" does not make the result.*docs/networks\.md.*check=False'):
            model(IMAGES)
    assert not model.base.network.get_submodule(layer)._forward_hooks and model.base.network.training
    assert ACFNet(tap(network(), layer, check=False), channels=4)(IMAGES)["out"].shape == (2, 5, 49, 65)


class Deep(Side):
    """Gives its auxiliary result beside the main one, under a name of its own."""

    def forward(self, x):
        features = self.body(x)
        return {"deep": self.side(features), "out": self.last(features)}


def test_the_main_result_of_a_dict_is_that_of_a_usual_name():
    tap(Deep(), "last")(IMAGES)
    with pytest.raises(ConfigError, match='"side" does not make the result'):
        tap(Deep(), "side")(IMAGES)


IN_PLACE = {
    "logits": lambda layer, features: layer(features).sigmoid_(),
    "features": lambda layer, features: (layer(features), features.relu_())[0],
}


@pytest.mark.parametrize("kind", IN_PLACE)
def test_maps_that_are_changed_behind_the_layer_are_noticed(kind):
    """What the layer made or saw is gone then: a sigmoid in the place of logits, say."""

    class Network(Stranger):
        def forward(self, x):
            return IN_PLACE[kind](self.last, self.body(x) - 1)

    for check in (True, False):
        with pytest.raises(ConfigError, match='layer "last" is changed in place.*make a new tensor'):
            tap(Network(), "last", check=check)(IMAGES)
    with torch.inference_mode():  # writes are not counted there
        tap(Network(), "last", check=False)(IMAGES)


def test_a_layer_that_is_called_with_a_named_argument():
    class Network(Stranger):
        def forward(self, x):
            return self.last(input=self.body(x))

    network = Network()
    assert torch.equal(tap(network, "last")(IMAGES).features, network.body(IMAGES))


def test_an_inner_layer_is_noticed():
    """Its channels are not those of the result."""
    network = torchvision.models.segmentation.deeplabv3_resnet50(weights=None, weights_backbone=None, num_classes=7)
    for layer, channels in (("classifier.1", 256), ("classifier.0.project.0", 256)):
        message = rf'"{layer}" makes {channels} channels, but the result of the network has 7: .*check=False'
        with pytest.raises(ConfigError, match=message):
            tap(network, layer)(IMAGES)


def test_torchvision_lraspp_is_noticed():
    network = torchvision.models.get_model("lraspp_mobilenet_v3_large", weights=None, weights_backbone=None)
    for layer in ("classifier.low_classifier", "classifier.high_classifier"):
        with pytest.raises(ConfigError, match="LR-ASPP"):
            tap(network, layer)(IMAGES)
    network = torchvision.models.get_model("fcn_resnet50", weights=None, weights_backbone=None, aux_loss=True)
    tap(network, "classifier.4")(IMAGES)
    with pytest.raises(ConfigError, match="differs"):
        tap(network.eval(), "aux_classifier.4")(IMAGES)


RESULTS = {
    "nearest": lambda logits: nn.functional.interpolate(logits, scale_factor=3.7),
    "bicubic": lambda logits: nn.functional.interpolate(logits, scale_factor=4, mode="bicubic"),
    "aligned": lambda logits: nn.functional.interpolate(logits, (50, 60), mode="bilinear", align_corners=True),
    "cropped": lambda logits: logits[..., 1:-1, 2:],
    "softmax": lambda logits: logits.softmax(1),
    "log_softmax": lambda logits: {"logits": logits.log_softmax(1)},
    "sigmoid": lambda logits: (logits.sigmoid(), None),
    "class map": lambda logits: logits.argmax(1),  # nothing to compare with
}


@pytest.mark.parametrize("kind", RESULTS)
def test_any_resizing_and_activation_by_pixel_is_the_result(kind):
    class Network(Stranger):
        def forward(self, x):
            return RESULTS[kind](self.last(self.body(x)))

    tap(Network(), "last")(IMAGES)


def test_the_check_leaves_no_trace():
    """No batch is counted, no random number drawn, frozen modules stay frozen, and it is made once."""
    network = Stranger()
    network.body.extend([nn.BatchNorm2d(8), nn.Dropout(0.5), nn.BatchNorm2d(8).eval()])
    calls = []
    network.register_forward_hook(lambda *_: calls.append(1))
    base = tap(network, "last")
    torch.manual_seed(1)
    base(IMAGES)
    state = torch.get_rng_state()
    assert network.body[2].num_batches_tracked == 1 and network.body[4].num_batches_tracked == 0
    assert network.body[3].training and not network.body[4].training and len(calls) == 2
    torch.manual_seed(1)
    base(IMAGES)
    assert torch.equal(torch.get_rng_state(), state) and len(calls) == 3


def test_half_precision_passes_the_check():
    tap(Stranger().bfloat16(), "last")(IMAGES.bfloat16())
    with torch.autocast("cpu", dtype=torch.bfloat16):
        tap(Stranger(), "last")(IMAGES)
    with torch.device("meta"):
        assert tap(Stranger(), "last")(torch.empty(1, 3, 32, 32)).coarse.is_meta  # no values, no check
