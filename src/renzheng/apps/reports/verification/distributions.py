"""The two densities behind a calibration, and where a policy cuts them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from renzheng.errors import InvalidInput
from renzheng.types import Comparison
from renzheng.verification.calibration import Calibration
from renzheng.verification.information import of_pair

Curve = npt.NDArray[np.float64]

_CELLS = 160
_SMOOTHING = 2.0  # cells: takes the steps out of differenced curves, keeps their shape


@dataclass(frozen=True, eq=False)
class Distributions:
    """Curves and thresholds of the plot.

    Attributes
    ----------
    distance
        float64 (n,): evenly spaced.
    genuine, impostor
        float64 (n,): densities of the distances of same and of different people, scaled
        together to a maximum of 1.
    match, no_match
        Largest distance of a match, and of an inconclusive result; None where the calibration
        does not reach the policy's rate, or no distance keeps it.
    """

    distance: Curve
    genuine: Curve
    impostor: Curve
    match: float | None
    no_match: float | None

    @property
    def end(self) -> float:
        """The largest distance in the plot."""
        return float(self.distance[-1])


def strength_of(comparison: Comparison) -> float | None:
    """Return the strength that the curves of a comparison are for, as `derive` takes it."""
    return of_pair(comparison.information.reference, comparison.information.probe)


def derive(
    calibration: Calibration,
    policy: Mapping[str, float],
    distance: float,
    strength: float | None = None,
) -> Distributions | None:
    """Difference a calibration's cumulative curves into densities.

    Parameters
    ----------
    calibration
        Calibration of the pack.
    policy
        The policy's values; without ``max_fmr`` the plot has no thresholds.
    distance
        Measured distance, which must fit into the plot.
    strength
        The strength of the comparison, whose impostor rates are drawn; None for those of faces
        that show enough. The genuine rates are always those of such faces: no others were
        measured.

    Returns
    -------
    Distributions
        None where no rate holds for so weak a comparison.
    """
    rates = calibration.curve_of(strength)
    if rates is None:
        return None
    end = max(float(calibration.distance[-1]), distance)
    edges = np.linspace(0, end * 1.02, _CELLS + 1)
    genuine = _density(edges, calibration.distance, 1 - calibration.fnmr)
    impostor = _density(edges, calibration.distance, rates)
    top = max(float(genuine.max()), float(impostor.max()), 1e-12)
    # One rate may lie below the calibration's resolution while the other does not.
    cuts: list[float | None] = []
    for rate in (
        policy.get("max_fmr", 0.0),
        policy.get("max_fmr", 0.0) * policy.get("inconclusive", 1.0),
    ):
        try:
            cut = calibration.threshold_at(min(rate, 1.0), strength)
        except InvalidInput:
            cuts.append(None)
        else:
            cuts.append(cut if cut >= 0 else None)
    # The cells' middles, closed at both ends so that the outlines start and end at their axis.
    middles = (edges[1:] + edges[:-1]) / 2
    return Distributions(
        distance=np.concatenate((edges[:1], middles, edges[-1:])),
        genuine=np.pad(genuine / top, 1),
        impostor=np.pad(impostor / top, 1),
        match=cuts[0],
        no_match=cuts[1],
    )


def _density(edges: Curve, at: Curve, cumulative: Curve) -> Curve:
    """Return the smoothed share of each cell, float64 (n,), from a cumulative curve."""
    if at[0] > 0:  # a straight rise, where a jump would show as a spike
        at, cumulative = np.append(0.0, at), np.append(0.0, cumulative)
    share = np.diff(np.interp(edges, at, cumulative))
    reach = int(3 * _SMOOTHING)
    kernel = np.exp(-0.5 * (np.arange(-reach, reach + 1) / _SMOOTHING) ** 2)
    kernel /= kernel.sum()
    return np.convolve(share, kernel, mode="same")
