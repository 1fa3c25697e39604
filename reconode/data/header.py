"""The ISMRMRD header of a fastMRI file: the XML that says how large k-space and image are, and what was acquired."""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree
from dataclasses import dataclass
from pathlib import Path

from reconode.errors import DataError

NAMESPACE = "http://www.ismrm.org/ISMRMRD"


@dataclass(frozen=True)
class Encoding:
    """What the library reads of a header.

    Attributes:
        recon: reconstructed image, ``(rows, columns)``.
        padding: the acquired columns are ``[left, right)``.
    """

    recon: tuple[int, int]
    padding: tuple[int, int]


def encode(encoded: tuple[int, int], recon: tuple[int, int], padding: tuple[int, int]) -> bytes:
    """A header that says so much: k-space and image as ``(rows, columns)``, acquired columns as ``[left, right)``."""

    def size(shape: tuple[int, int]) -> str:
        return f"<matrixSize><x>{shape[0]}</x><y>{shape[1]}</y><z>1</z></matrixSize>"

    left, right = padding
    return (
        f'<?xml version="1.0"?>\n<ismrmrdHeader xmlns="{NAMESPACE}"><encoding>\n'
        f"<encodedSpace>{size(encoded)}</encodedSpace>\n<reconSpace>{size(recon)}</reconSpace>\n"
        f"<encodingLimits><kspace_encoding_step_1><minimum>0</minimum><maximum>{right - left - 1}</maximum>"
        f"<center>{encoded[1] // 2 - left}</center></kspace_encoding_step_1></encodingLimits>\n"
        "<trajectory>cartesian</trajectory></encoding></ismrmrdHeader>"
    ).encode()


def parse(header: bytes, shape: tuple[int, int, int, int], path: Path) -> Encoding:
    """Matrix sizes and acquired columns by fastMRI's reading of the header, checked against the k-space.

    Args:
        header: XML.
        shape: of the k-space, ``(slices, coils, rows, columns)``.
        path: of the file, for the messages.

    Raises:
        DataError: for a header that cannot be read or contradicts the k-space.
    """
    try:
        root = ElementTree.fromstring(header)
    except (ElementTree.ParseError, ValueError) as error:
        raise DataError(f"{path}: ismrmrd_header is not XML ({error})") from error

    def number(where: str) -> int:
        node = root.find("./" + "/".join(f"{{{NAMESPACE}}}{tag}" for tag in ("encoding", *where.split("/"))))
        if node is None or not (node.text or "").strip().isdigit():
            raise DataError(f"{path}: ismrmrd_header has no number at encoding/{where}")
        return int(str(node.text))

    rows, columns = number("encodedSpace/matrixSize/x"), number("encodedSpace/matrixSize/y")
    recon = number("reconSpace/matrixSize/x"), number("reconSpace/matrixSize/y")
    if (rows, columns) != shape[2:]:
        raise DataError(
            f"{path}: the header says {rows} x {columns} k-space, the file holds {shape[2]} x {shape[3]}; "
            "one of them is wrong"
        )
    if recon[0] > rows or 0 in recon:
        raise DataError(
            f"{path}: the header asks for an image of {recon[0]} x {recon[1]} from {rows} x {columns} k-space"
        )
    limits = "encodingLimits/kspace_encoding_step_1"
    left = columns // 2 - number(f"{limits}/center")
    right = left + number(f"{limits}/maximum") + 1
    if not 0 <= left < right <= columns:
        raise DataError(f"{path}: the header says that columns {left} to {right} of {columns} were acquired")
    return Encoding((recon[0], min(recon[1], columns)), (left, right))
