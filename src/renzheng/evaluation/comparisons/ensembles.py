"""Ensembles whose weights are fitted on people, and whose rates are calibrated on the same."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from renzheng.datasets.types import Acquired, Indices, People
from renzheng.errors import InvalidInput
from renzheng.evaluation.acquisition import Embeddings, Extraction, read_content
from renzheng.evaluation.cache import Cache
from renzheng.evaluation.comparisons import recalibration
from renzheng.evaluation.comparisons.all_pairs import compare_all
from renzheng.evaluation.comparisons.evaluator import Evaluator
from renzheng.evaluation.comparisons.measurement import RATES, finest_fmr
from renzheng.evaluation.comparisons.member_weights import FittedWeights, fit_weights
from renzheng.evaluation.comparisons.populations import Sample
from renzheng.evaluation.comparisons.recalibration import Recalibration
from renzheng.evaluation.comparisons.weighted import WeightedScores
from renzheng.evaluation.sampling import split_people
from renzheng.faces import ensemble
from renzheng.faces.ensemble import member_columns, unit_weights
from renzheng.models.packs import Pack
from renzheng.types import Floats
from renzheng.verification.verifier import Verifier


@dataclass(frozen=True)
class Rates:
    """The false non-match rates of one way to compare the people held out.

    Attributes
    ----------
    name
        The member that compares alone, or the ensemble.
    fnmr
        By false match rate, of those that the people can tell.
    """

    name: str
    fnmr: Mapping[float, float]


@dataclass(frozen=True, eq=False)
class Combined:
    """An ensemble as it was written.

    Attributes
    ----------
    pack
        The pack.
    weights
        The members' weights; their squares add up to 1.
    fitted
        The fit of the weights; None where they were given.
    rates
        Each member alone and all together on the people held out; empty if nobody was.
    recalibration
        The calibration, or None.
    reason
        The reason why there is none, else empty.
    """

    pack: Pack
    weights: tuple[float, ...]
    fitted: FittedWeights | None = None
    rates: tuple[Rates, ...] = ()
    recalibration: Recalibration | None = None
    reason: str = ""

    @property
    def pays(self) -> bool | None:
        """Whether the members do better together than the best alone; None where nobody can tell.

        On the people held out it is told at the lowest false match rate that they can tell, else on
        the people whom the weights were fitted on.
        """
        if self.rates and self.rates[0].fnmr:
            *alone, together = (each.fnmr[min(each.fnmr)] for each in self.rates)
            return together < min(alone)
        return None if self.fitted is None else self.fitted.pays


def combine(
    members: Sequence[Pack],
    output: Path,
    evaluator: Evaluator,
    people: People,
    *,
    weights: Sequence[float] | None = None,
    name: str | None = None,
    hold_out: float = 0.5,
    calibrate: bool = True,
    people_name: str | None = None,
    populations: Sequence[Sample] = (),
    degraded: int | None = None,
    command: str = "",
) -> Combined:
    """Write an ensemble of embedding packs, weighted and calibrated on people.

    Parameters
    ----------
    members
        The packs, as in `renzheng.faces.ensemble.combine`.
    output
        The new pack's folder.
    evaluator
        An evaluator of any pack, for its detector and settings. With a cache each picture is
        embedded once; without, twice.
    people
        The people. Weights and rates are fitted on some of them and tested on the others.
    weights
        The members' weights; None to fit them.
    name
        The pack's name.
    hold_out
        The share of people to test on.
    calibrate
        Whether to fit false match rates. If so and the people are too few, the pack is written
        without them, and the result says why.
    people_name, populations, degraded, command
        As `name`, `populations` and so on in `recalibration.recalibrate`.

    Raises
    ------
    InvalidInput
        If there are too few people to fit weights on, or the packs cannot be combined.
    PackError
        If a pack is of another kind, or the new one cannot be written.
    """
    recalibration.check(output, hold_out)
    ensemble.check(members, weights)
    covered = [each.people for each in populations if each.covered]
    said: dict[str, Any] = {"command": command} if command else {}
    with tempfile.TemporaryDirectory() as scratch:
        draft = ensemble.combine(
            members, weights or (1.0,) * len(members), Path(scratch) / "draft", name=name
        )
        drafting = _with_pack(evaluator, draft)
        groups = [_embedded(drafting, each, hold_out) for each in (people, *covered)]
        fitted = None
        if weights is None:
            (units, person), *others = [each.part(tested=False) for each in groups]
            fitted = fit_weights(units, person, others=others, seed=evaluator.settings.seed)
            weights = fitted.weights
            said["weights"] = _told(fitted, people.name)
        chosen = unit_weights(weights)
        whole = ensemble.combine(
            members, weights, Path(scratch) / "whole", name=name, provenance=said
        )
        final = _with_pack(evaluator, whole)
        for each in groups:
            _keep(final, each)
        done, reason = None, "none was asked for"
        if calibrate:
            try:
                done = recalibration.recalibrate(
                    final,
                    people,
                    output,
                    hold_out=hold_out,
                    name=people_name,
                    populations=populations,
                    degraded=degraded,
                    command=command,
                )
            except InvalidInput as error:
                reason = error.reason
        if done is None:
            pack = ensemble.combine(members, weights, output, name=name, provenance=said)
        else:
            pack = done.pack
        rates = _rates(whole, groups) if hold_out else ()
    return Combined(
        pack=pack,
        weights=tuple(float(w) for w in chosen),
        fitted=fitted,
        rates=rates,
        recalibration=done,
        reason="" if done else reason,
    )


def _with_pack(evaluator: Evaluator, pack: Pack) -> Evaluator:
    given = evaluator.verifier
    return evaluator.with_verifier(
        Verifier(
            pack,
            detector=given.detector_pack,
            min_face_size=given.min_face_size,
            backend=given.backend,
        )
    )


def _weights_of(pack: Pack) -> Floats:
    return unit_weights([float(each["weight"]) for each in pack.manifest["members"]])


@dataclass(frozen=True, eq=False)
class _Embedded:
    """People with their members' embeddings, some of them held out."""

    people: People
    embeddings: Embeddings
    units: list[Floats]
    tested: npt.NDArray[np.bool_]

    def part(self, *, tested: bool) -> tuple[list[Floats], Indices]:
        """Return the embeddings of those who are held out, or of the others, and whose they are."""
        chosen = self.tested == tested
        return [each[chosen] for each in self.units], self.people.person[chosen]


def _embedded(evaluator: Evaluator, people: People, hold_out: float) -> _Embedded:
    known, found = evaluator.embed_people(people)
    pack = evaluator.verifier.pack
    units = [
        (found.rows[:, columns] / weight).astype(np.float32)
        for columns, weight in zip(member_columns(pack), _weights_of(pack), strict=True)
    ]
    tested = split_people(known.person, hold_out, evaluator.settings.seed)
    return _Embedded(known, found, units, tested)


def _weighted(pack: Pack, units: Sequence[Floats]) -> Floats:
    """Return an ensemble's embeddings, given its members'."""
    parts = [weight * each for weight, each in zip(_weights_of(pack), units, strict=True)]
    return np.concatenate(parts, axis=1).astype(np.float32)


def _keep(evaluator: Evaluator, known: _Embedded) -> None:
    """Keep the embeddings of an ensemble in the cache, so that nothing is embedded twice."""
    settings = evaluator.settings
    if settings.cache is None:
        return
    rows = _weighted(evaluator.verifier.pack, known.units)
    failures = known.embeddings.failures
    extraction = Extraction.of(evaluator.verifier, aligned=settings.aligned, seed=settings.seed)
    entries: dict[bytes, Acquired] = {}
    for i, picture in enumerate(known.people.pictures):
        entries[extraction.key(read_content(picture))] = failures.get(i, rows[i])
    with Cache(settings.cache) as cache:
        cache.put(entries)


def _told(fitted: FittedWeights, data: str) -> str:
    low, high = fitted.rates
    worst = f", the highest of {1 + fitted.populations} populations" if fitted.populations else ""
    return (
        f"fitted on {fitted.people} people of {data}: the least mean FNMR at FMR {low:.2g} to "
        f"{high:.2g}{worst}"
    )


def _rates(pack: Pack, groups: Sequence[_Embedded]) -> tuple[Rates, ...]:
    """Measure each member alone, and all together, at the rates that the worst population keeps."""
    names = [str(each["name"]) for each in pack.manifest["members"]]
    parts = [each.part(tested=True) for each in groups]
    found = []
    for place, name in enumerate((*names, pack.name)):
        scores = [
            compare_all(units[place] if place < len(names) else _weighted(pack, units), person)
            for units, person in parts
        ]
        finest = max(finest_fmr(each) or 1.0 for each in scores)
        weighted = [WeightedScores(each) for each in scores]
        told = [rate for rate in RATES if rate >= finest and len(scores[0].genuine)]
        found.append(Rates(name, {rate: _fnmr(weighted, rate) for rate in told}))
    return tuple(found)


def _fnmr(weighted: Sequence[WeightedScores], rate: float) -> float:
    """Return the first one's FNMR at the distance at which all keep a false match rate."""
    limit = min(each.fnmr_at_fmr(rate)[1] for each in weighted)
    return float(weighted[0].fnmr_at(limit))
