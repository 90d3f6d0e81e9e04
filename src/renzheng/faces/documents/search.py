"""Search for a document's faces, however it was scanned: turned, tilted, tight, tiny, two-tone."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import partial

import cv2
import numpy as np

from renzheng._support.threads import both
from renzheng.faces.documents.outline import Outline, find
from renzheng.faces.documents.perspective import Homography, flatten, tilted
from renzheng.faces.documents.placement import (
    askew,
    mapped,
    reduced,
    resize_matrix,
    scaled,
    turn_matrix,
    turned,
)
from renzheng.faces.documents.treatments import Detect, Treatment, treatments
from renzheng.types import Face, Image

# Raise it with every change of how a document's portrait is searched for and chosen: results that
# were computed before then no longer count.
SEARCH_REVISION = 6
# Of 150 scanned specimen cards, 98 % show a face of this score as they stand and under 1 % at any
# other quarter turn: a face that reaches it is upright, and nothing else needs to be tried.
_CERTAIN = 0.998
_GOOD = 0.97  # below this score the picture itself is treated, and faces are searched again
_SURE = 0.9  # the score of a face beside the document
_UPRIGHT = 45.0  # degrees: a face with more roll belongs to another quarter turn
_ASKEW = 20.0  # degrees: MTCNN finds fewer faces from about 35 on
_HEAD_START = 1.0  # log-odds by which a turned picture must be surer than the picture as it is
# Pixels of the searched picture. On an A4 sheet the face of a passport portrait is then about 60 px
# wide; smaller faces are searched in the finer picture, if the coarse one has no certain face.
_COARSE, _FINE = 1_200_000, 12_000_000


@dataclass(frozen=True, eq=False)
class DetectedFaces:
    """The faces of a picture, and the picture in the form in which they were found.

    Attributes
    ----------
    image
        uint8 (h, w, 3) RGB: the picture, turned upright and rectified as far as needed.
    faces
        The faces in pixels of `image`, the largest first.
    beside
        Sure faces that do not stand upright in `image` or lie outside the document's outline, also
        in pixels of `image`; they may lie outside it.
    matrix
        float64 (3, 3): from pixels of the given picture to pixels of `image`.
    turns
        Quarter turns clockwise.
    outline
        The document's outline in the given picture, if its perspective was removed.
    steps
        Descriptions of what was done.
    certain
        Whether an upright face is certain.
    """

    image: Image
    faces: tuple[Face, ...] = ()
    beside: tuple[Face, ...] = ()
    matrix: Homography = field(default_factory=lambda: np.eye(3))
    turns: int = 0
    outline: Outline | None = None
    steps: tuple[str, ...] = ()
    certain: bool = True


@dataclass(frozen=True, eq=False)
class _Look:
    """One way of looking at a picture, with the faces found, in pixels of the turned picture."""

    base: DetectedFaces
    turns: int
    faces: tuple[Face, ...]
    steps: tuple[str, ...] = ()
    askew: bool = False

    @property
    def certainty(self) -> float:
        """The log-odds of the surest upright face; minus infinity if there is none."""
        # Between two quarter turns, a face at 45 degrees stands upright in one of them.
        max_roll = _UPRIGHT / 2 if self.askew else _UPRIGHT
        upright = [face.score for face in self.faces if abs(roll(face)) <= max_roll]
        return max((_log_odds(score) for score in upright), default=-math.inf)

    @property
    def certain(self) -> bool:
        """Whether nothing else needs to be tried."""
        return self.certainty >= _log_odds(_CERTAIN)


def search_faces(image: Image, detect: Detect, min_face_size: int) -> DetectedFaces:
    """Search for the faces of a document.

    Parameters
    ----------
    image
        uint8 (H, W, 3) RGB, a picture of a document or from one.
    detect
        Finds the faces of a picture.
    min_face_size
        The smallest face that `detect` finds, in pixels.

    Returns
    -------
    DetectedFaces
        The result of the first look with a certain face; otherwise that of the best look; without
        any face, the picture as it is.

    Notes
    -----
    The looks, in order: the rectified document, if its outline is found; the picture as it is; both
    at the other quarter turns; the picture between two of them; all of them at finer resolution;
    and then with a grey border (for a face that fills the frame), enlarged, softened (screens,
    two-tone copies) and with its contrast stretched. Only reduced pictures are turned while
    searching, so memory stays bounded.
    """
    # All quarter turns of the picture as it is are needed in any case: if not by the search, then
    # by `_beside`.
    outline, whole = both(
        lambda: find(image), lambda: _turned_looks(DetectedFaces(image), _COARSE, detect)
    )
    best = _search(image, outline, whole, detect)
    if not best.faces:
        return DetectedFaces(image)
    best = _with_rivals(best, detect, min_face_size)
    beside = _beside(best, whole)
    # A face that is uncertain at one turn may be certain at another.
    faces = [f for f in best.faces if _is_certain(f) or not _overlaps(f, beside)]
    return replace(
        best.base,
        image=turned(best.base.image, best.turns),
        faces=tuple(sorted(faces, key=lambda face: -face.width * face.height)),
        beside=beside,
        matrix=turn_matrix(best.base.image.shape[:2], best.turns) @ best.base.matrix,
        turns=best.turns,
        steps=(
            *best.base.steps,
            *((f"turned by {90 * best.turns} degrees",) if best.turns else ()),
            *best.steps,
        ),
        certain=best.certain,
    )


def roll(face: Face) -> float:
    """Return the roll of a face in the picture's plane, in degrees, positive clockwise."""
    across = face.landmarks[1] - face.landmarks[0]
    return math.degrees(math.atan2(float(across[1]), float(across[0])))


def _search(image: Image, outline: Outline | None, whole: Sequence[_Look], detect: Detect) -> _Look:
    """Return the first certain look, or the best; `whole` are the looks at the picture as it is."""
    bases = [whole[0].base]
    looks: list[_Look] = []
    if outline is not None and (tilted(outline.corners) or _lies_askew(outline)):
        bases.insert(0, _flattened(image, outline))
        looks.append(_look(bases[0], 0, _COARSE, detect))
        if looks[0].certain:
            return looks[0]
    if whole[0].certain:
        return whole[0]
    if looks:
        looks += [_look(bases[0], turns, _COARSE, detect) for turns in (1, 2, 3)]
        if _best(looks).certain:
            return _best(looks)
    looks += whole
    if _best(whole).certain:
        return _best(whole)
    diagonal = _diagonal(bases[-1])
    between = _turned_looks(diagonal, 2 * _COARSE, detect)
    looks += [replace(look, askew=True) for look in between]
    if _best(looks).certain:
        return _best(looks)
    for base in bases:
        if base.image.shape[0] * base.image.shape[1] > _COARSE:
            finely = _turned_looks(base, _FINE, detect)
            looks += [replace(look, steps=("searched finely",)) for look in finely]
            if _best(finely).certain:
                return _best(looks)
    best = _best(looks)
    if best.certainty >= _log_odds(_GOOD):
        return best
    for turns in range(4):
        for words, treat in treatments(bases[-1].image):
            look = _look(bases[-1], turns, _COARSE, partial(_treated, treat, detect))
            looks.append(replace(look, steps=(words,)))
            if look.certain:
                return looks[-1]
    return _best(looks)


def _flattened(image: Image, outline: Outline) -> DetectedFaces:
    flat, matrix = flatten(image, outline.corners, outline.ratio)
    step = f"{outline.document} outline found, made straight"
    return DetectedFaces(flat, matrix=matrix, outline=outline, steps=(step,))


def _lies_askew(outline: Outline) -> bool:
    """Return whether a document lies so far between quarter turns that its face may be missed."""
    across = outline.corners[1] - outline.corners[0]
    askew = (math.degrees(math.atan2(across[1], across[0])) + 45) % 90 - 45
    return abs(askew) > _ASKEW


def _turned_looks(base: DetectedFaces, max_pixels: int, detect: Detect) -> list[_Look]:
    """Look at a picture at all quarter turns, as `_look` does."""
    small = reduced(base.image, max_pixels)
    return [_look_at(small, base, turns, detect) for turns in range(4)]


def _look(base: DetectedFaces, turns: int, max_pixels: int, detect: Detect) -> _Look:
    """Look at a picture, reduced to at most so many pixels and turned."""
    return _look_at(reduced(base.image, max_pixels), base, turns, detect)


def _look_at(small: Image, base: DetectedFaces, turns: int, detect: Detect) -> _Look:
    faces = detect(turned(small, turns))
    ratios = [whole / part for whole, part in zip(base.image.shape, small.shape, strict=True)]
    factors = np.array(ratios[1::-1] if turns % 2 == 0 else ratios[:2], np.float32)
    return _Look(base, turns, tuple(scaled(face, factors) for face in faces))


def _with_rivals(look: _Look, detect: Detect, min_face_size: int) -> _Look:
    """Repeat a look so finely that a face half as wide as the largest is found."""
    largest = max(face.width for face in look.faces)
    height, width = look.base.image.shape[:2]
    fine = min((2 * min_face_size / max(largest, 1.0)) ** 2, 1.0) * height * width
    if fine <= _COARSE or "searched finely" in look.steps:
        return look
    finer = _look(look.base, look.turns, min(round(fine), _FINE), detect)
    return replace(finer, steps=look.steps) if finer.certain else look


def _beside(look: _Look, whole: Sequence[_Look]) -> tuple[Face, ...]:
    """Return sure faces of the whole picture, at any quarter turn, that the look does not show.

    A person who holds a document may stand upright where the document does not, or beside it.
    """
    there = turn_matrix(look.base.image.shape, look.turns) @ look.base.matrix
    outline = look.base.outline
    found: list[Face] = []
    for turns, other in enumerate(whole):
        if turns == look.turns and outline is None:
            continue  # the look shows these
        back = np.asarray(np.linalg.inv(turn_matrix(other.base.image.shape, turns)), np.float64)
        for face in other.faces:
            min_score = _SURE if turns == look.turns else _CERTAIN
            if face.score < min_score or abs(roll(face)) > _UPRIGHT:
                continue
            as_read = mapped(face, back)
            shown = mapped(as_read, there)
            inside = turns == look.turns and outline is not None and _holds(outline, as_read)
            known = [face for face in look.faces if turns == look.turns or _is_certain(face)]
            if not inside and not _overlaps(shown, (*known, *found)):
                found.append(shown)
    return tuple(found)


def _is_certain(face: Face) -> bool:
    return face.score >= _CERTAIN and abs(roll(face)) <= _UPRIGHT


def _holds(outline: Outline, face: Face) -> bool:
    corners = outline.corners.astype(np.float32).reshape(4, 1, 2)
    x, y = (float(v) for v in face.landmarks.mean(axis=0))
    return cv2.pointPolygonTest(corners, (x, y), False) >= 0


def _overlaps(face: Face, others: Sequence[Face]) -> bool:
    """Return whether a face's centre lies in one of the others, or the centre of one in it."""

    def lies_in(one: Face, other: Face) -> bool:
        x, y = one.landmarks.mean(axis=0)
        return bool(other.box[0] <= x <= other.box[2] and other.box[1] <= y <= other.box[3])

    return any(lies_in(face, other) or lies_in(other, face) for other in others)


def _diagonal(base: DetectedFaces) -> DetectedFaces:
    """Turn a picture by an eighth, reduced to the pixels of the fine search."""
    small = reduced(base.image, _FINE)
    canvas, matrix = askew(small)
    return replace(
        base,
        image=canvas,
        matrix=matrix @ resize_matrix(base.image.shape, small.shape) @ base.matrix,
        steps=(*base.steps, "turned by 45 degrees"),
    )


def _treated(treat: Treatment, detect: Detect, image: Image) -> Sequence[Face]:
    return treat(image, detect)


def _best(looks: Sequence[_Look]) -> _Look:
    """Return the surest look; a turned picture must be clearly surer than the picture as it is."""
    return max(
        looks, key=lambda look: look.certainty - (_HEAD_START if look.turns or look.askew else 0)
    )


def _log_odds(score: float) -> float:
    bounded = min(max(score, 1e-6), 1 - 1e-6)
    return math.log(bounded / (1 - bounded))
