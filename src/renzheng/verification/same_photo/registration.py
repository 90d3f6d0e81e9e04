"""Registration of one photograph's detail with another's.

Landmarks of one photograph move by some percent between its versions, and detail agrees only where
pixels lie exactly on each other. A coarse search over scale, rotation and translation comes near;
then inverse-compositional Gauss-Newton steps (Baker and Matthews, "Lucas-Kanade 20 years on", 2004)
reach a small part of a pixel: a similarity first, then an affine map, since a card is not always
seen straight on.
"""

from __future__ import annotations

import math
from functools import cache

import cv2
import numpy as np
import numpy.typing as npt

from renzheng.types import Floats
from renzheng.verification.same_photo.photo_detail import MARGIN, SIDE, WINDOW, Level, PhotoDetail

# float64 (3, 3), affine: from the window's coordinates to the other photograph's, both from the
# middle and in units of half the window.
Map = npt.NDArray[np.float64]

_SCALES = (0.64, 0.8, 1.0, 1.25, 1.56)
_TURNS = (-0.15, 0.0, 0.15)  # radians
_FIRST_STEPS, _STEPS, _AFFINE_STEPS, _FINE_STEPS = 3, 6, 4, 4
_SIMILARITY, _AFFINE = 4, 6  # parameters
_MAX_STEP = 0.3  # a larger step has diverged; a smaller one can always be inverted
_CONVERGED = 0.02  # px
_DAMPING = 1e-4
# Square of the difference in detail at which a pixel counts half (Cauchy's weights): text, glare
# and holograms must not draw the map to themselves.
_CAUCHY = np.float32(0.25)


def register(fixed: PhotoDetail, moving: PhotoDetail) -> tuple[Map, bool]:
    """Find the map from one photograph to another, or to its mirror image.

    Parameters
    ----------
    fixed
        The detail whose window stays.
    moving
        The detail that is brought to that window.

    Returns
    -------
    Map
        The map that `resample` takes.
    bool
        Whether `moving` has to be mirrored first.
    """
    best: tuple[float, Map, bool] = (-math.inf, np.eye(3), False)
    slopes = _slopes(fixed.middle, _SIMILARITY)
    for mirrored in (False, True):
        other = moving.mirrored() if mirrored else moving
        for start in _starts(fixed.coarse, other.coarse):
            found = _descend(fixed.middle, other.middle, start, slopes, _FIRST_STEPS)
            correlation = _correlation(fixed.middle, other.middle, found)
            if correlation > best[0]:
                best = correlation, found, mirrored
    _, found, mirrored = best
    other = moving.mirrored() if mirrored else moving
    found = _descend(fixed.middle, other.middle, found, slopes, _STEPS)
    slopes = _slopes(fixed.middle, _AFFINE)
    found = _descend(fixed.middle, other.middle, found, slopes, _AFFINE_STEPS)
    slopes = _slopes(fixed.fine, _AFFINE)
    return _descend(fixed.fine, other.fine, found, slopes, _FINE_STEPS), mirrored


def window(level: Level) -> Level:
    """Return a level without its margin."""
    margin = level.detail.shape[0] * MARGIN // SIDE
    inner = slice(margin, -margin)
    visible = None if level.visible is None else level.visible[inner, inner]
    return Level(level.detail[inner, inner], visible)


def resample(level: Level, found: Map) -> Level:
    """Bring a level into the fixed photograph's window.

    Parameters
    ----------
    level
        A level of the moving detail.
    found
        The map, from `register`.

    Returns
    -------
    Level
        A level of the window's size; not visible beyond the margin of `level`.
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
    # The farthest that the window's corners come from the middle: all of it may be inside.
    reach = np.abs(linear).sum(axis=1) * ((size - 1) / 2) + np.abs(unit * found[:2, 2])
    if level.visible is None and reach.max() <= (canvas - 1) / 2:
        return Level(detail, None)
    visible = np.ones_like(level.detail) if level.visible is None else level.visible
    return Level(detail, (_warped(visible, matrix, size) > 0.99).astype(np.float32))


def shared_visibility(one: Level, other: Level) -> Floats | None:
    """Return 1 for each pixel that both levels show, else 0: float32 (n, n); None if all are 1."""
    if one.visible is None or other.visible is None:
        return one.visible if other.visible is None else other.visible
    return one.visible * other.visible


def _warped(pixels: Floats, matrix: Map, size: int) -> Floats:
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    return np.asarray(cv2.warpAffine(pixels, matrix, (size, size), flags=flags), np.float32)


def _starts(fixed: Level, moving: Level) -> list[Map]:
    """Return one or two maps to start from: the landmarks' and the coarse search's best."""
    inner = window(fixed).detail
    canvas = fixed.detail.shape[0]
    middle = (canvas - inner.shape[0]) / 2
    tried: list[tuple[float, npt.NDArray[np.float64], tuple[float, float]]] = []
    for matrix in _views(canvas):
        seen = _warped(moving.detail, matrix, canvas)
        agreement = cv2.matchTemplate(seen, inner, cv2.TM_CCORR_NORMED)
        _, highest, _, (x, y) = cv2.minMaxLoc(agreement)
        tried.append((highest, matrix[:, :2], (x - middle, y - middle)))
    plain = tried[_SCALES.index(1.0) * len(_TURNS) + _TURNS.index(0.0)]
    best = max(tried, key=lambda one: one[0])
    starts = []
    for _, linear, shift in (plain,) if best is plain else (plain, best):
        found = np.eye(3)
        found[:2, :2] = linear
        found[:2, 2] = linear @ shift / (inner.shape[0] / 2)
        starts.append(found)
    return starts


@cache
def _views(canvas: int) -> tuple[Map, ...]:
    """Return the map of every scale with every turn about the middle, float64 (2, 3)."""
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
    """Return the window's derivative by each parameter of the map: float32 (parameters, pixels)."""
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
    """Improve a map; keep the old one if the new one cannot relate two views of one face."""
    inner = window(fixed)
    damping = _DAMPING * np.eye(len(slopes))
    found = start
    for _ in range(steps):
        other = resample(moving, found)
        difference = other.detail - inner.detail
        weights = _CAUCHY / (_CAUCHY + difference * difference)
        visible = shared_visibility(inner, other)
        if visible is not None:
            weights *= visible
        weighted = slopes * weights.ravel()
        normal = (weighted @ slopes.T).astype(np.float64)
        trace = float(normal.trace())
        if trace < 1.0:  # no detail
            break
        pull = (weighted @ difference.ravel()).astype(np.float64)
        change = np.linalg.solve(normal + trace * damping, pull)
        largest = float(np.abs(change).max())
        if not largest < _MAX_STEP:
            break
        found = found @ np.linalg.inv(_step(change))
        if largest * inner.detail.shape[0] / 2 < _CONVERGED:
            break
    return found if _plausible(found) else start


def _plausible(found: Map) -> bool:
    """Return whether a map can lead from one detection of a face to another of the same face."""
    if not np.isfinite(found).all() or np.abs(found[:2, 2]).max() > 0.5:
        return False
    largest, smallest = np.linalg.svd(found[:2, :2], compute_uv=False)
    return bool(smallest > 0.45 and largest < 2.2 and largest < 1.35 * smallest)


def _correlation(fixed: Level, moving: Level, found: Map) -> float:
    """Return the correlation of two levels, lowered if less than half of the window is shared."""
    one, other = window(fixed), resample(moving, found)
    visible = shared_visibility(one, other)
    a, b, share = one.detail, other.detail, 1.0
    if visible is not None:
        a, b, share = a * visible, b * visible, float(visible.mean())
    strength = math.sqrt(float((a * a).sum()) * float((b * b).sum())) + 1e-6
    return float((a * b).sum()) / strength * min(1.0, 2 * share)
