"""Numbers and colours as text in a widget's page."""

import numpy as np
import pytest

from reconode.errors import DataError
from reconode.teach.widgets.pack import STEPS, color_table, pack, pack_within, unpack

pytest.importorskip("matplotlib")


@pytest.mark.parametrize("shape", [(1, 5), (4, 3, 2), (6, 8, 9, 2)])
def test_packing_rounds_to_the_step(shape):
    values = np.random.default_rng(0).normal(size=shape)
    back = unpack(pack(values, 1 / 90))
    assert back.shape == shape
    assert np.abs(back - values).max() <= 0.5 / 90 + 1e-12
    assert np.allclose(back * 90, np.rint(back * 90))


def test_packing_takes_the_finest_step_that_fits():
    rng = np.random.default_rng(0)
    quiet, noisy = (rng.normal(scale=s, size=(1, 4000)) for s in (1e-3, 0.3))
    assert pack_within(quiet, 5000)["step"] == STEPS[0]
    packed = pack_within(noisy, 5000)
    assert packed["step"] > STEPS[0] and len(packed["data"]) <= 5000
    assert pack_within(noisy, 10)["step"] == STEPS[-1]


@pytest.mark.parametrize("bad", [np.nan, np.inf, 1e6])
def test_packing_refuses(bad):
    with pytest.raises(DataError):
        pack(np.array([[0.0, bad]]), 1 / 100)


def test_color_table():
    import base64

    table = base64.b64decode(color_table("magma"))
    assert len(table) == 768
    assert sum(table[:3]) < 10 < sum(table[-3:])
