"""The class of low signal: what it says of itself is what its data have."""

from __future__ import annotations

import pytest
import torch

from reconode.data import echo
from reconode.experiment import low_signal
from reconode.experiment.benchmark import TEST_SEED, Benchmark
from reconode.experiment.low_signal import ECHO, Knee
from reconode.physics import HYBRID, ifft

TINY = Benchmark("tiny", (64, 72), 4, 1, 2)


@pytest.fixture(scope="module")
def knee():
    return Knee(TINY, 0, 0.05)


def test_noise_is_what_it_says_and_independent_of_the_phase(knee):
    noisy, clean = (ifft(v.hybrid, HYBRID) for v in (knee.scan(), Knee(TINY, 0, 0.0).scan()))
    level = (noisy - clean).abs().square().mean().sqrt() / clean.abs().max()
    assert float(level) == pytest.approx(0.05, rel=0.05)


def test_the_echo_is_off_by_what_it_says(knee):
    other = Knee(TINY, 0, 0.05, echo=0.0)
    found = echo.turns(knee.scan().hybrid) - echo.turns(other.scan().hybrid)
    assert float(found) == pytest.approx(knee.turns[1], abs=0.5)
    assert ECHO[0] <= abs(knee.turns[1]) <= ECHO[1]
    assert ECHO[0] > echo.TRAINED, "beyond what networks are given as it is"


def test_the_two_targets_are_of_the_same_data(knee):
    scan, clean = knee.scan(), knee.against_clean()
    assert torch.equal(scan.kspace, clean.kspace)
    image = ifft(scan.hybrid, HYBRID)[:, 0, :, 4:68].abs()
    torch.testing.assert_close(scan.target, image, atol=1e-9, rtol=1e-4)
    assert (clean.target - scan.target).std() > 0.01 * scan.target.max()


def test_validation_has_other_knees():
    test, validation = (low_signal.knees(TINY, 0.03, 2, seed) for seed in (low_signal.SEED, low_signal.VALIDATION_SEED))
    assert {k.seed + k.number for k in test}.isdisjoint(k.seed + k.number for k in validation)
    assert TEST_SEED + 1000 < low_signal.SEED
    assert not torch.equal(test[0].scan().target, validation[0].scan().target)


def test_the_pages_table_marks_what_is_below_zero_filled():
    from reconode_book import answers
    from reconode_book.low_signal import Measured, mended

    def one(own):
        return {"own": [own - 1, own + 1], "clean": [own]}

    said = {
        "knees": 2,
        "elsewhere": {},
        "low": {
            "echo 0.05 plain": {"zero-filled 8x": one(19.0), "d5c5 8x": one(18.0), "d5c5+noise 8x": one(30.0)},
            "echo 0.05 centered": {"d5c5 8x": one(20.0)},
        },
    }
    table = mended(answers.small(), Measured(said), 8, "own")
    assert "18.00 ↓ → 20.00" in table and "19.00 ↓" not in table and "30.00" not in table
