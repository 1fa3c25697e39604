"""The schema of a results file: what each key must hold, and the one sentence that says which does not."""

from __future__ import annotations

import math
import os
import re
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from reconode.errors import DataError

SCHEMA = 1
"""The number of the schema that this version writes and reads."""

METRICS = ("psnr", "ssim", "nmse")
"""Of a volume: PSNR in dB, SSIM, NMSE."""

GROUPS = ("real", "noise", "phase", "anatomy", "mask", "acceleration", "resolution")
"""What a transfer test changes against the data of the training, in the order of the tables."""


@dataclass(frozen=True)
class Kind:
    """What a key's value must be: in words, and as a test."""

    words: str
    fits: Callable[[Any], bool]


@dataclass(frozen=True)
class Rows:
    """A list of objects of one form, `least` of them at the least."""

    fields: Mapping[str, Any]
    least: int = 1


@dataclass(frozen=True)
class Maybe:
    """A value that may be null, and where `missing` its key may be left out."""

    spec: Any
    missing: bool = False


class _Wrong(Exception):  # noqa: N818, it never leaves this module
    """The first thing that is not as it must be."""

    def __init__(self, key: str, expected: str, came: str) -> None:
        super().__init__(key)
        self.key, self.expected, self.came = key, expected, came


def check(result: Any, path: str | os.PathLike[str] = "the result") -> None:
    """Whether a result or a transfer result is as the schema says.

    Args:
        result: what the JSON holds.
        path: of the file, for the message.

    Raises:
        DataError: one sentence with the file, the key and what was expected there.
    """
    try:
        if not isinstance(result, Mapping):
            raise _Wrong("its content", "a JSON object", _short(result))
        if result.get("schema") is True or result.get("schema") != SCHEMA:
            reads = f"{SCHEMA}, the number that this version of reconode reads"
            raise _Wrong("schema", reads, _short(result.get("schema", "nothing")))
        transfer = "tests" in result
        _fields(result, TRANSFER if transfer else RUN, "")
        _finite(result, "")
        (_transfer_consistent if transfer else _run_consistent)(result)
    except _Wrong as wrong:
        raise DataError(f"{os.fspath(path)}: {wrong.key}: expected {wrong.expected}, not {wrong.came}") from None


def _fields(content: Any, fields: Mapping[str, Any], prefix: str) -> None:
    for name, spec in fields.items():
        key = f"{prefix}{name}"
        optional = isinstance(spec, Maybe)
        if name not in content and not (optional and spec.missing):
            raise _Wrong(key, _words(spec), "nothing")
        if optional:
            if content.get(name) is None:
                continue
            spec = spec.spec
        _value(content[name], spec, key)


def _value(value: Any, spec: Any, key: str) -> None:
    if isinstance(spec, Kind):
        good = spec.fits(value)
    elif isinstance(spec, Rows):
        good = isinstance(value, list | tuple) and len(value) >= spec.least
        good = good and all(isinstance(item, Mapping) for item in value)
    else:
        good = isinstance(value, Mapping)
    if not good:
        raise _Wrong(key, _words(spec), _short(value))
    if isinstance(spec, Rows):
        for number, item in enumerate(value):
            _fields(item, spec.fields, f"{key}[{number}].")
    elif not isinstance(spec, Kind):
        _fields(value, spec, f"{key}.")


def _words(spec: Any) -> str:
    if isinstance(spec, Maybe):
        return f"{_words(spec.spec)} or null"
    if isinstance(spec, Kind):
        return spec.words
    if isinstance(spec, Rows):
        return f"a list of {spec.least} or more objects" if spec.least else "a list of objects"
    return "an object"


def _short(value: Any) -> str:
    text = value if value == "nothing" else repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."


def _finite(value: Any, key: str) -> None:
    """In what the schema leaves open too, as the settings of a training: JSON has no NaN and no infinity."""
    if isinstance(value, float) and not math.isfinite(value):
        raise _Wrong(key, "a finite number", str(value))
    if isinstance(value, Mapping):
        for name, item in value.items():
            _finite(item, f"{key}.{name}" if key else str(name))
    elif isinstance(value, list | tuple):
        for number, item in enumerate(value):
            _finite(item, f"{key}[{number}]")


def _run_consistent(result: Mapping[str, Any]) -> None:
    """What the keys of a run say together."""
    classical = result["family"] == "classical"
    if classical != (result["training"] is None):
        raise _Wrong("training", "null" if classical else "an object", "an object" if classical else "null")
    said, there = result["benchmark"]["volumes"], len(result["volumes"])
    if said != there:
        raise _Wrong("volumes", f"{said} entries, as benchmark.volumes says", str(there))
    _unlike([volume["name"] for volume in result["volumes"]], "volumes")
    if not classical and result["training"]["settings"].get("model", result["model"]) != result["model"]:
        raise _Wrong("training.settings.model", repr(result["model"]), repr(result["training"]["settings"]["model"]))


def _transfer_consistent(result: Mapping[str, Any]) -> None:
    """What the keys of a transfer result say together."""
    _unlike([test["test"] for test in result["tests"]], "tests")
    for number, test in enumerate(result["tests"]):
        _unlike([volume["name"] for volume in test["volumes"]], f"tests[{number}].volumes")


def _unlike(names: list[str], key: str) -> None:
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise _Wrong(key, "each name once", f"{twice!r} twice")


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


def _matches(pattern: str) -> Callable[[Any], bool]:
    return lambda value: isinstance(value, str) and re.fullmatch(pattern, value) is not None


def _points(*names: str) -> Kind:
    def fits(value: Any) -> bool:
        return isinstance(value, list | tuple) and all(
            isinstance(point, list | tuple) and len(point) == len(names) and all(map(_is_number, point))
            for point in value
        )

    return Kind(f"a list of [{', '.join(names)}]", fits)


TEXT = Kind("a line of text", lambda v: isinstance(v, str) and v.isprintable())
SAID = Kind("a line of text that is not empty", lambda v: isinstance(v, str) and v.isprintable() and v.strip() != "")
FLAG = Kind("true or false", lambda v: isinstance(v, bool))
WHOLE = Kind("a whole number, 0 or more", _is_whole)
COUNT = Kind("a whole number, 1 or more", lambda v: _is_whole(v, 1))
NUMBER = Kind("a finite number", _is_number)
POSITIVE = Kind("a finite number, 0 or more", lambda v: _is_number(v) and v >= 0)
NAME = Kind("a name of letters, digits, '.', '+' and '-'", _matches(r"[A-Za-z0-9.+-]+"))
SCORES = {
    "psnr": NUMBER,
    "ssim": Kind("a number from -1 to 1", lambda v: _is_number(v) and abs(v) <= 1),
    "nmse": POSITIVE,
}
SCORED = {"name": SAID, "acquisition": TEXT, **SCORES}

HEAD: dict[str, Any] = {
    "model": NAME,
    "title": SAID,
    "family": SAID,
    "parameters": WHOLE,
    "acceleration": Kind("a finite number, 1 or more", lambda v: _is_number(v) and v >= 1),
    "seed": WHOLE,
    "variant": Kind("'' or a name of letters, digits, '.', '+' and '-'", _matches(r"[A-Za-z0-9.+-]*")),
    "commit": SAID,
    "hardware": {"device": SAID, "name": TEXT, "threads": COUNT, "torch": SAID},
    "written": Kind("a date and time with its zone, ISO 8601", _is_date),
}

BENCHMARK: dict[str, Any] = {
    "name": NAME,
    "fingerprint": Kind("16 hexadecimal digits", _matches("[0-9a-f]{16}")),
    "shape": Kind(
        "two whole numbers, rows and columns",
        lambda v: isinstance(v, list | tuple) and len(v) == 2 and all(_is_whole(n, 1) for n in v),
    ),
}

TRAINING: dict[str, Any] = {
    "settings": {},
    "steps": WHOLE,
    "examples": WHOLE,
    "examples_unit": SAID,
    "seconds": POSITIVE,
    "finished": FLAG,
    "failed": Maybe(SAID, missing=True),
    "best": {"step": WHOLE, "psnr": NUMBER},
    "curve": _points("step", "relative loss"),
    "validation": _points("step", "psnr", "ssim", "nmse"),
}

RUN: dict[str, Any] = {
    **HEAD,
    "mask": SAID,
    "benchmark": {**BENCHMARK, "split": SAID, "volumes": COUNT, "slices": COUNT},
    "training": Maybe(TRAINING),
    "volumes": Rows(SCORED),
    "seconds_per_slice": POSITIVE,
    "peak_memory_bytes": Maybe(WHOLE),
}

TRANSFER: dict[str, Any] = {
    **HEAD,
    "benchmark": BENCHMARK,
    "tests": Rows(
        {
            "test": SAID,
            "group": Kind(f"one of {', '.join(GROUPS)}", lambda v: v in GROUPS),
            "label": SAID,
            "volumes": Rows(SCORED),
            "slices": Maybe(Rows(SCORES), missing=True),
        }
    ),
}
