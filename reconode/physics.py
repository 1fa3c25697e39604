r"""The measurement of MRI: centred Fourier transforms, the operator E with its adjoint, and data consistency.

Eq. 1 of the paper, :math:`y = E x + \varepsilon`: the scanner measures some columns of the Fourier transform of the
image x, seen through each coil's sensitivity.

**Hybrid space.** A Cartesian mask keeps or drops whole columns of k-space: it acts on the phase-encode axis (the last
one) and leaves the readout (rows) alone. So rows can be transformed to image space once, before anything else, and E
is then a one-dimensional Fourier transform along columns. In that hybrid space, cropping the oversampled readout is
exact: rows no longer mix. Everything here works in hybrid space unless ``dims=(-2, -1)`` asks for a mask in both axes.

Shapes: an image x is complex ``(batch, rows, columns)``; data y are complex ``(batch, coils, rows, columns)``.
A single coil is ``coils = 1``.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from reconode.errors import DataError, UsageError
from reconode.linear import Solution, conjugate_gradients, norms

HYBRID = (-1,)
"""k-space along columns only, rows in image space: where this library works."""
KSPACE = (-2, -1)
"""k-space along both axes: as the scanner stores it, and for masks that undersample both."""

TOLERANCE, ITERATIONS = 0.05, 500
"""When the conjugate gradients of data consistency with several coils stop: early on purpose. The last of the misfit
lies where the coils hardly tell images apart; there the noise and the error of estimated sensitivities are amplified
(``benchmarks/coils.py`` measures it)."""


def fft(x: Tensor, dims: Sequence[int] = KSPACE) -> Tensor:
    """Centred orthonormal Fourier transform along `dims` (fastMRI's convention: zero frequency at ``size // 2``)."""
    x = torch.fft.ifftshift(x, dim=dims)
    return torch.fft.fftshift(torch.fft.fftn(x, dim=dims, norm="ortho"), dim=dims)


def ifft(k: Tensor, dims: Sequence[int] = KSPACE) -> Tensor:
    """Inverse and adjoint of :func:`fft`."""
    k = torch.fft.ifftshift(k, dim=dims)
    return torch.fft.fftshift(torch.fft.ifftn(k, dim=dims, norm="ortho"), dim=dims)


def to_hybrid(kspace: Tensor, rows: int | None = None) -> Tensor:
    """k-space ``(..., H, W)`` to hybrid space ``(..., rows, W)``: inverse transform of the readout, then a centre crop.

    The crop is exact: with a mask on columns, what happens to one image row never reaches another. It removes the
    readout's twofold oversampling (640 → 320 rows in fastMRI) and halves the work of everything after it.

    Raises:
        DataError: when more `rows` are asked for than the readout has.
    """
    hybrid = ifft(kspace, dims=(-2,))
    return hybrid if rows is None else center_crop(hybrid, rows, hybrid.shape[-1])


def to_kspace(hybrid: Tensor) -> Tensor:
    """Hybrid space back to k-space: the readout's forward transform. Inverse of :func:`to_hybrid` without a crop."""
    return fft(hybrid, dims=(-2,))


def center_crop(x: Tensor, rows: int, columns: int) -> Tensor:
    """The central ``rows × columns`` of the last two axes, by fastMRI's convention: from ``(size - crop) // 2``.

    Raises:
        DataError: when the crop is larger than the image.
    """
    height, width = x.shape[-2:]
    if not (0 < rows <= height and 0 < columns <= width):
        raise DataError(f"cannot crop {rows} x {columns} from an image of {height} x {width} pixels")
    top, left = (height - rows) // 2, (width - columns) // 2
    return x[..., top : top + rows, left : left + columns]


class MRIOperator:
    r"""The measurement operator E of Eq. 1: coil sensitivities, Fourier transform, mask.

    ``E(x)`` measures, ``E.H(y)`` is the exact adjoint (the zero-filled image), ``E.normal(x)`` is :math:`E^H E x`.
    A mask makes :math:`E^H E` a projection for one coil, so its norm is 1; with coils it is at most
    :math:`\max \sum_c |S_c|^2`, which is 1 for normalised sensitivities.

    Args:
        mask: what was sampled, bool or 0/1. ``(columns,)`` or ``(batch, columns)`` in hybrid space;
            ``(rows, columns)`` or ``(batch, rows, columns)`` with ``dims=(-2, -1)``.
        sensitivities: coil sensitivities in image space, complex ``(coils, rows, columns)`` or
            ``(batch, coils, rows, columns)``. None is one coil that sees everything equally.
        dims: the axes that are in k-space: ``(-1,)``, hybrid space (the default), or ``(-2, -1)``.
        tolerance: with several coils, how much of the misfit :meth:`enforce` leaves.

    Raises:
        UsageError: for other axes, or a mask whose rank does not fit them.
        DataError: for a mask that samples nothing, or sensitivities that do not fit.

    >>> E = MRIOperator(torch.tensor([True, False, True, True]))
    >>> x = torch.ones(1, 2, 4, dtype=torch.complex64)
    >>> E(x).shape
    torch.Size([1, 1, 2, 4])
    """

    def __init__(
        self,
        mask: Tensor,
        sensitivities: Tensor | None = None,
        dims: Sequence[int] = HYBRID,
        *,
        tolerance: float = TOLERANCE,
    ) -> None:
        self.dims, self.tolerance = tuple(dims), tolerance
        if self.dims not in (HYBRID, KSPACE):
            raise UsageError(
                f"dims must be {HYBRID} (hybrid space) or {KSPACE} (both axes in k-space), not {self.dims}"
            )
        mask = torch.as_tensor(mask).bool()
        if mask.ndim not in (len(self.dims), len(self.dims) + 1):
            axes = "(columns,)" if self.dims == HYBRID else "(rows, columns)"
            raise UsageError(f"a mask for dims={self.dims} has shape {axes}, or a batch of it, not {tuple(mask.shape)}")
        if not bool(mask.flatten(-len(self.dims)).any(-1).all()):
            raise DataError("the mask samples nothing: every reconstruction needs at least one measured column")
        batched = mask.ndim > len(self.dims)
        rows = mask.shape[-2] if self.dims == KSPACE else 1
        self.mask = mask.reshape(mask.shape[0] if batched else 1, 1, rows, mask.shape[-1])
        self.sensitivities = None if sensitivities is None else _check_sensitivities(sensitivities, self.mask)

    @property
    def coils(self) -> int:
        """How many coils measure."""
        return 1 if self.sensitivities is None else self.sensitivities.shape[1]

    @property
    def device(self) -> torch.device:
        return self.mask.device

    def to(self, device: torch.device | str) -> MRIOperator:
        """The same operator on another device."""
        return self._map(lambda tensor: tensor.to(device, non_blocking=True))

    def pin_memory(self) -> MRIOperator:
        """The same operator in page-locked memory, from which copies to a GPU need not wait."""
        return self._map(Tensor.pin_memory)

    def select(self, which: Tensor) -> MRIOperator:
        """The operator of some entries of a batch; `which` is bool or indices, ``(batch,)``."""
        return self._map(lambda tensor: tensor if tensor.shape[0] == 1 else tensor[which])

    def rows(self, first: int, count: int) -> MRIOperator:
        """The operator of some rows of hybrid space. A mask acts on columns only, so each row is a measurement itself.

        Raises:
            UsageError: in k-space, where every row is part of every other.
        """
        if self.dims != HYBRID:
            raise UsageError("rows can be measured apart in hybrid space only: transform the readout first")
        return self._map(lambda tensor: tensor if tensor.shape[-2] == 1 else tensor[..., first : first + count, :])

    def _map(self, function: Callable[[Tensor], Tensor]) -> MRIOperator:
        other = object.__new__(MRIOperator)  # what was checked once need not be checked again
        other.dims, other.tolerance, other.mask = self.dims, self.tolerance, function(self.mask)
        other.sensitivities = None if self.sensitivities is None else function(self.sensitivities)
        return other

    def __repr__(self) -> str:
        space = "hybrid space" if self.dims == HYBRID else "k-space"
        sampled = float(self.mask.float().mean())
        return f"MRIOperator({self.coils} coil(s), {space}, {sampled:.1%} of {self.mask.shape[-1]} columns sampled)"

    def __call__(self, x: Tensor) -> Tensor:
        """E x: image ``(batch, rows, columns)`` to data ``(batch, coils, rows, columns)`` (Eq. 1 without noise)."""
        self._check(x, 3, "an image x of shape (batch, rows, columns)")
        return self.measure(fft(self._expand(x), self.dims))

    @property
    def H(self) -> Adjoint:
        """The adjoint Eᴴ, itself an operator: ``E.H(y)``; ``E.H.H`` is E."""
        return Adjoint(self)

    def measure(self, full: Tensor) -> Tensor:
        """The masked data y: what the scanner would have kept of full data ``(batch, coils, rows, columns)``."""
        self._check(full, 4, "data of shape (batch, coils, rows, columns)")
        return full * self.mask

    def normal(self, x: Tensor) -> Tensor:
        """Eᴴ E x in one go: the same as ``E.H(E(x))``, in little more than half the time.

        Fᴴ M F is a circular convolution, which does not care where the origin is: none of the centred transform's four
        shifts is needed, if the mask is shifted instead.
        """
        self._check(x, 3, "an image x of shape (batch, rows, columns)")
        spectrum = torch.fft.fftn(self._expand(x), dim=self.dims) * torch.fft.ifftshift(self.mask, dim=self.dims)
        return self._combine(torch.fft.ifftn(spectrum, dim=self.dims))

    def residual(self, x: Tensor, y: Tensor) -> Tensor:
        """Eᴴ(E x − y): the gradient of the data term ½‖E x − y‖² (Eq. 3)."""
        return self.H(self(x) - y)

    def enforce(self, x: Tensor, y: Tensor, v: float | Tensor | None = None) -> Tensor:
        r"""Data consistency: the image nearest to x that agrees with the measured samples y.

        For one coil x + w Eᴴ(y − E x). With w = 1, the default, every measured sample becomes exactly what was
        measured (hard data consistency, the layer after the paper's solver). With noise in y, w = v / (1 + v) gives
        the weighted mean (k + v y) / (1 + v) for a measured sample k of x (Schlemper et al. 2018, Eq. 6).

        With several coils, whose measurements seldom meet in one image, it is the projection of x onto the images u of
        least ‖E u − y‖; with `v` the u that minimises ‖u − x‖² + v ‖E u − y‖². For one coil these are the formulas
        above. Both are found by conjugate gradients (Pruessmann et al. 2001), which stop for each image of the batch
        when what is left of ‖Eᴴ(E u − y)‖ is ``E.tolerance`` of ‖Eᴴ y‖. An image that agrees already costs nothing.

        Differentiable in all its arguments, without memory for the iterations: further solves of the same equations
        carry the gradient back. It is as exact as the tolerance, and where the data alone do not determine the image
        (and `v` is None) that to the sensitivities leaves out how they move what is undetermined.

        Args:
            x: image ``(batch, rows, columns)``.
            y: measured data ``(batch, coils, rows, columns)``.
            v: how much a measured sample counts against a predicted one: the ratio of the prediction's variance to the
                noise's; a number, or ``(batch, 1, 1)``. None is infinite trust in the measurement.
        """
        step = self.residual(x, y)
        if self.sensitivities is None:
            return x - step if v is None else x - v / (1 + v) * step

        def system(d: Tensor) -> Tensor:
            return self.normal(d) if v is None else d + v * self.normal(d)

        @torch.no_grad()
        def solve(right: Tensor, size: Tensor) -> Tensor:
            return conjugate_gradients(system, right, self.tolerance * size, ITERATIONS)

        @torch.no_grad()
        def back(g: Tensor) -> Tensor:
            # Without v the system may be singular: only the part of g in its range has a solution, and A⁺A g is that.
            g = solve(system(g), norms(g)) if v is None else g
            return solve(g, norms(g))

        right = step if v is None else v * step
        d = solve(right, torch.maximum(norms(right), norms(self.H(y) if v is None else v * self.H(y))))
        if torch.is_grad_enabled():
            d = Solution.apply(back, d, right - system(d))
        return x - d

    def _expand(self, x: Tensor) -> Tensor:
        """Every coil's view of the image: ``(batch, rows, columns)`` → ``(batch, coils, rows, columns)``."""
        x = x.unsqueeze(1)
        return x if self.sensitivities is None else self.sensitivities * x

    def _combine(self, images: Tensor) -> Tensor:
        """Adjoint of :meth:`_expand`: coil images to one image, weighted by the conjugate sensitivities."""
        return images.squeeze(1) if self.sensitivities is None else (self.sensitivities.conj() * images).sum(1)

    def _check(self, tensor: Tensor, rank: int, expected: str) -> None:
        if tensor.ndim != rank or not tensor.is_complex():
            raise DataError(f"expected {expected}, complex, not {tuple(tensor.shape)} of {tensor.dtype}")
        if rank == 4 and tensor.shape[1] != self.coils:
            hint = "; give E their sensitivities" if self.sensitivities is None else ""
            raise DataError(f"the data have {tensor.shape[1]} coils, the measurement operator {self.coils}{hint}")
        if tensor.shape[-1] != self.mask.shape[-1]:
            raise DataError(
                f"the mask has {self.mask.shape[-1]} columns, the data {tensor.shape[-1]}: draw it for their width"
            )
        if self.mask.shape[-2] not in (1, tensor.shape[-2]):
            raise DataError(f"the mask has {self.mask.shape[-2]} rows, the data {tensor.shape[-2]}")
        if self.mask.shape[0] not in (1, tensor.shape[0]):
            raise DataError(
                f"the operator has {self.mask.shape[0]} masks for a batch of {tensor.shape[0]}: give one, or one each"
            )


class Adjoint:
    """Eᴴ of an :class:`MRIOperator` E: masked data to the zero-filled image."""

    def __init__(self, operator: MRIOperator) -> None:
        self.H = operator

    def __call__(self, y: Tensor) -> Tensor:
        """Eᴴ y: data ``(batch, coils, rows, columns)`` to image ``(batch, rows, columns)``.

        Samples of y outside the mask do not count, whatever they are.
        """
        E = self.H
        return E._combine(ifft(E.measure(y), E.dims))


def _check_sensitivities(sensitivities: Tensor, mask: Tensor) -> Tensor:
    maps = sensitivities.unsqueeze(0) if sensitivities.ndim == 3 else sensitivities
    if maps.ndim != 4 or not maps.is_complex():
        raise DataError(
            "coil sensitivities are complex, (coils, rows, columns) or a batch of it, "
            f"not {tuple(sensitivities.shape)} of {sensitivities.dtype}"
        )
    if maps.shape[-1] != mask.shape[-1] or mask.shape[-2] not in (1, maps.shape[-2]):
        raise DataError(
            f"coil sensitivities of {tuple(maps.shape[-2:])} pixels do not fit a mask of {tuple(mask.shape[-2:])}"
        )
    return maps


def max_zero_filled(y: Tensor, E: MRIOperator) -> Tensor:
    """max |Eᴴ y| of each entry, ``(batch, 1, 1, 1)``: the scale of the data, computable from what was measured.

    1 for data that are zero everywhere, so that dividing by it is safe.
    """
    scale = E.H(y).abs().amax(dim=(-2, -1)).reshape(-1, 1, 1, 1)
    return torch.where(scale > 0, scale, torch.ones_like(scale))


def estimate_sensitivities(y: Tensor, mask: Tensor, dims: Sequence[int] = HYBRID) -> Tensor:
    r"""Coil sensitivities from the fully sampled centre of the data themselves (McKenzie et al. 2002).

    Each coil's low-resolution image, divided by the root sum of squares over coils. Coils vary slowly over the image,
    so the low frequencies suffice; a Hann window keeps the cut from ringing. Normalised: :math:`\sum_c |S_c|^2 = 1`
    everywhere, which makes |x| comparable with a root-sum-of-squares target. The low-resolution phase of the image is
    in S, not in x.

    Args:
        y: masked data ``(batch, coils, rows, columns)``.
        mask: ``(columns,)``, or ``(rows, columns)`` for ``dims=(-2, -1)``.
        dims: the axes that are in k-space, as for :class:`MRIOperator`.

    Returns:
        complex ``(batch, coils, rows, columns)``.

    Raises:
        DataError: when fewer than four lines in the centre are fully sampled.
    """
    rows, columns = y.shape[-2:]
    if mask.shape != (y.shape[-1:] if len(dims) == 1 else y.shape[-2:]):
        raise DataError(f"a mask of shape {tuple(mask.shape)} does not fit data of {rows} x {columns}")
    sampled = mask.expand(rows, columns).bool()
    if len(dims) == 1:
        width = _half_width(sampled[:1].expand(columns, columns))
        height = max(2, round(width * rows / columns))  # the same resolution along the readout, where all is sampled
    else:
        height = width = _half_width(sampled)
    if width < 2:
        raise DataError("coil sensitivities need a fully sampled centre of at least four lines; this mask has fewer")
    kspace = fft(y, tuple({-2, -1} - set(dims))) if len(dims) == 1 else y
    real = y.real.dtype
    window = _hann(rows, height, real, y.device)[:, None] * _hann(columns, width, real, y.device)
    low = ifft(kspace * window)
    norm = low.abs().square().sum(1, keepdim=True).sqrt()
    return low / norm.clamp_min(torch.finfo(real).tiny)


def _half_width(sampled: Tensor) -> int:
    """The largest h for which the central square [middle - h, middle + h) of a 2-D mask is fully sampled."""
    middle_row, middle_column = sampled.shape[0] // 2, sampled.shape[1] // 2
    h = 0
    while h < min(middle_row, middle_column) and bool(
        sampled[middle_row - h - 1 : middle_row + h + 1, middle_column - h - 1 : middle_column + h + 1].all()
    ):
        h += 1
    return h


def _hann(size: int, half_width: int, dtype: torch.dtype, device: torch.device) -> Tensor:
    """A Hann window around the zero frequency at ``size // 2``, zero from `half_width` lines away on."""
    distance = (torch.arange(size, device=device) - size // 2).abs()
    return torch.where(distance < half_width, 0.5 + 0.5 * torch.cos(torch.pi * distance / half_width), 0).to(dtype)
