"""Taking a solve apart changes nothing: the parts add up to the model's own trajectory."""

from __future__ import annotations

import pytest
import torch
from conftest import smooth_images

from reconode import masks
from reconode.models import FixedSolver, LearnedSolver
from reconode.physics import MRIOperator
from reconode.solvers import EULER, HEUN, RK4
from reconode.teach import stages


@pytest.fixture
def measured():
    E = MRIOperator(masks.random(40, 4, seed=1))
    return E(smooth_images(2, 24, 40)), E


def follows(taken, trajectory):
    assert len(taken) == len(trajectory) - 1
    for step, before, after in zip(taken, trajectory[:-1], trajectory[1:], strict=True):
        torch.testing.assert_close(step.x, before)
        torch.testing.assert_close(step.x + sum(step.parts), after, atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize("tableau", [EULER, HEUN, RK4], ids=lambda t: t.name)
def test_fixed(measured, tableau):
    y, E = measured
    torch.manual_seed(0)
    model = FixedSolver(tableau, 3)
    taken = list(stages.fixed(model, y, E))
    with torch.no_grad():
        follows(taken, model.trajectory(y, E))
    assert taken[0].weights.shape == (2, tableau.stages, 24, 40)
    torch.testing.assert_close(taken[0].weights[0, :, 3, 3], torch.tensor(tableau.a))


@pytest.mark.parametrize("count", [2, 4])
def test_learned(measured, count):
    y, E = measured
    torch.manual_seed(0)
    model = LearnedSolver(count, 3)
    taken = list(stages.learned(model, y, E))
    with torch.no_grad():
        follows(taken, model.trajectory(y, E))
    step = taken[1]
    assert len(step.stages) == len(step.parts) == count
    torch.testing.assert_close(step.weights.sum(1), torch.ones(2, 24, 40))
    assert all(float(E(part).abs().max()) < 1e-4 for part in step.parts), "measured samples stay"


def test_agreement_is_a_cosine():
    a = torch.tensor([[1.0 + 0j, 0]])
    taken = [
        stages.Taken(a, [a, b], [a, b], torch.ones(1, 2, 1, 2))
        for b in (3 * a, -a, torch.tensor([[0, 1 + 0j]]), a + torch.tensor([[0, 1j]]))
    ]
    assert stages.agreement(taken) == pytest.approx([1, -1, 0, 0.5**0.5])
