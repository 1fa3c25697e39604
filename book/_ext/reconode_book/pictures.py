"""The signature picture: a knee along a learned trajectory, its k-space filling in. Made anew at each build.

Twice, for light and dark pages, and once as the card that other sites show.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sphinx.application import Sphinx

from reconode_book.frame import MADE

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from torch import Tensor

PAPERS = {"light": ("#ffffff", "#23303c"), "dark": ("#121212", "#ced6dd")}
"""Background and ink of the theme's two looks."""

ACCENT = "#e2603f"
MODELS = ("lt-rk4", "ft-euler")
"""The first of which weights come with the library."""


KNEE = 14
"""Number of the test knee."""


@dataclass(frozen=True)
class Story:
    """Images of one knee on the way from zero-filled to reconstructed, each with a time and a score."""

    images: list[Tensor]
    kspace: list[Tensor]
    titles: list[str]
    notes: list[str]
    target: Tensor


def tell() -> Story:
    """Reconstruct a test knee of the small benchmark at 4x, and keep four moments of the way."""
    import torch

    from reconode import masks, metrics, physics, zoo
    from reconode.data.slices import max_zero_filled
    from reconode.experiment import benchmark
    from reconode.storage import weights

    volume = benchmark.in_memory(benchmark.find("small"), KNEE)
    assert volume.target is not None
    y, E = volume.measure(masks.random(volume.width, acceleration=4, seed=volume.name))
    scale = float(max_zero_filled(y[:1], E))
    y, target = y[:1] / scale, volume.target[:1] / scale
    name = next((n for n in MODELS if weights.shipped(n, 4)), None)
    with torch.no_grad():
        if name is None:  # no weights yet: total variation, which has a beginning and an end but no time between
            states, moments = [E.H(y), zoo.load("tv")(y, E)], {0: "zero-filled", 1: "total variation"}
        else:
            model: Any = zoo.load(name)
            states = list(model.trajectory(y, E))
            last = len(states) - 1
            moments = {n: f"t = {n / last:g}" for n in sorted({0, 1, (last + 1) // 2, last})}
    shown = [physics.center_crop(states[n], *target.shape[-2:]).abs() for n in moments]
    return Story(
        [x[0] for x in shown],
        [physics.fft(states[n])[0] for n in moments],
        list(moments.values()),
        [f"{metrics.psnr(x, target):.1f} dB" for x in shown],
        target[0],
    )


def draw(story: Story, paper: str, ink: str, width: float = 8.0) -> Figure:
    """Images above, their k-space below, from left to right in time."""
    from matplotlib.figure import Figure

    from reconode.figures.panels import log_magnitude

    count = len(story.images)
    figure = Figure(figsize=(width, 2 * width / count + 0.45), facecolor=paper, dpi=150)
    axes = figure.subplots(
        2, count, gridspec_kw={"left": 0, "right": 1, "bottom": 0, "top": 0.925, "wspace": 0.03, "hspace": 0.03}
    )
    window = float(story.target.quantile(0.995))
    for n, (image, k) in enumerate(zip(story.images, story.kspace, strict=True)):
        top, bottom = axes[:, n]
        top.imshow(image.numpy(), cmap="gray", vmin=0, vmax=window, interpolation="bicubic", aspect="auto")
        bottom.imshow(
            log_magnitude(k, 3.5).numpy(), cmap="magma", vmin=0, vmax=1, interpolation="nearest", aspect="auto"
        )
        top.set_title(story.titles[n], fontsize=15, color=ink)
        box = {"facecolor": "black", "alpha": 0.65, "edgecolor": "none", "pad": 2.5}
        top.text(0.04, 0.05, story.notes[n], transform=top.transAxes, color="white", fontsize=14, bbox=box)
        for ax in (top, bottom):
            ax.set_axis_off()
    return figure


def draw_card(story: Story) -> Figure:
    """1200 x 630 pixels for links on other sites: the name, a line, the picture's upper row."""
    from matplotlib.figure import Figure

    paper, ink = PAPERS["dark"]
    figure = Figure(figsize=(12, 6.3), facecolor=paper, dpi=100)
    figure.text(0.05, 0.84, "ReconODE", fontsize=54, weight="bold", color="white", va="center")
    figure.text(0.05, 0.69, "MR images from a quarter of the measurements", fontsize=25, color=ink, va="center")
    figure.text(0.95, 0.84, "a book that runs", fontsize=25, color=ACCENT, va="center", ha="right")
    count, window = len(story.images), float(story.target.quantile(0.995))
    for n, image in enumerate(story.images):
        ax = figure.add_axes((n / count, 0, 0.997 / count, 0.59))
        ax.imshow(image.numpy(), cmap="gray", vmin=0, vmax=window, interpolation="bicubic", aspect="auto")
        ax.set_axis_off()
    return figure


def make(app: Sphinx) -> None:
    """Write the pictures where Sphinx finds them."""
    if app.builder.format != "html":
        return
    story = tell()
    for look, (paper, ink) in PAPERS.items():
        draw(story, paper, ink).savefig(MADE / f"signature-{look}.png", metadata={"Software": None})
    draw_card(story).savefig(MADE / "social-card.png", metadata={"Software": None})


def setup(app: Sphinx) -> None:
    """Connect to Sphinx's events."""
    app.connect("builder-inited", make)
