"""A knee in space: bones, cartilage, menisci, ligaments, muscles, fat and skin as signed distances.

Sizes are those of an adult knee in millimeters, from anatomy atlases, drawn anew for every knee. The origin is in the
middle of the joint; the lateral side is x > 0 (a left knee seen from the front, or a right one from behind).
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from reconode.phantoms.draws import Draws
from reconode.phantoms.shapes import Points, Waves, capsule, ellipsoid, intersect, path, sparsely, subtract, union

# (name, from, to, radius there, radius at the end). They run out of the picture, overlap, and share the room between
# bones and fascia: a point belongs to the muscle whose surface it is deepest under.
MUSCLES = (
    ("vastus medialis", (-27, 14, 26), (-24, 22, 170), 11, 27),
    ("vastus lateralis", (29, 16, 46), (30, 12, 170), 9, 28),
    ("quadriceps", (2, 34, 78), (0, 34, 170), 5, 19),
    ("sartorius", (-46, -22, -10), (-42, -8, 170), 5, 9),
    ("gracilis", (-40, -34, 5), (-30, -34, 170), 3.5, 9),
    ("semimembranosus", (-25, -40, 8), (-17, -36, 170), 8, 18),
    ("semitendinosus", (-16, -54, 22), (-4, -54, 170), 3, 11),
    ("biceps femoris", (35, -34, 2), (18, -42, 170), 6, 18),
    ("gastrocnemius medialis", (-19, -36, 26), (-24, -50, -150), 8, 23),
    ("gastrocnemius lateralis", (20, -36, 24), (22, -48, -150), 8, 21),
    ("soleus", (8, -32, -38), (0, -36, -150), 7, 22),
    ("popliteus", (14, -22, -12), (-10, -20, -60), 6, 8),
    ("tibialis posterior", (10, -15, -48), (8, -14, -150), 6, 12),
    ("tibialis anterior", (24, 10, -34), (25, 12, -150), 7, 15),
    ("peroneus", (41, -4, -38), (38, -6, -150), 5, 12),
)


@dataclass(frozen=True)
class Distances:
    """Distances in mm to what a knee is made of, each ``(planes, rows, columns)`` at the points asked for."""

    skin: Tensor
    deep: Tensor  # everything within the fascia under the subcutaneous fat
    muscle: Tensor
    muscle_shade: Tensor  # which muscle: a number from -1 to 1, the same all over one muscle
    bones: Tensor
    marrow: Tensor  # within the cortical bone
    growth_plate: Tensor
    cartilage: Tensor
    meniscus: Tensor
    ligament: Tensor
    tendon: Tensor
    capsule: Tensor
    fluid: Tensor
    vessel: Tensor
    lesion: Tensor


class Knee:
    """One random knee.

    Args:
        draws: random numbers; the same ones make the same knee.
        device: where points will lie.
    """

    def __init__(self, draws: Draws) -> None:
        near, uniform = draws.near, draws.uniform
        self.size = uniform(0.88, 1.14)
        self.mirror = -1.0 if draws.chance(0.5) else 1.0
        self.flexion = uniform(-0.02, 0.28)  # backward slope of the lower leg
        self.turn = draws.rotation(0.15)
        self.bend = Waves.draw(draws, 4, 45, 220, waves=16, slope=1.0)
        self.bend_by = uniform(1.0, 3.2)
        self.wobble = Waves.draw(draws, 5, 7, 40, waves=36, slope=0.8)
        self.wobble_by = uniform(0.25, 0.6)
        self.fat = draws.log_uniform(3.0, 20.0)
        self.skin = uniform(1.0, 2.0)
        self.gap = uniform(3.6, 5.2)  # between the bones: two layers of cartilage
        self.cartilage = near(self.gap / 2, 0.08)
        self.cortex = uniform(0.7, 1.1), uniform(3.0, 5.5)  # at the joint, in the shaft
        self.growth = uniform(32, 40), uniform(-24, -17), uniform(0.25, 0.7)
        self.fascia = uniform(0.6, 2.4)
        self.patella = uniform(22, 36)
        self.effusion = draws.log_uniform(0.5, 5.0)
        self.bulk = uniform(0.9, 1.15)
        self.muscle_shades = [uniform(-1, 1) for _ in MUSCLES]
        self.muscle_sizes = [near(1, 0.12) for _ in MUSCLES]
        self.notch = near(1, 0.12)
        self.condyle = near(1, 0.06), near(1, 0.06)
        self.vessels = [self._vessel(draws) for _ in range(draws.integer(2, 5))]
        self.lesion = (uniform(-30, 30), uniform(-25, 10), draws.pick([14.0, -14.0])), uniform(3, 9)
        self.has_lesion = draws.chance(0.25)
        self.cyst = draws.chance(0.15)

    @staticmethod
    def _vessel(draws: Draws) -> list[tuple[float, float, float]]:
        """A vein somewhere in the fat, wandering upward."""
        x, y, z = draws.uniform(-48, 48), draws.uniform(-58, -20), draws.uniform(-90, 40)
        points = [(x, y, z)]
        for _ in range(2):
            x, y, z = x + draws.uniform(-12, 12), y + draws.uniform(-12, 12), z + draws.uniform(20, 45)
            points.append((x, y, z))
        return points

    def own_frame(self, p: Points, spacing: float) -> tuple[Points, Tensor]:
        """World points in the frame in which the anatomy is written down, and the fine random field there."""
        turn = self.turn
        x, y, z = (sum(float(turn[i, j]) * p[j] for j in range(3)) / self.size for i in range(3))
        assert isinstance(x, Tensor) and isinstance(y, Tensor) and isinstance(z, Tensor)
        fields = sparsely(lambda q: torch.cat([self.bend(q) * self.bend_by, self.wobble(q)]), (x, y, z), spacing, 1.6)
        x = (x + fields[0] + self.wobble_by * fields[4]) * self.mirror
        y = y + fields[1] + self.wobble_by * fields[5]
        z = z + fields[2] + self.wobble_by * fields[6]
        y = y + self.flexion * torch.nn.functional.softplus(-z, beta=0.1)
        return (x, y, z), torch.stack([fields[7], fields[8], fields[3] / self.bend_by])

    def distances(self, world: Points, spacing: float) -> Distances:
        """Distances at `world`, three tensors ``(planes, rows, columns)``, points `spacing` mm apart."""
        p, noise = self.own_frame(world, spacing)
        x, y, z = p
        wide = self.cartilage
        femur, condyles = self._femur(p)
        plateau, tibia = self._tibia(p)
        fibula = union(
            capsule(p, (34, -19, -25), (31, -18, -48), 9, 5.5), capsule(p, (31, -18, -45), (28, -16, -160), 5.5, 7), 3
        )
        patella = ellipsoid(p, (1, 44.5, self.patella), (21, 9.5, 20))
        bones = union(union(femur, tibia), union(fibula, patella))

        far = ((z - 8).abs() - 26).clamp_(0, 50) / 50  # 0 around the joint, 1 in the shafts
        thickness = far * (self.cortex[1] - self.cortex[0]) + self.cortex[0] * (1 + 0.25 * noise[1]).clamp_min(0.3)
        growth = union(
            (z - self.growth[0] - 0.004 * x.square() - noise[0]).abs(),
            (z - self.growth[1] + 0.004 * x.square() - noise[0]).abs(),
        )

        skin, deep = self._outline(p, noise)
        muscle, shade = self._muscles(p, deep, bones, noise, spacing)

        # Cartilage covers the condyles and the groove for the patella, the plateau, and the back of the patella.
        femoral = intersect(condyles - wide * (1 + 0.12 * noise[0]), z - 33 - 0.35 * y, 4)
        tibial = intersect(plateau - wide, (x / 34).square() + ((y + 4) / 23).square() - 1, 0)
        patellar = intersect(patella - wide, y - 42.5, 1)
        cartilage = union(union(femoral, tibial), patellar)

        meniscus = self._menisci(p, femur, tibia)
        ligament, tendon = self._bands(p)
        pouch = path(
            p,
            [(0, 33, self.patella + 8), (0, 31, self.patella + 24), (0, 28, self.patella + 42)],
            self.effusion * 0.7,
            0.6,
            flat=7,
        )
        gap = intersect((femur + tibia) - self.gap - 3, (z + 3).abs() - 9)
        fluid = union(union(pouch, gap), (femur - wide).abs() - 0.3 * self.effusion)
        fluid = intersect(fluid, ellipsoid(p, (0, 4, 16), (41, 34, 46)))
        if self.cyst:
            fluid = union(fluid, ellipsoid(p, (-18, -44, 2), (7, 7, 15)))
        capsule_ = (union(femur, tibia, 10) - 5.5 - noise[1] * 1.5).abs() - 0.55
        capsule_ = intersect(capsule_, (z - 8).abs() - 34)
        vessel = union(
            path(p, [(3, -36, -150), (3, -33, -40), (1, -31, 10), (-4, -26, 150)], 3.2),
            path(p, [(6, -41, -150), (6, -38, -40), (3, -38, 10), (-2, -32, 150)], 4.0),
        )
        for points in self.vessels:
            vessel = union(vessel, path(p, points, 1.3, 0.7))
        lesion = (
            ellipsoid(p, self.lesion[0], (self.lesion[1],) * 3) + 2 * noise[0]
            if self.has_lesion
            else torch.full_like(x, 99)
        )
        marrow = bones + thickness
        growth = torch.maximum(growth - 0.5, marrow + 0.5)
        lesion = torch.maximum(lesion, marrow)
        return Distances(
            skin,
            deep,
            muscle,
            shade,
            bones,
            marrow,
            growth,
            cartilage,
            meniscus,
            ligament,
            tendon,
            capsule_,
            fluid,
            vessel,
            lesion,
        )

    def _femur(self, p: Points) -> tuple[Tensor, Tensor]:
        """The femur, and the smooth surface that its cartilage follows."""
        inner, outer = self.condyle
        medial = ellipsoid(p, (-23, -8, 23), (15.5 * inner, 26.5 * inner, 24.5 * inner))
        lateral = ellipsoid(p, (23, -7, 23), (16 * outer, 26 * outer, 24 * outer))
        groove = capsule(p, (1, 43, 70), (1, 37, 2), 12.5)
        trochlea = subtract(ellipsoid(p, (0, 12, 28), (34, 18, 21)), groove, 6)
        condyles = union(union(medial, lateral), trochlea, 6)
        notch = ellipsoid(p, (0, -23, 7), (9.5 * self.notch, 31, 19 * self.notch))
        condyles = subtract(condyles, notch, 3)
        shaft = union(capsule(p, (0, 1, 34), (0, 4, 74), 26, 15), capsule(p, (0, 4, 70), (0, 10, 190), 15.5, 14), 6)
        return union(subtract(shaft, notch, 3), condyles, 8), condyles

    def _tibia(self, p: Points) -> tuple[Tensor, Tensor]:
        """Distance to the plateau's upper surface (for cartilage) and to the tibia."""
        x, y, z = p
        below = (-z - 16).clamp_min(0)
        flare = 1 / (1 + (below / 24).square())
        rx, ry, middle = 13.5 + 24 * flare, 13.5 + 11.5 * flare, 5 - 9 * flare
        side = (((x - 1) / rx).square() + ((y - middle) / ry).square()).sqrt_().sub_(1) * ry
        spines = torch.exp(-((x.abs() - 4.5) / 3.0).square() - ((y + 4) / 8).square()) * 5.5
        dish = torch.exp(-((x.abs() - 21) / 13).square() - ((y + 4) / 18).square()) * 1.5
        top = z + self.gap + 1.0 - 0.07 * (y + 4) - spines + dish
        tuberosity = ellipsoid(p, (2, 20, -40), (9, 8, 15))
        return top, union(intersect(side, top, 6), tuberosity, 8)

    def _menisci(self, p: Points, femur: Tensor, tibia: Tensor) -> Tensor:
        """Two crescents that fill the wedge between the curved condyles and the plateau, open toward the notch."""
        x, y, z = p
        distances = []
        for side, middle in ((-21.0, -5.0), (21.0, -4.0)):
            radius = ((x - side).square() + ((y - middle) / 1.25).square()).sqrt_()
            ring = ((radius - 15).abs() - 5.2) if side > 0 else ((radius - 16).abs() - 5.5)
            opening = 6 - (x * (1 if side > 0 else -1))
            slope = (z + 2.5).abs() - 0.5 * (radius - (9.5 if side > 0 else 10.0))  # thin inside, thick outside
            distances.append(intersect(intersect(ring, opening, 2), slope))
        wedge = torch.maximum(self.cartilage + 0.25 - femur, self.cartilage + 0.25 - tibia)
        wedge = torch.maximum(wedge, torch.maximum(femur + tibia - 14, (z + 3.0).abs() - 8))
        return intersect(union(distances[0], distances[1]), wedge, 1)

    def _bands(self, p: Points) -> tuple[Tensor, Tensor]:
        """Ligaments (cruciate, collateral) and tendons (quadriceps, patellar, hamstrings)."""
        top = self.patella
        cruciates = union(
            path(p, [(-2, 9, -5), (3, -4, 8), (10, -17, 24)], 3.6, 4.6),
            path(p, [(1, -30, -14), (-1, -24, 2), (-4, -12, 13), (-9, -3, 15)], 4.6, 4.0),
        )
        medial = path(p, [(-39.5, -4, 28), (-41.5, -2, 0), (-33, 0, -52)], 1.5, 1.1, flat=0.25)
        lateral = capsule(p, (39, -9, 24), (37, -20, -22), 1.8)
        tract = path(p, [(43, 6, 150), (44, 10, 30), (33, 18, -18)], 1.4, 1.3, flat=0.16)
        quadriceps = path(p, [(1, 44, top + 17), (0, 47, top + 40), (0, 46, 150)], 2.9, 1.8, flat=5)
        patellar = capsule(p, (1, 47, top - 15), (3, 27, -42), 2.6, flat=5)
        front = capsule(p, (1, 53.4, top + 14), (1, 53.2, top - 12), 1.2, flat=9)
        hamstrings = union(
            capsule(p, (-36, -30, 40), (-28, 8, -50), 2.0), capsule(p, (-16, -56, 90), (-38, -24, -10), 2.0)
        )
        biceps = capsule(p, (35, -34, 40), (36, -22, -20), 2.5)
        tendons = union(union(union(quadriceps, patellar), union(front, tract)), union(hamstrings, biceps))
        return union(cruciates, union(medial, lateral)), tendons

    def _outline(self, p: Points, noise: Tensor) -> tuple[Tensor, Tensor]:
        """Skin and the fascia under the fat: an oval, its center and radii changing along the leg."""
        x, y, z = p
        knee = torch.sigmoid((z + 12 - 0 * y) / 9)
        thigh = torch.sigmoid((z - 62) / 16)
        calf = torch.sigmoid((-z - 42) / 16)
        front = 31 + 24.5 * knee + 3 * thigh
        back = -50 - 12 * thigh - 16 * calf
        half_width = (46 + 15 * thigh + 7 * calf) * (0.5 + 0.5 * self.bulk)
        middle, radius = (front + back) / 2, (front - back) / 2
        angle = ((y - middle) / radius, x / half_width)
        deep = (angle[0].square() + angle[1].square() + 0.35 * (angle[0] * angle[1]).square()).sqrt_().sub_(
            1
        ) * half_width
        # Fat is thin over the shin and the patella, thick at the back and the inner side.
        sides = (1 - 0.55 * angle[0] - 0.25 * angle[1]).clamp_(0.3, 1.7)
        fat = self.fat * sides * (1 + 0.15 * noise[2]) + self.skin
        return deep - fat, deep

    def _muscles(self, p: Points, deep: Tensor, bones: Tensor, noise: Tensor, spacing: float) -> tuple[Tensor, Tensor]:
        """Where muscle is, fascia left out, and which muscle it is."""
        best, second, shade = sparsely(self._muscle, p, spacing, 1.1)
        # Away from the joint muscles fill all the room there is, but for the fat around vessels and nerve.
        crowd = torch.sigmoid(((p[2] - 12).abs() - 37) / 8)
        best, second = best - 11 * crowd, second - 11 * crowd
        between = (self.fascia * (1 + 0.5 * noise[0]) - (second - best)) / 2
        return torch.maximum(torch.maximum(best, between), torch.maximum(deep + 1.2, 1.5 - bones)), shade

    def _muscle(self, p: Points) -> Tensor:
        """Distance to the nearest muscle, to the one after it, and the shade of the nearest: ``(3, ...)``."""
        best, second = torch.full_like(p[0], 99), torch.full_like(p[0], 99)
        shade = torch.zeros_like(p[0])
        for (_, a, b, start, end), size, tone in zip(MUSCLES, self.muscle_sizes, self.muscle_shades, strict=True):
            d = capsule(p, a, b, start * size * self.bulk, end * size * self.bulk)
            shade = torch.where(d < best, tone, shade)
            second = torch.minimum(second, torch.maximum(best, d))
            best = torch.minimum(best, d)
        return torch.stack([best, second, shade])
