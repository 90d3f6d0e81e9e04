"""The step from RGB pixels to the input of a network."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from renzheng.errors import InvalidInput
from renzheng.types import Floats


class Preprocessing:
    """Turns RGB images into planes of normalised channels.

    Parameters
    ----------
    channels
        The network's channel order, ``RGB`` or ``BGR``.
    mean
        The values subtracted from the channels, in the network's order; one number or three.
    scale
        The factors that the differences are multiplied by; one number or three, none 0.

    Raises
    ------
    InvalidInput
        If a parameter is out of its range.
    """

    def __init__(self, channels: str, mean: Sequence[float], scale: Sequence[float]):
        if channels not in ("RGB", "BGR"):
            raise InvalidInput(f"channels must be RGB or BGR, not {channels!r}")
        for values in (mean, scale):
            if len(values) not in (1, 3) or not all(map(math.isfinite, values)):
                raise InvalidInput("mean and scale must each be one or three finite numbers")
        if not all(scale):
            raise InvalidInput("scale must not be 0")
        self._reverse = channels == "BGR"
        self._mean = np.array(mean, np.float32)
        self._scale = np.array(scale, np.float32)

    def __call__(self, images: npt.NDArray[np.uint8]) -> Floats:
        """Return the planes of images: float32 (n, 3, H, W), not contiguous.

        Parameters
        ----------
        images
            uint8 (n, H, W, 3) RGB.
        """
        ordered = (images[..., ::-1] if self._reverse else images).astype(np.float32)
        planes: Floats = ((ordered - self._mean) * self._scale).transpose(0, 3, 1, 2)
        return planes
