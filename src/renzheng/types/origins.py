"""Types for the place that a picture was taken out of: a chip, or a page."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class FeaturePoint:
    """A point of a face as its record states it; nobody has checked it against the picture.

    Attributes
    ----------
    code
        The point's number in MPEG-4 (ISO/IEC 14496-2) with the additions of ISO/IEC 19794-5:
        ``12.1`` and ``12.2`` are the centres of the subject's left and right eye.
    x, y
        Pixels of the picture as it is stored.
    """

    code: str
    x: int
    y: int

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON."""
        return {"code": self.code, "x": self.x, "y": self.y}


@dataclass(frozen=True)
class Origin:
    """The container that a picture was taken out of, and which of its pictures it is.

    Attributes
    ----------
    container
        ``EF.DG2`` (ICAO Doc 9303-10), ``face record`` or ``PDF``.
    number
        The number of the picture in the container, from 1: of its faces or pages.
    count
        The number of faces or pages.
    encoding
        The standard of the face record, ``ISO/IEC 19794-5`` or ``ISO/IEC 39794-5``; empty for a
        page.
    feature_points
        The record's own points of the face.
    """

    container: str
    number: int
    count: int
    encoding: str = ""
    feature_points: tuple[FeaturePoint, ...] = ()

    def __str__(self) -> str:
        unit = "page" if self.container == "PDF" else "face"
        encoding = f" ({self.encoding})" if self.encoding else ""
        return f"{self.container}{encoding}, {unit} {self.number} of {self.count}"

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON."""
        return {
            "container": self.container,
            "number": self.number,
            "count": self.count,
            "encoding": self.encoding,
            "feature_points": [point.to_dict() for point in self.feature_points],
        }
