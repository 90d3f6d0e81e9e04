"""Painted pictures: no two seeds look alike, and there is much to see in each."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
from PIL import Image as Pillow


def paint(seed: int, width: int = 360, height: int = 280) -> np.ndarray:
    """uint8 (height, width, 3) RGB: no two seeds look alike, and there is much to see."""
    rng = np.random.default_rng(seed)
    ground = cv2.resize(rng.uniform(30, 220, (4, 5, 3)), (width, height))
    picture = np.ascontiguousarray(ground.astype(np.uint8))
    for _ in range(45):
        colour = [int(v) for v in rng.integers(0, 256, 3)]
        x, y = int(rng.integers(0, width)), int(rng.integers(0, height))
        reach = int(rng.integers(6, 40)), int(rng.integers(6, 40))
        if rng.random() < 0.5:
            cv2.ellipse(picture, (x, y), reach, float(rng.uniform(0, 180)), 0, 360, colour, -1)
        else:
            cv2.rectangle(picture, (x, y), (x + reach[0], y + reach[1]), colour, -1)
    return picture


def save(picture: np.ndarray, path: Path, **options: object) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Pillow.fromarray(picture).save(path, **options)
    return path
