"""What a volume's file says of itself, without its samples."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from torch import Tensor


@dataclass(frozen=True)
class FileInfo:
    """One file: its shapes, what was acquired, and its attributes.

    Attributes:
        path: the file.
        shape: k-space ``(slices, coils, rows, columns)``; a single-coil file has one coil.
        recon: reconstructed image, ``(rows, columns)``.
        target: name of the data set that holds the target, or None.
        padding: the acquired columns are ``[left, right)``; outside, the stored k-space is zero.
        mask: bool ``(columns,)`` for a file that says what was sampled, else None.
        attributes: the file's attributes as plain Python values.
    """

    path: Path
    shape: tuple[int, int, int, int]
    recon: tuple[int, int]
    target: str | None
    padding: tuple[int, int]
    mask: Tensor | None = None
    attributes: Mapping[str, Any] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """The file's name with its extension: what seeds its mask."""
        return self.path.name

    @property
    def acquisition(self) -> str:
        """The contrast: 'CORPD_FBK' or 'CORPDFS_FBK' in fastMRI's knees; '' when the file doesn't say."""
        return str(self.attributes.get("acquisition", ""))

    @property
    def slices(self) -> int:
        return self.shape[0]

    @property
    def coils(self) -> int:
        return self.shape[1]

    @property
    def width(self) -> int:
        """Columns of k-space: what a mask is drawn for."""
        return self.shape[3]
