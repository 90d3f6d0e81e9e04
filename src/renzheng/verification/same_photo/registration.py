"""Laying one head exactly over another.

Landmarks of one photograph move by some percent between its versions, and detail agrees only where
pixels lie on their like. A coarse search over scale, rotation and place finds roughly where; then
inverse-compositional Gauss-Newton steps (Baker and Matthews, "Lucas-Kanade 20 years on", 2004)
find it to a small part of a pixel: a similarity first, then an affine map, since a card is not
always seen straight on.
"""

from __future__ import annotations

import math
from functools import cache

import cv2
import numpy as np
import numpy.typing as npt

from renzheng.types import Floats
from renzheng.verification.same_photo.photo_detail import MARGIN, SIDE, WINDOW, Level, PhotoDetail

# float64 (3, 3), affine: from the window's coordinates to the other head's, both about the middle
# and in units of half the window.
Map = npt.NDArray[np.float64]

_SCALES = (0.64, 0.8, 1.0, 1.25, 1.56)
_TURNS = (-0.15, 0.0, 0.15)  # radians
_FIRST_STEPS, _STEPS, _AFFINE_STEPS, _FINE_STEPS = 3, 6, 4, 4
_SIMILARITY, _AFFINE = 4, 6  # parameters
_LONGEST_STEP = 0.3  # a larger one has lost its way; below it every step can be undone
_ENOUGH = 0.02  # px
_DAMPING = 1e-4
# Square of the difference in detail at which a pixel counts half (Cauchy's weights): text, glare
# and holograms must not pull.
_DOUBT = np.float32(0.25)


def register(fixed: PhotoDetail, moving: PhotoDetail) -> tuple[Map, bool]:
    """Find where one head lies on another, or on its mirror image.

    Parameters
    ----------
    fixed
        Whose window stays.
    moving
        That is brought to it.

    Returns
    -------
    Map
        For `sampled`.
    bool
        Whether `moving` has to be mirrored first.
    """
    best: tuple[float, Map, bool] = (-math.inf, np.eye(3), False)
    slopes = _slopes(fixed.middle, _SIMILARITY)
    for mirrored in (False, True):
        other = moving.mirrored() if mirrored else moving
        for start in _starts(fixed.coarse, other.coarse):
            found = _descend(fixed.middle, other.middle, start, slopes, _FIRST_STEPS)
            likeness = _likeness(fixed.middle, other.middle, found)
            if likeness > best[0]:
                best = likeness, found, mirrored
    _, found, mirrored = best
    other = moving.mirrored() if mirrored else moving
    found = _descend(fixed.middle, other.middle, found, slopes, _STEPS)
    slopes = _slopes(fixed.middle, _AFFINE)
    found = _descend(fixed.middle, other.middle, found, slopes, _AFFINE_STEPS)
    slopes = _slopes(fixed.fine, _AFFINE)
    return _descend(fixed.fine, other.fine, found, slopes, _FINE_STEPS), mirrored


def window(level: Level) -> Level:
    """A level without its margin."""
    margin = level.detail.shape[0] * MARGIN // SIDE
    inner = slice(margin, -margin)
    visible = None if level.visible is None else level.visible[inner, inner]
    return Level(level.detail[inner, inner], visible)


def sampled(level: Level, found: Map) -> Level:
    """What a head shows in the other's window.

    Parameters
    ----------
    level
        Of the moving head.
    found
        From `register`.

    Returns
    -------
    Level
        Of the window's size; not visible where the head's own margin ends.
    """
    canvas = level.detail.shape[0]
    size = canvas * WINDOW // SIDE
    unit = size / 2
    linear = found[:2, :2]
    middle = unit * found[:2, 2] + (canvas - 1) / 2
    matrix = np.empty((2, 3))
    matrix[:, :2] = linear
    matrix[:, 2] = middle - linear.sum(axis=1) * ((size - 1) / 2)
    detail = _warped(level.detail, matrix, size)
    # How far the window's corners come from the head's middle: all of it may be inside.
    reach = np.abs(linear).sum(axis=1) * ((size - 1) / 2) + np.abs(unit * found[:2, 2])
    if level.visible is None and reach.max() <= (canvas - 1) / 2:
        return Level(detail, None)
    visible = np.ones_like(level.detail) if level.visible is None else level.visible
    return Level(detail, (_warped(visible, matrix, size) > 0.99).astype(np.float32))


def together(one: Level, other: Level) -> Floats | None:
    """What both show: float32 (n, n) of 1 and 0; None for everything."""
    if one.visible is None or other.visible is None:
        return one.visible if other.visible is None else other.visible
    return one.visible * other.visible


def _warped(pixels: Floats, matrix: Map, size: int) -> Floats:
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    return np.asarray(cv2.warpAffine(pixels, matrix, (size, size), flags=flags), np.float32)


def _starts(fixed: Level, moving: Level) -> list[Map]:
    """Where to begin: as the landmarks say but for the place, and where the coarse views agree."""
    inner = window(fixed).detail
    canvas = fixed.detail.shape[0]
    middle = (canvas - inner.shape[0]) / 2
    tried: list[tuple[float, npt.NDArray[np.float64], tuple[float, float]]] = []
    for matrix in _views(canvas):
        seen = _warped(moving.detail, matrix, canvas)
        agreement = cv2.matchTemplate(seen, inner, cv2.TM_CCORR_NORMED)
        _, highest, _, (x, y) = cv2.minMaxLoc(agreement)
        tried.append((highest, matrix[:, :2], (x - middle, y - middle)))
    usual = tried[_SCALES.index(1.0) * len(_TURNS) + _TURNS.index(0.0)]
    best = max(tried, key=lambda one: one[0])
    starts = []
    for _, linear, shift in (usual,) if best is usual else (usual, best):
        found = np.eye(3)
        found[:2, :2] = linear
        found[:2, 2] = linear @ shift / (inner.shape[0] / 2)
        starts.append(found)
    return starts


@cache
def _views(canvas: int) -> tuple[Map, ...]:
    """Every scale with every turn about the middle: float64 (2, 3)."""
    centre = np.full(2, (canvas - 1) / 2)
    views = []
    for scale in _SCALES:
        for turn in _TURNS:
            a, b = scale * math.cos(turn), scale * math.sin(turn)
            linear = np.array([[a, -b], [b, a]])
            views.append(np.column_stack([linear, centre - linear @ centre]))
    return tuple(views)


@cache
def _grid(size: int) -> tuple[Floats, Floats]:
    steps = ((np.arange(size) - (size - 1) / 2) / (size / 2)).astype(np.float32)
    x, y = np.meshgrid(steps, steps)
    return x, y


def _slopes(level: Level, parameters: int) -> Floats:
    """How the window changes with each parameter of the map: float32 (parameters, pixels)."""
    margin = level.detail.shape[0] * MARGIN // SIDE
    around = level.detail[margin - 1 : -margin + 1, margin - 1 : -margin + 1]
    size = around.shape[0] - 2
    unit = np.float32(size / 4)  # half of half the window: central differences span two pixels
    dx = (around[1:-1, 2:] - around[1:-1, :-2]) * unit
    dy = (around[2:, 1:-1] - around[:-2, 1:-1]) * unit
    x, y = _grid(size)
    if parameters == _SIMILARITY:
        rows = [dx * x + dy * y, dy * x - dx * y, dx, dy]
    else:
        rows = [dx * x, dx * y, dx, dy * x, dy * y, dy]
    return np.asarray(np.stack(rows).reshape(parameters, -1), np.float32)


def _step(change: npt.NDArray[np.float64]) -> Map:
    step = np.eye(3)
    if len(change) == _SIMILARITY:
        a, b, x, y = change
        step[:2] += ((a, -b, x), (b, a, y))
    else:
        step[:2] += change.reshape(2, 3)
    return step


def _descend(fixed: Level, moving: Level, start: Map, slopes: Floats, steps: int) -> Map:
    """Improve a map; a result that no two views of a head could have is dropped."""
    inner = window(fixed)
    damping = _DAMPING * np.eye(len(slopes))
    found = start
    for _ in range(steps):
        other = sampled(moving, found)
        difference = other.detail - inner.detail
        weights = _DOUBT / (_DOUBT + difference * difference)
        visible = together(inner, other)
        if visible is not None:
            weights *= visible
        weighted = slopes * weights.ravel()
        normal = (weighted @ slopes.T).astype(np.float64)
        trace = float(normal.trace())
        if trace < 1.0:  # flat
            break
        pull = (weighted @ difference.ravel()).astype(np.float64)
        change = np.linalg.solve(normal + trace * damping, pull)
        longest = float(np.abs(change).max())
        if not longest < _LONGEST_STEP:
            break
        found = found @ np.linalg.inv(_step(change))
        if longest * inner.detail.shape[0] / 2 < _ENOUGH:
            break
    return found if _plausible(found) else start


def _plausible(found: Map) -> bool:
    """Whether the map could lead from one finding of a face to another of the same."""
    if not np.isfinite(found).all() or np.abs(found[:2, 2]).max() > 0.5:
        return False
    largest, smallest = np.linalg.svd(found[:2, :2], compute_uv=False)
    return bool(smallest > 0.45 and largest < 2.2 and largest < 1.35 * smallest)


def _likeness(fixed: Level, moving: Level, found: Map) -> float:
    """Correlation of two levels, less where they share less than half of the window."""
    one, other = window(fixed), sampled(moving, found)
    visible = together(one, other)
    a, b, share = one.detail, other.detail, 1.0
    if visible is not None:
        a, b, share = a * visible, b * visible, float(visible.mean())
    strength = math.sqrt(float((a * a).sum()) * float((b * b).sum())) + 1e-6
    return float((a * b).sum()) / strength * min(1.0, 2 * share)
