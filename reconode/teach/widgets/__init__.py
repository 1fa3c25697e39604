"""Interactive figures that need no kernel and no network: one call returns HTML that works wherever a notebook goes.

On the built page, in JupyterLab, in Colab and from a file opened by hand (:meth:`Widget.save`) they are the same; on
GitHub and on paper a picture stands in. Their scripts are plain JavaScript modules in ``js/``, ours alone, joined by
:mod:`reconode.teach.widgets.bundle` when a widget is shown.
"""

from reconode.teach.widgets.file_explorer import file_explorer
from reconode.teach.widgets.flow_plane import flow_plane
from reconode.teach.widgets.image_comparer import image_comparer
from reconode.teach.widgets.optimizer_race import optimizer_race
from reconode.teach.widgets.reconstruct import reconstruct
from reconode.teach.widgets.results_table import results_table
from reconode.teach.widgets.rings import rings
from reconode.teach.widgets.sampling import sampling
from reconode.teach.widgets.shift_dial import shift_dial
from reconode.teach.widgets.solver_race import solver_race
from reconode.teach.widgets.stage_contributions import stage_contributions
from reconode.teach.widgets.there_and_back import there_and_back
from reconode.teach.widgets.trajectory import trajectory
from reconode.teach.widgets.widget import Widget

__all__ = [
    "Widget",
    "file_explorer",
    "flow_plane",
    "image_comparer",
    "optimizer_race",
    "reconstruct",
    "results_table",
    "rings",
    "sampling",
    "shift_dial",
    "solver_race",
    "stage_contributions",
    "there_and_back",
    "trajectory",
]
