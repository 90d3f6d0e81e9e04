"""Boxes, float32 (n, 4): x1, y1, x2, y2 in pixels.

As in the authors' code a box includes both its corner pixels, hence the ones that are added.
"""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from renzheng.types import Floats


def suppress(
    boxes: npt.NDArray[Any], scores: npt.NDArray[Any], threshold: float, *, by_smaller: bool = False
) -> npt.NDArray[np.intp]:
    """Suppress boxes that overlap a better one (non-maximum suppression).

    Parameters
    ----------
    boxes
        (n, 4) xyxy.
    scores
        (n,)
    threshold
        The largest overlap with a better box that is kept, 0 to 1.
    by_smaller
        Divide the intersection of two boxes by the smaller box instead of their union.

    Returns
    -------
    intp (m,)
        Indices of the boxes that stay, the best first; equal scores in the order given.
    """
    if by_smaller:
        return _suppress_by_smaller(boxes, scores, threshold)
    if not len(boxes):
        return np.empty(0, np.intp)
    order = np.argsort(-np.asarray(scores), kind="stable")
    corners = np.asarray(boxes, np.float64)[order]
    corner_and_size = np.concatenate([corners[:, :2], corners[:, 2:] - corners[:, :2] + 1], axis=1)
    # NMSBoxes takes no scores below 0 and uses only their order.
    ranks = np.arange(len(order), 0, -1, dtype=np.float32)
    keep = cv2.dnn.NMSBoxes(corner_and_size, ranks, 0.0, threshold)  # type: ignore[arg-type]
    kept: npt.NDArray[np.intp] = order[np.asarray(keep, np.intp).reshape(-1)]
    return kept


def _suppress_by_smaller(
    boxes: npt.NDArray[Any], scores: npt.NDArray[Any], threshold: float
) -> npt.NDArray[np.intp]:
    """Suppress the few boxes of the last stage; OpenCV divides by the union only."""
    order = np.argsort(-np.asarray(scores), kind="stable")
    x1, y1, x2, y2 = np.asarray(boxes, np.float64)[order].T
    areas = (x2 - x1 + 1) * (y2 - y1 + 1)
    alive = np.ones(len(order), bool)
    keep = []
    for i in range(len(order)):
        if not alive[i]:
            continue
        keep.append(order[i])
        rest = np.flatnonzero(alive[i + 1 :]) + i + 1
        width = np.minimum(x2[i], x2[rest]) - np.maximum(x1[i], x1[rest]) + 1
        height = np.minimum(y2[i], y2[rest]) - np.maximum(y1[i], y1[rest]) + 1
        shared = np.maximum(width, 0) * np.maximum(height, 0)
        alive[rest[shared > threshold * np.minimum(areas[i], areas[rest])]] = False
    return np.array(keep, np.intp)


def square(boxes: Floats) -> Floats:
    """Grow boxes (n, 4) to squares about their centres."""
    sides = boxes[:, 2:] - boxes[:, :2]
    side = sides.max(axis=1, keepdims=True)
    corner = boxes[:, :2] + sides / 2 - side / 2
    return np.concatenate([corner, corner + side], axis=1)


def regress(boxes: Floats, offsets: Floats, extra: float = 1.0) -> Floats:
    """Move boxes (n, 4) by offsets (n, 4), in units of their sides plus `extra`."""
    sides = boxes[:, 2:] - boxes[:, :2] + extra
    moved: Floats = boxes + offsets * np.concatenate([sides, sides], axis=1)
    return moved
