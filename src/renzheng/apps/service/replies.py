"""The replies of the service as types, from which the OpenAPI document and the client are made.

Their names and docstrings become those of the published schemas (see also `openapi`). Field names
are those of `to_dict` in `renzheng.types`; a test compares the two.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from renzheng.types import Decision, FaceKind, InformationGrade, Role, Severity

Pixel = tuple[float, float]
Point = Annotated[Pixel, Field(description="x and y in pixels")]


class _Reply(BaseModel):
    # A newer server may send fields that an older client does not know.
    model_config = ConfigDict(frozen=True, extra="ignore")


class Face(_Reply):
    """A face in a picture."""

    box: tuple[float, float, float, float] = Field(description="x1, y1, x2, y2 in pixels")
    landmarks: tuple[Point, Point, Point, Point, Point] = Field(
        description="the eyes, the tip of the nose and the corners of the mouth, the subject's "
        "right (left in the picture) first"
    )
    score: float = Field(description="how sure the detector is, 0 to 1")
    inter_eye_distance: float = Field(description="pixels between the eyes")


class Candidate(Face):
    """A face with what it was taken for."""

    part: FaceKind
    area: float = Field(description="of its box, over the chosen face's")
    contrast: float | None = Field(description="standard deviation of its luminance, 0 to 255")
    distance: float | None = Field(description="of its embedding from the chosen face's, 0 to 2")


class Preparation(_Reply):
    """The preparation of a picture before its faces were found."""

    size: tuple[int, int] | None = Field(description="width and height as it was read")
    matrix: tuple[
        tuple[float, float, float], tuple[float, float, float], tuple[float, float, float]
    ] = Field(description="homogeneous pixels as read to those that boxes refer to")
    turns: int = Field(description="quarter turns clockwise")
    outline: tuple[Point, Point, Point, Point] | None = Field(
        description="the document's corners in the picture as read, from the top left, clockwise"
    )
    steps: list[str]
    certain: bool


class Measurement(_Reply):
    """The value of one quality measure."""

    value: float = Field(description="in the measure's own unit")
    component: int = Field(ge=0, le=100, description="ISO/IEC 29794-5: higher is better")


class FeaturePoint(_Reply):
    """A point of a face as a chip's record states it, in pixels of the picture as stored."""

    code: str = Field(description="of MPEG-4 and ISO/IEC 19794-5: 12.1 and 12.2 are the eyes")
    x: int
    y: int


class Origin(_Reply):
    """The container that a picture was taken out of."""

    container: str = Field(description="EF.DG2, face record or PDF")
    number: int = Field(description="of its faces or pages, from 1")
    count: int = Field(description="how many faces or pages it holds")
    encoding: str = Field(description="the standard of the face record; empty for a page")
    feature_points: list[FeaturePoint] = Field(description="the record's own, unchecked")


class Capture(_Reply):
    """One picture and the face of it that counts."""

    source: str = Field(description="the field that brought it")
    role: Role
    origin: Origin | None = Field(
        default=None, description="where the picture was; null if the file is one picture"
    )
    size: tuple[int, int] | None = Field(
        description="width and height of what boxes refer to; null where it cannot be read"
    )
    face: Face | None
    faces: list[Candidate] = Field(description="the chosen one first")
    choice: str | None = Field(description="why this face")
    preparation: Preparation
    quality: dict[str, Measurement]
    error: str | None = Field(description="why it cannot be compared")


class FalseMatchRate(_Reply):
    """How often two different people come this near."""

    value: float = Field(ge=0, le=1)
    at_most: bool = Field(description="the rate is this or lower: nobody measured how much")


class PopulationRate(_Reply):
    """How often two different people of one population come this near."""

    population: str = Field(description="on whom it was measured")
    covered: bool = Field(
        description="the promised rate, `fmr`, is held to this population; else it is only stated"
    )
    value: float = Field(ge=0, le=1)
    at_most: bool = Field(description="the rate is this or lower: nobody measured how much")
    extrapolated: bool = Field(description="lower than `resolution`: estimated, not measured")
    resolution: float = Field(
        gt=0, le=1, description="the lowest rate that was measured in this population"
    )


class Information(_Reply):
    """How much of a face each side of a comparison shows."""

    grade: InformationGrade = Field(
        description="the stronger side's: `full`: `fmr` holds as promised; `limited`: it is that "
        "of faces which show less; `insufficient`: no rate holds, so there is none; `unknown`: "
        "a side or the calibration has no strength"
    )
    reference: float | None = Field(description="strength, in the unit of the network")
    probe: float | None = Field(description="likewise")
    wanted: float | None = Field(description="strength that one side at least needs for `full`")


class Policy(_Reply):
    """When a comparison is a match."""

    max_fmr: float
    inconclusive: float
    min_document_quality: dict[str, int]
    min_live_quality: dict[str, int]
    allow_several_faces: bool
    allow_same_picture: bool
    min_liveness: float | None


class UsedPacks(_Reply):
    """The networks that answered."""

    name: str
    version: str
    digest: str
    detector: str
    detector_version: str
    detector_digest: str
    liveness: str | None = None
    liveness_version: str | None = None
    liveness_digest: str | None = None
    backend: str = Field(description="what computed the networks")
    backend_version: str
    provider: str = Field(description="the device that really computed, as the backend names it")


class SamePicture(_Reply):
    """Whether both pictures are one photograph."""

    same: bool
    score: float = Field(ge=0, le=1)
    mirrored: bool
    threshold: float


class LivenessScore(_Reply):
    """How live the probe's face looks."""

    live: bool
    score: float = Field(ge=0, le=1)
    threshold: float
    networks: dict[str, float]
    classes: dict[str, float]


class Finding(_Reply):
    """Something that speaks against trusting a comparison."""

    code: str = Field(description="a stable word for programs")
    side: Literal["reference", "probe", "picture"]
    message: str
    effect: Severity


class Distributions(_Reply):
    """Densities of the distances of one person's pictures and of different people's."""

    distance: list[float]
    genuine: list[float]
    impostor: list[float]
    match: float | None = Field(description="the policy matches up to here")
    no_match: float | None = Field(description="and rejects above this")


class Shown(_Reply):
    """One picture for a page."""

    picture: str | None = Field(description="a JPEG as a data: address, as boxes see it")
    scale: float | None = Field(description="its pixels per pixel of boxes")
    crop: str | None = Field(description="the aligned face, likewise")


class Display(_Reply):
    """The display data of a web page, beside the numbers."""

    reference: Shown
    probe: Shown
    distributions: Distributions | None


class Verification(_Reply):
    """Are the two pictures of the same person, how sure is it, and why?"""

    decision: Decision
    reason: str
    distance: float | None = Field(description="Euclidean, between unit embeddings, 0 to 2")
    similarity: float | None = Field(description="their cosine, -1 to 1")
    fmr: FalseMatchRate | None = Field(
        description="null where nothing was compared, and where both sides show too little of a "
        "face for any rate to hold"
    )
    llr: float | None = Field(description="natural log-likelihood ratio")
    fmr_by_population: list[PopulationRate] = Field(
        # An older server does not send it.
        default=[],
        description="on whom the false match rate was measured; `fmr` is the worst of those "
        "covered. Empty where the calibration does not say",
    )
    information: Information | None = Field(
        # An older server does not send it.
        default=None,
        description="how much of a face the comparison rests on; null where nothing was compared",
    )
    policy: Policy
    pack: UsedPacks
    reference: Capture
    probe: Capture
    same_picture: SamePicture | None
    liveness: LivenessScore | None
    warnings: list[Finding]
    timings_ms: dict[str, float]
    display: Display | None = Field(default=None, description="only where it was asked for")


class Detection(_Reply):
    """All faces of a picture, the largest first."""

    size: tuple[int, int]
    faces: list[Face]


class Quality(_Reply):
    """The quality of a picture and the findings against it."""

    picture: Capture
    warnings: list[Finding]


class NamedPack(_Reply):
    """The identity of a pack."""

    name: str
    version: str
    digest: str


class Embedding(_Reply):
    """A face as a point; two are compared by their Euclidean distance."""

    embedding: list[float] = Field(description="of unit length")
    strength: float | None = Field(
        # An older server does not send it.
        default=None,
        description="how much of a face it holds, in the unit of the network",
    )
    pack: NamedPack
    picture: Capture


class Pack(NamedPack):
    """A pack that the service offers."""

    kind: Literal["embedder", "detector", "liveness"]
    default: bool
    dimension: int | None = Field(default=None, description="numbers of an embedding")
    resolution: float | None = Field(
        default=None, description="the lowest false match rate that a policy can ask for"
    )
    description: str
    licence: str


class Packs(_Reply):
    """The offer of the service: packs, policy and limits."""

    packs: list[Pack]
    policy: Policy = Field(description="what holds where a request says nothing else")
    max_upload: int = Field(description="bytes that one request may have")


class State(_Reply):
    """Whether the service is there."""

    status: Literal["ok"]
    version: str


class Problem(_Reply):
    """A problem (RFC 9457)."""

    type: str
    title: str
    status: int
    detail: str
    code: str = Field(description="a stable word for programs")
    remedy: str | None = None
    field: str | None = None
