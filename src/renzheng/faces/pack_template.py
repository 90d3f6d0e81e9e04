"""The alignment templates of a pack."""

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


def view_of(pack: Pack) -> AlignmentTemplate:
    """Return the template whose view tells how much of a face a pack's network sees.

    An ensemble's is its first member's, by which the strength of a face is told too: of the crop
    that all members share, parts are seen by none or by one.

    Raises
    ------
    PackError
        As in `template_of`.
    """
    members = member_packs(pack)
    return template_of(members[0] if members else pack)


def member_packs(pack: Pack) -> list[Pack]:
    """Return an ensemble's members, each as a pack in the same folder; none for other packs.

    Raises
    ------
    PackError
        If the manifest's ``members`` are not a list of tables.
    """
    members = pack.manifest.get("members", [])
    if not isinstance(members, list) or not all(isinstance(each, dict) for each in members):
        raise PackError("the manifest's members are not a list of tables", source=str(pack.folder))
    return [
        Pack(
            name=str(each.get("name", f"member {place}")),
            version=pack.version,
            kind="embedder",
            folder=pack.folder,
            digest=pack.digest,
            manifest={**each, "files": pack.manifest["files"]},
        )
        for place, each in enumerate(members, 1)
    ]


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
