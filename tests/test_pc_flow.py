"""PC-Flow and what its steps see."""

from __future__ import annotations

import importlib
from pathlib import Path

import pytest
import torch

from reconode import masks
from reconode.networks import to_channels
from reconode.pc_flow import PCFlow
from reconode.physics import MRIOperator

EXPERIMENT = Path(__file__).parents[1] / "benchmarks" / "experiment"


@pytest.fixture
def measured():
    """Data of a random image with two slices, and their operator."""
    generator = torch.Generator().manual_seed(0)
    E = MRIOperator(masks.random(20, 4, center_fraction=0.2, seed=1))
    return E(torch.randn(2, 16, 20, dtype=torch.complex64, generator=generator)), E


def pair(**arguments):
    """Two flows with the same first weights, as far as both have them: one that looks back, one that does not."""
    torch.manual_seed(0)
    looking, plain = PCFlow(history=True, **arguments), PCFlow(**arguments)
    for a, b in zip(looking.pieces, plain.pieces, strict=True):
        first, other = next(a.children()), next(b.children())
        b.load_state_dict(
            {
                key: value[:, :4] if value.ndim == 4 and value.shape[1] == 6 else value
                for key, value in a.state_dict().items()
            }
        )
        assert first.weight.shape[1] == 6 and other.weight.shape[1] == 4
    return looking, plain


def test_parameters():
    assert sum(p.numel() for p in PCFlow(history=True).parameters()) == 150_410
    assert sum(p.numel() for p in PCFlow().parameters()) == 147_530


@torch.no_grad()
def test_without_weights_on_the_last_step_it_is_pc_flow(measured):
    looking, plain = pair(pieces=2, repeats=3)
    for g in looking.pieces:
        next(g.children()).weight[:, 4:] = 0
    for a, b in zip(looking.trajectory(*measured), plain.trajectory(*measured), strict=True):
        torch.testing.assert_close(a, b)


@torch.no_grad()
def test_a_step_sees_where_the_last_one_led(measured):
    """The network is asked with x, c and x − x₋₁, of the states that the trajectory says; the first sees no step."""
    flow = PCFlow(pieces=1, repeats=3, history=True)
    seen = []
    flow.pieces[0].register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))
    states = [to_channels(x) for x in flow.trajectory(*measured)]
    assert len(seen) == 3 and not seen[0][:, 2:].any()
    for n in (1, 2):
        torch.testing.assert_close(seen[n][:, :2], states[n])
        torch.testing.assert_close(seen[n][:, 4:], states[n] - states[n - 1])
        proposed = states[n - 1] + flow.pieces[0](seen[n - 1])
        torch.testing.assert_close(seen[n][:, 2:4], states[n] - proposed)


@torch.no_grad()
@pytest.mark.parametrize("history", [False, True])
def test_the_search_tried_this_model(measured, history, monkeypatch):
    monkeypatch.syspath_prepend(EXPERIMENT)
    search = importlib.import_module("beyond_pc_flow")
    torch.manual_seed(0)
    candidate = search.Candidate(history=history)
    flow = PCFlow(history=history)
    flow.load_state_dict(dict(zip(flow.state_dict(), candidate.state_dict().values(), strict=True)))
    torch.testing.assert_close(candidate(*measured), flow(*measured), rtol=1e-4, atol=1e-5)


def test_the_candidates_cost_what_pc_flow_costs(monkeypatch):
    """Counted from the model's own convolutions as they run, not from its attributes."""
    monkeypatch.syspath_prepend(EXPERIMENT)
    search = importlib.import_module("beyond_pc_flow")
    E = MRIOperator(masks.random(16, 4, center_fraction=0.25, seed=1))
    y = E(torch.randn(1, 16, 16, dtype=torch.complex64))

    def counted(model):
        total = 0

        def count(layer, _, out):
            nonlocal total
            total += layer.weight.numel() * out.shape[-1] * out.shape[-2]

        for layer in model.modules():
            if isinstance(layer, torch.nn.Conv2d):
                layer.register_forward_hook(count)
        with torch.no_grad():
            model(y, E)
        return total / 256

    for name, idea in search.IDEAS.items():
        model = search.Candidate(**search.network_of(idea))
        assert counted(model) == pytest.approx(search.multiply_adds(model)), name
        assert search.multiply_adds(model) == pytest.approx(search.budget(), rel=search.WITHIN), name
