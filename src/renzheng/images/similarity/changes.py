"""Differences between two pictures that have been registered onto each other.

Two cards of one layout share the print but not the portrait; two shots of one moment share the wall
but not the face. Their hashes and local features may agree well nevertheless, so the part that both
pictures show is compared block by block.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from renzheng.types import Floats, Image

_MAX_SIDE, _MIN_SIDE = 240, 48  # px of the longer side at which pictures are compared
_BLOCK = 20  # px at that size
_NOISE = 16.0  # power, in squared grey levels: encoding and noise
_TEXTURE = 36.0  # power from which on a block is informative
_ALIKE = 0.6  # correlation from which on a block agrees
_EDGE = 3  # px at that size
_VISIBLE = 0.8  # share of a block that both pictures must show


@dataclass(frozen=True, eq=False)
class Changes:
    """The differences between two registered pictures.

    Attributes
    ----------
    agreement
        Share of the informative blocks in the common part that agree, 0 to 1; 0 if there are none.
    side
        The picture in whose pixels the boxes are: 0 for the first, 1 for the second.
    boxes
        float32 (n, 4) xyxy px: the blocks that do not agree.
    """

    agreement: float
    side: int
    boxes: Floats

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON."""
        boxes = np.asarray(self.boxes, np.float64).round(1).tolist()
        return {"agreement": round(self.agreement, 4), "side": "ab"[self.side], "boxes": boxes}


def changes(a: Image, b: Image, matrix: npt.NDArray[np.floating[Any]]) -> Changes:
    """Compare the common part of two pictures; exchanging them changes no number.

    Parameters
    ----------
    a, b
        uint8 (H, W, 3) RGB.
    matrix
        float64 (3, 3): maps xy of `a` to xy of `b`, as returned by `match_regions`.
    """
    if (b.size, b.tobytes()) < (a.size, a.tobytes()):
        agreement, boxes = _compared(b, a, np.linalg.inv(matrix))
        return Changes(agreement, 1, boxes)
    agreement, boxes = _compared(a, b, matrix)
    return Changes(agreement, 0, boxes)


def _compared(fixed: Image, moving: Image, matrix: Any) -> tuple[float, Floats]:
    height, width = fixed.shape[:2]
    finest = _zoom(matrix, width / 2, height / 2)  # px of the moving picture per px of the fixed
    longest = max(height, width)
    scale = max(min(_MAX_SIDE / longest, finest, 1.0), _MIN_SIDE / longest)
    size = max(1, round(width * scale)), max(1, round(height * scale))
    to_canvas = _scaling(size[0] / width, size[1] / height)
    one = _grey(fixed, size)
    shrink = min(1.0, scale / finest)
    other_size = tuple(max(1, round(side * shrink)) for side in moving.shape[1::-1])
    other = _grey(moving, other_size)
    to_other = _scaling(other_size[0] / moving.shape[1], other_size[1] / moving.shape[0])
    back = to_other @ matrix @ np.linalg.inv(to_canvas)
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    other = np.asarray(cv2.warpPerspective(other, back, size, flags=flags))
    shown = cv2.warpPerspective(_inner(other_size), back, size, flags=flags)
    visible = np.asarray((shown > 0.99) & (_inner(size) > 0), np.float32)
    return _blockwise(one, other, visible, np.diag(to_canvas)[:2])


def _blockwise(
    one: Floats, other: Floats, visible: Floats, scale: npt.NDArray[np.float64]
) -> tuple[float, Floats]:
    def mean(values: Floats) -> npt.NDArray[np.float64]:
        side = (_BLOCK, _BLOCK)
        found = cv2.boxFilter(values, cv2.CV_64F, side, borderType=cv2.BORDER_REFLECT)
        step = _BLOCK // 2
        return np.asarray(found[step::step, step::step], np.float64)

    seen = mean(visible)
    safe = np.maximum(seen, 0.1)
    a, b = one * visible, other * visible
    mean_a, mean_b = mean(a) / safe, mean(b) / safe
    power_a = np.maximum(mean(a * a) / safe - mean_a**2, 0)
    power_b = np.maximum(mean(b * b) / safe - mean_b**2, 0)
    shared = mean(a * b) / safe - mean_a * mean_b
    alike = shared / np.sqrt((power_a + _NOISE) * (power_b + _NOISE)) >= _ALIKE
    tells = (seen >= _VISIBLE) & (np.maximum(power_a, power_b) >= _TEXTURE)
    rows, columns = np.nonzero(tells & ~alike)
    middles = np.stack([columns, rows], axis=1) * (_BLOCK // 2) + _BLOCK // 2
    corners = np.concatenate([middles - _BLOCK // 2, middles + _BLOCK // 2], axis=1)
    boxes = np.asarray(corners / np.tile(scale, 2), np.float32)
    return float(alike[tells].mean()) if tells.any() else 0.0, boxes


def _grey(image: Image, size: tuple[int, ...]) -> Floats:
    grey = cv2.cvtColor(np.ascontiguousarray(image), cv2.COLOR_RGB2GRAY)
    interpolation = cv2.INTER_AREA if size[0] <= image.shape[1] else cv2.INTER_LINEAR
    small = cv2.resize(grey, (size[0], size[1]), interpolation=interpolation).astype(np.float32)
    return np.asarray(cv2.GaussianBlur(small, (0, 0), 1.0), np.float32)


def _inner(size: tuple[int, ...]) -> Floats:
    """Return a mask of 1, and 0 along the edges, where smoothing mixes in the surroundings."""
    inner = np.zeros((size[1], size[0]), np.float32)
    inner[_EDGE:-_EDGE, _EDGE:-_EDGE] = 1
    return inner


def _scaling(across: float, down: float) -> npt.NDArray[np.float64]:
    """Return the scaling of coordinates whose whole numbers are pixel centres."""
    return np.array(
        [[across, 0, (across - 1) / 2], [0, down, (down - 1) / 2], [0, 0, 1]], np.float64
    )


def _zoom(matrix: Any, x: float, y: float) -> float:
    """Return by how much a homography enlarges around a point."""
    depth = float(matrix[2, 0] * x + matrix[2, 1] * y + matrix[2, 2])
    area = abs(float(np.linalg.det(matrix))) / max(abs(depth) ** 3, 1e-9)
    return min(max(math.sqrt(area), 1e-3), 1e3)
