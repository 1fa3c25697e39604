"""Simulated anatomy: random knees and more, as a scanner would measure them. Nothing is downloaded, nothing is private.

A knee is an implicit solid (:mod:`reconode.phantoms.knee`): signed distances to bones, cartilage, menisci, ligaments,
muscles, fat and skin, bent by smooth random fields. Any plane through it is a slice, so coronal, sagittal and axial
pictures and whole volumes come from the same anatomy. A slice is painted tissue by tissue on a grid finer than the
image (:mod:`reconode.phantoms.tissues`), edges blurred by how obliquely they cross the slice's thickness, each tissue
with a texture of its own. Then the scanner (:mod:`reconode.phantoms.acquisition`): shading, a phase from flat to four
wraps, the band of k-space that is measured, coils, and noise.

What is *not* simulated: motion, fold-over, chemical shift, field inhomogeneity other than phase, blood flow, metal.

:func:`slices` makes training batches, :func:`volume` a volume in fastMRI's layout. All random numbers come from a
seed through CPU generators: the same seed is the same anatomy on every device and in every batch.
"""

from reconode.phantoms.batch import MIXES, Simulated, slices
from reconode.phantoms.plane import VIEWS
from reconode.phantoms.scan import NOISE
from reconode.phantoms.tissues import PD, PDFS
from reconode.phantoms.volumes import SimulatedVolume, volume

__all__ = ["MIXES", "NOISE", "PD", "PDFS", "VIEWS", "Simulated", "SimulatedVolume", "slices", "volume"]
