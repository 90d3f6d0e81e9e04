"""A liveness study: the scores of presentations, and the error rates of a liveness pack."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from renzheng import images
from renzheng.datasets.types import Presentations, Problem
from renzheng.errors import InvalidInput, NoFace, RenzhengError, UnreadableImage
from renzheng.evaluation import provenance
from renzheng.evaluation.acquisition import read_content
from renzheng.evaluation.attacks import error_rates
from renzheng.evaluation.attacks.error_rates import OperatingPoint, Rates, Scores
from renzheng.evaluation.comparisons.groups import MAX_GROUPS
from renzheng.evaluation.statistics.proportion import Proportion
from renzheng.faces.detection import FaceDetector, load_detector
from renzheng.faces.liveness import Liveness
from renzheng.faces.selection import choose_face
from renzheng.models.packs import Pack

BONA_FIDE = "bona_fide"
Progress = Callable[[int, int], None]  # pictures done, pictures in all


@dataclass(frozen=True)
class AttackGroup:
    """The error rates of some of the presentations, at the pack's threshold.

    Attributes
    ----------
    column, value
        The column, and its value, that the group is made by.
    rates
        The error rates.
    non_response
        The share of the presentations without a score.
    """

    column: str
    value: str
    rates: Rates
    non_response: Proportion

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON."""
        return {
            "column": self.column,
            "value": self.value,
            "non_response": self.non_response.to_dict(),
            **self.rates.to_dict(),
        }


@dataclass(frozen=True, eq=False)
class AttackStudy:
    """The results of a liveness pack on presentations.

    Attributes
    ----------
    name
        The name of the table.
    scores
        float64 (n,): the score of each presentation; NaN where there is none.
    rates
        The error rates at the pack's threshold.
    points
        Operating points at `error_rates.APCERS`; empty without bona fide or attack presentations.
    non_response
        The share of presentations without a score, because the picture cannot be read or shows no
        face, by type (``bona_fide`` for live faces; ISO/IEC 30107-3: APNRR and BPNRR). They count
        in no other rate.
    groups
        The error rates of each value of each column.
    problems
        The data that could not be used, with reasons.
    rejected
        The number of rows that were left out, and count nowhere.
    provenance
        Pack, versions, data digest, settings and time.
    """

    name: str
    scores: Scores
    rates: Rates
    points: tuple[OperatingPoint, ...]
    non_response: Mapping[str, Proportion]
    groups: tuple[AttackGroup, ...]
    problems: tuple[Problem, ...]
    rejected: int
    provenance: Mapping[str, Any]

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON."""
        return {
            "protocol": self.name,
            **self.rates.to_dict(),
            "non_response": {kind: share.to_dict() for kind, share in self.non_response.items()},
            "operating_points": [point.to_dict() for point in self.points],
            "groups": [group.to_dict() for group in self.groups],
            "rejected": self.rejected,
            "problems": [{"where": p.where, "reason": p.reason} for p in self.problems],
            "provenance": dict(self.provenance),
        }


def evaluate_liveness(
    presentations: Presentations,
    liveness: Liveness,
    detector: Pack,
    *,
    min_face_size: int = 40,
    threads: int | None = None,
    backend: str | None = None,
    progress: Progress | None = None,
) -> AttackStudy:
    """Measure a liveness pack on presentations.

    Parameters
    ----------
    presentations
        Live faces and attacks; the rates of a missing kind are left out.
    liveness
        The check to measure, from a pack.
    detector
        The pack that finds the faces.
    min_face_size
        The smallest face to look for, in pixels.
    threads
        Threads of the detector's networks; by default the runtime decides.
    backend
        The library that computes them, as in `renzheng.models.runtime.Network`.
    progress
        Called with the number of pictures done.

    Raises
    ------
    RenzhengError
        If no picture at all gives a score.
    """
    face_detector = load_detector(
        detector, threads=threads, backend=backend, min_face_size=min_face_size
    )
    scores = np.full(len(presentations.pictures), np.nan)
    failures: dict[int, str] = {}
    digest = hashlib.sha256()
    for i, picture in enumerate(presentations.pictures):
        try:
            content = read_content(picture)
            digest.update(hashlib.sha256(content).digest())
            scores[i] = _score(content, picture.name, liveness, face_detector)
        except (UnreadableImage, NoFace, InvalidInput) as error:
            failures[i] = error.reason
        if progress:
            progress(i + 1, len(scores))
    if len(failures) == len(scores):
        raise RenzhengError(
            f"none of the {len(scores)} pictures gives a score; the first: {failures[0]}",
            source=presentations.pictures[0].name,
        )
    lost = np.isnan(scores)
    kinds = np.where(presentations.attack == "", BONA_FIDE, presentations.attack)
    groups, crowded = _groups(presentations, scores, liveness.threshold)
    found = (
        error_rates.operating_point(scores, presentations.attack, apcer)
        for apcer in error_rates.APCERS
    )
    return AttackStudy(
        name=presentations.name,
        scores=scores,
        rates=error_rates.rates(scores, presentations.attack, liveness.threshold),
        points=tuple(point for point in found if point is not None),
        non_response={str(k): Proportion.counted(lost[kinds == k]) for k in np.unique(kinds)},
        groups=groups,
        problems=(
            *presentations.problems,
            *(
                Problem(f"{presentations.where[i]}, {presentations.pictures[i].name}", reason)
                for i, reason in failures.items()
            ),
            *crowded,
        ),
        rejected=len(presentations.problems),
        provenance=_provenance(liveness, detector, digest.hexdigest(), min_face_size),
    )


def _score(content: bytes, name: str, liveness: Liveness, detector: FaceDetector) -> float:
    image = images.read(content, name=name)
    face = choose_face(detector.detect(image), (image.shape[1], image.shape[0]))
    return liveness.check(image, face).score


def _groups(
    presentations: Presentations, scores: Scores, threshold: float
) -> tuple[tuple[AttackGroup, ...], list[Problem]]:
    groups, problems = [], []
    for column, values in presentations.groups.items():
        found = np.unique(values)
        if len(found) > MAX_GROUPS:
            reason = f"it has {len(found)} values, too many for groups"
            problems.append(Problem(f"column {column}", reason))
            continue
        for value in found:
            chosen = values == value
            rates = error_rates.rates(scores[chosen], presentations.attack[chosen], threshold)
            lost = Proportion.counted(np.isnan(scores[chosen]))
            groups.append(AttackGroup(column, str(value), rates, lost))
    return tuple(groups), problems


def _provenance(
    liveness: Liveness, detector: Pack, data_digest: str, min_face_size: int
) -> dict[str, Any]:
    pack = liveness.pack
    return {
        "pack": {} if pack is None else provenance.of_pack(pack),
        "detector": provenance.of_pack(detector),
        "limits": [] if pack is None else list(pack.manifest.get("limits", [])),
        "data_digest": data_digest,
        "min_face_size": min_face_size,
        **provenance.of_run(),
    }
