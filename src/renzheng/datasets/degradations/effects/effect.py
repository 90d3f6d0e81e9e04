"""The interface of every effect, and what several of them share."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

Pixels = npt.NDArray[np.float32]
Rng = np.random.Generator

LUMA = np.array((0.299, 0.587, 0.114), np.float32)  # red, green and blue, ITU-R BT.601


class Effect(ABC):
    """One step of a degradation; subclasses are frozen dataclasses of its strengths."""

    def __call__(self, portrait: Pixels, rng: Rng) -> Pixels:
        """Return the portrait after the step.

        Parameters
        ----------
        portrait
            float32 (H, W, 3) RGB, 0 to 255; it is not changed.
        rng
            Chooses what varies from document to document.

        Returns
        -------
        float32 (h, w, 3) RGB, 0 to 255
        """
        return to_pixels(self._apply(portrait, rng))

    @abstractmethod
    def _apply(self, portrait: Pixels, rng: Rng) -> Any:
        """Return the portrait after the step; values beyond 0 to 255 are clipped afterwards."""


def to_pixels(values: npt.ArrayLike) -> Pixels:
    """Clip values to 0 to 255 and convert them to float32."""
    return np.asarray(np.clip(values, 0, 255), np.float32)


def grid(portrait: Pixels) -> tuple[Pixels, Pixels]:
    """Return the rows and columns of the pixels, as float32 (H, W) shares of the height."""
    height, width = portrait.shape[:2]
    y, x = np.mgrid[0:height, 0:width].astype(np.float32) / height
    return y, x


def hills(portrait: Pixels, cells: int, rng: Rng) -> Pixels:
    """Return smooth random hills of -1 to 1, float32 (H, W), about `cells` across."""
    height, width = portrait.shape[:2]
    coarse = rng.uniform(-1, 1, (cells, cells)).astype(np.float32)
    whole = cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC)
    return np.asarray(np.clip(whole, -1, 1), np.float32)
