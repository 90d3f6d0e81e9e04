"""Face templates: all that a comparison needs of a picture, so that its pixels can be dropped."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from renzheng._renamed import RenamedAttribute
from renzheng.types import (
    Face,
    Finding,
    Floats,
    LivenessScore,
    Measurement,
    Role,
    Severity,
)
from renzheng.verification.same_photo import PhotoDetail


@dataclass(frozen=True, eq=False)
class FaceTemplate:
    """The face of one picture in one role, ready to be compared with any number of others.

    It holds biometric features (ISO/IEC 2382-37) and the findings on the way to them. It holds no
    picture, but embedding and detail are personal data as a picture is: a face can be searched for
    with the one and recognised in the other. It can be pickled.

    Attributes
    ----------
    source
        The name of the picture.
    role
        The picture's role.
    pack
        The digest of the embedding pack.
    detector
        The digest of the detector's networks (`Pack.network_digest`); empty where it is not known,
        as in templates that were made before there was a choice.
    size
        Width and height in pixels of the image that `face` lies in, a document's after its
        rectification; None where the picture could not be read.
    face
        The chosen face; None where there is none.
    embedding
        float32 (d,), unit length; None where the picture is refused.
    strength
        How much of a face the embedding holds, see `renzheng.verification.information`; None where
        it is not known, as in templates that were made before it was measured.
    photo_detail
        The detail that `renzheng.verification.same_photo` compares; None where it is not asked for.
    liveness
        The liveness of the face; None where it was not asked for.
    quality
        The face's quality, by the names of the measures in `renzheng.faces.quality`.
    findings
        The findings against this picture under the policy; their `side` is empty, since the picture
        may be either.
    error
        The reason why it cannot be compared at all, or None.
    timings_ms
        Wall time of each step in milliseconds.
    """

    source: str
    role: Role
    pack: str = ""
    size: tuple[int, int] | None = None
    face: Face | None = None
    embedding: Floats | None = None
    strength: float | None = None
    photo_detail: PhotoDetail | None = None
    liveness: LivenessScore | None = None
    quality: Mapping[str, Measurement] = field(default_factory=dict)
    findings: tuple[Finding, ...] = ()
    error: str | None = None
    timings_ms: Mapping[str, float] = field(default_factory=dict)
    detector: str = ""

    head = RenamedAttribute("photo_detail")

    @property
    def refused(self) -> bool:
        """Whether a finding rules out every comparison with this picture."""
        return any(finding.severity is Severity.REFUSAL for finding in self.findings)


def unread(source: str, role: Role, reason: str, code: str = "unreadable") -> FaceTemplate:
    """Return the template that records a failure to acquire (ISO/IEC 19795-1).

    Parameters
    ----------
    source
        The name of the picture.
    role
        The picture's role.
    reason
        The reason in words, for a person.
    code
        The reason as a finding's code, for programs.
    """
    return FaceTemplate(
        source, role, findings=(Finding(code, "", reason, Severity.REFUSAL),), error=reason
    )
