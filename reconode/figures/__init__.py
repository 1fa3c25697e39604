"""Pictures that both the command line and the book draw.

:mod:`~reconode.figures.panels` of images, :mod:`~reconode.figures.colors` of models, figures of
:mod:`~reconode.figures.results`, of an :mod:`~reconode.figures.evaluation`, and the paper's Fig. 3.
"""
