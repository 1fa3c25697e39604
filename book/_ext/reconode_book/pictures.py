"""The signature: a knee along a learned trajectory, its k-space filling in. Made anew at each build.

Once as the bench of the landing page, where its k-space can be painted, and once as the card that other sites show.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any, ClassVar

from docutils import nodes
from docutils.parsers.rst import directives
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

from reconode_book.frame import MADE

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from torch import Tensor

PAPER, INK = "#121212", "#ced6dd"
"""Background and ink of the card."""

ACCENT = "#e2603f"
MODELS = ("lt-rk4", "ft-euler")
"""The first of which weights come with the library."""


KNEE = 14
"""Number of the test knee."""


@dataclass(frozen=True)
class Story:
    """One knee on the way from zero-filled to reconstructed.

    Attributes:
        images: magnitudes at a few moments.
        notes: their scores.
        target: the truth.
    """

    images: list[Tensor]
    notes: list[str]
    target: Tensor


@cache
def tell() -> Story:
    """Reconstruct a test knee of the small benchmark at 4x, and keep four moments of the way."""
    import torch

    from reconode import masks, metrics, physics, zoo
    from reconode.experiment import benchmark

    volume = benchmark.in_memory(benchmark.find("small"), KNEE)
    assert volume.target is not None
    mask = masks.random(volume.width, acceleration=4, seed=volume.name)
    y, E, scale = volume.scaled(mask, slice(0, 1))
    target = volume.target[:1] / float(scale)
    name = next((n for n in MODELS if zoo.shipped(n, 4)), None)
    with torch.no_grad():
        if name is None:  # no weights yet: total variation, which has a beginning and an end but no time between
            states, moments = [E.H(y), zoo.load("tv")(y, E)], [0, 1]
        else:
            model: Any = zoo.load(name)
            states = list(model.trajectory(y, E))
            last = len(states) - 1
            moments = sorted({0, 1, (last + 1) // 2, last})
    shown = [physics.center_crop(states[n], *target.shape[-2:]).abs() for n in moments]
    return Story(
        [x[0] for x in shown],
        [f"{metrics.psnr(x, target):.1f} dB" for x in shown],
        target[0],
    )


def draw_card(story: Story) -> Figure:
    """1200 x 630 pixels for links on other sites: the name, a line, the picture's upper row."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(12, 6.3), facecolor=PAPER, dpi=100)
    figure.text(0.05, 0.84, "ReconODE", fontsize=54, weight="bold", color="white", va="center")
    figure.text(0.05, 0.69, "MR images from a quarter of the measurements", fontsize=25, color=INK, va="center")
    figure.text(0.95, 0.84, "a book that runs", fontsize=25, color=ACCENT, va="center", ha="right")
    count, window = len(story.images), float(story.target.quantile(0.995))
    for n, image in enumerate(story.images):
        ax = figure.add_axes((n / count, 0, 0.997 / count, 0.59))
        ax.imshow(image.numpy(), cmap="gray", vmin=0, vmax=window, interpolation="bicubic", aspect="auto")
        ax.set_axis_off()
    return figure


def make(app: Sphinx) -> None:
    """Write the card where Sphinx finds it."""
    if app.builder.format != "html":
        return
    draw_card(tell()).savefig(MADE / "social-card.png", metadata={"Software": None})


@cache
def bench(full: bool) -> str:
    """A test knee whose k-space can be painted, as HTML for a page in book/; its engine goes among the static files."""
    from reconode.experiment import benchmark
    from reconode.teach.widgets import engine
    from reconode.teach.widgets.reconstruct import reconstruct

    volume = benchmark.in_memory(benchmark.find("small"), KNEE)
    assert volume.target is not None
    rows, columns = volume.target.shape[-2:]
    about = engine.write(MADE / "engine", "../_static/engine/")
    return reconstruct(volume.hybrid[0, 0], (rows, columns), about, full=full).html


class Signature(SphinxDirective):
    """The bench, live in the page: a few knobs, or with the option ``full`` all."""

    option_spec: ClassVar[dict[str, Any]] = {"full": directives.flag}

    def run(self) -> list[nodes.Node]:
        """What Sphinx asks of a directive."""
        self.env.note_reread()  # the page names the worker's script, and that changes with the library
        return [nodes.raw("", bench("full" in self.options), format="html")]


def setup(app: Sphinx) -> None:
    """Connect to Sphinx's events."""
    app.add_directive("signature", Signature)
    app.connect("builder-inited", make)
