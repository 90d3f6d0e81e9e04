"""Ornaments of a document: emblem, chip, rounded corners, signature."""

from __future__ import annotations

import cv2
import numpy as np

from renzheng.datasets.specimens.layouts import Spot
from renzheng.datasets.specimens.schemes import Colour, rosette
from renzheng.types import Image


def emblem(pixels: Image, spot: Spot, ink: Colour, scale: float) -> None:
    """Draw two rosettes, one in the other: Utopia has no arms."""
    radius = spot.width / 2 * scale
    centre = np.array((spot.x, spot.y)) * scale
    thick = max(1, round(0.12 * scale))
    for share, petals in ((0.98, 16), (0.62, 8)):
        points = np.round((centre + rosette(radius * share, 0.2, petals)) * 16).astype(np.int32)
        cv2.polylines(pixels, [points], True, ink, thick, cv2.LINE_AA, shift=4)
    middle = (round(float(centre[0]) * 16), round(float(centre[1]) * 16))
    cv2.circle(pixels, middle, round(radius * 0.2 * 16), ink, -1, cv2.LINE_AA, shift=4)


def chip(pixels: Image, spot: Spot, scale: float) -> None:
    """Draw the contacts of ISO/IEC 7816-2, in gold."""
    left, top, right, bottom = (
        round(v * scale)
        for v in (
            spot.x - spot.width / 2,
            spot.y - spot.height / 2,
            spot.x + spot.width / 2,
            spot.y + spot.height / 2,
        )
    )
    shine = np.linspace(-1, 1, right - left)[None, :] + np.linspace(-1, 1, bottom - top)[:, None]
    gold = np.array((206, 172, 96)) + 22 * np.sin(3 * shine)[:, :, None]
    mask = round_corners(right - left, bottom - top, round(1.3 * scale))[:, :, None] / 255
    place = pixels[top:bottom, left:right]
    place[:] = place * (1 - mask) + gold * mask
    dark, thick = (112, 88, 40), max(1, round(0.14 * scale))
    third, high = (right - left) // 3, (bottom - top) // 4
    for x in (left + third, right - third):
        cv2.line(pixels, (x, top), (x, bottom - 1), dark, thick, cv2.LINE_AA)
    for n in (1, 2, 3):
        y = top + n * high
        cv2.line(pixels, (left, y), (left + third, y), dark, thick, cv2.LINE_AA)
        cv2.line(pixels, (right - third, y), (right - 1, y), dark, thick, cv2.LINE_AA)


def round_corners(width: int, height: int, radius: int) -> Image:
    """Return the mask of a rectangle with round corners: uint8 (height, width), 255 inside."""
    mask = np.full((height, width), 255, np.uint8)
    radius = min(radius, width // 2, height // 2)
    if radius > 0:
        y, x = np.mgrid[0:radius, 0:radius] + 0.5
        corner = np.clip(radius + 0.5 - np.hypot(radius - x, radius - y), 0, 1) * 255
        quarter = corner.astype(np.uint8)
        mask[:radius, :radius] = quarter
        mask[:radius, -radius:] = quarter[:, ::-1]
        mask[-radius:] = mask[:radius][::-1]
    return mask


def signature(
    image: Image, spot: Spot, ink: Colour, scale: float, rng: np.random.Generator
) -> None:
    """Draw a scribble of four waves, like a pen's."""
    t = np.linspace(0, 1, 240)
    phase, strength = rng.uniform(0, 2 * np.pi, 4), rng.uniform(0.4, 1, 4)
    y = sum(
        strength[k] / (k + 1) * np.sin(2 * np.pi * (2 + 2.6 * k) * t + phase[k]) for k in range(4)
    )
    y = np.asarray(y) * np.sin(np.pi * np.clip(t * 1.1, 0, 1)) ** 0.4
    y *= 0.42 * spot.height / max(float(np.abs(y).max()), 1e-6)
    x = spot.width * (0.8 * (t - 0.5) + 0.04 * np.sin(2 * np.pi * 6 * t + phase[0]))
    points = np.stack((spot.x + x, spot.y + y), axis=-1) * scale
    fixed = np.round(points * 16).astype(np.int32)
    cv2.polylines(image, [fixed], False, ink, max(1, round(0.2 * scale)), cv2.LINE_AA, shift=4)
