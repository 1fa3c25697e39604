"""Figures of the chapters: :mod:`basics` has what several share, then a module for each chapter that needs its own.

Pictures of reconstructions, which the command line draws too, are in ``reconode.figures``.
"""

from reconode.teach.plots.basics import axes, curves, order, pairs, plane, regions
from reconode.teach.plots.gradients import (
    front,
    gradient_errors,
    growth,
    reversible_regions,
    round_trip,
    spread,
    ways_back,
)
from reconode.teach.plots.learned import added, by_frequency, learned_step
from reconode.teach.plots.reproduction import against_the_paper, crimes, curves_by_cost
from reconode.teach.plots.shifts import dials_picture, kept, long_run
from reconode.teach.plots.stages import attention, contributions, deviations, differences, four_stages
from reconode.teach.plots.training import accountings, contrast, falling, rectifiers, signed, validations

__all__ = [
    "accountings",
    "added",
    "against_the_paper",
    "attention",
    "axes",
    "by_frequency",
    "contrast",
    "contributions",
    "crimes",
    "curves",
    "curves_by_cost",
    "deviations",
    "dials_picture",
    "differences",
    "falling",
    "four_stages",
    "front",
    "gradient_errors",
    "growth",
    "kept",
    "learned_step",
    "long_run",
    "order",
    "pairs",
    "plane",
    "rectifiers",
    "regions",
    "reversible_regions",
    "round_trip",
    "signed",
    "spread",
    "validations",
    "ways_back",
]
