"""Perceptual hashes that survive frames, mirrors and small crops: is it the same picture?

The hash is ImageHash's *phash*: whether each of the lowest 16 x 16 DCT coefficients of the grey
picture lies above their median, 256 bits. It alone stands coding, resizing and brightness. The rest
is in what gets hashed: a uniform frame is cut off first, and a picture is looked up under its mirror
image and under nine crops as well.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from renzheng.errors import InvalidInput, RenzhengError
from renzheng.types import Image

REVISION = 1  # of the algorithm: fingerprints of different revisions are not comparable

BITS = 256
# Of 1,999,000 pairs of different people in LFW none comes nearer than 56 bits, and one in 1,000 to
# 82; the number of pairs falls tenfold with every 6 bits (benchmarks/picture_similarity.py).
SAME_BITS = 48
CANDIDATE_BITS = 82

_SIDE = 16  # coefficients a side
_WORKING = 160  # px of the longer side; the hash itself looks at 64 x 64
_CROP = 0.9  # side of the crops
_FLAT = 12  # grey levels that a frame may vary within
_LEAST_LEFT = 0.4  # of either side, once the frame is cut off
_LEAST_CONTRAST = 4.0  # grey levels, standard deviation

Words = npt.NDArray[np.uint64]
_Grey = npt.NDArray[np.uint8]


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
        Whether there is anything in the picture; a plain one has no hash worth comparing.
    """

    whole: Words
    views: Words
    informative: bool

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return {
            "whole": [row.astype(">u8").tobytes().hex() for row in self.whole],
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
    grey = _reduced(image)
    inner = _unframed(grey)
    wholes = [inner] if inner.shape == grey.shape else [inner, grey]
    upright = [*wholes, *_crops(inner)]
    hashes = _hashes([*upright, *(view[:, ::-1] for view in upright)])
    return Fingerprint(
        whole=hashes[: len(wholes)],
        views=hashes,
        informative=bool(inner.std() >= _LEAST_CONTRAST),
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


def _reduced(image: Image) -> _Grey:
    if image.ndim != 3 or image.shape[2] != 3 or image.dtype != np.uint8 or image.size == 0:
        raise InvalidInput(f"a picture is uint8 (H, W, 3), not {image.dtype} {image.shape}")
    grey = cv2.cvtColor(np.ascontiguousarray(image), cv2.COLOR_RGB2GRAY)
    height, width = grey.shape
    scale = _WORKING / max(height, width)
    if scale < 1:
        size = max(1, round(width * scale)), max(1, round(height * scale))
        grey = cv2.resize(grey, size, interpolation=cv2.INTER_AREA)
    return np.asarray(grey, np.uint8)


def _unframed(grey: _Grey) -> _Grey:
    """Without a frame of one tone; all of it where little else would be left."""
    inner = grey
    for _ in range(2):  # rows are uniform only once the frame's columns are gone, or the reverse
        top, bottom = _edges(inner)
        inner = inner[top:bottom].T
    left_high, left_wide = inner.shape
    enough = left_high >= _LEAST_LEFT * grey.shape[0] and left_wide >= _LEAST_LEFT * grey.shape[1]
    return inner if enough and inner.size else grey


def _edges(grey: _Grey) -> tuple[int, int]:
    highest, lowest = grey.max(axis=1).astype(np.int16), grey.min(axis=1).astype(np.int16)
    flat = highest - lowest <= _FLAT
    top, bottom = 0, len(grey)
    while top < bottom and flat[top] and abs(highest[top] - highest[0]) <= _FLAT:
        top += 1
    while bottom > top and flat[bottom - 1] and abs(highest[bottom - 1] - highest[-1]) <= _FLAT:
        bottom -= 1
    return (top, bottom) if bottom > top else (0, len(grey))


def _crops(grey: _Grey) -> list[_Grey]:
    height, width = grey.shape
    high, wide = max(1, round(_CROP * height)), max(1, round(_CROP * width))
    tops = (0, (height - high) // 2, height - high)
    lefts = (0, (width - wide) // 2, width - wide)
    return [grey[y : y + high, x : x + wide] for y in tops for x in lefts]


def _hashes(views: list[_Grey]) -> Words:
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
