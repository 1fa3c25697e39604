"""Results, where a chapter quotes them."""

from __future__ import annotations

from pathlib import Path

import pytest

from reconode.errors import DataError, UsageError
from reconode.experiment import results
from reconode.experiment.rows import make_row
from reconode.teach import evidence

SMALL = Path(__file__).parents[1] / "results" / "small"


def test_results_are_found_in_the_checkout():
    assert evidence.folder().samefile(SMALL)


def test_results_are_found_in_a_clone(tmp_path, monkeypatch):
    """As on Colab: the library is installed elsewhere, the repository cloned where the notebook runs."""
    installed = tmp_path / "site-packages" / "reconode" / "teach" / "evidence.py"
    monkeypatch.setattr(evidence, "__file__", str(installed))
    monkeypatch.chdir(tmp_path)
    with pytest.raises(DataError, match="clone it"):
        evidence.folder()
    clone = tmp_path / "reconode" / "results" / "small"
    clone.mkdir(parents=True)
    assert evidence.folder().samefile(clone)


def test_a_row_is_one_seeds_run():
    one, three = evidence.row("d5c5"), evidence.row("d5c5", seed=None)
    assert [run.seed for run in one.runs] == [0] and len(three.runs) >= 3
    assert one.interval("psnr") == make_row([results.read(SMALL / "d5c5_4x_seed0.json")]).interval("psnr")
    assert evidence.row("d5c5_long").first.variant == "long"


def test_rows_that_are_not_there():
    assert evidence.has("d5c5") and not evidence.has("d5c5", seed=99)
    with pytest.raises(DataError, match="no run of d5c5"):
        evidence.row("d5c5", seed=99)
    with pytest.raises(UsageError, match="d5c5"):
        evidence.row("d5c55")
