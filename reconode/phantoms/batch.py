"""Batches of independent slices."""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from torch import Tensor

from reconode import physics
from reconode.phantoms import acquisition, natural
from reconode.phantoms.arguments import check_choice, check_scan, check_shape, check_whole
from reconode.phantoms.draws import Draws
from reconode.phantoms.knee import Knee
from reconode.phantoms.paint import paint
from reconode.phantoms.parallel import one_thread_each
from reconode.phantoms.plane import VIEWS, Plane, view
from reconode.phantoms.scan import column_mask, noise_level, root_sum_of_squares, scan
from reconode.phantoms.tissues import PD, PDFS, contrast_values, invented_values, knee_layers
from reconode.phantoms.variety import KINDS, other_image

MIXES = ("knees", "broad", "natural", "pictures")

SHARE = 0.5
"""Of the slices of the mix "natural" that are pictures; the others are those of "broad", number by number."""


@dataclass(frozen=True)
class Simulated:
    """A batch of fully sampled simulated acquisitions. The brightest pixel of each clean image has magnitude 1.

    Attributes:
        hybrid: data with noise in hybrid space, complex64 ``(batch, coils, rows, columns)``.
        target: magnitude of their reconstruction (root sum of squares over coils), float32 ``(batch, rows, columns)``.
        clean: the band-limited image without noise, with its phase, complex64 ``(batch, rows, columns)``.
        sensitivities: complex64 ``(batch, coils, rows, columns)``, sum over coils |S|² = 1; None for one coil.
        noise: standard deviation of the complex noise in each coil's image (E|n|² is its square), ``(batch,)``.
        acquired: the measured columns, bool ``(batch, columns)``; the others of `hybrid` are exactly zero.
        contrast: 'CORPD_FBK', 'CORPDFS_FBK', or 'OTHER' where tissues have made-up values; one for each slice.
        kind: what is shown ('knee coronal', 'head', 'shapes', ...), one for each slice.
    """

    hybrid: Tensor
    target: Tensor
    clean: Tensor
    sensitivities: Tensor | None
    noise: Tensor
    acquired: Tensor
    contrast: list[str]
    kind: list[str]


def slices(
    count: int,
    shape: tuple[int, int] = (320, 368),
    *,
    seed: int = 0,
    start: int = 0,
    mix: str = "knees",
    coils: int = 1,
    contrast: str | None = None,
    noise: float | None = None,
    device: torch.device | str = "cpu",
) -> Simulated:
    """Slices `start` to `start + count` of the endless series that a seed names, each of another knee.

    Slice i of a seed is the same image whatever batch it came in and, up to rounding, on any device. Another noise
    level or number of coils leaves the anatomy as it was.

    Args:
        count: how many.
        shape: rows and columns, even, at least 64.
        seed: names the series.
        start: number of the first slice.
        mix: 'knees' (mostly coronal, as fastMRI's, some sagittal and axial), or 'broad': a third whole knees at any
            angle, a third small or oblique fields of view in them, a third other layouts. For training. 'natural' puts
            crops of photographs (``reconode/phantoms/natural.py``) in the place of half of broad's slices; 'pictures'
            has nothing but crops of photographs that 'natural' never shows.
        coils: receive coils; with one there are no sensitivities, but the shading is there.
        contrast: 'CORPD_FBK' or 'CORPDFS_FBK'; None draws it. It holds for knees only.
        noise: standard deviation as a share of the brightest pixel; None draws it, from 0.003 to 0.06.
        device: where the tensors are to be.

    Raises:
        UsageError: for an argument out of its range.
        MissingExtraError: for a mix with pictures where scikit-image is not installed.

    >>> batch = slices(2, (64, 96), seed=1)
    >>> batch.hybrid.shape, batch.target.shape
    (torch.Size([2, 1, 64, 96]), torch.Size([2, 64, 96]))
    """
    check_whole(count, "the number of slices", 1)
    check_whole(start, "the number of the first slice", 0)
    check_scan(seed, coils, contrast, noise)
    check_shape(shape)
    check_choice(mix, "the mix of simulated slices", MIXES)
    where = torch.device(device)
    made = one_thread_each(
        lambda number: _slice(seed, number, shape, mix, coils, contrast, noise, where),
        range(start, start + count),
        where,
    )
    return _joined(made)


def _slice(
    seed: int,
    number: int,
    shape: tuple[int, int],
    mix: str,
    coils: int,
    contrast: str | None,
    noise: float | None,
    device: torch.device,
) -> Simulated:
    """A batch of one. Slices are made one by one: on a CPU one slice's maps fill the cache already."""
    if mix == "natural":
        mix = natural.KIND if Draws(seed, number, MIXES.index(mix), 5).chance(SHARE) else "broad"
    stream = MIXES.index("natural" if mix == natural.KIND else mix)
    anatomy, brush, scanner, array, receiver = (Draws(seed, number, stream, i) for i in range(5))
    plane, kind = _plane(anatomy, shape, mix)
    name = anatomy.pick((PD, PDFS))
    name = name if contrast is None else contrast
    invented = mix == "broad" and anatomy.chance(0.3) and contrast is None
    if kind == natural.KIND:
        name = "OTHER"
        image = natural.picture(plane, brush, natural.HELD_OUT if mix == "pictures" else natural.TRAINING, device)
    elif kind in KINDS:
        name = "OTHER"
        image = other_image(kind, plane, brush, device)
    else:
        values = invented_values(anatomy) if invented else contrast_values(anatomy, name)
        name = "OTHER" if invented else name
        image = paint(knee_layers(Knee(anatomy), plane, values, brush, device), plane.fine_shape, device)
    columns = acquisition.acquired_columns(scanner, shape[1])
    level = noise_level(scanner, name)
    level = level if noise is None else noise
    quiet = scan(image, plane, coils, columns, scanner, array)
    clean = physics.ifft(quiet.hybrid, physics.HYBRID)
    scale = 1 / clean.abs().amax().clamp_min(1e-12)
    hybrid = quiet.data(columns) * scale
    hybrid = hybrid + level * acquisition.noise(receiver, (coils, *shape), columns, device)
    return Simulated(
        hybrid=hybrid[None],
        target=root_sum_of_squares(hybrid)[None],
        clean=(clean * scale)[None],
        sensitivities=None if quiet.sensitivities is None else quiet.sensitivities[None],
        noise=torch.tensor([level], device=device),
        acquired=column_mask(columns, shape[1], device)[None],
        contrast=[name],
        kind=[kind],
    )


def _plane(draws: Draws, shape: tuple[int, int], mix: str) -> tuple[Plane, str]:
    """Which anatomy is looked at, and how."""
    if mix == "knees":
        name = draws.pick(("coronal", "coronal", "coronal", "coronal", "sagittal", "axial"))
        plane = view(name, shape, draws.uniform(150, 200), draws, tilt=0.12)
        return _moved(plane, name, draws), f"knee {name}"
    if mix in (natural.KIND, "pictures"):
        return view("axial", shape, 200.0, draws, tilt=0.0, free=True), natural.KIND
    kind = draws.pick(("knee", "knee detail", "other"))
    if kind == "other":
        return view("axial", shape, 200.0, draws, tilt=0.0, free=True), draws.pick(KINDS)
    name = draws.pick(tuple(VIEWS))
    if kind == "knee":
        plane = view(name, shape, draws.uniform(140, 220), draws, tilt=0.35, free=True)
        return _moved(plane, name, draws), f"knee {name}"
    plane = _moved(view(name, shape, draws.log_uniform(45, 120), draws, tilt=0.8, free=True), name, draws)
    aside = draws.uniform(-28, 28) * plane.u + draws.uniform(-28, 28) * plane.v
    return replace(plane, origin=plane.origin + aside), kind


def _moved(plane: Plane, name: str, draws: Draws) -> Plane:
    """The plane at a random place along its normal where there is something to see."""
    low, high = {"coronal": (-40.0, 34.0), "sagittal": (-40.0, 40.0), "axial": (-60.0, 70.0)}[name]
    place = draws.uniform(low, high)
    center = {"coronal": (0.0, place, 4.0), "sagittal": (place, -8.0, 4.0), "axial": (0.0, -8.0, place)}[name]
    jitter = torch.tensor([draws.uniform(-6, 6) for _ in range(3)])
    return replace(plane, origin=torch.tensor(center) + jitter)


def _joined(parts: list[Simulated]) -> Simulated:
    maps = [part.sensitivities for part in parts if part.sensitivities is not None]
    return Simulated(
        hybrid=torch.cat([part.hybrid for part in parts]),
        target=torch.cat([part.target for part in parts]),
        clean=torch.cat([part.clean for part in parts]),
        sensitivities=torch.cat(maps) if maps else None,
        noise=torch.cat([part.noise for part in parts]),
        acquired=torch.cat([part.acquired for part in parts]),
        contrast=[part.contrast[0] for part in parts],
        kind=[part.kind[0] for part in parts],
    )
