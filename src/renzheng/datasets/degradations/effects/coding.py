"""Sampling and compression: how a file or a chip holds a portrait."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np

from renzheng.datasets.degradations.effects.effect import Effect, Pixels, Rng


@dataclass(frozen=True)
class Resize(Effect):
    """Resampling to a fixed size in pixels, as a chip or a card's print engine holds it."""

    width: int
    height: int

    def _apply(self, portrait: Pixels, rng: Rng) -> Any:
        how = cv2.INTER_AREA if self.height < portrait.shape[0] else cv2.INTER_CUBIC
        return cv2.resize(portrait, (self.width, self.height), interpolation=how)


@dataclass(frozen=True)
class Jpeg(Effect):
    """JPEG coding and decoding; quality as libjpeg counts it, 1 to 100."""

    quality: int

    def _apply(self, portrait: Pixels, rng: Rng) -> Any:
        pixels = np.clip(portrait + 0.5, 0, 255).astype(np.uint8)
        _, coded = cv2.imencode(
            ".jpg",
            np.ascontiguousarray(pixels[:, :, ::-1]),
            [cv2.IMWRITE_JPEG_QUALITY, self.quality],
        )
        decoded = cv2.imdecode(coded, cv2.IMREAD_COLOR)
        assert decoded is not None  # what was just coded can be decoded
        return decoded[:, :, ::-1]
