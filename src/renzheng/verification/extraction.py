"""Feature extraction (ISO/IEC 2382-37): face templates from captures."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from renzheng._support.timing import Clock
from renzheng.faces.face_embedder import FaceEmbedder
from renzheng.types import Capture, Floats, LivenessScore, Role
from renzheng.verification import findings
from renzheng.verification.face_models import FaceModels
from renzheng.verification.information import strength_of
from renzheng.verification.policy import Policy
from renzheng.verification.same_photo import PhotoDetail, detail_of
from renzheng.verification.templates import FaceTemplate

if TYPE_CHECKING:
    from renzheng.faces.liveness import Liveness


def extract_templates(
    captures: Sequence[Capture],
    models: FaceModels,
    policy: Policy,
    clock: Clock,
    *,
    liveness: Liveness | None,
    with_detail: bool,
) -> list[FaceTemplate]:
    """Return the face templates of one capture, or of the two that are compared.

    Parameters
    ----------
    captures
        One side or both. If the policy refuses one, nothing is computed for the other either.
    models
        The networks.
    policy
        The demands that the captures have to meet.
    clock
        Takes the time of each step.
    liveness
        The networks that judge live pictures; None skips that.
    with_detail
        Whether to keep what `renzheng.verification.same_photo` compares.
    """
    reported = [tuple(findings.of_capture("", each, policy)) for each in captures]
    templates = [
        FaceTemplate(
            source=capture.source,
            role=capture.role,
            pack=models.pack.digest,
            detector=models.detector_pack.network_digest,
            size=None if capture.image is None else capture.image.shape[1::-1],
            face=capture.face,
            quality=capture.quality,
            findings=against,
            error=capture.error,
        )
        for capture, against in zip(captures, reported, strict=True)
    ]
    if any(template.refused for template in templates):
        return templates
    with clock("embed"):
        features = features_of(captures, models.embedder)
    with clock("same_picture"):
        details = [_photo_detail(each) if with_detail else None for each in captures]
    scores: list[LivenessScore | None] = [None] * len(captures)
    if liveness is not None:
        with clock("liveness"):
            scores = [_liveness_score(each, liveness) for each in captures]
    return [
        replace(
            template,
            embedding=None if found is None else found.embedding,
            strength=None if found is None else found.strength,
            photo_detail=detail,
            liveness=score,
        )
        for template, found, detail, score in zip(templates, features, details, scores, strict=True)
    ]


class Features(NamedTuple):
    """The features of one face.

    Attributes
    ----------
    embedding
        float32 (d,), unit length.
    strength
        How much of a face it holds, see `renzheng.verification.information`.
    """

    embedding: Floats
    strength: float


def features_of(captures: Sequence[Capture], embedder: FaceEmbedder) -> list[Features | None]:
    """Return the features of each capture's face; None where there is no face.

    Embeddings that were computed for the choice of a portrait are used again.
    """
    missing = [
        capture.crop
        for capture in captures
        if capture.crop is not None
        and (capture.embedding is None or capture.embedding_length is None)
    ]
    fresh = (
        iter(zip(*embedder.embed_with_lengths(np.stack(missing)), strict=True))
        if missing
        else iter(())
    )
    features: list[Features | None] = []
    for capture in captures:
        if capture.crop is None:
            features.append(None)
            continue
        embedding, length = capture.embedding, capture.embedding_length
        if embedding is None or length is None:
            embedding, length = next(fresh)
        features.append(Features(embedding, strength_of(float(length), capture.quality)))
    return features


def _photo_detail(capture: Capture) -> PhotoDetail | None:
    if capture.image is None or capture.face is None:
        return None
    return detail_of(capture.image, capture.face)


def _liveness_score(capture: Capture, liveness: Liveness) -> LivenessScore | None:
    if capture.role is not Role.LIVE or capture.image is None or capture.face is None:
        return None
    return liveness.check(capture.image, capture.face)
