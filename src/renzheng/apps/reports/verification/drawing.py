"""Pictures of a page with their faces marked, small enough to embed."""

from __future__ import annotations

import cv2
import numpy as np

from renzheng.types import Capture, Face, FaceKind, Image

_LARGEST, _SMALLEST = 900, 420  # px of the longer side: light to embed, room for the marks
_COLOURS = {
    FaceKind.CHOSEN: (64, 224, 150),
    FaceKind.GHOST: (120, 200, 255),
    FaceKind.COPY: (120, 200, 255),
    FaceKind.RIVAL: (255, 110, 90),
    FaceKind.INTRUDER: (255, 110, 90),
    FaceKind.STRANGER: (255, 110, 90),
    FaceKind.BYSTANDER: (255, 196, 64),
}
_OUTLINE = (16, 20, 24)
_SUBPIXEL = 4  # bits that cv2 draws finer than a pixel


def marked(capture: Capture) -> Image | None:
    """Draw every face's box and landmarks into the picture, the chosen face bold.

    Ghost portraits are marked in blue, faces that could be meant as well in red.

    Parameters
    ----------
    capture
        One side of the verification.

    Returns
    -------
    uint8 (h, w, 3) RGB
        420 to 900 px on the longer side; None without a picture.
    """
    if capture.image is None or capture.image.size == 0:
        return None
    height, width = capture.image.shape[:2]
    longest = max(height, width)
    scale = min(max(longest, _SMALLEST), _LARGEST) / longest
    size = max(1, round(width * scale)), max(1, round(height * scale))
    how = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
    canvas = np.ascontiguousarray(cv2.resize(capture.image, size, interpolation=how), np.uint8)
    candidates = () if capture.choice is None else capture.choice.candidates
    for candidate in reversed(candidates):  # the chosen one last, so that nothing lies over it
        _mark(canvas, candidate.face, scale, candidate.kind)
    return canvas


def _mark(canvas: Image, face: Face, scale: float, kind: FaceKind) -> None:
    colour = _COLOURS[kind]
    thickness, radius = (4, 4.5) if kind is FaceKind.CHOSEN else (1, 2.5)

    def fixed(x: float, y: float) -> tuple[int, int]:
        # Pixel centres move with the scale; clipped, as cv2 overflows on absurd coordinates.
        place = (np.clip(((v + 0.5) * scale - 0.5), -9000, 9000) for v in (x, y))
        a, b = (round(float(v) * 2**_SUBPIXEL) for v in place)
        return a, b

    x1, y1, x2, y2 = (float(v) for v in face.box)
    for ink, wide in ((_OUTLINE, thickness + 2), (colour, thickness)):
        cv2.rectangle(canvas, fixed(x1, y1), fixed(x2, y2), ink, wide, cv2.LINE_AA, _SUBPIXEL)
    for x, y in face.landmarks:
        for ink, size in ((_OUTLINE, radius + 1.2), (colour, radius)):
            cv2.circle(
                canvas, fixed(float(x), float(y)), round(size * 2**_SUBPIXEL), ink, -1,
                cv2.LINE_AA, _SUBPIXEL,
            )  # fmt: skip
