"""Shares of the face and of the network's crop that are in the picture; measures of ours."""

from __future__ import annotations

from functools import partial

from renzheng.faces import alignment
from renzheng.faces.quality.interface import Measure, clamped
from renzheng.faces.quality.view import View


def inside(view: View) -> float:
    """Return the share of the detector's box inside the picture, 0 to 1."""
    height, width = view.image.shape[:2]
    x1, y1, x2, y2 = (float(v) for v in view.face.box)
    seen = max(0.0, min(x2, width) - max(x1, 0)) * max(0.0, min(y2, height) - max(y1, 0))
    return float(seen / max(view.face.width * view.face.height, 1e-6))


def crop_inside(view: View) -> float:
    """Return the share of the embedding network's crop inside the picture, 0 to 1."""
    return alignment.visible_share(view.image, view.face.landmarks, view.template)


def component(value: float) -> int:
    """Return the share in percent."""
    return clamped(100 * value)


_share = partial(
    Measure,
    live_remedy="move so that the whole head is in the picture",
    document_remedy="take in the whole portrait and some room around it",
    component=component,
)

MEASURES = (
    _share(
        name="inside",
        title="Face inside the picture",
        explanation="Which share of the face lies inside the picture.",
        value=inside,
    ),
    _share(
        name="crop_inside",
        title="The network's view inside the picture",
        explanation="Which share of what the network looks at lies inside the picture; below 0.6 "
        "nothing is called a match.",
        value=crop_inside,
    ),
)
