"""Where images come from: the fastMRI file, slices and loaders, the sources of a training.

:mod:`~reconode.data.fastmri` reads and writes volumes, :mod:`~reconode.data.slices` makes batches of their slices, and
:mod:`~reconode.data.sources` feeds a training from a folder or from simulated anatomy. :mod:`~reconode.data.echo` takes
a phase off raw data that networks were not trained for.
"""
