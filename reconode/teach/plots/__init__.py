"""Figures of the chapters: :mod:`basics` has what several share, then a module for each chapter that needs its own.

Pictures of reconstructions, which the command line draws too, are in :mod:`reconode.figures`.
"""

from reconode.teach.plots.basics import axes, curves, order, pairs, plane, regions

__all__ = ["axes", "curves", "order", "pairs", "plane", "regions"]
