"""The results of the search for duplicates: groups of pictures, and which of each to keep."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any

from renzheng.images import describe
from renzheng.images.file_list import Unread


class Relation(StrEnum):
    """The relation of a picture to the one to keep, the closest first."""

    IDENTICAL = "identical"  # the same bytes
    SAME = "same_picture"  # all of it, perhaps scaled, encoded again or with other tones
    NEAR = "near_duplicate"  # a part of it, its mirror image, or it with something around it
    CHANGED = "changed"  # a part of the common part differs: written over, retouched


_ORDER = tuple(Relation)


@dataclass(frozen=True)
class Item:
    """A picture file.

    Attributes
    ----------
    path
        The path.
    digest
        The SHA-256 of its bytes.
    size
        The size in bytes.
    width, height
        The size of the upright picture in pixels.
    modified
        The time of the last change of its content, in nanoseconds since 1970.
    node
        Device and inode: names that share them are names of the same file.
    link
        Whether the path is a symbolic link.
    """

    path: Path
    digest: bytes
    size: int
    width: int
    height: int
    modified: int
    node: tuple[int, int]
    link: bool = False

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON."""
        return {
            "path": str(self.path),
            "bytes": self.size,
            "width": self.width,
            "height": self.height,
            "sha256": self.digest.hex(),
        }


@dataclass(frozen=True)
class Link:
    """The evidence that links a picture to the one to keep.

    Attributes
    ----------
    bits
        The minimum distance of the hashes; None if the bytes are the same, or if the hashes of the
        two are far apart and only those of another member are near.
    inliers
        Number of local features that agree on one geometry; 0 if there are too few, so that the
        hashes decided.
    share
        The inliers over the features in the common part, 0 to 1.
    mirrored
        Whether it is the mirror image.
    shown
        The share of the picture to keep that it shows, 0 to 1.
    filled
        The share of itself that this takes, 0 to 1.
    agreement
        The share of the common part that agrees, 0 to 1.
    changed_side
        The side of the largest square in which nothing agrees, over the longer side of the picture.
    """

    bits: int | None
    inliers: int
    share: float
    mirrored: bool
    shown: float
    filled: float
    agreement: float
    changed_side: float

    @property
    def changed(self) -> bool:
        """True if a part of what both show differs."""
        return self.agreement < _UNCHANGED


@dataclass(frozen=True)
class Member:
    """A member of a group, besides the picture to keep.

    Attributes
    ----------
    item
        The file.
    relation
        Its relation to the picture to keep.
    link
        The evidence of the relation; None for identical bytes.
    frees
        The bytes that its removal would free.
    """

    item: Item
    relation: Relation
    link: Link | None
    frees: int

    @property
    def has_its_own(self) -> bool:
        """True if something could be lost with it: whenever its bytes are not the same.

        The comparison distinguishes versions from unrelated pictures, but not a form from the same
        form with another entry: it ignores small text, colour, fine detail and further frames.
        """
        return self.link is not None

    @property
    def reason(self) -> str:
        """The relation to the picture to keep, in words."""
        if self.link is None:
            return "the same bytes" + ("" if self.frees else ", by a link or another name")
        words = []
        if self.link.mirrored:
            words.append("mirrored")
        if self.link.shown < _WHOLE:
            words.append(f"shows {self.link.shown:.0%} of it")
        if self.link.filled < _WHOLE:
            words.append(f"{1 - self.link.filled:.0%} of it is not from there")
        if self.relation is Relation.CHANGED:
            words.append(f"{1 - self.link.agreement:.0%} of what both show differs")
        known = []
        if self.link.bits is not None:
            known.append(f"hashes {self.link.bits} bits apart")
        if self.link.inliers:
            known.append(f"{self.link.inliers} features agree")
        relation = "the same picture" if self.relation is Relation.SAME else ", ".join(words)
        return f"{relation or 'a near-duplicate'}; {', '.join(known)}"

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON."""
        link = self.link
        return {
            **self.item.to_dict(),
            "relation": self.relation.value,
            "removable": not self.has_its_own,
            "reason": self.reason,
            "bytes_freed": self.frees,
            "hash_distance": None if link is None else link.bits,
            "inliers": None if link is None else link.inliers,
            "share_of_features": None if link is None else round(link.share, 3),
            "mirrored": False if link is None else link.mirrored,
            "share_of_best": 1.0 if link is None else round(link.shown, 3),
            "agreement": 1.0 if link is None else round(link.agreement, 3),
            "share_of_itself": 1.0 if link is None else round(link.filled, 3),
        }


_UNCHANGED = 0.97  # of the common part; crops, mirror images and other encodings reach 98 %
_WHOLE = 0.93  # share of a picture that counts as all of it: corners are found to 1 or 2 %


def relation(link: Link) -> Relation:
    """Return the relation that a link means."""
    if link.changed:
        return Relation.CHANGED
    whole = min(link.shown, link.filled) >= _WHOLE
    return Relation.SAME if whole and not link.mirrored else Relation.NEAR


@dataclass(frozen=True)
class Group:
    """A group of versions of one picture.

    Attributes
    ----------
    keep
        The best of them, with which every other one was compared.
    why
        The reason why it is the best.
    members
        The others, the closest first.
    """

    keep: Item
    why: str
    members: tuple[Member, ...]

    @property
    def kind(self) -> Relation:
        """The loosest relation in the group."""
        return max((member.relation for member in self.members), key=_ORDER.index)

    @property
    def removable(self) -> tuple[Member, ...]:
        """Members with the same bytes as the picture to keep."""
        return tuple(member for member in self.members if not member.has_its_own)

    @property
    def frees(self) -> int:
        """The bytes that the removable members take."""
        return sum(member.frees for member in self.removable)

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON."""
        return {
            "kind": self.kind.value,
            "keep": {**self.keep.to_dict(), "reason": self.why},
            "members": [member.to_dict() for member in self.members],
            "bytes_freed": self.frees,
        }


@dataclass(frozen=True)
class Duplicates:
    """The duplicates of a collection.

    Attributes
    ----------
    groups
        The groups, those that would free the most bytes first.
    pictures
        Number of files that were read as pictures.
    contents
        Number of different contents among them, byte by byte.
    plain
        Number of pictures of one colour, which are compared only by their bytes.
    skipped
        Number of skipped entries, by reason.
    unread
        Files and folders that could not be used.
    dropped
        Number of candidates that were not verified, since there were too many for one picture.
    rule
        The settings of the decision, by name.
    files
        All listed files.
    """

    groups: tuple[Group, ...]
    pictures: int
    contents: int
    plain: int
    skipped: Mapping[str, int]
    unread: tuple[Unread, ...]
    dropped: int
    rule: Mapping[str, Any] = field(default_factory=dict)
    files: tuple[Path, ...] = field(default=(), repr=False)

    @property
    def removable(self) -> int:
        """The number of files with the same bytes as one that is kept."""
        return sum(len(group.removable) for group in self.groups)

    @property
    def frees(self) -> int:
        """The bytes that the removable files take."""
        return sum(group.frees for group in self.groups)

    def counts(self) -> dict[str, int]:
        """Count the groups by kind."""
        found = [group.kind for group in self.groups]
        return {kind.value: found.count(kind) for kind in Relation}

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON."""
        return {
            "pictures": self.pictures,
            "different_contents": self.contents,
            "plain_pictures": self.plain,
            "skipped": dict(self.skipped),
            "unread": [{"path": str(u.path), "reason": u.reason} for u in self.unread],
            "candidates_not_verified": self.dropped,
            "rule": dict(self.rule),
            "groups_by_kind": self.counts(),
            "removable": self.removable,
            "bytes_freed": self.frees,
            "groups": [group.to_dict() for group in self.groups],
        }


def name(path: Path) -> str:
    """Return a path as a terminal can show it."""
    return describe(path)


def sized(count: int) -> str:
    """Return a number of bytes for people.

    Examples
    --------
    >>> sized(900), sized(5_400_000)
    ('900 bytes', '5.1 MiB')
    """
    if count < 1 << 10:
        return f"{count} bytes"
    for unit, power in (("KiB", 10), ("MiB", 20), ("GiB", 30)):
        if count < 1 << (power + 10) or unit == "GiB":
            break
    return f"{count / (1 << power):.1f} {unit}"
