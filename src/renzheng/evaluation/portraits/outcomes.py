"""The trials of a portrait study, and their outcomes."""

from __future__ import annotations

from dataclasses import dataclass

RIGHT, WRONG, REFUSED, MISSED = "right", "wrong", "refused", "missed"


@dataclass(frozen=True)
class Trial:
    """One document.

    Attributes
    ----------
    picture
        The name of the photograph that is printed.
    capture
        The way the document was scanned or photographed (`renzheng.datasets.specimens.CAPTURES`).
    turns
        Quarter turns clockwise.
    seed
        Seed of layout, names, wear and camera.
    """

    picture: str
    capture: str
    turns: int
    seed: int


@dataclass(frozen=True)
class TrialOutcome:
    """The outcome of one document.

    Attributes
    ----------
    trial
        The document.
    layout
        The layout that was drawn.
    result
        ``right``: the main portrait was chosen. ``wrong``: something else was. ``refused``: faces
        were found and none was taken. ``missed``: no face was found.
    ghost
        The `FaceKind` that the ghost portrait was taken for; ``unseen`` where no face was found in
        it, ``none`` where the document has none.
    doubt
        Whether a finding casts doubt on the portrait, so that no comparison would be a match.
    steps
        The steps taken to find the face.
    seconds
        The time from pixels to choice.
    """

    trial: Trial
    layout: str
    result: str
    ghost: str
    doubt: bool
    steps: str
    seconds: float
