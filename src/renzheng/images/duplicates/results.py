"""What the search for duplicates finds: groups of pictures, and which of each to keep."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any

from renzheng.images import describe
from renzheng.images.file_list import Unread


class Relation(StrEnum):
    """What a picture has to do with the one to keep, the closest first."""

    IDENTICAL = "identical"  # the same bytes
    SAME = "same_picture"  # all of it, perhaps scaled, coded or toned anew
    NEAR = "near_duplicate"  # a part of it, its mirror image, or it with something around it
    CHANGED = "changed"  # some of what both show differs: written over, retouched


_ORDER = tuple(Relation)


@dataclass(frozen=True)
class Item:
    """A picture file.

    Attributes
    ----------
    path
        Where it lies.
    digest
        SHA-256 of its bytes.
    size
        Bytes.
    width, height
        Pixels, upright.
    modified
        Nanoseconds since 1970.
    node
        Device and inode: files that share them are one file under two names.
    link
        Whether the name is a symbolic link.
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
        """Plain values for JSON."""
        return {
            "path": str(self.path),
            "bytes": self.size,
            "width": self.width,
            "height": self.height,
            "sha256": self.digest.hex(),
        }


@dataclass(frozen=True)
class Link:
    """How a picture is tied to the one to keep.

    Attributes
    ----------
    bits
        Least distance of the hashes; None where the bytes are the same, or where the hashes of the
        two do not meet and only those of another member do.
    inliers
        Local features that agree on one geometry; 0 where there are too few to be asked, and the
        hashes decided.
    share
        The same, of the features in the part that both show, 0 to 1.
    mirrored
        Whether it is the mirror image.
    shown
        Which share of the picture to keep is seen in it, 0 to 1.
    filled
        Which share of itself that is.
    agreement
        Share of what both show that agrees, 0 to 1.
    changed_side
        Side of the largest square in which nothing agrees, of the longer side of a picture.
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
        """Whether some of what both show differs."""
        return self.agreement < _UNCHANGED


@dataclass(frozen=True)
class Member:
    """One that a group could do without.

    Attributes
    ----------
    item
        The file.
    relation
        To the picture to keep.
    link
        How that is known; None for identical bytes.
    frees
        Bytes that its removal would free.
    """

    item: Item
    relation: Relation
    link: Link | None
    frees: int

    @property
    def has_its_own(self) -> bool:
        """Whether something could be lost with it: whenever its bytes are not the same.

        What is compared tells versions from strangers, and not a form from the same form with
        another entry: small text, colour, fine detail and further frames are not looked at.
        """
        return self.link is not None

    @property
    def reason(self) -> str:
        """Its tie to the picture to keep, in words."""
        if self.link is None:
            return "the same bytes" + ("" if self.frees else ", by a link or another name")
        words = []
        if self.link.mirrored:
            words.append("mirrored")
        if self.link.shown < _WHOLE:
            words.append(f"shows {self.link.shown:.0%} of it")
        if self.link.filled < _WHOLE:
            words.append(f"{1 - self.link.filled:.0%} of its own is not from there")
        if self.relation is Relation.CHANGED:
            words.append(f"{1 - self.link.agreement:.0%} of what both show differs")
        known = []
        if self.link.bits is not None:
            known.append(f"hashes {self.link.bits} bits apart")
        if self.link.inliers:
            known.append(f"{self.link.inliers} features agree")
        what = "the same picture" if self.relation is Relation.SAME else ", ".join(words)
        return f"{what or 'a near-duplicate'}; {', '.join(known)}"

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
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


_UNCHANGED = 0.97  # of what both show; crops, mirror images and other codings reach 98 %
_WHOLE = 0.93  # share of a picture from which all of it is meant: corners are found to 1 or 2 %


def relation(link: Link) -> Relation:
    """What a tie amounts to."""
    if link.changed:
        return Relation.CHANGED
    whole = min(link.shown, link.filled) >= _WHOLE
    return Relation.SAME if whole and not link.mirrored else Relation.NEAR


@dataclass(frozen=True)
class Group:
    """Pictures that are versions of one.

    Attributes
    ----------
    keep
        The best of them, which every other one was compared with.
    why
        Why it is the best.
    members
        The others, the closest first.
    """

    keep: Item
    why: str
    members: tuple[Member, ...]

    @property
    def kind(self) -> Relation:
        """The loosest relation in it."""
        return max((member.relation for member in self.members), key=_ORDER.index)

    @property
    def removable(self) -> tuple[Member, ...]:
        """Members with the same bytes as the picture to keep."""
        return tuple(member for member in self.members if not member.has_its_own)

    @property
    def frees(self) -> int:
        """Bytes that the removable members take."""
        return sum(member.frees for member in self.removable)

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return {
            "kind": self.kind.value,
            "keep": {**self.keep.to_dict(), "reason": self.why},
            "members": [member.to_dict() for member in self.members],
            "bytes_freed": self.frees,
        }


@dataclass(frozen=True)
class Duplicates:
    """What is there twice.

    Attributes
    ----------
    groups
        Those that would free most bytes first.
    pictures
        Files that were read as pictures.
    contents
        How many different ones they are, byte by byte.
    plain
        Pictures of one colour, which are told by their bytes only.
    skipped
        Entries that were passed over, by reason.
    unread
        Files and folders that could not be used.
    dropped
        Candidates that were not looked at, being too many for one picture.
    rule
        The settings that decided, by name.
    files
        All that was listed.
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
        """Files with the same bytes as one that is kept."""
        return sum(len(group.removable) for group in self.groups)

    @property
    def frees(self) -> int:
        """Bytes that these take."""
        return sum(group.frees for group in self.groups)

    def counts(self) -> dict[str, int]:
        """Groups by kind."""
        found = [group.kind for group in self.groups]
        return {kind.value: found.count(kind) for kind in Relation}

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
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
    """A path as a terminal can show it."""
    return describe(path)


def sized(count: int) -> str:
    """Bytes as people say them.

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
