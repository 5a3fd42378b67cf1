"""What torchrun prints when one of its processes dies."""

import json
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def last_words(hint: str) -> Iterator[None]:
    """Context manager: if this process dies inside, by an error or by kill -9, torchrun prints the error and ``hint``.

    torchrun gives each process the name of a file, TORCHELASTIC_ERROR_FILE, and prints what is in it once the process
    has failed. A killed process can write nothing any more, so the hint is written at the start. Without torchrun
    nothing is written.
    """
    _write(hint)
    try:
        yield
    except Exception as error:
        _write(f"{type(error).__name__}: {error}\n{hint}")
        raise


def _write(text: str) -> None:
    path = os.environ.get("TORCHELASTIC_ERROR_FILE")
    if path:
        # The form that torch.distributed.elastic writes itself; what it prints is the "py_callstack".
        extra = {"py_callstack": text, "timestamp": str(int(time.time()))}
        Path(path).write_text(json.dumps({"message": {"message": text, "extraInfo": extra}}))
