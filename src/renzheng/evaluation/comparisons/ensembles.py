"""Ensembles whose weights are fitted on people, and whose rates are calibrated on the same."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

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
    seed = evaluator.settings.seed
    said: dict[str, Any] = {"command": command} if command else {}
    with tempfile.TemporaryDirectory() as scratch:
        draft = ensemble.combine(
            members, weights or (1.0,) * len(members), Path(scratch) / "draft", name=name
        )
        drafting = _with_pack(evaluator, draft)
        known, embedded = drafting.embed_people(people)
        tested = split_people(known.person, hold_out, seed)
        units = _units(draft, embedded.rows)
        fitted = None
        if weights is None:
            fitted = fit_weights(
                [each[~tested] for each in units], known.person[~tested], seed=seed
            )
            weights = fitted.weights
            said["weights"] = _told(fitted, people.name)
        chosen = unit_weights(weights)
        whole = ensemble.combine(
            members, weights, Path(scratch) / "whole", name=name, provenance=said
        )
        final = _with_pack(evaluator, whole)
        _keep(final, known, embedded, _weighted(whole, units))
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
        rates = _rates(whole, units, tested, known.person) if tested.any() else ()
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


def _units(pack: Pack, rows: Floats) -> list[Floats]:
    """Return the members' own embeddings in those of an ensemble."""
    return [
        (rows[:, columns] / weight).astype(np.float32)
        for columns, weight in zip(member_columns(pack), _weights_of(pack), strict=True)
    ]


def _weighted(pack: Pack, units: Sequence[Floats]) -> Floats:
    """Return an ensemble's embeddings, given its members'."""
    parts = [weight * each for weight, each in zip(_weights_of(pack), units, strict=True)]
    return np.concatenate(parts, axis=1).astype(np.float32)


def _keep(evaluator: Evaluator, people: People, embedded: Embeddings, rows: Floats) -> None:
    """Keep the embeddings of an ensemble in the cache, so that nothing is embedded twice."""
    settings = evaluator.settings
    if settings.cache is None:
        return
    extraction = Extraction.of(evaluator.verifier, aligned=settings.aligned, seed=settings.seed)
    entries: dict[bytes, Acquired] = {}
    for i, picture in enumerate(people.pictures):
        entries[extraction.key(read_content(picture))] = embedded.failures.get(i, rows[i])
    with Cache(settings.cache) as cache:
        cache.put(entries)


def _told(fitted: FittedWeights, data: str) -> str:
    low, high = fitted.rates
    return (
        f"fitted on {fitted.people} people of {data}: the least mean FNMR at FMR {low:.2g} to "
        f"{high:.2g}"
    )


def _rates(pack: Pack, units: Sequence[Floats], tested: Any, person: Indices) -> tuple[Rates, ...]:
    names = [str(each["name"]) for each in pack.manifest["members"]]
    ways = {**dict(zip(names, units, strict=True)), pack.name: _weighted(pack, units)}
    found = []
    for name, rows in ways.items():
        scores = compare_all(rows[tested], person[tested])
        finest, weighted = finest_fmr(scores), WeightedScores(scores)
        told = [rate for rate in RATES if finest is not None and rate >= finest]
        fnmr = {rate: float(weighted.fnmr_at_fmr(rate)[0]) for rate in told if weighted.complete}
        found.append(Rates(name, fnmr))
    return tuple(found)
