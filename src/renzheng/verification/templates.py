"""What a comparison needs of each picture, so that each is worked on once and pixels can go."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

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
    """One picture in one role, ready to be compared with any number of others.

    What ISO/IEC 2382-37 calls biometric features, with what was found on the way. It holds no
    picture, but embedding and detail are personal data as a picture is: a face can be searched for
    with the one and recognised in the other. It can be pickled.

    Attributes
    ----------
    source
        The name of the picture.
    role
        What it was taken to be of.
    pack
        The digest of the embedding pack.
    size
        Width and height in pixels of the picture that `face` lies in, a document turned and
        straightened; None where it could not be read.
    face
        The chosen face; None where there is none.
    embedding
        float32 (d,), unit length; None where this picture is not to be compared.
    photo_detail
        What `renzheng.verification.same_photo` compares; None where nobody will ask.
    liveness
        How live the face looks; None where nobody asked.
    quality
        What the measures of `renzheng.faces.quality` say of the face, by name.
    findings
        What speaks against this picture under the policy; their `side` is empty, since the picture
        may be either.
    error
        Why it cannot be compared at all, or None.
    timings_ms
        Wall time of each step in milliseconds.
    """

    source: str
    role: Role
    pack: str = ""
    size: tuple[int, int] | None = None
    face: Face | None = None
    embedding: Floats | None = None
    photo_detail: PhotoDetail | None = None
    liveness: LivenessScore | None = None
    quality: Mapping[str, Measurement] = field(default_factory=dict)
    findings: tuple[Finding, ...] = ()
    error: str | None = None
    timings_ms: Mapping[str, float] = field(default_factory=dict)

    @property
    def refused(self) -> bool:
        """Whether there is no comparison with this picture."""
        return any(finding.severity is Severity.REFUSAL for finding in self.findings)


def unread(source: str, role: Role, reason: str, code: str = "unreadable") -> FaceTemplate:
    """What stands for a picture that there is not: a failure to acquire (ISO/IEC 19795-1).

    Parameters
    ----------
    source
        The name of the picture.
    role
        What it would have been of.
    reason
        Why there is none, for a person.
    code
        The same for programs.
    """
    return FaceTemplate(
        source, role, findings=(Finding(code, "", reason, Severity.REFUSAL),), error=reason
    )
