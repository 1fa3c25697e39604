"""What each tissue of the knee looks like: proton density with and without fat suppression, and the textures."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor

from reconode.phantoms.draws import Draws
from reconode.phantoms.knee import Knee
from reconode.phantoms.paint import Layer
from reconode.phantoms.plane import Plane
from reconode.phantoms.textures import Textures

PD, PDFS = "CORPD_FBK", "CORPDFS_FBK"
"""fastMRI's names: proton density without and with fat suppression."""

# Turbo spin echo, TE about 30 ms, relative to the brightest. Fat suppression is never complete.
VALUES = {
    PD: {
        "skin": 0.38, "fat": 0.95, "septum": 0.35, "fascia": 0.18, "deep fat": 0.85, "muscle": 0.31, "streak": 0.8,
        "vessel": 0.12, "fluid": 0.78, "capsule": 0.2, "ligament": 0.14, "tendon": 0.09, "cartilage": 0.58,
        "meniscus": 0.1, "cortex": 0.06, "marrow": 0.68, "growth": 0.3, "lesion": 0.5,
    },
    PDFS: {
        "skin": 0.4, "fat": 0.15, "septum": 0.24, "fascia": 0.2, "deep fat": 0.17, "muscle": 0.4, "streak": 0.22,
        "vessel": 0.5, "fluid": 1.0, "capsule": 0.28, "ligament": 0.14, "tendon": 0.08, "cartilage": 0.68,
        "meniscus": 0.12, "cortex": 0.05, "marrow": 0.14, "growth": 0.2, "lesion": 0.6,
    },
}  # fmt: skip


def contrast_values(draws: Draws, contrast: str, spread: float = 0.12) -> dict[str, float]:
    """Tissue values of one knee: those of the contrast, each a little different."""
    return {name: draws.near(value, spread) for name, value in VALUES[contrast].items()}


def invented_values(draws: Draws) -> dict[str, float]:
    """Tissue values of no sequence in particular: each tissue a random brightness, edges of every sign."""
    return {name: draws.uniform(0.05, 1.0) for name in VALUES[PD]}


def knee_layers(
    knee: Knee, plane: Plane, values: dict[str, float], draws: Draws, device: torch.device
) -> Iterator[Layer]:
    """The layers of one slice of a knee, bottom first."""
    textures = Textures(draws, plane, device)
    middle, sides = plane.middle_points(device), plane.side_points(device)
    d, beside = (knee.distances(p, plane.pixel * plane.shape[0] / p[0].shape[1]) for p in (middle, sides))
    near = draws.near

    def cover(name: str, inset: float = 0.0) -> Tensor:
        return plane.coverage(getattr(d, name) + inset, getattr(beside, name))

    mottle = textures.draw(near(5, 0.4), near(1.7, 0.15))  # slow shading down to grain
    grain = textures.draw(near(0.5, 0.4), near(1.2, 0.3))
    fibers = textures.draw(near(9, 0.3), near(1.8, 0.15), across=near(0.9, 0.3), shortest=0.1)
    network = textures.draw(near(1.7, 0.4), near(2.6, 0.15))
    clusters = (mottle * 1.1 + 0.2).clamp(0, 1)
    specks = clusters * ((-near(2.05, 0.1) - grain) * 3).clamp_(0, 1)  # small vessels, end on

    yield Layer(values["skin"], cover("skin"), 0.16 * grain)
    yield Layer(values["fat"], cover("skin", knee.skin), near(0.028, 0.6) * mottle + near(0.02, 0.5) * grain)
    # Septa: where a smooth random texture crosses zero; thin sheets that branch and close.
    septa = _lines(network, 0.0, near(0.17, 0.4)) * (0.4 + 0.55 * mottle).clamp_(0, 1) * near(1, 0.3)
    yield Layer(values["septum"], cover("skin", knee.skin), None, septa)
    yield Layer(values["fascia"], cover("deep"))
    yield Layer(values["deep fat"], cover("deep", 0.8), near(0.035, 0.5) * mottle + near(0.025, 0.5) * grain)
    strands = torch.maximum(_lines(network, 0.3, near(0.17, 0.4)), _lines(fibers, 0.7, 0.18))
    yield Layer(values["fascia"], cover("deep", 0.8), None, strands * (0.4 + 0.7 * mottle).clamp_(0, 0.9))
    shade = 1 + 0.13 * d.muscle_shade.mean(0)
    yield Layer(values["muscle"] * shade, cover("muscle"), near(0.05, 0.7) * fibers + 0.03 * mottle + 0.05 * grain)
    streaks = ((fibers + 0.5 * mottle - near(1.9, 0.15)) * 3).clamp_(0, 1)
    yield Layer(values["streak"], cover("muscle"), None, streaks * near(0.4, 0.8))
    yield Layer(values["vessel"], cover("vessel"))
    yield Layer(values["vessel"], cover("deep", 0.8), None, specks)
    yield Layer(values["capsule"], cover("capsule"), 0.2 * grain, 0.8)
    yield Layer(values["fluid"], cover("fluid"), 0.06 * mottle)
    yield Layer(values["ligament"], cover("ligament"), 0.5 * fibers)
    yield Layer(values["tendon"], cover("tendon"), 0.4 * fibers)
    yield Layer(values["cartilage"], cover("cartilage"), 0.06 * mottle + 0.05 * grain)
    yield Layer(values["meniscus"], cover("meniscus"), 0.4 * mottle)
    yield Layer(values["cortex"], cover("bones"))
    yield Layer(values["marrow"], cover("marrow"), near(0.035, 0.5) * mottle + near(0.03, 0.5) * grain)
    yield Layer(values["lesion"], cover("lesion"), None, 0.8)
    yield Layer(values["cortex"], cover("marrow", 1.0), None, specks)
    yield Layer(values["growth"], cover("growth_plate"), None, knee.growth[2] * (1 + 0.7 * mottle).clamp_(0, 1))


def _lines(texture: Tensor, level: float, width: float) -> Tensor:
    """The contour lines of a texture at a level: 1 on the line, 0 a `width` (in texture values) beside it."""
    return (1 - (texture - level).abs_().div_(width)).clamp_(0, 1)
