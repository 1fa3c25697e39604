"""What only a GPU can show: the same numbers as on the CPU, mixed precision, compiling, memory, DDP.

Skipped without one. RECONODE_CARD=cpu runs all but the memory's on the CPU: a rehearsal, not evidence. It imports
nothing that a bare machine with torch and pytest lacks, and no other test (benchmarks/experiment/in_pieces.py).
"""

import json
import os
import subprocess
import sys

import pytest
import torch

from reconode import masks, metrics, phantoms, zoo
from reconode.gradients import Checkpoint
from reconode.models import FixedSolver, LearnedSolver
from reconode.networks import Dynamics
from reconode.physics import MRIOperator
from reconode.runs import LAST, Settings
from reconode.solvers import HEUN
from reconode.storage import weights
from reconode.train import train

CARD = os.environ.get("RECONODE_CARD") or ("cuda" if torch.cuda.is_available() else "")
SIZE = (64, 72)

pytestmark = pytest.mark.skipif(not CARD, reason="no GPU here")


@pytest.fixture(autouse=True)
def exact():
    """Convolutions in float32, not TF32, so that differences are the code's."""
    before = torch.backends.cudnn.allow_tf32
    torch.backends.cudnn.allow_tf32 = False
    yield
    torch.backends.cudnn.allow_tf32 = before


def problem(batch=1, device=CARD):
    """Masked data of simulated slices, their operator and the target."""
    made = phantoms.slices(batch, SIZE, seed=3, mix="broad")
    E = MRIOperator(masks.random(SIZE[1], 4, seed=0)).to(device)
    y = E.measure(made.hybrid.to(device))
    return y / made.target.max(), E, made.target.to(device) / made.target.max()


def step(model, y, E, target):
    metrics.loss(metrics.magnitude(model(y, E)), target, 1.0).backward()
    return {name: p.grad.clone() for name, p in model.named_parameters() if p.grad is not None}


def settings(**changed):
    usual = {"steps": 6, "batch_size": 2, "size": SIZE, "validate_every": 3, "validation": 2, "warmup": 0}
    return Settings(changed.pop("model", "d5c5"), **usual | changed)


def run(folder, **changed):
    now = settings(**changed)
    return train(zoo.untrained(now.model), now, folder, device="cpu" if CARD == "cpu" else None)


@pytest.mark.parametrize("name", ["unet", "kiki-net", "d5c5", "ft-rk4", "lt-rk4", "lt-euler-26", "pc-flow"])
@torch.no_grad()
def test_shipped_networks_reconstruct_what_they_do_on_a_cpu(name):
    model = zoo.load(name)
    there = model.to(CARD)(*problem()[:2]).cpu()
    here = model.to("cpu")(*problem(device="cpu")[:2])
    assert (there - here).norm() < 1e-4 * here.norm()


def test_simulated_slices_are_those_of_a_cpu():
    for mix in phantoms.MIXES:
        there = phantoms.slices(2, SIZE, seed=5, mix=mix, device=CARD)
        here = phantoms.slices(2, SIZE, seed=5, mix=mix)
        torch.testing.assert_close(there.target.cpu(), here.target, rtol=1e-3, atol=1e-4 * float(here.target.max()))


def test_gradients_are_those_of_a_cpu_and_checkpointing_changes_none():
    torch.manual_seed(0)
    model = FixedSolver(HEUN, 5)
    here = step(model, *problem(device="cpu"))
    model.zero_grad()
    there = step(model.to(CARD), *problem())
    again = FixedSolver(HEUN, 5, gradient=Checkpoint()).to(CARD)
    again.load_state_dict(model.state_dict())
    checkpointed = step(again, *problem())
    for name, gradient in here.items():
        assert (there[name].cpu() - gradient).norm() < 1e-3 * gradient.norm() + 1e-7, name
        assert (checkpointed[name] - there[name]).norm() < 1e-4 * there[name].norm() + 1e-7, name


@pytest.mark.parametrize("precision", ["bf16", "fp16"])
def test_mixed_precision_trains_float32_weights_to_nearly_the_same(precision, tmp_path):
    """Six steps: the loss falls as without it, to 2 %; the weights stay float32."""
    if CARD == "cpu" and precision == "fp16":
        pytest.skip("fp16 is for GPUs")
    run(tmp_path / "full", precision="no")
    run(tmp_path / "mixed", precision=precision)
    tensors, _ = weights.read(tmp_path / "mixed" / LAST)
    assert all(t.dtype == torch.float32 for key, t in tensors.items() if key.startswith("model."))
    losses = [_losses(tmp_path / name) for name in ("full", "mixed")]
    assert losses[0] and losses[1] == pytest.approx(losses[0], rel=0.02)


def test_a_training_in_two_pieces_is_one_training(tmp_path):
    """On a card to rounding, since its sums have no fixed order."""
    run(tmp_path / "one")
    now = settings()
    train(zoo.untrained("d5c5"), now, tmp_path / "two", device=_device(), budget=0)
    train(zoo.untrained("d5c5"), now, tmp_path / "two", device=_device(), resume=True)
    one, two = (weights.read(tmp_path / name / LAST)[0] for name in ("one", "two"))
    for key, tensor in one.items():
        if key.startswith("model."):
            assert (tensor - two[key]).norm() <= 1e-3 * tensor.norm() + 1e-6, key


def test_a_compiled_function_is_the_eager_one():
    torch.manual_seed(0)
    f, x, t = Dynamics().to(CARD), torch.randn(1, 2, *SIZE, device=CARD), torch.tensor(0.4, device=CARD)
    torch.testing.assert_close(torch.compile(f, dynamic=False, fullgraph=True)(t, x), f(t, x), rtol=1e-4, atol=1e-5)


def test_checkpointing_lowers_the_peak():
    if CARD == "cpu":
        pytest.skip("only a GPU counts its memory")
    peaks = {}
    for on in (False, True):
        torch.manual_seed(0)
        model = LearnedSolver(4, checkpointing=on).to(CARD)
        torch.cuda.reset_peak_memory_stats()
        step(model, *problem(4))
        peaks[on] = torch.cuda.max_memory_allocated()
        del model
    assert peaks[True] < 0.5 * peaks[False]


WORKER = """
import sys
from reconode import zoo
from reconode.runs import Settings
from reconode.train import train
settings = Settings("d5c5", steps=6, batch_size=2, size=(64, 72), validate_every=3, validation=2, warmup=0)
train(zoo.untrained("d5c5"), settings, sys.argv[1], device=sys.argv[2] or None)
"""


def test_distributed_on_one_device_is_the_plain_training(tmp_path):
    run(tmp_path / "plain")
    (tmp_path / "worker.py").write_text(WORKER)
    one = {"RANK": "0", "LOCAL_RANK": "0", "WORLD_SIZE": "1", "LOCAL_WORLD_SIZE": "1"}
    address = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": "29531"}
    command = [sys.executable, tmp_path / "worker.py", tmp_path / "ddp", "cpu" if CARD == "cpu" else ""]
    done = subprocess.run(command, env={**os.environ, **one, **address}, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-2000:]
    assert _losses(tmp_path / "ddp") == pytest.approx(_losses(tmp_path / "plain"), rel=1e-3)


def _device():
    return "cpu" if CARD == "cpu" else None


def _losses(folder):
    lines = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
    return [line["loss"] for line in lines if "loss" in line]
