"""Figures of the chapters: :mod:`basics` has what several share, then a module for each chapter that needs its own.

Pictures of reconstructions, which the command line draws too, are in :mod:`reconode.figures`.
"""

from reconode.teach.plots.basics import axes, curves, order, pairs, plane, regions
from reconode.teach.plots.stages import attention, contributions, deviations, differences, four_stages

__all__ = [
    "attention",
    "axes",
    "contributions",
    "curves",
    "deviations",
    "differences",
    "four_stages",
    "order",
    "pairs",
    "plane",
    "regions",
]
