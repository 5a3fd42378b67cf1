"""The errors a user can mend. Each message names the file or argument at fault and what to do about it."""


class AcflibError(Exception):
    """Base of all errors below; the command line prints its message without a traceback."""


def package_fault(name: str, error: Exception) -> str:
    """Why a package that acflib can do without cannot be imported, and what to do: it is missing, or it is broken.

    A broken one raises anything: AttributeError or TypeError where it does not go with the version of another.
    """
    if isinstance(error, ModuleNotFoundError) and (error.name or "").partition(".")[0] == name:
        return f"{name} is not installed: pip install {name}"
    reason = (str(error).strip().splitlines() or [""])[0]
    return f"{name} is broken ({type(error).__name__}: {reason}): pip install --force-reinstall {name}"


class DataError(AcflibError, ValueError):
    """A data folder, image or label file is not what the code needs."""


class ConfigError(AcflibError, ValueError):
    """An argument or a combination of arguments cannot work."""


class MemoryShortage(ConfigError):
    """What was asked for needs more memory than there is; the message says what needs less."""


class CheckpointError(AcflibError, ValueError):
    """A checkpoint cannot be read, or belongs to another configuration."""


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an allocator of Python, NumPy or PyTorch (whose CPU allocator raises RuntimeError) found no memory."""
    told = ("out of memory", "not enough memory", "can't allocate memory", "cannot allocate memory")
    return isinstance(error, MemoryError) or (
        isinstance(error, (RuntimeError, OSError)) and any(text in str(error).lower() for text in told)
    )


class TrainingError(AcflibError, RuntimeError):
    """Training cannot go on (a loss that is not finite, a full disk, ...)."""


class LoaderError(AcflibError, RuntimeError):
    """A process that loads data cannot start, was killed, or has no room in shared memory."""


class ContactError(AcflibError, RuntimeError):
    """Another process of the same run has ended, or cannot be reached any more."""
