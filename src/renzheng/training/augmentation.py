"""Random changes of crops while a network learns from them."""

from __future__ import annotations

from dataclasses import dataclass, fields

import cv2
import numpy as np
import numpy.typing as npt

from renzheng.datasets.degradations import effects
from renzheng.errors import InvalidInput

Crop = npt.NDArray[np.uint8]

_GREY = np.array((0.299, 0.587, 0.114), np.float32)  # ITU-R BT.601 luma


@dataclass(frozen=True)
class Augmentation:
    """Random changes that keep the person's identity, each with its probability from 0 to 1.

    Attributes
    ----------
    flip
        Mirror image.
    shift
        Small shift, rotation and change of scale, like a detector's errors.
    colour
        Change of white balance, saturation and gamma.
    grey
        Loss of colour.
    blur
        Defocus or motion blur.
    low_resolution
        Reduction to between a quarter and a half of the side, and enlargement again.
    jpeg
        Strong JPEG compression, quality 15 to 60.
    erase
        A rectangle of 5 to 25 % of the area replaced by noise (Zhong et al. 2020), as sunglasses or
        hands hide a part.
    document
        Print, glare, an overlay or a photocopy: degradations of a document's portrait, from
        `renzheng.datasets.degradations`.
    """

    flip: float = 0.5
    shift: float = 0.0
    colour: float = 0.0
    grey: float = 0.0
    blur: float = 0.0
    low_resolution: float = 0.0
    jpeg: float = 0.0
    erase: float = 0.0
    document: float = 0.0

    def __post_init__(self) -> None:
        for each in fields(self):
            value = getattr(self, each.name)
            if not isinstance(value, (int, float)) or not 0 <= value <= 1:
                raise InvalidInput(
                    f"augmentation.{each.name} must be a probability from 0 to 1, not {value!r}"
                )

    def __call__(self, crop: Crop, rng: np.random.Generator) -> Crop:
        """Change a crop.

        Parameters
        ----------
        crop
            uint8 (h, w, 3) RGB; it is not changed itself.
        rng
            Source of the draws; the same state gives the same bits.

        Returns
        -------
        uint8 (h, w, 3) RGB
        """
        given = crop
        # All are drawn first, so that switching one on does not switch others on or off.
        draws = dict(zip((f.name for f in fields(self)), rng.random(9), strict=True))
        on = {name: bool(draws[name] < getattr(self, name)) for name in draws}
        if on["flip"]:
            crop = np.ascontiguousarray(crop[:, ::-1])
        if on["shift"]:
            crop = _shift(crop, rng)
        if any(on[name] for name in ("colour", "grey", "blur", "document")):
            pixels = crop.astype(np.float32)
            if on["colour"]:
                pixels = effects.ColourCast()(pixels, rng)
            if on["grey"]:
                pixels = np.repeat((pixels @ _GREY)[:, :, None], 3, axis=2)
            if on["blur"]:
                pixels = effects.Defocus(rng.uniform(0, 0.02), rng.uniform(0, 0.02))(pixels, rng)
            if on["document"]:
                pixels = _DOCUMENTS[int(rng.integers(len(_DOCUMENTS)))](pixels, rng)
            crop = np.clip(pixels + 0.5, 0, 255).astype(np.uint8)
        if on["low_resolution"]:
            crop = _reduce_resolution(crop, rng)
        if on["jpeg"]:
            quality = int(rng.integers(15, 61))
            coded = effects.Jpeg(quality)(crop.astype(np.float32), rng)
            crop = np.clip(coded + 0.5, 0, 255).astype(np.uint8)
        if on["erase"]:
            crop = _erase(crop, rng)
        return crop.copy() if crop is given else crop


_DOCUMENTS: tuple[effects.Effect, ...] = (
    effects.Halftone(cell=2.0),
    effects.Glare(1, 0.6, 0.08),
    effects.Hologram(0.25),
    effects.Photocopy(contrast=1.2, speckle=0.001),
)


def _shift(crop: Crop, rng: np.random.Generator) -> Crop:
    height, width = crop.shape[:2]
    turn = float(rng.uniform(-8, 8))
    matrix = cv2.getRotationMatrix2D((width / 2, height / 2), turn, rng.uniform(0.93, 1.07))
    shift = np.zeros((2, 3))
    shift[:, 2] = rng.uniform(-0.03, 0.03, 2) * (width, height)
    moved = cv2.warpAffine(
        crop, np.asarray(matrix) + shift, (width, height), borderMode=cv2.BORDER_REPLICATE
    )
    return np.asarray(moved, np.uint8)


def _reduce_resolution(crop: Crop, rng: np.random.Generator) -> Crop:
    height, width = crop.shape[:2]
    share = rng.uniform(0.25, 0.5)
    small = (max(4, round(width * share)), max(4, round(height * share)))
    down = cv2.resize(crop, small, interpolation=cv2.INTER_AREA)
    return np.asarray(cv2.resize(down, (width, height), interpolation=cv2.INTER_LINEAR), np.uint8)


def _erase(crop: Crop, rng: np.random.Generator) -> Crop:
    height, width = crop.shape[:2]
    area, ratio = rng.uniform(0.05, 0.25), np.exp(rng.uniform(-1, 1))
    h = max(1, min(height, round(height * np.sqrt(area * ratio))))
    w = max(1, min(width, round(width * np.sqrt(area / ratio))))
    y, x = int(rng.integers(height - h + 1)), int(rng.integers(width - w + 1))
    crop = crop.copy()
    crop[y : y + h, x : x + w] = rng.integers(0, 256, (h, w, 3), np.uint8)
    return crop
