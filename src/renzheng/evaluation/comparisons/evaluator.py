"""Protocols carried out: pictures embedded, compared and measured."""

from __future__ import annotations

import platform
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

import renzheng
from renzheng.datasets.types import Indices, Names, Pairs, People, Picture, Problem
from renzheng.errors import InvalidInput
from renzheng.evaluation.acquisition import Embeddings, Extraction, acquire
from renzheng.evaluation.cache import Cache
from renzheng.evaluation.comparisons import repeats
from renzheng.evaluation.comparisons.all_pairs import compare_all
from renzheng.evaluation.comparisons.error_rates import fold_accuracy
from renzheng.evaluation.comparisons.measurement import (
    Measurement,
    count_genuine_people,
    count_people_pairs,
    measure,
)
from renzheng.evaluation.comparisons.scores import Scores, pair_distances
from renzheng.evaluation.comparisons.study import Group, Study
from renzheng.evaluation.searches.enrolment import enrol_templates, first_of_each
from renzheng.evaluation.statistics.bootstrap import REPLICATES, Weighted, interval, replicates
from renzheng.models.packs import Pack
from renzheng.types import Floats
from renzheng.verification.calibration import Calibration
from renzheng.verification.verifier import Verifier

Progress = Callable[[str, int, int], None]  # what is being done, done so far, in all

_MOST_GROUPS = 50  # values of a column; more are names, not groups
_DRAWS_OF_A_GROUP = 200


@dataclass(frozen=True)
class Settings:
    """How a protocol is carried out.

    Attributes
    ----------
    aligned, channel, seed
        As in `Extraction`. A channel takes the reference side.
    cache
        The file of known embeddings, or None.
    workers
        Processes that embed.
    draws
        Bootstrap replicates.
    max_fmr
        The policy whose threshold groups are compared at.
    """

    aligned: str | None = None
    channel: str | None = None
    seed: int = 0
    cache: Path | None = None
    workers: int = 1
    draws: int = REPLICATES
    max_fmr: float = 1e-4


class Evaluator:
    """Carries out protocols with one pack.

    Parameters
    ----------
    verifier
        Its packs and calibration are what is measured.
    settings
        How.
    progress
        Told what is being done and how far it is.
    """

    def __init__(
        self, verifier: Verifier, settings: Settings | None = None, progress: Progress | None = None
    ):
        self.verifier = verifier
        self.settings = settings or Settings()
        self._progress = progress

    def of(self, verifier: Verifier) -> Evaluator:
        """An evaluator of another pack, under the same settings."""
        return Evaluator(verifier, self.settings, self._progress)

    def pairs(self, pairs: Pairs) -> Study:
        """Carry out a list of comparisons.

        Raises
        ------
        InvalidInput
            If there are not both kinds, before or after failures to acquire.
        """
        pairs.require_both()
        pairs, rows, embedded = self.embed_pairs(pairs)
        scores = Scores.of_pairs(pairs, rows)
        _require_both(scores, pairs.name)
        folds = None
        if pairs.folds is not None:
            folds = fold_accuracy(pair_distances(pairs, rows), pairs.same, pairs.folds)
        measurement = self._measure(scores, folds=folds)
        threshold = self._group_threshold(measurement) if pairs.groups else None
        groups = [
            self._group(column, value, Scores.of_pairs(pairs.select(chosen), rows), threshold)
            for column, value, chosen in _values(pairs.groups)
            if threshold is not None
        ]
        return self._study(
            pairs.name,
            measurement,
            scores,
            pairs.pictures,
            embedded,
            threshold,
            groups,
            (*pairs.problems, *_failed_rows(pairs, embedded)),
            len(pairs.problems),
        )

    def people(self, people: People, enrol: int | None = None) -> Study:
        """Compare everyone with everyone.

        Parameters
        ----------
        people
            The pictures.
        enrol
            None compares pictures with pictures. Else this many first pictures of each person
            are averaged into a template, and all others are compared with the templates.
        """
        people, rows, embedded = self.embed_people(people)
        name = people.name if enrol is None else f"{people.name}, templates of {enrol} picture(s)"
        scores = self._compare(people, rows, enrol)
        measurement = self._measure(scores)
        threshold = self._group_threshold(measurement) if people.groups else None
        groups = [
            self._group(column, value, self._compare(part, rows[chosen], enrol), threshold)
            for column, value, chosen in _values(people.groups)
            if threshold is not None and (part := _part(people, chosen)) is not None
        ]
        pictures = [*people.pictures, *people.pictures[: len(scores.person) - len(rows)]]
        return self._study(
            name,
            measurement,
            scores,
            pictures,
            embedded,
            threshold,
            groups,
            (*people.problems, *_failed_pictures(people.pictures, embedded)),
            len(people.problems),
        )

    def documents(self, people: People, channels: Sequence[str]) -> Iterator[tuple[str, Study]]:
        """Compare documents with live pictures, channel by channel.

        The first picture of everyone who has two goes through the document channel and is the
        reference; all the other pictures are probes. Every reference meets every probe.

        Yields
        ------
        (channel, its study)
        """
        first = first_of_each(people.person, 2)
        if not len(first):
            raise InvalidInput(
                "a person with two pictures is needed: one for the document, one live",
                source=people.name,
            )
        people, rows, embedded = self.embed_people(people)
        first = first_of_each(people.person, 2)
        probes = np.setdiff1d(np.arange(len(rows)), first)
        for channel in channels:
            documents = self._embed([people.pictures[i] for i in first], channel)
            scores = compare_all(
                np.concatenate([rows, documents.rows]),
                np.concatenate([people.person, people.person[first]]),
                references=len(rows) + np.arange(len(first)),
                probes=probes,
                progress=self.step("comparing"),
            )
            measurement = self._measure(scores)
            both = Embeddings(
                np.concatenate([rows[probes], documents.rows]),
                {},
                (*(embedded.contents[i] for i in probes), *documents.contents),
            )
            pictures = [*people.pictures, *(people.pictures[i] for i in first)]
            failures = [
                Problem(f"{channel} of {people.pictures[first[i]].name}", failure.reason)
                for i, failure in documents.failures.items()
            ]
            name = f"{people.name}, documents: {channel}"
            study = self._study(
                name, measurement, scores, pictures, both, None, [], failures, len(people.problems)
            )
            # Of the documents alone: among many more live pictures their failures would not show.
            yield (
                channel,
                replace(
                    study,
                    attempted=len(documents.rows),
                    acquired=int(np.isfinite(documents.rows[:, 0]).sum()),
                    provenance={**study.provenance, "channel": channel},
                ),
            )

    def study(
        self,
        name: str,
        scores: Scores,
        pictures: Sequence[Picture],
        embedded: Embeddings,
        calibration: Calibration | None,
    ) -> Study:
        """Measure scores that were made elsewhere, against a calibration of any origin."""
        measurement = self._measure(scores, calibration=calibration)
        return self._study(name, measurement, scores, pictures, embedded, None, [], [], 0)

    def embed_pairs(self, pairs: Pairs) -> tuple[Pairs, Floats, Embeddings]:
        """A list with its pictures' embeddings; a channel makes a second set of references."""
        embedded = self._embed(pairs.pictures, None)
        rows = embedded.rows
        if self.settings.channel is None:
            return pairs, rows, embedded
        first = np.unique(pairs.reference)
        documents = self._embed([pairs.pictures[i] for i in first], self.settings.channel)
        place = np.zeros(len(rows), np.intp)
        place[first] = len(rows) + np.arange(len(first))
        pairs = replace(
            pairs,
            name=f"{pairs.name}, references through the channel {self.settings.channel}",
            pictures=[*pairs.pictures, *(pairs.pictures[i] for i in first)],
            person=np.concatenate([pairs.person, pairs.person[first]]),
            reference=place[pairs.reference],
        )
        failures = dict(embedded.failures)
        failures.update({len(rows) + i: f for i, f in documents.failures.items()})
        rows = np.concatenate([rows, documents.rows])
        contents = (*embedded.contents, *documents.contents)
        return pairs, rows, Embeddings(rows, failures, contents)

    def embed_people(self, people: People) -> tuple[People, Floats, Embeddings]:
        """Return people with the embeddings of their pictures.

        A picture that comes twice counts once; so does, where every picture is another person, a
        photograph that comes twice in different files.
        """
        embedded = self._embed(people.pictures, None)
        # The same bytes twice would be a genuine comparison at distance 0, or a false match.
        _, first = np.unique(embedded.contents, return_index=True)
        if len(first) < len(people.pictures):
            kept = np.sort(first)
            twice = np.setdiff1d(np.arange(len(people.pictures)), kept)
            original = {embedded.contents[i]: people.pictures[i].name for i in kept}
            people = people.select(
                kept,
                [
                    Problem(
                        people.pictures[i].name,
                        f"the same bytes as {original[embedded.contents[i]]}: left out",
                    )
                    for i in twice
                ],
            )
            embedded = embedded.select(kept)
        if self.settings.aligned is None and len(np.unique(people.person)) == len(people.pictures):
            people, embedded = self._without_repeats(people, embedded)
        return people, embedded.rows, embedded

    def _without_repeats(self, people: People, embedded: Embeddings) -> tuple[People, Embeddings]:
        twice = repeats.find(self.verifier, people, embedded.rows)
        if not twice:
            return people, embedded
        problems = [
            Problem(
                people.pictures[later].name,
                f"the same photograph as {people.pictures[earlier].name}: left out",
            )
            for later, earlier in sorted(twice.items())
        ]
        kept = np.setdiff1d(np.arange(len(people.pictures)), list(twice))
        return people.select(kept, problems), embedded.select(kept)

    def _embed(self, pictures: Sequence[Picture], channel: str | None) -> Embeddings:
        settings = self.settings
        extraction = Extraction.of(
            self.verifier, aligned=settings.aligned, channel=channel, seed=settings.seed
        )
        what = "embedding" if channel is None else f"embedding ({channel})"
        with nullcontext() if settings.cache is None else Cache(settings.cache) as cache:
            return acquire(
                pictures,
                extraction,
                cache=cache,
                workers=settings.workers,
                progress=self.step(what),
            )

    def _compare(self, people: People, rows: Floats, enrol: int | None) -> Scores:
        if enrol is None:
            return compare_all(rows, people.person, progress=self.step("comparing"))
        templates, owners, probes = enrol_templates(rows, people.person, enrol)
        return compare_all(
            np.concatenate([rows, templates]),
            np.concatenate([people.person, owners]),
            references=len(rows) + np.arange(len(templates)),
            probes=probes,
            progress=self.step("comparing"),
        )

    def _measure(self, scores: Scores, **more: Any) -> Measurement:
        more = {"calibration": self.verifier.calibration, **more}
        return measure(
            scores,
            draws=self.settings.draws,
            seed=self.settings.seed,
            progress=self.step("drawing people"),
            **more,
        )

    def _group_threshold(self, measurement: Measurement) -> float | None:
        """The policy's threshold; without a calibration that of FMR 1e-3, if it was measured."""
        calibration = self.verifier.calibration
        if calibration is not None:
            return calibration.threshold_at(self.settings.max_fmr)
        points = [measurement.point(1e-3), *measurement.points[-1:]]
        return next((point.threshold for point in points if point is not None), None)

    def _group(self, column: str, value: str, scores: Scores, threshold: float) -> Group:
        plain = Weighted(scores)
        drawn = [
            (w.fmr_at(threshold), w.fnmr_at(threshold), w.equal_error_rate())
            for w in replicates(scores, min(self.settings.draws, _DRAWS_OF_A_GROUP))
        ]
        fmr, fnmr, eer = zip(*drawn, strict=True) if drawn else ((), (), ())
        lost = scores.genuine_lost + scores.impostor_lost
        return Group(
            column=column,
            value=value,
            genuine=len(scores.genuine),
            impostor=scores.impostors,
            lost=lost / max(lost + len(scores.genuine) + scores.impostors, 1),
            fmr=interval(float(plain.fmr_at(threshold)), fmr, count_people_pairs(scores)),
            fnmr=interval(float(plain.fnmr_at(threshold)), fnmr, count_genuine_people(scores)),
            equal_error_rate=interval(plain.equal_error_rate(), eer),
        )

    def _study(
        self,
        name: str,
        measurement: Measurement,
        scores: Scores,
        pictures: Sequence[Picture],
        embedded: Embeddings,
        threshold: float | None,
        groups: Sequence[Group],
        problems: Sequence[Problem],
        rejected: int,
    ) -> Study:
        return Study(
            name=name,
            measurement=measurement,
            scores=scores,
            pictures=pictures,
            attempted=len(embedded.rows),
            acquired=int(np.isfinite(embedded.rows[:, 0]).sum()),
            group_threshold=threshold,
            groups=tuple(groups),
            problems=tuple(problems),
            rejected=rejected,
            provenance=provenance(self.verifier, self.settings, embedded.digest),
        )

    def step(self, what: str) -> Callable[[int, int], None] | None:
        """What to call, and under which name, as work gets on."""
        if self._progress is None:
            return None
        tell = self._progress
        return lambda done, whole: tell(what, done, whole)


def provenance(verifier: Verifier, settings: Settings, data_digest: str) -> dict[str, Any]:
    """What a number rests on: packs, versions, data, settings, time."""

    def named(pack: Pack) -> dict[str, str]:
        return {"name": pack.name, "version": pack.version, "digest": pack.digest}

    return {
        "pack": named(verifier.pack),
        "detector": named(verifier.detector_pack),
        "limits": list(verifier.pack.manifest.get("limits", [])),
        "data_digest": data_digest,
        "min_face_size": verifier.min_face_size,
        "backend": f"{verifier.backend} {verifier.face_models.backend_version}",
        "aligned": settings.aligned,
        "channel": settings.channel,
        "seed": settings.seed,
        "bootstrap_replicates": settings.draws,
        "renzheng": renzheng.__version__,
        "python": platform.python_version(),
        "numpy": np.__version__,
        "date": datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
    }


def _require_both(scores: Scores, name: str) -> None:
    for kind, count in (("genuine", len(scores.genuine)), ("impostor", scores.impostors)):
        if not count:
            raise InvalidInput(
                f"no {kind} comparison is left: every one has a picture without a face", source=name
            )


def _values(groups: Mapping[str, Names]) -> Iterator[tuple[str, str, Indices]]:
    """Every value of every column that can be a grouping, with its rows."""
    for column, entries in groups.items():
        values = [v for v in np.unique(entries) if v]
        if 1 < len(values) <= _MOST_GROUPS:
            for value in values:
                yield column, str(value), np.flatnonzero(entries == value)


def _part(people: People, chosen: Indices) -> People | None:
    """The people of a group; None if there is no one to compare them with."""
    if len(np.unique(people.person[chosen])) < 2:
        return None
    return people.select(chosen)


def _failed_rows(pairs: Pairs, embedded: Embeddings) -> list[Problem]:
    problems = []
    failed = embedded.failures
    for k in range(len(pairs.same)):
        for side, picture in (("reference", pairs.reference[k]), ("probe", pairs.probe[k])):
            if int(picture) in failed:
                reason = failed[int(picture)].reason
                name = pairs.pictures[int(picture)].name
                problems.append(Problem(str(pairs.where[k]), f"{side} {name}: {reason}"))
    return problems


def _failed_pictures(pictures: Sequence[Picture], embedded: Embeddings) -> list[Problem]:
    return [Problem(pictures[i].name, f.reason) for i, f in sorted(embedded.failures.items())]
