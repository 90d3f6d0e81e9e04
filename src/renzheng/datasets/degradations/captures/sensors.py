"""Losses in the camera: noise, blur, motion, light; strengths are in pixels and levels."""

from __future__ import annotations

import cv2
import numpy as np

from renzheng.datasets.degradations.captures.degradation import Loss, Rng, to_levels
from renzheng.types import Face, Image


def noise(sigma: float) -> Loss:
    """Return the loss to normal noise, drawn for each pixel and colour; sigma in levels."""
    return lambda image, face, rng: to_levels(image + rng.normal(0, sigma, image.shape))


def impulses(share: float) -> Loss:
    """Return the loss of a share of the pixels, half to black and half to white."""

    def apply(image: Image, face: Face, rng: Rng) -> Image:
        hit = rng.random(image.shape[:2])
        out = image.copy()
        out[hit < share / 2], out[hit > 1 - share / 2] = 0, 255
        return out

    return apply


def blur(sigma: float) -> Loss:
    """Return the loss to a Gaussian blur."""
    return lambda image, face, rng: np.asarray(cv2.GaussianBlur(image, (0, 0), sigma), np.uint8)


def median(size: int) -> Loss:
    """Return the loss to a median filter of a square of so many pixels a side."""
    return lambda image, face, rng: np.asarray(cv2.medianBlur(image, size), np.uint8)


def shaken(length: int) -> Loss:
    """Return the loss to a camera that moved sideways, by an odd number of pixels."""
    kernel = np.zeros((length, length), np.float32)
    kernel[length // 2] = 1 / length
    return lambda image, face, rng: np.asarray(cv2.filter2D(image, -1, kernel), np.uint8)


def shaken_anyhow(length: int) -> Loss:
    """Return the loss to a camera that moved in a direction drawn at random."""

    def apply(image: Image, face: Face, rng: Rng) -> Image:
        angle = float(rng.uniform(0, np.pi))
        middle = length // 2
        y, x = np.mgrid[-middle : middle + 1, -middle : middle + 1]
        along = np.abs(x * np.cos(angle) + y * np.sin(angle))
        beside = np.abs(y * np.cos(angle) - x * np.sin(angle))
        kernel = np.clip(length / 2 + 0.5 - along, 0, 1) * np.clip(1 - beside, 0, 1)
        kernel = (kernel / kernel.sum()).astype(np.float32)
        return np.asarray(cv2.filter2D(image, -1, kernel), np.uint8)

    return apply


def contrast(share: float) -> Loss:
    """Return the loss of all but a share of the contrast, about a middle grey."""
    return lambda image, face, rng: to_levels(128 + (image - 128.0) * share)


def light(factor: float) -> Loss:
    """Return the loss to too little or too much light; levels are multiplied, then clipped."""
    return lambda image, face, rng: to_levels(image * factor)


def glare(image: Image, face: Face, rng: Rng) -> Image:
    """Burn out a spot as wide as the face, somewhere near its middle."""
    height, width = image.shape[:2]
    eyes = face.inter_eye_distance
    centre = face.landmarks.mean(axis=0) + rng.normal(0, 0.3 * eyes, 2)
    y, x = np.mgrid[:height, :width]
    spot = np.exp(-((x - centre[0]) ** 2 + (y - centre[1]) ** 2) / (2 * eyes**2))
    return to_levels(image + 330 * spot[:, :, None])


def beautified(image: Image, face: Face, rng: Rng) -> Image:
    """Smooth the skin and keep the edges, as the beauty filter of a camera does."""
    return np.asarray(cv2.bilateralFilter(image, 15, 60, 15), np.uint8)
