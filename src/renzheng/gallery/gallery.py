"""A gallery: biometric references to be searched, one probe against many."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import islice
from os import PathLike, fspath
from typing import Any

import numpy as np

import renzheng
from renzheng._support.timing import Clock
from renzheng.errors import InvalidInput, PackError
from renzheng.gallery import index
from renzheng.gallery.audit import measure_strangers, suspicions
from renzheng.gallery.capture import Enrolment, acquire
from renzheng.gallery.conditions import Condition, quoted, where
from renzheng.gallery.engine import UNPURGED, Engine, is_remote
from renzheng.gallery.entries import (
    Added,
    Candidate,
    DuplicateEnrolment,
    Entry,
    Identification,
    Neighbour,
)
from renzheng.gallery.impostors import Progress
from renzheng.gallery.photographs import same_photograph
from renzheng.gallery.rates import NearestStrangers, Rates
from renzheng.gallery.search import SearchPolicy
from renzheng.models import packs
from renzheng.types import Capture, Finding, Floats, Role, SamePhoto, Severity
from renzheng.verification import findings as speaking
from renzheng.verification.calibration import Calibration
from renzheng.verification.policy import Policy
from renzheng.verification.populations import of_calibration
from renzheng.verification.verifier import Verifier

Filter = Iterable[Condition | str]

_MATE_FMR = 1e-4  # how far from its entry a search that an index is tuned with lies
_BATCH = 1000  # entries of one transaction
_MOST_CANDIDATES = 1000
_SEARCHES = 10_000  # that a calibration makes: 0.3 % is then the lowest rate to speak of


@dataclass(frozen=True)
class Stats:
    """What a gallery holds.

    Attributes
    ----------
    entries, people
        How many.
    pack
        Name, version and network digest of the pack whose embeddings it holds.
    created
        When.
    bytes
        On disk; None for an object store.
    indexed, recall
        How many entries are partitioned for approximate search, and how often that finds the
        nearest entry; 0 and None where search is exact.
    unpurged
        Whether removed entries' bytes may still lie in its files.
    lowest_fpir
        The lowest false positive identification rate that can be promised; None if nothing is
        known about the pack.
    calibrated
        Searches that were made among its own entries to measure FPIR; 0 if none were.
    """

    entries: int
    people: int
    pack: Mapping[str, str]
    created: str
    bytes: int | None
    indexed: int
    recall: float | None
    unpurged: bool
    lowest_fpir: float | None
    calibrated: int

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return dict(vars(self))


class Gallery:
    """Biometric references of one pack, kept in a vector engine.

    Not to be shared between threads; open it once in each. Several processes may use one at a
    time.

    Parameters
    ----------
    engine
        Where the entries are.
    verifier
        Finds and embeds faces of pictures; by default one of the gallery's pack, made when it is
        first needed.

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

    def __init__(self, engine: Engine, verifier: Verifier | None = None):
        self._engine = engine
        self._verifier = verifier
        self.pack: Mapping[str, str] = engine.about["pack"]
        if verifier is not None:
            self._check_pack(verifier)

    @classmethod
    def create(
        cls,
        place: str | PathLike[str],
        verifier: Verifier | None = None,
        *,
        options: Mapping[str, str] | None = None,
    ) -> Gallery:
        """Make an empty gallery.

        Parameters
        ----------
        place
            A new folder, or an address in an object store such as ``s3://bucket/members``.
        verifier
            Its pack is the gallery's; by default the default pack is.
        options
            What the object store asks for, as LanceDB names it.

        Raises
        ------
        InvalidInput
            If something is there already.
        RenzhengError
            If it cannot be made.
        """
        verifier = verifier or Verifier(packs.DEFAULT_EMBEDDER)
        pack = verifier.pack
        about = {
            "pack": {
                "name": pack.name,
                "version": pack.version,
                "network_digest": pack.network_digest,
            },
            "dimension": int(pack.setting("embedding", "dimension")),
            "created": datetime.now(UTC).isoformat(timespec="seconds"),
            "renzheng": renzheng.__version__,
        }
        return cls(Engine.create(fspath(place), about, options), verifier)

    @classmethod
    def open(
        cls,
        place: str | PathLike[str],
        verifier: Verifier | None = None,
        *,
        options: Mapping[str, str] | None = None,
    ) -> Gallery:
        """Open a gallery; the parameters are those of `create`.

        Raises
        ------
        InvalidInput
            If there is none.
        PackError
            If the verifier's pack is not the gallery's.
        """
        return cls(Engine.open(fspath(place), options), verifier)

    @property
    def verifier(self) -> Verifier:
        """What finds and embeds faces.

        Raises
        ------
        PackError
            If the gallery's pack is not here, or has changed.
        """
        if self._verifier is None:
            name = self.pack["name"]
            if name not in packs.names():  # a name is no folder, even where there is one so called
                raise PackError(
                    f"the gallery's pack {name!r} is not one of renzheng's own",
                    source=self._engine.where,
                    remedy="say where it lies: --pack FOLDER, or in Python Verifier(FOLDER)",
                )
            verifier = Verifier(name)
            self._check_pack(verifier)
            self._verifier = verifier
        return self._verifier

    @property
    def dimension(self) -> int:
        """Of the embeddings."""
        return self._engine.dimension

    def __len__(self) -> int:
        return self._engine.count()

    def __contains__(self, id: str) -> bool:
        return bool(self._engine.get([id]))

    def __iter__(self) -> Iterator[Entry]:
        return self.entries()

    def get(self, id: str) -> Entry | None:
        """The entry of this id, or None."""
        return next(iter(self._engine.get([id])), None)

    def held(self, ids: Sequence[str]) -> dict[str, Entry]:
        """Those of these entries that the gallery holds, by id."""
        parts = (ids[start : start + _BATCH] for start in range(0, len(ids), _BATCH))
        return {entry.id: entry for part in parts for entry in self._engine.get(part)}

    def entries(self, where: Filter = ()) -> Iterator[Entry]:
        """All entries that fulfil the conditions, in no order."""
        for batch in self._engine.scan(_sql(where)):
            yield from batch

    def add(self, entries: Iterable[Entry], *, replace: bool = False) -> Added:
        """Add entries.

        They are kept by the time this returns, whatever happens to the process then; of what was
        handed in without its returning, some first thousands may be kept, each entry whole or not
        at all.

        Parameters
        ----------
        entries
            Of the gallery's pack.
        replace
            Put them in the place of entries with the same ids. By default such are refused. The
            bytes of what was replaced stay in the files until `purge`.

        Raises
        ------
        InvalidInput
            If an embedding is of another dimension, or an id comes twice; what came before it in
            batches of 1,000 is kept.
        """
        kept: list[str] = []
        refused: list[str] = []
        dimension, seen = self.dimension, set[str]()
        queue = iter(entries)
        while batch := list(islice(queue, _BATCH)):
            for entry in batch:
                if entry.embedding.shape != (dimension,):
                    raise InvalidInput(
                        f"an embedding of {dimension} numbers is wanted, it has "
                        f"{entry.embedding.size}",
                        source=entry.id,
                        remedy=f"the gallery's pack is {self.pack['name']}",
                    )
                if entry.id in seen:
                    raise InvalidInput("the id comes twice", source=entry.id)
                seen.add(entry.id)
            if replace:
                self._engine.upsert(batch)
                kept += [entry.id for entry in batch]
                continue
            added = set(self._engine.insert(batch))
            for entry in batch:
                (kept if entry.id in added else refused).append(entry.id)
        return Added(tuple(kept), tuple(refused))

    def enrol(
        self,
        picture: Any,
        id: str,
        *,
        person: str = "",
        metadata: Mapping[str, Any] | None = None,
        role: Role | str = Role.PHOTO,
        accept_doubtful: bool = False,
        replace: bool = False,
    ) -> Entry:
        """Add the face of a picture.

        Parameters
        ----------
        picture
            Anything that `renzheng.images.read` takes.
        id, person, metadata
            As in `Entry`.
        role
            What it is a picture of.
        accept_doubtful
            Whether a picture with a doubt is taken. By default it is refused: an entry whose
            false match rate does not hold troubles every later search.
        replace
            As in `add`.

        Raises
        ------
        InvalidInput
            If the picture is refused, or the id is there already.
        """
        wanted = Enrolment(id=id, picture=picture, person=person, metadata=metadata or {})
        outcome = acquire(wanted, self.verifier, Role(role), accept_doubtful=accept_doubtful)
        if outcome.entry is None:
            raise InvalidInput(f"it was not enrolled: {outcome.reason}", source=outcome.source)
        if self.add([outcome.entry], replace=replace).refused:
            raise InvalidInput(
                "the gallery holds this id already",
                source=id,
                remedy="name another, or replace it",
            )
        return outcome.entry

    def remove(self, ids: Sequence[str], *, purge: bool | None = None) -> tuple[str, ...]:
        """Remove entries; returns the ids of those that were there.

        Parameters
        ----------
        ids
            Which.
        purge
            Whether to remove their bytes from the files at once, see `purge`. By default that is
            done in a folder of this machine and not in an object store.
        """
        there = sorted(self.held(ids))
        for start in range(0, len(there), _BATCH):
            part = there[start : start + _BATCH]
            self._engine.delete(f"id IN ({', '.join(map(quoted, part))})")
        if there and (not is_remote(self._engine.where) if purge is None else purge):
            self.purge()
        return tuple(there)

    def purge(self) -> None:
        """Remove the bytes of removed and replaced entries from the gallery's files.

        All entries are written anew and the old files, indices included, are deleted; what the
        file system or the disk itself still keeps of deleted files is beyond this library. In an
        object store nobody else may use the gallery meanwhile.
        """
        radius = index.radius(self._engine)
        self._engine.purge()
        if radius is not None:
            index.prepare(self._engine, radius)

    def nearest(
        self,
        probes: Floats,
        count: int = 5,
        *,
        where: Filter = (),
        exact: bool | None = None,
    ) -> list[list[Neighbour]]:
        """The nearest entries of each probe, nearest first.

        Parameters
        ----------
        probes
            float32 (n, d), rows of unit length, of the gallery's pack.
        count
            How many at most, up to 1,000.
        where
            Conditions that an entry has to fulfil, all of them: `Condition` or texts such as
            ``age>=18``.
        exact
            Compare every entry. By default an index is used where there is one, see `optimize`.

        Raises
        ------
        InvalidInput
            If the probes are of another shape, or not of unit length.
        """
        rows = np.ascontiguousarray(probes, np.float32)
        if rows.ndim != 2 or rows.shape[1] != self.dimension:
            raise InvalidInput(
                f"probes of shape (n, {self.dimension}) are wanted, not {rows.shape}"
            )
        if not np.all(np.abs(np.linalg.norm(rows.astype(np.float64), axis=1) - 1) < 1e-3):
            raise InvalidInput("a probe is not of unit length", remedy="divide it by its norm")
        _check_count(count)
        condition = _sql(where)
        return self._engine.nearest(
            rows, count, condition, partitions=self._looked_into(exact, condition)
        )

    def search(
        self,
        probe: Any,
        count: int = 5,
        *,
        where: Filter = (),
        policy: SearchPolicy | None = None,
        role: Role | str = Role.PHOTO,
        exact: bool | None = None,
    ) -> Identification:
        """Who is it? One probe against every entry.

        A picture that cannot be read, shows no face, or is refused gives the decision
        ``not_comparable`` and says why.

        Parameters
        ----------
        probe
            A picture, anything that `renzheng.images.read` takes; or an embedding, float32 (d,) of
            unit length.
        count, where, exact
            As in `nearest`.
        policy
            When it counts as an identification.
        role
            What the picture is of.

        Raises
        ------
        InvalidInput
            If the pack is not calibrated, or an argument is out of range.
        """
        policy = policy or SearchPolicy()
        conditions = _conditions(where)
        _check_count(count)
        clock = Clock()
        with clock("total"):
            capture: Capture | None = None
            found: list[Finding] = []
            if isinstance(probe, np.ndarray) and probe.ndim == 1:
                embedding: Floats | None = probe
            else:
                with clock("acquire"):
                    capture, embedding = self._acquire(probe, Role(role))
                found = list(speaking.of_capture("probe", capture, Policy()))
            candidates: tuple[Candidate, ...] = ()
            looked = self._looked_into(exact, _sql(conditions))
            if embedding is None or any(each.severity is Severity.REFUSAL for each in found):
                searched = 0
            else:
                with clock("search"):
                    searched = self._engine.count(_sql(conditions))
                    [near] = self.nearest(embedding[None], count, where=conditions, exact=exact)
                candidates = self._candidates(near, searched)
        decision, reason = policy.decide(candidates, found)
        return Identification(
            decision=decision,
            reason=reason,
            candidates=candidates,
            searched=searched,
            policy=policy.to_dict(),
            pack={**self.pack, "digest": self.verifier.pack.digest},
            exact=looked is None,
            probe=capture,
            findings=tuple(found),
            timings_ms=clock.milliseconds,
        )

    def check(
        self,
        policy: SearchPolicy | None = None,
        *,
        most: int = 1000,
        pictures: bool = True,
        progress: Progress | None = None,
    ) -> tuple[list[DuplicateEnrolment], int]:
        """Duplicate enrolment: is one person in the gallery under two names?

        Every entry is compared with every other; pairs of different `person` are returned that lie
        as near as `search` would take for an identification, nearest first. By chance, `max_fpir`
        of the entries have a stranger so near. The embeddings are held in memory: half a gigabyte
        for a million of 128 numbers.

        Parameters
        ----------
        policy
            Its `max_fpir` is the limit; where a gallery is too large for that to be promised, the
            lowest rate that can be is.
        most
            Pairs that are returned.
        pictures
            Whether to look, where the files are still there, if the two are one photograph; that
            takes a tenth of a second for each pair.
        progress
            Told after each block.

        Returns
        -------
        the pairs, and how many more there are
        """
        policy = policy or SearchPolicy()

        def look(one: Entry, other: Entry) -> SamePhoto | None:
            return same_photograph(one, other, self.verifier)

        return suspicions(
            self._engine,
            self._rates(),
            policy.max_fpir,
            most=most,
            look=look if pictures else None,
            progress=progress,
        )

    def calibrate(
        self, *, searches: int = _SEARCHES, seed: int = 0, progress: Progress | None = None
    ) -> NearestStrangers:
        """Measure the false positive identification rate on the gallery's own entries.

        An entry of each person is searched for among those of all other people, and how near the
        nearest stranger comes is kept with the gallery: from then on searches rest on it where it
        speaks to lower rates than the pack's calibration does, or against it. It holds for probes
        that are like the entries. Somebody who is enrolled under two names makes the rates too
        high: `check` first.

        Parameters
        ----------
        searches
            How many; all people if there are no more. 30 divided by it is the lowest rate that it
            can speak of.
        seed
            Of the draw.
        progress
            Told after each block.

        Raises
        ------
        InvalidInput
            If there are fewer than two people.
        """
        measured = measure_strangers(self._engine, searches, seed, progress)
        self._engine.write_note("nearest_strangers", measured.to_dict())
        return measured

    def optimize(self) -> None:
        """Join small files and, in a large gallery, prepare approximate search.

        From 200,000 entries on the embeddings are partitioned, and the number of partitions that a
        search looks into is raised until the nearest entry is found in 99.5 % of searches at the
        distance of a false match rate of 1e-4, compared with exact search. The distances of what
        is found are exact.
        """
        self._engine.compact()
        calibration = self._calibration
        radius = calibration.threshold_at(max(_MATE_FMR, calibration.resolution))
        index.prepare(self._engine, radius)

    def stats(self) -> Stats:
        """What the gallery holds."""
        about = self._engine.about
        entries = len(self)
        indexed = self._engine.indexed()
        measured = self._measured()
        try:
            lowest = self.lowest_fpir()
        except (InvalidInput, PackError):
            lowest = None
        return Stats(
            entries=entries,
            people=len(self._engine.people()),
            pack=dict(self.pack),
            created=about["created"],
            bytes=self._engine.size(),
            indexed=indexed,
            recall=index.recall(self._engine) if indexed else None,
            unpurged=self.unpurged,
            lowest_fpir=lowest,
            calibrated=0 if measured is None else measured.searches,
        )

    @property
    def unpurged(self) -> bool:
        """Whether removed entries' bytes may still lie in its files."""
        return bool(self._engine.note(UNPURGED))

    def lowest_fpir(self) -> float | None:
        """The lowest rate that a search can promise; None for an empty gallery."""
        entries = len(self)
        return self._rates().fpir_at(0.0, entries).value if entries else None

    @property
    def measured_on(self) -> str:
        """On whom the pack's false match rates were measured, in words; empty if it does not say.

        An FPIR that follows from them holds for these people as well.
        """
        return of_calibration(self.verifier.calibration)

    @property
    def _calibration(self) -> Calibration:
        calibration = self.verifier.calibration
        if calibration is None:
            raise InvalidInput(
                f"the pack {self.pack['name']} has no calibration, so no rate can be given",
                remedy="use nearest() for bare distances",
            )
        return calibration

    def _measured(self) -> NearestStrangers | None:
        note = self._engine.note("nearest_strangers")
        return None if note is None else NearestStrangers.from_dict(note)

    def _rates(self) -> Rates:
        return Rates(self._calibration, self._measured())

    def _looked_into(self, exact: bool | None, condition: str | None) -> int | None:
        """How many partitions a search looks into; None for exact search."""
        looked = None if exact else index.partitions(self._engine)
        if looked is None or condition is None:
            return looked
        # Few are compared sooner than found by an index that knows nothing of the condition.
        few = self._engine.count(condition) < index.APPROXIMATE_FROM
        return None if few else looked

    def _candidates(self, near: Sequence[Neighbour], searched: int) -> tuple[Candidate, ...]:
        rates = self._rates()
        return tuple(
            Candidate(
                rank=rank,
                entry=neighbour.entry,
                distance=neighbour.distance,
                similarity=neighbour.similarity,
                fmr=rates.fmr_at(neighbour.distance),
                fpir=rates.fpir_at(neighbour.distance, searched),
            )
            for rank, neighbour in enumerate(near, 1)
        )

    def _acquire(self, picture: Any, role: Role) -> tuple[Capture, Floats | None]:
        capture = self.verifier.acquire(picture, role)
        if capture.crop is None:
            return capture, None
        if capture.embedding is not None:
            return capture, capture.embedding
        return capture, self.verifier.embed_crops(capture.crop[None])[0]

    def _check_pack(self, verifier: Verifier) -> None:
        if verifier.pack.network_digest != self.pack["network_digest"]:
            raise PackError(
                f"the gallery holds embeddings of the pack {self.pack['name']} "
                f"(network {self.pack['network_digest'][:12]}), and these would be of "
                f"{verifier.pack.name} ({verifier.pack.network_digest[:12]}): distances between "
                "the two mean nothing",
                source=self._engine.where,
                remedy="use the gallery's pack, or enrol the pictures in a new gallery",
            )


def _conditions(conditions: Filter) -> list[Condition]:
    return [each if isinstance(each, Condition) else Condition.parse(each) for each in conditions]


def _sql(conditions: Filter) -> str | None:
    return where(_conditions(conditions))


def _check_count(count: int) -> None:
    if not 1 <= count <= _MOST_CANDIDATES:
        raise InvalidInput(f"count must lie from 1 to {_MOST_CANDIDATES}, not {count}")
