"""A prediction before a cell is run: no points, only the two values side by side."""


def prediction(given: float | str | None, found: float | str, digits: int = 0) -> None:
    """Print what was predicted beside what came out.

    Args:
        given: the student's number or choice; None where the cell was left as it is.
        found: what the cell has measured.
        digits: of a number, after the point. Few: a stored output must come out again on every machine.

    Raises:
        TypeError: a number was asked for and a word given, or the other way round.
    """
    shown = found if isinstance(found, str) else f"{found:.{digits}f}"
    if given is None:
        print(f"Measured: {shown}. You have not predicted anything: write a guess into the cell above before you look.")
        return
    if isinstance(found, str) != isinstance(given, str):
        kind = "a word" if isinstance(found, str) else "a number"
        raise TypeError(f"{kind} is asked for, your prediction is {given!r}")
    if isinstance(found, str):
        same = str(given).strip().lower() == found.lower()
        more = "" if same else " Find the reason before you read on."
        print(f"You predicted: {given}. Measured: {found}.{more}")
        return
    print(
        f"You predicted {float(given):.{digits}f}, measured is {shown}: {abs(float(given) - found):.{digits}f} apart."
    )
