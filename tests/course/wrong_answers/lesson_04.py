"""Wrong answers to the exercises of lesson 04, and right ones."""

import math

import torch
import torch.nn.functional as F


def size_after(n, k, s, p, d):
    return math.floor((n + 2 * p - d * (k - 1) - 1) / s) + 1


def size_by_torch(n, k, s, p, d):
    return F.conv1d(torch.zeros(1, 1, n), torch.zeros(1, 1, k), stride=s, padding=p, dilation=d).shape[-1]


def parameters(f, n, c, variant, norm=2, bias=0, classifier=True, classifier_bias=True, concat=None, fused=None):
    """The count by hand, with a keyword for each mistake."""
    total = f * c + norm * c + bias * c  # reduce
    if variant != "center":
        inputs = c if variant == "sum" else n * c
        total += (concat or inputs) * c + norm * c + bias * c  # refine
    inputs = (n * c if variant == "center" else c) + f
    total += (fused or inputs) * c + norm * c + bias * c  # fuse
    return total + classifier * n * c + (classifier and classifier_bias) * n


def refine_in_center(f, n, c, variant):
    return parameters(f, n, c, variant) + (c * c + 2 * c if variant == "center" else 0)


def head(p_of=lambda z: F.softmax(z, dim=1), gather=None, relu=(True, True, True, False), swap=False):
    """The network behind the base network, by matrix products, with a keyword for each mistake."""

    def answer(x, z, reduce, refine, fuse, classify):
        after = [torch.relu if use else (lambda value: value) for use in relu]
        shape = z.shape[2:]
        x, p = x.flatten(2), p_of(z).flatten(2)
        mass = gather(p) if gather else p.sum(2)[..., None]
        centers = p @ after[0](reduce @ x).transpose(1, 2) / mass
        context = after[1](refine @ centers.transpose(1, 2) @ p)
        joined = torch.cat([x, context] if swap else [context, x], 1)
        return after[3](classify @ after[2](fuse @ joined)).unflatten(2, shape)

    return answer


def field(layers):
    size, jump = 1, 1
    for k, s, d in layers:
        size, jump = size + d * (k - 1) * jump, jump * s
    return size


def field_backwards(layers):
    size = 1
    for k, s, d in reversed(layers):
        size = (size - 1) * s + d * (k - 1) + 1
    return size


def field_by_gradient(layers):
    """By experiment: which of many pixels change the result? Works for any stack of convolutions."""
    pixels = torch.ones(1, 1, 3000, dtype=torch.double, requires_grad=True)
    x = pixels
    for k, s, d in layers:
        x = F.conv1d(x, torch.ones(1, 1, k, dtype=torch.double) / k, stride=s, dilation=d)
    x[0, 0, x.shape[2] // 2].backward()
    seen = pixels.grad[0, 0].nonzero()
    return int(seen.max() - seen.min()) + 1


def own_stride_first(layers):
    size, jump = 1, 1
    for k, s, d in layers:
        jump *= s
        size += d * (k - 1) * jump
    return size


def strides_added(layers):
    size, jump = 1, 1
    for k, s, d in layers:
        size += d * (k - 1) * jump
        jump = jump + s - 1
    return size


def early_relu(x, z, reduce, refine, fuse, classify):
    """`refine` at the centers, as in the factorized form, but with its ReLU."""
    p, small = z.softmax(1), torch.einsum("oc,bchw->bohw", reduce, x).relu()
    centers = torch.einsum("bchw,bnhw->bnc", small, p) / p.sum((2, 3))[..., None]
    heard = torch.einsum("bno,bnhw->bohw", torch.einsum("oc,bnc->bno", refine, centers).relu(), p)
    fused = torch.einsum("oc,bchw->bohw", fuse, torch.cat([heard, x], dim=1)).relu()
    return torch.einsum("oc,bchw->bohw", classify, fused)


def emptied(layers):
    size, jump = 1, 1
    while layers:
        k, s, d = layers.pop(0)
        size, jump = size + d * (k - 1) * jump, jump * s
    return size


def dilated_jump(layers):
    size, jump = 1, 1
    for kernel, stride, dilation in layers:
        size += dilation * (kernel - 1) * jump
        jump *= stride * dilation
    return size


ANSWERS = {
    "conv_size": {
        "right": [size_after, size_by_torch],
        "mistakes": {
            "no dilation": (lambda n, k, s, p, d: size_after(n, k, s, p, 1), "dilation is forgotten"),
            "dilation times kernel": (lambda n, k, s, p, d: (n + 2 * p - d * k) // s + 1, "not dilation * kernel"),
            "padding once": (lambda n, k, s, p, d: (n + p - d * (k - 1) - 1) // s + 1, "add it twice"),
            "no padding": (lambda n, k, s, p, d: size_after(n, k, s, 0, d), "padding is forgotten"),
            "rounded up": (lambda n, k, s, p, d: math.ceil((n + 2 * p - d * (k - 1) - 1) / s) + 1, "Round down"),
            "rounded": (
                lambda n, k, s, p, d: round((n + 2 * p - d * (k - 1) - 1) / s) + 1,
                "round to the nearest",
            ),
            "a float": (lambda *case: float(size_after(*case)), "A whole number is asked for"),
            "no exact fit": (lambda n, k, s, p, d: (n + 2 * p - d * (k - 1) - 2) // s + 1, "fits exactly"),
            "one less": (lambda n, k, s, p, d: (n + 2 * p - d * (k - 1) - 1) // s, "One is missing"),
            "no stride": (lambda n, k, s, p, d: size_after(n, k, 1, p, d), "stride is forgotten"),
            "no - 1": (lambda n, k, s, p, d: (n + 2 * p - d * (k - 1)) // s + 1, "The - 1 is missing"),
            "no ones": (lambda n, k, s, p, d: (n + 2 * p - d * (k - 1)) // s, "Both ones are missing"),
            "float": (lambda n, k, s, p, d: (n + 2 * p - d * (k - 1) - 1) / s + 1, "whole number"),
            "text": (lambda *case: str(size_after(*case)), "not a number"),
        },
    },
    "acf_parameters": {
        "right": [parameters],
        "mistakes": {
            "no BatchNorm": (lambda *a: parameters(*a, norm=0), "BatchNorms are forgotten"),
            "buffers": (lambda *a: parameters(*a, norm=4), "running mean"),
            "bias": (lambda *a: parameters(*a, bias=1), "count a bias"),
            "weights alone": (lambda *a: parameters(*a, norm=0, classifier_bias=False), "convolutions alone"),
            "no classifier": (lambda *a: parameters(*a, classifier=False), "fine classifier is forgotten"),
            "no bias of the classifier": (
                lambda *a: parameters(*a, classifier_bias=False),
                "bias of the fine classifier",
            ),
            "concat as sum": (lambda f, n, c, v: parameters(f, n, c, v, concat=c), 'For "concat"'),
            "center refined": (refine_in_center, "no attention block"),
            "center as sum": (lambda f, n, c, v: parameters(f, n, c, v, fused=c + f), "all centers, one after"),
            "fusion without F": (lambda f, n, c, v: parameters(f, n, c, v) - f * c, "fusion also reads F"),
            "no reduction": (lambda f, n, c, v: parameters(f, n, c, v) - f * c - 2 * c, "reducing convolution"),
            "half a BatchNorm": (lambda *a: parameters(*a, norm=1), "a scale *and* a shift"),
            "coarse head": (lambda f, n, c, v: parameters(f, n, c, v) + n * f + n, "coarse head belongs"),
            "one for all": (lambda f, n, c, v: parameters(f, n, c, "sum"), "same number for you"),
            "other": (lambda f, n, c, v: v.count("c") + f * n * c, "on the inputs"),
        },
    },
    "fine_logits": {
        "right": [
            head(),
            head(gather=lambda p: p.sum(2)[..., None] + 1e-6),
            lambda *a: head()(*(x.float() for x in a)),
        ],
        "mistakes": {
            "logits": (head(lambda z: z), "softmax is forgotten"),
            "rows": (head(lambda z: z.softmax(2)), "over the rows"),
            "columns": (head(lambda z: z.softmax(-1)), "over the columns"),
            "sigmoid": (head(torch.sigmoid), "sigmoid"),
            "swapped": (head(swap=True), "order of the fusion"),
            "no ReLU 1": (head(relu=(False, True, True, False)), "after `reduce` is missing"),
            "no ReLU 2": (head(relu=(True, False, True, False)), "after `refine` is missing"),
            "no ReLU 3": (head(relu=(True, True, False, False)), "after `fuse` is missing"),
            "no ReLU": (head(relu=(False,) * 4), "None of the three"),
            "ReLU at the end": (head(relu=(True,) * 4), "cuts off"),
            "no denominator": (head(gather=lambda p: 1), "denominator of Eq. 2 is missing"),
            "number of pixels": (head(gather=lambda p: p.shape[2]), "not by H*W"),
            "uniform": (head(lambda z: torch.ones_like(z) / z.shape[1]), "hears the same"),
            "early ReLU": (early_relu, "may not be moved"),
            "probabilities": (lambda *case: head()(*case).softmax(1), "These are probabilities"),
            "mass at least 1": (head(gather=lambda p: p.sum(2)[..., None].clamp(min=1)), "clamp(min=1)"),
            "mass at least 0.1": (head(gather=lambda p: p.sum(2)[..., None].clamp(min=0.1)), "hardly there"),
            "own softmax": (head(lambda z: z.exp() / z.exp().sum(1, keepdim=True)), "far from 0"),
            "half detached": (
                lambda x, z, r, *rest: head()(x, z, r.detach(), *rest),
                "no gradient reaches `r`",
            ),
            "detached": (head(lambda z: z.softmax(1).detach()), "no gradient reaches `z`"),
        },
    },
    "receptive_field": {
        "right": [field, field_backwards, field_by_gradient],
        "mistakes": {
            "no strides": (lambda layers: field([(k, 1, d) for k, _, d in layers]), "strides are forgotten"),
            "no dilation": (lambda layers: field([(k, s, 1) for k, s, _ in layers]), "dilation is forgotten"),
            "dilated jump": (dilated_jump, "not the jump"),
            "own stride": (own_stride_first, "own stride"),
            "k steps": (lambda layers: field([(k + 1, s, d) for k, s, d in layers]), "k - 1 steps"),
            "from 0": (lambda layers: field(layers) - 1, "One is missing"),
            "added": (strides_added, "strides multiply"),
            "emptied": (emptied, "changes its argument `layers`"),
            "a float": (lambda layers: float(field(layers)), "A whole number is asked for"),
            "odd kernels": (lambda layers: field([(2 * (k // 2) + 1, s, d) for k, s, d in layers]), "A kernel of 2"),
            "strides of 2": (lambda layers: field([(k, min(s, 2), d) for k, s, d in layers]), "A stride of 3"),
            "no layer": (lambda layers: field(layers) if layers else 0, "Without any layer"),
            "output stride": (lambda layers: math.prod(s for _, s, _ in layers), "output stride"),
        },
    },
}
