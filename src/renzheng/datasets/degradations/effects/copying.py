"""Scanners, copiers and fax machines."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from renzheng.datasets.degradations.effects.effect import LUMA, Effect, Pixels, Rng, to_pixels


@dataclass(frozen=True)
class Scan(Effect):
    """A flatbed scanner: skew in degrees, blur and noise as deviations in pixels and levels."""

    skew: float = 1.5
    blur: float = 0.6
    noise: float = 2.5

    def _apply(self, portrait: Pixels, rng: Rng) -> Any:
        height, width = portrait.shape[:2]
        turn = cv2.getRotationMatrix2D(
            (width / 2, height / 2), float(rng.uniform(-self.skew, self.skew)), 1.0
        )
        out = cv2.warpAffine(
            portrait, turn, (width, height), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
        )
        out = cv2.GaussianBlur(out, (0, 0), self.blur)
        return out + rng.normal(0, self.noise, out.shape)


@dataclass(frozen=True)
class Photocopy(Effect):
    """An office copier: grey, hard contrast, speckles of toner, bands across the drum."""

    contrast: float = 1.5
    speckle: float = 0.0015  # share of the pixels, black and white each

    def _apply(self, portrait: Pixels, rng: Rng) -> Any:
        height = portrait.shape[0]
        grey = to_pixels(cv2.GaussianBlur(portrait @ LUMA, (0, 0), 0.0022 * height))
        low, high = np.percentile(grey, (2, 98))
        tone = (grey - low) / max(float(high - low), 1.0)
        tone = 1 / (1 + np.exp(-4 * self.contrast * (tone - 0.45)))
        bands = 1 + 0.05 * np.sin(
            2 * np.pi * np.arange(height) / height * rng.uniform(9, 16) + rng.uniform(0, 6)
        )
        tone = tone * bands[:, None] + rng.normal(0, 0.03, grey.shape)
        dots = rng.random(grey.shape) < self.speckle
        light = rng.random(grey.shape) < self.speckle
        tone = np.where(dots, 0.08, np.where(light, 0.95, tone))
        return _grey_image(255 * tone)


@dataclass(frozen=True)
class TwoTone(Effect):
    """Black and white only, as a fax: error diffusion, an 8 x 8 screen or a plain threshold."""

    ways: tuple[str, ...] = ("diffused", "screened", "threshold")

    def _apply(self, portrait: Pixels, rng: Rng) -> Any:
        from PIL import Image as Pictures  # slow to import, and this alone needs it

        grey = np.clip(portrait @ LUMA, 0, 255)
        # Copiers stretch what they see first; paper white must not be screened.
        low, high = np.percentile(grey[::4, ::4], (2, 90))
        grey = np.clip((grey - low) * (255 / max(float(high - low), 1.0)), 0, 255)
        way = self.ways[int(rng.integers(len(self.ways)))]
        if way == "diffused":  # Floyd and Steinberg 1976
            black = Pictures.fromarray(grey.astype(np.uint8)).convert("1")
            return _grey_image(np.asarray(black, np.float32) * 255)
        level: Pixels | np.float32
        if way == "screened":
            height, width = grey.shape
            level = 255 * np.tile(_bayer(8), (-(-height // 8), -(-width // 8)))[:height, :width]
        else:
            level = np.float32(rng.uniform(105, 140))
        return _grey_image(np.where(grey > level, 255, 0))


def _grey_image(tone: npt.NDArray[np.generic]) -> Pixels:
    """Return the levels (H, W) three times over, as an RGB image."""
    return np.repeat(to_pixels(tone)[:, :, None], 3, axis=2)


def _bayer(size: int) -> Pixels:
    """Return the thresholds of an ordered screen, above 0 and below 1 (Bayer 1973).

    `size` is its side, a power of two.
    """
    cell = np.zeros((1, 1))
    while len(cell) < size:
        cell = np.block([[4 * cell, 4 * cell + 2], [4 * cell + 3, 4 * cell + 1]])
    return np.asarray((cell + 0.5) / size**2, np.float32)
