"""A hash in a results file over all that it says, so that a number changed by accident, or by hand, is found."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any

SEAL = "sha256"
"""The key that holds the hash; it covers all others, in whatever order and layout they stand."""


def seal(content: Mapping[str, Any]) -> dict[str, Any]:
    """The content with its hash."""
    return {**content, SEAL: digest(content)}


def unbroken(content: Mapping[str, Any]) -> bool:
    """Whether the content is what was sealed."""
    return content.get(SEAL) == digest(content)


def digest(content: Mapping[str, Any]) -> str:
    """SHA-256 over the content's JSON, keys sorted, without the hash itself."""
    said = {key: value for key, value in content.items() if key != SEAL}
    return hashlib.sha256(json.dumps(said, sort_keys=True, separators=(",", ":")).encode()).hexdigest()
