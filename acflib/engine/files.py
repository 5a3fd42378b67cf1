"""Files written whole or not at all."""

import contextlib
import errno
import os
import secrets
import time
from collections.abc import Iterator
from pathlib import Path

from acflib.errors import TrainingError

LEFTOVER_AGE = 600  # seconds without a write after which a temporary file is taken for that of a killed process


def write_whole(path: Path, data: bytes) -> None:
    """Write a file under a temporary name, then rename it: readers see the old file or the new one, never half of it.

    Raises:
        TrainingError: if it cannot be written; an older file of that name is untouched.
    """
    with replacing(path) as temporary:
        temporary.write_bytes(data)


@contextlib.contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Context manager: a temporary path to write to, renamed to ``path`` at the end; see :func:`write_whole`."""
    # A name of its own: two processes that write the same file do not take away each other's half.
    temporary = path.with_name(f"{path.name}.{secrets.token_hex(4)}.tmp")
    try:
        yield temporary
        with open(temporary, "rb+") as file:  # writable: Windows flushes no other
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except OSError as error:
        kept = f"; the older {path.name} is whole" if path.exists() else ""
        full = error.errno in (None, errno.ENOSPC, errno.EDQUOT, errno.EFBIG)  # None: torch does not tell
        mend = "free some space, or choose another folder" if full else "is its folder there, and yours to write to?"
        raise TrainingError(f"{path}: cannot be written ({error}){kept}; {mend}") from error
    finally:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)


def remove_leftovers(folder: Path, seconds: float = LEFTOVER_AGE) -> None:
    """Remove what killed processes left half written in a folder: :func:`replacing`'s files of at least this age."""
    for path in folder.glob(f"*.{'[0-9a-f]' * 8}.tmp"):
        with contextlib.suppress(OSError):  # gone already
            if time.time() - path.stat().st_mtime >= seconds:
                path.unlink()
