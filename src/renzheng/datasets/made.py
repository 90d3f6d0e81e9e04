"""Documents made from photographs: a degraded portrait, or a captured specimen card.

Degradations keep their names (`renzheng.datasets.degradations.DEGRADATIONS`); captures of whole
cards (`renzheng.datasets.specimens.CAPTURES`) are called ``card-`` and their name.
"""

from __future__ import annotations

from renzheng.datasets import degradations, specimens
from renzheng.datasets.registry import find
from renzheng.types import Face, Image

CARD = "card-"


def names() -> dict[str, str]:
    """Return every way to make a document, with its description."""
    cards = {
        f"{CARD}{name}": f"a whole specimen card: {capture.description}"
        for name, capture in specimens.CAPTURES.items()
    }
    return {name: d.description for name, d in degradations.DEGRADATIONS.items()} | cards


def check(name: str) -> None:
    """Make sure that a way to make documents exists.

    Raises
    ------
    InvalidInput
        If the name is unknown.
    """
    find(names(), name, "document degradation")


def make(name: str, image: Image, face: Face, seed: int) -> Image:
    """Make a document's image from a photograph.

    Parameters
    ----------
    name
        One of `names`.
    image
        uint8 (H, W, 3) RGB, the photograph.
    face
        The face that the document shows.
    seed
        Chooses what varies from document to document; 0 or more.
    """
    if not name.startswith(CARD):
        return degradations.get(name).apply(image, face, seed)
    card = specimens.make(image, face, seed=seed)
    return specimens.get(name.removeprefix(CARD)).apply(card, seed).image


def key(name: str) -> list[object]:
    """Return what the documents of this name depend on besides photograph and seed."""
    if not name.startswith(CARD):
        return [degradations.get(name).key, degradations.REVISION]
    capture = specimens.get(name.removeprefix(CARD))
    return [repr(capture), degradations.REVISION, specimens.REVISION]
