"""Duplicates in a collection of pictures: same bytes, same picture, near-duplicates.

Every picture is read once (`collection`), pairs with similar hashes are found by counting bits
(`hash_search`), each of these pairs is verified by local features (`verification`), and pictures
that belong together are grouped around the best one (`groups`). Nothing is ever deleted or moved: a
plan is a list for people.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import numpy as np

from renzheng import images
from renzheng.errors import InvalidInput, UnreadableImage
from renzheng.images import file_list, similarity
from renzheng.images.duplicates import verification
from renzheng.images.duplicates.best_version import copies, order, why
from renzheng.images.duplicates.collection import survey
from renzheng.images.duplicates.groups import MAX_CANDIDATES, group_around_best
from renzheng.images.duplicates.hash_search import HashIndex
from renzheng.images.duplicates.results import (
    Duplicates,
    Group,
    Item,
    Link,
    Member,
    Relation,
    relation,
)
from renzheng.images.duplicates.store import REVISION, Known, Store
from renzheng.images.file_list import Unread
from renzheng.types import Image

__all__ = [
    "Duplicates",
    "Group",
    "Item",
    "Link",
    "Member",
    "Relation",
    "Store",
    "Unread",
    "find",
]

Progress = Callable[[str, int, int], None]  # the step, number done, number in all


def find(
    sources: Iterable[Path | str],
    *,
    listed: Iterable[Path | str] = (),
    store: Store | None = None,
    workers: int = 1,
    hidden: bool = False,
    progress: Progress | None = None,
) -> Duplicates:
    """Find the duplicates among pictures.

    Parameters
    ----------
    sources
        Folders, searched with their subfolders, and picture files.
    listed
        More sources; those that no longer exist are reported as unread.
    store
        The store of earlier results, which also keeps the new ones; by default nothing is kept.
    workers
        Number of processes that read pictures, and of threads that compare them.
    hidden
        Whether to include files and folders whose names begin with a dot.
    progress
        Called with the step and its progress.

    Raises
    ------
    InvalidInput
        If a source does not exist, or there is no picture.
    RenzhengError
        If the store cannot be used, or a library is missing.

    Notes
    -----
    The answer does not depend on the number of workers, nor on the content of the store.
    """
    found = file_list.find(
        [Path(source) for source in sources],
        listed=[Path(source) for source in listed],
        hidden=hidden,
    )
    if not found.paths and not found.unread:
        skipped = ", ".join(f"{count} {what}" for what, count in found.skipped.items())
        raise InvalidInput(
            f"there are no pictures here{f' (passed over: {skipped})' if skipped else ''}",
            remedy="name a folder that holds JPEG, PNG, WebP, BMP, TIFF, GIF or HEIC files",
        )
    if store is None:
        with Store(None) as passing:
            return _find(found, passing, workers, progress)
    return _find(found, store, workers, progress)


def _find(
    found: file_list.Listing, store: Store, workers: int, progress: Progress | None
) -> Duplicates:
    read = survey(found, store, workers=workers, progress=progress)
    ranked = sorted(copies(read.items).values(), key=lambda same: order(same[0]))
    known = [read.known[same[0].digest] for same in ranked]
    stars, dropped = _compare(ranked, known, store, workers, progress)
    # Only files that are still as they were read are reported.
    altered = {item.path for same in ranked for item in same if read.altered(item.path)}
    ranked = [[item for item in same if item.path not in altered] for same in ranked]
    groups = _groups(ranked, stars)
    lost = [Unread(path, "the file was changed or removed meanwhile") for path in altered]
    return Duplicates(
        groups=groups,
        pictures=len(read.items) - len(altered),
        contents=len(ranked),
        plain=sum(not one.informative for one in known),
        skipped=found.skipped,
        unread=(*found.unread, *sorted([*read.unread, *lost], key=lambda one: str(one.path))),
        dropped=dropped,
        files=found.paths,
        rule={
            "revision": REVISION,
            "candidate_bits": similarity.CANDIDATE_BITS,
            "same_bits": similarity.SAME_BITS,
            "least_inliers": similarity.regions.MIN_INLIERS,
            "least_share": verification.MIN_SHARE,
            "least_agreement": verification.MIN_AGREEMENT,
            "other_picture": verification.OTHER_PICTURE,
            "most_candidates": MAX_CANDIDATES,
        },
    )


def _compare(
    ranked: Sequence[Sequence[Item]],
    known: Sequence[Known],
    store: Store,
    workers: int,
    progress: Progress | None,
) -> tuple[list[tuple[int, dict[int, Link]]], int]:
    nothing = np.empty((0, known[0].whole.shape[1] if known else 1), np.uint64)
    index = HashIndex(
        [one.whole if one.informative else nothing for one in known],
        [one.views if one.informative else nothing for one in known],
        threads=workers,
    )
    verifier = verification.Verifier(
        store, known, lambda number: _image(ranked[number]), threads=workers
    )
    try:
        return group_around_best(
            len(known),
            lambda asked, after: index.near(asked, after, similarity.CANDIDATE_BITS),
            verifier,
            similarity.SAME_BITS,
            progress and (lambda done, whole: progress("comparing", done, whole)),
        )
    finally:
        verifier.close()


def _image(same: Sequence[Item]) -> Image | None:
    """Read a picture from the first of its copies that still has the same bytes."""
    for item in same:
        try:
            content = images.read_bytes(item.path)
            if hashlib.sha256(content).digest() == item.digest:
                return images.read(content)
        except UnreadableImage:
            continue
    return None


def _groups(
    ranked: Sequence[Sequence[Item]], stars: Sequence[tuple[int, dict[int, Link]]]
) -> tuple[Group, ...]:
    """Turn groups of different contents into groups of files."""
    around = dict(stars)
    inside = {k for members in around.values() for k, link in members.items() if not link.changed}
    groups = []
    for best, same in enumerate(ranked):
        if not same:
            continue
        keep = same[0]
        seen = {keep.node}
        # Copies of a picture that is a member of another group have a group of their own.
        members = [_member(item, None, Relation.IDENTICAL, seen) for item in same[1:]]
        links = {} if best in inside else around.get(best, {})
        for other, link in links.items():
            kind = relation(link)
            members += [_member(item, link, kind, seen) for item in ranked[other][:1]]
        if members:
            members.sort(key=_nearness)
            reason = why(keep, [member.item for member in members])
            groups.append(Group(keep, reason, tuple(members)))
    groups.sort(key=lambda group: (-group.frees, order(group.keep)))
    return tuple(groups)


def _member(item: Item, link: Link | None, kind: Relation, seen: set[tuple[int, int]]) -> Member:
    # Removing a link, or another name of a file that is already counted, frees nothing.
    frees = 0 if item.link or item.node in seen else item.size
    seen.add(item.node)
    return Member(item, kind, link, frees)


def _nearness(member: Member) -> tuple[object, ...]:
    bits = 0 if member.link is None else similarity.CANDIDATE_BITS + 1
    if member.link is not None and member.link.bits is not None:
        bits = member.link.bits
    return list(Relation).index(member.relation), bits, order(member.item)
