"""The lists of the CamVid layout, pairs of file names a line, as other computers write them."""

import re
from dataclasses import dataclass
from pathlib import Path

from acflib.datasets.base import IMAGE_SUFFIXES
from acflib.datasets.folders import folded, is_companion
from acflib.errors import DataError

# Beginnings by which text says its encoding, the longer before those that begin alike.
MARKS = ((b"\xff\xfe\0\0", "utf-32"), (b"\0\0\xfe\xff", "utf-32"), (b"\xff\xfe", "utf-16"), (b"\xfe\xff", "utf-16"))
GUESSES = ("utf-8-sig", "cp1252", "latin-1")  # the last one reads anything
SUFFIX = "|".join(suffix.removeprefix(".") for suffix in IMAGE_SUFFIXES)
# A name in quotes; one that ends as pictures do, spaces in it or not; a word.
NAME = rf"""(?:"[^"]+"|'[^']+'|(?!["']).+?\.(?:{SUFFIX})|\S+?)"""
PAIR = re.compile(rf"({NAME})[\s,;]+({NAME})", re.IGNORECASE)


@dataclass(frozen=True)
class Pair:
    """A line of a list: its number, and the parts of both paths, such as ("train", "a.png")."""

    number: int
    image: tuple[str, ...]
    labels: tuple[str, ...]


def read_list(listing: Path) -> list[Pair]:
    """The pairs of a list. Empty lines and companions, such as ``._a.png``, are passed over.

    Any line ends, any encoding with a mark at its beginning, UTF-16 without one, else UTF-8, else that of Windows.
    Names stand in quotes or not, with spaces in them or not, apart by spaces, a tab, a comma or a semicolon.

    Raises:
        DataError: a line holds no pair.
    """
    pairs = []
    for number, line in enumerate(re.split(r"\r\n|\r|\n", decode(listing.read_bytes())), start=1):
        if not line.strip():
            continue
        found = PAIR.fullmatch(line.strip())
        if not found:
            raise DataError(
                f"{listing}: line {number} has {len(line.split())} words. Write an image, a space, its label file; "
                'names with spaces in quotes: "train/a b.png" "trainannot/a b.png"'
            )
        image, labels = map(parts_of, found.groups())
        if not is_companion(Path(image[-1])):
            pairs.append(Pair(number, image, labels))
    return pairs


def decode(content: bytes) -> str:
    """Text of whatever encoding another computer wrote; the end mark of DOS is dropped."""
    encodings = [name for mark, name in MARKS if content.startswith(mark)][:1]
    if not encodings and b"\0" in content[:100]:  # UTF-16 without its mark: names are mostly ASCII
        encodings = ["utf-16-le" if content[1:2] == b"\0" else "utf-16-be"]
    for encoding in encodings or GUESSES:
        try:
            return content.decode(encoding).removesuffix("\x1a")
        except UnicodeDecodeError:
            continue
    return content.decode("latin-1")


def parts_of(name: str) -> tuple[str, ...]:
    r"""``"C:\CamVid\train\a.png"`` -> ("CamVid", "train", "a.png"): without quotes and drive."""
    if len(name) > 2 and name[0] == name[-1] and name[0] in "\"'":
        name = name[1:-1].strip()
    return tuple(part for part in re.split(r"[\\/]+", re.sub(r"^[A-Za-z]:", "", name)) if part)


class Finder:
    """Files by the names of a list: as written, else in other capitals or accents composed in another way.

    Windows and macOS find ``a.JPG`` by ``A.jpg``, and macOS writes ``ü`` as two characters; Linux takes names as they
    are. A folder is read once.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        self._folders: dict[Path, dict[str, list[Path]]] = {}

    def find(self, parts: tuple[str, ...], suffixes: tuple[str, ...] = ()) -> Path | None:
        """The file ``root/parts``, else that of the last two parts, as the list may be of another computer.

        Or one beside it that differs in its ending, of ``suffixes``, in this order.
        """
        whole = self._below_root(parts, suffixes)
        return whole or (self._below_root(parts[-2:], suffixes) if len(parts) > 2 else None)

    def _below_root(self, parts: tuple[str, ...], suffixes: tuple[str, ...]) -> Path | None:
        folder = self.root
        for part in parts[:-1]:
            folder = self._match(folder, part) or folder / part
        own = Path(parts[-1])
        stem = own.stem if own.suffix.lower() in IMAGE_SUFFIXES else own.name  # "seq.001" has no ending
        for name in (own.name, *(stem + suffix for suffix in suffixes)):
            path = self._match(folder, name)
            if path is not None and path.is_file():
                return path
        return None

    def _match(self, folder: Path, name: str) -> Path | None:
        """The entry of that name; None where there is none, or several that differ from it in the same way."""
        if (folder / name).exists():
            return folder / name
        if folder not in self._folders:
            entries = self._folders[folder] = {}
            for path in folder.iterdir() if folder.is_dir() else ():
                entries.setdefault(folded(path.name), []).append(path)
        found = self._folders[folder].get(folded(name), [])
        return found[0] if len(found) == 1 else None
