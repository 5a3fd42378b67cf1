"""What several commands share: words, exit statuses, and the way to a network and a data set."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch

from acflib import distributed
from acflib.acfnet import ACFNet
from acflib.datasets import SegmentationDataset, open_dataset
from acflib.engine.contact import in_contact
from acflib.engine.devices import pick_device, pick_precision, place, weights_dtype
from acflib.errors import ConfigError
from acflib.predict.pretrained import load_pretrained

CHECKPOINT = "checkpoint.pt of a run, or a shared folder, or the name of pretrained weights, such as streets-acf-sum"
DATA = "a Cityscapes, CamVid or Streets folder"
INTERRUPTED = 130  # exit status, as a shell gives it after Ctrl-C


def require(value: str, flag: str, what: str) -> None:
    """Raise ConfigError where a flag without a default was not given."""
    if not value:
        raise ConfigError(f"{flag} is missing: give {what}")


def placed_network(checkpoint: str, device: torch.device, precision: str) -> tuple[ACFNet, str]:
    """The network of a checkpoint or a name, on the device; and the precision, which may have been "auto"."""
    precision = pick_precision(precision, device)
    return place(load_pretrained(checkpoint, dtype=weights_dtype(precision)), device, precision), precision


@contextmanager
def network_and_data(
    checkpoint: str, device_name: str, precision: str, data: str, split: str
) -> Iterator[tuple[ACFNet, str, SegmentationDataset]]:
    """Context manager: a network on its device, the precision, and a split of a data set.

    Under torchrun this process joins the others meanwhile, and leaves them at the end, after an error too.

    Raises:
        ConfigError, CheckpointError, DataError: a device, a file or a folder cannot be used.
    """
    device = pick_device(device_name)
    with distributed.joined(device), in_contact():
        model, precision = placed_network(checkpoint, device, precision)
        yield model, precision, open_dataset(data, split)
