"""Layers over a document: mirrored light, a hologram, scratches."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np

from renzheng.datasets.degradations.effects.effect import Effect, Pixels, Rng, grid, hills


@dataclass(frozen=True)
class Glare(Effect):
    """Light mirrored by the laminate: soft streaks that burn out, and a veil over the rest."""

    streaks: int = 2
    strength: float = 1.0
    veil: float = 0.12

    def _apply(self, portrait: Pixels, rng: Rng) -> Any:
        height, width = portrait.shape[:2]
        y, x = grid(portrait)
        light = np.full((height, width), self.veil, np.float32)
        for _ in range(self.streaks):
            cx, cy = rng.uniform(0.1, 0.9) * width / height, rng.uniform(0.1, 0.9)
            turn = rng.uniform(0, np.pi)
            long, short = rng.uniform(0.14, 0.3), rng.uniform(0.03, 0.06)
            along = (x - cx) * np.cos(turn) + (y - cy) * np.sin(turn)
            beside = (y - cy) * np.cos(turn) - (x - cx) * np.sin(turn)
            light += self.strength * np.exp(-((along / long) ** 2) - (beside / short) ** 2)
        # Mirrored light adds to what the paper gives; the camera closes a little for it.
        return portrait * (1 - 0.5 * self.veil) + 255 * light[:, :, None]


@dataclass(frozen=True)
class Laminate(Effect):
    """Tube lamps mirrored by a laminate: long rippled bands that burn out, a halo, a veil."""

    streaks: int = 2
    strength: float = 1.2
    veil: float = 0.06

    def _apply(self, portrait: Pixels, rng: Rng) -> Any:
        height, width = portrait.shape[:2]
        y, x = grid(portrait)
        turn = float(rng.uniform(0, np.pi))
        across, along = math.cos(turn), math.sin(turn)
        ripple = hills(portrait, 7, rng) * 0.03
        distance = (x - width / height / 2) * across + (y - 0.5) * along + ripple
        light = np.full((height, width), self.veil, np.float32)
        at = float(rng.uniform(-0.35, 0.35))
        for _ in range(self.streaks):
            wide = float(rng.uniform(0.015, 0.035))
            beside = np.abs(distance - np.float32(at)) / np.float32(wide)
            light += np.float32(self.strength) * np.exp(-(np.minimum(beside, 6) ** 2))
            light += np.float32(0.12 * self.strength) * np.exp(-np.minimum(beside / 4, 6))
            at += float(rng.uniform(0.2, 0.45)) * (1 if at < 0 else -1)
        # Mirrored light adds to what the paper gives, as in `Glare`.
        return portrait * (1 - self.veil) + 255 * light[:, :, None]


@dataclass(frozen=True)
class Hologram(Effect):
    """A diffractive overlay: fine curves and patches in colours that change across the portrait."""

    strength: float = 0.3

    def _apply(self, portrait: Pixels, rng: Rng) -> Any:
        y, x = grid(portrait)
        turn, phase = rng.uniform(0, np.pi), rng.uniform(0, 2 * np.pi, 4)
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
        return portrait * (1 - alpha) + rainbow * alpha + 40 * alpha


@dataclass(frozen=True)
class Scratches(Effect):
    """Hairlines across the surface, mostly light, and spots where it is rubbed off."""

    lines: int = 40
    spots: int = 12
    strength: float = 0.6

    def _apply(self, portrait: Pixels, rng: Rng) -> Any:
        height, width = portrait.shape[:2]
        light, dark = np.zeros((height, width), np.uint8), np.zeros((height, width), np.uint8)
        turn = rng.uniform(0, np.pi)
        for _ in range(self.lines):
            start = rng.uniform(0, 1, 2) * (width, height)
            # Cards are pushed into slots and wallets one way mostly.
            angle = turn + rng.normal(0, 0.35)
            length = rng.exponential(0.25) * height
            bow = rng.normal(0, 0.02) * length
            t = np.linspace(0, 1, 9)
            x = start[0] + t * length * np.cos(angle) + bow * np.sin(np.pi * t)
            y = start[1] + t * length * np.sin(angle) + bow * np.sin(np.pi * t)
            points = np.round(np.stack((x, y), axis=-1) * 16).astype(np.int32)
            mark = light if rng.random() < 0.75 else dark
            level = int(rng.uniform(60, 255) * (1 if mark is light else 0.5))
            thick = max(1, round(rng.uniform(0.0005, 0.003) * height))
            cv2.polylines(mark, [points], False, level, thick, cv2.LINE_AA, shift=4)
        for _ in range(self.spots):
            place = rng.uniform(0, 1, 2) * (width, height)
            axes = rng.uniform(0.002, 0.012, 2) * height
            centre = (round(float(place[0])), round(float(place[1])))
            size = (max(1, round(float(axes[0]))), max(1, round(float(axes[1]))))
            level = int(rng.uniform(60, 200))
            cv2.ellipse(light, centre, size, float(rng.uniform(0, 180)), 0, 360, level, -1)
        marks = [
            cv2.GaussianBlur(m, (0, 0), 0.6).astype(np.float32)[:, :, None] * (self.strength / 255)
            for m in (light, dark)
        ]
        out = portrait + marks[0] * (238 - portrait)
        return out + marks[1] * (45 - out)
