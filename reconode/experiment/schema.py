"""From JSON to dataclasses and back: a field's type hint says what its key must hold, and in which words that is said.

A field with a default may be missing from a file, and is left out of one where it has the default's value.
"""

from __future__ import annotations

import math
import re
import sys
from collections.abc import Callable, Mapping
from dataclasses import MISSING, dataclass, fields, is_dataclass
from datetime import datetime
from functools import cache
from types import NoneType
from typing import Annotated, Any, NamedTuple, get_args, get_origin, get_type_hints


class Kind(NamedTuple):
    """What a key's value must be, beside its type: in words, and as a test."""

    words: str
    fits: Callable[[Any], bool]

    def __repr__(self) -> str:  # what the reference prints
        return repr(self.words)


@dataclass(frozen=True)
class Least:
    """So many entries a list of objects must have."""

    entries: int


class Wrong(Exception):  # noqa: N818, it becomes a DataError where the file's name is known
    """The first thing that is not as it must be."""

    def __init__(self, key: str, expected: str, came: str) -> None:
        super().__init__(key)
        self.key, self.expected, self.came = key, expected, came


def build(cls: Callable[..., Any], content: Any, prefix: str = "") -> Any:
    """The dataclass that an object of JSON is; keys that it does not name are left alone.

    Raises:
        Wrong: for the first key that does not hold what its hint says.
    """
    found: dict[str, Any] = {}
    for name, hint, optional in _fields(cls):
        if name in content:
            found[name] = _value(hint, content[name], prefix + name)
        elif not optional:
            raise Wrong(prefix + name, _words(hint), "nothing")
    return cls(**found)


def plain(value: Any) -> Any:
    """What :func:`build` reads: dataclasses as objects, tuples as lists."""
    if is_dataclass(value) and not isinstance(value, type):
        there = ((field, getattr(value, field.name)) for field in fields(value))
        return {field.name: plain(v) for field, v in there if field.default is MISSING or v != field.default}
    if isinstance(value, Mapping):
        return {key: plain(v) for key, v in value.items()}
    return [plain(v) for v in value] if isinstance(value, list | tuple) else value


def check_finite(value: Any, key: str = "") -> None:
    """In what no hint names too, as the settings of a training: JSON has no NaN and no infinity."""
    if isinstance(value, float) and not math.isfinite(value):
        raise Wrong(key, "a finite number", str(value))
    if isinstance(value, Mapping):
        for name, item in value.items():
            check_finite(item, f"{key}.{name}" if key else str(name))
    elif isinstance(value, list | tuple):
        for number, item in enumerate(value):
            check_finite(item, f"{key}[{number}]")


def check_unlike(names: list[str], key: str) -> None:
    """Each name once."""
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise Wrong(key, "each name once", f"{twice!r} twice")


def short(value: Any) -> str:
    """What came, in the words of a message."""
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."


@cache
def _fields(cls: Any) -> tuple[tuple[str, Any, bool], ...]:
    """Names and hints, and whether a default makes up for a missing key."""
    hints = get_type_hints(cls, include_extras=True)
    return tuple((field.name, hints[field.name], field.default is not MISSING) for field in fields(cls))


def _value(hint: Any, value: Any, key: str) -> Any:
    inner, kind, least = _parts(hint)
    if inner is None:
        return None if value is None else _value(_other(hint), value, key)
    entry: Any = get_args(inner)[0] if get_origin(inner) is tuple else None
    if isinstance(entry, type) and is_dataclass(entry):
        good = isinstance(value, list | tuple) and len(value) >= least
        if not (good and all(isinstance(item, Mapping) for item in value)):
            raise Wrong(key, _words(hint), short(value))
        return tuple(build(entry, item, f"{key}[{number}].") for number, item in enumerate(value))
    if isinstance(inner, type) and is_dataclass(inner):
        if not isinstance(value, Mapping):
            raise Wrong(key, _words(hint), short(value))
        return build(inner, value, f"{key}.")
    if not kind.fits(value):
        raise Wrong(key, kind.words, short(value))
    return float(value) if inner is float else _frozen(value) if entry is not None else value


def _parts(hint: Any) -> tuple[Any, Any, int]:
    """A hint's type (None where it may be null), its kind, and the least number of its entries."""
    if NoneType in get_args(hint):
        return None, None, 0
    inner, *extras = get_args(hint) if get_origin(hint) is Annotated else (hint,)
    kind = next((extra for extra in extras if isinstance(extra, Kind)), None)
    return inner, kind, next((extra.entries for extra in extras if isinstance(extra, Least)), 0)


def _other(hint: Any) -> Any:
    return next(part for part in get_args(hint) if part is not NoneType)


def _words(hint: Any) -> str:
    inner, kind, least = _parts(hint)
    if inner is None:
        return f"{_words(_other(hint))} or null"
    if kind is not None:
        return str(kind.words)
    if get_origin(inner) is tuple:
        return f"a list of {least} or more objects" if least else "a list of objects"
    return "an object"


def _frozen(value: Any) -> Any:
    return tuple(map(_frozen, value)) if isinstance(value, list | tuple) else value


def _is_number(value: Any) -> bool:
    if not isinstance(value, int | float) or isinstance(value, bool):
        return False
    return abs(value) <= sys.float_info.max  # false for NaN, infinity, and an integer that no float holds


def _is_whole(value: Any, least: int = 0) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= least


def _is_date(value: Any) -> bool:
    try:
        return isinstance(value, str) and datetime.fromisoformat(value).tzinfo is not None
    except ValueError:
        return False


def matches(pattern: str) -> Callable[[Any], bool]:
    """A test for text of one form."""
    return lambda value: isinstance(value, str) and re.fullmatch(pattern, value) is not None


def points(*names: str) -> Kind:
    """A list of lists of so many numbers."""

    def fits(value: Any) -> bool:
        return isinstance(value, list | tuple) and all(
            isinstance(point, list | tuple) and len(point) == len(names) and all(map(_is_number, point))
            for point in value
        )

    return Kind(f"a list of [{', '.join(names)}]", fits)


Text = Annotated[str, Kind("a line of text", lambda v: isinstance(v, str) and v.isprintable())]
Said = Annotated[
    str,
    Kind("a line of text that is not empty", lambda v: isinstance(v, str) and v.isprintable() and v.strip() != ""),
]
Name = Annotated[str, Kind("a name of letters, digits, '.', '+' and '-'", matches(r"[A-Za-z0-9.+-]+"))]
Flag = Annotated[bool, Kind("true or false", lambda v: isinstance(v, bool))]
Whole = Annotated[int, Kind("a whole number, 0 or more", _is_whole)]
Count = Annotated[int, Kind("a whole number, 1 or more", lambda v: _is_whole(v, 1))]
Number = Annotated[float, Kind("a finite number", _is_number)]
Positive = Annotated[float, Kind("a finite number, 0 or more", lambda v: _is_number(v) and v >= 0)]
Factor = Annotated[float, Kind("a finite number, 1 or more", lambda v: _is_number(v) and v >= 1)]
Share = Annotated[float, Kind("a number from -1 to 1", lambda v: _is_number(v) and abs(v) <= 1)]
Numbers = Annotated[
    tuple[float, ...],
    Kind("a list of numbers", lambda v: isinstance(v, list | tuple) and all(map(_is_number, v))),
]
Names = Annotated[
    tuple[str, ...],
    Kind("a list of texts", lambda v: isinstance(v, list | tuple) and all(isinstance(n, str) and n for n in v)),
]
Size = Annotated[
    tuple[int, int],
    Kind(
        "two whole numbers, rows and columns",
        lambda v: isinstance(v, list | tuple) and len(v) == 2 and all(_is_whole(n, 1) for n in v),
    ),
]
Open = Annotated[Mapping[str, Any], Kind("an object", lambda v: isinstance(v, Mapping))]
Date = Annotated[str, Kind("a date and time with its zone, ISO 8601", _is_date)]
