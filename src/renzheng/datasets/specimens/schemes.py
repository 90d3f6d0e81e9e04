"""Colour schemes, and the guilloches that are printed in them."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

import cv2
import numpy as np
import numpy.typing as npt

from renzheng.types import Image

Colour = tuple[int, int, int]  # RGB


@dataclass(frozen=True)
class Scheme:
    """The colours of a document.

    Attributes
    ----------
    papers
        The ground's colours at the left, in the middle and at the right: iris printing.
    lines
        The colours of the three families of fine curves.
    ink, label, accent, on_accent, highlight, overprint
        The colours of values; labels; bands and emblems; text on bands; a narrow stripe; the word
        SPECIMEN.
    """

    papers: tuple[Colour, Colour, Colour]
    lines: tuple[Colour, Colour, Colour]
    ink: Colour = (26, 32, 40)
    label: Colour = (80, 104, 112)
    accent: Colour = (16, 88, 104)
    on_accent: Colour = (246, 250, 250)
    highlight: Colour = (226, 178, 74)
    overprint: Colour = (204, 72, 80)


SCHEMES: Mapping[str, Scheme] = MappingProxyType(
    {
        "teal": Scheme(
            ((226, 242, 240), (246, 244, 232), (228, 234, 246)),
            ((156, 200, 198), (216, 198, 160), (176, 186, 220)),
        ),
        "rose": Scheme(
            ((250, 228, 232), (250, 240, 228), (244, 222, 236)),
            ((226, 170, 184), (222, 196, 150), (196, 176, 214)),
            label=(124, 74, 92),
            accent=(142, 40, 76),
            highlight=(214, 170, 120),
            overprint=(56, 92, 160),
        ),
        "blue": Scheme(
            ((222, 234, 248), (236, 244, 246), (226, 228, 248)),
            ((150, 180, 220), (160, 206, 204), (186, 174, 218)),
            label=(70, 92, 130),
            accent=(24, 58, 128),
            highlight=(240, 202, 84),
        ),
        "sand": Scheme(
            ((246, 236, 216), (248, 246, 234), (238, 230, 212)),
            ((212, 186, 138), (176, 190, 160), (214, 168, 150)),
            label=(116, 92, 60),
            accent=(104, 66, 34),
            highlight=(206, 160, 76),
        ),
        "green": Scheme(
            ((224, 242, 222), (242, 246, 226), (220, 240, 236)),
            ((158, 202, 154), (204, 204, 140), (148, 196, 196)),
            label=(66, 104, 78),
            accent=(26, 92, 56),
            highlight=(226, 196, 92),
        ),
        "violet": Scheme(
            ((236, 228, 248), (246, 240, 246), (226, 236, 250)),
            ((190, 168, 220), (220, 178, 200), (158, 190, 222)),
            label=(92, 80, 130),
            accent=(72, 44, 120),
            highlight=(222, 188, 120),
            overprint=(30, 124, 120),
        ),
    }
)


def guilloche(width: int, height: int, scheme: Scheme, pixels_a_mm: float) -> Image:
    """Draw a ground of interfering sine curves and a rosette, as on banknotes.

    Returns
    -------
    uint8 (height, width, 3) RGB
    """
    # Drawn larger, so that hairlines come out thin: a twentieth of a millimetre or less.
    fine = max(2, math.ceil(23.5 / pixels_a_mm))
    large = np.array((width * fine, height * fine))
    paper = np.empty((height * fine, width * fine, 3), np.uint8)
    across = np.linspace(0, 1, width * fine)
    for channel in range(3):
        ends = [colour[channel] for colour in scheme.papers]
        paper[:, :, channel] = np.interp(across, (0, 0.5, 1), ends)
    x = np.linspace(0, 1, 400)
    step = 1.15 * pixels_a_mm / height  # mm between the curves of a family
    for family, colour in enumerate(scheme.lines):
        for n in range(int(1.2 / step)):
            phase = n * (0.10 + 0.03 * family)
            y = (
                (n * step)
                - 0.1
                + 0.055 * np.sin(2 * np.pi * (1.5 + family) * x + phase)
                + 0.022 * np.sin(2 * np.pi * (5 - family) * x - 2 * phase)
            )
            _curve(paper, np.stack((x, y), axis=-1) * large, colour)
    centre = large * (0.62, 0.56)
    for turn in np.linspace(0, 2 * np.pi / 12, 9)[:-1]:
        _curve(paper, centre + rosette(0.42 * large.min(), turn), scheme.lines[2])
    return np.asarray(cv2.resize(paper, (width, height), interpolation=cv2.INTER_AREA), np.uint8)


def rosette(radius: float, turn: float = 0.0, petals: int = 12) -> npt.NDArray[np.float64]:
    """Return a closed curve of petals around (0, 0): float64 (n, 2) xy."""
    angle = np.linspace(0, 2 * np.pi, 60 * petals + 1)
    reach = radius * (0.72 + 0.28 * np.cos(petals * (angle + turn)))
    return np.stack((reach * np.cos(angle), reach * np.sin(angle)), axis=-1)


def _curve(paper: Image, points: npt.NDArray[np.float64], colour: Colour) -> None:
    # Four binary places after the point: OpenCV's fixed-point coordinates.
    fixed = np.round(points * 16).astype(np.int32)
    cv2.polylines(paper, [fixed], False, colour, 1, cv2.LINE_AA, shift=4)
