"""Weights as safetensors, and the network that stored weights and their configuration make."""

import hashlib
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from acflib.acfnet import ACFNet, ModelConfig, build_model, without_weights
from acflib.errors import CheckpointError, ConfigError, package_fault
from acflib.layers.bases import with_field
from acflib.layers.inplace import use_inplace

FORMAT = 1  # of the JSON file beside weights
PATHS = ("data", "cache", "out", "start")  # settings of a training run that say where, not what
LFS_POINTER = b"version https://git-lfs"


def stored_config(stored: dict[str, Any]) -> ModelConfig:
    """The configuration that a file holds. The tiny base of a file that names no field is that of acflib 0.1, 239.

    Raises:
        TypeError: the file has a setting that this acflib does not know.
    """
    return ModelConfig(**with_field(stored))


def build_stored(
    path: Path, config: dict[str, Any], norm: str, weights: dict[str, Tensor], dtype: torch.dtype = torch.float32
) -> ACFNet:
    """The network of a stored configuration (fields of ModelConfig) with its stored weights, in evaluation mode.

    Raises:
        CheckpointError: the configuration or the weights are not of this acflib; the message names ``path``.
    """
    try:
        model = build_model(without_weights(stored_config(config)))
    except (TypeError, ConfigError) as error:
        raise CheckpointError(f"{path}: this acflib cannot build its network: {error}") from error
    if norm == "inplace":  # the same weights with leaky ReLU instead of ReLU
        use_inplace(model)
    model = model.to(dtype)  # before its weights: float32 would round those of float64
    try:
        model.load_state_dict(weights)
    except RuntimeError as error:
        raise CheckpointError(f"{path}: its weights do not fit its own configuration: {error}") from error
    return model.eval()


def read_weights(path: Path, sha256: str, size: int, sidecar: str, again: str) -> dict[str, Tensor]:
    """The tensors of a safetensors file, by name, after its checksum was found right.

    Args:
        path: the file.
        sha256: what its sidecar says, hexadecimal.
        size: the same, in bytes.
        sidecar: its name, for messages.
        again: what to do about a damaged file, for messages.

    Raises:
        CheckpointError: the file is missing, a pointer of Git LFS, damaged, or another than the sidecar's.
        ConfigError: safetensors is not installed.
    """
    safetensors = _safetensors()
    try:
        content = path.read_bytes()
    except OSError as error:
        raise CheckpointError(f"{path}: cannot be read ({error.strerror}); {again}") from error
    if content.startswith(LFS_POINTER):
        raise CheckpointError(f"{path}: holds a pointer of Git LFS, not the weights; fetch them with `git lfs pull`")
    if hashlib.sha256(content).hexdigest() != sha256:
        sizes = f"{len(content)} bytes, {size} expected"
        raise CheckpointError(f"{path}: damaged, or not the weights that {sidecar} describes ({sizes}); {again}")
    try:
        return safetensors.load(content)
    except Exception as error:  # SafetensorError, or what a wrong header makes of it
        raise CheckpointError(f"{path}: not a safetensors file ({error}); {again}") from error


def as_safetensors(model: ACFNet) -> bytes:
    """The content of a safetensors file with a network's weights and buffers, float32.

    Raises:
        ConfigError: safetensors is not installed.
    """
    return _safetensors().save({key: _plain(value) for key, value in model.state_dict().items()})


def _plain(value: Tensor) -> Tensor:
    """On the CPU, rows in order; float32 if it is a float."""
    dtype = torch.float32 if value.is_floating_point() else value.dtype
    return value.detach().to("cpu", dtype).contiguous()


def _safetensors():
    """``safetensors.torch``, which is an extra of acflib."""
    try:
        import safetensors.torch
    except Exception as error:
        raise ConfigError(f"pretrained weights need safetensors: {package_fault('safetensors', error)}") from None
    return safetensors.torch
