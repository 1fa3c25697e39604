"""Anatomy that is no knee: for training, so that a network learns edges and tissue and not one body part.

Everything here is flat: x runs along the first in-plane axis, y along the second, in units in which the shorter side of
the picture runs from -100 to 100.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator

import torch
from torch import Tensor

from reconode.phantoms.draws import Draws
from reconode.phantoms.leaves import leaves
from reconode.phantoms.paint import Layer, paint
from reconode.phantoms.plane import Plane
from reconode.phantoms.shapes import Points, Waves, intersect, union
from reconode.phantoms.textures import Textures

KINDS = ("shapes", "shapes", "head", "limb", "trunk")

# Brain and body with the contrast of four usual sequences; a fifth is made up, tissue by tissue.
SEQUENCES: dict[str, dict[str, float]] = {
    "T1": {"fat": 1.0, "skin": 0.5, "bone": 0.08, "diploe": 0.6, "fluid": 0.15, "gray": 0.5, "white": 0.75,
           "muscle": 0.42, "organ": 0.55, "vessel": 0.15, "air": 0.03, "marrow": 0.7},
    "T2": {"fat": 0.6, "skin": 0.35, "bone": 0.05, "diploe": 0.35, "fluid": 1.0, "gray": 0.55, "white": 0.4,
           "muscle": 0.2, "organ": 0.4, "vessel": 0.08, "air": 0.02, "marrow": 0.4},
    "PD": {"fat": 0.9, "skin": 0.45, "bone": 0.07, "diploe": 0.5, "fluid": 0.75, "gray": 0.85, "white": 0.68,
           "muscle": 0.45, "organ": 0.6, "vessel": 0.15, "air": 0.03, "marrow": 0.6},
    "FLAIR": {"fat": 0.8, "skin": 0.5, "bone": 0.08, "diploe": 0.4, "fluid": 0.08, "gray": 0.75, "white": 0.58,
              "muscle": 0.3, "organ": 0.5, "vessel": 0.7, "air": 0.03, "marrow": 0.4},
}  # fmt: skip


def other_image(kind: str, plane: Plane, draws: Draws, device: torch.device) -> Tensor:
    """Magnitude of one of `KINDS` on the fine grid."""
    textures = Textures(draws, plane, device)
    if kind == "shapes":
        return leaves(plane, draws, textures, device)
    unit = plane.pixel * min(plane.shape) / 200
    world = plane.middle_points(device)
    flat = torch.stack(world).flatten(1).T  # the plane's own axes, whichever way it was laid
    x, y = ((flat @ axis.to(device)).reshape(world[0].shape[1:]) / unit for axis in (plane.u, plane.v))
    bend = Waves.draw(draws, 2, 40, 300, waves=14)((x, y, torch.zeros_like(x))) * draws.uniform(1.0, 4.0)
    p = (x + bend[0], y + bend[1], torch.zeros_like(x))
    values = {name: draws.near(value, 0.12) for name, value in SEQUENCES[draws.pick(tuple(SEQUENCES))].items()}
    if draws.chance(0.2):
        values = {name: draws.uniform(0.05, 1.0) for name in values}
    layouts: dict[str, Layout] = {"head": _head, "limb": _limb, "trunk": _trunk}
    edge = 2 * plane.edge / unit  # two fine pixels at most: soft enough not to alias, as sharp as tissue gets
    layers = layouts[kind](p, edge, values, draws, textures)
    return paint(layers, plane.fine_shape, device)


Layout = Callable[[Points, float, dict[str, float], Draws, Textures], Iterator[Layer]]


def oval(p: Points, x: float, y: float, rx: float, ry: float, turn: float = 0.0) -> Tensor:
    """Distance to an ellipse in the plane, exact to first order near it."""
    c, s = math.cos(turn), math.sin(turn)
    a, b = (p[0] - x) * c + (p[1] - y) * s, (p[1] - y) * c - (p[0] - x) * s
    norm = ((a / rx).square() + (b / ry).square()).sqrt()
    return norm * (norm - 1) / ((a / rx**2).square() + (b / ry**2).square()).sqrt().clamp_min(1e-6)


def _head(p: Points, edge: float, values: dict[str, float], draws: Draws, textures: Textures) -> Iterator[Layer]:
    """An axial slice of a head: folded cortex, ventricles, skull, scalp."""
    x, y, _ = p
    long, wide = draws.uniform(84, 97), draws.uniform(64, 78)
    mottle, grain = textures.draw(draws.near(5, 0.4), 1.7), textures.draw(0.7, 1.6, shortest=0.15)
    head = oval(p, 0, 0, long, wide)
    scalp, skull = draws.uniform(3, 8), draws.uniform(4, 8)
    yield Layer(values["skin"], -head / edge, 0.2 * grain)
    yield Layer(values["fat"], -(head + 1.5) / edge, 0.1 * mottle + 0.08 * grain)
    yield Layer(values["muscle"], -intersect(head + 2.5, 62 - y.abs(), 3) / edge, 0.15 * grain)
    yield Layer(values["bone"], -(head + scalp) / edge)
    middle = (head + scalp + skull / 2).abs() - skull * 0.22 * (1 + 0.3 * torch.sin(x / 7) * torch.cos(y / 9))
    yield Layer(values["diploe"], -middle / edge, 0.2 * grain)
    inside = head + scalp + skull
    yield Layer(values["fluid"], -inside / edge)

    # Folds: sulci run where a band-limited random field crosses zero, down to some depth from the surface. The
    # distance to the nearest fluid then bounds the gray ribbon: the surface, a sulcus, or the gap between halves.
    length = draws.uniform(15, 24)
    waves = Waves.draw(draws, 1, 0.75 * length, 1.3 * length, waves=48, slope=0.0)
    fold = waves(p)[0].abs() * (length / (2 * math.pi))
    depth = -(inside + 2)
    below = (depth - draws.uniform(13, 24)).clamp_min(0)
    fluid = torch.minimum((fold.square() + below.square()).sqrt(), depth)
    split = (y.abs().square() + (28 - x.abs()).clamp_min(0).square()).sqrt() if draws.chance(0.7) else depth
    fluid = torch.minimum(fluid, split)
    gap, ribbon = draws.uniform(0.5, 1.6), draws.uniform(2.6, 3.8)
    yield Layer(values["gray"], (fluid - gap) / edge, 0.06 * mottle + 0.05 * grain)
    yield Layer(values["white"], (fluid - gap - ribbon) / edge, 0.05 * mottle + 0.05 * grain)
    for side in (-1, 1):
        nuclei = union(oval(p, 4, side * 23, 15, 7, side * 0.3), oval(p, -14, side * 10, 11, 7.5), 2)
        yield Layer((values["gray"] + values["white"]) / 2, -nuclei / edge, 0.05 * mottle)
        horn = draws.uniform(2.5, 6)
        front = oval(p, 22, side * (4 + horn), 17, horn, side * 0.35)
        back = oval(p, -28, side * (10 + horn), 19, horn, -side * 0.4)
        yield Layer(values["fluid"], -union(front, back, 4) / edge)
    if draws.chance(0.3):  # lesions of white matter, in the brain alone
        for _ in range(draws.integer(1, 6)):
            spot = oval(p, draws.uniform(-45, 45), draws.uniform(-35, 35), draws.uniform(1, 5), draws.uniform(1, 5))
            yield Layer(draws.uniform(0.1, 1), -intersect(spot, gap - fluid) / edge / 2)


def _packed(p: Points, centers: list[tuple[float, float, float]]) -> tuple[Tensor, Tensor]:
    """Distances to the nearest of some discs (x, y, radius) and to the one after it."""
    best, second = torch.full_like(p[0], 999), torch.full_like(p[0], 999)
    for x, y, radius in centers:
        d = ((p[0] - x).square() + (p[1] - y).square()).sqrt() - radius
        second = torch.minimum(second, torch.maximum(best, d))
        best = torch.minimum(best, d)
    return best, second


def _limb(p: Points, edge: float, values: dict[str, float], draws: Draws, textures: Textures) -> Iterator[Layer]:
    """A limb across: packed muscles, one or two bones, fat with septa."""
    rx, ry = draws.uniform(55, 92), draws.uniform(55, 92)
    mottle, grain = textures.draw(draws.near(4, 0.4), 1.7), textures.draw(0.7, 1.6, shortest=0.15)
    network = textures.draw(draws.near(2.5, 0.3), 3.0)
    skin, fat = oval(p, 0, 0, rx, ry), draws.log_uniform(2, 22)
    deep = oval(p, draws.uniform(-0.4, 0.4) * fat, draws.uniform(-0.4, 0.4) * fat, rx - fat - 2, ry - fat - 2)
    yield Layer(values["skin"], -skin / edge, 0.2 * grain)
    yield Layer(values["fat"], -(skin + 1.8) / edge, 0.08 * mottle + 0.04 * grain)
    septa = (1 - network.abs() * 12).clamp_(0, 1) * 0.6
    yield Layer(values["skin"], -(skin + 1.8) / edge, None, septa)
    yield Layer(values["bone"], -deep / edge)
    yield Layer(values["fat"] * 0.9, -(deep + 0.9) / edge, 0.1 * mottle)
    count = draws.integer(7, 16)
    centers = []
    for i in range(count):
        angle, away = 2 * math.pi * (i * 0.618), math.sqrt((i + 0.6) / count)
        x, y = math.cos(angle) * away * (rx - fat), math.sin(angle) * away * (ry - fat)
        centers.append((x + draws.uniform(-6, 6), y + draws.uniform(-6, 6), draws.uniform(6, 22)))
    best, second = _packed(p, centers)
    muscle = intersect(torch.maximum(best - 8, (draws.uniform(0.5, 2.5) - (second - best)) / 2), deep + 1.5, 2)
    yield Layer(values["muscle"], -muscle / edge, 0.09 * mottle + 0.06 * grain)
    yield Layer(values["fat"] * 0.9, -muscle / edge, None, ((mottle - 1.3) * 2).clamp_(0, 1) * 0.5)
    for _ in range(draws.integer(2, 7)):
        x, y, r = draws.uniform(-0.7, 0.7) * rx, draws.uniform(-0.7, 0.7) * ry, draws.log_uniform(0.8, 4)
        yield Layer(values["vessel"], -oval(p, x, y, r, r) / edge)
    spots = [(-18.0, 6.0, 12.0), (22.0, -16.0, 7.0)] if draws.chance(0.5) else [(draws.uniform(-12, 12), 0.0, 16.0)]
    for x, y, size in spots:
        r = draws.near(size, 0.2)
        bone = oval(p, x, y, r * draws.near(1, 0.15), r, draws.uniform(0, 3))
        yield Layer(values["bone"], -bone / edge)
        yield Layer(values["marrow"], -(bone + draws.uniform(0.15, 0.4) * r) / edge, 0.1 * mottle + 0.06 * grain)


def _trunk(p: Points, edge: float, values: dict[str, float], draws: Draws, textures: Textures) -> Iterator[Layer]:
    """The trunk across: wall of muscle, liver, spleen, kidneys, bowel, spine, vessels."""
    x, y, _ = p
    mottle, grain = textures.draw(draws.near(4, 0.4), 1.7), textures.draw(0.7, 1.6, shortest=0.15)
    network = textures.draw(draws.near(3.0, 0.3), 3.0)
    ry, rx = draws.uniform(85, 98), draws.uniform(56, 76)
    skin, fat = oval(p, 0, 0, rx, ry), draws.log_uniform(2, 16)
    wall = oval(p, 0, 0, rx - fat, ry - fat)
    yield Layer(values["skin"], -skin / edge, 0.2 * grain)
    yield Layer(values["fat"], -(skin + 1.5) / edge, 0.08 * mottle + 0.04 * grain)
    yield Layer(values["skin"], -(skin + 1.5) / edge, None, (1 - network.abs() * 13).clamp_(0, 1) * 0.5)
    yield Layer(values["muscle"], -wall / edge, 0.1 * mottle + 0.08 * grain)
    rind = draws.uniform(5, 10)
    cavity = wall + rind
    ribs = ((torch.atan2(y, x) * draws.integer(8, 13)).sin() * 5 - 2).clamp(-3, 3)
    yield Layer(values["bone"], -intersect((wall + rind / 2).abs() - 2.2, ribs) / edge)
    yield Layer(values["fat"] * 0.9, -cavity / edge, 0.12 * mottle)

    loops = []
    for _ in range(draws.integer(14, 30)):
        loops.append((draws.uniform(-35, 55), draws.uniform(-65, 65), draws.uniform(3, 9)))
    best, second = _packed(p, loops)
    bowel = intersect(torch.maximum(best, (1 - (second - best)) / 2), cavity + 2, 2)
    yield Layer(values["organ"], -bowel / edge, 0.1 * grain)
    content = draws.pick(["air", "fluid", "gray"])
    yield Layer(values[content], -(bowel + draws.uniform(1, 2.5)) / edge, 0.2 * mottle)

    side = draws.pick([-1, 1])
    liver = intersect(oval(p, 8, side * 42, 46, 44, 0.3 * side), cavity + 1.5, 4)
    yield Layer(values["organ"], -liver / edge, 0.06 * mottle + 0.05 * grain)
    tree = ((network - 0.95) * 4).clamp_(0, 1)
    yield Layer(values["vessel"], -(liver + 3) / edge, None, tree * 0.8)
    spleen = intersect(oval(p, -14, -side * 64, 26, 13, -0.3 * side), cavity + 1.5, 3)
    yield Layer(values["gray"], -spleen / edge, 0.06 * mottle + 0.05 * grain)
    for kidney in (-1, 1):
        outer = oval(p, -22 + draws.uniform(-5, 5), kidney * 38, 17, 11, 0.4 * kidney)
        yield Layer(values["gray"], -outer / edge, 0.05 * grain)
        yield Layer(values["organ"], -(outer + 4) / edge, 0.3 * mottle)
        yield Layer(values["fat"], -oval(p, -20, kidney * 34, 5, 3) / edge)
        back = oval(p, -rx + fat + 18, kidney * 22, 13, 17)
        yield Layer(values["muscle"], -intersect(back, wall + 1, 3) / edge, 0.1 * mottle)
    spine = -rx + fat + 32
    body = oval(p, spine, 0, 12, 15)
    yield Layer(values["bone"], -union(body, oval(p, spine - 18, 0, 13, 4), 6) / edge)
    yield Layer(values["marrow"], -(body + 1.5) / edge, 0.1 * mottle + 0.05 * grain)
    yield Layer(values["fluid"], -oval(p, spine - 16, 0, 6, 7) / edge)
    yield Layer(values["white"], -oval(p, spine - 16, 0, 3, 4) / edge)
    for offset, size in ((-4, 7.5), (9, 8.5)):
        yield Layer(values["vessel"], -oval(p, spine + 21, offset, size * 0.9, size) / edge)
