"""What several commands share: words, exit statuses, and the way to a network."""

from acflib.errors import ConfigError

CHECKPOINT = "checkpoint.pt of a run, or the name of pretrained weights, such as streets-acf-sum"
DATA = "a Cityscapes, CamVid or Streets folder"
INTERRUPTED = 130  # exit status, as a shell gives it after Ctrl-C


def require(value: str, flag: str, what: str) -> None:
    """Raise ConfigError where a flag without a default was not given."""
    if not value:
        raise ConfigError(f"{flag} is missing: give {what}")
