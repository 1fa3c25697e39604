"""RAdam with Lookahead: against its definition and against another library's."""

from __future__ import annotations

import pytest
import torch

from reconode.optimizers import LookaheadRAdam, cosine


def quadratic(make, steps):
    torch.manual_seed(0)
    x = torch.nn.Parameter(torch.randn(5, dtype=torch.float64))
    weights = torch.arange(1, 6, dtype=torch.float64)
    optimizer = make([x])
    path = []
    for _ in range(steps):
        optimizer.zero_grad()
        (weights * x.square()).sum().backward()
        optimizer.step()
        path.append(x.detach().clone())
    return torch.stack(path)


def test_is_radam_between_slow_steps():
    assert torch.equal(
        quadratic(lambda p: LookaheadRAdam(p, lr=0.1), 5), quadratic(lambda p: torch.optim.RAdam(p, lr=0.1), 5)
    )


def test_slow_step_by_hand():
    """After k steps: half way from the start to where RAdam got."""
    torch.manual_seed(0)
    start = torch.randn(5, dtype=torch.float64)
    fast = quadratic(lambda p: torch.optim.RAdam(p, lr=0.1), 6)[-1]
    ours = quadratic(lambda p: LookaheadRAdam(p, lr=0.1), 6)[-1]
    torch.testing.assert_close(ours, start + 0.5 * (fast - start))


def test_equal_to_pytorch_optimizer():
    library = pytest.importorskip("pytorch_optimizer")
    theirs = quadratic(
        lambda p: library.Lookahead(torch.optim.RAdam(p, lr=0.1), k=6, alpha=0.5, pullback_momentum="none"), 40
    )
    torch.testing.assert_close(quadratic(lambda p: LookaheadRAdam(p, lr=0.1), 40), theirs)


def test_finds_the_minimum():
    assert quadratic(lambda p: LookaheadRAdam(p, lr=0.05), 800)[-1].abs().max() < 1e-3


def test_state_goes_on_to_the_last_bit():
    def run(break_at):
        torch.manual_seed(0)
        x = torch.nn.Parameter(torch.randn(5))
        optimizer = LookaheadRAdam([x], lr=0.1)
        for n in range(20):
            if n == break_at:
                state = optimizer.state_dict()
                x = torch.nn.Parameter(x.detach().clone())
                optimizer = LookaheadRAdam([x], lr=0.1)
                optimizer.load_state_dict(state)
            optimizer.zero_grad()
            x.square().sum().backward()
            optimizer.step()
        return x

    assert torch.equal(run(break_at=9), run(break_at=None))


def test_cosine():
    assert [cosine(n, 100) for n in (0, 50, 100)] == pytest.approx([1, 0.5, 0])
    assert [cosine(n, 100, warmup=4) for n in (0, 1, 3, 4)] == pytest.approx([0.25, 0.5, 1, 1])
    assert cosine(0, 10, warmup=100) == 1  # a short training warms up for a tenth of it
