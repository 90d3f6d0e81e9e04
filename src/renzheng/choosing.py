"""Which face of a picture is meant: one rule for each role, and the evidence for its choice."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from renzheng.errors import NoFace
from renzheng.types import Candidate, Choice, Face, Part, Role

# A second face of a quarter of the area, half as wide, could be meant too. Of 1,500 LFW pictures,
# press photographs with bystanders, 11 % have one.
_RIVAL_AREA = 0.25
_RIVAL_SCORE = 0.9  # below, it may not be a face at all
# A ghost portrait is printed weaker than the main one; main portraits of one sheet are alike.
_WEAKER = 0.8
_FAINT = 0.6  # contrast over the main portrait's: too weak for somebody else's portrait
# How far a passport photograph of 35 x 45 mm reaches from the eyes, in distances between them: to
# either side, up and down. Another portrait cannot begin within it.
_BESIDE, _ABOVE, _BELOW = 2.0, 2.3, 2.8


def choose_face(faces: Sequence[Face], size: tuple[int, int]) -> Face:
    """The face that a photograph is about: large and near the middle.

    Parameters
    ----------
    faces
        At least one.
    size
        Width and height of the picture.

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
    """The person that a photograph or a live picture shows.

    Parameters
    ----------
    faces, size
        As in `choose_face`.
    role
        ``photo`` or ``live``; the choice is the same, what follows from rivals is not.

    Raises
    ------
    NoFace
        If `faces` is empty.
    """
    chosen = choose_face(faces, size)
    others = [
        Candidate(
            face,
            Part.RIVAL if _is_rival(face, chosen) else Part.BYSTANDER,
            _area(face) / _area(chosen),
        )
        for face in faces
        if face is not chosen
    ]
    rivals = sum(each.part is Part.RIVAL for each in others)
    if not others:
        reason = "the only face"
    elif rivals:
        reason = f"large and near the middle, but {rivals} other(s) of similar size"
    else:
        reason = f"large and near the middle; {len(others)} far smaller or uncertain one(s)"
    return Choice(role, (Candidate(chosen, Part.CHOSEN, 1.0), *others), reason)


def choose_portrait(
    faces: Sequence[Face],
    contrasts: npt.ArrayLike,
    distances: npt.ArrayLike,
    alike: float | None,
) -> Choice:
    """The main portrait of a document.

    Parameters
    ----------
    faces
        At least one.
    contrasts
        (n,): standard deviation of each face's luminance, 0 to 255.
    distances
        (n, n): Euclidean distances between the faces' embeddings.
    alike
        Up to this distance two faces of one document are taken for one person's; None where
        nobody knows it.

    Returns
    -------
    Choice
        Chosen is the face with the greatest area times contrast: the main portrait is printed
        larger and stronger than its ghost. Another face is a ghost if its embedding lies near to
        it and it is weaker, a copy if it is as strong, an intruder if it is in the same
        photograph, and a rival if it is somebody else's of a size and strength that a portrait
        could have.

    Raises
    ------
    NoFace
        If `faces` is empty.
    """
    if not faces:
        raise NoFace("no face was found")
    strong = np.asarray(contrasts, np.float64)
    apart = np.asarray(distances, np.float64)
    sure = np.array([face.score >= _RIVAL_SCORE for face in faces])
    weights = np.array([_area(face) for face in faces]) * strong * np.where(sure, 1.0, 0.1)
    main = int(weights.argmax())

    def part(k: int) -> Part:
        if alike is not None and apart[main, k] <= alike:
            return Part.GHOST if weights[k] < _WEAKER * weights[main] else Part.COPY
        if not _is_rival(faces[k], faces[main]) or strong[k] < _FAINT * strong[main]:
            return Part.BYSTANDER
        return Part.INTRUDER if _in_the_photograph_of(faces[main], faces[k]) else Part.RIVAL

    others = [
        Candidate(
            faces[k],
            part(k),
            _area(faces[k]) / _area(faces[main]),
            float(strong[k]),
            float(apart[main, k]),
        )
        for k in range(len(faces))
        if k != main
    ]
    chosen = Candidate(faces[main], Part.CHOSEN, 1.0, float(strong[main]), 0.0)
    return Choice(Role.DOCUMENT, (chosen, *others), _reason(others))


def _reason(others: Sequence[Candidate]) -> str:
    if not others:
        return "the only face"
    words = {
        Part.GHOST: "weaker portrait(s) of the same person",
        Part.COPY: "equal portrait(s) of the same person",
        Part.RIVAL: "portrait(s) of somebody else",
        Part.INTRUDER: "other person(s) in the same photograph",
        Part.BYSTANDER: "small, faint or uncertain face(s)",
    }
    counts = {part: sum(each.part is part for each in others) for part in words}
    told = (f"{count} {words[part]}" for part, count in counts.items() if count)
    return f"the largest and strongest portrait; beside it {', '.join(told)}"


def _is_rival(face: Face, chosen: Face) -> bool:
    return face.score >= _RIVAL_SCORE and _area(face) >= _RIVAL_AREA * _area(chosen)


def _in_the_photograph_of(main: Face, other: Face) -> bool:
    """Whether a face lies so near that it must be in the same passport photograph."""
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
    return face.width * face.height
