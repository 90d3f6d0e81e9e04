"""Crops of a picture by candidate boxes."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from renzheng.faces.detection.pyramid import GREY, Octaves, border, sees_border
from renzheng.types import Floats, Image

# A crop is scaled to 24 or 48 pixels, each the mean of what it covers. A crop of more than twice
# this side is cut from the picture at half its size, or a quarter, and so on, and so keeps at least
# this many pixels a side.
_SIDE = 96


class Crops:
    """Cuts boxes out of one picture.

    Parameters
    ----------
    octaves
        The picture.
    exact
        Cut large boxes, too, out of the picture itself, which takes time in proportion to their
        area.
    """

    def __init__(self, octaves: Octaves, exact: bool):
        self._octaves = octaves
        self._exact = exact

    def cut(self, boxes: Floats) -> tuple[Floats, list[Image]]:
        """Return the boxes (n, 4) that lie in the picture, and their crops.

        A box over the edge is cut off there, as in training; a box that is large compared with the
        picture is filled up with grey. Large boxes are returned as they were cut: with their edges
        on pixels of the smaller picture, at most 1/192 of their side away.
        """
        corners = np.trunc(boxes).astype(np.int64)
        corners[:, :2] -= 1  # both corner pixels belong to a box, and are counted from 1
        halvings = np.zeros(len(boxes), np.int64)
        if not self._exact:
            sides = np.maximum((corners[:, 2:] - corners[:, :2]).max(axis=1), 1)
            halvings = np.maximum(np.floor(np.log2(sides / _SIDE)), 0).astype(np.int64)
            corners = np.floor(corners / (1 << halvings)[:, None] + 0.5).astype(np.int64)
            large = halvings > 0
            boxes = boxes.copy()
            boxes[large] = (corners << halvings[:, None])[large] + (1, 1, 0, 0)
        inside, views = [], []
        for i, (corner, octave) in enumerate(zip(corners.tolist(), halvings.tolist(), strict=True)):
            view = self._view(corner, octave)
            if view.size:
                inside.append(i)
                views.append(view)
        return boxes[inside], views

    def _view(self, corners: Sequence[int], octave: int) -> Image:
        picture = self._octaves[octave]
        height, width = picture.shape[:2]
        x1, y1, x2, y2 = corners
        left, top = max(x1, 0), max(y1, 0)
        view = picture[top : max(y2, 0), left : max(x2, 0)]
        inside = left == x1 and top == y1 and x2 <= width and y2 <= height
        if inside or not view.size or not sees_border(max(x2 - x1, y2 - y1), height, width):
            return view
        margin = border(height, width)
        x1, y1 = max(x1, -margin), max(y1, -margin)
        x2, y2 = min(x2, width + margin), min(y2, height + margin)
        filled = np.full((y2 - y1, x2 - x1, 3), GREY, np.uint8)
        filled[top - y1 :, left - x1 :][: view.shape[0], : view.shape[1]] = view
        return filled
