"""``acflib onnx``: a network as files that run without PyTorch, in a browser or on a small machine.

Written are base.onnx, head.onnx (with an ACF module) and whole.onnx; see :mod:`acflib.predict.onnx_graphs`. Every file
is compared with PyTorch by onnxruntime before it gets its name.
"""

import importlib.util
import json
import os
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from acflib import __version__
from acflib.acfnet import ACFNet
from acflib.errors import ConfigError, TrainingError
from acflib.layers.bases import IMAGENET_MEAN, IMAGENET_STD
from acflib.predict.onnx_graphs import Graph, cause_of, make_graphs, to_onnx

PACKAGES = ("onnx", "onnxscript", "onnxruntime")
GRAPHS = ("base", "head", "whole")
TOLERANCE = 1e-4  # of the largest number that a graph puts out; float32 adds up in another order there
# Sizes to compare at: (batch, height, width). The last one needs a network that takes any size.
CHECKED = ((1, 64, 96), (2, 160, 128), (3, 75, 101))


def export_onnx(
    model: ACFNet,
    out: str | Path,
    classes: Sequence[str],
    colors: Sequence[Sequence[int]],
    name: str = "",
    only: Sequence[str] = GRAPHS,
) -> dict[str, float]:
    """Write a network as ONNX files, each checked against PyTorch.

    Args:
        model: any ACFNet, tapped ones too.
        out: folder, made if missing; older graphs in it are replaced, or removed where this call writes none of the
            name, so that all are of one network.
        classes, colors: names and (red, green, blue), in train-id order.
        name: of the network, for the metadata.
        only: the graphs to write.

    Returns:
        File name -> the largest difference to PyTorch, as a share of the largest number put out.

    Raises:
        ConfigError: a package is missing, as many names as classes are needed, or ONNX has no words for the network.
        TrainingError: a file cannot be written, or its numbers are not PyTorch's; nothing is left behind then.
    """
    require_packages()
    if not len(classes) == len(colors) == model.num_classes:
        raise ConfigError(
            f"the network has {model.num_classes} classes; {len(classes)} names and {len(colors)} colors are given"
        )
    out = Path(out)
    graphs = [graph for graph in make_graphs(model) if graph.name in only]
    try:
        out.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".onnx-", dir=out) as folder:
            differences = {}
            for graph in graphs:
                path = Path(folder) / f"{graph.name}.onnx"
                path.write_bytes(_serialized(graph, metadata(model, classes, colors, name)))
                differences[path.name] = check_graph(path, graph)
            for file in differences:
                os.replace(Path(folder) / file, out / file)
            for other in set(GRAPHS) - {graph.name for graph in graphs}:
                (out / f"{other}.onnx").unlink(missing_ok=True)
    except OSError as error:
        raise TrainingError(f"{out}: cannot be written ({error}); free some space, or pass another --out") from error
    return differences


def metadata(model: ACFNet, classes: Sequence[str], colors: Sequence[Sequence[int]], name: str = "") -> dict[str, str]:
    """What every file says about the network: JSON values by key."""
    found: dict[str, Any] = {
        "acflib": __version__,
        "network": name,
        "variant": None if model.acf is None else model.acf.variant,
        "classes": list(classes),
        "colors": [list(map(int, color)) for color in colors],
        "mean": list(IMAGENET_MEAN),
        "std": list(IMAGENET_STD),
        "align_corners": bool(model.align_corners),
    }
    return {key: json.dumps(value) for key, value in found.items()}


def read_metadata(path: str | Path) -> dict[str, Any]:
    """The values of :func:`metadata` that a file holds."""
    import onnx

    return {entry.key: json.loads(entry.value) for entry in onnx.load(path, load_external_data=False).metadata_props}


@torch.no_grad()
def check_graph(path: Path, graph: Graph) -> float:
    """The largest difference between a file and PyTorch over several sizes, as a share of the largest number.

    Raises:
        ConfigError: the network itself cannot take the usual sizes, multiples of 32.
        TrainingError: it is above TOLERANCE, or onnxruntime cannot run the file; the message names both.
    """
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    worst = 0.0
    try:
        session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
        for number, size in enumerate(CHECKED):
            arguments = _arguments(graph, size, seed=number)
            try:
                expected = graph.module(*arguments)
            except RuntimeError as error:
                if number + 1 == len(CHECKED):
                    continue
                raise ConfigError(f"{path.name}: the network itself cannot take {size}: {cause_of(error)}") from error
            expected = expected if isinstance(expected, tuple) else (expected,)
            names = [value.name for value in session.get_inputs()]
            given = dict(zip(graph.module.inputs, (a.numpy() for a in arguments), strict=True))
            found = session.run(list(graph.module.outputs), {key: given[key] for key in names})
            for output, want, have in zip(graph.module.outputs, expected, found, strict=True):
                worst = max(worst, _difference(path.name, output, size, want.numpy(), have))
    except (ConfigError, TrainingError):
        raise
    except Exception as error:  # onnxruntime raises classes of its own
        raise TrainingError(f"{path.name}: written, but it does not run: {cause_of(error)}") from error
    return worst


def _difference(file: str, output: str, size: tuple[int, int, int], want: np.ndarray, have: np.ndarray) -> float:
    where = f"{file}, {output} at batch, height, width {size}"
    if want.shape != have.shape:
        raise TrainingError(f"{where}: the shape is {have.shape}, PyTorch's is {want.shape}; it was not kept")
    found = float(np.abs(have - want).max() / max(1.0, np.abs(want).max()))
    if not found <= TOLERANCE:  # NaN is caught, too
        raise TrainingError(
            f"{where}: differs from PyTorch by {found:.1e} of the largest value (allowed: {TOLERANCE:g}); it was not "
            "kept. Please report this with the versions that `acflib doctor` prints"
        )
    return found


def _arguments(graph: Graph, size: tuple[int, int, int], seed: int) -> tuple[Tensor, ...]:
    """Random arguments of a size: normal numbers, and where a class map is asked for, probabilities."""
    batch, height, width = size
    generator = torch.Generator().manual_seed(seed)
    made = []
    for name, sample in zip(graph.module.inputs, graph.arguments, strict=True):
        sides = (height, width) if name == "image" else (height // 8, width // 8)
        value = torch.randn(batch, sample.shape[1], *sides, generator=generator)
        made.append((4 * value).softmax(dim=1) if name.endswith("_probs") else value)
    return tuple(made)


def require_packages() -> None:
    """Raise ConfigError unless the packages of the extra "onnx" are installed."""
    missing = [name for name in PACKAGES if importlib.util.find_spec(name) is None]
    if missing:
        raise ConfigError(
            f"writing ONNX needs the package{'s' * (len(missing) > 1)} {', '.join(missing)}: pip install 'acflib[onnx]'"
        )


def _serialized(graph: Graph, about: dict[str, str]) -> bytes:
    import onnx

    proto = to_onnx(graph)
    onnx.helper.set_model_props(proto, {**about, "graph": json.dumps(graph.name)})
    proto.producer_name, proto.producer_version = "acflib", __version__
    onnx.checker.check_model(proto)
    return proto.SerializeToString()
