"""A gallery: biometric references to be searched, one probe against many."""

from __future__ import annotations

from typing import Any

import numpy as np

from renzheng._support.timing import Clock
from renzheng.errors import InvalidInput, PackError
from renzheng.gallery import index, search, search_findings
from renzheng.gallery.audit import DuplicateCheck, duplicate_enrolments, measure_impostors
from renzheng.gallery.conditions import Filter, as_conditions, as_sql
from renzheng.gallery.contents import Contents
from renzheng.gallery.entries import (
    Candidate,
    DuplicateEnrolment,
    Entry,
    Identification,
    Neighbour,
    check_strength,
)
from renzheng.gallery.impostors import Progress
from renzheng.gallery.photographs import same_photograph
from renzheng.gallery.rates import NearestImpostors, Rates
from renzheng.gallery.search_policy import SearchPolicy
from renzheng.gallery.stats import Stats
from renzheng.models.packs import calibrating
from renzheng.types import Capture, Finding, Floats, Role, SamePhoto, Severity
from renzheng.verification import findings
from renzheng.verification.calibration import Calibration
from renzheng.verification.extraction import features_of
from renzheng.verification.policy import Policy
from renzheng.verification.populations import of_calibration

_MATE_FMR = 1e-4  # false match rate at the distance of the searches that an index is tuned with
_SEARCHES = 10_000  # of a calibration: the lowest rate it can support is then 0.3 %
_MEASURED = "nearest_strangers"  # the note that keeps a calibration


class Gallery(Contents):
    """Biometric references of one pack, kept in a vector engine.

    A gallery must not be shared between threads; open it once in each. Several processes may use
    it at the same time.

    Parameters
    ----------
    engine
        The engine that holds the entries.
    verifier
        The verifier that finds and embeds faces; by default one of the gallery's pack, loaded
        when it is first needed.

    Raises
    ------
    PackError
        If the verifier's pack is not the gallery's.

    Examples
    --------
    >>> gallery = Gallery.create("members")                             # doctest: +SKIP
    >>> gallery.enrol("anna.jpg", "anna", metadata={"country": "CN"})   # doctest: +SKIP
    >>> found = gallery.search("gate.jpg", where=["country=CN"])        # doctest: +SKIP
    >>> found.decision, found.candidates[0].entry.person                # doctest: +SKIP
    """

    # --- searching ---------------------------------------------------------------------------

    def nearest(
        self,
        probes: Floats,
        count: int = 5,
        *,
        where: Filter = (),
        exact: bool | None = None,
    ) -> list[list[Neighbour]]:
        """Return the nearest entries of each probe, nearest first.

        Parameters
        ----------
        probes
            float32 (n, d), rows of unit length, of the gallery's pack.
        count
            The most entries per probe, up to 1,000.
        where
            Conditions that an entry has to meet, all of them: `Condition` or texts such as
            ``age>=18``.
        exact
            Whether to compare every entry. By default an index is used where there is one, see
            `optimize`.

        Raises
        ------
        InvalidInput
            If the probes are of another shape, or not of unit length.
        """
        rows = search.check_probes(probes, self.dimension)
        search.check_count(count)
        condition = as_sql(where)
        partitions = search.partitions_for(self._engine, exact, condition)
        return self._engine.nearest(rows, count, condition, partitions=partitions)

    def search(
        self,
        probe: Any,
        count: int = 5,
        *,
        where: Filter = (),
        policy: SearchPolicy | None = None,
        role: Role | str = Role.PHOTO,
        exact: bool | None = None,
        strength: float | None = None,
    ) -> Identification:
        """Search for one probe among all entries: who is it?

        A picture that cannot be read, shows no face, or is refused gives the decision
        ``not_comparable`` with the reason.

        Parameters
        ----------
        probe
            A picture, anything that `renzheng.images.read` takes; or an embedding, float32 (d,) of
            unit length.
        count, where, exact
            As in `nearest`.
        policy
            The policy that decides when a search is an identification.
        role
            The role of the picture.
        strength
            The strength of an embedding, as in `renzheng.verification.extraction.Features`; without
            it the rates are those of pictures that show enough of a face. That of a picture is
            measured.

        Raises
        ------
        InvalidInput
            If the pack is not calibrated, or an argument is out of range.
        """
        policy = policy or SearchPolicy()
        conditions = as_conditions(where)
        search.check_count(count)
        clock = Clock()
        with clock("total"):
            capture: Capture | None = None
            found: list[Finding] = []
            embedding: Floats | None = None
            if strength is not None:
                strength = check_strength(strength, "strength")
            if isinstance(probe, np.ndarray) and probe.ndim == 1:
                embedding = probe
            elif strength is not None:
                raise InvalidInput("the strength of a picture is measured: give none")
            else:
                with clock("acquire"):
                    capture = self.verifier.acquire(probe, Role(role))
                    [features] = features_of([capture], self.verifier.face_models.embedder)
                if features is not None:
                    embedding, strength = features
                found = list(findings.of_capture("probe", capture, Policy()))
            candidates: tuple[Candidate, ...] = ()
            condition = as_sql(conditions)
            partitions = search.partitions_for(self._engine, exact, condition)
            if embedding is None or any(each.severity is Severity.REFUSAL for each in found):
                searched = 0
            else:
                rates = self._rates()
                depth = search.depth(count, rates, strength)
                with clock("search"):
                    searched = self._engine.count(condition)
                    [near] = self.nearest(embedding[None], depth, where=conditions, exact=exact)
                candidates = search.candidates(
                    near, rates, searched, count=count, strength=strength
                )
        decision, reason = policy.decide(candidates, found)
        found += search_findings.of_candidates(candidates, decision)
        return Identification(
            decision=decision,
            reason=reason,
            candidates=candidates,
            searched=searched,
            policy=policy.to_dict(),
            pack={
                **self.pack,
                "digest": self.verifier.pack.digest,
                "backend": self.verifier.backend,
                "provider": self.verifier.face_models.provider,
            },
            exact=partitions is None,
            probe=capture,
            findings=tuple(found),
            timings_ms=clock.milliseconds,
        )

    # --- rates, and one person under two names -----------------------------------------------

    def check(
        self,
        policy: SearchPolicy | None = None,
        *,
        most: int = 1000,
        pictures: bool = True,
        progress: Progress | None = None,
    ) -> tuple[list[DuplicateEnrolment], int]:
        """Look for duplicate enrolments; return the pairs, and how many more there are.

        The same as `find_duplicates`, without the pairs for which no rate holds.
        """
        found = self.find_duplicates(policy, most=most, pictures=pictures, progress=progress)
        return found.pairs, found.left_out

    def find_duplicates(
        self,
        policy: SearchPolicy | None = None,
        *,
        most: int = 1000,
        pictures: bool = True,
        progress: Progress | None = None,
    ) -> DuplicateCheck:
        """Look for duplicate enrolments: one person under two names.

        Every entry is compared with every other; pairs of different `person` that lie as near as
        `search` would accept for an identification are returned, nearest first. By chance,
        `max_fpir` of the entries have a stranger so near. Two entries that both show too little of
        a face for any rate to hold are counted only. The embeddings are held in memory: half
        a gigabyte for a million of 128 numbers.

        Parameters
        ----------
        policy
            The policy whose `max_fpir` is the limit; where a gallery is too large for that to be
            promised, the limit is the lowest rate that can be.
        most
            The most pairs to return.
        pictures
            Whether to find out, where the files still exist, if the two are one photograph; that
            takes a tenth of a second per pair.
        progress
            Called after each block with the searches done and all searches.
        """
        policy = policy or SearchPolicy()

        def compare_photographs(one: Entry, other: Entry) -> SamePhoto | None:
            return same_photograph(one, other, self.verifier)

        return duplicate_enrolments(
            self._engine,
            self._rates(),
            policy.max_fpir,
            max_pairs=most,
            compare_photographs=compare_photographs if pictures else None,
            progress=progress,
        )

    def calibrate(
        self, *, searches: int = _SEARCHES, seed: int = 0, progress: Progress | None = None
    ) -> NearestImpostors:
        """Measure the false positive identification rate on the gallery's own entries.

        An entry of each person is searched for among those of all other people, and how near the
        nearest impostor comes is kept with the gallery: later searches use it where it supports
        lower rates than the pack's calibration does, or contradicts it. It holds for probes that
        are like the entries; entries whose strength is below what the pack's calibration wants are
        not searched for. Somebody who is enrolled under two names makes the rates too high:
        `check` first.

        Parameters
        ----------
        searches
            The number of searches; one per person if there are no more people. The lowest rate
            that it can support is 30 divided by it.
        seed
            The seed of the random draw.
        progress
            Called after each block with the searches done and all searches.

        Raises
        ------
        InvalidInput
            If there are fewer than two people, or all entries are weak.
        """
        wanted = self._min_strength()
        measured = measure_impostors(self._engine, searches, seed, progress, min_strength=wanted)
        self._engine.write_note(_MEASURED, measured.to_dict())
        return measured

    def lowest_fpir(self) -> float | None:
        """Return the lowest rate that a search can promise; None for an empty gallery."""
        entries = len(self)
        return self._rates().fpir_at(0.0, entries).value if entries else None

    @property
    def measured_on(self) -> str:
        """The people the pack's false match rates were measured on, in words; empty if unknown.

        An FPIR that follows from these rates holds for these people as well.
        """
        return of_calibration(self.verifier.calibration)

    @property
    def _calibration(self) -> Calibration:
        calibration = self.verifier.calibration
        if calibration is None:
            raise InvalidInput(
                f"the pack {self.pack['name']} has no calibration, so no rate can be given",
                remedy=f"{calibrating(self.verifier.pack)} makes one: the gallery stays, and "
                "--pack names the new pack; nearest() gives bare distances without",
            )
        return calibration

    def _min_strength(self) -> float | None:
        """Return the strength that the pack's rates want; None if nothing is known about it."""
        try:
            calibration = self.verifier.calibration
        except PackError:
            return None
        return None if calibration is None else calibration.min_strength

    def _measured(self) -> NearestImpostors | None:
        note = self._engine.note(_MEASURED)
        return None if note is None else NearestImpostors.from_dict(note)

    def _rates(self) -> Rates:
        return Rates(self._calibration, self._measured())

    # --- maintenance -------------------------------------------------------------------------

    def optimize(self) -> None:
        """Merge small files and, in a large gallery, prepare approximate search.

        From 200,000 entries on the embeddings are partitioned, and the number of partitions that a
        search looks into is raised until the nearest entry is found in 99.5 % of searches at the
        distance of a false match rate of 1e-4, compared with exact search. The distances of the
        entries found are exact.
        """
        self._engine.compact()
        calibration = self._calibration
        radius = calibration.threshold_at(max(_MATE_FMR, calibration.resolution))
        index.prepare(self._engine, radius)

    def stats(self) -> Stats:
        """Return the contents of the gallery in figures."""
        entries = len(self)
        indexed = self._engine.indexed()
        measured = self._measured()
        min_strength = self._min_strength()
        try:
            lowest = self.lowest_fpir()
        except (InvalidInput, PackError):
            lowest = None
        return Stats(
            entries=entries,
            people=len(self._engine.people()),
            pack=dict(self.pack),
            created=self._engine.about["created"],
            bytes=self._engine.size(),
            indexed=indexed,
            recall=index.recall(self._engine) if indexed else None,
            unpurged=self.unpurged,
            lowest_fpir=lowest,
            calibrated=0 if measured is None else measured.searches,
            unknown_strength=self._engine.count_unknown_strength(),
            weak=None if min_strength is None else self._engine.count_weak(min_strength),
        )
