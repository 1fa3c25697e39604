"""ReconODE: physics-guided MR image reconstruction with neural ODEs, the library of the book.

model = reconode.load("tv")        # every reconstruction by its name: reconode.zoo.MODELS
x = model(y, E)                    # masked data and the operator that measured them in, the image out
"""

from reconode._version import __version__
from reconode.zoo import load

__all__ = ["__version__", "load"]
