"""The paper's claims, each with the comparison that decides it, and what our results files say of it.

A claim is judged for one acceleration and one length of training at a time; rows of unequal lengths are never compared.
Two sources of chance must both be cleared: the 95 % interval of the paired difference (over knees, and over trainings
too where both rows have several seeds), and the noise floor, what two trainings of one function differ by.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from reconode.experiment.notes import title
from reconode.experiment.results import Result
from reconode.experiment.rows import compare, make_row, same_data, two_way
from reconode.experiment.typeset import Table
from reconode.metrics import Interval

FLOOR = 0.25
"""dB. LT-Euler and FT-Euler are one function, and their trainings differ by about as much; so do seeds of one row."""

AHEAD, BEHIND, TIE = "ahead", "behind", "tie"
FOUND, IN_PART, NOT_FOUND, NOT_RUN = "found", "in part", "not found", "not run"

Pair = tuple[str, str]


@dataclass(frozen=True)
class Claim:
    """A sentence of the paper that scores can decide.

    Attributes:
        words: what it says.
        where: it says so.
        pairs: A and B, names of the zoo, of which it speaks.
        order: what it says of A against B: "ahead" or "tie".
    """

    words: str
    where: str
    pairs: tuple[Pair, ...]
    order: str = AHEAD


OTHERS = ("unet", "kiki-net", "d5c5", "ft-euler", "ft-rk2", "ft-rk4", "lt-euler", "lt-rk2")

CLAIMS: dict[str, Claim] = {
    "best": Claim("LT-RK4 is the best row", "Table 1", tuple(("lt-rk4", other) for other in OTHERS)),
    "order": Claim("LT: RK4 > RK2 > Euler", "Table 1", (("lt-rk4", "lt-rk2"), ("lt-rk2", "lt-euler"))),
    "d5c5": Claim("LT-RK4 > D5C5", "Table 1", (("lt-rk4", "d5c5"),)),
    "learned": Claim("LT > FT, for RK2 and RK4", "Table 1, text", (("lt-rk2", "ft-rk2"), ("lt-rk4", "ft-rk4"))),
    "euler": Claim("LT-Euler = FT-Euler", "Table 1", (("lt-euler", "ft-euler"),), TIE),
    "fixed": Claim("FT: Euler = RK2 = RK4", "Table 1", (("ft-rk2", "ft-euler"), ("ft-rk4", "ft-euler")), TIE),
    "adjoint": Claim(
        "FT > FA",
        "Table 1, text",
        tuple((f"ft-{s}", f"fa-{s}-continuous") for s in ("euler", "rk2", "rk4")),
    ),
    "small": Claim("FT-Euler = U-Net = KIKI", "Table 1", (("ft-euler", "unet"), ("ft-euler", "kiki-net")), TIE),
    "ode": Claim("FT-Euler > neural ODE", "text", (("ft-euler", "neural-ode"),)),
    "attention": Claim("attention helps LT-RK4", "text", (("lt-rk4", "lt-rk4-no-attention"),)),
}
"""By a short name; the table's, in an order in which they can be read."""


@dataclass(frozen=True)
class Difference:
    """A − B in PSNR on the same knees, both trained alike.

    Attributes:
        pair: the names.
        interval: mean and 95 % interval, dB: over knees, and over trainings too where the rows share several seeds.
        least: the lead of A's worst training over B's best, dB.
        most: of A's best over B's worst.
        trainings: of A and of B; 0 for a method without any.
    """

    pair: Pair
    interval: Interval
    least: float
    most: float
    trainings: tuple[int, int]

    @property
    def order(self) -> str:
        """Of A against B: "ahead", "behind", or a "tie": whatever does not clear interval and floor."""
        return judge(self.interval, self.least, self.most)


@dataclass(frozen=True)
class Verdict:
    """What was found of a claim.

    Attributes:
        word: "found", "in part", "not found", "not run".
        agree: pairs that are as the paper says.
        differences: of the claim's pairs, as far as they were run to one length.
    """

    word: str
    agree: int
    differences: tuple[Difference, ...]

    def __str__(self) -> str:
        return f"{self.agree}/{len(self.differences)}" if self.differences else "-"


def judge(interval: Interval, least: float, most: float, floor: float = FLOOR) -> str:
    """The word for a difference: an order when its interval excludes zero and every training clears the floor."""
    if interval.low > 0 and least > floor:
        return AHEAD
    return BEHIND if interval.high < 0 and most < -floor else TIE


def difference(runs: Sequence[Result], pair: Pair, acceleration: float, variant: str = "") -> Difference | None:
    """A pair's difference; None where one was not run, or saw another number of examples.

    Args:
        runs: of one benchmark.
        pair: names of the zoo.
        acceleration: of the runs.
        variant: of the trainings; a classical method, which has none, stands beside each.

    Raises:
        DataError: for results of different data.
    """
    sides = [
        [
            r
            for r in runs
            if r.model == name and r.acceleration == acceleration and r.variant in ({variant} if r.training else {""})
        ]
        for name in pair
    ]
    if not all(sides) or len({r.training.examples for side in sides for r in side if r.training}) > 1:
        return None
    a, b = (make_row(side) for side in sides)
    together = {r.seed for r in a.runs} & {r.seed for r in b.runs}
    interval = two_way(a, b) if len(together) > 1 else compare(a, b).difference
    means = [row.seed_means("psnr") for row in (a, b)]
    trainings = [sum(r.training is not None for r in side) for side in sides]
    least, most = min(means[0]) - max(means[1]), max(means[0]) - min(means[1])
    return Difference(pair, interval, least, most, (trainings[0], trainings[1]))


def verdict(claim: Claim, runs: Sequence[Result], acceleration: float, variant: str = "") -> Verdict:
    """What the runs of one acceleration and length say of a claim; "found" only when all of its pairs were run."""
    found = [d for pair in claim.pairs if (d := difference(runs, pair, acceleration, variant)) is not None]
    agree = sum(d.order == claim.order for d in found)
    if not found:
        return Verdict(NOT_RUN, 0, ())
    word = FOUND if agree == len(claim.pairs) else IN_PART if agree else NOT_FOUND
    return Verdict(word, agree, tuple(found))


def settings(runs: Sequence[Result]) -> dict[tuple[float, str], str]:
    """The accelerations and variants at which anything can be judged, short trainings first, each with its steps.

    Trainings that went on from others at 4x say so: "+600".
    """
    found: dict[tuple[float, str], Counter[int]] = {}
    for run in runs:
        if run.training and run.training.finished:
            found.setdefault((run.acceleration, run.variant), Counter())[run.training.steps] += 1
    started = {(r.acceleration, r.variant) for r in runs if r.training and r.training.settings.get("init")}
    judged = [key for key in found if any(verdict(c, runs, *key).differences for c in CLAIMS.values())]
    steps = {key: found[key].most_common(1)[0][0] for key in judged}
    judged.sort(key=lambda key: (key[0], key in started, steps[key]))
    return {key: f"{'+' * (key in started)}{steps[key]:,}" for key in judged}


def claims_table(runs: Sequence[Result]) -> Table:
    """Each claim of the paper, and for each length of training how many of its comparisons came out as it says.

    Args:
        runs: of one benchmark.

    Raises:
        DataError: for results of different data, or none.
    """
    same_data(runs)
    columns = settings(runs)
    header = ("claim", "where", *(f"{a:g}×, {steps} steps" for (a, _), steps in columns.items()))
    lines = []
    for claim in CLAIMS.values():
        found = [verdict(claim, runs, *key) for key in columns]
        lines.append((claim.words, claim.where, *(f"{v.word} {v}".removesuffix(" -") for v in found)))
    notes = (
        "Pairs that came out as the paper says, of those that were trained to one length. Rows of unequal lengths are "
        "not compared.",
        f"An order needs an interval of the paired difference without zero, and each training of A more than {FLOOR:g} "
        "dB above each of B: two trainings of one function differ by about as much. All else is a tie, which proves no "
        "equality.",
    )
    return Table(title("The paper's claims", runs), header, tuple(lines), notes)
