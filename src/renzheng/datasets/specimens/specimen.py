"""A picture of a specimen document, and the corners of what it shows."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from renzheng.errors import InvalidInput
from renzheng.types import Image

# float32 (4, 2) xy px: top left, top right, bottom right, bottom left of a thing as it stands
# upright. (0, 0) is the corner of the first pixel, whose centre is (0.5, 0.5), so that turning by
# quarters is exact.
Corners = npt.NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class Specimen:
    """A picture of a specimen document with its ground truth.

    Attributes
    ----------
    image
        uint8 (H, W, 3) RGB.
    layout
        The name of the layout.
    portrait
        float32 (4, 2) xy px: top left, top right, bottom right and bottom left of the main
        portrait as it stands upright; (0, 0) is the corner of the picture's first pixel.
    ghost
        The corners of the ghost portrait's window likewise; None where the layout has none.
    card
        The corners of the card likewise, as if they were not rounded.
    dpi
        The card's resolution in the picture, pixels an inch; under perspective the mean over its
        area.
    """

    image: Image
    layout: str
    portrait: Corners
    ghost: Corners | None
    card: Corners
    dpi: float

    def to_dict(self) -> dict[str, Any]:
        """Return the ground truth as plain values for JSON, without the pixels."""
        return {
            "layout": self.layout,
            "size": [self.image.shape[1], self.image.shape[0]],
            "dpi": round(self.dpi, 2),
            "portrait": _plain(self.portrait),
            "ghost": None if self.ghost is None else _plain(self.ghost),
            "card": _plain(self.card),
        }


def rectangle(left: float, top: float, width: float, height: float) -> Corners:
    """Return the corners of an upright rectangle."""
    right, bottom = left + width, top + height
    return np.array([[left, top], [right, top], [right, bottom], [left, bottom]], np.float32)


def generator(seed: int) -> np.random.Generator:
    """Return the random generator of a seed.

    Raises
    ------
    InvalidInput
        If the seed is not a whole number, or negative.
    """
    if not isinstance(seed, (int, np.integer)) or seed < 0:
        raise InvalidInput(f"the seed must be a whole number of 0 or more, not {seed}")
    return np.random.default_rng(seed)


def turned(specimen: Specimen, quarter_turns: int) -> Specimen:
    """Turn picture and corners clockwise by quarters; no pixel changes its value.

    Parameters
    ----------
    specimen
        Any specimen; it is not changed.
    quarter_turns
        Any whole number; 1 is 90 degrees clockwise.

    Raises
    ------
    InvalidInput
        If `quarter_turns` is not a whole number.
    """
    if not isinstance(quarter_turns, (int, np.integer)):
        raise InvalidInput(f"quarter turns must be a whole number, not {quarter_turns}")
    height, width = specimen.image.shape[:2]
    turns = int(quarter_turns) % 4

    def turn(corners: Corners) -> Corners:
        x, y = corners[:, 0], corners[:, 1]
        places = ((x, y), (height - y, x), (width - x, height - y), (y, width - x))
        return np.stack(places[turns], axis=1).astype(np.float32)

    return replace(
        specimen,
        image=np.ascontiguousarray(np.rot90(specimen.image, -turns)),
        portrait=turn(specimen.portrait),
        ghost=None if specimen.ghost is None else turn(specimen.ghost),
        card=turn(specimen.card),
    )


def _plain(corners: Corners) -> list[list[float]]:
    return [[round(float(v), 2) for v in point] for point in corners]
