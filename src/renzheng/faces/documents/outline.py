"""The outline of a document in a picture: its four corners."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from renzheng._support.quantiles import counted_percentile, percentile
from renzheng.faces.documents.colour import lab
from renzheng.faces.documents.perspective import Corners, true_ratio
from renzheng.types import Image

Grey = npt.NDArray[np.uint8]

# Width over height. ISO/IEC 7810: ID-1 is 85.60 x 53.98 mm, ID-2 105 x 74 mm, ID-3 125 x 88 mm.
FORMATS = {"ID-1": 85.60 / 53.98, "ID-2": 105 / 74, "ID-3": 125 / 88}
_RATIO_TOLERANCE = 0.10  # ID-1 and ID-3 are 12 % apart; more than 10 % off is neither
_WORKING = 640  # px of the longer side: enough for an outline, and blur hides the print
_MIN_SHARE, _MAX_SHARE = 0.12, 0.97  # shares of the picture that a document can fill
_STEEPEST = 0.62  # the shorter of two opposite sides over the longer: about 25 degrees, from near
_MIN_SUPPORT = 0.7  # share of the outline that must lie on edges of the picture
_ROUNDED = 0.12  # share of a side at each end that a rounded corner may take
_BENT = 4 * 255  # the maximum of a Laplacian of bytes
_FITTED = 150  # points of a side that a line is fitted to: more would not place it better
_OFF = 0.006  # distance of an edge from the line, over the picture's longer side


@dataclass(frozen=True, eq=False)
class Outline:
    """A document's outline.

    Attributes
    ----------
    corners
        float64 (4, 2) xy px of the picture: top left, top right, bottom right, bottom left as seen
        in the picture, in which the document need not stand upright.
    ratio
        Width over height of the document itself, without perspective.
    document
        The format of ISO/IEC 7810 that the ratio is nearest to, e.g. ``ID-1``.
    support
        The share of the outline that lies on edges of the picture, beyond chance, at most 1.
    """

    corners: Corners
    ratio: float
    document: str
    support: float


def find(image: Image) -> Outline | None:
    """Find the outline of the document in a picture.

    Parameters
    ----------
    image
        uint8 (H, W, 3) RGB.

    Returns
    -------
    Outline or None
        None if no quadrilateral with a document's proportions stands out, for example because the
        document fills the whole picture.

    Notes
    -----
    Regions that differ from their surroundings are proposed in several ways. Four lines are fitted
    to the convex hull of each (a card's corners are round, so the corners are where lines meet).
    The quadrilateral that best matches a document's proportions and lies on edges wins.
    """
    height, width = image.shape[:2]
    scale = min(1.0, _WORKING / max(height, width))
    size = max(1, round(width * scale)), max(1, round(height * scale))
    small = cv2.resize(image, size, interpolation=cv2.INTER_AREA) if scale < 1 else image
    blurred = cv2.GaussianBlur(small, (0, 0), 1.5)
    colours = lab(np.asarray(blurred, np.uint8))
    edges = _edges(colours)
    near = max(1, round(_OFF * max(size)))
    reach = np.ones((2 * near + 1, 2 * near + 1), np.uint8)
    wide = np.asarray(cv2.dilate(edges, reach), np.uint8)
    best: tuple[float, Corners, float, str, float] | None = None
    for mask in _regions(colours, edges):
        for corners in _quadrilaterals(mask):
            judged = _judge(corners, wide)
            if judged is not None and (best is None or judged[0] > best[0]):
                best = judged
    if best is None:
        return None
    _, corners, ratio, document, support = best
    factors = np.array((width / size[0], height / size[1]))
    return Outline((corners + 0.5) * factors - 0.5, ratio, document, support)


def _edges(colours: Image) -> Grey:
    """Return the edges in lightness or colour, 0 or 255."""
    found = np.zeros(colours.shape[:2], np.uint8)
    for plane in cv2.split(colours):
        bends = np.asarray(cv2.Laplacian(plane, cv2.CV_16S)).ravel()
        spread = counted_percentile(np.bincount(bends + _BENT), 99) - _BENT
        high = float(np.clip(12 * spread, 30, 150))
        found |= np.asarray(cv2.Canny(plane, high / 2, high), np.uint8)
    return found


def _regions(colours: Image, edges: Grey) -> Iterator[Grey]:
    """Yield masks, 0 or 255, of regions that could be a document."""
    height, width = edges.shape
    # regions that differ from the picture's rim, which shows the table or the scanner's lid
    rim = max(2, round(0.02 * min(height, width)))
    strips = (colours[:rim], colours[-rim:], colours[:, :rim], colours[:, -rim:])
    border = np.concatenate([strip.reshape(-1, 3) for strip in strips]).astype(np.float32)
    middle = percentile(border, 50)
    # plane by plane, since numpy takes six times as long to add along the short last axis
    planes = zip(cv2.split(colours), middle, strict=True)
    away = np.sqrt(sum((plane.astype(np.float32) - usual) ** 2 for plane, usual in planes))
    usual = float(percentile(np.sqrt(((border - middle) ** 2).sum(axis=1)), 75))
    for times in (1.5, 3.0):
        mask = np.asarray(away > max(times * usual, 6.0), np.uint8) * np.uint8(255)
        yield _close(mask, 0.012)
    levels = np.clip(away * (255 / max(float(away.max()), 1.0)), 0, 255).astype(np.uint8)
    yield _close(
        np.asarray(cv2.threshold(levels, 0, 255, cv2.THRESH_BINARY + cv2.THRESH_OTSU)[1]), 0.012
    )
    light = np.asarray(
        cv2.threshold(colours[:, :, 0], 0, 255, cv2.THRESH_BINARY + cv2.THRESH_OTSU)[1], np.uint8
    )
    yield _close(light, 0.012)
    yield _close(np.asarray(255 - light, np.uint8), 0.012)
    # regions that edges enclose
    for share in (0.006, 0.014):
        yield _close(edges, share)


def _close(mask: Grey, share: float) -> Grey:
    """Close gaps in a mask, up to this share of its longer side."""
    side = 2 * max(1, round(share * max(mask.shape))) + 1
    kernel = cv2.getStructuringElement(cv2.MORPH_RECT, (side, side))
    return np.asarray(cv2.morphologyEx(mask, cv2.MORPH_CLOSE, kernel), np.uint8)


def _quadrilaterals(mask: Grey) -> Iterator[Corners]:
    """Yield four corners for each large region."""
    contours, _ = cv2.findContours(mask, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    min_area = _MIN_SHARE * mask.size
    for contour in sorted(contours, key=cv2.contourArea, reverse=True)[:3]:
        hull = np.asarray(cv2.convexHull(contour), np.int32)
        if cv2.contourArea(hull) < min_area:
            return
        rough = _four(hull)
        if rough is not None:
            refined = _fit(rough, hull[:, 0].astype(np.float64), contour[:, 0].astype(np.float64))
            if refined is not None:
                yield _ordered(refined)


def _four(hull: npt.NDArray[np.int32]) -> Corners | None:
    """Simplify the hull to four corners; return None if that is impossible."""
    around = cv2.arcLength(hull, True)
    for share in (0.01, 0.02, 0.03, 0.04, 0.06, 0.08):
        simple = cv2.approxPolyDP(hull, share * around, True)
        if len(simple) == 4:
            return np.asarray(simple[:, 0], np.float64)
        if len(simple) < 4:
            return None
    return None


def _fit(rough: Corners, hull: Corners, contour: Corners) -> Corners | None:
    """Fit lines to the contour's points along each side, and return where they meet."""
    lines = []
    for k in range(4):
        a, b = rough[k], rough[(k + 1) % 4]
        length = float(np.hypot(*(b - a)))
        if length < 8:
            return None
        along = (b - a) / length
        beside = np.array((-along[1], along[0]))
        chosen = np.empty((0, 2))
        for points in (contour, hull):  # the contour has gaps where the mask was open
            place, off = (points - a) @ along, np.abs((points - a) @ beside)
            inner = (place > _ROUNDED * length) & (place < (1 - _ROUNDED) * length)
            chosen = points[inner & (off < 0.03 * length)]
            if len(chosen) >= 8:
                break
        if len(chosen) < 2:
            chosen = np.stack([a, b])
        chosen = chosen[:: -(-len(chosen) // _FITTED)]
        vx, vy, x, y = (
            float(v)
            for v in np.ravel(cv2.fitLine(chosen.astype(np.float32), cv2.DIST_HUBER, 0, 0.01, 0.01))
        )
        lines.append((-vy, vx, vy * x - vx * y))
    corners = []
    for k in range(4):
        point = np.cross(lines[k - 1], lines[k])
        if abs(point[2]) < 1e-9:
            return None
        corners.append(point[:2] / point[2])
    refined = np.array(corners)
    # Lines that meet far from the region's corners belong to something else.
    if np.abs(refined - rough).max() > 0.12 * float(np.ptp(rough)):
        return None
    return refined


def _ordered(corners: Corners) -> Corners:
    """Sort corners clockwise as seen, beginning at the top left."""
    middle = corners.mean(axis=0)
    angles = np.arctan2(corners[:, 1] - middle[1], corners[:, 0] - middle[0])
    turned = corners[np.argsort(angles)]
    return np.roll(turned, -int(turned.sum(axis=1).argmin()), axis=0)


def _judge(corners: Corners, edges: Grey) -> tuple[float, Corners, float, str, float] | None:
    """Return score, corners, ratio, format and support of a candidate, or None."""
    height, width = edges.shape
    room = 0.02 * max(height, width)
    low, high = corners.min(axis=0), corners.max(axis=0)
    if (low < -room).any() or (high > np.array((width, height)) - 1 + room).any():
        return None
    if not cv2.isContourConvex(corners.astype(np.float32)):
        return None
    share = cv2.contourArea(corners.astype(np.float32)) / (height * width)
    if not _MIN_SHARE <= share <= _MAX_SHARE:
        return None
    sides = np.hypot(*(np.roll(corners, -1, axis=0) - corners).T)
    if min(sides) < 16 or not _opposite_alike(sides):
        return None
    ratio = true_ratio(corners, (width, height))
    if not 0.1 < ratio < 10:  # nor NaN
        return None
    longer = max(ratio, 1 / ratio)
    document = min(FORMATS, key=lambda name: abs(np.log(FORMATS[name] / longer)))
    off = abs(float(np.log(FORMATS[document] / longer)))
    if off > _RATIO_TOLERANCE:
        return None
    support = _support(corners, edges)
    if support < _MIN_SUPPORT:
        return None
    # The larger of two good ones: the card, not the photograph or the block of text on it.
    return support * (1 - off) * share**0.5, corners, ratio, document, support


def _opposite_alike(sides: npt.NDArray[np.float64]) -> bool:
    return all(
        min(sides[k], sides[k + 2]) >= _STEEPEST * max(sides[k], sides[k + 2]) for k in (0, 1)
    )


def _support(corners: Corners, edges: Grey) -> float:
    """Return the share of the outline without corners that lies on edges beyond chance, max. 1."""
    steps = np.linspace(_ROUNDED, 1 - _ROUNDED, 60)[:, None]
    shares = []
    for k in range(4):
        points = corners[k] + steps * (corners[(k + 1) % 4] - corners[k])
        x, y = np.rint(points).astype(int).T
        inside = (x >= 0) & (y >= 0) & (x < edges.shape[1]) & (y < edges.shape[0])
        on = np.zeros(len(points), bool)
        on[inside] = edges[y[inside], x[inside]] > 0
        shares.append(float(on.mean()))
    # If there are edges everywhere, as in a dithered copy, lying on them means nothing.
    everywhere = float(edges.mean()) / 255
    return ((sum(shares) + min(shares)) / 5 - everywhere) / (1 - everywhere + 1e-6)
