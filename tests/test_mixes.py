"""What was trained on what: the word for a gain, the tables, and the script that gathers them."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest
from reconode_book import mixes as page
from reconode_book.evidence import Answers

ROOT = Path(__file__).parents[1]
sys.path.append(str(ROOT / "benchmarks" / "experiment"))
import mixes as script  # noqa: E402


def training(mix: str, seed: int, **psnr: float) -> dict:
    return {"model": "d5c5", "mix": mix, "seed": seed, "steps": 2000, "psnr": psnr, "slices": {}}


def measured(*trainings: dict) -> dict:
    return {"trainings": list(trainings)}


@pytest.mark.parametrize(
    "ours, broad, word",
    [
        ([30.6], [30.0, 30.3], "ahead"),
        ([30.5], [30.0, 30.3], "tie"),  # 0.2 above the better of broad's
        ([29.7], [30.0, 30.3], "behind"),
        ([29.8], [30.0, 30.3], "tie"),
        ([30.6, 30.5], [30.0, 30.3], "tie"),  # one of two does not clear it
        ([30.0], [30.0], "tie"),
    ],
)
def test_an_order_clears_every_training(ours: list[float], broad: list[float], word: str) -> None:
    runs = [training("wide", n, knees=psnr) for n, psnr in enumerate(ours)]
    runs += [training("broad", n, knees=psnr) for n, psnr in enumerate(broad)]
    found = page.gain(measured(*runs), "d5c5", "wide", "knees")
    assert found is not None and found[1] == word
    assert found[0] == pytest.approx(sum(ours) / len(ours) - sum(broad) / len(broad))


def test_what_was_not_run_says_so(tmp_path: Path) -> None:
    runs = measured(training("broad", 0, knees=30.0, heads=28.0), training("wide", 0, knees=31.0))
    assert page.gain(runs, "d5c5", "wide", "heads") is None
    assert page.gain(runs, "d5c5", "natural", "knees") is None
    (tmp_path / "mixes.json").write_text(json.dumps(runs))
    made = page.mixes(Answers(tmp_path))
    assert "31.00 (+1.00, ahead)" in made and made.count("not run") == 2 * len(page.SOURCES) - 3
    assert page.both(Answers(tmp_path)).count("not run") == 2 * len(page.BOTH)


def test_the_script_reads_what_the_commands_wrote() -> None:
    """The table's own D5C5: scores as its files have them, and a training that was not run is left out."""
    data = script.benchmark.find("small")
    unseen = script.pictures(data)[:2]
    assert len({volume.name for volume in unseen}) == 2 and unseen[0].target is not None
    found = script.training(ROOT / "results" / "small", Path("nowhere"), "d5c5", "broad", 0, unseen)
    assert found is not None and found["psnr"]["knees"] == pytest.approx(24.4764, abs=1e-4)
    assert found["psnr"]["knee_mese_te1"] == pytest.approx(29.56, abs=0.01)
    assert 15 < found["psnr"]["pictures"] < 40 and len(found["slices"]["knee_mese_te1"]) == 24
    assert script.training(ROOT / "results" / "small", Path("nowhere"), "d5c5", "knees", 0, unseen) is None
