"""Colour of the cheeks compared with skin."""

from __future__ import annotations

import math

import numpy as np

from renzheng.faces.quality.interface import Measure, clamped, sigmoid
from renzheng.faces.quality.view import View

# From linear sRGB to XYZ under D50, the white of CIELAB in ICC profiles (Bradford-adapted).
_TO_XYZ = np.array(
    [
        (0.43605, 0.38508, 0.14309),
        (0.22249, 0.71689, 0.06062),
        (0.01393, 0.09710, 0.71419),
    ]
)
_WHITE = np.array((0.964221, 1.0, 0.825211))
_LOW_A, _HIGH_A = 5.0, 25.0
_LOW_B, _HIGH_B = 5.0, 35.0
_UNNATURAL = 100.0


def value(view: View) -> float:
    """Return the distance of the cheeks' mean colour from the range of skin in CIELAB's a*b* plane.

    The range is a* from 5 to 25 and b* from 5 to 35; a negative a* or b* gives 100 (7.3.10 of the
    standard, with its zones, `View.cheeks`). A grey picture has sqrt(50), about 7.1.
    """
    pixels = np.concatenate([view.crop[zone].reshape(-1, 3) for zone in view.cheeks])
    a, b = chromaticity(pixels.mean(axis=0))
    # Grey's a* and b* are 0 except for the matrix's rounding.
    if min(a, b) < -1e-2:
        return _UNNATURAL
    return math.hypot(max(_LOW_A - a, a - _HIGH_A, 0.0), max(_LOW_B - b, b - _HIGH_B, 0.0))


def chromaticity(colour: np.ndarray) -> tuple[float, float]:
    """Return CIELAB's a* and b* under D50 of a colour in sRGB, (3,) from 0 to 255."""
    scaled = np.asarray(colour, np.float64) / 255
    light = np.where(scaled > 0.04045, ((scaled + 0.055) / 1.055) ** 2.4, scaled / 12.92)
    ratio = _TO_XYZ @ light / _WHITE
    x, y, z = np.where(ratio > 216 / 24389, np.cbrt(ratio), (24389 / 27 * ratio + 16) / 116)
    return float(500 * (x - y)), float(200 * (y - z))


def component(value: float) -> int:
    """Return 200 (1 - sigmoid(value, 0, 10)), as in OFIQ's configuration."""
    return clamped(200 * (1 - sigmoid(value, 0, 10)))


MEASURES = (
    Measure(
        name="natural_colour",
        title="Distance from the colours of skin",
        standard=True,
        explanation="How far the cheeks' colour lies from that of skin, in CIELAB; 0 is natural, "
        "7 is a grey picture.",
        live_remedy="use white light, and no filter",
        document_remedy="scan it in colour, with the white balance on",
        value=value,
        component=component,
    ),
)
