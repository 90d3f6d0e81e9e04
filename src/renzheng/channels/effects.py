"""What lies between a portrait and the machine that sees it, effect by effect.

Every effect takes float32 (H, W, 3) RGB, 0 to 255, and a random generator, and gives the same;
lengths are shares of the portrait's height unless said otherwise, so that large and small portraits
look alike. Strengths are those of a careless hotel desk, not of an attack.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Protocol

import cv2
import numpy as np
import numpy.typing as npt

# Raise it with every change of what an effect does: what was computed before then counts no more.
REVISION = 2

Pixels = npt.NDArray[np.float32]

_GREY = np.array((0.299, 0.587, 0.114), np.float32)  # ITU-R BT.601 luma


class Effect(Protocol):
    """One step of a channel."""

    def __call__(self, portrait: Pixels, chance: np.random.Generator) -> Pixels:
        """The portrait after the step."""


@dataclass(frozen=True)
class Resize:
    """Resample to fixed pixels, as a chip or a card's print engine holds them."""

    width: int
    height: int

    def __call__(self, portrait: Pixels, chance: np.random.Generator) -> Pixels:
        """The portrait after the step."""
        how = cv2.INTER_AREA if self.height < portrait.shape[0] else cv2.INTER_CUBIC
        return _pixels(cv2.resize(portrait, (self.width, self.height), interpolation=how))


@dataclass(frozen=True)
class Jpeg:
    """Code and decode; quality as libjpeg counts it, 1 to 100."""

    quality: int

    def __call__(self, portrait: Pixels, chance: np.random.Generator) -> Pixels:
        """The portrait after the step."""
        pixels = np.clip(portrait + 0.5, 0, 255).astype(np.uint8)
        _, coded = cv2.imencode(
            ".jpg",
            np.ascontiguousarray(pixels[:, :, ::-1]),
            [cv2.IMWRITE_JPEG_QUALITY, self.quality],
        )
        decoded = cv2.imdecode(coded, cv2.IMREAD_COLOR)
        assert decoded is not None  # what was just coded can be decoded
        return _pixels(decoded[:, :, ::-1])


@dataclass(frozen=True)
class Halftone:
    """Print four inks in rotated screens of round dots.

    The angles are the trade's: cyan 15, magenta 75, yellow 0, black 45 degrees, 30 or 15 apart so
    that no coarse moire arises. `cell` is the screen's period in pixels of the portrait: 300 dpi
    over 133 lines an inch are 2.3.
    """

    cell: float = 2.3
    gain: float = 1.08  # dots spread in the paper

    def __call__(self, portrait: Pixels, chance: np.random.Generator) -> Pixels:
        """The portrait after the step."""
        fine = 4  # dots are drawn four times as fine and seen through the scanner's pixels
        height, width = portrait.shape[:2]
        large = cv2.resize(portrait, (width * fine, height * fine), interpolation=cv2.INTER_LINEAR)
        inks = 1 - np.clip(large, 0, 255) / 255
        black = inks.min(axis=2, keepdims=True) * 0.7  # grey component replacement
        plates = np.concatenate([(inks - black) / (1 - black + 1e-6), black], axis=2) * self.gain
        y, x = np.mgrid[0 : height * fine, 0 : width * fine].astype(np.float32)
        paper = np.ones_like(large)
        # How much of red, green and blue each ink lets through: real inks are not pure.
        passed = ((0.05, 0.65, 0.85), (0.85, 0.1, 0.5), (0.97, 0.9, 0.1), (0.1, 0.1, 0.1))
        for k, angle in enumerate((15, 75, 0, 45)):
            step = 2 * np.pi / (self.cell * fine)
            # Python's floats, since numpy's would turn the plates into float64.
            a, b = step * math.cos(math.radians(angle)), step * math.sin(math.radians(angle))
            phase = [float(p) for p in chance.uniform(0, 2 * np.pi, 2)]
            screen = np.cos(x * a + y * b + phase[0]) + np.cos(y * a - x * b + phase[1])
            # A soft threshold: ink has edges, but not of one pixel.
            dot = np.clip(plates[:, :, k] * 4 - screen - 1.5, 0, 1)[:, :, None]
            paper *= 1 - dot * (1 - np.array(passed[k], np.float32))
        seen = cv2.resize(paper, (width, height), interpolation=cv2.INTER_AREA)
        return _pixels(seen * 255)


@dataclass(frozen=True)
class Defocus:
    """A lens out of focus, and a hand that moved: radius of the disc and length of the streak."""

    radius: float = 0.010
    motion: float = 0.012

    def __call__(self, portrait: Pixels, chance: np.random.Generator) -> Pixels:
        """The portrait after the step."""
        height = portrait.shape[0]
        out = portrait
        radius = self.radius * height
        if radius > 0:
            reach = max(1, int(np.ceil(radius)))
            y, x = np.mgrid[-reach : reach + 1, -reach : reach + 1]
            disc = np.clip(radius + 0.5 - np.hypot(x, y), 0, 1)
            out = _spread(out, disc)
        length = self.motion * height
        if length > 0:
            angle = chance.uniform(0, np.pi)
            reach = max(1, int(np.ceil(length / 2)))
            y, x = np.mgrid[-reach : reach + 1, -reach : reach + 1]
            along = x * np.cos(angle) + y * np.sin(angle)
            beside = y * np.cos(angle) - x * np.sin(angle)
            streak = np.clip(length / 2 + 0.5 - np.abs(along), 0, 1) * np.clip(
                1 - np.abs(beside), 0, 1
            )
            out = _spread(out, streak)
        return _pixels(out)


@dataclass(frozen=True)
class Glare:
    """Light mirrored by the laminate: soft streaks that burn out, and a veil over the rest."""

    streaks: int = 2
    strength: float = 1.0
    veil: float = 0.12

    def __call__(self, portrait: Pixels, chance: np.random.Generator) -> Pixels:
        """The portrait after the step."""
        height, width = portrait.shape[:2]
        y, x = np.mgrid[0:height, 0:width].astype(np.float32) / height
        light = np.full((height, width), self.veil, np.float32)
        for _ in range(self.streaks):
            cx, cy = chance.uniform(0.1, 0.9) * width / height, chance.uniform(0.1, 0.9)
            turn = chance.uniform(0, np.pi)
            long, short = chance.uniform(0.14, 0.3), chance.uniform(0.03, 0.06)
            along = (x - cx) * np.cos(turn) + (y - cy) * np.sin(turn)
            beside = (y - cy) * np.cos(turn) - (x - cx) * np.sin(turn)
            light += self.strength * np.exp(-((along / long) ** 2) - (beside / short) ** 2)
        # Mirrored light adds to what the paper gives; the camera closes a little for it.
        out = portrait * (1 - 0.5 * self.veil) + 255 * light[:, :, None]
        return _pixels(np.clip(out, 0, 255))


@dataclass(frozen=True)
class ColourCast:
    """Wrong white balance, saturation and gamma; each is drawn up to these strengths."""

    balance: float = 0.25
    saturation: float = 0.5
    gamma: float = 0.35

    def __call__(self, portrait: Pixels, chance: np.random.Generator) -> Pixels:
        """The portrait after the step."""
        # Along the blue-yellow line mostly, as lamps differ; a little along green-magenta.
        warm = chance.choice((-1, 1)) * chance.uniform(0.6, 1) * self.balance
        green = chance.uniform(-0.4, 0.4) * self.balance
        gains = np.array((1 + warm, 1 + green, 1 - warm), np.float32)
        exponent = float(np.exp(chance.uniform(-1, 1) * np.log1p(self.gamma)))
        colour = 1 + chance.uniform(-1, 0.6) * self.saturation
        out = np.clip(portrait * gains, 0, 255)
        grey = (out @ _GREY)[:, :, None]
        out = np.clip(grey + colour * (out - grey), 0, 255)
        return _pixels(255 * (out / 255) ** exponent)


@dataclass(frozen=True)
class Hologram:
    """A diffractive overlay: fine curves and patches in colours that change across the portrait."""

    strength: float = 0.3

    def __call__(self, portrait: Pixels, chance: np.random.Generator) -> Pixels:
        """The portrait after the step."""
        height, width = portrait.shape[:2]
        y, x = np.mgrid[0:height, 0:width].astype(np.float32) / height
        turn, phase = chance.uniform(0, np.pi), chance.uniform(0, 2 * np.pi, 4)
        across = x * np.cos(turn) + y * np.sin(turn)
        hue = (0.9 * across + 0.06 * np.sin(9 * y + phase[0]) + phase[1] / (2 * np.pi)) % 1.0
        angles = 2 * np.pi * (hue[:, :, None] + np.array((0, 1 / 3, 2 / 3), np.float32))
        rainbow = 127.5 * (1 + np.cos(angles))
        wave = x + 0.05 * np.sin(2 * np.pi * (2.2 * y) + phase[2])
        curves = 0.5 + 0.5 * np.cos(2 * np.pi * 26 * wave)
        rings = 0.5 + 0.5 * np.cos(2 * np.pi * 14 * np.hypot(x - 0.4, y - 0.5) + phase[3])
        fine = np.maximum(curves**4, 0.8 * rings**4)
        # Only where the light falls right does a part of it light up.
        lit = 0.5 + 0.5 * np.sin(4.5 * across + phase[2]) * np.cos(3.5 * (y - x) + phase[0])
        alpha = (self.strength * lit * (0.35 + 0.65 * fine))[:, :, None]
        return _pixels(portrait * (1 - alpha) + rainbow * alpha + 40 * alpha)


@dataclass(frozen=True)
class Photocopy:
    """An office copier: grey, hard contrast, speckles of toner, bands across the drum."""

    contrast: float = 1.5
    speckle: float = 0.0015  # share of the pixels, black and white each

    def __call__(self, portrait: Pixels, chance: np.random.Generator) -> Pixels:
        """The portrait after the step."""
        height = portrait.shape[0]
        grey = _pixels(cv2.GaussianBlur(portrait @ _GREY, (0, 0), 0.0022 * height))
        low, high = np.percentile(grey, (2, 98))
        tone = (grey - low) / max(float(high - low), 1.0)
        tone = 1 / (1 + np.exp(-4 * self.contrast * (tone - 0.45)))
        bands = 1 + 0.05 * np.sin(
            2 * np.pi * np.arange(height) / height * chance.uniform(9, 16) + chance.uniform(0, 6)
        )
        tone = tone * bands[:, None] + chance.normal(0, 0.03, grey.shape)
        dots = chance.random(grey.shape) < self.speckle
        light = chance.random(grey.shape) < self.speckle
        tone = np.where(dots, 0.08, np.where(light, 0.95, tone))
        return _pixels(np.repeat(np.clip(255 * tone, 0, 255)[:, :, None], 3, axis=2))


@dataclass(frozen=True)
class Scan:
    """A flatbed scanner: a slight skew in degrees, blur and noise in its own pixels and levels."""

    skew: float = 1.5
    blur: float = 0.6
    noise: float = 2.5

    def __call__(self, portrait: Pixels, chance: np.random.Generator) -> Pixels:
        """The portrait after the step."""
        height, width = portrait.shape[:2]
        turn = cv2.getRotationMatrix2D(
            (width / 2, height / 2), float(chance.uniform(-self.skew, self.skew)), 1.0
        )
        out = cv2.warpAffine(
            portrait, turn, (width, height), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
        )
        out = cv2.GaussianBlur(out, (0, 0), self.blur)
        return _pixels(out + chance.normal(0, self.noise, out.shape))


def _spread(portrait: Pixels, kernel: npt.NDArray[np.float64]) -> Pixels:
    whole = kernel / kernel.sum()
    return _pixels(cv2.filter2D(portrait, -1, whole, borderType=cv2.BORDER_REPLICATE))


def _pixels(values: npt.ArrayLike) -> Pixels:
    return np.asarray(np.clip(values, 0, 255), np.float32)
