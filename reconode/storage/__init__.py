"""Files: written whole or not at all, HDF5 that cannot crash the reader, weights that execute nothing.

:mod:`~reconode.storage.whole`, :mod:`~reconode.storage.hdf5` with its :mod:`~reconode.storage.probe`, and
:mod:`~reconode.storage.weights`.
"""
