"""Runge-Kutta methods: order measured on known solutions, the conditions on their tables, and torchdiffeq."""

from __future__ import annotations

import math
from itertools import pairwise

import pytest
import torch
from torchdiffeq import odeint

from reconode.errors import UsageError
from reconode.solvers import EULER, HEUN, MIDPOINT, RK4, RK38, TABLEAUS, Backprop, integrate, step

IN_TORCHDIFFEQ = {"euler": EULER, "midpoint": MIDPOINT, "heun2": HEUN, "rk4": RK38}
every_tableau = pytest.mark.parametrize("tableau", TABLEAUS.values(), ids=TABLEAUS)


def growth(t, x):
    """x' = x cos t: nonautonomous, linear; x(1) = x0 exp(sin 1)."""
    return x * math.cos(t)


def logistic(t, x):
    """x' = x (1 - x): nonlinear."""
    return x * (1 - x)


PROBLEMS = {
    "nonautonomous": (growth, torch.tensor([0.5, 2.0], dtype=torch.float64), lambda x: x * math.exp(math.sin(1))),
    "nonlinear": (logistic, torch.tensor([0.2, 3.0], dtype=torch.float64), lambda x: 1 / (1 + (1 / x - 1) / math.e)),
    "rotation": (
        lambda t, x: 3j * x,
        torch.tensor([1.0 + 1j]).to(torch.complex128),
        lambda x: x * complex(math.cos(3), math.sin(3)),
    ),
}


@every_tableau
@pytest.mark.parametrize("problem", PROBLEMS)
def test_order_of_convergence(tableau, problem):
    f, x0, solution = PROBLEMS[problem]
    steps = [40, 80, 160]
    errors = [float((integrate(f, x0, tableau, n) - solution(x0)).abs().max()) for n in steps]
    for coarse, fine in pairwise(errors):
        assert math.log2(coarse / fine) == pytest.approx(tableau.order, abs=0.15)


@every_tableau
def test_order_conditions(tableau):
    """The sums over the table that order p demands, in exact arithmetic as good as floats have it."""
    a, b, c = tableau.a, tableau.b, tableau.c
    assert [len(row) for row in b] == list(range(tableau.stages)) and len(c) == tableau.stages
    assert [sum(row) for row in b] == pytest.approx(c)
    bc = [sum(w * c[j] for j, w in enumerate(row)) for row in b]
    bc2 = [sum(w * c[j] ** 2 for j, w in enumerate(row)) for row in b]
    bbc = [sum(w * bc[j] for j, w in enumerate(row)) for row in b]

    def mean(*factors):
        """Sum over the stages of a times the factors."""
        return sum(math.prod(values) for values in zip(a, *factors, strict=True))

    conditions = {
        1: [(mean(), 1)],
        2: [(mean(c), 1 / 2)],
        3: [(mean(c, c), 1 / 3), (mean(bc), 1 / 6)],
        4: [(mean(c, c, c), 1 / 4), (mean(c, bc), 1 / 8), (mean(bc2), 1 / 12), (mean(bbc), 1 / 24)],
    }
    for order in range(1, tableau.order + 1):
        for value, expected in conditions[order]:
            assert value == pytest.approx(expected, abs=1e-15)


@pytest.mark.parametrize("method", IN_TORCHDIFFEQ)
@pytest.mark.parametrize("problem", PROBLEMS)
@pytest.mark.parametrize("steps", [1, 5, 61])
def test_equal_to_torchdiffeq(method, problem, steps):
    f, x0, _ = PROBLEMS[problem]
    times = torch.linspace(0, 1, steps + 1, dtype=torch.float64)
    expected = odeint(lambda t, x: f(float(t), x), x0, times, method=method)
    actual = integrate(f, x0, IN_TORCHDIFFEQ[method], steps, trajectory=True)
    torch.testing.assert_close(actual, expected, atol=1e-13, rtol=1e-12)


def test_the_papers_rk4_is_not_torchdiffeqs():
    f, x0, _ = PROBLEMS["nonlinear"]
    assert not torch.equal(integrate(f, x0, RK4, 2), integrate(f, x0, RK38, 2))
    assert (RK4.a, RK4.c) == ((1 / 6, 1 / 3, 1 / 3, 1 / 6), (0, 1 / 2, 1 / 2, 1))


def test_equations_7_to_10_on_two_pixels():
    """By hand: x = (1, 2), f(t, x) = x + t, one step of h = 1/2 from t = 0."""
    x, f = torch.tensor([1.0, 2.0]), lambda t, x: x + t
    assert step(f, 0.0, x, 0.5, EULER).tolist() == [1.5, 3.0]
    assert step(f, 0.0, x, 0.5, HEUN).tolist() == [1.75, 3.375]  # slopes (1, 2) and (2, 3.5)
    assert step(f, 0.0, x, 0.5, MIDPOINT).tolist() == [1.75, 3.375]  # slope (1.5, 2.75)


@every_tableau
def test_counts_its_evaluations(tableau):
    calls = []
    integrate(lambda t, x: calls.append(t) or x, torch.ones(1), tableau, 3)
    assert len(calls) == 3 * tableau.stages
    assert calls == pytest.approx([(n + c) / 3 for n in range(3) for c in tableau.c])


@every_tableau
@pytest.mark.parametrize("dtype", [torch.float32, torch.complex64])
def test_shapes_and_dtypes_pass_through(tableau, dtype):
    x0 = torch.ones(2, 3, 4, dtype=dtype)
    assert integrate(lambda t, x: -x, x0, tableau, 2).dtype == dtype
    states = integrate(lambda t, x: -x, x0, tableau, 5, trajectory=True)
    assert states.shape == (6, 2, 3, 4) and torch.equal(states[0], x0)
    assert torch.equal(states[-1], integrate(lambda t, x: -x, x0, tableau, 5))


def test_no_steps_is_an_error():
    with pytest.raises(UsageError, match="at least one step, not 0"):
        integrate(growth, torch.ones(1), EULER, 0)


def test_a_class_is_not_a_gradient():
    with pytest.raises(UsageError, match=r"an object, not a class: write Backprop\(\)"):
        integrate(growth, torch.ones(1), EULER, 1, Backprop)
    with pytest.raises(UsageError, match="such as Backprop"):
        integrate(growth, torch.ones(1), EULER, 1, "backprop")


@every_tableau
def test_a_list_of_tensors_moves_as_one_state(tableau):
    """The same values to the last bit, alone and together with a complex one that follows it."""
    x, z = torch.tensor([0.2, 3.0]), torch.tensor([[1j]], dtype=torch.complex64)
    alone = step(logistic, 0.0, x, 0.25, tableau)
    together = step(lambda t, state: [logistic(t, state[0]), state[1] * state[0].sum()], 0.0, [x, z], 0.25, tableau)
    assert torch.equal(together[0], alone) and together[1].dtype == z.dtype and not torch.equal(together[1], z)
