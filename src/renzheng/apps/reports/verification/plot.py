"""Geometry of the plot of a verification's page, which its template draws as SVG."""

from __future__ import annotations

from typing import Any

import numpy as np

from renzheng.apps.reports.verification.distributions import Distributions

# In units of the SVG's view box, 920 by 330; the template places what does not depend on the data.
_WIDE, _TOP, _BOTTOM, _SIDE = 920.0, 60.0, 270.0, 12.0


def geometry(curves: Distributions, distance: float) -> dict[str, Any]:
    """Return the places of everything that depends on the curves, written with one decimal."""

    def across(value: float) -> float:
        return _SIDE + (_WIDE - 2 * _SIDE) * value / curves.end

    zone = None
    if curves.match is not None and curves.no_match is not None:
        left, right = across(curves.match), across(curves.no_match)
        zone = f"{left:.1f}", f"{max(right - left, 0):.1f}"
    drawn = []
    for curve, colour, name in (
        (curves.genuine, "--genuine", "same person"),
        (curves.impostor, "--impostor", "different people"),
    ):
        x = _SIDE + (_WIDE - 2 * _SIDE) * curves.distance / curves.end
        y = _BOTTOM - curve * (_BOTTOM - _TOP) * 0.92
        points = "L".join(f"{a:.1f} {b:.1f}" for a, b in zip(x, y, strict=True))
        top = across(float(curves.distance[int(curve.argmax())]))
        drawn.append(
            {
                "outline": f"M{points}Z",
                "colour": colour,
                "name": name,
                "x": f"{min(max(top, 70), _WIDE - 70):.1f}",
                "y": f"{_BOTTOM - float(curve.max()) * (_BOTTOM - _TOP) * 0.92 - 10:.1f}",
            }
        )
    cuts = [cut for cut in (curves.match, curves.no_match) if cut is not None]
    return {
        "zone": zone,
        "curves": drawn,
        "cuts": [f"{across(cut):.1f}" for cut in cuts],
        "ticks": [
            (f"{across(float(tick)):.1f}", f"{tick:.1f}") for tick in np.arange(0, curves.end, 0.2)
        ],
        "here": f"{across(distance):.1f}",
        "label_x": f"{min(max(across(distance), 60), _WIDE - 60):.1f}",
        "distance": f"{distance:.3f}",
    }
