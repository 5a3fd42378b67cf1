"""One line of the report of ``acflib doctor``."""

from dataclasses import dataclass

SHOWN = 5  # faults of one kind that are listed


@dataclass(frozen=True)
class Finding:
    """One line of the report: good (ok True), a fault (False, ``mend`` says what to do), or a remark (None)."""

    ok: bool | None
    text: str
    mend: str = ""

    def __str__(self) -> str:
        mark = {True: "[OK]", False: "[FAIL]", None: "[--]"}[self.ok]
        return mark.ljust(7) + self.text + (f"\n       -> {self.mend}" if self.mend else "")
