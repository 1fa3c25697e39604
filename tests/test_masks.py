"""fastMRI's masks: golden values, fastMRI's own code when it is installed, and what every mask must be."""

from __future__ import annotations

import hashlib

import numpy as np
import pytest
import torch

from reconode import masks
from reconode.errors import UsageError

GOLDEN = [  # kind, acceleration, file, columns, lines, sha1 of the packed bits
    ("random", 4, "file1000000.h5", 368, 88, "00824498d065"),
    ("random", 4, "file1000000.h5", 372, 89, "3bf6d27739f4"),
    ("random", 4, "file1000007.h5", 368, 92, "867742019123"),
    ("random", 4, "file1000007.h5", 372, 93, "3fdcaccd7c9c"),
    ("random", 8, "file1000000.h5", 368, 46, "0b30f0745cbf"),
    ("random", 8, "file1000000.h5", 372, 46, "a5220e41dfdf"),
    ("random", 8, "file1000007.h5", 368, 47, "b7c8f496ef0b"),
    ("random", 8, "file1000007.h5", 372, 47, "b917b94c29e6"),
    ("equispaced-fraction", 4, "file1000000.h5", 368, 93, "9130276a265e"),
    ("equispaced-fraction", 8, "file1000000.h5", 368, 45, "305fe932967f"),
    ("equispaced", 4, "file1000000.h5", 368, 114, "1986c41dc58e"),
    ("equispaced", 8, "file1000000.h5", 368, 59, "d99fcd232b39"),
]


@pytest.mark.parametrize("kind, acceleration, name, columns, lines, digest", GOLDEN)
def test_golden(kind, acceleration, name, columns, lines, digest):
    mask = masks.draw(kind, columns, acceleration, seed=name)
    assert mask.dtype == torch.bool and mask.shape == (columns,)
    assert int(mask.sum()) == lines
    assert hashlib.sha1(np.packbits(mask.numpy())).hexdigest()[:12] == digest


@pytest.mark.parametrize("kind", masks.KINDS)
@pytest.mark.parametrize(
    "columns, acceleration, fraction", [(368, 4, 0.08), (320, 8, 0.04), (45, 3, 0.1), (96, 6, 0.06)]
)
def test_equal_to_fastmri(kind, columns, acceleration, fraction):
    subsample = pytest.importorskip("fastmri.data.subsample")
    theirs = {
        "random": subsample.RandomMaskFunc,
        "equispaced": subsample.EquiSpacedMaskFunc,
        "equispaced-fraction": subsample.EquispacedMaskFractionFunc,
    }[kind]([fraction], [acceleration])
    for name in ("file1000000.h5", "file1002021.h5", "a.h5"):
        expected, _ = theirs((1, 1, columns, 2), seed=tuple(map(ord, name)))
        ours = masks.KINDS[kind](columns, acceleration, center_fraction=fraction, seed=name)
        assert ours.tolist() == expected.flatten().bool().tolist()


@pytest.mark.parametrize("kind", masks.KINDS)
@pytest.mark.parametrize("columns", [64, 97, 368])
def test_centre_is_sampled_around_the_zero_frequency(kind, columns):
    mask = masks.draw(kind, columns, 4, seed=3)
    n_low = round(columns * 0.08)
    pad = (columns - n_low + 1) // 2
    assert mask[pad : pad + n_low].all()
    assert mask[columns // 2]


@pytest.mark.parametrize("acceleration", [2, 4, 8])
def test_number_of_lines_is_what_the_acceleration_promises(acceleration):
    counts = [int(masks.random(368, acceleration, seed=s).sum()) for s in range(300)]
    assert np.mean(counts) == pytest.approx(368 / acceleration, rel=0.02)
    assert int(masks.equispaced_fraction(368, acceleration, seed=0).sum()) == pytest.approx(368 / acceleration, abs=2)
    assert int(masks.equispaced(368, acceleration, seed=0).sum()) >= 368 // acceleration


def test_acceleration_one_keeps_everything():
    assert masks.random(64, 1, seed=0).all()
    assert masks.equispaced(64, 1, seed=0).all()


def test_seeds():
    assert torch.equal(masks.random(368, seed="a.h5"), masks.random(368, seed="a.h5"))
    assert torch.equal(masks.random(368, seed=(1, 2, 3)), masks.random(368, seed=(1, 2, 3)))
    assert not torch.equal(masks.random(368, seed=(1, 2, 3)), masks.random(368, seed=(1, 2, 4)))
    assert not torch.equal(masks.random(368, seed="a.h5"), masks.random(368, seed="b.h5"))
    assert len({tuple(masks.random(368).tolist()) for _ in range(5)}) == 5  # fresh without a seed


def test_drawing_leaves_the_global_random_state_alone():
    np.random.seed(0)
    before = np.random.get_state()[1].copy()
    masks.random(368, seed="a.h5")
    assert (np.random.get_state()[1] == before).all()


@pytest.mark.parametrize(
    "arguments, message",
    [
        ({"columns": 0}, "at least one column"),
        ({"columns": 64, "acceleration": 0.5}, "choose one from 1 to 64"),
        ({"columns": 64, "acceleration": 65}, "leaves no lines of 64"),
        ({"columns": 64, "acceleration": 8, "center_fraction": 0.2}, "the centre alone takes 13"),
        ({"columns": 64, "center_fraction": 0.001}, "keeps 0 of 64 columns"),
        ({"columns": 8, "acceleration": 8}, "the centre must hold at least one line"),
    ],
)
def test_impossible_masks_are_named(arguments, message):
    with pytest.raises(UsageError, match=message):
        masks.random(**arguments)


def test_unknown_kind_is_named():
    with pytest.raises(UsageError, match="choose one of random, equispaced"):
        masks.draw("radial", 64)
