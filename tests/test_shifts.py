"""The scripts behind chapter 11's numbers change what they say they change, and their files hold what they compute."""

from __future__ import annotations

import importlib.util
import json
import sys
from pathlib import Path

import pytest
import torch

from reconode import masks
from reconode.physics import HYBRID, MRIOperator, ifft

ROOT = Path(__file__).parents[1]


def script(name):
    spec = importlib.util.spec_from_file_location(name, ROOT / "benchmarks" / "experiment" / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def shifts():
    module = script("shifts")
    module.KNEES = 2
    return module


def test_every_dial_has_the_positions_of_the_file_and_one_that_is_as_trained(shifts):
    stored = json.loads((ROOT / "results/small/shifts.json").read_text())["dials"]
    dials = shifts.dials()
    assert {d: [(p.label, p.trained) for p in ps] for d, ps in dials.items()} == {
        d: [(p["label"], p["trained"]) for p in ps] for d, ps in stored.items()
    }
    assert all(any(p.trained for p in positions) for positions in dials.values())


def test_a_score_of_the_file_again(shifts):
    stored = json.loads((ROOT / "results/small/shifts.json").read_text())["dials"]["acceleration"][-1]
    position = shifts.dials()["acceleration"][-1]
    again = shifts.score("d5c5_long", position.volumes(), position.mask)
    assert again["psnr"] == pytest.approx(stored["scores"]["d5c5_long"]["psnr"][:2], abs=2e-3)


def test_noise_is_scored_against_the_image_without(shifts):
    volume, clean = shifts.noisy(0.06)[0], shifts.knees(noise=0.0)[0]
    assert torch.equal(volume.target, clean.target)
    off = ifft(volume.hybrid, HYBRID) - ifft(clean.hybrid, HYBRID)
    level = off.abs().square().mean().sqrt() / clean.target.max()
    assert float(level) == pytest.approx(0.06, rel=0.25), "of the volume's brightest pixel, in another slice perhaps"


def test_scrambling_moves_phases_and_keeps_the_spectrums_magnitudes(shifts):
    """Of the magnitude image before it is made positive again: energy is kept, places are not."""
    (same, _), (moved, _), (plain, _) = shifts.scrambled(0.0), shifts.scrambled(1.0), shifts.knees()
    torch.testing.assert_close(same.target, plain.target, rtol=1e-3, atol=1e-3 * float(plain.target.max()))
    energy = [ifft(v.hybrid, HYBRID).abs().square().sum() for v in (plain, moved)]
    assert float(energy[1] / energy[0]) == pytest.approx(1, abs=0.02)
    a, b = (v.target.flatten() - v.target.mean() for v in (plain, moved))
    assert float(torch.dot(a, b) / (a.norm() * b.norm())) < 0.5


def test_masks_differ_where_they_say(shifts):
    random, equal, centre, one = (p.mask(shifts.knees()[0]) for p in shifts.dials()["mask"])
    assert random[52:61].all() and int(one.sum()) < 60 and not torch.equal(random, equal)

    def middle(mask):
        inside = torch.nonzero(~mask[56:]).flatten()[0]
        return int(inside)

    assert middle(random) >= 4 > middle(one) - 1 and middle(centre) <= middle(random)


def test_lesions_are_what_they_are_called():
    lesions = script("lesions")
    size = (48, 112)
    assert float(lesions.disc(size, 20, 50, 3).sum()) == pytest.approx(torch.pi * 3**2, rel=0.05)
    across, upright = (lesions.line(size, 20, 50, up) for up in (False, True))
    assert across.sum() == upright.sum() == lesions.LINE
    assert across[20].sum() == lesions.LINE and upright[:, 50].sum() == lesions.LINE
    E = MRIOperator(masks.random(112, 4, seed=0))
    seen = [float(E(v[None].to(torch.complex64)).norm() ** 2 / v.norm() ** 2) for v in (across, upright)]
    assert seen[0] > seen[1] == pytest.approx(float(E.mask.float().mean()), rel=1e-4)


def test_a_held_clock_goes_on_as_the_model_ends():
    long_run = script("long_run")
    knee = long_run.Knee(0)
    for name in ("lt-euler-26_long", "ft-euler_long", "pc-flow_long"):
        model = long_run.zoo.load(name)
        with torch.no_grad():
            step, trained = long_run.stepper(model, knee, True)
            x = knee.E.H(knee.y)
            for n in range(trained):
                x = step(n, x)
            torch.testing.assert_close(knee.E.enforce(x, knee.y), model(knee.y, knee.E), atol=1e-4, rtol=1e-3)


def test_hidden_samples_are_measured_and_not_in_the_calibration():
    eight = script("eight_coils")
    mask = torch.rand(60, 50, generator=torch.Generator().manual_seed(0)) < 0.4
    secret = eight.hidden(mask, 1)
    assert bool((mask | ~secret).all()) and not secret[18:42, 13:37].any()
    assert 0.05 < int(secret.sum()) / int(mask.sum()) < 0.12
    assert not torch.equal(secret, eight.hidden(mask, 2))
