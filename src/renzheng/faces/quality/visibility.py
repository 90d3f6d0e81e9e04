"""How much of the face, and of what the network looks at, is in the picture: measures of ours."""

from __future__ import annotations

from renzheng.faces import alignment
from renzheng.faces.quality.interface import Measure, clamped
from renzheng.faces.quality.view import View


def inside(view: View) -> float:
    """The share of the detector's box inside the picture, 0 to 1."""
    height, width = view.image.shape[:2]
    x1, y1, x2, y2 = (float(v) for v in view.face.box)
    seen = max(0.0, min(x2, width) - max(x1, 0)) * max(0.0, min(y2, height) - max(y1, 0))
    return float(seen / max(view.face.width * view.face.height, 1e-6))


def crop_inside(view: View) -> float:
    """The share of the embedding network's crop inside the picture, 0 to 1."""
    return alignment.visible_share(view.image, view.face.landmarks, view.template)


def component(value: float) -> int:
    """The share in percent."""
    return clamped(100 * value)


_LIVE = "move so that the whole head is in the picture"
_DOCUMENT = "take in the whole portrait and some room around it"

MEASURES = (
    Measure(
        name="inside",
        title="Face inside the picture",
        unit="",
        standard=False,
        explanation="Which share of the face lies inside the picture.",
        live_remedy=_LIVE,
        document_remedy=_DOCUMENT,
        value=inside,
        component=component,
    ),
    Measure(
        name="crop_inside",
        title="The network's view inside the picture",
        unit="",
        standard=False,
        explanation="Which share of what the network looks at lies inside the picture; below 0.6 "
        "nothing is called a match.",
        live_remedy=_LIVE,
        document_remedy=_DOCUMENT,
        value=crop_inside,
        component=component,
    ),
)
