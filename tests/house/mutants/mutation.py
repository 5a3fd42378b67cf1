"""What a mutation is."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Mutation:
    """One wrong change to the library that the unit tests must notice.

    Attributes:
        name: what is wrong then; also the argument of ``--only``.
        file: path below the repository.
        old: text that occurs exactly once in the file.
        new: text that takes its place.
        tests: test files to run, or single tests as ``file::name``.
        public_bug: whether a public implementation has this very bug.
    """

    name: str
    file: str
    old: str
    new: str
    tests: tuple[str, ...]
    public_bug: bool = False
