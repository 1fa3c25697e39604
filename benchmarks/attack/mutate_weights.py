"""Files of weights, checkpoints and results, damaged: bytes, the header of safetensors, and JSON node by node."""

from __future__ import annotations

import json
import struct
from typing import Any

import numpy as np

Rng = np.random.Generator

JUNK: tuple[Any, ...] = (
    None, True, -1, 0, 2**70, 1.5, float("nan"), float("inf"), "", "x", "../../x", "[/red]", [], {}, [[[]]],
    {"a": {}}, "F8_E4M3",
)  # fmt: skip


def damage(data: bytes, rng: Rng) -> bytes:
    """Bits, blocks, ends."""
    changed = bytearray(data)
    how = rng.choice(["bits", "one bit", "zeros", "cut", "longer", "swap"])
    if how in ("bits", "one bit"):
        for at in rng.integers(len(changed), size=1 if how == "one bit" else rng.integers(2, 9)):
            changed[at] ^= 1 << rng.integers(8)
    elif how == "zeros":
        at = int(rng.integers(len(changed)))
        changed[at : at + 4096] = bytes(len(changed[at : at + 4096]))
    elif how == "cut":
        del changed[rng.integers(len(changed)) :]
    elif how == "longer":
        changed += rng.bytes(int(rng.integers(1, 100)))
    else:
        a, b = (int(at) for at in rng.integers(len(changed) - 256, size=2))
        changed[a : a + 256], changed[b : b + 256] = changed[b : b + 256], changed[a : a + 256]
    return bytes(changed)


def nodes(content: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """The paths of everything in a JSON value."""
    inner = content.items() if isinstance(content, dict) else enumerate(content) if isinstance(content, list) else ()
    return [path, *(found for key, value in inner for found in nodes(value, (*path, key)))]


def change_json(content: Any, rng: Rng) -> Any:
    """One to three nodes removed, repeated or replaced by junk or by another node."""
    for _ in range(rng.integers(1, 4)):
        paths = [path for path in nodes(content) if path]
        if not paths:
            return content
        *way, last = paths[int(rng.integers(len(paths)))]
        place = content
        for key in way:
            place = place[key]
        how = rng.choice(["junk", "junk", "gone", "other", "renamed"])
        if how == "junk":
            place[last] = JUNK[int(rng.integers(len(JUNK)))]
        elif how == "gone":
            del place[last]
        elif how == "other":
            other = content
            for key in paths[int(rng.integers(len(paths)))]:
                other = other[key]
            place[last] = json.loads(json.dumps(other))
        elif isinstance(place, dict):
            place["renamed"] = place.pop(last)
    return content


def change_header(data: bytes, rng: Rng) -> bytes:
    """The header of safetensors: types, shapes, offsets, names, what the file says of itself; or its stated length."""
    size = struct.unpack("<Q", data[:8])[0]
    if rng.random() < 0.1:
        stated = int(rng.choice([0, 1, size - 1, size + 1, 2**40, 2**63]))
        return struct.pack("<Q", stated) + data[8:]
    header = json.loads(data[8 : 8 + size])
    if rng.random() < 0.4:  # what the file says of itself, its hash left as it is
        about = json.loads(header["__metadata__"]["reconode"])
        header["__metadata__"]["reconode"] = json.dumps(change_json(about, rng))
    else:
        header = change_json(header, rng)
    text = json.dumps(header).encode()
    if rng.random() < 0.05:
        text = b'{"__metadata__":{"reconode":"' + b"[" * 50_000 + b'"}}'
    text += b" " * (-len(text) % 8)
    return struct.pack("<Q", len(text)) + text + data[8 + size :]


def safetensors(data: bytes, rng: Rng) -> bytes:
    return damage(data, rng) if rng.random() < 0.5 else change_header(data, rng)


def results(text: bytes, rng: Rng) -> bytes:
    if rng.random() < 0.3:
        return damage(text, rng) if len(text) > 512 else text[:-1]
    return json.dumps(change_json(json.loads(text), rng)).encode()
