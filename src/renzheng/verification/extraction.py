"""Feature extraction (ISO/IEC 2382-37): face templates from captures."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from renzheng._support.timing import Clock
from renzheng.faces.embedding import Embedder
from renzheng.types import Capture, Floats, LivenessScore, Role
from renzheng.verification import findings
from renzheng.verification.face_models import FaceModels
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
    found = [tuple(findings.of_capture("", each, policy)) for each in captures]
    templates = [
        FaceTemplate(
            source=capture.source,
            role=capture.role,
            pack=models.pack.digest,
            size=None if capture.image is None else capture.image.shape[1::-1],
            face=capture.face,
            quality=capture.quality,
            findings=reported,
            error=capture.error,
        )
        for capture, reported in zip(captures, found, strict=True)
    ]
    if any(template.refused for template in templates):
        return templates
    with clock("embed"):
        embeddings = _embeddings(captures, models.embedder)
    with clock("same_picture"):
        details = [_photo_detail(each) if with_detail else None for each in captures]
    scores: list[LivenessScore | None] = [None] * len(captures)
    if liveness is not None:
        with clock("liveness"):
            scores = [_liveness_score(each, liveness) for each in captures]
    return [
        replace(template, embedding=embedding, photo_detail=detail, liveness=score)
        for template, embedding, detail, score in zip(
            templates, embeddings, details, scores, strict=True
        )
    ]


def _embeddings(captures: Sequence[Capture], embedder: Embedder) -> list[Floats]:
    """Return each capture's embedding; those computed for the choice of a portrait are reused."""
    missing = [
        capture.crop
        for capture in captures
        if capture.embedding is None and capture.crop is not None
    ]
    fresh = iter(embedder.embed(np.stack(missing)) if missing else ())
    return [next(fresh) if capture.embedding is None else capture.embedding for capture in captures]


def _photo_detail(capture: Capture) -> PhotoDetail | None:
    if capture.image is None or capture.face is None:
        return None
    return detail_of(capture.image, capture.face)


def _liveness_score(capture: Capture, liveness: Liveness) -> LivenessScore | None:
    if capture.role is not Role.LIVE or capture.image is None or capture.face is None:
        return None
    return liveness.check(capture.image, capture.face)
