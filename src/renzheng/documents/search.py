"""Finding the faces of a document however it was scanned: turned, tilted, tight, tiny, two-tone."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Protocol

import cv2
import numpy as np

from renzheng.documents.outline import Outline, find
from renzheng.documents.perspective import Homography, flatten, tilted
from renzheng.types import Face, Image

Detect = Callable[[Image], Sequence[Face]]


class Treatment(Protocol):
    """A way to look for faces in a treated picture; places are those of the picture itself."""

    def __call__(self, image: Image, detect: Detect) -> Sequence[Face]:
        """The faces."""


# Of 150 scanned specimen cards, 98 % show a face of this score as they stand and under 1 % at any
# other quarter turn: what reaches it is upright, and nothing else needs to be tried.
_CERTAIN = 0.998
_GOOD = 0.97  # below, the picture itself is treated before faces are looked for again
_UPRIGHT = 45.0  # degrees: a face that lies flatter belongs to another quarter turn
_HEAD_START = 1.0  # log-odds: how much surer a turned picture must be than the picture as it is
# Pixels that are searched. On an A4 sheet a passport portrait's face then is about 60 px wide; what
# is smaller is looked for in the finer picture, where nothing certain was found in the coarse one.
_COARSE, _FINE = 1_200_000, 5_000_000
_SMALL = 420  # px of the longer side: a chip's image is 102 x 126 to 358 x 441
_BORDER = 0.3  # of the sides


@dataclass(frozen=True, eq=False)
class View:
    """A document as its faces were found.

    Attributes
    ----------
    image
        uint8 (h, w, 3) RGB: the picture, turned upright and freed from perspective as far as
        that was needed.
    faces
        In pixels of `image`, the largest first.
    matrix
        float64 (3, 3): pixels of the picture as handed in to pixels of `image`.
    turns
        Quarter turns clockwise.
    outline
        The document's outline in the picture as handed in, if its perspective was taken out.
    steps
        What was done, in words.
    """

    image: Image
    faces: tuple[Face, ...]
    matrix: Homography = field(default_factory=lambda: np.eye(3))
    turns: int = 0
    outline: Outline | None = None
    steps: tuple[str, ...] = ()

    @property
    def certainty(self) -> float:
        """The log-odds of the surest face that stands upright; minus infinity without one."""
        upright = [face.score for face in self.faces if abs(roll(face)) <= _UPRIGHT]
        return max((_log_odds(score) for score in upright), default=-math.inf)


def search(image: Image, detect: Detect) -> View:
    """Look for the faces of a document.

    Parameters
    ----------
    image
        uint8 (H, W, 3) RGB, a picture of a document or from one.
    detect
        Finds the faces of a picture.

    Returns
    -------
    View
        The first in which a face is certain; else the best of all; with no face at all, the
        picture as it is.

    Notes
    -----
    In order: the document freed from perspective, where its outline is seen; the picture as it is;
    either at the other quarter turns; and then more finely, with a grey border (a face that fills
    the frame), enlarged, softened (screens, two-tone copies) and with its contrast stretched.
    """
    views = []
    bases = []
    for base in _bases(image):
        view = _look(base, detect)
        if view.certainty >= _log_odds(_CERTAIN):
            return view
        views.append(view)
        bases.append(base)
    for base, straight in zip(bases, tuple(views), strict=True):
        turned = [_look(_turned(base, turns), detect) for turns in (1, 2, 3)]
        best = _best([straight, *turned])
        if best.certainty >= _log_odds(_CERTAIN):
            return best
        views += turned
    best = _best(views)
    if best.certainty >= _log_odds(_GOOD):
        return best
    for turns in range(4):
        base = _turned(bases[-1], turns)
        for words, treat in _treatments(base.image):
            view = _look(base, partial(treat, detect=detect))
            views.append(replace(view, steps=(*view.steps, words)))
            if view.certainty >= _log_odds(_CERTAIN):
                return views[-1]
    return _best(views)


def roll(face: Face) -> float:
    """How far a face is turned in the picture's plane: degrees, positive clockwise."""
    across = face.landmarks[1] - face.landmarks[0]
    return math.degrees(math.atan2(float(across[1]), float(across[0])))


def _bases(image: Image) -> Iterator[View]:
    outline = find(image)
    if outline is not None and tilted(outline.corners):
        flat, matrix = flatten(image, outline.corners, outline.ratio)
        words = f"{outline.document} outline found, perspective taken out"
        yield View(flat, (), matrix, outline=outline, steps=(words,))
    yield View(image, ())


def _turned(view: View, turns: int) -> View:
    if turns == 0:
        return view
    height, width = view.image.shape[:2]
    # One quarter clockwise: what was at the left bottom comes to the left top.
    places = {
        1: [[0, -1, height - 1], [1, 0, 0], [0, 0, 1]],
        2: [[-1, 0, width - 1], [0, -1, height - 1], [0, 0, 1]],
        3: [[0, 1, 0], [-1, 0, width - 1], [0, 0, 1]],
    }
    return View(
        np.ascontiguousarray(np.rot90(view.image, -turns)),
        (),
        np.array(places[turns], np.float64) @ view.matrix,
        turns,
        view.outline,
        (*view.steps, f"turned by {90 * turns} degrees"),
    )


def _look(view: View, detect: Detect) -> View:
    faces = sorted(_reduced(view.image, detect), key=lambda face: -face.width * face.height)
    return replace(view, faces=tuple(faces))


def _best(views: Sequence[View]) -> View:
    """The surest; as it stands unless another is clearly surer."""
    return max(views, key=lambda view: view.certainty - (_HEAD_START if view.turns else 0.0))


def _log_odds(score: float) -> float:
    bounded = min(max(score, 1e-6), 1 - 1e-6)
    return math.log(bounded / (1 - bounded))


def _reduced(image: Image, detect: Detect, most: int = _COARSE) -> Sequence[Face]:
    height, width = image.shape[:2]
    if height * width <= most:
        return detect(image)
    scale = math.sqrt(most / (height * width))
    return _resized(image, scale, cv2.INTER_AREA, detect)


def _resized(image: Image, scale: float, how: int, detect: Detect) -> list[Face]:
    size = max(1, round(image.shape[1] * scale)), max(1, round(image.shape[0] * scale))
    found = detect(np.asarray(cv2.resize(image, size, interpolation=how), np.uint8))
    factors = np.array((image.shape[1] / size[0], image.shape[0] / size[1]), np.float32)
    return [_moved(face, factors, np.float32(0)) for face in found]


def _treatments(image: Image) -> Iterator[tuple[str, Treatment]]:
    if image.shape[0] * image.shape[1] > _COARSE:
        yield "searched more finely", partial(_reduced, most=_FINE)
    yield "a grey border put around", _bordered
    if max(image.shape[:2]) < _SMALL:
        yield "enlarged twofold with a grey border", _enlarged
    yield "softened", _softened
    yield "softened strongly, contrast stretched", _stretched


def _bordered(image: Image, detect: Detect) -> Sequence[Face]:
    high, wide = (round(_BORDER * side) for side in image.shape[:2])
    padded = cv2.copyMakeBorder(
        image, high, high, wide, wide, cv2.BORDER_CONSTANT, value=(128, 128, 128)
    )
    back = np.array((-wide, -high), np.float32)
    found = _reduced(np.asarray(padded, np.uint8), detect)
    return [_moved(face, np.ones(2, np.float32), back) for face in found]


def _enlarged(image: Image, detect: Detect) -> Sequence[Face]:
    return _resized(image, 2.0, cv2.INTER_CUBIC, lambda larger: list(_bordered(larger, detect)))


def _softened(image: Image, detect: Detect) -> Sequence[Face]:
    spread = 0.0015 * max(image.shape[:2])
    return _reduced(np.asarray(cv2.GaussianBlur(image, (0, 0), max(spread, 0.7)), np.uint8), detect)


def _stretched(image: Image, detect: Detect) -> Sequence[Face]:
    spread = 0.003 * max(image.shape[:2])
    soft = cv2.GaussianBlur(image, (0, 0), max(spread, 1.2))
    low, high = (float(v) for v in np.percentile(soft, (1, 99)))
    wide = (soft.astype(np.float32) - low) * (255 / max(high - low, 1.0))
    return _reduced(np.clip(wide, 0, 255).astype(np.uint8), detect)


def _moved(face: Face, factors: np.ndarray, shift: np.ndarray | np.float32) -> Face:
    """A face of a treated picture in pixels of the picture itself."""
    box = (face.box.reshape(2, 2) * factors + shift).reshape(4)
    return Face(
        box.astype(np.float32), (face.landmarks * factors + shift).astype(np.float32), face.score
    )
