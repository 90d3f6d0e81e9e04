"""The choice of the face that a picture is about: one rule for each role, with its evidence."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from renzheng.errors import NoFace
from renzheng.types import Choice, Face, FaceCandidate, FaceKind, Role

# A second face of a quarter of the area, half as wide, could be meant too: 11 % of 1,500 LFW
# pictures, press photographs with bystanders, have one.
_RIVAL_AREA = 0.25
_RIVAL_SCORE = 0.9  # below, it may not be a face at all
# A ghost portrait is printed smaller and weaker than the main one: on 35 specimens 0.09 to 0.39 of
# its area and 0.16 to 0.63 of its contrast.
_GHOST_AREA, _GHOST_CONTRAST = 0.6, 0.8
# Contrast over the main portrait's, and area likewise: a face so faint and of a ghost's size is a
# ghost too weak to be recognised, and not another person's portrait, unless its embedding speaks
# against that. Among good portraits of two people of equal size 14 % differ that much in contrast.
_FAINT, _FAINT_AREAS = 0.6, (0.08, 0.5)
_VERY_FAINT, _VERY_FAINT_AREAS = 0.4, (0.08, 1.0)
# How far a passport photograph of 35 x 45 mm reaches from the eyes, in distances between them: to
# either side, up and down. Another portrait cannot begin within it.
_BESIDE, _ABOVE, _BELOW = 2.0, 2.3, 2.8


@dataclass(frozen=True)
class SamePersonLimits:
    """The distances of embeddings up to which two faces of one document count as one person's.

    Attributes
    ----------
    copy
        The limit for two good portraits.
    ghost
        The limit for a portrait and a smaller, weaker one, which is too faint to lie as near.
    possible
        The limit beyond which even a faint portrait is somebody else's.
    """

    copy: float
    ghost: float
    possible: float


def choose_face(faces: Sequence[Face], size: tuple[int, int]) -> Face:
    """Return the face that a photograph is about: large and near the middle.

    Parameters
    ----------
    faces
        The faces of the picture, at least one.
    size
        Width and height of the picture in pixels.

    Returns
    -------
    Face
        The one with the greatest area minus twice the squared distance of its centre from the
        picture's centre: FaceNet's rule for pictures of one person with bystanders.

    Raises
    ------
    NoFace
        If `faces` is empty.
    """
    if not faces:
        raise NoFace("no face was found")
    centre = np.asarray(size, np.float64) / 2

    def weight(face: Face) -> float:
        offset = (face.box[:2] + face.box[2:]) / 2 - centre
        return _area(face) - 2 * float(offset @ offset)

    return max(faces, key=weight)


def choose_person(faces: Sequence[Face], size: tuple[int, int], role: Role) -> Choice:
    """Choose the person that a photograph or a live picture shows.

    Parameters
    ----------
    faces, size
        As in `choose_face`.
    role
        ``photo`` or ``live``; the choice is the same, the severity of a rival is not.

    Raises
    ------
    NoFace
        If `faces` is empty.
    """
    chosen = choose_face(faces, size)
    others = [_other(face, chosen) for face in faces if face is not chosen]
    rivals = sum(each.kind is FaceKind.RIVAL for each in others)
    if not others:
        reason = "the only face"
    elif rivals:
        reason = f"large and near the middle, but {rivals} other(s) of similar size"
    else:
        reason = f"large and near the middle; {len(others)} far smaller or uncertain one(s)"
    return Choice(role, (FaceCandidate(chosen, FaceKind.CHOSEN, 1.0), *others), reason)


def choose_portrait(
    faces: Sequence[Face],
    contrasts: npt.ArrayLike,
    distances: npt.ArrayLike,
    limits: SamePersonLimits | None,
    *,
    on_document: Sequence[bool] | None = None,
    others: Sequence[Face] = (),
) -> Choice:
    """Choose the main portrait of a document.

    Parameters
    ----------
    faces
        The faces that were compared, at least one.
    contrasts
        (n,): standard deviation of each face's luminance, 0 to 255.
    distances
        (n, n): Euclidean distances between the faces' embeddings.
    limits
        The distances up to which two faces count as one person's; None without a calibration.
    on_document
        (n,): whether each face lies on the document; only such a face can be its main portrait. By
        default all do.
    others
        The faces that were not compared: they can only be rivals, strangers or bystanders.

    Returns
    -------
    Choice
        The chosen face has the greatest product of area, contrast and log-odds of being a face:
        the main portrait is printed larger and stronger than its ghost, and shows a whole face.
        Another face is a ghost if it is smaller and weaker and its embedding lies near; a copy if
        the embedding lies very near; an intruder if the face is in the same photograph; a rival if
        it has the size and strength of a portrait; a stranger if it is too small for that, but
        strong; a bystander otherwise.

    Raises
    ------
    NoFace
        If `faces` is empty.
    """
    if not faces:
        raise NoFace("no face was found")
    strength = np.asarray(contrasts, np.float64)
    apart = np.asarray(distances, np.float64)
    scores = np.clip([face.score for face in faces], 0.5, 1 - 1e-6)
    certain = scores >= _RIVAL_SCORE
    weights = np.array([_area(face) for face in faces]) * strength * np.log(scores / (1 - scores))
    if on_document is not None:
        weights = np.where(on_document, weights, -1.0)
    main = int(weights.argmax())

    def kind(k: int) -> FaceKind:
        area = _area(faces[k]) / _area(faces[main])
        contrast = strength[k] / max(strength[main], 1e-6)
        if limits is not None:
            ghostly = area < _GHOST_AREA and contrast < _GHOST_CONTRAST
            if apart[main, k] <= limits.copy:
                return FaceKind.GHOST if ghostly else FaceKind.COPY
            if ghostly and apart[main, k] <= limits.ghost:
                return FaceKind.GHOST
        faint = any(
            contrast < limit and smallest <= area <= largest
            for limit, (smallest, largest) in (
                (_FAINT, _FAINT_AREAS),
                (_VERY_FAINT, _VERY_FAINT_AREAS),
            )
        )
        possible = limits is None or apart[main, k] <= limits.possible
        if not certain[k] or (faint and possible):
            return FaceKind.BYSTANDER
        if area < _RIVAL_AREA:
            return FaceKind.STRANGER
        return FaceKind.INTRUDER if _in_the_photograph_of(faces[main], faces[k]) else FaceKind.RIVAL

    rest = [
        FaceCandidate(
            faces[k],
            kind(k),
            _area(faces[k]) / _area(faces[main]),
            float(strength[k]),
            float(apart[main, k]),
        )
        for k in range(len(faces))
        if k != main
    ]
    rest += [_other(face, faces[main], FaceKind.STRANGER) for face in others]
    chosen = FaceCandidate(faces[main], FaceKind.CHOSEN, 1.0, float(strength[main]), 0.0)
    return Choice(Role.DOCUMENT, (chosen, *rest), _reason(rest))


def _reason(others: Sequence[FaceCandidate]) -> str:
    if not others:
        return "the only face"
    words = {
        FaceKind.GHOST: "weaker portrait(s) of the same person",
        FaceKind.COPY: "more portrait(s) of the same person",
        FaceKind.RIVAL: "portrait(s) of somebody else",
        FaceKind.INTRUDER: "other person(s) in the same photograph",
        FaceKind.STRANGER: "smaller face(s) of somebody else",
        FaceKind.BYSTANDER: "small, faint or uncertain face(s)",
    }
    counts = {kind: sum(each.kind is kind for each in others) for kind in words}
    listed = (f"{count} {words[kind]}" for kind, count in counts.items() if count)
    return f"the largest and strongest portrait; beside it {', '.join(listed)}"


def _other(face: Face, chosen: Face, small: FaceKind = FaceKind.BYSTANDER) -> FaceCandidate:
    area = _area(face) / _area(chosen)
    if face.score < _RIVAL_SCORE:
        return FaceCandidate(face, FaceKind.BYSTANDER, area)
    return FaceCandidate(face, FaceKind.RIVAL if area >= _RIVAL_AREA else small, area)


def _in_the_photograph_of(main: Face, other: Face) -> bool:
    """Return whether a face lies so near that it must be in the same passport photograph."""
    left, right = main.landmarks[:2].astype(np.float64)
    across = right - left
    apart = float(np.hypot(*across))
    if not apart > 0:
        return False
    offset = (other.landmarks[:2].mean(axis=0, dtype=np.float64) - (left + right) / 2) / apart
    along = across / apart
    aside = float(offset @ along)
    down = float(offset @ (-along[1], along[0]))
    return abs(aside) <= _BESIDE and -_ABOVE <= down <= _BELOW


def _area(face: Face) -> float:
    return max(face.width * face.height, 1e-6)
