"""The part of a page that a tool makes: between two marks."""


def filled(page: str, begin: str, end: str, text: str) -> str:
    """The page with ``text`` between its two marks.

    Raises:
        ValueError: the marks are not there, once each and in this order.
    """
    if page.count(begin) != 1 or page.count(end) != 1 or page.index(begin) > page.index(end):
        raise ValueError(f"the page must hold the marks {begin} and {end} once each, in this order")
    return f"{page[: page.index(begin)]}{begin}\n{text}\n{page[page.index(end) :]}"
