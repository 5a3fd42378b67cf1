"""Wrong answers to the exercises of lesson 12, and right ones."""

import copy

import torch
from torch import nn
from torchvision.transforms import v2

from acflib.datasets.transforms import normalize_image
from acflib.functional import attend_sum, class_centers

MEAN = torch.tensor([0.485, 0.456, 0.406])
STD = torch.tensor([0.229, 0.224, 0.225])


def batch(photo):
    return (((photo / 255) - MEAN) / STD).permute(2, 0, 1)[None]


def in_double(photo):
    return ((photo.double() / 255 - MEAN.double()) / STD.double()).permute(2, 0, 1).unsqueeze(0)


def axis_first(x):
    return x.permute(2, 0, 1)[None]


def from_numpy(photo):
    """For the array that numpy and PIL give."""
    return torch.from_numpy((photo / 255 - MEAN.numpy()) / STD.numpy()).permute(2, 0, 1)[None]


def from_array_alone(photo):
    scaled = photo.astype("float64").transpose(2, 0, 1) / 255
    return (torch.from_numpy(scaled) - MEAN[:, None, None]).div(STD[:, None, None]).unsqueeze(0)


def by_torchvision(photo):
    """Wants an array, and says so by a RuntimeError."""
    steps = [v2.ToImage(), v2.ToDtype(torch.float32, scale=True), v2.Normalize(MEAN.tolist(), STD.tolist())]
    return v2.Compose(steps)(photo)[None]


def ids(values, table):
    lookup = torch.full((256,), 255)
    for value, train_id in table:
        lookup[value] = train_id
    return lookup[values]


def in_place(values, table):
    for value, train_id in table:
        values[values == value] = train_id
    return values


def in_place_then_rest(values, table):
    known = sum(values == value for value, _ in table) > 0
    return torch.where(known, in_place(values.clone(), table), 255)


def overwritten(values, table):
    return values.copy_(ids(values, table))


def zero_is_unknown(values, table):
    found = torch.zeros_like(values)
    for value, train_id in table:
        found[values == value] = train_id
    found[found == 0] = 255
    return found


def rest_stays(values, table):
    found = values.clone()
    for value, train_id in table:
        found[values == value] = train_id
    return found


def short_list(values, table):
    """A list as long as the largest value that is named; larger ones are cut to it."""
    size = max(value for value, _ in table) + 1
    found = torch.full((size,), 255)
    for value, train_id in table:
        found[value] = train_id
    return found[values.clamp(max=size - 1)]


def rest_to_0(values, table):
    found = ids(values, table)
    return torch.where(found == 255, 0, found)


def hooked(network, name, images, remove=True):
    seen = []
    handle = network.get_submodule(name).register_forward_hook(lambda _, given, result: seen.extend([given[0], result]))
    network(images)
    if remove:
        handle.remove()
    return tuple(seen)


def forward_replaced(network, name, images):
    layer, seen = network.get_submodule(name), []
    forward = layer.forward

    def look(x):
        seen.extend([x, forward(x)])
        return seen[1]

    layer.forward = look
    network(images)
    return seen[0], seen[1]


def hook_on_all(network, name, images):
    layer, seen = network.get_submodule(name), []

    def look(module, given, result):
        if module is layer:
            seen.extend([given[0], result])

    torch.nn.modules.module.register_module_forward_hook(look)
    network(images)
    return seen[0], seen[1]


def with_pre_hook(network, name, images):
    layer, seen = network.get_submodule(name), []
    with layer.register_forward_pre_hook(lambda _, given: seen.append(given[0])):
        network(images)
    return seen[0], layer(seen[0])


def whole_result(network, name, images):
    return hooked(network, name, images)[0], network(images)


def before_relu(network, name, images):
    return hooked(network, "body.first", images)[1], hooked(network, name, images)[1]


def without_gradient(network, name, images):
    with torch.no_grad():
        return hooked(network, name, images)


def hooks_cleared(network, name, images):
    result = hooked(network, name, images, remove=False)[:2]
    for module in network.modules():
        module._forward_hooks.clear()
    return result


def mode_of_the_whole(network, name, images):
    mode = network.training
    result = hooked(network.eval(), name, images)
    network.train(mode)
    return result


def frozen(network, name, images):
    return hooked(network.requires_grad_(False), name, images)


def centers(f, p):
    return torch.einsum("bchw,bnhw->bnc", f, p) / p.sum((2, 3))[..., None]


def attend(c, p):
    return torch.einsum("bnc,bnhw->bchw", c, p)


def fine(f, z):
    p = z.softmax(1)
    return torch.cat([attend(centers(f, p), p), f], 1)


def without_softmax(f, z):
    return torch.cat([attend(centers(f, z), z), f], 1)


def over_pixels(f, z):
    p = z.flatten(2).softmax(-1).reshape(z.shape)
    return torch.cat([attend(centers(f, p), p), f], 1)


def unnormalised(f, z):
    p = z.softmax(1)
    return torch.cat([attend(torch.einsum("bchw,bnhw->bnc", f, p), p), f], 1)


def at_least(f, z, least=1.0, more=0.0):
    """A number that is added, or a small bound, is harmless: so small a class is hardly heard either."""
    p = z.softmax(1)
    c = torch.einsum("bchw,bnhw->bnc", f, p) / (p.sum((2, 3)).clamp(min=least) + more)[..., None]
    return torch.cat([attend(c, p), f], 1)


def own_softmax(f, z):
    p = z.exp() / z.exp().sum(1, keepdim=True)
    return torch.cat([attend(centers(f, p), p), f], 1)


def winner(f, z):
    hard = nn.functional.one_hot(z.argmax(1), z.shape[1]).permute(0, 3, 1, 2).double()
    return torch.cat([attend(centers(f, z.softmax(1)), hard), f], 1)


ANSWERS = {
    "photo_to_batch": {
        "right": [batch, in_double, from_numpy, from_array_alone, by_torchvision],
        "mistakes": {
            "0 to 255": (lambda x: axis_first((x - MEAN) / STD), "Divide by 255 first"),
            "no mean and std": (lambda x: axis_first(x / 255), "mean and std are missing"),
            "no std": (lambda x: axis_first(x / 255 - MEAN), "standard deviation is missing"),
            "no mean": (lambda x: axis_first(x / 255 / STD), "mean is missing"),
            "other way round": (lambda x: axis_first(x / 255 / STD - MEAN), "other way round"),
            "-1 to 1": (lambda x: axis_first(x / 255 * 2 - 1), "from -1 to 1"),
            "blue first": (lambda x: batch(x[..., [2, 1, 0]]), "blue, green, red"),
            "reshape": (
                lambda x: ((x.reshape(3, *x.shape[:2]) / 255 - MEAN[:, None, None]) / STD[:, None, None])[None],
                "wrong places",
            ),
            "view": (lambda x: ((x / 255 - MEAN) / STD).view(1, 3, *x.shape[:2]), "Right numbers in the wrong places"),
            "width first": (lambda x: batch(x).transpose(2, 3), "Height and width are swapped"),
            "no batch axis": (lambda x: batch(x)[0], "must be (1, 3"),
            "whole numbers": (lambda x: axis_first(x), "a network needs floats"),
            "an array": (lambda x: batch(x).numpy(), "not a tensor"),
            "of an array": (lambda x: from_array_alone(x).half(), "too coarse"),
            "by acflib": (lambda x: normalize_image(x.permute(2, 0, 1))[None], "of acflib"),
            "a list": (lambda x: torch.from_numpy(x.tolist()), "raised"),
        },
    },
    "train_ids": {
        "right": ids,
        "mistakes": {
            "in place": (in_place_then_rest, "write to a new array"),
            "in place, rest stays": (in_place, "so a pixel that was just renamed"),
            "rest stays": (rest_stays, "look like classes now"),
            "rest to 0": (rest_to_0, "become class 0"),
            "backwards": (lambda y, table: ids(y, [(b, a) for a, b in table]), "backwards"),
            "place": (lambda y, table: ids(y, [(a, k) for k, (a, _) in enumerate(table)]), "place in the table"),
            "five lines": (lambda y, table: ids(y, table[:5]), "is right"),
            "overwritten": (overwritten, "changes its argument `values`"),
            "short list": (short_list, "above all that the table names"),
            "zeros": (zero_is_unknown, "0 is a train id"),
            "floats": (lambda y, table: ids(y, table).float(), "torch.float32. Whole numbers"),
        },
    },
    "hooked_layer": {
        "right": [hooked, with_pre_hook],
        "mistakes": {
            "result of the network": (whole_result, "what the whole network returns"),
            "probabilities": (lambda *a: (hooked(*a)[0], hooked(*a)[1].softmax(1)), "These are probabilities"),
            "before the activation": (before_relu, "before the activation"),
            "evaluation mode": (lambda network, *a: hooked(network.eval(), *a), "in training mode before"),
            "hook stays": (lambda *a: hooked(*a, remove=False)[:2], "still on the layer"),
            "forward stays": (forward_replaced, "a forward of yours"),
            "hook on all": (hook_on_all, "on all modules of torch"),
            "swapped": (lambda *a: hooked(*a)[::-1], "value 1 of 2 has the shape"),
            "features alone": (lambda *a: hooked(*a)[0], "not a tuple"),
            "tuple of inputs": (lambda *a: ((hooked(*a)[0],), hooked(*a)[1]), "returns a tuple, not a tensor"),
            "one name": (lambda network, name, images: hooked(network, "last", images), "whatever `name` says"),
            "no gradient": (without_gradient, "no gradient reaches"),
            "hooks cleared": (hooks_cleared, "hook of somebody else"),
            "mode of the whole": (mode_of_the_whole, "another mode than the whole"),
            "frozen": (frozen, "their requires_grad"),
            "a copy": (lambda network, *a: hooked(copy.deepcopy(network), *a), "from a copy of the network"),
        },
    },
    "coarse_to_fine": {
        "right": [fine, lambda f, z: at_least(f, z, 0, 1e-6), lambda f, z: fine(f.float(), z.float())],
        "mistakes": {
            "no softmax": (without_softmax, "softmax is forgotten"),
            "no softmax, by acflib": (
                lambda f, z: torch.cat([attend_sum(class_centers(f, z), z), f], 1),
                "class_centers and attend_sum want probabilities",
            ),
            "over pixels": (over_pixels, "over all pixels"),
            "sums": (unnormalised, "not normalized"),
            "winner": (winner, "most likely class alone"),
            "order": (lambda f, z: fine(f, z).roll(f.shape[1], 1), "order is swapped"),
            "features twice": (lambda f, z: torch.cat([f, f], 1), "twice"),
            "attended alone": (lambda f, z: fine(f, z)[:, : f.shape[1]], "must be"),
            "at least 1": (at_least, "hardly there"),
            "at least 0.1": (lambda f, z: at_least(f, z, 0.1), "hardly there"),
            "own softmax": (own_softmax, "far from 0"),
            "detached": (lambda f, z: fine(f.detach(), z.detach()), "no gradient reaches `f`"),
            "in place": (lambda f, z: fine(f, z.sub_(z.amax(1, keepdim=True))), "changes its argument `z`"),
            "halves": (lambda f, z: fine(f, z) / 2, "where"),
        },
    },
}
