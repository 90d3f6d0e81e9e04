"""A liveness pack tried on presentations: each picture's score, and the error rates of all."""

from __future__ import annotations

import hashlib
import platform
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import numpy as np

import renzheng
from renzheng import images
from renzheng.datasets.types import Failure, Picture, Presentations, Problem
from renzheng.errors import InvalidInput, NoFace, RenzhengError, UnreadableImage
from renzheng.evaluation.attacks import error_rates
from renzheng.evaluation.attacks.error_rates import OperatingPoint, Rates, Scores
from renzheng.evaluation.statistics.proportion import Proportion
from renzheng.faces.detection import Detector
from renzheng.faces.liveness import Liveness
from renzheng.faces.selection import choose_face
from renzheng.models.packs import Pack

BONA_FIDE = "bona_fide"
Progress = Callable[[int, int], None]  # pictures done, pictures in all

_MOST_GROUPS = 50  # values of a column; more are names, not groups


@dataclass(frozen=True)
class Group:
    """The errors on some of the presentations, at the pack's threshold.

    Attributes
    ----------
    column, value
        Which.
    rates
        Their errors.
    non_response
        The share of them without a score.
    """

    column: str
    value: str
    rates: Rates
    non_response: Proportion

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return {
            "column": self.column,
            "value": self.value,
            "non_response": self.non_response.to_dict(),
            **self.rates.to_dict(),
        }


@dataclass(frozen=True, eq=False)
class AttackStudy:
    """What a liveness pack made of presentations.

    Attributes
    ----------
    name
        Of the table.
    scores
        float64 (n,), by presentation; not-a-number where there is none.
    rates
        The errors at the pack's threshold.
    points
        Operating points at chosen APCERs; empty where bona fide or attack presentations lack.
    non_response
        By type (``bona_fide`` for live faces), the share of presentations without a score, since
        the picture cannot be read or shows no face (ISO/IEC 30107-3: APNRR and BPNRR). They count
        in no other rate.
    groups
        By column and value.
    problems
        What could not be used, and why.
    rejected
        How many rows were left out, and count nowhere.
    provenance
        Pack, versions, data digest, settings, time.
    """

    name: str
    scores: Scores
    rates: Rates
    points: tuple[OperatingPoint, ...]
    non_response: Mapping[str, Proportion]
    groups: tuple[Group, ...]
    problems: tuple[Problem, ...]
    rejected: int
    provenance: Mapping[str, Any]

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
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


def study(
    presentations: Presentations,
    liveness: Liveness,
    detector: Pack,
    *,
    min_face_size: int = 40,
    threads: int | None = None,
    backend: str | None = None,
    progress: Progress | None = None,
) -> AttackStudy:
    """Try a liveness pack.

    Parameters
    ----------
    presentations
        Of live faces and attacks; rates of a kind that is missing are left out.
    liveness
        From a pack.
    detector
        The pack that finds the faces.
    min_face_size
        Faces smaller than this many pixels are not looked for.
    threads
        Threads of the detector's networks; by default the runtime decides.
    backend
        What computes them, as of `renzheng.models.runtime.Network`.
    progress
        Told how many pictures are done.

    Raises
    ------
    RenzhengError
        If no picture at all gives a score.
    """
    find = Detector.from_folder(
        detector.folder, threads=threads, backend=backend, min_face_size=min_face_size
    )
    scores = np.full(len(presentations.pictures), np.nan)
    failures: dict[int, Failure] = {}
    digest = hashlib.sha256()
    for i, picture in enumerate(presentations.pictures):
        try:
            content = _content(picture)
            digest.update(hashlib.sha256(content).digest())
            scores[i] = _score(content, picture.name, liveness, find)
        except (UnreadableImage, NoFace, InvalidInput) as error:
            kind = "unreadable" if isinstance(error, UnreadableImage) else "no_face"
            failures[i] = Failure(kind, error.reason)
        if progress:
            progress(i + 1, len(scores))
    if len(failures) == len(scores):
        raise RenzhengError(
            f"none of the {len(scores)} pictures gives a score; the first: {failures[0].reason}",
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
                Problem(
                    f"{presentations.where[i]}, {presentations.pictures[i].name}", failure.reason
                )
                for i, failure in failures.items()
            ),
            *crowded,
        ),
        rejected=len(presentations.problems),
        provenance=_provenance(liveness, detector, digest.hexdigest(), min_face_size),
    )


def _content(picture: Picture) -> bytes:
    if isinstance(picture.source, bytes):
        return picture.source
    try:
        return picture.source.read_bytes()
    except OSError as error:
        raise UnreadableImage(f"it cannot be read: {error.strerror}") from error


def _score(content: bytes, name: str, liveness: Liveness, find: Detector) -> float:
    image = images.read(content, name=name)
    face = choose_face(find.detect(image), (image.shape[1], image.shape[0]))
    return liveness.check(image, face).score


def _groups(
    presentations: Presentations, scores: Scores, threshold: float
) -> tuple[tuple[Group, ...], list[Problem]]:
    groups, problems = [], []
    for column, values in presentations.groups.items():
        found = np.unique(values)
        if len(found) > _MOST_GROUPS:
            reason = f"it has {len(found)} values, too many for groups"
            problems.append(Problem(f"column {column}", reason))
            continue
        for value in found:
            chosen = values == value
            rates = error_rates.rates(scores[chosen], presentations.attack[chosen], threshold)
            lost = Proportion.counted(np.isnan(scores[chosen]))
            groups.append(Group(column, str(value), rates, lost))
    return tuple(groups), problems


def _provenance(
    liveness: Liveness, detector: Pack, data_digest: str, min_face_size: int
) -> dict[str, Any]:
    pack = liveness.pack
    return {
        "pack": {}
        if pack is None
        else {"name": pack.name, "version": pack.version, "digest": pack.digest},
        "detector": {
            "name": detector.name,
            "version": detector.version,
            "digest": detector.digest,
        },
        "limits": [] if pack is None else list(pack.manifest.get("limits", [])),
        "data_digest": data_digest,
        "min_face_size": min_face_size,
        "renzheng": renzheng.__version__,
        "python": platform.python_version(),
        "numpy": np.__version__,
        "date": datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
    }
