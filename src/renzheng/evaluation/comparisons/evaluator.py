"""The evaluator: it embeds the pictures of a protocol, compares them and measures error rates."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from renzheng.datasets.types import Indices, Names, Pairs, People, Picture, Problem
from renzheng.errors import InvalidInput
from renzheng.evaluation import provenance
from renzheng.evaluation.acquisition import Embeddings, Extraction, acquire
from renzheng.evaluation.cache import Cache
from renzheng.evaluation.comparisons import repeats
from renzheng.evaluation.comparisons.all_pairs import compare_all
from renzheng.evaluation.comparisons.error_rates import FoldAccuracy, fold_accuracy
from renzheng.evaluation.comparisons.groups import Group, measure_groups
from renzheng.evaluation.comparisons.measurement import Measurement, measure
from renzheng.evaluation.comparisons.scores import Scores, pair_distances
from renzheng.evaluation.comparisons.study import Study
from renzheng.evaluation.comparisons.templates import enrol_templates
from renzheng.evaluation.sampling import first_of_each
from renzheng.evaluation.statistics.bootstrap import REPLICATES
from renzheng.types import Floats
from renzheng.verification.calibration import Calibration
from renzheng.verification.verifier import Verifier

Progress = Callable[[str, int, int], None]  # name of the step, done so far, in all


@dataclass(frozen=True)
class EvaluationSettings:
    """The settings of an evaluation.

    Attributes
    ----------
    aligned, channel, seed
        As in `Extraction`. A channel is applied to the references.
    cache
        The file of known embeddings, or None.
    workers
        The number of processes that embed.
    draws
        The number of bootstrap replicates.
    max_fmr
        The policy's false match rate; groups are compared at its threshold.
    """

    aligned: str | None = None
    channel: str | None = None
    seed: int = 0
    cache: Path | None = None
    workers: int = 1
    draws: int = REPLICATES
    max_fmr: float = 1e-4


class Evaluator:
    """Measures a pack by protocols.

    Parameters
    ----------
    verifier
        The verifier whose packs and calibration are measured.
    settings
        The settings of all protocols.
    progress
        Called with the name of a step, the number of items done and the number in all.
    """

    def __init__(
        self,
        verifier: Verifier,
        settings: EvaluationSettings | None = None,
        progress: Progress | None = None,
    ):
        self.verifier = verifier
        self.settings = settings or EvaluationSettings()
        self._progress = progress

    def with_verifier(self, verifier: Verifier) -> Evaluator:
        """Return an evaluator of another verifier with the same settings."""
        return Evaluator(verifier, self.settings, self._progress)

    def pairs(self, pairs: Pairs) -> Study:
        """Evaluate a list of comparisons.

        Raises
        ------
        InvalidInput
            If genuine or impostor comparisons are missing, before or after failures to acquire.
        """
        pairs.require_both()
        pairs, embedded = self.embed_pairs(pairs)
        distance = pair_distances(pairs, embedded.rows)
        scores = Scores.of_pairs(pairs, distance)
        if scores.missing_kind:
            raise InvalidInput(
                f"no {scores.missing_kind} comparison is left in which both pictures show a face",
                source=pairs.name,
            )
        return self.study(
            pairs.name,
            scores,
            pairs.pictures,
            embedded,
            folds=None if pairs.folds is None else fold_accuracy(distance, pairs.same, pairs.folds),
            groups=pairs.groups,
            scores_of=lambda chosen: Scores.of_pairs(pairs.select(chosen), distance[chosen]),
            problems=(*pairs.problems, *_failed_rows(pairs, embedded)),
            rejected=len(pairs.problems),
        )

    def people(self, people: People, enrol: int | None = None) -> Study:
        """Evaluate comparisons of everyone with everyone.

        Parameters
        ----------
        people
            The pictures.
        enrol
            None compares pictures with pictures. Otherwise the first `enrol` pictures of each
            person are averaged into a template, and all others are compared with the templates.
        """
        people, embedded = self.embed_people(people)
        rows = embedded.rows

        def scores_of(chosen: Indices) -> Scores | None:
            if len(np.unique(people.person[chosen])) < 2:
                return None
            return self._compare(rows[chosen], people.person[chosen], enrol)

        scores = self._compare(rows, people.person, enrol)
        return self.study(
            people.name if enrol is None else f"{people.name}, templates of {enrol} picture(s)",
            scores,
            [*people.pictures, *people.pictures[: len(scores.person) - len(rows)]],
            embedded,
            groups=people.groups,
            scores_of=scores_of,
            problems=(*people.problems, *embedded.problems(people.pictures)),
            rejected=len(people.problems),
        )

    def documents(self, people: People, channels: Sequence[str]) -> Iterator[tuple[str, Study]]:
        """Evaluate comparisons of documents with live pictures, channel by channel.

        The first picture of everyone who has two goes through the document channel and is the
        reference; all other pictures are probes. Every reference is compared with every probe.

        Yields
        ------
        (channel, its study)
        """
        if not len(first_of_each(people.person, 2)):
            raise InvalidInput(
                "a person with two pictures is needed: one for the document, one live",
                source=people.name,
            )
        people, embedded = self.embed_people(people)
        rows = embedded.rows
        first = first_of_each(people.person, 2)
        probes = np.setdiff1d(np.arange(len(rows)), first)
        references = [people.pictures[i] for i in first]
        for channel in channels:
            documents = self._embed(references, channel)
            scores = compare_all(
                np.concatenate([rows, documents.rows]),
                np.concatenate([people.person, people.person[first]]),
                references=len(rows) + np.arange(len(first)),
                probes=probes,
                progress=self.progress_of("comparing"),
            )
            both = Embeddings(
                np.concatenate([rows[probes], documents.rows]),
                {},
                (*(embedded.contents[i] for i in probes), *documents.contents),
            )
            study = self.study(
                f"{people.name}, documents: {channel}",
                scores,
                [*people.pictures, *references],
                both,
                problems=[
                    Problem(f"{channel} of {references[i].name}", failure.reason)
                    for i, failure in documents.failures.items()
                ],
                rejected=len(people.problems),
            )
            # Counted over the documents alone: the many live pictures would hide their failures.
            yield (
                channel,
                replace(
                    study,
                    attempted=len(documents.rows),
                    acquired=int(documents.acquired.sum()),
                    provenance={**study.provenance, "channel": channel},
                ),
            )

    def study(
        self,
        name: str,
        scores: Scores,
        pictures: Sequence[Picture],
        embedded: Embeddings,
        *,
        calibration: Calibration | None = None,
        folds: FoldAccuracy | None = None,
        groups: Mapping[str, Names] | None = None,
        scores_of: Callable[[Indices], Scores | None] | None = None,
        problems: Sequence[Problem] = (),
        rejected: int = 0,
    ) -> Study:
        """Measure scores.

        Parameters
        ----------
        name, scores, pictures, problems, rejected
            See `Study`.
        embedded
            The embeddings that were compared.
        calibration
            The calibration to hold against the scores, by default the verifier's.
        folds
            As in `Measurement`.
        groups, scores_of
            As in `measure_groups`.
        """
        measurement = measure(
            scores,
            calibration=self.verifier.calibration if calibration is None else calibration,
            folds=folds,
            draws=self.settings.draws,
            seed=self.settings.seed,
            progress=self.progress_of("drawing people"),
        )
        threshold = self._group_threshold(measurement) if groups else None
        measured: tuple[Group, ...] = ()
        if groups and scores_of is not None and threshold is not None:
            measured = measure_groups(groups, scores_of, threshold, self.settings.draws)
        return Study(
            name=name,
            measurement=measurement,
            scores=scores,
            pictures=pictures,
            attempted=len(embedded.rows),
            acquired=int(embedded.acquired.sum()),
            group_threshold=threshold,
            groups=measured,
            problems=tuple(problems),
            rejected=rejected,
            provenance=self.provenance(embedded.digest),
        )

    def embed_pairs(self, pairs: Pairs) -> tuple[Pairs, Embeddings]:
        """Return a list with its pictures' embeddings; a channel adds a set of references."""
        embedded = self._embed(pairs.pictures, None)
        rows = embedded.rows
        if self.settings.channel is None:
            return pairs, embedded
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
        return pairs, Embeddings(rows, failures, (*embedded.contents, *documents.contents))

    def embed_people(self, people: People) -> tuple[People, Embeddings]:
        """Return people with the embeddings of their pictures.

        A picture that is given twice counts once; so does, where every picture is another person, a
        photograph that is given twice in different files.
        """
        embedded = self._embed(people.pictures, None)
        # The same bytes twice would be a genuine comparison at distance 0, or a false match.
        _, first = np.unique(embedded.contents, return_index=True)
        kept = np.sort(first)
        original = {embedded.contents[i]: int(i) for i in kept}
        later = np.setdiff1d(np.arange(len(people.pictures)), kept)
        twice = {int(i): original[embedded.contents[i]] for i in later}
        people, embedded = _without(people, embedded, twice, "the same bytes as")
        if self.settings.aligned is None and len(np.unique(people.person)) == len(people.pictures):
            twice = repeats.find(self.verifier, people, embedded.rows)
            people, embedded = _without(people, embedded, twice, "the same photograph as")
        return people, embedded

    def progress_of(self, step: str) -> Callable[[int, int], None] | None:
        """Return the function to call as a step proceeds; None without a progress function."""
        if self._progress is None:
            return None
        tell = self._progress
        return lambda done, whole: tell(step, done, whole)

    def provenance(self, data_digest: str) -> dict[str, Any]:
        """Return the facts that a number rests on: packs, versions, data, settings and time."""
        verifier, settings = self.verifier, self.settings
        return {
            "pack": provenance.of_pack(verifier.pack),
            "detector": provenance.of_pack(verifier.detector_pack),
            "limits": list(verifier.pack.manifest.get("limits", [])),
            "data_digest": data_digest,
            "min_face_size": verifier.min_face_size,
            "backend": f"{verifier.backend} {verifier.face_models.backend_version}",
            "provider": verifier.face_models.provider,
            "aligned": settings.aligned,
            "channel": settings.channel,
            "seed": settings.seed,
            "bootstrap_replicates": settings.draws,
            **provenance.of_run(),
        }

    def _embed(self, pictures: Sequence[Picture], channel: str | None) -> Embeddings:
        settings = self.settings
        extraction = Extraction.of(
            self.verifier, aligned=settings.aligned, channel=channel, seed=settings.seed
        )
        step = "embedding" if channel is None else f"embedding ({channel})"
        with nullcontext() if settings.cache is None else Cache(settings.cache) as cache:
            return acquire(
                pictures,
                extraction,
                cache=cache,
                workers=settings.workers,
                progress=self.progress_of(step),
            )

    def _compare(self, rows: Floats, person: Indices, enrol: int | None) -> Scores:
        progress = self.progress_of("comparing")
        if enrol is None:
            return compare_all(rows, person, progress=progress)
        templates, owners, probes = enrol_templates(rows, person, enrol)
        return compare_all(
            np.concatenate([rows, templates]),
            np.concatenate([person, owners]),
            references=len(rows) + np.arange(len(templates)),
            probes=probes,
            progress=progress,
        )

    def _group_threshold(self, measurement: Measurement) -> float | None:
        """Return the policy's threshold, or without a calibration that of FMR 1e-3 if measured."""
        calibration = self.verifier.calibration
        if calibration is not None:
            return calibration.threshold_at(self.settings.max_fmr)
        points = [measurement.point(1e-3), *measurement.points[-1:]]
        return next((point.threshold for point in points if point is not None), None)


def _without(
    people: People, embedded: Embeddings, twice: Mapping[int, int], reason: str
) -> tuple[People, Embeddings]:
    """Leave out pictures that repeat an earlier one, given by the later one's index."""
    if not twice:
        return people, embedded
    pictures = people.pictures
    problems = [
        Problem(pictures[later].name, f"{reason} {pictures[earlier].name}: left out")
        for later, earlier in sorted(twice.items())
    ]
    kept = np.setdiff1d(np.arange(len(pictures)), list(twice))
    return people.select(kept, problems), embedded.select(kept)


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
