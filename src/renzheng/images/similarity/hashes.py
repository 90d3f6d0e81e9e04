"""Perceptual hashes that survive frames, mirrors and small crops: is it the same picture?

The hash is ImageHash's *phash*: whether each of the lowest 16 x 16 DCT coefficients of the grey
picture lies above their median, 256 bits. It alone stands coding, resizing and brightness. The
rest is in what gets hashed: a uniform frame is cut off first, and a picture is looked up under its
mirror image and under nine crops as well.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from renzheng.errors import RenzhengError
from renzheng.images.similarity.frames import Grey, reduced, within
from renzheng.types import Image

REVISION = 1  # of the algorithm: fingerprints of different revisions are not comparable

BITS = 256
# Of 1,999,000 pairs of different people in LFW none comes nearer than 56 bits, and one in 1,000 to
# 82; the number of pairs falls tenfold with every 6 bits (benchmarks/picture_similarity.py).
SAME_BITS = 48
CANDIDATE_BITS = 82

_SIDE = 16  # coefficients a side
_CROP = 0.9  # side of the crops
# Coefficients that differ from 0 by more than coding's noise: photographs have 227 and more of
# 256, a square on white 79, a gradient from one side to the other 8.
_LEAST_COEFFICIENTS, _LEAST_VALUE = 40, 4.0

Words = npt.NDArray[np.uint64]


@dataclass(frozen=True, eq=False)
class Fingerprint:
    """What is kept of a picture in order to find it again.

    Attributes
    ----------
    whole
        uint64 (k, 4): the hashes under which it is stored: as it is, and without its frame.
    views
        uint64 (m, 4): those under which it is looked up: `whole`, mirror images and crops.
    informative
        Whether there is anything in the picture; a plain one, or a mere gradient, has no hash worth
        comparing.
    """

    whole: Words
    views: Words
    informative: bool

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return {
            "whole": [row.tobytes().hex() for row in self.whole],
            "informative": self.informative,
        }


def fingerprint(image: Image) -> Fingerprint:
    """The fingerprint of a picture.

    Parameters
    ----------
    image
        uint8 (H, W, 3) RGB.

    Raises
    ------
    InvalidInput
        If it is no such picture.
    RenzhengError
        If ImageHash is not installed.
    """
    grey = reduced(image)
    top, bottom, left, right = within(grey)
    inner = grey[top:bottom, left:right]
    wholes = [inner] if inner.shape == grey.shape else [inner, grey]
    upright = [*wholes, *_crops(inner)]
    hashes = _hashes([*upright, *(view[:, ::-1] for view in upright)])
    return Fingerprint(
        whole=hashes[: len(wholes)],
        views=hashes,
        informative=_informative(inner),
    )


def hash_distance(a: Fingerprint, b: Fingerprint) -> int:
    """Bits, of 256, in which two pictures' closest views differ.

    One side as it is, the other under any of its views; exchanging the two changes nothing.
    """
    return min(_nearest(a.views, b.whole), _nearest(b.views, a.whole))


def _nearest(views: Words, whole: Words) -> int:
    differing = np.bitwise_xor(views[:, None], whole[None])
    octets = differing.view(np.uint8)
    return int(_ONES[octets].sum(axis=-1).min())


_ONES = np.unpackbits(np.arange(256, dtype=np.uint8)[:, None], axis=1).sum(axis=1).astype(np.uint16)


def _informative(grey: Grey) -> bool:
    how = cv2.INTER_AREA if min(grey.shape) > 64 else cv2.INTER_LINEAR
    small = cv2.resize(np.ascontiguousarray(grey), (64, 64), interpolation=how)
    spectrum = np.abs(cv2.dct(small.astype(np.float32))[:_SIDE, :_SIDE])
    spectrum[0, 0] = 0  # the mean
    return int((spectrum > _LEAST_VALUE).sum()) >= _LEAST_COEFFICIENTS


def _crops(grey: Grey) -> list[Grey]:
    height, width = grey.shape
    high, wide = max(1, round(_CROP * height)), max(1, round(_CROP * width))
    tops = (0, (height - high) // 2, height - high)
    lefts = (0, (width - wide) // 2, width - wide)
    return [grey[y : y + high, x : x + wide] for y in tops for x in lefts]


def _hashes(views: list[Grey]) -> Words:
    try:
        import imagehash
    except ImportError as error:
        raise RenzhengError(
            "whole pictures are compared with ImageHash, which is not installed",
            remedy="pip install 'renzheng[similarity]'",
        ) from error
    from PIL import Image as Pictures

    rows = []
    for view in views:
        picture = Pictures.fromarray(np.ascontiguousarray(view))
        rows.append(imagehash.phash(picture, hash_size=_SIDE).hash.ravel())
    return np.packbits(np.array(rows, bool), axis=1).view(np.uint64)
