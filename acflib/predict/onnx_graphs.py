"""A network as ONNX graphs: what each graph computes, and how torch's exporter is called.

    base.onnx   image -> features, coarse_logits
    head.onnx   features, center_probs, attention_probs -> centers, attended, fine_features, fine_logits, reduced
    whole.onnx  image -> probabilities, at the size of the image

Each graph runs the network's own modules, so it cannot say something else than they do. Batch, height and width are
free in all of them. Writing and checking the files: :mod:`acflib.predict.onnx_export`.
"""

import contextlib
import copy
import io
import logging
import re
import warnings
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from acflib.acf import ACFModule, ClassCenterBlock
from acflib.acfnet import ACFNet
from acflib.errors import ConfigError
from acflib.functional import sum_to_one
from acflib.layers.controls import PERMUTED

OPSET = 18
SAMPLE = (2, 3, 96, 160)  # what the network is traced with; sides that most networks can halve five times
BATCH, HEIGHT, WIDTH = 0, 2, 3
CHATTY = ("onnxscript", "onnx_ir", "torch.onnx")  # loggers that speak of constants they leave alone


class GraphModule(nn.Module):
    """What a graph is made of; its arguments and results have the names of ``inputs`` and ``outputs``."""

    inputs: tuple[str, ...] = ()
    outputs: tuple[str, ...] = ()


class BaseGraph(GraphModule):
    """image (B, 3, H, W) -> features (B, C, h, w), coarse logits (B, N, h, w)."""

    inputs, outputs = ("image",), ("features", "coarse_logits")

    def __init__(self, model: ACFNet):
        super().__init__()
        self.model = model

    def forward(self, image: Tensor) -> tuple[Tensor, Tensor]:
        found = self.model.intermediates(image)  # what is not returned is not written
        return found.coarse_features, found.coarse_logits


class HeadGraph(GraphModule):
    """The ACF module from the features on; both class maps (B, N, h, w) as in :meth:`acflib.ACFNet.forward`."""

    inputs = ("features", "center_probs", "attention_probs")
    outputs = ("centers", "attended", "fine_features", "fine_logits", "reduced")

    def __init__(self, acf: ACFModule, center_block: ClassCenterBlock, classifier: nn.Module):
        super().__init__()
        self.acf, self.center_block, self.classifier = acf, center_block, classifier

    def forward(self, features: Tensor, center_probs: Tensor, attention_probs: Tensor) -> tuple[Tensor, ...]:
        found = self.acf(features, center_probs, center_probs, sum_to_one(attention_probs))
        reduced = self.center_block.reduce(features)  # F', (B, C', h, w), what the centers are means of
        return found.centers, found.attended, found.fused, self.classifier(found.fused), reduced


class ControlGraph(GraphModule):
    """The head of a control, which has no class centers: features -> context, fine features, fine logits."""

    inputs, outputs = ("features",), ("attended", "fine_features", "fine_logits")

    def __init__(self, acf: ACFModule, classifier: nn.Module):
        super().__init__()
        self.acf, self.classifier = acf, classifier

    def forward(self, features: Tensor) -> tuple[Tensor, ...]:
        found = self.acf(features, features)  # a control looks at no probabilities
        return found.attended, found.fused, self.classifier(found.fused)


class WholeGraph(GraphModule):
    """image (B, 3, H, W) -> probabilities of the fine result (B, N, H, W)."""

    inputs, outputs = ("image",), ("probabilities",)

    def __init__(self, model: ACFNet):
        super().__init__()
        self.model = model

    def forward(self, image: Tensor) -> Tensor:
        return self.model(image)["out"].float().softmax(dim=1)


@dataclass(frozen=True)
class Graph:
    """A graph to write: its name, the module that it is made of, and arguments to trace that with."""

    name: str
    module: GraphModule
    arguments: tuple[Tensor, ...]


@torch.no_grad()
def make_graphs(model: ACFNet) -> list[Graph]:
    """The graphs of a network: base and whole; and head, if it has an ACF module.

    Args:
        model: any ACFNet; it stays as it is, the graphs hold a copy (float32, evaluation mode, on the CPU).

    Raises:
        ConfigError: the network cannot take a picture of the size that is traced, or is the control "permuted".
    """
    if model.acf is not None and model.acf.variant == PERMUTED:
        raise ConfigError(
            'the control "permuted" cannot be written as ONNX: it draws an order of the class centers by random '
            "numbers of torch for each image of a batch; choose another network"
        )
    model = copy.deepcopy(model).cpu().float().eval()
    image = torch.randn(SAMPLE, generator=torch.Generator().manual_seed(0))
    try:
        found = model.intermediates(image)
    except RuntimeError as error:
        size = f"{SAMPLE[WIDTH]} x {SAMPLE[HEIGHT]}"
        raise ConfigError(f"the network cannot segment a picture of {size} pixels: {cause_of(error)}") from error
    graphs = [Graph("base", BaseGraph(model).eval(), (image,)), Graph("whole", WholeGraph(model).eval(), (image,))]
    if model.acf is not None and model.classifier is not None:
        features, probabilities = found.coarse_features, found.probabilities
        if model.acf.center_block is None:
            graphs.append(Graph("head", ControlGraph(model.acf, model.classifier).eval(), (features,)))
        else:
            head = HeadGraph(model.acf, model.acf.center_block, model.classifier).eval()
            graphs.append(Graph("head", head, (features, probabilities, probabilities.clone())))
    return graphs


def to_onnx(graph: Graph):
    """A graph as an ``onnx.ModelProto`` whose batch, height and width are free.

    Raises:
        ConfigError: torch's exporter or the opset has no words for the network, or a size got fixed; the message names
            the graph and the place.
    """
    free = {axis: torch.export.Dim.AUTO for axis in (BATCH, HEIGHT, WIDTH)}
    shapes = tuple(free for _ in graph.arguments)
    try:
        with torch.no_grad(), _quiet():
            program = torch.export.export(graph.module, graph.arguments, dynamic_shapes=shapes, strict=False)
            program = program.run_decompositions(IN_OTHER_WORDS)
            made = torch.onnx.export(
                program, input_names=graph.module.inputs, output_names=graph.module.outputs, opset_version=OPSET,
                dynamo=True, verbose=False,
            )  # fmt: skip
            assert made is not None  # with dynamo=True
            proto = made.model_proto
    except Exception as error:  # torch raises many kinds here, by the place
        raise ConfigError(
            f"{graph.name}.onnx: this network cannot be written as ONNX (opset {OPSET}): {cause_of(error)}"
        ) from error
    name_sizes(proto, graph)
    return proto


def name_sizes(proto, graph: Graph) -> None:
    """Call the free sizes of a graph by their names instead of the exporter's numbers.

    Raises:
        ConfigError: a size is not free: the network's own code depends on it.
    """
    sides = ("height", "width") if "image" in graph.module.inputs else ("feature_height", "feature_width")
    names: dict[str, str] = {}
    symbol = re.compile(r"\bs\d+\b")  # the exporter's numbers
    for value in proto.graph.input:
        dims = value.type.tensor_type.shape.dim
        for axis, name in zip((BATCH, HEIGHT, WIDTH), ("batch", *sides), strict=True):
            if not symbol.fullmatch(dims[axis].dim_param):
                fixed = dims[axis].dim_param or dims[axis].dim_value
                raise ConfigError(
                    f"{graph.name}.onnx: the {name} of {value.name} is fixed at {fixed}, since the network's code "
                    "branches on it or turns it into a Python number; write that code with tensors"
                )
            names.setdefault(dims[axis].dim_param, name)
    for value in (*proto.graph.input, *proto.graph.output, *proto.graph.value_info):
        for dim in value.type.tensor_type.shape.dim:
            if dim.dim_param:
                dim.dim_param = symbol.sub(lambda found: names.get(found[0], found[0]), dim.dim_param)


def region_means(input: Tensor, output_size: tuple[int, int] | int) -> Tensor:
    """``adaptive_avg_pool2d`` as two matrix products: (..., H, W) -> (..., h, w); output_size: (h, w) or one number."""
    height, width = (output_size, output_size) if isinstance(output_size, int) else output_size
    rows = region_weights(input.shape[-2], height).to(input.dtype)  # (h, H)
    columns = region_weights(input.shape[-1], width).to(input.dtype)  # (w, W)
    return rows @ input @ columns.T


def region_weights(length: int, count: int) -> Tensor:
    """Row i holds the share of each position in the mean of region i, float32 (count, length).

    Region i goes from floor(i * length / count) up to, not including, ceil((i + 1) * length / count).
    """
    place, region = torch.arange(length), torch.arange(count)[:, None]
    start = region * length // count
    end = ((region + 1) * length + count - 1) // count
    inside = (place >= start) & (place < end)  # (count, length)
    return inside.float() / (end - start).float()


def with_sign_of(magnitude: Tensor, sign: Tensor) -> Tensor:
    """``copysign``; -0.0 is negative."""
    return torch.where((sign < 0) | (1 / sign < 0), -magnitude.abs(), magnitude.abs())


# What ONNX has no operator for. The exporter would write the regions of the traced size for all sizes.
IN_OTHER_WORDS = {
    torch.ops.aten.adaptive_avg_pool2d.default: region_means,
    torch.ops.aten.copysign.Tensor: with_sign_of,
}


def cause_of(error: BaseException) -> str:
    """The innermost cause of an error, in one line."""
    while error.__cause__ is not None:
        error = error.__cause__
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return f"{type(error).__name__}: {lines[0] if lines else 'no message'}"


@contextlib.contextmanager
def _quiet():
    """Without what the exporter says of its own steps."""
    loggers = [logging.getLogger(name) for name in CHATTY]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
            warnings.simplefilter("ignore")
            yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)
