"""Command line flags made from the fields of a frozen dataclass: a setting has one name, one default, one help text."""

import argparse
import dataclasses
import types
import typing
from typing import Any


def option(default: Any, text: str) -> Any:
    """A dataclass field with a default and a help text."""
    return dataclasses.field(default=default, metadata={"help": text})


def add_flags(parser: argparse._ActionsContainer, cls: type, skip: tuple[str, ...] = ()) -> None:
    """Add one flag a field: ``crop_size`` becomes ``--crop-size``. Fields that are dataclasses add their own fields.

    Flags that are not given stay out of the namespace, so that :func:`from_flags` can tell.
    """
    hints = typing.get_type_hints(cls)
    for field in dataclasses.fields(cls):
        if field.name in skip:
            continue
        if dataclasses.is_dataclass(hints[field.name]):
            add_flags(parser.add_argument_group(field.name), hints[field.name])
            continue
        text = field.metadata.get("help", "").replace("%", "%%")
        parser.add_argument(
            "--" + field.name.replace("_", "-"),
            dest=field.name,
            default=argparse.SUPPRESS,
            help=f"{text} (default: {_shown(field.default)})",
            **_argument(hints[field.name]),
        )


def from_flags(base: Any, arguments: argparse.Namespace) -> Any:
    """``base`` (a dataclass instance) with the values of the flags that were given."""
    changes = {}
    for field in dataclasses.fields(base):
        value = getattr(base, field.name)
        if dataclasses.is_dataclass(value):
            changes[field.name] = from_flags(value, arguments)
        elif hasattr(arguments, field.name):
            given = getattr(arguments, field.name)
            if isinstance(given, list):
                given = None if given == [None] else tuple(given)  # [None]: the word "none"
            changes[field.name] = given
    return dataclasses.replace(base, **changes)


def image_size(text: str) -> tuple[int, int]:
    """Width and height in pixels: "128x64" -> (128, 64)."""
    width, _, height = text.partition("x")
    if not (width.isdigit() and height.isdigit()):
        raise argparse.ArgumentTypeError(f'give width x height, such as 128x64, not "{text}"')
    return int(width), int(height)


def _argument(hint: Any) -> dict[str, Any]:
    """How argparse reads a type: bool, int, float, str, tuples of them, and ``X | None`` (the word "none")."""
    if hint is bool:
        return {"action": argparse.BooleanOptionalAction}
    arguments = typing.get_args(hint)
    if typing.get_origin(hint) is tuple:
        count = "+" if arguments[-1] is Ellipsis else len(arguments)
        return {"type": arguments[0], "nargs": count, "metavar": arguments[0].__name__.upper()}
    if isinstance(hint, types.UnionType):
        (inner,) = [a for a in arguments if a is not type(None)]
        found = _argument(inner)
        if found.get("nargs"):
            element = found["type"]
            return {**found, "nargs": "+", "type": lambda text: None if text == "none" else element(text)}
        return {**found, "type": lambda text: None if text == "none" else inner(text)}
    return {"type": hint, "metavar": hint.__name__.upper()}


def _shown(value: Any) -> str:
    if isinstance(value, tuple):
        return " ".join(str(v) for v in value)
    return "none" if value is None else repr(value) if value == "" else str(value)
