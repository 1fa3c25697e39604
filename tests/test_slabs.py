"""Slabs of a slice are measurements themselves; kept slices are the slices."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from reconode import zoo
from reconode.data.slices import Batch, slab
from reconode.data.sources import Simulated
from reconode.errors import DataError, UsageError
from reconode.physics import KSPACE, MRIOperator
from reconode.runs import Settings
from reconode.train import place, train


@pytest.fixture
def batch():
    return next(Simulated(4, "random", 2, 3, (64, 64), "broad", 1).batches(0))


def test_a_slab_is_what_the_whole_measures_there(batch):
    part = slab(batch, 20, 11)
    assert part.y.shape[-2] == 20
    assert torch.equal(part.E.H(part.y), batch.E.H(batch.y)[:, 11:31])
    x = torch.randn(2, 64, 64, dtype=torch.complex64)
    torch.testing.assert_close(part.E.enforce(x[:, 11:31], part.y), batch.E.enforce(x, batch.y)[:, 11:31])
    assert torch.equal(part.target, batch.target[:, 11:31])
    assert part.meta == batch.meta


def test_coil_sensitivities_are_cut_with_the_rows():
    maps = torch.randn(1, 3, 10, 8, dtype=torch.complex64)
    maps = maps / maps.abs().square().sum(1, keepdim=True).sqrt()
    E = MRIOperator(torch.ones(8, dtype=torch.bool), maps)
    x = torch.randn(1, 10, 8, dtype=torch.complex64)
    torch.testing.assert_close(E.rows(2, 5)(x[:, 2:7]), E(x)[:, :, 2:7])


def test_k_space_has_no_slabs(batch):
    with pytest.raises(UsageError, match="hybrid space only"):
        MRIOperator(torch.ones(8, 8, dtype=torch.bool), dims=KSPACE).rows(0, 4)
    with pytest.raises(UsageError, match="rows 50 to 70 of a slice with 64"):
        slab(batch, 20, 50)
    with pytest.raises(DataError, match="target with the 64 rows"):
        slab(Batch(batch.y, batch.E, batch.target[:, :40], batch.meta), 20, 0)


def test_slabs_reach_every_row_and_stay_inside():
    settings = Settings("lt-euler", rows=48)
    places = [place(settings, step, 96) for step in range(2000)]
    assert (min(places), max(places)) == (0, 48)
    assert place(settings, 7, 40) == 0, "a lower slice is taken whole by the caller or refused by slab"
    assert places != [place(replace(settings, seed=1), step, 96) for step in range(2000)]


def test_kept_slices_are_the_slices(tmp_path, monkeypatch):
    source = Simulated(4, "random", 2, 5, (64, 64), "broad", 1)
    keeping = replace(source, keep=str(tmp_path))
    first = next(source.batches(1))
    assert torch.equal(next(keeping.batches(1)).y, first.y)
    monkeypatch.setattr("reconode.phantoms.slices", None)
    again = next(keeping.batches(1))
    assert torch.equal(again.y, first.y)
    assert torch.equal(again.target, first.target)
    assert again.meta == first.meta
    other = next(replace(keeping, acceleration=8).batches(1))
    assert other.E.mask.sum() < first.E.mask.sum(), "masks are drawn anew"


def test_training_on_slabs(tmp_path, capsys):
    settings = Settings("lt-euler", steps=2, batch_size=1, size=(64, 64), rows=16, validate_every=2, validation=1)
    seen = []
    train(zoo.untrained("lt-euler"), settings, tmp_path, device="cpu", watch=lambda step, values: seen.append(values))
    assert {"loss", "psnr"} <= set().union(*seen)
