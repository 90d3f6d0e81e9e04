"""Smooth deformation of one photograph's head onto another's, after they are registered.

A photograph that was bulged or warped before it is handed in agrees with the original nowhere to
the pixel, whatever one map is tried. A field of displacements brings it back: a sum of the modes in
which a free plate bends most easily, under the plate's bending energy (Bookstein, "Principal
warps", 1989), found by Gauss-Newton steps on the difference in detail. Affine maps bend nothing, so
they cost nothing. Only the head counts: what is behind it may have been replaced.
"""

from __future__ import annotations

import math
from functools import cache

import cv2
import numpy as np
import numpy.typing as npt

from renzheng.types import Floats
from renzheng.verification.same_photo.photo_detail import SIDE, WINDOW, Level, PhotoDetail
from renzheng.verification.same_photo.registration import Map, shared_visibility, window

_Array = npt.NDArray[np.float64]

_BLOCKS = 12  # to a side of the window: what the displacements are computed on
# Modes, bending stiffness and steps: few and stiff first, then more and softer; half the scale,
# then all of it. With 16 modes a warp of 15 px between its ridges is missed; 28 and 45 add nothing
# but the agreement of different photographs.
_HALF_SCALE = ((12, 0.05, 3), (24, 0.005, 3))
_FULL_SCALE = (24, 0.005, 4)
# Correlation of the heads at half the scale below which nothing more is tried. Warped photographs
# reach 0.86 and more, those before another background too; the median of two photographs of one
# person is 0.74 after the first steps.
_ALIKE = 0.75
_DAMPING = 1e-3  # of the mean square of the slopes, of about 0.05
_CAUCHY = np.float32(0.25)  # as in the registration
_CONVERGED = 0.03  # px
_MAX_STEP = 8.0  # px; a larger one has diverged

# The head in distances between the eyes: half axes, and the middle below the line of the eyes. With
# more of it, 1.0 and 1.35, 1 in 20 of those before another background is missed.
_WIDE, _HIGH, _BELOW = 0.85, 1.15, 0.5
_AROUND, _SOFT = 1.1, 0.2  # the deformation looks a little farther, and its edge is soft
_EYES, _EYE_LINE = 30.0, 40.0  # px of the window


def deform(
    fixed: PhotoDetail, moving: PhotoDetail, found: Map, mirrored: bool
) -> tuple[Level, bool] | None:
    """Bring one photograph's fine detail onto another's head by a smooth deformation.

    Parameters
    ----------
    fixed
        The detail whose window stays.
    moving
        The detail that is deformed.
    found, mirrored
        As `renzheng.verification.same_photo.registration.register` returns them. A background
        may have misled it, so the landmarks' own map is tried as well, plain and mirrored.

    Returns
    -------
    Level
        The fine level of `moving` in the window of `fixed`.
    bool
        Whether `moving` was mirrored first. There is neither where the heads stay so unlike at half
        the scale that all of it cannot make them one photograph.
    """
    sides = {False: moving, True: moving.mirrored()}
    modes, stiffness, steps = _HALF_SCALE[0]
    best, chosen = -math.inf, (found, mirrored, np.zeros((modes, 2)))
    for start, turned in ((found, mirrored), (np.eye(3), False), (np.eye(3), True)):
        canvas = _Canvas(sides[turned].middle, start)
        bent = _descend(fixed.middle, canvas, np.zeros((modes, 2)), stiffness, steps)
        agreement = _correlation(window(fixed.middle), canvas.bent(bent))
        if agreement > best:
            best, chosen = agreement, (start, turned, bent)
    if best < _ALIKE:
        return None
    start, turned, bent = chosen
    other = sides[turned]
    modes, stiffness, steps = _HALF_SCALE[1]
    canvas = _Canvas(other.middle, start)
    bent = _descend(fixed.middle, canvas, _first(bent, modes), stiffness, steps)
    if _correlation(window(fixed.middle), canvas.bent(bent)) < _ALIKE:
        return None
    modes, stiffness, steps = _FULL_SCALE
    canvas = _Canvas(other.fine, start)
    bent = 2 * _first(bent, modes)  # px of the half scale
    return canvas.bent(_descend(fixed.fine, canvas, bent, stiffness, steps)), turned


def head_at(x: Floats, y: Floats) -> Floats:
    """Return how far places are from the middle of the head, 1 at its edge.

    Parameters
    ----------
    x, y
        Places in the window, in its pixels.
    """
    across = (x - (WINDOW - 1) / 2) / (_WIDE * _EYES)
    down = (y - _EYE_LINE - _BELOW * _EYES) / (_HIGH * _EYES)
    return np.asarray(np.hypot(across, down), np.float32)


class _Canvas:
    """A level that is resampled again and again, each time bent a little more."""

    def __init__(self, level: Level, found: Map):
        side = level.detail.shape[0]
        self.level = level
        self.size = side * WINDOW // SIDE
        self.linear = found[:2, :2]
        places = _grid(self.size) @ self.linear.T
        places += self.size / 2 * found[:2, 2] + (side - 1) / 2
        self.places = places.astype(np.float32)

    def bent(self, bent: _Array) -> Level:
        """Return the level in the window, with a displacement of this many px of each mode."""
        shape, _ = _modes(len(bent))
        shifts = (shape @ bent @ self.linear.T).astype(np.float32).reshape(_BLOCKS, _BLOCKS, 2)
        sides = (self.size, self.size)
        places = self.places + cv2.resize(shifts, sides, interpolation=cv2.INTER_CUBIC)
        detail = _resampled(self.level.detail, places)
        last = self.level.detail.shape[0] - 1
        visible = self.level.visible
        if visible is None:
            if places.min() >= 0 and places.max() <= last:
                return Level(detail, None)
            visible = np.ones_like(self.level.detail)
        return Level(detail, (_resampled(visible, places) > 0.99).astype(np.float32))


def _resampled(pixels: Floats, places: Floats) -> Floats:
    x, y = cv2.split(places)
    return np.asarray(cv2.remap(pixels, x, y, cv2.INTER_LINEAR), np.float32)


def _correlation(one: Level, other: Level) -> float:
    """Return the correlation of two levels of the window on the head."""
    weights = _soft_head(one.detail.shape[0])
    visible = shared_visibility(one, other)
    if visible is not None:
        weights = weights * visible
    a, b = one.detail * weights, other.detail * weights
    strength = float((a * one.detail).sum()) * float((b * other.detail).sum())
    return float((a * other.detail).sum()) / (math.sqrt(strength) + 1e-6)


def _descend(fixed: Level, canvas: _Canvas, bent: _Array, stiffness: float, steps: int) -> _Array:
    """Improve the displacements of the modes, in px of this level: float64 (modes, 2)."""
    inner = window(fixed)
    head = _soft_head(canvas.size)
    modes = len(bent)
    shape, energy = _modes(modes)
    stiff = stiffness * energy
    firm = np.diag(np.concatenate([stiff, stiff]) + _DAMPING)
    for _ in range(steps):
        other = canvas.bent(bent)
        difference = other.detail - inner.detail
        weights = _CAUCHY / (_CAUCHY + difference * difference) * head
        visible = shared_visibility(inner, other)
        if visible is not None:
            weights *= visible
        # The slopes of both, so that exchanging the two would not matter much
        both = other.detail + inner.detail
        dx, dy = _slope(both, 1, 0), _slope(both, 0, 1)
        wx, wy = weights * dx, weights * dy
        normal = np.empty_like(firm)
        normal[:modes, :modes] = _products(shape, wx * dx)
        normal[:modes, modes:] = normal[modes:, :modes] = _products(shape, wx * dy)
        normal[modes:, modes:] = _products(shape, wy * dy)
        pull = np.stack([_mean(wx * difference), _mean(wy * difference)], axis=1)
        force = shape.T @ pull / len(shape) + stiff[:, None] * bent
        change = -np.linalg.solve(normal + firm, force.T.ravel())
        change = change.reshape(2, -1).T
        largest = float(np.abs(shape @ change).max())
        if not largest < _MAX_STEP:
            break
        bent = bent + change
        if largest < _CONVERGED:
            break
    return bent


def _slope(both: Floats, right: int, down: int) -> Floats:
    """Return the mean slope of two levels, given their sum."""
    border = cv2.BORDER_REPLICATE
    slope = cv2.Sobel(both, cv2.CV_32F, right, down, ksize=1, scale=0.25, borderType=border)
    return np.asarray(slope, np.float32)


def _mean(pixels: Floats) -> _Array:
    """Return the means over blocks, float64 (blocks,)."""
    means = cv2.resize(pixels, (_BLOCKS, _BLOCKS), interpolation=cv2.INTER_AREA)
    return np.asarray(means, np.float64).ravel()


def _products(shape: _Array, pixels: Floats) -> _Array:
    """Return the mean of `pixels` times each two modes."""
    return np.asarray((shape * _mean(pixels)[:, None]).T @ shape / len(shape), np.float64)


def _first(bent: _Array, modes: int) -> _Array:
    """Return the displacements of so many modes: new ones are 0."""
    more = np.zeros((modes, 2))
    more[: len(bent)] = bent
    return more


@cache
def _grid(size: int) -> _Array:
    """Return x and y of each pixel of a window, from its middle: float64 (size, size, 2)."""
    steps = np.arange(size) - (size - 1) / 2
    return np.stack(np.meshgrid(steps, steps), axis=-1)


@cache
def _modes(count: int) -> tuple[_Array, _Array]:
    """Return a free plate's softest modes and their bending energies.

    Returns
    -------
    float64 (blocks, count)
        The modes, each of mean square 1; the first three are affine.
    float64 (count,)
        The energies.
    """
    one = np.eye(_BLOCKS)
    slope, curve = np.diff(one, axis=0), np.diff(one, n=2, axis=0)
    bends = (np.kron(one, curve), np.kron(curve, one), np.sqrt(2) * np.kron(slope, slope))
    energy, modes = np.linalg.eigh(sum(bend.T @ bend for bend in bends))
    energy[:3] = 0
    return np.ascontiguousarray(modes[:, :count]) * _BLOCKS, energy[:count]


@cache
def _soft_head(size: int) -> Floats:
    """Return the weight of each pixel of a level: 1 on the head, 0 away from it."""
    steps = (np.arange(size, dtype=np.float32) + 0.5) * (WINDOW / size) - 0.5
    away = head_at(*np.meshgrid(steps, steps)) / _AROUND
    return np.asarray(np.clip((1 + _SOFT / 2 - away) / _SOFT, 0, 1), np.float32)
