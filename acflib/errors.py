"""The errors a user can mend. Each message names the file or argument at fault and what to do about it."""


class AcflibError(Exception):
    """Base of all errors below; the command line prints its message without a traceback."""


class DataError(AcflibError, ValueError):
    """A data folder, image or label file is not what the code needs."""


class ConfigError(AcflibError, ValueError):
    """An argument or a combination of arguments cannot work."""


class CheckpointError(AcflibError, ValueError):
    """A checkpoint cannot be read, or belongs to another configuration."""


class TrainingError(AcflibError, RuntimeError):
    """Training cannot go on (a loss that is not finite, a full disk, ...)."""


class LoaderError(AcflibError, RuntimeError):
    """A process that loads data cannot start, was killed, or has no room in shared memory."""
