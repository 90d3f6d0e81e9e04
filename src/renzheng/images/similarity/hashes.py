"""Perceptual hashes that survive frames, mirroring and small crops.

The hash is ImageHash's *phash*, 256 bits: whether each of the lowest 16 x 16 DCT coefficients of
the grey picture lies above their median. By itself it survives encoding, resizing and brightness.
The rest is due to the choice of what is hashed: a uniform frame is cut off first, and a picture is
also looked up by its mirror image and by nine crops.
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

REVISION = 1  # the algorithm's: fingerprints of different revisions are not comparable

BITS = 256
# Among 1,999,000 pairs of different people in LFW none is closer than 56 bits, and one in 1,000 is
# within 82; the number of pairs falls tenfold with every 6 bits (benchmarks/picture_similarity.py).
SAME_BITS = 48
CANDIDATE_BITS = 82

_SIDE = 16  # coefficients a side
_CROP = 0.9  # side of the crops
# Coefficients that differ from 0 by more than encoding noise: photographs have at least 227 of 256,
# a square on white 79, a gradient from one side to the other 8.
_MIN_COEFFICIENTS, _MIN_VALUE = 40, 4.0

Words = npt.NDArray[np.uint64]


@dataclass(frozen=True, eq=False)
class Fingerprint:
    """The hashes by which a picture can be found again.

    Attributes
    ----------
    whole
        uint64 (k, 4): hashes of the picture as it is and without its frame, by which it is stored.
    views
        uint64 (m, 4): `whole` and hashes of mirror images and crops, by which it is looked up.
    informative
        False for a plain picture or a mere gradient, whose hashes are not worth comparing.
    """

    whole: Words
    views: Words
    informative: bool

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON."""
        return {
            "whole": [row.tobytes().hex() for row in self.whole],
            "informative": self.informative,
        }


def fingerprint(image: Image) -> Fingerprint:
    """Compute the fingerprint of a picture.

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
    """Return the number of bits, out of 256, in which two pictures' closest views differ.

    One side is taken as it is, the other in any of its views; exchanging the two changes nothing.
    """
    return min(_nearest(a.views, b.whole), _nearest(b.views, a.whole))


def _nearest(views: Words, whole: Words) -> int:
    differing = np.bitwise_xor(views[:, None], whole[None])
    octets = differing.view(np.uint8)
    return int(_ONES[octets].sum(axis=-1).min())


_ONES = np.unpackbits(np.arange(256, dtype=np.uint8)[:, None], axis=1).sum(axis=1).astype(np.uint16)


def _informative(grey: Grey) -> bool:
    interpolation = cv2.INTER_AREA if min(grey.shape) > 64 else cv2.INTER_LINEAR
    small = cv2.resize(np.ascontiguousarray(grey), (64, 64), interpolation=interpolation)
    spectrum = np.abs(cv2.dct(small.astype(np.float32))[:_SIDE, :_SIDE])
    spectrum[0, 0] = 0  # the mean
    return int((spectrum > _MIN_VALUE).sum()) >= _MIN_COEFFICIENTS


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
