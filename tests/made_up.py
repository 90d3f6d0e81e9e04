"""Made-up people: embeddings drawn around a direction each, and crops painted around a pattern."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
from PIL import Image as Pillow


def embeddings(
    people: int, pictures: int, *, spread: float = 0.6, dimension: int = 16, seed: int = 0
) -> tuple[np.ndarray, np.ndarray]:
    """float32 (people * pictures, dimension) of unit length, and whose each is."""
    chance = np.random.default_rng(seed)
    centres = np.repeat(chance.normal(size=(people, dimension)), pictures, axis=0)
    rows = centres + spread * chance.normal(size=centres.shape)
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    return rows.astype(np.float32), np.repeat(np.arange(people), pictures)


def paint(folder: Path, people: int, pictures: int, size: int = 150) -> None:
    """WHO/N.png: patterns that a network takes for crops; those of one person look alike."""
    chance = np.random.default_rng(people)
    for who in range(people):
        pattern = cv2.resize(chance.uniform(0, 255, (5, 5, 3)), (size, size))
        place = folder / f"person {who:02d}"
        place.mkdir(parents=True)
        for n in range(pictures):
            noisy = pattern + chance.normal(0, 25, pattern.shape)
            Pillow.fromarray(np.clip(noisy, 0, 255).astype(np.uint8)).save(place / f"{n}.png")
