"""Document channels: what a good photograph becomes on an identity document.

For measuring how far accuracy falls from photo against photo to document against photo, and for
training against it. Seeded: the same picture, face, seed and parameters give the same bits.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np

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
    Resize,
    Scan,
)
from renzheng.errors import InvalidInput
from renzheng.faces.portrait import portrait
from renzheng.types import Face, Image

__all__ = ["CHANNELS", "REVISION", "Channel", "get", "portrait"]

_DPI_300 = 378  # pixels: a portrait of 32 mm on a card at 300 dpi
_DPI_200 = 252


@dataclass(frozen=True)
class Channel:
    """A way from a photograph to a document's portrait.

    Attributes
    ----------
    name, description
        For people.
    effects
        What happens to the portrait, in order; `dataclasses.replace` varies their strengths.
    height
        Of the portrait before them, in pixels.
    """

    name: str
    description: str
    effects: tuple[Effect, ...] = ()
    height: int = 420

    def apply(self, image: Image, face: Face, seed: int = 0) -> Image:
        """What the document shows.

        Parameters
        ----------
        image
            uint8 (H, W, 3) RGB, the photograph; it is not changed.
        face
            Whose portrait to make.
        seed
            Chooses what varies from document to document; 0 or more.

        Returns
        -------
        uint8 (h, w, 3) RGB

        Raises
        ------
        InvalidInput
            If the picture is not RGB, or the face's eyes are in one place.
        """
        pixels = portrait(image, face, self.height).astype(np.float32)
        rng = np.random.default_rng(seed)
        for effect in self.effects:
            pixels = effect(pixels, rng)
        return np.asarray(np.clip(pixels + 0.5, 0, 255), np.uint8)


CHANNELS: Mapping[str, Channel] = MappingProxyType(
    {
        channel.name: channel
        for channel in (
            Channel("none", "the portrait cut out, nothing else: what the others compare with"),
            Channel(
                "chip",
                "the face image of a chip: 102 x 126 px, strong JPEG",
                (Resize(102, 126), Jpeg(25)),
            ),
            Channel(
                "chip-50",
                "the face image of a chip: 102 x 126 px, JPEG of quality 50",
                (Resize(102, 126), Jpeg(50)),
            ),
            Channel(
                "printed-scanned",
                "printed in four screens on a card, scanned at 300 dpi, JPEG",
                (Halftone(), Scan(), Jpeg(75)),
                _DPI_300,
            ),
            Channel("glare", "lamination mirrors a lamp: burnt-out streaks, a veil", (Glare(),)),
            Channel("blur", "out of focus and moved", (Defocus(),)),
            Channel("colour-cast", "wrong white balance, saturation and gamma", (ColourCast(),)),
            Channel("hologram", "a diffractive overlay lights up over the face", (Hologram(),)),
            Channel(
                "photocopy",
                "a grey photocopy: hard contrast, speckles, bands",
                (Photocopy(), Jpeg(70)),
                _DPI_300,
            ),
            Channel(
                "worn-card",
                "a worn card at 200 dpi: print, hologram, glare, blur, JPEG, each mild",
                (
                    Halftone(cell=2.0),
                    Hologram(0.18),
                    Glare(1, 0.5, 0.08),
                    Scan(2.0, 0.7, 4.0),
                    Jpeg(60),
                ),
                _DPI_200,
            ),
        )
    }
)


def get(name: str) -> Channel:
    """A channel by name.

    Raises
    ------
    InvalidInput
        If there is none of that name.
    """
    if name not in CHANNELS:
        raise InvalidInput(
            f"no document channel is called {name!r}", remedy=f"there are: {', '.join(CHANNELS)}"
        )
    return CHANNELS[name]
