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
from renzheng.types import Capture, Floats, Role, Severity
from renzheng.verification import findings
from renzheng.verification.policy import Policy
from renzheng.verification.verifier import Verifier


@dataclass(frozen=True, eq=False)
class Enrolment:
    """A picture to be enrolled.

    Attributes
    ----------
    id, person, metadata
        The attributes of the `Entry` to make.
    picture
        Anything that `renzheng.images.read` takes; a path where several processes work.
    """

    id: str
    picture: Any
    person: str = ""
    metadata: Mapping[str, Value] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class EnrolmentResult:
    """The result of an enrolment.

    Attributes
    ----------
    id, source
        The id and the picture's name, as in `Enrolment` and `Entry`.
    entry
        The new entry, or None.
    reason
        Why there is no entry: the failure to enrol (ISO/IEC 19795-1), or that the id was there.
    known
        Whether the gallery already holds this very picture, or no picture, under the id.
    warnings
        Findings against the picture, though it was accepted.
    """

    id: str
    source: str
    entry: Entry | None = None
    reason: str = ""
    known: bool = False
    warnings: tuple[str, ...] = ()


def acquire(
    wanted: Enrolment, verifier: Verifier, role: Role, *, accept_doubtful: bool = False
) -> EnrolmentResult:
    """Read a picture, find the face and embed it; add nothing to any gallery."""
    source = images.describe(wanted.picture)
    picture, digest = wanted.picture, ""
    if isinstance(picture, (str, Path)):
        try:
            picture = images.read_bytes(picture)
        except RenzhengError as error:
            return EnrolmentResult(wanted.id, source, reason=error.reason)
    if isinstance(picture, bytes):
        digest = hashlib.sha256(picture).hexdigest()
    capture = verifier.acquire(picture, role)
    found = list(findings.of_capture("reference", capture, Policy()))
    refused = {Severity.REFUSAL} if accept_doubtful else {Severity.REFUSAL, Severity.DOUBT}
    reasons = [each.message for each in found if each.severity in refused]
    embedding = None if reasons else embedding_of(capture, verifier)
    if embedding is None:
        reason = "; ".join(reasons) or "no face was found"
        return EnrolmentResult(wanted.id, source, reason=reason)
    entry = Entry(
        id=wanted.id,
        embedding=embedding,
        person=wanted.person,
        metadata=wanted.metadata,
        source=source,
        picture=digest,
    )
    return EnrolmentResult(wanted.id, source, entry, warnings=tuple(each.message for each in found))


def embedding_of(capture: Capture, verifier: Verifier) -> Floats | None:
    """Return the embedding of a capture's face, float32 (d,); None where there is no face."""
    if capture.crop is None:
        return None
    if capture.embedding is not None:
        return capture.embedding
    embedding: Floats = verifier.embed_crops(capture.crop[None])[0]
    return embedding
