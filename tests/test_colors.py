"""One look for each model: told apart without color, readable on white and on dark."""

from __future__ import annotations

import colorsys
import itertools

import numpy as np

from reconode import zoo
from reconode.figures import colors


def luminance(color):
    """Relative luminance by WCAG 2."""
    channels = [int(color[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return float(np.dot(linear, [0.2126, 0.7152, 0.0722]))


class TestColors:
    def test_every_model_has_a_look_of_its_own(self):
        looks = {name: colors.style(name) for name in zoo.MODELS if not name.endswith("-continuous")}
        assert colors.OTHER not in looks.values(), "a model of the zoo has no style"
        for (a, one), (b, other) in itertools.combinations(looks.items(), 2):
            assert (one.line, one.marker) != (other.line, other.marker), f"{a} and {b} differ by color alone"
        assert colors.style("fa-rk2-continuous") == colors.style("fa-rk2")
        assert colors.style("of next year") == colors.OTHER

    def test_readable_on_white_and_on_dark(self):
        """3 : 1, WCAG's minimum for graphics, against white; nearly so against a page of #181818."""
        dark = luminance("#181818")
        looks = {name: colors.style(name) for name in zoo.MODELS} | colors.SOLVERS
        for name, look in looks.items():
            light = luminance(look.color)
            assert 1.05 / (light + 0.05) > 2.9 and (light + 0.05) / (dark + 0.05) > 2.9, name

    def test_families_differ_in_hue(self):
        def hue(name):
            return colorsys.rgb_to_hls(*(int(colors.style(name).color[i : i + 2], 16) / 255 for i in (1, 3, 5)))[0]

        for a, b in itertools.combinations(("fa-rk4", "ft-rk4", "lt-rk4", "d5c5"), 2):
            assert min(abs(hue(a) - hue(b)), 1 - abs(hue(a) - hue(b))) > 0.1
