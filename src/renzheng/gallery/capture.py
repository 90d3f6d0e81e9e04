"""From a picture to an entry."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from renzheng import images
from renzheng.errors import RenzhengError
from renzheng.gallery.conditions import Value
from renzheng.gallery.entries import Entry
from renzheng.types import Finding, InformationGrade, Role, Severity
from renzheng.verification import findings
from renzheng.verification.calibration import Calibration
from renzheng.verification.extraction import features_of
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
    """Read a picture, find the face and embed it; add nothing to any gallery.

    A face that shows too little for any rate to hold, against a probe that shows no more, is
    doubtful; one that shows less than the calibration's own rates want has a warning.
    """
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
    features = None
    if not reasons:
        [features] = features_of([capture], verifier.face_models.embedder)
    if features is not None:
        weakness = list(_of_strength(features.strength, verifier.calibration))
        reasons = [each.message for each in weakness if each.severity in refused]
        found += weakness
    if features is None or reasons:
        reason = "; ".join(reasons) or "no face was found"
        return EnrolmentResult(wanted.id, source, reason=reason)
    entry = Entry(
        id=wanted.id,
        embedding=features.embedding,
        person=wanted.person,
        metadata=wanted.metadata,
        source=source,
        picture=digest,
        strength=features.strength,
    )
    return EnrolmentResult(wanted.id, source, entry, warnings=tuple(each.message for each in found))


def _of_strength(strength: float, calibration: Calibration | None) -> Iterator[Finding]:
    """Yield the finding against a face that shows less than it should."""
    if calibration is None or calibration.min_strength is None:
        return
    grade = calibration.grade_of(strength)
    figures = f"strength {strength:.3g}, {calibration.min_strength:.3g} wanted"
    if grade is InformationGrade.INSUFFICIENT:
        yield Finding(
            "little_information",
            "reference",
            f"it shows too little of a face ({figures}): a probe that shows no more cannot be "
            "compared with it; take a picture in which the face is sharp, large, upright and "
            "uncovered",
            Severity.DOUBT,
        )
    elif grade is InformationGrade.LIMITED:
        yield Finding(
            "limited_information",
            "reference",
            f"it shows little of a face ({figures}): a probe that shows no more has to lie nearer "
            "for an identification; a sharper, uncovered picture would serve better",
        )
