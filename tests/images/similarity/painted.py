"""Random paintings with much detail and no face, a different one for each seed."""

from __future__ import annotations

import cv2
import numpy as np


def picture(seed: int, width: int = 260, height: int = 220) -> np.ndarray:
    """Paint shapes of all sizes on a soft background, uint8 (H, W, 3)."""
    rng = np.random.default_rng(seed)
    ground = rng.uniform(40, 215, (4, 5, 3)).astype(np.float32)
    canvas = cv2.resize(ground, (width, height), interpolation=cv2.INTER_CUBIC)
    canvas = np.clip(canvas, 0, 255).astype(np.uint8)
    for _ in range(70):
        x, y = int(rng.integers(width)), int(rng.integers(height))
        size = int(rng.integers(4, 34))
        colour = [int(v) for v in rng.integers(0, 256, 3)]
        if rng.random() < 0.5:
            cv2.circle(canvas, (x, y), size, colour, -1, cv2.LINE_AA)
        else:
            box = ((x, y), (size, float(rng.integers(4, 34))), float(rng.uniform(0, 180)))
            cv2.fillPoly(canvas, [cv2.boxPoints(box).astype(np.int32)], colour, cv2.LINE_AA)
    return canvas


def coded(image: np.ndarray, quality: int) -> np.ndarray:
    _, data = cv2.imencode(".jpg", image[:, :, ::-1], [cv2.IMWRITE_JPEG_QUALITY, quality])
    return np.ascontiguousarray(cv2.imdecode(data, cv2.IMREAD_COLOR)[:, :, ::-1])


def framed(image: np.ndarray, width: int, colour: tuple[int, int, int]) -> np.ndarray:
    return cv2.copyMakeBorder(image, *[width] * 4, cv2.BORDER_CONSTANT, value=colour)
