r"""Classical reconstruction: what can be done without learning, each method a ``model(y, E)``.

All minimise Eq. 2 of the paper, :math:`\tfrac12 \|E x - y\|^2 + R(x)`, and differ in what R calls a plausible image:
nothing (:class:`ZeroFilled`), a smooth one (:class:`GradientDescent`), one with few edges (:class:`TotalVariation`),
one with few wavelet coefficients (:class:`WaveletFISTA`). Calling a method returns the image; ``solve`` returns a
:class:`Solution`, which also says how good a minimiser it is. A number that cannot work is a ``UsageError``.

Masked data y: complex64 or complex128 ``(batch, coils, rows, columns)``, any device. Image: ``(batch, rows, columns)``.
Every entry of a batch is a problem of its own: scaled by its max |zero-filled|, so that a weight has no unit, and
stopped when it has converged, whatever its neighbours do. ``benchmarks/tune_classical.py`` chose the default weights.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from reconode.errors import MissingExtraError, UsageError
from reconode.physics import MRIOperator

CHECK_EVERY = 10  # iterations between two looks at the stopping rule, which costs about as much as two of them
# The primal-dual method converges for any BALANCE > 0, DATA_SHARE in (0, 1) and RELAXATION in (0, 2); these are fast.
RELAXATION = 1.8
DATA_SHARE = 0.2  # of the step budget, for the data's dual variable
BALANCE = 0.05  # primal step times weight


@dataclass(frozen=True)
class Solution:
    """An image and how good a minimiser it is, for each entry of the batch.

    Attributes:
        image: complex ``(batch, rows, columns)``, in the data's unit.
        iterations: how many were done, ``(batch,)``.
        residual: what is left of the optimality condition, relative, as each method's ``solve`` says, ``(batch,)``.
        gap: total variation's complementarity gap over the objective, ``(batch,)``; zero for the other methods.
        converged: whether the stopping rule was met, bool ``(batch,)``.
    """

    image: Tensor
    iterations: Tensor
    residual: Tensor
    gap: Tensor
    converged: Tensor


@dataclass(frozen=True)
class ZeroFilled:
    """What was not measured is zero: x = Eᴴ y, the start x(0) of every flow."""

    def __call__(self, y: Tensor, E: MRIOperator) -> Tensor:
        return E.H(y)


class _Iterative:
    weight: float
    iterations: int
    tolerance: float

    def __post_init__(self) -> None:
        for name, value, least in (
            ("weight", self.weight, 0),
            ("tolerance", self.tolerance, 0),
            ("iterations", self.iterations, 1),
        ):
            if not least <= value < math.inf:
                raise UsageError(f"{type(self).__name__}: {name} must be a number from {least} up, not {value}")

    def __call__(self, y: Tensor, E: MRIOperator) -> Tensor:
        return self.solve(y, E).image

    def solve(self, y: Tensor, E: MRIOperator) -> Solution:
        raise NotImplementedError


@dataclass(frozen=True)
class GradientDescent(_Iterative):
    r"""Eq. 3 as it stands, with a quadratic smoothness term: :math:`R(x) = \tfrac w2 \|\nabla x\|^2`.

    With weight 0 and one coil it stays at the zero-filled image, which already fits every measured sample: the data
    alone say nothing of the rest. The smoothness term denoises and blurs edges as much: in the tuning no weight gains
    PSNR, and the default is one that shows the method at work.

    Args:
        weight: w, without unit.
        iterations: steps at most.
        step: the paper's :math:`\eta`; None is 1 / (‖EᴴE‖ + 8 w), which always descends. One that diverges is an error.
        tolerance: stop when the gradient is this small relative to ‖Eᴴ y‖.
    """

    weight: float = 0.01
    iterations: int = 200
    step: float | None = None
    tolerance: float = 1e-4

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.step is not None and not 0 < self.step < math.inf:
            raise UsageError(f"a step must be a positive number, not {self.step}")

    @torch.no_grad()
    def solve(self, y: Tensor, E: MRIOperator) -> Solution:
        """Minimise; the residual is the objective's gradient, relative to ‖Eᴴ y‖."""
        problem = _Problem.scaled(y, E)
        lipschitz = problem.norm + 8 * self.weight  # 8 bounds the norm of the discrete Laplacian
        step = 1 / lipschitz if self.step is None else torch.full_like(lipschitz, self.step)
        if bool((step * lipschitz >= 2).any()):
            raise UsageError(
                f"a step of {self.step} diverges: choose one below {float(2 / lipschitz.max()):.3g}, or None"
            )

        def slope(rest: _Problem, x: Tensor) -> Tensor:
            return rest.E.normal(x) - rest.zero_filled + self.weight * gradient_adjoint(gradient(x))

        def advance(rest: _Problem, state: State) -> State:
            x, eta = state
            return x - eta * slope(rest, x), eta

        def judge(rest: _Problem, state: State) -> Verdict:
            residual = _norm(slope(rest, state[0])) / _nonzero(_norm(rest.zero_filled))
            return state[0], residual, torch.zeros_like(residual), residual <= self.tolerance

        return _minimise(problem, (problem.zero_filled, step), advance, judge, self.iterations)


@dataclass(frozen=True)
class TotalVariation(_Iterative):
    r"""Few edges: :math:`R(x) = w \|\nabla x\|_{2,1}`, the isotropic total variation (Rudin, Osher, Fatemi 1992).

    The length of (∂x/∂row, ∂x/∂column) at each pixel, four real numbers, summed: an edge costs the same in every
    direction and phase. Forward differences, none across the border.

    Solved by the primal-dual method of Chambolle and Pock (2011), over-relaxed (Condat 2013), with *both* terms behind
    dual variables: p for the gradient, q for the data. One EᴴE an iteration, and no inner solve for several coils.
    ‖EᴴE‖ does not limit the primal step, as it does in the form of Condat and Vũ (2013): what was not measured has far
    to go, and that form needed several times the iterations. Eᴴq is iterated instead of q, which the data's dual, an
    affine update, allows: coils never leave the operator. p lives on the scale of w and x on that of 1, so the weight
    sets the ratio of their steps.

    Args:
        weight: w, without unit.
        iterations: at most.
        tolerance: on the certificate, see :meth:`solve`.
    """

    weight: float = 0.004
    iterations: int = 300
    tolerance: float = 5e-3

    @torch.no_grad()
    def solve(self, y: Tensor, E: MRIOperator) -> Solution:
        r"""Minimise, with a certificate.

        With the dual p (\|p\| ≤ w at each pixel), the residual r = Eᴴ(E x − y) + ∇ᵀp and the complementarity gap
        c = w ‖∇x‖₂,₁ − Re⟨p, ∇x⟩ ≥ 0, convexity of both terms gives for the objective P and its minimiser x*

        .. math:: P(x) - P(x^*) \le c + \|r\| \, \|x - x^*\| .

        The solution holds c / P(x) as ``gap`` and ‖r‖ / ‖Eᴴy‖ as ``residual``. Nobody knows ‖x − x*‖; the iteration
        stops when the bound is below ``tolerance`` · P(x) for an x within 1 % of x*.
        """
        problem, w = _Problem.scaled(y, E), self.weight
        tau = BALANCE / max(w, 1e-4)  # the primal step; the duals' must keep tau (sigma ‖∇‖² + s ‖EᴴE‖) ≤ 1
        sigma = (1 - DATA_SHARE) / (8 * tau)  # 8 bounds ‖∇‖²

        def advance(rest: _Problem, state: State) -> State:
            x, p, q = state
            s = DATA_SHARE / (tau * rest.norm)
            descent = gradient_adjoint(p).add_(q)
            ahead = x.sub(descent, alpha=2 * tau)
            p_new = _shorten(gradient(ahead).mul_(sigma).add_(p), w)
            q_new = rest.E.normal(ahead).sub_(rest.zero_filled).mul_(s).add_(q).div_(1 + s)
            x.sub_(descent, alpha=RELAXATION * tau)
            return x, p.add_(p_new.sub_(p), alpha=RELAXATION), q.add_(q_new.sub_(q), alpha=RELAXATION)

        def judge(rest: _Problem, state: State) -> Verdict:
            x, p = state[0], _shorten(state[1].clone(), w)  # over-relaxation may have carried p just outside
            misfit, jumps = rest.E(x) - rest.y, gradient(x)
            variation = w * _length(jumps).sum((-2, -1))
            objective = misfit.abs().square().sum((1, 2, 3)) / 2 + variation
            gap = variation - torch.view_as_real(p).mul(torch.view_as_real(jumps)).sum((1, 2, 3, 4))
            r = _norm(rest.E.H(misfit) + gradient_adjoint(p))
            rounding = torch.finfo(r.dtype).eps * _norm(rest.y).square()
            done = gap + r * 0.01 * _norm(x) <= self.tolerance * objective + rounding
            return x, r / _nonzero(_norm(rest.zero_filled)), gap / _nonzero(objective), done

        x = problem.zero_filled
        return _minimise(problem, (x.clone(), 0 * gradient(x), 0 * x), advance, judge, self.iterations)


@dataclass(frozen=True)
class WaveletFISTA(_Iterative):
    r"""Few wavelet coefficients: R is the ℓ₁ norm of the details of a wavelet transform (Lustig et al. 2007).

    The transform W is translation-invariant: an orthonormal wavelet basis averaged over all shifts ("cycle spinning",
    Coifman and Donoho 1995), computed without decimation. One basis alone sits on a grid of blocks, and the image takes
    on the blocks. W is a Parseval frame (WᵀW = 1) at any image size, so nothing is padded. Coefficients are thresholded
    as in the basis of their shift, real and imaginary part together; the coarsest approximation, not sparse, is kept.

    FISTA (Beck and Teboulle 2009) on x ← Wᵀ soft(W(x − Eᴴ(E x − y))), its momentum restarted where it points uphill
    (O'Donoghue and Candès 2015). For a Parseval frame and ‖EᴴE‖ = 1 that is its step on a convex function of the
    coefficients α of x = Wᵀα, with levels j from 1, the finest,

    .. math:: \tfrac12 \|E W^T α - y\|^2 + \tfrac12 \|(1 - W W^T) α\|^2 + \sum_j w \, 2^{-j} \|α_j\|_1 ,

    so the coefficients need not be kept (Liu et al. 2016, projected FISTA).

    Args:
        weight: w, without unit.
        wavelet: an orthogonal wavelet by its PyWavelets name.
        levels: of the transform, at least 1.
        iterations: at most.
        tolerance: on the fixed-point residual, see :meth:`solve`.
    """

    weight: float = 0.001
    wavelet: str = "haar"
    levels: int = 3
    iterations: int = 250
    tolerance: float = 1e-5

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 1 <= self.levels <= 10:
            raise UsageError(f"the number of wavelet levels must be from 1 to 10, not {self.levels}")

    @torch.no_grad()
    def solve(self, y: Tensor, E: MRIOperator) -> Solution:
        """Minimise; the residual is ‖T(x) − x‖ / ‖x‖ for the iteration's map T, whose fixed point is the solution.

        It is measured at the extrapolated point z and the image is T(z); T expands no distance, so its residual is no
        larger. The iteration stops when it is below ``tolerance``.
        """
        problem, taps = _Problem.scaled(y, E), wavelet_taps(self.wavelet)

        def advance(rest: _Problem, state: State) -> State:
            x, z, _, t = state
            v = z - (rest.E.normal(z) - rest.zero_filled) / rest.norm
            x_new = _shrink(v, taps, self.weight / rest.norm, self.levels)
            t = torch.where(((z - x_new) * (x_new - x).conj()).real.sum((1, 2), keepdim=True) > 0, 1, t)
            t_new = (1 + (1 + 4 * t * t).sqrt()) / 2
            return x_new, x_new + (t - 1) / t_new * (x_new - x), x_new - z, t_new

        def judge(_: _Problem, state: State) -> Verdict:
            residual = _norm(state[2]) / _nonzero(_norm(state[0]))
            return state[0], residual, torch.zeros_like(residual), residual <= self.tolerance

        x = problem.zero_filled
        return _minimise(problem, (x, x, x, torch.ones_like(problem.norm)), advance, judge, self.iterations)


State = tuple[Tensor, ...]  # what an iteration carries on; the first axis of each tensor is the batch
Verdict = tuple[Tensor, Tensor, Tensor, Tensor]  # image, residual and gap as in a Solution, and who is done


@dataclass(frozen=True)
class _Problem:
    """Scaled data with their operator, for those entries of a batch that are still being solved."""

    y: Tensor
    E: MRIOperator
    zero_filled: Tensor
    scale: Tensor  # (batch, 1, 1), as the next
    norm: Tensor  # ‖EᴴE‖, or a bound of it

    @classmethod
    def scaled(cls, y: Tensor, E: MRIOperator) -> _Problem:
        y, zero_filled = E.measure(y), E.H(y)
        scale = _nonzero(zero_filled.abs().amax(dim=(-2, -1))).reshape(-1, 1, 1)
        norm = torch.ones_like(scale)
        if E.sensitivities is not None:
            power = E.sensitivities.abs().square().sum(1).amax(dim=(-2, -1))
            norm = _nonzero(power.to(scale.dtype)).reshape(-1, 1, 1).expand_as(scale)
        return cls(y / scale.unsqueeze(1), E, zero_filled / scale, scale, norm)

    def keep(self, which: Tensor) -> _Problem:
        """The problem of some entries of the batch; `which` is bool ``(batch,)``."""
        return _Problem(
            self.y[which], self.E.select(which), self.zero_filled[which], self.scale[which], self.norm[which]
        )


def _minimise(
    problem: _Problem,
    state: State,
    advance: Callable[[_Problem, State], State],
    judge: Callable[[_Problem, State], Verdict],
    iterations: int,
) -> Solution:
    """Iterate every entry of a batch until it is done or the iterations run out; those that are done cost no more."""
    batch, scale = problem.y.shape[0], problem.scale
    image = torch.empty_like(problem.zero_filled)
    residual, gap = torch.zeros(2, batch, dtype=scale.dtype, device=scale.device)
    active = torch.arange(batch, device=scale.device)
    count, converged = torch.zeros_like(active), torch.zeros_like(active, dtype=torch.bool)
    for i in range(1, iterations + 1):
        state = advance(problem, state)
        if i % CHECK_EVERY and i < iterations:
            continue
        x, *numbers, done = judge(problem, state)
        stop = done if i < iterations else torch.ones_like(done)
        if not bool(stop.any()):
            continue
        ended = active[stop]
        for whole, part in zip((image, residual, gap, converged), (x, *numbers, done), strict=True):
            whole[ended] = part[stop]
        count[ended] = i
        if bool(stop.all()):
            break
        active, problem = active[~stop], problem.keep(~stop)
        state = tuple(tensor[~stop] for tensor in state)
    return Solution(image * scale, count, residual, gap, converged)


def gradient(x: Tensor) -> Tensor:
    """Forward differences ``(batch, 2, rows, columns)`` of an image; zero where they would cross the border."""
    jumps = x.new_zeros(x.shape[0], 2, *x.shape[-2:])
    torch.sub(x[:, 1:], x[:, :-1], out=jumps[:, 0, :-1])
    torch.sub(x[..., 1:], x[..., :-1], out=jumps[:, 1, :, :-1])
    return jumps


def gradient_adjoint(p: Tensor) -> Tensor:
    """∇ᵀp, the adjoint of :func:`gradient` (minus the divergence)."""
    rows, columns = p[:, 0, :-1], p[:, 1, :, :-1]
    x = p.new_zeros(p.shape[0], *p.shape[-2:])
    x[:, :-1] -= rows
    x[:, 1:] += rows
    x[..., :-1] -= columns
    x[..., 1:] += columns
    return x


def wavelet_taps(name: str) -> tuple[list[float], list[float]]:
    """Low- and high-pass filter of an orthogonal wavelet of PyWavelets; undecimated, they keep the energy.

    Raises:
        MissingExtraError: without PyWavelets.
        UsageError: for a wavelet that it does not know, or one that is not orthogonal.
    """
    try:
        import pywt
    except ImportError as error:
        raise MissingExtraError("PyWavelets", "wavelets", "wavelet reconstruction") from error
    if name not in pywt.wavelist(kind="discrete") or not (wavelet := pywt.Wavelet(name)).orthogonal:
        raise UsageError(f"{name!r} is not an orthogonal wavelet of PyWavelets: choose haar, db2, sym4 or coif1, say")
    return [h / math.sqrt(2) for h in wavelet.rec_lo], [g / math.sqrt(2) for g in wavelet.rec_hi]


def _shrink(x: Tensor, taps: tuple[list[float], list[float]], threshold: Tensor, levels: int, level: int = 1) -> Tensor:
    """Wᵀ soft(W x): one level of the undecimated transform, and the coarser ones by the same rule."""
    if level > levels:
        return x
    spacing, threshold = 2 ** (level - 1), threshold / 2
    low, high = (_correlate(x, f, spacing, -2) for f in taps)
    low, detail_1 = (_correlate(low, f, spacing, -1) for f in taps)
    detail_2, detail_3 = (_correlate(high, f, spacing, -1) for f in taps)
    low = _shrink(low, taps, threshold, levels, level + 1)
    for detail in (detail_1, detail_2, detail_3):  # what the projection on the ball leaves is the soft threshold
        detail.sub_(_shorten(detail.clone().unsqueeze(1), threshold).squeeze(1))
    low = _correlate(low, taps[0], -spacing, -1).add_(_correlate(detail_1, taps[1], -spacing, -1))
    high = _correlate(detail_2, taps[0], -spacing, -1).add_(_correlate(detail_3, taps[1], -spacing, -1))
    return _correlate(low, taps[0], -spacing, -2).add_(_correlate(high, taps[1], -spacing, -2))


def _correlate(x: Tensor, taps: list[float], spacing: int, dim: int) -> Tensor:
    """Σₖ taps[k] x[n + k·spacing], around the border; with −spacing, the adjoint."""
    out = x * taps[0]
    for k, tap in enumerate(taps[1:], start=1):
        out.add_(x.roll(-k * spacing, dim), alpha=tap)
    return out


def _shorten(p: Tensor, longest: float | Tensor) -> Tensor:
    """Shorten the complex vector at each pixel to at most `longest`, in place: the projection on a ball."""
    length = _length(p).clamp_min_(torch.finfo(p.dtype).tiny)
    return p.mul_((longest / length).clamp_max_(1).unsqueeze(1))


def _length(p: Tensor) -> Tensor:
    """Length of the complex vector at each pixel: ``(batch, 1 or 2, rows, columns)`` to ``(batch, rows, columns)``."""
    squares = torch.view_as_real(p).square()
    squares = squares[:, 0] + squares[:, 1] if p.shape[1] == 2 else squares[:, 0]  # far faster than sum over both axes
    return (squares[..., 0] + squares[..., 1]).sqrt_()


def _norm(x: Tensor) -> Tensor:
    """Euclidean norm of each entry of the batch, ``(batch,)``."""
    return torch.linalg.vector_norm(torch.view_as_real(x).flatten(1), dim=1)


def _nonzero(x: Tensor) -> Tensor:
    """1 where x is 0: a divisor for what is then 0 too."""
    return torch.where(x > 0, x, torch.ones_like(x))
