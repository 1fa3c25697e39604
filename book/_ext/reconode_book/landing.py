"""The landing page's own: where to start, and one finding, from the results."""

from __future__ import annotations

from dataclasses import dataclass
from html import escape
from pathlib import Path
from urllib.parse import urlsplit

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

from reconode.experiment.lengths import LENGTHS
from reconode_book.frame import ROOT
from reconode_book.markdown import MarkdownDirective, chapters

SMALL, BIG = "lt-euler-26", "lt-rk4"
"""Many small learned Euler steps, and the paper's largest learned solver."""
TIE = 0.25
"""dB: two trainings of one function differ by about as much."""


@dataclass(frozen=True)
class Finding:
    """Mean test PSNR of both at 4x after trainings of one length, a number a seed.

    Attributes:
        small: of the small model.
        big: of the big one.
        parameters: of each.
        steps: of training.
    """

    small: tuple[float, ...]
    big: tuple[float, ...]
    parameters: tuple[int, int]
    steps: int

    @property
    def gain(self) -> float:
        """The smallest lead of any seed of the small model over any of the big one, in dB."""
        return min(self.small) - max(self.big)


def find(variant: str = "", folder: Path = ROOT / "results/small") -> Finding | None:
    """What the results say of one length of training; None where one of the two was not run."""
    from reconode.experiment import results
    from reconode.experiment.rows import rows

    found = rows(r for r in results.read_all(folder) if r.training and r.training.finished)
    small, big = (found.get((name, variant, 4.0)) for name in (SMALL, BIG))
    if small is None or big is None:
        return None
    steps = {run.training.steps for run in (*small.runs, *big.runs) if run.training}
    if len(steps) != 1:
        return None
    scores = [tuple(row.seed_means("psnr")) for row in (small, big)]
    return Finding(scores[0], scores[1], (small.first.parameters, big.first.parameters), steps.pop())


def verdict(found: Finding) -> str:
    """In words, against what two trainings of one function differ by."""
    if found.gain > TIE:
        return f"lead by at least {found.gain:.1f} dB"
    return "do as well" if found.gain >= -TIE else f"fall behind by up to {-found.gain:.1f} dB"


class FindingText(MarkdownDirective):
    """The finding, in two or three sentences."""

    def markdown(self) -> str:
        """Made from the results, the longer trainings included where there are any."""
        for path in sorted((ROOT / "results/small").glob("*_4x_seed*.json")):
            self.env.note_dependency(str(path))
        short, *longer = (find(variant) for variant in LENGTHS)
        if short is None:
            return "The finding that stood here is not run."
        seeds = lambda n: "one seed" if n == 1 else f"{n} seeds"  # noqa: E731
        small, big = short.parameters
        parts = [
            f"**One thing we did not expect.** The paper's largest learned solver has {big:,} parameters. Twenty-six "
            f"small learned Euler steps that share {small:,}, for about the same compute, {verdict(short)} after "
            f"{short.steps:,} training steps ({seeds(len(short.small))} against {seeds(len(short.big))}).",
            *(f"After {one.steps:,} they {verdict(one)}." for one in longer if one),
            "[The evidence](/book/answers.md).",
        ]
        return " ".join(parts)


class StartButtons(SphinxDirective):
    """Two links that look like buttons."""

    def run(self) -> list[nodes.Node]:
        """What Sphinx asks of a directive."""
        first = chapters()[0].docname
        options = self.config.html_theme_options
        slug = urlsplit(options["repository_url"]).path.strip("/")
        branch = options.get("repository_branch", "main")
        colab = f"https://colab.research.google.com/github/{slug}/blob/{branch}/{first}.ipynb"
        links = (f"../{first}.html", "Start chapter 1"), (colab, "Open in Colab")
        made = " ".join(f'<a href="{escape(url, quote=True)}">{text}</a>' for url, text in links)
        return [nodes.raw("", f'<p class="start-buttons">{made}</p>', format="html")]


def setup(app: Sphinx) -> None:
    """Connect to Sphinx's events."""
    app.add_directive("finding", FindingText)
    app.add_directive("start-buttons", StartButtons)
