"""The groups as one page of small pictures that loads nothing."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from renzheng import images
from renzheng.apps.reports import pages, thumbnails
from renzheng.errors import RenzhengError
from renzheng.images.duplicates.results import Duplicates, Group, Item, Relation, sized

MAX_PICTURES = 2000  # on a page: some 15 MiB
_MAX_MEMBERS = 12  # of a group
_MAX_UNREAD = 100
_LONGEST = 200  # px of a picture's longer side

TITLES = {
    Relation.IDENTICAL: "Identical bytes",
    Relation.SAME: "The same picture",
    Relation.NEAR: "Near-duplicates",
    Relation.CHANGED: "Changed in part",
}


def save(found: Duplicates, path: Path, *, command: str, max_groups: int = 200) -> None:
    """Write the page.

    Parameters
    ----------
    found
        The groups to show.
    path
        Ends in ``.html``.
    command
        The command line, for whoever wants to make the page again.
    max_groups
        Number of groups shown; the page says if there are more.

    Raises
    ------
    InvalidInput
        If the name does not fit.
    RenzhengError
        If the file cannot be written.
    """
    pages.check(path)
    groups = found.groups[:max_groups]
    counts = found.counts()
    kinds = "; ".join(f"{TITLES[kind].lower()}: {counts[kind.value]}" for kind in Relation)
    reason = f"Groups by kind: {kinds}. Nothing was removed, moved or changed."
    if len(groups) < len(found.groups):
        reason += f" Shown are {len(groups)} of them, those that take most."
    shelf = _Shelf()
    pages.save(
        path,
        "duplicates",
        title="Duplicates · renzheng",
        kicker="renzheng duplicates",
        headline="Pictures that are there twice",
        reason=reason,
        figures=[
            ("Pictures", f"{found.pictures:,}"),
            ("Groups", f"{len(found.groups):,}"),
            ("Files with the same bytes as another", f"{found.removable:,}"),
            ("They take", sized(found.frees)),
        ],
        note=pages.PRIVACY,
        groups=[shelf.group(group) for group in groups],
        unread=found.unread[:_MAX_UNREAD],
        unread_count=len(found.unread),
        rows=[
            ("Command", command),
            ("Different byte by byte", f"{found.contents:,}"),
            ("Pictures of one colour", f"{found.plain:,}, compared by their bytes only"),
            *((f"Passed over: {what}", f"{count:,}") for what, count in found.skipped.items()),
            ("Candidates not compared", f"{found.dropped:,}"),
            *((name.replace("_", " ").capitalize(), str(v)) for name, v in found.rule.items()),
        ],
    )


class _Shelf:
    """Room for so many pictures."""

    def __init__(self) -> None:
        self._left = MAX_PICTURES

    def group(self, group: Group) -> dict[str, Any]:
        members = group.members[:_MAX_MEMBERS]
        return {
            "title": f"{TITLES[group.kind]}, {sized(group.frees)}",
            "figures": [
                self._figure(group.keep, "Keep", group.why),
                *(
                    self._figure(one.item, one.relation.value.replace("_", " "), one.reason)
                    for one in members
                ),
            ],
            "left_out": len(group.members) - len(members),
        }

    def _figure(self, item: Item, relation: str, reason: str) -> dict[str, Any]:
        picture, missing = self._picture(item)
        return {
            "picture": picture,
            "missing": missing,
            "relation": relation,
            "reason": reason,
            "size": f"{item.width} x {item.height} px, {sized(item.size)}",
            "name": item.path.name,
            "path": item.path,
        }

    def _picture(self, item: Item) -> tuple[str | None, str]:
        if self._left <= 0:
            return None, "not drawn: the page is full"
        try:
            image = images.read(item.path)
        except RenzhengError as error:
            return None, error.reason
        self._left -= 1
        return thumbnails.address(thumbnails.shrunk(image, _LONGEST), 80), ""
