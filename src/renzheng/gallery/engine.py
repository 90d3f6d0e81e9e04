"""The vector engine: the one module that knows LanceDB.

LanceDB is a library over files: the same code works on a folder of this machine and on an object
store (``s3://``, ``gs://``, ``az://``) that many machines read and write at once. Every change is
one transaction that is there whole or not at all.
"""

from __future__ import annotations

import json
import os
import re
import time
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext, suppress
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import urlsplit
from urllib.request import url2pathname

import numpy as np

from renzheng.errors import InvalidInput, RenzhengError
from renzheng.gallery.conditions import quoted
from renzheng.gallery.entries import Entry, Neighbour
from renzheng.gallery.rows import (
    ABOUT,
    COLUMNS,
    embeddings_of,
    entries_of,
    entries_schema,
    notes_schema,
    to_arrow,
)
from renzheng.types import Floats

if TYPE_CHECKING:
    import lancedb
    import pyarrow as pa

Result = TypeVar("Result")

LAYOUT = 1
ENTRIES, NOTES = "entries", "notes"
UNPURGED = "unpurged"  # a note: removed entries' bytes may lie in the files
_WAIT = 120.0  # seconds for another writer
_TRIES = 3  # of a reader whose version was cleaned away under it
_BATCH = 8192  # rows of a scan
_FRAGMENTS = 128  # pieces of a table before they are joined
_INDEX_CACHE, _METADATA_CACHE = 1 << 30, 1 << 28  # bytes; by itself it takes up to 7 GiB
_KEEP = timedelta(minutes=15)  # versions that a reader may still be at


def is_remote(where: str) -> bool:
    """Whether this names an object store, and no folder of this machine."""
    return "://" in where


def _place(where: str) -> str:
    """A folder's path, or the address of an object store."""
    if where.startswith("file:"):
        return url2pathname(urlsplit(where).path)
    if where.startswith("db:"):
        raise InvalidInput(
            "LanceDB's own cluster is not supported",
            source=where,
            remedy="name a folder, or an object store",
        )
    return where


class Engine:
    """The entries of one gallery and notes about it.

    Parameters
    ----------
    where
        A folder, or the address of an object store.
    options
        What the object store asks for (credentials, endpoint), as LanceDB names it.
    """

    def __init__(self, where: str, options: Mapping[str, str] | None = None):
        where = _place(where)
        self.where = where
        lance = _library()
        self._lock: Any = nullcontext() if is_remote(where) else _lock(where)
        # Every read sees what other processes have written; without an interval none would.
        with _explained(where):
            self._base = lance.connect(
                where,
                storage_options=dict(options or {}),
                read_consistency_interval=timedelta(0),
                session=lance.Session(
                    index_cache_size_bytes=_INDEX_CACHE, metadata_cache_size_bytes=_METADATA_CACHE
                ),
            )
        self._tables: dict[str, lancedb.table.Table] = {}
        self._commits = 0

    @classmethod
    def create(
        cls, where: str, about: Mapping[str, Any], options: Mapping[str, str] | None = None
    ) -> Engine:
        """Make an empty gallery.

        Raises
        ------
        InvalidInput
            If there is one, or the folder holds something else.
        RenzhengError
            If it cannot be made.
        """
        where = _place(where)
        if not is_remote(where):
            folder = Path(where)
            try:
                folder.mkdir(parents=True, exist_ok=True, mode=0o700)
                # What an interrupted attempt may have left.
                if {path.name for path in folder.iterdir()} - {f"{NOTES}.lance", ".lock"}:
                    raise InvalidInput(
                        "the folder is not empty", source=where, remedy="name a new one"
                    )
                folder.chmod(0o700)  # embeddings are biometric templates; an empty one may be open
            except OSError as error:
                raise RenzhengError(
                    f"the gallery cannot be made: {error.strerror}", source=where
                ) from error
        with _explained(where):
            engine = cls(where, options)
            if engine._there(ENTRIES):
                raise InvalidInput("there is a gallery already", source=where)
            schema = entries_schema(int(about["dimension"]), {"layout": LAYOUT, **about})
            # Notes first: a gallery is there when its entries are.
            engine._base.create_table(NOTES, schema=notes_schema(), exist_ok=True)
            engine._base.create_table(ENTRIES, schema=schema)
        return engine

    @classmethod
    def open(cls, where: str, options: Mapping[str, str] | None = None) -> Engine:
        """Open a gallery.

        Raises
        ------
        InvalidInput
            If there is none.
        RenzhengError
            If it cannot be opened.
        """
        where = _place(where)
        missing = InvalidInput(
            "there is no gallery", source=where, remedy="make one: renzheng gallery create"
        )
        # The engine would make the folder.
        if not is_remote(where) and not (Path(where) / f"{ENTRIES}.lance").is_dir():
            raise missing
        with _explained(where):
            engine = cls(where, options)
            if not engine._there(ENTRIES):
                raise missing
            layout = engine.about.get("layout")
        if layout != LAYOUT:
            raise RenzhengError(
                f"the gallery's layout is {layout}, {LAYOUT} is known",
                source=where,
                remedy="use the version of renzheng that wrote it",
            )
        return engine

    @property
    def about(self) -> dict[str, Any]:
        """What the gallery was made with."""
        found = (self._table(ENTRIES).schema.metadata or {}).get(ABOUT, b"{}")
        about: dict[str, Any] = json.loads(found)
        return about

    @property
    def dimension(self) -> int:
        """Of the embeddings."""
        size: int = self._table(ENTRIES).schema.field("embedding").type.list_size
        return size

    def count(self, condition: str | None = None) -> int:
        """How many entries there are, or fulfil a condition."""
        return self._read(lambda table: int(table.count_rows(condition)))

    def get(self, ids: Sequence[str]) -> list[Entry]:
        """The entries of these ids that there are, in no order."""
        if not ids:
            return []
        condition = f"id IN ({', '.join(map(quoted, ids))})"
        return self._read(
            lambda table: entries_of(table.search().where(condition).limit(len(ids)).to_arrow())
        )

    def scan(self, condition: str | None = None) -> Iterator[list[Entry]]:
        """All entries, some thousand at a time, in no order."""
        for batch in self._scan(COLUMNS, condition):
            yield entries_of(batch)

    def people(self) -> set[str]:
        """Whose the entries are."""

        def read() -> set[str]:
            found: set[str] = set()
            for batch in self._scan(("person",), None):
                found.update(batch.column("person").to_pylist())
            return found

        return self.again(read)

    def scan_embeddings(
        self, condition: str | None = None
    ) -> Iterator[tuple[list[str], list[str], Floats]]:
        """Ids, people and embeddings, float32 (n, d), some thousand at a time, in no order."""
        for batch in self._scan(("id", "person", "embedding"), condition):
            yield (
                batch.column("id").to_pylist(),
                batch.column("person").to_pylist(),
                embeddings_of(batch.column("embedding")),
            )

    def insert(self, entries: Sequence[Entry]) -> list[str]:
        """Add entries whose ids are new, all at once; returns these ids, in order."""
        with self._writing():
            known = {entry.id for entry in self.get([entry.id for entry in entries])}
            fresh = [entry for entry in entries if entry.id not in known]
            if not fresh:
                return []
            merge = self._table(ENTRIES).merge_insert("id").when_not_matched_insert_all()
            result = merge.execute(self._arrow(fresh))
            if result.num_inserted_rows != len(fresh):
                # Another machine was faster with some of them.
                there = {entry.id: entry for entry in self.get([entry.id for entry in fresh])}
                fresh = [e for e in fresh if _same(e, there.get(e.id))]
            self._tidy_now_and_then()
            return [entry.id for entry in fresh]

    def upsert(self, entries: Sequence[Entry]) -> None:
        """Add entries, all at once, in the place of those that have their ids."""
        with self._writing():
            if self.get([entry.id for entry in entries]):
                self.write_note(UNPURGED, True)
            merge = self._table(ENTRIES).merge_insert("id")
            merge = merge.when_matched_update_all().when_not_matched_insert_all()
            merge.execute(self._arrow(entries))
            self._tidy_now_and_then()

    def delete(self, condition: str) -> int:
        """Remove the entries that fulfil a condition; `purge` removes their bytes."""
        with self._writing():
            # Before, so that a killed process leaves the note, and no bytes that nobody knows of.
            self.write_note(UNPURGED, True)
            return int(self._table(ENTRIES).delete(condition).num_deleted_rows)

    def nearest(
        self,
        probes: Floats,
        count: int,
        condition: str | None = None,
        *,
        partitions: int | None = None,
    ) -> list[list[Neighbour]]:
        """The nearest entries of each probe, nearest first.

        Parameters
        ----------
        probes
            float32 (n, d), unit length.
        count
            How many at most.
        condition
            Only entries that fulfil it.
        partitions
            How many partitions of the index are looked into, and more where these hold too few
            entries that fulfil the condition; None compares every entry.
        """

        def search(table: Any) -> Any:
            query = table.search(probes if len(probes) > 1 else probes[0])
            query = query.distance_type("l2").limit(count).select([*COLUMNS, "_distance"])
            if condition is not None:
                query = query.where(condition, prefilter=True)
            if partitions is None:
                return query.bypass_vector_index().to_arrow()
            return query.minimum_nprobes(partitions).maximum_nprobes(0).to_arrow()

        if not len(probes) or not self.count():
            return [[] for _ in probes]
        found = self._read(search)
        of = (
            found.column("query_index").to_pylist()
            if "query_index" in found.column_names
            else [0] * len(found)
        )
        neighbours: list[list[Neighbour]] = [[] for _ in probes]
        for probe, entry in zip(of, entries_of(found), strict=True):
            # The engine's squares in single precision lose what lies near 0.
            apart = entry.embedding.astype(np.float64) - probes[probe].astype(np.float64)
            neighbours[probe].append(Neighbour(entry, float(np.linalg.norm(apart))))
        for each in neighbours:
            each.sort(key=lambda neighbour: (neighbour.distance, neighbour.entry.id))
        return neighbours

    def index(self, partitions: int) -> None:
        """Partition the embeddings, so that a search looks at a part of them only."""
        from lancedb.index import BTree, IvfFlat

        with self._writing():
            table = self._table(ENTRIES)
            table.optimize(cleanup_older_than=_KEEP)
            # IVF_FLAT keeps whole vectors, so that distances stay exact.
            whole = IvfFlat(distance_type="l2", num_partitions=partitions)
            table.create_index("embedding", config=whole, replace=True)
            table.create_index("id", config=BTree(), replace=True)

    def indexed(self) -> int:
        """How many entries are partitioned."""
        table = self._table(ENTRIES)
        for index in table.list_indices():
            if list(index.columns) == ["embedding"]:
                told = table.index_stats(index.name)
                return 0 if told is None else int(told.num_indexed_rows)
        return 0

    def compact(self) -> None:
        """Join small pieces, index what is new, and forget old versions."""
        with self._writing():
            self._table(ENTRIES).optimize(cleanup_older_than=_KEEP)
            self._table(NOTES).optimize(cleanup_older_than=_KEEP)

    def purge(self) -> None:
        """Write every entry anew and delete the files that held those that were removed.

        A reader or writer elsewhere would lose its files: where the folder is of this machine, no
        other can write meanwhile, and readers try again; for an object store the caller has to see
        that nobody works on it.
        """
        with self._writing():
            table = self._table(ENTRIES)
            self.write_note("index", None)
            self._drop_indices()  # they hold embeddings of their own
            table.update(where="true", values_sql={"id": "id"})
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", UserWarning)  # of what the lock prevents
                table.optimize(cleanup_older_than=timedelta(0), delete_unverified=True)
                self.write_note(UNPURGED, None)  # by now they are gone
                notes = self._table(NOTES)
                notes.optimize(cleanup_older_than=timedelta(0), delete_unverified=True)

    def note(self, name: str) -> Any:
        """A note about the gallery, or None."""
        rows = self._read(
            lambda table: table.search().where(f"name = {quoted(name)}").limit(1).to_list(), NOTES
        )
        return json.loads(rows[0]["value"]) if rows else None

    def write_note(self, name: str, value: Any) -> None:
        """Keep a note in the place of what it was; None removes it."""
        import pyarrow as pa

        with self._writing():
            table = self._table(NOTES)
            if value is None:
                table.delete(f"name = {quoted(name)}")
                return
            row = {"name": [name], "value": [json.dumps(value)]}
            merge = table.merge_insert("name")
            merge = merge.when_matched_update_all().when_not_matched_insert_all()
            merge.execute(pa.table(row, schema=notes_schema()))

    def size(self) -> int | None:
        """Bytes on disk; None where it is no folder of this machine."""
        if is_remote(self.where):
            return None
        total = 0
        for folder, _, files in os.walk(self.where):
            for name in files:
                with suppress(FileNotFoundError):  # they come and go while others work on it
                    total += (Path(folder) / name).stat().st_size
        return total

    def _scan(self, columns: Sequence[str], condition: str | None) -> Iterator[Any]:
        query = self._table(ENTRIES).search().select(list(columns))
        if condition is not None:
            query = query.where(condition)
        with _explained(self.where):
            yield from query.to_batches(batch_size=_BATCH)

    def again(self, work: Callable[[], Result]) -> Result:
        """Do what reads, and do it anew where another process cleaned away what was being read."""
        for left in reversed(range(_TRIES)):
            try:
                with _explained(self.where):
                    return work()
            except RenzhengError:
                if not left:
                    raise
                self._tables.clear()
                time.sleep(0.05)
        raise AssertionError  # the last try returns or raises

    def _read(self, work: Callable[[Any], Result], name: str = ENTRIES) -> Result:
        return self.again(lambda: work(self._table(name)))

    @contextmanager
    def _writing(self) -> Iterator[None]:
        """One writer at a time, where the gallery is a folder; a killed one holds nothing."""
        with _explained(self.where), self._lock:  # it may be taken again by who holds it
            yield

    def _tidy_now_and_then(self) -> None:
        """Every change adds a piece, and a table of thousands of pieces is slow to open."""
        self._commits += 1
        if self._commits % 16:
            return
        # What was to be kept is kept already: a failure here must not make it look as if not.
        with suppress(OSError, RuntimeError, ValueError):
            table = self._table(ENTRIES)
            if table.stats()["fragment_stats"]["num_fragments"] > _FRAGMENTS:
                table.optimize(cleanup_older_than=_KEEP)

    def _drop_indices(self) -> None:
        table = self._table(ENTRIES)
        for index in table.list_indices():
            table.drop_index(index.name)

    def _there(self, name: str) -> bool:
        try:
            self._table(name)
        except ValueError:  # what LanceDB raises where there is none
            return False
        return True

    def _table(self, name: str) -> Any:
        if name not in self._tables:
            self._tables[name] = self._base.open_table(name)
        return self._tables[name]

    def _arrow(self, entries: Sequence[Entry]) -> pa.Table:
        return to_arrow(entries, self._table(ENTRIES).schema)


def _same(entry: Entry, other: Entry | None) -> bool:
    return other is not None and entry.to_dict() == other.to_dict()


def _lock(where: str) -> Any:
    import filelock

    return filelock.FileLock(Path(where) / ".lock", timeout=_WAIT, mode=0o600)


def _library() -> Any:
    try:
        import filelock  # noqa: F401 - asked for early, so that nothing fails half way
        import lancedb
    except ImportError as error:
        raise RenzhengError(
            f"a gallery needs the package {error.name}",
            remedy="pip install 'renzheng[gallery]'",
        ) from error
    return lancedb


@contextmanager
def _explained(where: str) -> Iterator[None]:
    """What the engine raises, as what this package raises."""
    try:
        yield
    except RenzhengError:
        raise
    except TimeoutError as error:  # filelock's is one
        raise RenzhengError(
            "another process has been writing to the gallery for minutes",
            source=where,
            remedy="try again when it is done",
        ) from error
    except (OSError, RuntimeError, ValueError) as error:
        # The engine tells where in its own sources it noticed.
        told = str(error).splitlines()[0] if str(error) else type(error).__name__
        told = re.sub(r",? \S*/registry/src/\S*|lance error: |LanceError\(\w+\): ", "", told)
        raise RenzhengError(
            f"the gallery cannot be used: {told[:500]}",
            source=where,
            remedy="if another process was removing entries, try again",
        ) from error
