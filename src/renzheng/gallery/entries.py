"""Entries of a gallery, and the results of searching and changing it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

import numpy as np

from renzheng._renamed import RenamedAttribute
from renzheng.errors import InvalidInput
from renzheng.gallery.conditions import Value, check_metadata, check_name
from renzheng.gallery.rates import FalsePositiveRate
from renzheng.types import (
    Capture,
    FalseMatchRate,
    Finding,
    Floats,
    Information,
    InformationGrade,
    SamePhoto,
)

_UNKNOWN = Information(InformationGrade.UNKNOWN)


def _now() -> datetime:
    moment = datetime.now(UTC)
    return moment.replace(microsecond=moment.microsecond // 1000 * 1000)


@dataclass(frozen=True, eq=False)
class Entry:
    """A biometric reference of a gallery (ISO/IEC 2382-37), without its picture.

    Attributes
    ----------
    id
        The name of the reference, 1 to 255 characters; a gallery holds each once.
    embedding
        float32 (d,), unit length, of the gallery's pack.
    person
        The person's name; several references may be of one person. By default the `id`.
    metadata
        Further facts by key: texts, numbers, true and false. Searches can be limited by them.
    source
        The picture's path or name, for people to read; empty if unknown.
    picture
        SHA-256 of the picture's bytes in hexadecimal; empty if there was none.
    enrolled
        The time of enrolment, with its zone, to the millisecond.
    strength
        How much of a face the reference holds, above 0, in the unit of the pack's network
        (`renzheng.verification.information`); None where it was not measured.
    """

    id: str
    embedding: Floats
    person: str = ""
    metadata: Mapping[str, Value] = field(default_factory=dict)
    source: str = ""
    picture: str = ""
    enrolled: datetime = field(default_factory=_now)
    strength: float | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "id", check_name("an entry's id", self.id))
        object.__setattr__(self, "person", check_name("a person", self.person or self.id))
        object.__setattr__(self, "metadata", check_metadata(self.metadata))
        texts = isinstance(self.source, str) and isinstance(self.picture, str)
        if not texts or not isinstance(self.enrolled, datetime) or self.enrolled.tzinfo is None:
            raise InvalidInput(
                "source and picture must be texts, enrolled a time with its zone", source=self.id
            )
        if self.strength is not None:
            object.__setattr__(self, "strength", check_strength(self.strength, self.id))
        row = np.asarray(self.embedding, np.float32)
        if row.ndim != 1 or not abs(float(np.linalg.norm(row.astype(np.float64))) - 1) < 1e-3:
            raise InvalidInput("an embedding must be float32 (d,) of unit length", source=self.id)
        object.__setattr__(self, "embedding", row)

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON, without the embedding."""
        return {
            "id": self.id,
            "person": self.person,
            "metadata": dict(self.metadata),
            "source": self.source,
            "picture": self.picture,
            "enrolled": self.enrolled.isoformat(timespec="milliseconds"),
            "strength": self.strength,
        }


def check_strength(strength: Any, source: str) -> float:
    """Return a strength as a float.

    Raises
    ------
    InvalidInput
        If it is not a finite number above 0.
    """
    number = isinstance(strength, (int, float, np.number)) and not isinstance(strength, bool)
    if not number or not 0 < float(strength) < math.inf:
        raise InvalidInput(
            f"a strength must be a finite number above 0, not {strength!r}", source=source
        )
    return float(strength)


@dataclass(frozen=True, eq=False)
class Neighbour:
    """An entry at its distance from a probe.

    Attributes
    ----------
    entry
        The entry.
    distance
        The Euclidean distance between the unit embeddings, 0 to 2.
    """

    entry: Entry
    distance: float

    @property
    def similarity(self) -> float:
        """The cosine similarity, -1 to 1."""
        return 1 - self.distance * self.distance / 2


@dataclass(frozen=True, eq=False)
class Candidate:
    """An entry that a search returned, with the error rates of its distance.

    Attributes
    ----------
    rank
        1 is the nearest.
    entry, distance, similarity
        As in `Neighbour`.
    fmr
        The false match rate of this one comparison, at the strength of its stronger side; None
        where both sides show too little of a face for any rate to hold.
    fpir
        The false positive identification rate: how often a search for somebody who is not among
        the searched entries finds one as near. None where `fmr` is.
    information
        The strengths of the entry (the reference) and the probe.
    """

    rank: int
    entry: Entry
    distance: float
    similarity: float
    fmr: FalseMatchRate | None
    fpir: FalsePositiveRate | None
    information: Information = _UNKNOWN

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON."""
        return {
            "rank": self.rank,
            "distance": round(self.distance, 6),
            "similarity": round(self.similarity, 6),
            "fmr": None if self.fmr is None else self.fmr.to_dict(),
            "fpir": None if self.fpir is None else self.fpir.to_dict(),
            "information": self.information.to_dict(),
            **self.entry.to_dict(),
        }


class SearchDecision(StrEnum):
    """The decision of a search."""

    IDENTIFIED = "identified"
    NOT_IDENTIFIED = "not_identified"
    INCONCLUSIVE = "inconclusive"
    NOT_COMPARABLE = "not_comparable"


@dataclass(frozen=True, eq=False)
class Identification:
    """The result of one search.

    Attributes
    ----------
    decision, reason
        The decision, and why, in words.
    candidates
        The nearest entries, however far, nearest first; behind them the entry that the decision
        rests on, if that is another one (see `SearchPolicy.decide`).
    searched
        The number of entries searched: those that meet the conditions.
    policy
        The accepted rates.
    pack
        Name, version, network digest and digest of the embedding pack, and the backend and provider
        that computed the probe's embedding.
    exact
        Whether every entry was compared; otherwise only those in likely partitions of an index.
    probe
        The capture of the probe's picture; None if the probe was an embedding.
    findings
        The findings against the probe, and against the entry that was found.
    timings_ms
        Wall time of each step in milliseconds.
    """

    decision: SearchDecision
    reason: str
    candidates: tuple[Candidate, ...]
    searched: int
    policy: Mapping[str, float]
    pack: Mapping[str, str]
    exact: bool
    probe: Capture | None = None
    findings: tuple[Finding, ...] = ()
    timings_ms: Mapping[str, float] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON, without pictures and embeddings."""
        return {
            "decision": str(self.decision),
            "reason": self.reason,
            "candidates": [candidate.to_dict() for candidate in self.candidates],
            "searched": self.searched,
            "exact": self.exact,
            "policy": dict(self.policy),
            "pack": dict(self.pack),
            "findings": [finding.to_dict() for finding in self.findings],
            "timings_ms": {step: round(t, 2) for step, t in self.timings_ms.items()},
        }


@dataclass(frozen=True)
class Added:
    """The result of adding entries, which are stored by then.

    Attributes
    ----------
    ids
        The ids of entries that were added or replaced.
    refused
        The ids that the gallery held already; their entries are unchanged.
    """

    ids: tuple[str, ...]
    refused: tuple[str, ...] = ()


@dataclass(frozen=True, eq=False)
class DuplicateEnrolment:
    """Two entries under different names that look like one person.

    Attributes
    ----------
    entries
        The two entries.
    distance
        The Euclidean distance, 0 to 2.
    fmr
        The false match rate of one comparison at this distance and of these strengths.
    fpir
        How often somebody who is in the gallery once has a stranger as near in it.
    same_photo
        Whether they are one photograph (cropped, coded again, mirrored ...); None where the files
        they were made from no longer exist.
    """

    entries: tuple[Entry, Entry]
    distance: float
    fmr: FalseMatchRate
    fpir: FalsePositiveRate
    same_photo: SamePhoto | None = None

    same_picture = RenamedAttribute("same_photo")

    @property
    def same_file(self) -> bool:
        """Whether their pictures are the same, byte for byte."""
        one, other = self.entries
        return bool(one.picture) and one.picture == other.picture

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON."""
        return {
            "entries": [entry.to_dict() for entry in self.entries],
            "distance": round(self.distance, 6),
            "fmr": self.fmr.to_dict(),
            "fpir": self.fpir.to_dict(),
            "same_file": self.same_file,
            "same_picture": None if self.same_photo is None else self.same_photo.to_dict(),
        }
