"""The alignment template of a pack."""

from __future__ import annotations

from typing import Any

import numpy as np

from renzheng.errors import PackError
from renzheng.faces.alignment import TEMPLATES, AlignmentTemplate
from renzheng.models.packs import Pack

_MAX_SIZE = 2048  # px; four times the largest crop that a known network takes


def template_of(pack: Pack) -> AlignmentTemplate:
    """Return the template of a pack's crops: a named one, or one of the manifest's own points.

    Raises
    ------
    PackError
        If the manifest names an unknown template, or its points are not five.
    """
    name, size = pack.setting("alignment", "template"), pack.setting("input", "size")
    points = pack.manifest["alignment"].get("points")
    if points is not None:
        return _own_template(pack, str(name), size, points)
    if name not in TEMPLATES:
        raise PackError(
            f"unknown alignment template {name!r}",
            source=str(pack.folder),
            remedy=f"choose one of {', '.join(TEMPLATES)}",
        )
    # A network may see the template's view at a size of its own.
    template = TEMPLATES[name]
    return template if size == template.size else template.scaled(size)


def _own_template(pack: Pack, name: str, size: Any, points: Any) -> AlignmentTemplate:
    try:
        array = np.array(points, np.float32)
    except (TypeError, ValueError):
        array = np.empty(0, np.float32)
    if array.shape != (5, 2) or not np.isfinite(array).all():
        raise PackError(
            "the manifest's [alignment] points are not five of two numbers", source=str(pack.folder)
        )
    if not isinstance(size, int) or not 8 <= size <= _MAX_SIZE:
        raise PackError(
            f"a crop must be 8 to {_MAX_SIZE} pixels wide, not {size!r}", source=str(pack.folder)
        )
    array.setflags(write=False)
    return AlignmentTemplate(name, size, array)
