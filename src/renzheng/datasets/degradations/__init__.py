"""Degradations: what a good photograph becomes on an identity document.

They measure how far accuracy falls from photo against photo to document against photo, and networks
are trained against them. Seeded: equal photograph, face, seed and parameters give equal bits.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np

from renzheng._renamed import old_names
from renzheng.datasets.degradations.effects import (
    REVISION,
    ColourCast,
    Defocus,
    Effect,
    Glare,
    Halftone,
    Hologram,
    Jpeg,
    Photocopy,
    Pixels,
    Resize,
    Scan,
)
from renzheng.datasets.registry import find
from renzheng.faces.portrait import portrait
from renzheng.types import Face, Image

__all__ = ["DEGRADATIONS", "REVISION", "Degradation", "get", "portrait"]

_DPI_300 = 378  # pixels: a portrait of 32 mm on a card at 300 dpi
_DPI_200 = 252


@dataclass(frozen=True)
class Degradation:
    """The steps from a photograph to a document's portrait.

    Attributes
    ----------
    name, description
        Texts for people.
    effects
        The steps after the portrait was cut out, in order; `dataclasses.replace` varies their
        strengths.
    height
        The portrait's height before the effects, in pixels.
    """

    name: str
    description: str
    effects: tuple[Effect, ...] = ()
    height: int = 420

    def apply(self, image: Image, face: Face, seed: int = 0) -> Image:
        """Make the document's portrait.

        Parameters
        ----------
        image
            uint8 (H, W, 3) RGB, the photograph; it is not changed.
        face
            The face to cut out.
        seed
            Chooses what varies from document to document; 0 or more.

        Returns
        -------
        uint8 (h, w, 3) RGB

        Raises
        ------
        InvalidInput
            If the image is not RGB, or the face's eyes are in one place.
        """
        pixels = portrait(image, face, self.height).astype(np.float32)
        return through(self.effects, pixels, np.random.default_rng(seed))

    @property
    def key(self) -> str:
        """The text under which caches know these steps; stored ones begin with ``Channel``."""
        return repr(self).replace(type(self).__name__, "Channel", 1)


def through(effects: Sequence[Effect], pixels: Pixels, rng: np.random.Generator) -> Image:
    """Apply effects in order to float32 (H, W, 3) RGB, and round to uint8."""
    for effect in effects:
        pixels = effect(pixels, rng)
    return np.asarray(np.clip(pixels + 0.5, 0, 255), np.uint8)


_DEGRADATIONS = (
    Degradation("none", "the portrait cut out, nothing else: what the others compare with"),
    Degradation(
        "chip",
        "the face image of a chip: 102 x 126 px, strong JPEG",
        (Resize(102, 126), Jpeg(25)),
    ),
    Degradation(
        "chip-50",
        "the face image of a chip: 102 x 126 px, JPEG of quality 50",
        (Resize(102, 126), Jpeg(50)),
    ),
    Degradation(
        "printed-scanned",
        "printed in four screens on a card, scanned at 300 dpi, JPEG",
        (Halftone(), Scan(), Jpeg(75)),
        _DPI_300,
    ),
    Degradation("glare", "lamination mirrors a lamp: burnt-out streaks, a veil", (Glare(),)),
    Degradation("blur", "out of focus and moved", (Defocus(),)),
    Degradation("colour-cast", "wrong white balance, saturation and gamma", (ColourCast(),)),
    Degradation("hologram", "a diffractive overlay lights up over the face", (Hologram(),)),
    Degradation(
        "photocopy",
        "a grey photocopy: hard contrast, speckles, bands",
        (Photocopy(), Jpeg(70)),
        _DPI_300,
    ),
    Degradation(
        "worn-card",
        "a worn card at 200 dpi: print, hologram, glare, blur, JPEG, each mild",
        (Halftone(cell=2.0), Hologram(0.18), Glare(1, 0.5, 0.08), Scan(2.0, 0.7, 4.0), Jpeg(60)),
        _DPI_200,
    ),
)
DEGRADATIONS: Mapping[str, Degradation] = MappingProxyType({d.name: d for d in _DEGRADATIONS})


def get(name: str) -> Degradation:
    """Return a degradation by name.

    Raises
    ------
    InvalidInput
        If the name is unknown.
    """
    return find(DEGRADATIONS, name, "document degradation")


__getattr__ = old_names(__name__, {"CHANNELS": "DEGRADATIONS", "Channel": "Degradation"})
