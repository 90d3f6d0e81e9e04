"""The contents of a gallery: created, opened, read, added to and removed from."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from itertools import islice
from os import PathLike, fspath
from typing import Any, Self

import renzheng
from renzheng.errors import InvalidInput
from renzheng.gallery import index, pack
from renzheng.gallery.capture import Enrolment, acquire
from renzheng.gallery.conditions import Filter, as_sql, quoted
from renzheng.gallery.connection import is_remote
from renzheng.gallery.engine import UNPURGED, Engine
from renzheng.gallery.entries import Added, Entry
from renzheng.models import packs
from renzheng.types import Role
from renzheng.verification import detectors
from renzheng.verification.verifier import Verifier

_BATCH = 1000  # entries of one transaction


class Contents:
    """The entries of a gallery.

    Parameters
    ----------
    engine, verifier
        As in `renzheng.gallery.Gallery`.
    """

    def __init__(self, engine: Engine, verifier: Verifier | None = None):
        self._engine = engine
        self._verifier = verifier
        about = engine.about
        self.pack: Mapping[str, str] = about["pack"]
        self.detector: Mapping[str, str] | None = about.get("detector")
        if verifier is not None:
            pack.check_verifier(verifier, self.pack, self.detector, engine.where)

    # --- opening and creating ----------------------------------------------------------------

    @classmethod
    def create(
        cls,
        place: str | PathLike[str],
        verifier: Verifier | None = None,
        *,
        options: Mapping[str, str] | None = None,
    ) -> Self:
        """Create an empty gallery.

        Parameters
        ----------
        place
            A new folder, or an address in an object store such as ``s3://bucket/members``.
        verifier
            The verifier whose pack becomes the gallery's; by default one of the default pack.
        options
            Settings of the object store, by LanceDB's names.

        Raises
        ------
        InvalidInput
            If something is there already.
        RenzhengError
            If the gallery cannot be created.
        """
        verifier = verifier or Verifier(packs.DEFAULT_EMBEDDER)
        about = {
            "pack": pack.described(verifier),
            "detector": detectors.described(verifier.detector_pack),
            "places": pack.places(verifier),
            "dimension": int(verifier.pack.setting("embedding", "dimension")),
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
    ) -> Self:
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
        """The verifier that finds and embeds faces.

        Raises
        ------
        PackError
            If the gallery's pack is not installed, is no longer where it was, or has changed.
        """
        if self._verifier is None:
            self.load_packs()
        assert self._verifier is not None
        return self._verifier

    def load_packs(self, pack_name: str | None = None, detector: str | None = None) -> None:
        """Load the gallery's packs, those that are named here from other places than it remembers.

        Parameters
        ----------
        pack_name, detector
            Names or folders; a pack whose network is another one than the gallery's is refused.

        Raises
        ------
        PackError
            As in `verifier`.
        """
        self._verifier = pack.load_verifier(
            self.pack,
            self.detector,
            self._engine.where,
            self._engine.about.get("places"),
            instead={"pack": pack_name, "detector": detector},
        )

    @property
    def dimension(self) -> int:
        """The dimension of the embeddings."""
        return self._engine.dimension

    # --- reading -----------------------------------------------------------------------------

    def __len__(self) -> int:
        return self._engine.count()

    def __contains__(self, id: str) -> bool:
        return bool(self._engine.get([id]))

    def __iter__(self) -> Iterator[Entry]:
        return self.entries()

    def get(self, id: str) -> Entry | None:
        """Return the entry with this id, or None."""
        return next(iter(self._engine.get([id])), None)

    def held(self, ids: Sequence[str]) -> dict[str, Entry]:
        """Return those of these entries that the gallery holds, by id."""
        parts = (ids[start : start + _BATCH] for start in range(0, len(ids), _BATCH))
        return {entry.id: entry for part in parts for entry in self._engine.get(part)}

    def entries(self, where: Filter = ()) -> Iterator[Entry]:
        """Yield all entries that meet the conditions, in no particular order."""
        for batch in self._engine.scan(as_sql(where)):
            yield from batch

    # --- adding and removing -----------------------------------------------------------------

    def add(self, entries: Iterable[Entry], *, replace: bool = False) -> Added:
        """Add entries.

        They are kept by the time this returns, whatever happens to the process then. If it does
        not return, some of the first thousands may be kept, each entry whole or not at all.

        Parameters
        ----------
        entries
            Entries with embeddings of the gallery's pack.
        replace
            Whether to replace entries with the same ids. By default such entries are refused. The
            bytes of replaced entries stay in the files until `purge`.

        Raises
        ------
        InvalidInput
            If an embedding is of another dimension, or an id comes twice; earlier entries are
            kept in batches of 1,000.
        """
        kept: list[str] = []
        refused: list[str] = []
        dimension, seen = self.dimension, set[str]()
        queue = iter(entries)
        while batch := list(islice(queue, _BATCH)):
            for entry in batch:
                self._check_dimension(entry, dimension)
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
            The attributes of the new `Entry`.
        role
            The role of the picture.
        accept_doubtful
            Whether a picture with a doubt is accepted. By default it is refused: an entry whose
            false match rate does not hold troubles every later search.
        replace
            Whether to replace an entry with the same id, as in `add`.

        Raises
        ------
        InvalidInput
            If the picture is refused, or the id is there already.
        """
        wanted = Enrolment(id=id, picture=picture, person=person, metadata=metadata or {})
        result = acquire(wanted, self.verifier, Role(role), accept_doubtful=accept_doubtful)
        if result.entry is None:
            raise InvalidInput(
                f"the picture cannot be enrolled: {result.reason}", source=result.source
            )
        if self.add([result.entry], replace=replace).refused:
            raise InvalidInput(
                "the gallery holds this id already",
                source=id,
                remedy="use another id, or replace the entry",
            )
        return result.entry

    def remove(self, ids: Sequence[str], *, purge: bool | None = None) -> tuple[str, ...]:
        """Remove entries, and return the ids of those that were there.

        Parameters
        ----------
        ids
            The ids of the entries.
        purge
            Whether to remove their bytes from the files at once, see `purge`. By default that is
            done in a folder of this machine and not in an object store.
        """
        found = sorted(self.held(ids))
        for start in range(0, len(found), _BATCH):
            part = found[start : start + _BATCH]
            self._engine.delete(f"id IN ({', '.join(map(quoted, part))})")
        if found and (not is_remote(self._engine.where) if purge is None else purge):
            self.purge()
        return tuple(found)

    def purge(self) -> None:
        """Remove the bytes of removed and replaced entries from the gallery's files.

        All entries are rewritten and the old files, indices included, are deleted; what the file
        system or the disk keeps of deleted files is beyond this library. In an object store nobody
        else may use the gallery meanwhile.
        """
        radius = index.radius(self._engine)
        self._engine.purge()
        if radius is not None:
            index.prepare(self._engine, radius)

    @property
    def unpurged(self) -> bool:
        """Whether its files may still hold bytes of removed entries."""
        return bool(self._engine.note(UNPURGED))

    def _check_dimension(self, entry: Entry, dimension: int) -> None:
        if entry.embedding.shape != (dimension,):
            raise InvalidInput(
                f"its embedding has {entry.embedding.size} numbers, and must have {dimension}",
                source=entry.id,
                remedy=f"embed it with the gallery's pack, {self.pack['name']}",
            )
