"""The lines after a calibration: how far its rates reach, and the command that uses it as it is."""

from __future__ import annotations

import math
import shlex
from decimal import ROUND_CEILING, Context
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from renzheng.verification.calibration import Calibration

_USUAL = 1e-4  # the --max-fmr of verify, batch and serve
_MATCHES = 30  # pairs of people that match falsely at the lowest rate that is promised (rule of 30)


def reach(calibration: Calibration) -> str:
    """Return how far a calibration reaches and, if less than `verify` asks for, what is wanting."""
    told = f"reaches down to FMR {calibration.resolution:.2g}"
    if calibration.resolution <= _USUAL:
        return told
    # Everyone with everyone makes n (n - 1) / 2 pairs of people.
    pairs = _MATCHES / _USUAL
    people = math.ceil(math.sqrt(2 * pairs) / 10 + 0.05) * 10
    return (
        f"{told}. For 1e-4, which verify asks for by itself, fit on {pairs:,.0f} pairs of "
        f"different people: {people} people with one another, besides those held out"
    )


def verifying(pack: Path, calibration: Calibration) -> str:
    """Return the command that compares two pictures at a rate that the calibration promises."""
    rate = "" if calibration.resolution <= _USUAL else f" --max-fmr {lowest(calibration)}"
    return f"renzheng verify --pack {shlex.quote(str(pack))}{rate} ID_PHOTO LIVE_PHOTO"


def lowest(calibration: Calibration) -> str:
    """Return the lowest rate that can be asked for, in two digits, rounded up."""
    rounded = Context(prec=2, rounding=ROUND_CEILING).create_decimal_from_float(
        calibration.resolution
    )
    return f"{float(rounded):.2g}"
