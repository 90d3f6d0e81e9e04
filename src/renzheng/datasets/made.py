"""Documents made from photographs: a portrait through a channel, or a whole card through a capture.

Channels keep their names (`renzheng.datasets.degradations.CHANNELS`); captures of whole cards
(`renzheng.datasets.specimens.CAPTURES`) are called ``card-`` and their name.
"""

from __future__ import annotations

from renzheng.datasets import degradations, specimens
from renzheng.errors import InvalidInput
from renzheng.types import Face, Image

CARD = "card-"


def names() -> dict[str, str]:
    """Every way to make a document, with its description."""
    cards = {
        f"{CARD}{name}": f"a whole specimen card: {capture.description}"
        for name, capture in specimens.CAPTURES.items()
    }
    return {name: c.description for name, c in degradations.CHANNELS.items()} | cards


def check(name: str) -> None:
    """Make sure that there is such a way.

    Raises
    ------
    InvalidInput
        If there is not.
    """
    if name not in names():
        raise InvalidInput(
            f"no document channel is called {name!r}", remedy=f"there are: {', '.join(names())}"
        )


def make(name: str, image: Image, face: Face, seed: int) -> Image:
    """The picture of a document of this face.

    Parameters
    ----------
    name
        One of `names`.
    image
        uint8 (H, W, 3) RGB, the photograph.
    face
        Whose document.
    seed
        Of all that varies; 0 or more.
    """
    if not name.startswith(CARD):
        return degradations.get(name).apply(image, face, seed)
    card = specimens.make(image, face, seed=seed)
    return specimens.get(name.removeprefix(CARD)).apply(card, seed).image


def key(name: str) -> list[object]:
    """What the documents of this name depend on besides photograph and seed."""
    if not name.startswith(CARD):
        return [repr(degradations.get(name)), degradations.REVISION]
    capture = specimens.get(name.removeprefix(CARD))
    return [repr(capture), degradations.REVISION, specimens.REVISION]
