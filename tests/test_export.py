"""What leaves eager float32: ONNX files of the learned functions, their compilation, bf16 autocast of every model."""

from __future__ import annotations

import pytest
import torch
from test_models import build, every_model, measured
from torch import nn
from torch._dynamo.utils import counters

from reconode.baselines import UNet
from reconode.models import FixedSolver, LearnedSolver
from reconode.networks import Attention, Dynamics

STAGES = 4


class Increment(nn.Module):
    """LT-RK4's G(F₁ … F₄) as one function of t and x: what a page or a scanner's software would load."""

    def __init__(self) -> None:
        super().__init__()
        self.solver = LearnedSolver(STAGES)

    def forward(self, t, x):
        return self.solver.increment(t, x)


def function(name):
    """One learned function, and random arguments for it at a size: (module, size → arguments)."""
    torch.manual_seed(0)
    if name == "G":
        return Attention(STAGES).eval(), lambda *size: ([torch.randn(size[0], 2, *size[1:]) for _ in range(STAGES)],)
    if name == "increment":
        module = Increment().eval()
    else:
        module = Dynamics().eval() if name == "f" else LearnedSolver(STAGES).stages[int(name[-1]) - 1].eval()
    images = 2 if name in ("G_2", "G_3", "G_4") else 1
    return module, lambda *size: (torch.rand(()), torch.randn(size[0], 2 * images, *size[1:]))


FUNCTIONS = ["f", "G_1", "G_2", "G_3", "G_4", "G", pytest.param("increment", marks=pytest.mark.slow)]
every_function = pytest.mark.parametrize("name", FUNCTIONS)


@pytest.mark.filterwarnings("ignore:.isinstance.treespec, LeafSpec.:FutureWarning")  # torch.onnx's own, of torch 2.13
@every_function
def test_onnx_agrees_at_any_size_and_time(name, tmp_path):
    """Exported at one batch, size and time, run at others: time is an input, batch and image sizes are free."""
    pytest.importorskip("onnx")
    pytest.importorskip("onnxscript")
    onnxruntime = pytest.importorskip("onnxruntime")
    module, draw = function(name)
    free = {axis: torch.export.Dim.DYNAMIC for axis in (0, 2, 3)}
    shapes = ([free] * STAGES,) if name == "G" else ({}, free)
    exported = torch.onnx.export(
        module, draw(1, 24, 20), dynamo=True, opset_version=20, dynamic_shapes=shapes, verbose=False
    )
    exported.save(tmp_path / "function.onnx")
    session = onnxruntime.InferenceSession(tmp_path / "function.onnx", providers=["CPUExecutionProvider"])
    for size in [(1, 24, 20), (2, 37, 30)]:
        arguments = draw(*size)
        tensors = [*arguments[0]] if name == "G" else arguments
        feed = {i.name: tensor.numpy() for i, tensor in zip(session.get_inputs(), tensors, strict=True)}
        (out,) = session.run(None, feed)
        torch.testing.assert_close(torch.from_numpy(out), module(*arguments).detach(), atol=1e-4, rtol=0)


@pytest.mark.slow
@pytest.mark.timeout(900)  # 3 to 75 s each, by the load of the machine
@every_function
def test_compiled_agrees_forward_and_back(name):
    torch._dynamo.reset()
    module, draw = function(name)
    arguments = draw(1, 24, 20)
    x = arguments[-1][-1] if name == "G" else arguments[-1]
    inputs = [x.requires_grad_(), *module.parameters()]

    def run(f):
        out = f(*arguments)
        return out, torch.autograd.grad(out.square().sum(), inputs, allow_unused=True)

    (eager, expected), (compiled, actual) = run(module), run(torch.compile(module, dynamic=False, fullgraph=True))
    torch.testing.assert_close(compiled, eager, atol=1e-5, rtol=0)
    for a, e in zip(actual, expected, strict=True):
        torch.testing.assert_close(a, e, atol=1e-5, rtol=1e-4)


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_one_compilation_serves_every_time():
    """As a tensor, t is data. As a Python number, each value is another compilation, and the ninth is an error."""
    torch._dynamo.reset()
    counters.clear()
    module, draw = function("f")
    compiled = torch.compile(module, dynamic=False, fullgraph=True)
    _, x = draw(1, 24, 20)
    with torch.no_grad():
        for t in torch.linspace(0, 1, 12):
            torch.testing.assert_close(compiled(t, x), module(t, x), atol=1e-5, rtol=0)
    assert counters["stats"]["unique_graphs"] == 1


CHANGE_BF16 = 0.1
"""How far bf16 may move what a network adds to the zero-filled image, relative, with random weights; 0.01–0.04 seen."""
CHANGE_BF16_UNET = 0.3
"""The U-Net's instance norms divide by the small spread of nearly constant maps, and magnify bf16's rounding: 0.13."""


@every_model
@pytest.mark.parametrize("coils", [1, 2])
def test_bf16_autocast_runs_forward_and_back(name, coils):
    model = build(name)
    y, E, _ = measured(1, coils, 48, 40)
    expected = model(y, E)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        x = model(y, E)
    assert x.dtype == torch.complex64
    change = (x - expected).norm() / (expected - E.H(y)).norm()
    assert 1e-4 < change < (CHANGE_BF16_UNET if isinstance(model, UNet) else CHANGE_BF16)  # less: autocast did nothing
    x.abs().sum().backward()
    for parameter_name, parameter in model.named_parameters():
        assert parameter.grad.dtype == torch.float32 and torch.isfinite(parameter.grad).all(), parameter_name


@pytest.mark.parametrize("model", [FixedSolver(), LearnedSolver(2)], ids=lambda m: type(m).__name__)
def test_physics_stays_in_float32_under_autocast(model):
    """Measured samples come back to float32's precision: the FFT and the data consistency never saw bf16."""
    y, E, _ = measured()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        x = model(y, E)
        assert E(x).dtype == torch.complex64
        torch.testing.assert_close(E(x), y, atol=2e-5, rtol=0)
