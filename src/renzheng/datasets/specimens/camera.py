"""Captures of a specimen card by a device: scanned, photographed, copied. The corners go along.

Each capture is data: the effects on the card itself, its place, the effects of the device.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Protocol

import cv2
import numpy as np

from renzheng.datasets.degradations import through
from renzheng.datasets.degradations.effects import (
    Defocus,
    Effect,
    Faded,
    Jpeg,
    Laminate,
    Moire,
    Photocopy,
    Print,
    Scan,
    Scratches,
    SensorNoise,
    TwoTone,
    UnevenLight,
)
from renzheng.datasets.registry import find
from renzheng.datasets.specimens.geometry import (
    Matrix,
    PinholeCamera,
    dots_per_inch,
    moved,
    project,
    rolled,
    scaled,
    warp,
)
from renzheng.datasets.specimens.layouts import LAYOUTS, MM_AN_INCH
from renzheng.datasets.specimens.ornaments import round_corners
from renzheng.datasets.specimens.schemes import Colour
from renzheng.datasets.specimens.specimen import Corners, Specimen, generator
from renzheng.datasets.specimens.surroundings import desk, lay
from renzheng.errors import InvalidInput
from renzheng.types import Image

MAX_TILT = 35.0  # degrees; beyond it the desk's horizon comes into the picture


class Camera(Protocol):
    """A way from a drawn card to a picture of it."""

    @property
    def name(self) -> str:
        """Name, for people and `CAPTURES`."""

    @property
    def description(self) -> str:
        """Description for people."""

    def apply(self, specimen: Specimen, seed: int = 0) -> Specimen:
        """Take a picture of the card.

        Parameters
        ----------
        specimen
            A specimen from `draw`, turned or not: the card fills the picture. It is not changed.
        seed
            Chooses what varies from picture to picture; 0 or more.

        Raises
        ------
        InvalidInput
            If the card does not fill the picture, or the seed is negative.
        """


@dataclass(frozen=True)
class Drawn:
    """The drawn card itself: what the others compare with."""

    name: str
    description: str

    def apply(self, specimen: Specimen, seed: int = 0) -> Specimen:
        """Return the same card."""
        _check(specimen)
        generator(seed)
        return specimen


@dataclass(frozen=True)
class Scanned:
    """A flatbed scanner or copier.

    Attributes
    ----------
    name, description
        Texts for people.
    dpi
        The scan's pixels an inch.
    beds
        Colours behind the card; one is drawn.
    skew
        The greatest angle at which the card lies, degrees.
    room
        Least and greatest free room on each side, as shares of the card's longer side.
    lines
        The print's screen, lines an inch; 0 for continuous tone.
    surface
        The effects on the printed card before the scan, in order, in the card's pixels.
    device
        The effects of the device on the whole picture, in order.
    """

    name: str
    description: str
    dpi: float
    beds: tuple[Colour, ...] = ((222, 222, 220), (250, 250, 250), (48, 48, 50))
    skew: float = 4.0
    room: tuple[float, float] = (0.03, 0.16)
    lines: float = 133.0
    surface: tuple[Effect, ...] = ()
    device: tuple[Effect, ...] = (Scan(skew=0), Jpeg(75))

    def apply(self, specimen: Specimen, seed: int = 0) -> Specimen:
        """Scan the card; see `Camera.apply`."""
        rng = _begin(specimen, seed)
        card = _surface(specimen, self.lines, self.surface, rng)
        height, width = card.shape[:2]
        scale = self.dpi / specimen.dpi
        turn = scaled(scale) @ rolled(float(rng.uniform(-self.skew, self.skew)))
        corners = project(turn, [[0, 0], [width, 0], [width, height], [0, height]])
        low, extent = corners.min(axis=0), np.ptp(corners, axis=0)
        rooms = rng.uniform(*self.room, 4) * max(width, height) * scale
        matrix = moved(rooms[0] - low[0], rooms[1] - low[1]) @ turn
        size = round(rooms[0] + extent[0] + rooms[2]), round(rooms[1] + extent[1] + rooms[3])
        bed = self.beds[int(rng.integers(len(self.beds)))]
        ground = np.full((size[1], size[0], 3), bed, np.uint8)
        # The lamp moves along the glass on one side of the lens: a thin shadow on the other.
        pixels = lay(
            warp(card, matrix, size, border=cv2.BORDER_REPLICATE),
            warp(_mask(specimen), matrix, size, border=cv2.BORDER_CONSTANT),
            ground,
            shadow=0.5,
            reach=0.9 * self.dpi / MM_AN_INCH,
            towards=math.pi / 2,
        )
        return _end(specimen, through(self.device, pixels, rng), matrix)


@dataclass(frozen=True)
class Photographed:
    """A phone's camera above a desk.

    Attributes
    ----------
    name, description
        Texts for people.
    tilt
        The greatest tilt of the card's plane about each of its axes, 0 to 35 degrees.
    roll
        The greatest rotation in the picture, degrees.
    fill
        The least and greatest share of the picture's width that the card fills.
    lines, surface, device
        See `Scanned`.
    screen
        Whether the card is shown on a screen instead of lying on a desk.
    """

    name: str
    description: str
    tilt: float = 20.0
    roll: float = 8.0
    fill: tuple[float, float] = (0.45, 0.9)
    lines: float = 0.0
    surface: tuple[Effect, ...] = ()
    device: tuple[Effect, ...] = (
        UnevenLight(),
        Defocus(0.0009, 0.0012),
        SensorNoise(),
        Jpeg(85),
    )
    screen: bool = False

    def __post_init__(self) -> None:
        if not 0 <= self.tilt <= MAX_TILT:
            raise InvalidInput(f"the tilt must be 0 to {MAX_TILT:g} degrees, not {self.tilt}")
        if not 0 < self.fill[0] <= self.fill[1] <= 1:
            raise InvalidInput(f"fill must be two shares in order, 0 to 1, not {self.fill}")

    def apply(self, specimen: Specimen, seed: int = 0) -> Specimen:
        """Photograph the card; see `Camera.apply`."""
        rng = _begin(specimen, seed)
        card = _surface(specimen, self.lines, self.surface, rng)
        height, width = card.shape[:2]
        # One phone for all cards: 5.4 x 4.05 inches of print at the card's resolution.
        sides = round(5.4 * specimen.dpi), round(4.05 * specimen.dpi)
        size = sides if width >= height else sides[::-1]
        focal = float(rng.uniform(0.75, 1.0)) * max(size)  # 27 to 36 mm on 35 mm film
        tilts = rng.uniform(-self.tilt, self.tilt, 2)
        matrix = PinholeCamera(focal, *size).frame(
            (width, height),
            (float(tilts[0]), float(tilts[1])),
            float(rng.uniform(-self.roll, self.roll)),
            float(rng.uniform(*self.fill)),
            (float(rng.uniform(0.15, 0.85)), float(rng.uniform(0.15, 0.85))),
        )
        if self.screen:
            page = int(rng.choice((24, 60, 235)))
            ground = np.full((size[1], size[0], 3), page, np.uint8)
        else:
            ground = desk(matrix, size, rng)
        pixels = lay(
            warp(card, matrix, size, border=cv2.BORDER_REPLICATE),
            warp(_mask(specimen), matrix, size, border=cv2.BORDER_CONSTANT),
            ground,
            shadow=0.0 if self.screen else float(rng.uniform(0.35, 0.65)),
            reach=float(rng.uniform(0.008, 0.02)) * max(size),
            towards=float(rng.uniform(0, 2 * np.pi)),
        )
        return _end(specimen, through(self.device, pixels, rng), matrix)


def _check(specimen: Specimen) -> None:
    height, width = specimen.image.shape[:2]
    low, high = specimen.card.min(axis=0), specimen.card.max(axis=0)
    if not np.allclose((*low, *high), (0, 0, width, height), atol=0.5):
        raise InvalidInput(
            "the card must fill the picture before it is captured",
            remedy="capture what draw returns; turn pictures afterwards",
        )


def _begin(specimen: Specimen, seed: int) -> np.random.Generator:
    _check(specimen)
    return generator(seed)


def _surface(
    specimen: Specimen, lines: float, effects: tuple[Effect, ...], rng: np.random.Generator
) -> Image:
    steps = (Print(cell=specimen.dpi / lines), *effects) if lines else effects
    if not steps:
        return specimen.image
    return through(steps, specimen.image.astype(np.float32), rng)


def _mask(specimen: Specimen) -> Image:
    height, width = specimen.image.shape[:2]
    layout = LAYOUTS.get(specimen.layout)
    radius = layout.radius if layout else 0.0
    return round_corners(width, height, round(radius * specimen.dpi / MM_AN_INCH))


def _end(specimen: Specimen, image: Image, matrix: Matrix) -> Specimen:
    def along(corners: Corners) -> Corners:
        return project(matrix, corners).astype(np.float32)

    height, width = specimen.image.shape[:2]
    millimetres = width / specimen.dpi * MM_AN_INCH, height / specimen.dpi * MM_AN_INCH
    card = along(specimen.card)
    return replace(
        specimen,
        image=image,
        portrait=along(specimen.portrait),
        ghost=None if specimen.ghost is None else along(specimen.ghost),
        card=card,
        dpi=dots_per_inch(card, millimetres),
    )


_PAPER: tuple[Colour, ...] = ((250, 250, 250),)
_PHOTO = Photographed(
    "photo", "photographed by a phone on a desk: tilted, unevenly lit, blurred, noisy, JPEG"
)
_CAPTURES: tuple[Camera, ...] = (
    Drawn("none", "the drawn card filling the picture"),
    Scanned("scan-300", "printed in four screens, scanned askew at 300 dpi, JPEG", 300),
    Scanned("scan-200", "printed in four screens, scanned askew at 200 dpi, JPEG", 200),
    _PHOTO,
    replace(
        _PHOTO,
        name="laminate-glare",
        description="photographed; the laminate mirrors lamps over the card",
        # Lit before the lamps are mirrored, as these outshine all paper and must burn out.
        surface=(UnevenLight(), Laminate()),
        device=_PHOTO.device[1:],
    ),
    Scanned(
        "photocopy",
        "a grey photocopy on white paper, scanned at 300 dpi",
        300,
        beds=_PAPER,
        room=(0.06, 0.3),
        lines=0,
        device=(Photocopy(), Jpeg(75)),
    ),
    Scanned(
        "two-tone",
        "a fax-like copy at 200 dpi: black and white only",
        200,
        beds=_PAPER,
        room=(0.06, 0.3),
        lines=0,
        device=(TwoTone(),),
    ),
    replace(
        _PHOTO,
        name="moire",
        description="photographed from a screen: its pixels beat with the camera's",
        screen=True,
        device=(Moire(), UnevenLight(0.1), Defocus(0.0007, 0), SensorNoise(2.0), Jpeg(85)),
    ),
    Scanned(
        "worn",
        "printed, faded and scratched, scanned at 300 dpi",
        300,
        surface=(Faded(), Scratches()),
    ),
)
CAPTURES: Mapping[str, Camera] = MappingProxyType({each.name: each for each in _CAPTURES})


def get(name: str) -> Camera:
    """Return a capture by name.

    Raises
    ------
    InvalidInput
        If the name is unknown.
    """
    return find(CAPTURES, name, "capture")
