"""Where the course's sources lie and where what is made of them goes."""

from __future__ import annotations

from reconode_book.frame import ROOT

TEACH = ROOT / "book/teach"
OUT = ROOT / "_build"
REVEAL = ROOT / "node_modules/reveal.js/dist"

__all__ = ["OUT", "REVEAL", "ROOT", "TEACH"]
