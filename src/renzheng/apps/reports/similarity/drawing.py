"""Both pictures of a similarity side by side, with what agrees outlined and joined."""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

from renzheng.images.similarity import PictureSimilarity
from renzheng.types import Image

HIGH, _WIDE, _GAP = 560, 620, 36  # px: the room of one picture, and the space between the two
MAX_LINES = 60  # more hide the pictures
_PAPER = (241, 243, 241)
_OUTLINE, _REGION, _LINE = (16, 20, 24), (64, 224, 150), (255, 196, 64)
_CHANGED = (255, 60, 60)
_SUBPIXEL = 4  # bits that cv2 draws finer than a pixel


def joined(similarity: PictureSimilarity) -> Image:
    """Draw the two pictures side by side: regions that agree outlined, their features joined.

    Parameters
    ----------
    similarity
        Result whose pictures are shown.

    Returns
    -------
    uint8 (h, w, 3) RGB
        At most 560 px high and 1,276 px wide. Nothing is drawn where the regions do not agree.
    """
    shown, scales = [], []
    for image in similarity.images:
        height, width = image.shape[:2]
        scale = min(HIGH / height, _WIDE / width)
        size = max(1, round(width * scale)), max(1, round(height * scale))
        how = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
        shown.append(cv2.resize(image, size, interpolation=how))
        scales.append(np.array(size) / (width, height))
    high = max(one.shape[0] for one in shown)
    wide = shown[0].shape[1] + _GAP + shown[1].shape[1]
    canvas = np.full((high, wide, 3), _PAPER, np.uint8)
    corners = [(0, 0), (shown[0].shape[1] + _GAP, 0)]
    for (x, y), one in zip(corners, shown, strict=True):
        y = (high - one.shape[0]) // 2
        canvas[y : y + one.shape[0], x : x + one.shape[1]] = one
    regions = similarity.regions
    if regions is None or not regions.near_duplicate:
        return canvas

    def placed(points: npt.NDArray[np.float32], side: int) -> npt.NDArray[np.int32]:
        # Pixel centres move with the scale; clipped, as cv2 overflows on absurd coordinates.
        corner = (corners[side][0], (high - shown[side].shape[0]) // 2)
        there = (points + 0.5) * scales[side] - 0.5 + corner
        return np.asarray(np.clip(there, -9000, 9000) * 2**_SUBPIXEL + 0.5, np.int32)

    a, b = placed(regions.points_a, 0), placed(regions.points_b, 1)
    step = max(1, -(-len(a) // MAX_LINES))
    order = np.argsort(a[:, 1], kind="stable")[::step]  # from top to bottom, evenly
    for start, end in zip(a[order].tolist(), b[order].tolist(), strict=True):
        cv2.line(canvas, start, end, _LINE, 1, cv2.LINE_AA, _SUBPIXEL)
        for point in (start, end):
            cv2.circle(canvas, point, 3 << _SUBPIXEL, _LINE, -1, cv2.LINE_AA, _SUBPIXEL)
    changed = similarity.changes
    if changed is not None and len(changed.boxes):
        tinted = canvas.copy()
        for x1, y1, x2, y2 in changed.boxes:
            box = np.array([(x1, y1), (x2, y1), (x2, y2), (x1, y2)], np.float32)
            cv2.fillPoly(tinted, [placed(box, changed.side)], _CHANGED, cv2.LINE_8, _SUBPIXEL)
        canvas = np.asarray(cv2.addWeighted(tinted, 0.35, canvas, 0.65, 0), np.uint8)
    for region, side in ((regions.region_a, 0), (regions.region_b, 1)):
        if region is not None:
            for ink, thickness in ((_OUTLINE, 5), (_REGION, 3)):
                outline = placed(region, side)
                cv2.polylines(canvas, [outline], True, ink, thickness, cv2.LINE_AA, _SUBPIXEL)
    return canvas
