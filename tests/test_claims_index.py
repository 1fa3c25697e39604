"""What the landing page claims, held against the results."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest
from reconode_book import landing


@pytest.mark.parametrize("variant", landing.LENGTHS)
def test_small_steps_do_no_worse_than_the_bigger_model(variant: str) -> None:
    found = landing.find(variant)
    assert found is not None
    assert found.gain > -landing.TIE, "the finding of the landing page no longer holds: find another"
    assert found.parameters[1] > 4.5 * found.parameters[0]


def test_the_words_turn_with_the_numbers(tmp_path: Path) -> None:
    found = landing.find()
    assert found is not None
    words = [
        landing.verdict(dataclasses.replace(found, small=(25.0 + change,), big=(24.0, 25.0))) for change in (1, 0.1, -1)
    ]
    assert words == ["lead by at least 1.0 dB", "do as well", "fall behind by up to 1.0 dB"]
    assert landing.find(folder=tmp_path) is None
