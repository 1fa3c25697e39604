"""Every reconstruction by its name: one list for the command line, the tables and the book.

A model is anything that keeps the contract ``model(y, E)``: masked data y ``(batch, coils, rows, columns)`` and the
operator E that measured them in, the complex image ``(batch, rows, columns)`` out.
"""

from __future__ import annotations

import difflib
import math
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import torch
from torch import Tensor, nn

from reconode import baselines, classical
from reconode.errors import UsageError
from reconode.gradients import Checkpoint, ContinuousAdjoint
from reconode.models import AdaptiveSolver, FixedSolver, LearnedSolver, UnsharedSolver
from reconode.networks import Dynamics, count_parameters
from reconode.pc_flow import PCFlow
from reconode.physics import MRIOperator
from reconode.solvers import EULER, HEUN, MIDPOINT, RK4
from reconode.storage import weights


class Model(Protocol):
    """The contract that every reconstruction keeps."""

    def __call__(self, y: Tensor, E: MRIOperator) -> Tensor: ...


@dataclass(frozen=True)
class Entry:
    """What a name stands for.

    Attributes:
        title: as tables print it; the paper's name where it is a row of Table 1.
        build: makes the model, untrained.
        summary: one line on what it is.
        family: "classical", "baseline", "FT", "FA", "LT", "ODE", "beyond" or "ablation".
        twin: the model whose trained weights it shares. The discrete adjoint's gradients are backpropagation's to the
            last bit, so that FA trained with it becomes FT (results/small/copies.json).
        searched_with: the model whose search for a learning rate decides for this one too; "" is itself.
        look: how figures draw it: a color, by the family, and matplotlib's marker, by the solver. "" is grey.
    """

    title: str
    build: Callable[[], Model]
    summary: str
    family: str
    twin: str = ""
    searched_with: str = ""
    look: str = ""

    @property
    def learned(self) -> bool:
        """Whether it needs weights."""
        return self.family != "classical"

    @property
    def parameters(self) -> int:
        """Trainable numbers; 0 for a classical method."""
        return count_parameters(self.build())


def _ablation(title: str, build: Callable[[], Model], summary: str, searched_with: str, look: str) -> Entry:
    return Entry(title, build, summary, "ablation", searched_with=searched_with, look=look)


MODELS: dict[str, Entry] = {
    "zero-filled": Entry(
        "Zero-filled", classical.ZeroFilled, "what was not measured is zero", "classical", look="#8f8f8f |"
    ),
    "gradient-descent": Entry(
        "Gradient descent", classical.GradientDescent, "Eq. 3, quadratic smoothness", "classical", look="#8f8f8f 1"
    ),
    "tv": Entry(
        "Total variation",
        classical.TotalVariation,
        "sparse gradients, solved to a certificate",
        "classical",
        look="#7d7d7d _",
    ),
    "wavelet": Entry(
        "Wavelet", classical.WaveletFISTA, "sparse wavelet coefficients, FISTA", "classical", look="#6d6d6d 2"
    ),
    "unet": Entry(
        "U-Net", baselines.UNet, "fastMRI's first U-Net, data consistency at the end", "baseline", look="#9a7b00 D"
    ),
    "kiki-net": Entry(
        "KIKI-Net", baselines.KIKINet, "k-space and image networks in turn", "baseline", look="#008e8c v"
    ),
    "d5c5": Entry(
        "D5C5",
        baselines.D5C5,
        "five CNNs that share nothing, data consistency after each",
        "baseline",
        look="#007e3f P",
    ),
    "fa-euler": Entry(
        "ReconODE-FA-Euler",
        lambda: FixedSolver(EULER, gradient=Checkpoint()),
        "discrete adjoint",
        "FA",
        "ft-euler",
        searched_with="ft-euler",
        look="#b56ffb o",
    ),
    "fa-rk2": Entry(
        "ReconODE-FA-RK2",
        lambda: FixedSolver(HEUN, gradient=Checkpoint()),
        "discrete adjoint",
        "FA",
        "ft-rk2",
        searched_with="ft-euler",
        look="#a15de6 s",
    ),
    "fa-rk4": Entry(
        "ReconODE-FA-RK4",
        lambda: FixedSolver(RK4, gradient=Checkpoint()),
        "discrete adjoint",
        "FA",
        "ft-rk4",
        searched_with="ft-euler",
        look="#8d4ad2 ^",
    ),
    "ft-euler": Entry(
        "ReconODE-FT-Euler", lambda: FixedSolver(EULER), "backpropagation through Euler", "FT", look="#0097ee o"
    ),
    "ft-rk2": Entry(
        "ReconODE-FT-RK2",
        lambda: FixedSolver(HEUN),
        "backpropagation through Heun",
        "FT",
        searched_with="ft-euler",
        look="#0084d1 s",
    ),
    "ft-rk4": Entry(
        "ReconODE-FT-RK4",
        lambda: FixedSolver(RK4),
        "backpropagation through classical RK4",
        "FT",
        searched_with="ft-euler",
        look="#0072b5 ^",
    ),
    "lt-euler": Entry(
        "ReconODE-LT-Euler",
        lambda: LearnedSolver(1),
        "learned solver, one stage",
        "LT",
        searched_with="lt-rk2",
        look="#fb5a34 o",
    ),
    "lt-rk2": Entry(
        "ReconODE-LT-RK2", lambda: LearnedSolver(2), "learned solver, two stages, attention", "LT", look="#e44623 s"
    ),
    "lt-rk4": Entry(
        "ReconODE-LT-RK4",
        lambda: LearnedSolver(4),
        "learned solver, four stages, attention",
        "LT",
        searched_with="lt-rk2",
        look="#ce3111 ^",
    ),
    "neural-ode": Entry(
        "Neural ODE",
        AdaptiveSolver,
        "dopri5 and the continuous adjoint",
        "ODE",
        searched_with="fa-euler-continuous",
        look="#ef1b8d X",
    ),
    "pc-flow": Entry(
        "PC-Flow",
        PCFlow,
        "beyond the paper: Euler steps, θ(t) in five pieces, fed DC's correction",
        "beyond",
        searched_with="d5c5",
        look="#a45a01 *",
    ),
    "pc-flow-history": _ablation(
        "PC-Flow, history", lambda: PCFlow(history=True), "its steps see the last one too", "d5c5", "#d3007a *"
    ),
    "lt-rk4-no-attention": _ablation(
        "LT-RK4, no attention",
        lambda: LearnedSolver(4, attention=False),
        "one number a stage instead",
        "lt-rk2",
        "#a45a01 x",
    ),
    "lt-rk4-no-dilation": _ablation(
        "LT-RK4, no dilation",
        lambda: LearnedSolver(4, dilation=False),
        "every stage looks equally wide",
        "lt-rk2",
        "#008e8c +",
    ),
    "lt-rk4-end": _ablation(
        "LT-RK4, y at the end",
        lambda: LearnedSolver(4, consistency="end"),
        "data consistency once",
        "lt-rk2",
        "#8d4ad2 <",
    ),
    "ft-euler-end": _ablation(
        "FT-Euler, y at the end",
        lambda: FixedSolver(EULER, consistency="end"),
        "data consistency once",
        "ft-euler",
        "#b08d00 s",
    ),
    "ft-euler-untimed": _ablation(
        "FT-Euler, autonomous",
        lambda: FixedSolver(EULER, f=Dynamics(timed=False)),
        "f does not see the time",
        "ft-euler",
        "#0097ee d",
    ),
    "fa-euler-continuous": Entry(
        "FA-Euler, continuous",
        lambda: FixedSolver(EULER, gradient=ContinuousAdjoint()),
        "continuous adjoint",
        "FA",
        look="#b56ffb o",
    ),
    "fa-rk2-continuous": Entry(
        "FA-RK2, continuous",
        lambda: FixedSolver(HEUN, gradient=ContinuousAdjoint()),
        "continuous adjoint",
        "FA",
        searched_with="fa-euler-continuous",
        look="#a15de6 s",
    ),
    "fa-rk4-continuous": Entry(
        "FA-RK4, continuous",
        lambda: FixedSolver(RK4, gradient=ContinuousAdjoint()),
        "continuous adjoint",
        "FA",
        searched_with="fa-euler-continuous",
        look="#8d4ad2 ^",
    ),
    "fa-euler-anode": _ablation(
        "FA-Euler, ANODE's defaults",
        lambda: FixedSolver(EULER, 2, Checkpoint(), "end"),
        "two steps, y at the end",
        "ft-euler",
        "#b56ffb 3",
    ),
    "fa-rk2-anode": _ablation(
        "FA-RK2, ANODE's defaults",
        lambda: FixedSolver(MIDPOINT, 2, Checkpoint(), "end"),
        "two midpoint steps, y at the end",
        "ft-euler",
        "#a15de6 4",
    ),
    "ft-euler-wide": _ablation(
        "FT-Euler, 74 channels",
        lambda: FixedSolver(EULER, f=Dynamics(channels=74)),
        "as many parameters as LT-RK4",
        "ft-euler",
        "#0072b5 h",
    ),
    "lt-euler-26": _ablation(
        "LT-Euler, 26 steps",
        lambda: LearnedSolver(1, steps=26),
        "as many multiply-adds as LT-RK4",
        "lt-rk2",
        "#d3007a o",
    ),
    "lt-rk4-untimed": _ablation(
        "LT-RK4, autonomous", lambda: LearnedSolver(4, timed=False), "no stage sees the time", "lt-rk2", "#0084d1 >"
    ),
    "lt-rk4-unshared": _ablation(
        "LT-RK4, unshared", lambda: UnsharedSolver(4), "other weights in each step", "lt-rk2", "#007e3f p"
    ),
}
"""The rows of Table 1 by their names, the classical methods, the original neural ODE, and the ablations."""

VARIANTS = ("table", "long", "20k", "fine", "fine20k")
"""Of the trainings that come with the library: Table 1's, of 6,000 and 20,000 steps; the last two went on at 8x."""

BEST: dict[float, tuple[str, ...]] = {4: ("20k", "long", "table"), 8: ("fine20k", "fine", "table")}
"""Whose weights a name without a variant takes, by acceleration: the first that there are."""


def find(name: str) -> Entry:
    """What a name stands for.

    Raises:
        UsageError: for an unknown name, with the nearest ones.
    """
    if name not in MODELS:
        variants = [f"{model}_{variant}" for variant in VARIANTS for model in MODELS]
        names = [*MODELS, *(v for v in variants if any(shipped(v, a) is not None for a in BEST))]
        alike = [known for known in names if _bare(known) == _bare(name)]
        near = alike or difflib.get_close_matches(name.lower(), names, n=3, cutoff=0.4)
        hint = f"did you mean {' or '.join(near)}?" if near else f"the models are {', '.join(MODELS)}"
        raise UsageError(f"unknown model {name!r}: {hint}")
    return MODELS[name]


def _bare(name: str) -> str:
    """A name without what is easily mistaken in it: "lt-rk4-long" and "LT_RK4 long" mean lt-rk4_long."""
    return re.sub(r"[-_ ]", "", name.lower())


def untrained(name: str, seed: int = 0) -> nn.Module:
    """A network by name, with first weights that the seed decides; for :func:`reconode.train.train`.

    Raises:
        UsageError: for an unknown name, or a classical method.
    """
    torch.manual_seed(seed)
    model = find(name).build()
    if not isinstance(model, nn.Module):
        raise UsageError(f"{name} is a classical method: there is nothing to train")
    return model


def load(name: str, acceleration: float = 4, *, file: str | Path | None = None) -> Model:
    """A ready reconstruction by name: a classical method, or a network with trained weights, set to evaluate.

    Args:
        name: a key of :data:`MODELS`, for the weights of the longest training (:data:`BEST`); followed by
            one of :data:`VARIANTS`, such as "lt-rk4_table", for those of one training.
        acceleration: of the masks that the data come with; chooses the weights.
        file: weights of your own (what ``reconode train`` writes); None takes those that come with the library.

    Raises:
        UsageError: for an unknown name, or a network that no weights come with.
        DataError: for a file that is not this network's.
    """
    model_name, _, variant = name.partition("_")
    entry = find(model_name if model_name in MODELS or variant in VARIANTS else name)
    model = entry.build()
    if not isinstance(model, nn.Module):
        if file is not None:
            raise UsageError(f"{model_name} is a classical method: it takes no weights")
        if variant:
            raise UsageError(f"{model_name} is a classical method: it is not trained, so there is no {name}")
        return model
    path = shipped(name, acceleration) if file is None else Path(file)
    if path is None:
        raise UsageError(
            f"no weights for {name} at {acceleration:g}x come with the library ({_what_there_is(model_name)}): "
            f"train it (reconode train {model_name} --acceleration {acceleration:g}) and give the file (--weights FILE)"
        )
    weights.load(model, model_name if file is not None else entry.twin or model_name, path)
    return model.eval()


def shipped(name: str, acceleration: float) -> Path | None:
    """The weights that come with the library for a name that :func:`load` takes, if there are any."""
    model_name, _, variant = name.partition("_")
    trained = find(model_name).twin or model_name
    variants = (variant,) if variant else BEST.get(acceleration, ())
    return next(filter(None, (weights.shipped(f"{trained}_{v}", acceleration) for v in variants)), None)


def nearest(name: str, acceleration: float) -> float:
    """Of the accelerations that a model has weights for the nearest by ratio; the given one when there are none."""
    there = [a for a in BEST if shipped(name, a) is not None]
    return min(there, key=lambda a: abs(math.log(a / acceleration)), default=acceleration)


def _what_there_is(model: str) -> str:
    """The weights of a model in words: "lt-rk4_table: 4x, 8x; lt-rk4_long: 4x"."""
    found = {f"{model}_{v}": [f"{a}x" for a in BEST if shipped(f"{model}_{v}", a) is not None] for v in VARIANTS}
    return "; ".join(f"{n}: {', '.join(there)}" for n, there in found.items() if there) or f"none for {model}"


def trained(name: str) -> dict[str, Path]:
    """All weights that come with the library for a model, "4x long" and so on, with their files.

    The first of an acceleration are those that :func:`load` takes where no variant is named.
    """
    found = {
        f"{acceleration}x {variant}": shipped(f"{name}_{variant}", acceleration)
        for acceleration, first in BEST.items()
        for variant in dict.fromkeys((*first, *VARIANTS))
    }
    return {key: path for key, path in found.items() if path is not None}
