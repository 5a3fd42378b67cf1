"""Which files and folders of photographs a command is given: those that are read, and why the others are not."""

import sys
from pathlib import Path

from acflib.datasets.base import IMAGE_SUFFIXES
from acflib.datasets.folders import folded, visible
from acflib.datasets.reading import HEIC, RAW, RAW_SUFFIXES
from acflib.errors import DataError

RESULTS = {"overlay": "_overlay.png", "classes": "_classes.png"}  # ends of the names of what predict_files writes


def find_photographs(paths: list[Path]) -> list[Path]:
    """The photographs among files and in folders, sorted within each folder. Results of ``predict`` are none.

    Raises:
        DataError: nothing there, or two of one name (their results would overwrite each other).
    """
    found = []
    for path in paths:
        if path.is_dir():
            inside = _photographs_in(path)
            if not inside:
                others = "".join(f"; {line}" for line in passed_over([path]))
                raise DataError(f"{path}: holds no photographs ({', '.join(IMAGE_SUFFIXES)}){others}")
            found += inside
        elif path.is_file():
            found.append(path)
        else:
            raise DataError(f"{path}: no such photograph or folder")
    names = [folded(path.stem) for path in found]
    twice = sorted(path.stem for path, name in zip(found, names, strict=True) if names.count(name) > 1)
    if twice:
        raise DataError(f"two photographs are named {twice[0]}: their results would overwrite each other; rename one")
    return found


def tell_passed_over(paths: list[Path]) -> None:
    """Name on standard error what folders hold beside photographs."""
    for line in passed_over(paths):
        print(f"acflib: {line}", file=sys.stderr)


def passed_over(paths: list[Path]) -> list[str]:
    """A line for each kind of file in folders that :func:`find_photographs` leaves out: what it is, and the mend."""
    lines = []
    for folder in (path for path in paths if path.is_dir()):
        kinds: dict[str, list[Path]] = {}
        taken = set(_photographs_in(folder))
        for path in visible(folder.iterdir(), folder):
            if path not in taken and path.is_file():
                kinds.setdefault(_why_not(path), []).append(path)
        for why, found in kinds.items():
            more = f" and {len(found) - 1} more" if len(found) > 1 else ""
            lines.append(f"{found[0]}{more} passed over: {why}")
    return lines


def _why_not(path: Path) -> str:
    suffix = path.suffix.lower()
    if suffix in (".heic", ".heif"):
        return HEIC
    if suffix in RAW_SUFFIXES:
        return RAW
    return "made by acflib predict" if suffix in IMAGE_SUFFIXES else f"not one of {', '.join(IMAGE_SUFFIXES)}"


def _photographs_in(folder: Path) -> list[Path]:
    """The pictures of a folder but those that ``predict`` made: beside their photograph, or beside each other."""
    pictures = [p for p in visible(folder.iterdir(), folder) if p.suffix.lower() in IMAGE_SUFFIXES and p.is_file()]
    ends = tuple(RESULTS.values())
    stems = {p.stem for p in pictures if not p.name.endswith(ends)}
    names = {p.name for p in pictures}

    def is_result(name: str) -> bool:
        stem = name.removesuffix(RESULTS["overlay"]).removesuffix(RESULTS["classes"])
        return name.endswith(ends) and (stem in stems or all(stem + end in names for end in ends))

    return [path for path in pictures if not is_result(path.name)]


def check_targets(photographs: list[Path], out: Path) -> None:
    """Raise DataError where a result would be written over a photograph."""
    sources = {path.resolve() for path in photographs}
    for path in photographs:
        for end in RESULTS.values():
            if (out / (path.stem + end)).resolve() in sources:
                raise DataError(f"{path}: its result {path.stem}{end} would overwrite a photograph; pass another --out")
