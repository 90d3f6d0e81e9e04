"""Specimen identity documents of no real country, and pictures of them as devices take them.

They test a system without anybody's document: a portrait is printed on an invented card, the card
is scanned, photographed or copied, and the corners of card, portrait and ghost portrait stay known
through all of it. Seeded: equal arguments give equal bits.
"""

from __future__ import annotations

from renzheng.datasets.specimens.camera import CAPTURES, Camera, Photographed, Scanned, get
from renzheng.datasets.specimens.drawing import check_dpi, draw
from renzheng.datasets.specimens.layouts import LAYOUTS, MM_AN_INCH, Layout
from renzheng.datasets.specimens.specimen import Corners, Specimen, turned
from renzheng.faces.portrait import portrait as cut_portrait
from renzheng.types import Face, Image

# Raise it with every change of what `make` draws: results computed before then no longer count.
REVISION = 1

__all__ = [
    "CAPTURES",
    "LAYOUTS",
    "REVISION",
    "Camera",
    "Corners",
    "Layout",
    "Photographed",
    "Scanned",
    "Specimen",
    "draw",
    "get",
    "make",
    "turned",
]


def make(
    image: Image, face: Face, *, layout: str | None = None, seed: int = 0, dpi: float = 300
) -> Specimen:
    """Draw a specimen document of the person in a photograph.

    Parameters
    ----------
    image
        uint8 (H, W, 3) RGB, any photograph.
    face
        The face of the portrait to cut out, see `renzheng.faces.portrait`.
    layout, seed, dpi
        See `draw`.

    Raises
    ------
    InvalidInput
        If `draw` raises it, or the face's eyes are in one place.
    """
    check_dpi(dpi)
    height = round(45 / MM_AN_INCH * dpi)  # the largest portrait's; the others are scaled down
    return draw(cut_portrait(image, face, height), layout=layout, seed=seed, dpi=dpi)
