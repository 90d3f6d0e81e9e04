"""A study of one-to-many search: everyone enrolled, the other pictures searched for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from renzheng.datasets.types import People, Problem
from renzheng.errors import InvalidInput
from renzheng.evaluation.comparisons.evaluator import Evaluator
from renzheng.evaluation.sampling import split_people
from renzheng.evaluation.searches.measurement import (
    MAX_FPIRS,
    SearchMeasurement,
    measure_searches,
)
from renzheng.evaluation.searches.protocol import (
    REFERENCES,
    Searches,
    choose_references,
    disjoint,
    leave_one_out,
)
from renzheng.evaluation.searches.ranking import search, search_parts
from renzheng.evaluation.searches.sizes import (
    GalleryPromise,
    SizePoint,
    by_size,
    gallery_promises,
)
from renzheng.types import Floats

LEAVE_ONE_OUT, DISJOINT = "leave-one-out", "disjoint"
_SIZES = tuple(step * 10**power for power in range(2, 7) for step in (1, 3))
_GALLERIES = 30  # of each size; with fewer, the middle 95 % is set by the outermost two


@dataclass(frozen=True)
class SearchRules:
    """The rules by which searches are judged.

    Attributes
    ----------
    max_fpirs
        The false positive identification rates to report, each above 0 and below 1.
    rank
        The number of nearest candidates that must include the mate; 0 for no such condition.
    references
        ``first`` or ``random`` (`choose_references`).
    held_out
        The share of the people to measure on: those whom `renzheng calibrate --hold-out SHARE`
        holds out with the same seed. None for all.
    """

    max_fpirs: tuple[float, ...] = MAX_FPIRS
    rank: int = 1
    references: str = "first"
    held_out: float | None = None

    def __post_init__(self) -> None:
        for rate in self.max_fpirs:
            if not 0 < rate < 1:
                raise InvalidInput(f"an FPIR must lie between 0 and 1, not {rate:g}")
        if not self.max_fpirs:
            raise InvalidInput("name one FPIR or more")
        if self.rank < 0:
            raise InvalidInput(f"the rank must be 1 or more, or 0 for any, not {self.rank}")
        if self.references not in REFERENCES:
            raise InvalidInput(
                f"references are chosen {' or '.join(REFERENCES)}, not {self.references!r}"
            )
        if self.held_out is not None and not 0 < self.held_out < 1:
            raise InvalidInput(
                f"the share held out must lie between 0 and 1, not {self.held_out:g}"
            )


@dataclass(frozen=True, eq=False)
class IdentificationStudy:
    """The results of searches.

    Attributes
    ----------
    name
        The name of the people.
    attempted, acquired
        The number of pictures, and of those that gave an embedding.
    people
        The number of people in the pictures.
    references
        The way the references were chosen.
    leave_one_out
        Searches with everyone enrolled; the headline. It has the largest database and the most
        searches that the data allow, and draws nobody at random.
    disjoint
        Searches with half of the people enrolled, the others being the non-mated ones; None where
        too few people have a second picture.
    galleries
        The promised FPIR beside that observed in databases of several sizes; empty without a
        calibration.
    sizes
        Identification rates in databases of several sizes.
    problems, rejected, provenance
        See `Study`.
    """

    name: str
    attempted: int
    acquired: int
    people: int
    references: str
    leave_one_out: SearchMeasurement
    disjoint: SearchMeasurement | None
    galleries: tuple[GalleryPromise, ...]
    sizes: tuple[SizePoint, ...]
    problems: tuple[Problem, ...]
    rejected: int
    provenance: Mapping[str, Any]

    @property
    def ways(self) -> tuple[SearchMeasurement, ...]:
        """Both kinds of searches, the headline first."""
        return tuple(way for way in (self.leave_one_out, self.disjoint) if way is not None)

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON."""
        return {
            "protocol": f"{self.name}, identification",
            "people": self.people,
            "pictures": {
                "attempted": self.attempted,
                "acquired": self.acquired,
                "failure_to_acquire": 1 - self.acquired / self.attempted,
            },
            "references": self.references,
            "headline": LEAVE_ONE_OUT,
            **{way.name: way.to_dict() for way in self.ways},
            "promised_by_size": [promise.to_dict() for promise in self.galleries],
            "by_size": [point.to_dict() for point in self.sizes],
            "rejected": self.rejected,
            "problems": [{"where": p.where, "reason": p.reason} for p in self.problems],
            "provenance": dict(self.provenance),
        }


def identify(
    evaluator: Evaluator,
    people: People,
    rules: SearchRules | None = None,
    *,
    sizes: Sequence[int] = _SIZES,
) -> IdentificationStudy:
    """Measure one-to-many search with the evaluator's pack.

    Parameters
    ----------
    evaluator
        The evaluator whose pack and calibration are measured.
    people
        The pictures; one of each person is enrolled.
    rules
        The rules by which searches are judged.
    sizes
        The sizes of the smaller databases in which the promised FPIR is tested.

    Raises
    ------
    InvalidInput
        If there are too few people or pictures for either kind of search, before or after failures
        to acquire.
    """
    rules = rules or SearchRules()
    seed = evaluator.settings.seed
    people, embedded = evaluator.embed_people(people)
    name = people.name
    if rules.held_out is not None:
        chosen = np.flatnonzero(split_people(people.person, rules.held_out, seed))
        if len(np.unique(people.person[chosen])) < 2:
            raise InvalidInput(
                "the people held out are too few to search among", source=people.name
            )
        people, embedded = people.select(chosen), embedded.select(chosen)
        name = f"{name}: the people held out"
    rows = embedded.rows
    references = choose_references(people.person, rules.references, seed)
    whole = leave_one_out(people.person, references)
    measured = _measure(evaluator, LEAVE_ONE_OUT, rows, whole, rules)
    unmeasured: list[Problem] = []
    try:
        apart = disjoint(people.person, references, seed=seed)
        parted = _measure(evaluator, DISJOINT, rows, apart, rules)
    except InvalidInput as error:  # too few people to leave half of them out
        parted = None
        unmeasured = [Problem(f"{DISJOINT} searches", error.reason)]
    calibration = evaluator.verifier.calibration
    enrolled = measured.enrolled
    parts = search_parts(
        rows,
        whole,
        [*(size for size in sizes if size < enrolled), enrolled],
        galleries=_GALLERIES,
        seed=seed,
        progress=evaluator.progress_of("drawing databases"),
    )
    draws = evaluator.settings.draws
    return IdentificationStudy(
        name=name,
        attempted=len(rows),
        acquired=int(embedded.acquired.sum()),
        people=len(np.unique(people.person)),
        references=rules.references,
        leave_one_out=measured,
        disjoint=parted,
        galleries=()
        if calibration is None
        else gallery_promises(parts, calibration, draws=draws, seed=seed),
        sizes=by_size(parts, rules.max_fpirs, draws=draws, seed=seed),
        problems=(*people.problems, *embedded.problems(people.pictures), *unmeasured),
        rejected=len(people.problems),
        provenance={
            **evaluator.provenance(embedded.digest),
            "references": rules.references,
            "held_out": rules.held_out,
        },
    )


def _measure(
    evaluator: Evaluator, name: str, rows: Floats, searches: Searches, rules: SearchRules
) -> SearchMeasurement:
    return measure_searches(
        name,
        search(rows, searches, progress=evaluator.progress_of(f"searching ({name})")),
        calibration=evaluator.verifier.calibration,
        max_fpirs=rules.max_fpirs,
        rank=rules.rank or None,
        draws=evaluator.settings.draws,
        seed=evaluator.settings.seed,
        progress=evaluator.progress_of(f"drawing people ({name})"),
    )
