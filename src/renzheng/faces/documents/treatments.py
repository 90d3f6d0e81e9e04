"""Treatments of pictures that show faces which the detector misses: tight, tiny, two-tone."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import cv2
import numpy as np

from renzheng._support.quantiles import percentile
from renzheng.faces.documents.placement import resized, scaled
from renzheng.types import Face, Image

Detect = Callable[[Image], Sequence[Face]]
Treatment = Callable[[Image, Detect], Sequence[Face]]  # faces in pixels of the picture itself

_SMALL = 420  # px of the longer side: a chip's image is 102 x 126 to 358 x 441
_BORDER = 0.3  # of the sides


def treatments(image: Image) -> Iterator[tuple[str, Treatment]]:
    """Yield the treatments that may help with a picture of this size, each with its description."""
    yield "a grey border put around", _bordered
    if max(image.shape[:2]) < _SMALL:
        yield "enlarged twofold with a grey border", _enlarged
    yield "softened", _softened
    yield "softened strongly, contrast stretched", _stretched


def _bordered(image: Image, detect: Detect) -> Sequence[Face]:
    high, wide = (round(_BORDER * side) for side in image.shape[:2])
    padded = cv2.copyMakeBorder(
        image, high, high, wide, wide, cv2.BORDER_CONSTANT, value=(128, 128, 128)
    )
    back = np.array((wide, high), np.float32)
    found = detect(np.asarray(padded, np.uint8))
    return [Face(face.box - np.tile(back, 2), face.landmarks - back, face.score) for face in found]


def _enlarged(image: Image, detect: Detect) -> Sequence[Face]:
    larger = resized(image, 2.0, cv2.INTER_CUBIC)
    return [scaled(face, np.full(2, 0.5, np.float32)) for face in _bordered(larger, detect)]


def _softened(image: Image, detect: Detect) -> Sequence[Face]:
    spread = 0.0015 * max(image.shape[:2])
    return detect(np.asarray(cv2.GaussianBlur(image, (0, 0), max(spread, 0.7)), np.uint8))


def _stretched(image: Image, detect: Detect) -> Sequence[Face]:
    spread = 0.003 * max(image.shape[:2])
    soft = cv2.GaussianBlur(image, (0, 0), max(spread, 1.2))
    low, high = (float(percentile(soft.ravel(), share)) for share in (1, 99))
    wide = (soft.astype(np.float32) - low) * (255 / max(high - low, 1.0))
    return detect(np.clip(wide, 0, 255).astype(np.uint8))
