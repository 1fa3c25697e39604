"""Every name: it builds, keeps the contract on one coil and on four, and learns or computes what it says."""

from __future__ import annotations

import pytest
import torch
from conftest import coil_maps, smooth_images
from torch import nn

from reconode import masks, zoo
from reconode.errors import DataError, UsageError
from reconode.experiment import benchmark, record, results
from reconode.physics import MRIOperator
from reconode.storage import weights
from reconode.teach import evidence

SIZES = [(1, 1, 64, 48), (2, 4, 80, 72)]
TABLE_1 = {  # the paper's Table 1: name, parameters as printed there
    "unet": "3.35M",
    "kiki-net": "0.30M",
    "d5c5": "0.14M",
    **{f"{how}-{solver}": "0.03M" for how in ("fa", "ft") for solver in ("euler", "rk2", "rk4")},
    "lt-euler": "0.03M",
    "lt-rk2": "0.09M",
    "lt-rk4": "0.15M",
}


@pytest.mark.parametrize("size", SIZES, ids=str)
@pytest.mark.parametrize("name", zoo.MODELS)
def test_runs_forward_and_back(name, size):
    if name == "wavelet":
        pytest.importorskip("pywt")
    batch, coils, rows, columns = size
    torch.manual_seed(0)
    model = zoo.find(name).build()
    E = MRIOperator(masks.random(columns, 4, seed=1), coil_maps(coils, rows, columns) if coils > 1 else None)
    y = E(smooth_images(batch, rows, columns))
    x = model(y, E)
    assert x.shape == (batch, rows, columns) and x.dtype == torch.complex64
    assert torch.isfinite(torch.view_as_real(x)).all()
    assert isinstance(model, nn.Module) == zoo.find(name).learned
    if isinstance(model, nn.Module):
        x.abs().sum().backward()
        for key, parameter in model.named_parameters():
            assert parameter.grad is not None, key
            assert torch.isfinite(parameter.grad).all(), key


@pytest.mark.parametrize("name, printed", TABLE_1.items())
def test_parameters_print_as_in_table_1(name, printed):
    assert f"{zoo.find(name).parameters / 1e6:.2f}M" == printed


def test_titles_are_one_each():
    titles = [entry.title for entry in zoo.MODELS.values()]
    assert len(set(titles)) == len(titles)
    assert {entry.family for entry in zoo.MODELS.values()} == {
        "classical",
        "baseline",
        "FA",
        "FT",
        "LT",
        "beyond",
        "ODE",
        "ablation",
    }


@pytest.mark.parametrize(
    "name, near", [("lt-rk5", "lt-rk4"), ("LT-RK4", "lt-rk4"), ("u-net", "unet"), ("zzz", "models are")]
)
def test_unknown_names_get_the_near_ones(name, near):
    with pytest.raises(UsageError, match=near):
        zoo.find(name)


def test_weights_that_did_not_come_along_say_how_to_make_them():
    with pytest.raises(UsageError, match=r"reconode train lt-rk4 --acceleration 99"):
        zoo.load("lt-rk4", 99)


def test_neural_ode_tends_to_the_fixed_solver():
    """A tight tolerance and many small steps solve the same flow."""
    torch.manual_seed(0)
    adaptive = zoo.find("neural-ode").build().double()
    adaptive.tolerance = 1e-8
    fixed = zoo.find("ft-rk4").build().double()
    fixed.f.load_state_dict(adaptive.f.state_dict())
    fixed.steps = 40
    E = MRIOperator(masks.random(48, 4, seed=1))
    y = E(smooth_images(1, 32, 48).to(torch.complex128))
    with torch.no_grad():
        torch.testing.assert_close(adaptive(y, E), fixed(y, E), atol=1e-5, rtol=0)


@pytest.mark.parametrize("solver", ["euler", "rk2", "rk4"])
def test_the_discrete_adjoints_rows_share_fts_weights(solver):
    """Trained with the same gradients they are one network: nothing needs to be trained twice."""
    fa, ft = (zoo.load(f"{how}-{solver}", 4) for how in ("fa", "ft"))
    E = MRIOperator(masks.random(48, 4, seed=1))
    y = E(smooth_images(1, 64, 48))
    with torch.no_grad():
        assert torch.equal(fa(y, E), ft(y, E))
    assert zoo.shipped(f"fa-{solver}-continuous", 4) != zoo.shipped(f"fa-{solver}", 4) == zoo.shipped(f"ft-{solver}", 4)
    with pytest.raises(DataError, match=f"weights of ft-{solver}, not of fa-{solver}"):
        zoo.load(f"fa-{solver}", file=zoo.shipped(f"ft-{solver}", 4))


def test_a_variant_has_weights_of_its_own(tmp_path, monkeypatch):
    monkeypatch.setattr(weights, "SHIPPED", tmp_path)
    for name, value in (("ft-euler_table", 0.1), ("ft-euler_long", 0.2)):
        state = {key: torch.full_like(t, value) for key, t in zoo.find("ft-euler").build().state_dict().items()}
        weights.write(tmp_path / f"{name}_4x.safetensors", state, {"model": "ft-euler"})
    for model in ("ft-euler", "fa-euler"):
        assert float(next(zoo.load(f"{model}_table").parameters()).detach().max()) == pytest.approx(0.1)
        assert float(next(zoo.load(f"{model}_long").parameters()).detach().max()) == pytest.approx(0.2)
        assert list(zoo.trained(model)) == ["4x long", "4x table"]
        assert zoo.shipped(model, 4) == zoo.shipped(f"{model}_long", 4), "the longest training is what a name takes"
    (tmp_path / "ft-euler_long_4x.safetensors").unlink()
    assert zoo.shipped("ft-euler", 4) == zoo.shipped("ft-euler_table", 4), "the table's, where there is none"
    assert zoo.shipped("ft-euler", 4.5) is None
    with pytest.raises(UsageError, match="no weights for ft-euler_long at 8x"):
        zoo.load("ft-euler_long", 8)
    with pytest.raises(UsageError, match="tv is a classical method: it is not trained"):
        zoo.load("tv_long")
    with pytest.raises(UsageError, match="unknown model 'ft-oiler': did you mean"):
        zoo.load("ft-oiler_long")


def test_every_name_has_the_best_that_is_shipped():
    """At 4x the longest training, at 8x what went on from it; the table's own where that is all there is."""
    for model, entry in zoo.MODELS.items():
        for acceleration, best in zoo.BEST.items() if entry.learned else ():
            there = [zoo.shipped(f"{model}_{variant}", acceleration) for variant in best]
            assert zoo.shipped(model, acceleration) == next(filter(None, there), None)
    for model in ("pc-flow", "lt-rk4", "d5c5", "ft-euler"):
        assert "_20k_" in str(zoo.shipped(model, 4)) and "_fine20k_" in str(zoo.shipped(model, 8))
        assert zoo.shipped(f"{model}_table", 4) and zoo.shipped(f"{model}_table", 8)


HALF = sorted(
    path
    for path in weights.SHIPPED.glob("*.safetensors")
    if any(t.dtype == torch.float16 for t in weights.read(path)[0].values())
)


SOME = ("unet_20k_4x", "kiki-net_table_8x", "ft-euler_table_4x", "lt-rk4_table_4x", "pc-flow_table_8x")


@pytest.mark.parametrize("stem", SOME)
def test_half_precision_changes_no_score(stem):
    """The first test knee scores as the results file says, which was written with all digits; once, all files did."""
    assert stem in {path.stem for path in HALF}
    row, _, times = stem.rpartition("_")
    model, _, variant = row.removesuffix("_table").partition("_")
    said = results.read(evidence.folder() / results.file_name(model, float(times[:-1]), 0, variant))
    stored = {volume.name: volume.psnr for volume in said.volumes}
    knees = [benchmark.in_memory(benchmark.find("small"), 0)]
    for found in record.score(zoo.load(row, float(times[:-1])), knees, float(times[:-1])):
        assert found.psnr == pytest.approx(stored[found.name], abs=0.01)


def test_what_goes_to_a_page_or_on_training_has_all_digits():
    table = {path for path in weights.SHIPPED.glob("*_table_*")}
    assert table < set(HALF) and {path.stem.partition("_")[0] for path in set(HALF) - table} == {"unet", "kiki-net"}
