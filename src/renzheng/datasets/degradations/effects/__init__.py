"""Effects that lie between a portrait and the machine that sees it.

Lengths are shares of the portrait's height unless said otherwise, so that large and small portraits
look alike. Strengths are those of a careless hotel desk, not of an attack.
"""

from renzheng.datasets.degradations.effects.coding import Jpeg, Resize
from renzheng.datasets.degradations.effects.colour import ColourCast, Faded
from renzheng.datasets.degradations.effects.copying import Photocopy, Scan, TwoTone
from renzheng.datasets.degradations.effects.effect import Effect, Pixels
from renzheng.datasets.degradations.effects.optics import (
    Defocus,
    Moire,
    SensorNoise,
    UnevenLight,
)
from renzheng.datasets.degradations.effects.overlays import Glare, Hologram, Laminate, Scratches
from renzheng.datasets.degradations.effects.printing import Halftone, Print

# Raise it with every change of what an effect does: results computed before then no longer count.
REVISION = 2

__all__ = [
    "REVISION",
    "ColourCast",
    "Defocus",
    "Effect",
    "Faded",
    "Glare",
    "Halftone",
    "Hologram",
    "Jpeg",
    "Laminate",
    "Moire",
    "Photocopy",
    "Pixels",
    "Print",
    "Resize",
    "Scan",
    "Scratches",
    "SensorNoise",
    "TwoTone",
    "UnevenLight",
]
