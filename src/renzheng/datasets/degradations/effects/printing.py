"""Printing in four inks: rotated screens of round dots.

The angles are the trade's: cyan 15, magenta 75, yellow 0, black 45 degrees, 30 or 15 apart so that
no coarse moire arises. The `cell` of an effect is the screen's period in pixels of the portrait:
300 dpi over 133 lines an inch are 2.3.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from renzheng.datasets.degradations.effects.effect import Effect, Pixels, Rng

_STRIP = 48  # rows printed at a time: what the processor's cache holds
_ANGLES = (15, 75, 0, 45)  # degrees; cyan, magenta, yellow, black
# The shares of red, green and blue that each ink lets through: real inks are not pure.
_INKS_PASS = ((0.05, 0.65, 0.85), (0.85, 0.1, 0.5), (0.97, 0.9, 0.1), (0.1, 0.1, 0.1))


@dataclass(frozen=True)
class Halftone(Effect):
    """A print in four inks; `gain` is how far dots spread in the paper."""

    cell: float = 2.3
    gain: float = 1.08

    def _apply(self, portrait: Pixels, rng: Rng) -> Any:
        fine = 4  # dots are drawn four times as fine and seen through the scanner's pixels
        height, width = portrait.shape[:2]
        large = cv2.resize(portrait, (width * fine, height * fine), interpolation=cv2.INTER_LINEAR)
        plates = _separate(large) * self.gain
        y, x = np.mgrid[0 : height * fine, 0 : width * fine].astype(np.float32)
        paper = np.ones_like(large)
        for k in range(4):
            a, b = _wave_numbers(self.cell * fine, k)
            phase = [float(p) for p in rng.uniform(0, 2 * np.pi, 2)]
            screen = np.cos(x * a + y * b + phase[0]) + np.cos(y * a - x * b + phase[1])
            # A soft threshold: ink has edges, but not of one pixel.
            dot = np.clip(plates[:, :, k] * 4 - screen - 1.5, 0, 1)[:, :, None]
            paper *= 1 - dot * (1 - np.array(_INKS_PASS[k], np.float32))
        seen = cv2.resize(paper, (width, height), interpolation=cv2.INTER_AREA)
        return seen * 255


@dataclass(frozen=True)
class Print(Effect):
    """A print in four inks as by `Halftone`, for whole cards.

    It is some thirty times as fast: a screen is a product of two thin matrices, and dots are drawn
    only as fine as `cell` asks. That changes single dots, hence an effect of its own.
    """

    cell: float = 2.3
    gain: float = 1.08

    def _apply(self, portrait: Pixels, rng: Rng) -> Any:
        fine = min(6, max(1, math.ceil(4.5 / self.cell)))  # a dot needs 4 to 5 samples across
        height, width = portrait.shape[:2]
        plates = _separate(portrait) * (4 * self.gain) - 1.5
        plates = np.concatenate([plates[:1], plates, plates[-1:]])
        screens = [self._screen(width * fine, height * fine, fine, k, rng) for k in range(4)]
        out = np.empty((height, width, 3), np.float32)
        for start in range(0, height, _STRIP):
            stop = min(start + _STRIP, height)
            strip = slice(start * fine, stop * fine)
            paper = np.ones((3, (stop - start) * fine, width * fine), np.float32)
            for k, (rows, columns) in enumerate(screens):
                plate = np.ascontiguousarray(plates[start : stop + 2, :, k])
                large = cv2.resize(plate, (width * fine, len(plate) * fine))[fine:-fine]
                dot = large - rows[strip] @ columns
                np.clip(dot, 0, 1, out=dot)
                for seen, passed in zip(paper, _INKS_PASS[k], strict=True):
                    seen *= 1 - dot * np.float32(1 - passed)
            for channel, seen in enumerate(paper):
                out[start:stop, :, channel] = cv2.resize(
                    seen, (width, stop - start), interpolation=cv2.INTER_AREA
                )
        return out * 255

    def _screen(
        self, width: int, height: int, fine: int, plate: int, rng: Rng
    ) -> tuple[Pixels, Pixels]:
        """Return cos(ax + by + p) + cos(ay - bx + q) as (height, 4) times (4, width)."""
        a, b = _wave_numbers(self.cell * fine, plate)
        p, q = (float(phase) for phase in rng.uniform(0, 2 * np.pi, 2))
        x, y = np.arange(width, dtype=np.float32), np.arange(height, dtype=np.float32)
        rows = np.stack((np.cos(b * y), -np.sin(b * y), np.cos(a * y), np.sin(a * y)), axis=1)
        columns = np.stack(
            (np.cos(a * x + p), np.sin(a * x + p), np.cos(b * x - q), np.sin(b * x - q))
        )
        return rows, columns


def _separate(portrait: npt.NDArray[Any]) -> Pixels:
    """Return the amounts of cyan, magenta, yellow and black, (H, W, 4)."""
    inks = 1 - np.clip(portrait, 0, 255) / 255
    black = inks.min(axis=2, keepdims=True) * 0.7  # grey component replacement
    return np.concatenate([(inks - black) / (1 - black + 1e-6), black], axis=2)


def _wave_numbers(cell: float, plate: int) -> tuple[float, float]:
    """Return a plate's screen frequency along x and y, radians a pixel.

    They are Python's floats, since numpy's would turn the plates into float64.
    """
    step, angle = 2 * math.pi / cell, math.radians(_ANGLES[plate])
    return step * math.cos(angle), step * math.sin(angle)
