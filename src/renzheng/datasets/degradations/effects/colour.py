"""Colours that are off: a wrong white balance, or inks that faded."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from renzheng.datasets.degradations.effects.effect import LUMA, Effect, Pixels, Rng, hills


@dataclass(frozen=True)
class ColourCast(Effect):
    """Wrong white balance, saturation and gamma; each is drawn up to these strengths."""

    balance: float = 0.25
    saturation: float = 0.5
    gamma: float = 0.35

    def _apply(self, portrait: Pixels, rng: Rng) -> Any:
        # Along the blue-yellow line mostly, as lamps differ; a little along green-magenta.
        warm = rng.choice((-1, 1)) * rng.uniform(0.6, 1) * self.balance
        green = rng.uniform(-0.4, 0.4) * self.balance
        gains = np.array((1 + warm, 1 + green, 1 - warm), np.float32)
        exponent = float(np.exp(rng.uniform(-1, 1) * np.log1p(self.gamma)))
        colour = 1 + rng.uniform(-1, 0.6) * self.saturation
        out = np.clip(portrait * gains, 0, 255)
        grey = (out @ LUMA)[:, :, None]
        out = np.clip(grey + colour * (out - grey), 0, 255)
        return 255 * (out / 255) ** exponent


@dataclass(frozen=True)
class Faded(Effect):
    """Inks bleached by years of light: less contrast and colour, a yellow veil, rubbed patches."""

    strength: float = 0.35

    def _apply(self, portrait: Pixels, rng: Rng) -> Any:
        amount = self.strength * float(rng.uniform(0.6, 1))
        grey = (portrait @ LUMA)[:, :, None]
        out = grey + np.float32(1 - 1.2 * amount) * (portrait - grey)
        rubbed = np.float32(amount) * (1 + 0.5 * hills(portrait, 5, rng))[:, :, None]
        paper = np.array((240, 234, 216), np.float32)
        return out + rubbed * (paper - out)
