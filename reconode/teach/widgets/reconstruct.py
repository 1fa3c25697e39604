"""Paint k-space, and trained models reconstruct while you do, in the reader's browser: the landing page and its bench.

Unlike the other widgets it is for a site: scripts and weights for the models lie in a folder of it
(:mod:`reconode.teach.widgets.engine`) and are fetched when the reader first asks for a reconstruction.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from reconode import export, masks, metrics, zoo
from reconode.errors import DataError, UsageError
from reconode.figures import panels
from reconode.physics import HYBRID, MRIOperator, center_crop, fft, ifft, max_zero_filled, to_kspace
from reconode.teach.widgets import engine as engines
from reconode.teach.widgets.engine import Engine
from reconode.teach.widgets.pack import Packed, color_table, pack_within, unpack
from reconode.teach.widgets.widget import Widget

if TYPE_CHECKING:
    from matplotlib.figure import Figure

LARGEST = 128
BUDGET, WAY_BUDGET = 30_000, 32_000
"""Characters of the packed data, and of the states of the trajectory that comes with them."""
STATES = 6
"""Of that trajectory, at most."""

TITLES = {name: zoo.find(name).title.removeprefix("ReconODE-") for name in export.MODELS}


def reconstruct(
    hybrid: Tensor,
    crop: tuple[int, int],
    engine: Engine | None = None,
    *,
    full: bool = True,
    model: str = "pc-flow",
    acceleration: int = 4,
    seed: int = 0,
    more: str = "reconstruct.html",
) -> Widget:
    """The bench where k-space is painted.

    Args:
        hybrid: fully sampled data in hybrid space, complex ``(rows, columns)``, at most 128 each way.
        crop: the size of the image that is scored, as fastMRI crops.
        engine: what :func:`reconode.teach.widgets.engine.write` said; without it what
            :func:`reconode.teach.widgets.engine.find` finds, as in a chapter.
        full: all knobs; else the few of a landing page.
        model: which reconstructs at the start.
        acceleration: 4 or 8, of the random mask at the start.
        seed: of that mask.
        more: the address of the page with all knobs.

    Raises:
        DataError: for data of another shape, or zero everywhere.
        UsageError: for a model that a browser cannot run.
    """
    if hybrid.ndim != 2 or not hybrid.is_complex() or not 32 <= min(hybrid.shape) <= max(hybrid.shape) <= LARGEST:
        raise DataError(
            f"the bench needs one complex slice (rows, columns) of 32 to {LARGEST} each way in hybrid space, not "
            f"{tuple(hybrid.shape)} of {hybrid.dtype}: pass hybrid[0, 0]"
        )
    if model not in TITLES or model == "tv":
        raise UsageError(f"the bench starts with a network that a browser runs, not {model}: {', '.join(TITLES)}")
    scale = float(center_crop(ifft(hybrid, HYBRID), *crop).abs().max())
    if not 0 < scale < float("inf"):
        raise DataError("the bench needs finite data that are not zero everywhere")
    packed = _packed(hybrid[None] / scale, BUDGET)
    data = rounded(packed)[0]  # what the page works with
    columns = data.shape[1]
    center = round(0.32 / acceleration * columns)
    mask = masks.random(columns, acceleration, center_fraction=center / columns, seed=seed)
    every, states = way(data, mask, model, acceleration)
    about = engines.find() if engine is None else engine
    payload: dict[str, Any] = {
        "hybrid": packed,
        "crop": list(crop),
        "states": _packed(fft(torch.stack(states), HYBRID), WAY_BUDGET),
        "every": every,
        "mask": ["random", acceleration, center, seed],
        "model": model,
        "models": [{"name": name, "title": title, **_steps(name)} for name, title in TITLES.items()],
        "accelerations": engines.accelerations(about),
        "engine": dict(about),
        "full": full,
        "more": more,
        "magma": color_table(panels.ERROR_MAP),
    }
    return Widget(
        kind="reconstruct",
        title="Paint k-space, and a model reconstructs",
        alt=f"A knee from {_share(mask)} of its k-space: the lines, the blurred zero-filled image, and the sharper one "
        f"that {TITLES[model]} makes of it.",
        payload=payload,
        draw=lambda: _picture(data, mask, states, crop, TITLES[model]),
        note=_note(data, mask, states, crop, TITLES[model], every),
    )


def _share(mask: Tensor) -> str:
    return f"{int(mask.sum())} of {len(mask)} lines"


def _note(data: Tensor, mask: Tensor, states: list[Tensor], crop: tuple[int, int], title: str, every: int) -> str:
    """What the picture shows, in numbers, and what a reader without scripts misses."""
    target = center_crop(ifft(data, HYBRID), *crop).abs()
    start, end = (metrics.psnr(center_crop(x, *crop)[None], target[None]) for x in (states[0], states[-1]))
    return (
        f"From {_share(mask)} of k-space: zero-filled {start:.2f} dB, and after {every * (len(states) - 1)} steps of "
        f"{title} {end:.2f} dB. This is a still picture: with JavaScript you drop and measure lines by hand here, and "
        "the model follows, in your browser."
    )


def _steps(name: str) -> dict[str, int]:
    """Steps that a model was trained with, 0 where it iterates to an end, and on how many pieces of time they lie."""
    plan = export.plan(name)
    return {
        "steps": plan.get("steps", 0),
        "pieces": plan.get("steps", 0) // plan["repeats"] if "repeats" in plan else 1,
    }


def _packed(hybrid: Tensor, characters: int) -> Packed:
    """Complex pictures ``(pictures, rows, columns)``, columns outermost: what was measured takes next to nothing."""
    ordered = hybrid.to(torch.complex128).transpose(1, 2).contiguous()
    return pack_within(torch.view_as_real(ordered).numpy(), characters)


def rounded(packed: Packed) -> Tensor:
    """What a page makes of packed pictures: complex64 ``(pictures, rows, columns)``."""
    numbers = torch.from_numpy(unpack(packed)).float()
    return torch.view_as_complex(numbers.contiguous()).transpose(1, 2).contiguous()


@torch.no_grad()
def way(hybrid: Tensor, mask: Tensor, name: str, acceleration: int) -> tuple[int, list[Tensor]]:
    """One state of a model in so many steps, and the states ``(rows, columns)`` each, from zero-filled to the last."""
    E = MRIOperator(mask)
    y = E.measure(hybrid[None, None])
    scale = max_zero_filled(y, E)
    model: Any = zoo.load(name, acceleration, file=export.source(name, acceleration))
    states = [x[0] * scale[0, 0] for x in model.trajectory(y / scale, E)]
    last = len(states) - 1
    every = next(n for n in range(1, last + 1) if last % n == 0 and last // n < STATES)
    return every, states[::every]


def _picture(hybrid: Tensor, mask: Tensor, states: list[Tensor], crop: tuple[int, int], model: str) -> Figure:
    """The bench as it starts."""
    target = center_crop(ifft(hybrid, HYBRID), *crop).abs()
    window = float(torch.quantile(target, 0.99))
    figure, axes = panels.new_figure(1, 3, panel=2.5, aspect=crop[0] / hybrid.shape[1])
    panels.show(axes[0][0], panels.log_magnitude(to_kspace(hybrid)) * mask, vmax=1, title="Measured lines")
    for place, (state, title) in enumerate(((states[0], "Zero-filled"), (states[-1], model)), start=1):
        image = center_crop(state, *crop)
        score = metrics.psnr(image[None], target[None])
        panels.show(axes[0][place], image, vmax=window, title=title, note=f"{score:.2f} dB")
    return figure
