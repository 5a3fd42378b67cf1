"""Shared networks on a hub, by the mixin of ``huggingface_hub`` (an extra: ``pip install "acflib[hub]"``)."""

from pathlib import Path
from typing import Any

from huggingface_hub import ModelHubMixin, hf_hub_download

from acflib.acfnet import ACFNet
from acflib.errors import CheckpointError
from acflib.predict.sharing import CONFIG, WEIGHTS, load_folder, save_pretrained


class SharedNetwork(ModelHubMixin, library_name="acflib", license="other", tags=["acfnet"]):
    """A trained network and what is told about it; ``save_pretrained``, ``from_pretrained`` and ``push_to_hub``.

    Args:
        network: the network.
        told: the keyword arguments of :func:`acflib.predict.sharing.save_pretrained`: license, data, metrics, notes,
            command.

    Example:
        >>> told = {"license": "other", "data": "Cityscapes", "metrics": {"val": scores}}
        >>> shared = SharedNetwork(model, told)
        >>> shared.push_to_hub("me/r101-acf-sum")
        >>> SharedNetwork.from_pretrained("me/r101-acf-sum", revision="v1").network
    """

    def __init__(self, network: ACFNet, told: dict[str, Any]):
        self.network, self.told = network, told

    def _save_pretrained(self, save_directory: Path) -> None:
        save_pretrained(self.network, save_directory, **self.told)

    @classmethod
    def _from_pretrained(cls, *, model_id: str, **options: Any) -> "SharedNetwork":
        """From a folder, or by two files of a hub: the configuration and the safetensors, never a pickle."""
        wanted = {key: options[key] for key in ("revision", "cache_dir", "force_download", "local_files_only", "token")}
        folder = Path(model_id)
        if not folder.is_dir():
            folder = Path(hf_hub_download(model_id, CONFIG, **wanted)).parent
            if Path(hf_hub_download(model_id, WEIGHTS, **wanted)).parent != folder:
                raise CheckpointError(f"{model_id}: changed on the hub between its two files; load it again")
        network = load_folder(folder)
        told = {key: network.info.get(key, "") for key in ("license", "data", "metrics", "notes", "command")}
        return cls(network, told)
