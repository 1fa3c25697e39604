"""What tests of the widgets read from and do to a page."""

from __future__ import annotations

from typing import Any

import torch

from reconode.teach.widgets import bundle
from reconode.teach.widgets.pack import Packed, unpack


def call(page: Any, module: str, code: str, argument: Any = None) -> Any:
    """Run code that sees a module as $name."""
    return page.evaluate(f"(argument) => {{ {bundle.script(module)} {code} }}", argument)


def number(page: Any, key: str) -> float:
    return float(page.locator(f'dd[data-key="{key}"]').get_attribute("data-value").replace("Infinity", "inf"))


def text(page: Any, key: str) -> str:
    return page.locator(f'dd[data-key="{key}"]').inner_text()


def slide(page: Any, name: str, value: float) -> None:
    page.locator(f'input[name="{name}"]').fill(f"{value:g}")


def grids(packed: Packed) -> torch.Tensor:
    """What a page makes of packed complex pictures, ``(pictures, rows, columns)``."""
    return torch.view_as_complex(torch.from_numpy(unpack(packed)).contiguous()).transpose(1, 2)
