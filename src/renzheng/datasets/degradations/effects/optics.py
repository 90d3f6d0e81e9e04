"""Effects of a camera: blur, uneven light, noise, and the beat with a screen's pixels."""

from __future__ import annotations

import math
from dataclasses import dataclass
from statistics import NormalDist
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from renzheng.datasets.degradations.effects.effect import Effect, Pixels, Rng, to_pixels

_Kernel = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Defocus(Effect):
    """A lens out of focus, and a hand that moved: radius of the disc and length of the streak."""

    radius: float = 0.010
    motion: float = 0.012

    def _apply(self, portrait: Pixels, rng: Rng) -> Any:
        height = portrait.shape[0]
        out = portrait
        radius = self.radius * height
        if radius > 0:
            y, x = _window(radius)
            out = _spread(out, np.clip(radius + 0.5 - np.hypot(x, y), 0, 1))
        length = self.motion * height
        if length > 0:
            angle = rng.uniform(0, np.pi)
            y, x = _window(length / 2)
            along = x * np.cos(angle) + y * np.sin(angle)
            beside = y * np.cos(angle) - x * np.sin(angle)
            streak = np.clip(length / 2 + 0.5 - np.abs(along), 0, 1) * np.clip(
                1 - np.abs(beside), 0, 1
            )
            out = _spread(out, streak)
        return out


def _window(radius: float) -> npt.NDArray[np.int_]:
    """Return the rows and columns of a kernel of this radius, 0 in its middle."""
    reach = max(1, int(np.ceil(radius)))
    return np.mgrid[-reach : reach + 1, -reach : reach + 1]


def _spread(portrait: Pixels, kernel: _Kernel) -> Pixels:
    whole = kernel / kernel.sum()
    out = cv2.filter2D(portrait, -1, whole, borderType=cv2.BORDER_REPLICATE)
    return to_pixels(out)


@dataclass(frozen=True)
class UnevenLight(Effect):
    """A lamp to one side, vignetting towards the corners, and the lamp's colour."""

    strength: float = 0.22
    cast: float = 0.08

    def _apply(self, portrait: Pixels, rng: Rng) -> Any:
        height, width = portrait.shape[:2]
        turn = float(rng.uniform(0, 2 * np.pi))
        # Light has no edges: a coarse grid is enough, and a hundred times as fast.
        y, x = np.mgrid[-1:1:24j, -1:1:32j]
        slope = x * math.cos(turn) + y * math.sin(turn)
        lamp = np.exp(-((x - 0.8 * math.cos(turn)) ** 2) - (y - 0.8 * math.sin(turn)) ** 2)
        # Exposed for the brightest place, so the rest is darker.
        strength = self.strength * float(rng.uniform(0.5, 1.5))
        gain = 1 + strength * (0.35 * slope + 0.5 * lamp - 0.2 * (x**2 + y**2) - 0.5)
        whole = cv2.resize(gain.astype(np.float32), (width, height), interpolation=cv2.INTER_LINEAR)
        warm, green = rng.uniform(-1, 1) * self.cast, rng.uniform(-0.3, 0.3) * self.cast
        colour = np.array((1 + warm, 1 + green, 1 - warm), np.float32)
        return portrait * whole[:, :, None] * colour


@dataclass(frozen=True)
class SensorNoise(Effect):
    """A camera's noise: grainy in brightness, coarser and weaker in colour; sigma in levels."""

    level: float = 3.0

    def _apply(self, portrait: Pixels, rng: Rng) -> Any:
        height, width = portrait.shape[:2]
        # 256 quantiles of the normal distribution, drawn by bytes: ten times as fast as numpy's.
        steps = (np.arange(256) + 0.5) / 256
        normal = np.array([NormalDist().inv_cdf(float(q)) for q in steps], np.float32)

        def draw(rows: int, columns: int, sigma: float) -> Pixels:
            drawn = np.frombuffer(rng.bytes(rows * columns), np.uint8).reshape(rows, columns)
            return np.asarray(cv2.LUT(drawn, normal * np.float32(sigma)), np.float32)

        grain = draw(height, width, self.level)
        half = (-(-height // 2), -(-width // 2))
        tints = [cv2.resize(draw(*half, self.level * 0.8), (width, height)) for _ in range(2)]
        return portrait + cv2.merge([grain + tints[0], grain, grain + tints[1]])


@dataclass(frozen=True)
class Moire(Effect):
    """A screen's pixels beating with the camera's: coloured, bent stripes and a fine grid."""

    strength: float = 0.1
    period: float = 0.05  # of the stripes

    def _apply(self, portrait: Pixels, rng: Rng) -> Any:
        height, width = portrait.shape[:2]
        y = (np.arange(height, dtype=np.float32) / height)[:, None]
        x = (np.arange(width, dtype=np.float32) / height)[None, :]
        gain = np.ones((height, width, 3), np.float32)
        start = float(rng.uniform(0, np.pi))
        for turn, share in ((start, 1.0), (start + float(rng.uniform(1.2, 1.9)), 0.6)):
            step = 2 * math.pi / (self.period * float(rng.uniform(0.7, 1.4)))
            # Perspective and the lens bend the beat: a phase of second order.
            bend = [float(v) * 0.35 * step for v in rng.uniform(-1, 1, 3)]
            phase = (step * math.cos(turn) * x + bend[0] * x * x) + (
                step * math.sin(turn) * y + bend[1] * y * y
            )
            phase += bend[2] * x * y
            cosine, sine = np.cos(phase), np.sin(phase)
            for channel in range(3):  # red, green and blue stripes lie side by side
                third = 2 * math.pi * channel / 3
                wave = cosine * np.float32(math.cos(third)) - sine * np.float32(math.sin(third))
                gain[:, :, channel] += np.float32(self.strength * share) * wave
        cell = float(rng.uniform(2.2, 3.2))
        lines = [
            0.5 * self.strength * np.cos(2 * np.pi / cell * np.arange(n)) for n in (height, width)
        ]
        fine = (1 + lines[0][:, None]) * (1 + lines[1][None, :])
        gain *= fine.astype(np.float32)[:, :, None]
        return portrait * gain
