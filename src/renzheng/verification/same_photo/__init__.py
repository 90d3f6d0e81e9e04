"""Detection of one photograph in two pictures: the document's own portrait as the live face.

Two photographs of one person agree in coarse structure and not in fine detail; two versions of
one photograph (cropped, resized, coded again, mirrored, printed and scanned) agree in fine detail
too, once they are registered. Where a map does not show it, the head is deformed smoothly too, so
that a photograph is found that was bulged or warped, or that got another background.

The surroundings of one face are compared with those of another, wherever the faces are in their
pictures. `renzheng.images.similarity` compares whole pictures, with or without faces.
"""

from __future__ import annotations

import math
from functools import cache

import cv2
import numpy as np
import numpy.typing as npt

from renzheng.types import Face, Floats, Image, SamePhoto
from renzheng.verification.same_photo.deformation import deform, head_at
from renzheng.verification.same_photo.photo_detail import WINDOW, Level, PhotoDetail, detail_of
from renzheng.verification.same_photo.registration import (
    register,
    resample,
    shared_visibility,
    window,
)

__all__ = [
    "THRESHOLD",
    "PhotoDetail",
    "SamePhoto",
    "compare_details",
    "compare_images",
    "detail_of",
]

# It flags 15 of LFW's 242,239 pairs of different photographs of one person, shots of one moment or
# pose. No two pictures of different people scored above 0.69 (benchmarks/same_picture.md).
THRESHOLD = 0.80

_BLOCK, _STRIDE = 12, 6  # px of the window: 0.4 and 0.2 of the distance between the eyes
_COVERED = 0.6  # share of a block that both pictures must show
_NOISE = 0.02  # power of the detail, of about 1
_TEXTURE = 0.1  # power at which a block counts half: plain walls and sky are no evidence
_MIN_BLOCKS = 20.0  # blocks with detail in them, of 225
# The agreement of the deformed head is higher for every pair, so it counts less by this. Of the 15
# pairs 9 are flagged without it; with 0.10 it would be up to 28.
_FREEDOM = 0.11


def compare_images(
    reference: Image, reference_face: Face, probe: Image, probe_face: Face
) -> SamePhoto:
    """Decide whether the probe is the very photograph that the reference shows.

    Parameters
    ----------
    reference, probe
        uint8 (H, W, 3) RGB, upright. Swapping the two changes nothing.
    reference_face, probe_face
        The face in each.

    Raises
    ------
    InvalidInput
        If an image is not RGB, or landmarks do not lie like a face.

    Notes
    -----
    The result says that the pixels have one origin, not how they came here: the owner of a passport
    who uploads the photograph that was printed in it is flagged as well, and a video frame a moment
    later is not.
    """
    return compare_details(detail_of(reference, reference_face), detail_of(probe, probe_face))


def compare_details(reference: PhotoDetail, probe: PhotoDetail) -> SamePhoto:
    """Compare as `compare_images` does, with details that are kept for many comparisons."""
    # One of the two stays and the other is resampled; the choice must not depend on their order.
    fixed, moving = sorted((reference, probe), key=_order)
    registration, mirrored = register(fixed, moving)
    other = moving.mirrored() if mirrored else moving
    inner = window(fixed.fine)
    score = _agreement(inner, resample(other.fine, registration))
    if score < THRESHOLD:  # else nothing more is needed
        deformed = deform(fixed, moving, registration, mirrored)
        if deformed is not None:
            head, turned = deformed
            agreement = _agreement(inner, head, _head()) - _FREEDOM
            if agreement > score:
                score, mirrored = agreement, turned
    return SamePhoto(score, mirrored, THRESHOLD)


def _order(one: PhotoDetail) -> tuple[float, bytes]:
    return one.eyes, one.fine.detail.tobytes()


def _agreement(one: Level, other: Level, part: Floats | None = None) -> float:
    """Return the correlation over all blocks or a part of them, averaged as information.

    Two Gaussian signals of correlation r share -log(1 - r^2) / 2 of information; the mean over the
    blocks, turned back into a correlation, is Linfoot's ("An informational measure of correlation",
    1957). Blocks that agree very well thus outweigh those that glare, text or a hologram cover,
    which they would not in a mean of correlations.
    """
    visible = shared_visibility(one, other)
    if visible is None:
        visible = np.ones_like(one.detail)
    a, b = one.detail * visible, other.detail * visible
    shown = _blocks(visible)
    safe = np.maximum(shown, np.float32(0.1))
    mean_a, mean_b = _blocks(a) / safe, _blocks(b) / safe
    power_a = np.maximum(_blocks(a * a) / safe - mean_a * mean_a, 0)
    power_b = np.maximum(_blocks(b * b) / safe - mean_b * mean_b, 0)
    shared = _blocks(a * b) / safe - mean_a * mean_b
    correlation = shared / np.sqrt((power_a + _NOISE) * (power_b + _NOISE))
    power = np.maximum(power_a, power_b)
    weight = np.where(shown > _COVERED, power / (power + _TEXTURE), 0)
    if part is not None:
        weight *= part
    total = float(weight.sum())
    if total < _MIN_BLOCKS:
        return 0.0
    information = -np.log1p(-np.square(np.clip(correlation, 0, 0.9995)))
    return math.sqrt(-math.expm1(-float((weight * information).sum()) / total))


def _blocks(pixels: Floats) -> npt.NDArray[np.float64]:
    """Return the means over blocks, float64 (15, 15)."""
    means = cv2.boxFilter(
        pixels, cv2.CV_64F, (_BLOCK, _BLOCK), anchor=(0, 0), borderType=cv2.BORDER_CONSTANT
    )
    last = WINDOW - _BLOCK + 1
    return np.asarray(means[0:last:_STRIDE, 0:last:_STRIDE], np.float64)


@cache
def _head() -> Floats:
    """Return 1 for each block whose middle is on the head, else 0: float32 (15, 15)."""
    middles = np.arange(0, WINDOW - _BLOCK + 1, _STRIDE) + (_BLOCK - 1) / 2
    return (head_at(*np.meshgrid(middles, middles)) < 1).astype(np.float32)
