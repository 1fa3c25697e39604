"""The tables of what was measured in a browser, and what they say where nothing was."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from reconode_book import in_browser

from reconode import export

PAGE = Path(__file__).parents[1] / "book" / "reconstruct.md"


def test_the_page_asks_for_each_table():
    assert set(re.findall(r"```\{in-browser\} (\S+)", PAGE.read_text())) == set(in_browser.TABLES)


def test_the_speed_of_every_model():
    made = in_browser.speed(in_browser.read(in_browser.FILE))
    lines = [line for line in made.splitlines() if re.search(r"\d\.\d\d s", line)]
    assert len(lines) == len(export.MODELS)
    assert all(len(re.findall(r"\d\.\d\d s", line)) == 2 for line in lines)


def test_every_runtime_beside_ours():
    made = in_browser.runtimes(in_browser.read(in_browser.FILE))
    assert all(name in made for name in in_browser.NAMES.values())
    assert "1.0 ×" in next(line for line in made.splitlines() if "ours, WebAssembly" in line)


def test_a_runtime_that_does_not_run():
    own = {"runtime": "own", "milliseconds": 8, "kilobytes": 18, "kilobytes_gzipped": 6, "relative_error": 1e-6}
    failed = {"runtime": "tfjs webgpu", "failed": "no adapter"}
    made = in_browser.runtimes({"runtimes": [own], "cards": [failed]})
    assert "does not run here" in made


@pytest.mark.parametrize("table", in_browser.TABLES.values())
def test_what_was_not_measured_is_said(table, tmp_path):
    assert table(in_browser.read(tmp_path / "none.json")) == "Not run."
