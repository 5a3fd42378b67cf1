"""What lies in a folder beside a user's files: the companions that systems, archives and editors leave behind."""

import unicodedata
from collections.abc import Iterable
from pathlib import Path

# Those that no dot hides: of Windows, of archives made on macOS, of Synology and other network drives, of Linux.
COMPANIONS = frozenset(
    ("thumbs.db", "ehthumbs.db", "ehthumbs_vista.db", "desktop.ini", "icon\r", "__macosx", "@eadir", "#recycle",
     "$recycle.bin", "system volume information", "lost+found", "__pycache__")
)  # fmt: skip


def is_companion(path: Path) -> bool:
    """Whether the last part of a path is hidden (``._NAME``, ``.DS_Store``, ``.git``) or among ``COMPANIONS``."""
    return path.name.startswith(".") or path.name.lower() in COMPANIONS


def folded(name: str) -> str:
    """A name as Windows and macOS compare it: capitals, and the ways to write an accent, make no other file."""
    return unicodedata.normalize("NFC", name).casefold()


def visible(paths: Iterable[Path], root: Path) -> list[Path]:
    """Paths found below ``root`` without companions and without all that lies in folders that are companions, sorted.

    Every walk over a folder goes through here. What ``root`` itself is called does not matter.

    Args:
        paths: what a glob or ``iterdir`` of ``root`` found.
        root: where the walk began.
    """
    return sorted(path for path in paths if not any(map(is_companion, map(Path, path.relative_to(root).parts))))
