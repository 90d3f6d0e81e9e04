"""From a picture to an entry."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from renzheng import images
from renzheng.errors import RenzhengError
from renzheng.gallery.conditions import Value
from renzheng.gallery.entries import Entry
from renzheng.types import Role, Severity
from renzheng.verification import findings
from renzheng.verification.policy import Policy
from renzheng.verification.verifier import Verifier


@dataclass(frozen=True, eq=False)
class Enrolment:
    """Somebody to be enrolled.

    Attributes
    ----------
    id, person, metadata
        As in `Entry`.
    picture
        Anything that `renzheng.images.read` takes; a path where several processes work.
    """

    id: str
    picture: Any
    person: str = ""
    metadata: Mapping[str, Value] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class Outcome:
    """What became of an enrolment.

    Attributes
    ----------
    id, source
        Whose.
    entry
        The new entry; None where there is none.
    reason
        Why there is none: the failure to enrol (ISO/IEC 19795-1), or that the id was there.
    known
        Whether the gallery holds this very picture, or no picture, under the id already.
    warnings
        What speaks against the picture, though it was taken.
    """

    id: str
    source: str
    entry: Entry | None = None
    reason: str = ""
    known: bool = False
    warnings: tuple[str, ...] = ()


def acquire(
    wanted: Enrolment, verifier: Verifier, role: Role, *, accept_doubtful: bool = False
) -> Outcome:
    """Read a picture, find the face and embed it; adds nothing to any gallery."""
    source = images.describe(wanted.picture)
    picture, digest = wanted.picture, ""
    if isinstance(picture, (str, Path)):
        try:
            picture = images.read_bytes(picture)
        except RenzhengError as error:
            return Outcome(wanted.id, source, reason=error.reason)
    if isinstance(picture, bytes):
        digest = hashlib.sha256(picture).hexdigest()
    capture = verifier.acquire(picture, role)
    found = list(findings.of_capture("reference", capture, Policy()))
    effects = {Severity.REFUSAL} if accept_doubtful else {Severity.REFUSAL, Severity.DOUBT}
    against = [each.message for each in found if each.severity in effects]
    if against or capture.crop is None:
        return Outcome(wanted.id, source, reason="; ".join(against) or "no face was found")
    embedding = capture.embedding
    if embedding is None:
        embedding = verifier.embed_crops(capture.crop[None])[0]
    entry = Entry(
        id=wanted.id,
        embedding=embedding,
        person=wanted.person,
        metadata=wanted.metadata,
        source=source,
        picture=digest,
    )
    return Outcome(wanted.id, source, entry, warnings=tuple(each.message for each in found))
