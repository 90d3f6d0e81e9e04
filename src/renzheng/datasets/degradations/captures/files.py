"""Losses in the file: coding, mosaic, few tones, wrong shape, wrong colours, wrong side up."""

from __future__ import annotations

import cv2
import numpy as np

from renzheng.datasets.degradations import effects
from renzheng.datasets.degradations.captures.degradation import (
    Loss,
    Rng,
    grey_image,
    to_levels,
)
from renzheng.types import Face, Image


def jpeg(quality: int) -> Loss:
    """Return the loss to JPEG; quality as libjpeg counts it, 1 to 100."""
    coded = effects.Jpeg(quality)
    return lambda image, face, rng: coded(image.astype(np.float32), rng).astype(np.uint8)


def webp(quality: int) -> Loss:
    """Return the loss to WebP, of quality 1 to 100."""

    def apply(image: Image, face: Face, rng: Rng) -> Image:
        rows = np.ascontiguousarray(image[:, :, ::-1])
        _, coded = cv2.imencode(".webp", rows, [cv2.IMWRITE_WEBP_QUALITY, quality])
        decoded = cv2.imdecode(coded, cv2.IMREAD_COLOR)
        assert decoded is not None  # what was just coded can be decoded
        return np.asarray(decoded[:, :, ::-1], np.uint8)

    return apply


def mosaic(pixels: float) -> Loss:
    """Return the loss to square patches, so many to the width of the face."""
    return _small(pixels, cv2.INTER_NEAREST)


def small(pixels: float) -> Loss:
    """Return the loss to a face so many pixels wide, enlarged smoothly to its old size."""
    return _small(pixels, cv2.INTER_CUBIC)


def _small(pixels: float, how: int) -> Loss:
    def apply(image: Image, face: Face, rng: Rng) -> Image:
        factor = pixels / face.width
        height, width = image.shape[:2]
        size = max(2, round(width * factor)), max(2, round(height * factor))
        reduced = cv2.resize(image, size, interpolation=cv2.INTER_AREA)
        return np.asarray(cv2.resize(reduced, (width, height), interpolation=how), np.uint8)

    return apply


def posterised(levels: int) -> Loss:
    """Return the loss of all but so many levels of each colour."""
    step = 255 / (levels - 1)
    return lambda image, face, rng: to_levels(np.rint(image / step) * step)


def binarised(image: Image, face: Face, rng: Rng) -> Image:
    """Leave black and white, divided at Otsu's threshold."""
    grey = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)
    return grey_image(cv2.threshold(grey, 0, 255, cv2.THRESH_OTSU)[1])


def dithered(image: Image, face: Face, rng: Rng) -> Image:
    """Leave black and white dots, with error diffusion."""
    from PIL import Image as Pictures  # slow to import, and this alone needs it

    return np.asarray(Pictures.fromarray(image).convert("1").convert("RGB"), np.uint8)


def sketch(image: Image, face: Face, rng: Rng) -> Image:
    """Leave the edges, dark on white."""
    grey = cv2.GaussianBlur(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY), (0, 0), 1.2)
    edges = np.abs(cv2.Laplacian(grey, cv2.CV_32F)) * 6
    return grey_image(to_levels(255 - np.clip(edges, 0, 255)))


def lines(image: Image, face: Face, rng: Rng) -> Image:
    """Darken every third line, as a picture of an old screen."""
    out = image.copy()
    out[::3] //= 4
    return out


def squeezed(x: float, y: float) -> Loss:
    """Return the loss of the aspect ratio; width and height are multiplied by `x` and `y`."""

    def apply(image: Image, face: Face, rng: Rng) -> Image:
        height, width = image.shape[:2]
        size = max(2, round(width * x)), max(2, round(height * y))
        return np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA), np.uint8)

    return apply


def upside_down(image: Image, face: Face, rng: Rng) -> Image:
    """Turn the picture by half a turn."""
    return np.ascontiguousarray(image[::-1, ::-1])


def grey(image: Image, face: Face, rng: Rng) -> Image:
    """Take the colours away."""
    return grey_image(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY))


def negative(image: Image, face: Face, rng: Rng) -> Image:
    """Make light dark and dark light."""
    return np.asarray(255 - image, np.uint8)


def swapped(image: Image, face: Face, rng: Rng) -> Image:
    """Exchange red and blue, as a program that mistakes their order."""
    return np.ascontiguousarray(image[:, :, ::-1])
