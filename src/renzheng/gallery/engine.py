"""The vector engine: a gallery's entries and notes as LanceDB tables.

Every change is one transaction, which takes effect as a whole or not at all.
"""

from __future__ import annotations

import json
import os
import time
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from renzheng._support.notation import from_json
from renzheng.errors import InvalidInput, RenzhengError
from renzheng.gallery.conditions import quoted
from renzheng.gallery.connection import connect, explained, is_remote, location, writer_lock
from renzheng.gallery.entries import Entry, Neighbour
from renzheng.gallery.rows import (
    ABOUT,
    ADDED_COLUMNS,
    Block,
    entries_of,
    entries_schema,
    notes_schema,
    readable_columns,
    to_arrow,
)
from renzheng.types import Floats

if TYPE_CHECKING:
    import lancedb
    import pyarrow as pa

Result = TypeVar("Result")

LAYOUT = 1
ENTRIES, NOTES = "entries", "notes"
UNPURGED = "unpurged"  # a note: the files may still hold bytes of removed entries
_TRIES = 3  # for a reader whose version was deleted while it read
_BATCH = 8192  # rows read at a time in a scan
_FRAGMENTS = 128  # fragments of a table before they are merged
_KEEP = timedelta(minutes=15)  # age of versions that a reader may still use


class Engine:
    """The entries of one gallery, and notes about it.

    Parameters
    ----------
    where
        A folder, or the address of an object store.
    options
        Settings of the object store (credentials, endpoint), by LanceDB's names.
    """

    def __init__(self, where: str, options: Mapping[str, str] | None = None):
        self.where = location(where)
        self._lock = writer_lock(self.where)
        self._database = connect(self.where, options)
        self._tables: dict[str, lancedb.table.Table] = {}
        self._commits = 0

    @classmethod
    def create(
        cls, where: str, about: Mapping[str, Any], options: Mapping[str, str] | None = None
    ) -> Engine:
        """Create an empty gallery.

        Raises
        ------
        InvalidInput
            If there is a gallery already, or the folder holds something else.
        RenzhengError
            If the gallery cannot be created.
        """
        where = location(where)
        if not is_remote(where):
            folder = Path(where)
            try:
                folder.mkdir(parents=True, exist_ok=True, mode=0o700)
                # These are what an interrupted attempt may have left.
                if {path.name for path in folder.iterdir()} - {f"{NOTES}.lance", ".lock"}:
                    raise InvalidInput(
                        "the folder is not empty", source=where, remedy="name a new folder"
                    )
                folder.chmod(0o700)  # it may have existed, open to others; embeddings are private
            except OSError as error:
                raise RenzhengError(
                    f"the gallery cannot be created: {error.strerror}", source=where
                ) from error
        with explained(where):
            engine = cls(where, options)
            if engine._exists(ENTRIES):
                raise InvalidInput("there is already a gallery here", source=where)
            schema = entries_schema(int(about["dimension"]), {"layout": LAYOUT, **about})
            # Notes first: a gallery exists once its entries table does.
            engine._database.create_table(NOTES, schema=notes_schema(), exist_ok=True)
            engine._database.create_table(ENTRIES, schema=schema)
        return engine

    @classmethod
    def open(cls, where: str, options: Mapping[str, str] | None = None) -> Engine:
        """Open a gallery.

        Raises
        ------
        InvalidInput
            If there is no gallery.
        RenzhengError
            If the gallery cannot be opened.
        """
        where = location(where)
        missing = InvalidInput(
            "there is no gallery here", source=where, remedy="create one: renzheng gallery create"
        )
        # LanceDB would create the folder.
        if not is_remote(where) and not (Path(where) / f"{ENTRIES}.lance").is_dir():
            raise missing
        with explained(where):
            engine = cls(where, options)
            if not engine._exists(ENTRIES):
                raise missing
            layout = engine.about.get("layout")
        if layout != LAYOUT:
            raise RenzhengError(
                f"the gallery has layout {layout}; this version of renzheng reads layout {LAYOUT}",
                source=where,
                remedy="use the version of renzheng that created it",
            )
        return engine

    @property
    def about(self) -> dict[str, Any]:
        """The pack, dimension and version that the gallery was created with."""
        found = (self._table(ENTRIES).schema.metadata or {}).get(ABOUT, b"{}")
        about: dict[str, Any] = from_json(found)
        return about

    @property
    def dimension(self) -> int:
        """The dimension of the embeddings."""
        size: int = self._table(ENTRIES).schema.field("embedding").type.list_size
        return size

    def count(self, condition: str | None = None) -> int:
        """Count the entries, or those that meet a condition."""
        return self._read(lambda table: int(table.count_rows(condition)))

    def get(self, ids: Sequence[str]) -> list[Entry]:
        """Return the entries with these ids, in no particular order."""
        if not ids:
            return []
        condition = f"id IN ({', '.join(map(quoted, ids))})"
        return self._read(
            lambda table: entries_of(table.search().where(condition).limit(len(ids)).to_arrow())
        )

    def scan(self, condition: str | None = None) -> Iterator[list[Entry]]:
        """Yield all entries, some thousand at a time, in no particular order."""
        for batch in self._scan(readable_columns(self._table(ENTRIES).schema), condition):
            yield entries_of(batch)

    def people(self) -> set[str]:
        """Return the names of all people who have entries."""

        def read() -> set[str]:
            found: set[str] = set()
            for batch in self._scan(("person",), None):
                found.update(batch.column("person").to_pylist())
            return found

        return self.again(read)

    def count_weak(self, min_strength: float) -> int:
        """Count the entries whose strength is known and below this one."""
        return self.count(f"strength < {float(min_strength)!r}") if self._has_strengths() else 0

    def count_unknown_strength(self) -> int:
        """Count the entries without a strength."""
        return self.count("strength IS NULL" if self._has_strengths() else None)

    def scan_embeddings(self) -> Iterator[Block]:
        """Yield the embeddings of all entries, some thousand rows at a time."""
        present = readable_columns(self._table(ENTRIES).schema)
        for batch in self._scan([name for name in Block.COLUMNS if name in present], None):
            yield Block.of(batch)

    def insert(self, entries: Sequence[Entry]) -> list[str]:
        """Add the entries whose ids are new in one transaction; return these ids in order."""
        with self._writing():
            known = {entry.id for entry in self.get([entry.id for entry in entries])}
            fresh = [entry for entry in entries if entry.id not in known]
            if not fresh:
                return []
            self._add_columns()
            merge = self._table(ENTRIES).merge_insert("id").when_not_matched_insert_all()
            result = merge.execute(self._arrow(fresh))
            if result.num_inserted_rows != len(fresh):
                # Another machine added some of them first.
                kept = {entry.id: entry for entry in self.get([entry.id for entry in fresh])}
                fresh = [entry for entry in fresh if _same(entry, kept.get(entry.id))]
            self._merge_sometimes()
            return [entry.id for entry in fresh]

    def upsert(self, entries: Sequence[Entry]) -> None:
        """Add entries in one transaction, replacing those with the same ids."""
        with self._writing():
            if self.get([entry.id for entry in entries]):
                self.write_note(UNPURGED, True)
            self._add_columns()
            merge = self._table(ENTRIES).merge_insert("id")
            merge = merge.when_matched_update_all().when_not_matched_insert_all()
            merge.execute(self._arrow(entries))
            self._merge_sometimes()

    def delete(self, condition: str) -> int:
        """Remove the entries that meet a condition; `purge` removes their bytes."""
        with self._writing():
            # Written first, so that a process killed half way leaves the note.
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
        """Return the nearest entries of each probe, nearest first.

        Parameters
        ----------
        probes
            float32 (n, d), unit length.
        count
            The most entries per probe.
        condition
            A condition that entries have to meet.
        partitions
            The number of index partitions to search; more are searched where these hold too few
            entries that meet the condition. None compares every entry.
        """

        def search(table: Any) -> Any:
            query = table.search(probes if len(probes) > 1 else probes[0])
            columns = [*readable_columns(table.schema), "_distance"]
            query = query.distance_type("l2").limit(count).select(columns)
            if condition is not None:
                query = query.where(condition, prefilter=True)
            if partitions is None:
                return query.bypass_vector_index().to_arrow()
            return query.minimum_nprobes(partitions).maximum_nprobes(0).to_arrow()

        if not len(probes) or not self.count():
            return [[] for _ in probes]
        found = self._read(search)
        numbers = (
            found.column("query_index").to_pylist()
            if "query_index" in found.column_names
            else [0] * len(found)
        )
        neighbours: list[list[Neighbour]] = [[] for _ in probes]
        for number, entry in zip(numbers, entries_of(found), strict=True):
            # LanceDB's squares in single precision lose what lies near 0.
            difference = entry.embedding.astype(np.float64) - probes[number].astype(np.float64)
            neighbours[number].append(Neighbour(entry, float(np.linalg.norm(difference))))
        for each in neighbours:
            each.sort(key=lambda neighbour: (neighbour.distance, neighbour.entry.id))
        return neighbours

    def index(self, partitions: int) -> None:
        """Partition the embeddings, so that a search compares only a part of them."""
        from lancedb.index import BTree, IvfFlat

        with self._writing():
            table = self._table(ENTRIES)
            table.optimize(cleanup_older_than=_KEEP)
            # IVF_FLAT keeps whole vectors, so that distances stay exact.
            flat = IvfFlat(distance_type="l2", num_partitions=partitions)
            table.create_index("embedding", config=flat, replace=True)
            table.create_index("id", config=BTree(), replace=True)

    def indexed(self) -> int:
        """Count the entries that are partitioned."""
        table = self._table(ENTRIES)
        for index in table.list_indices():
            if list(index.columns) == ["embedding"]:
                stats = table.index_stats(index.name)
                return 0 if stats is None else int(stats.num_indexed_rows)
        return 0

    def compact(self) -> None:
        """Merge small files, add new entries to the indices, and delete old versions."""
        with self._writing():
            self._table(ENTRIES).optimize(cleanup_older_than=_KEEP)
            self._table(NOTES).optimize(cleanup_older_than=_KEEP)

    def purge(self) -> None:
        """Rewrite every entry, and delete the files that held removed ones.

        A reader or writer elsewhere would lose its files. In a folder of this machine the lock
        keeps other writers out and readers try again; for an object store the caller has to see
        that nobody else uses it.
        """
        with self._writing():
            table = self._table(ENTRIES)
            self.write_note("index", None)
            self._drop_indices()  # they hold copies of embeddings
            table.update(where="true", values_sql={"id": "id"})
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", UserWarning)  # warns of what the lock prevents
                table.optimize(cleanup_older_than=timedelta(0), delete_unverified=True)
                self.write_note(UNPURGED, None)  # the old files are gone
                notes = self._table(NOTES)
                notes.optimize(cleanup_older_than=timedelta(0), delete_unverified=True)

    def note(self, name: str) -> Any:
        """Return a note about the gallery, or None."""
        rows = self._read(
            lambda table: table.search().where(f"name = {quoted(name)}").limit(1).to_list(), NOTES
        )
        return from_json(rows[0]["value"]) if rows else None

    def write_note(self, name: str, value: Any) -> None:
        """Write a note, replacing what it held; None removes it."""
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
        """Return the bytes on disk; None for an object store."""
        if is_remote(self.where):
            return None
        total = 0
        for folder, _, files in os.walk(self.where):
            for name in files:
                with suppress(FileNotFoundError):  # files come and go while others write
                    total += (Path(folder) / name).stat().st_size
        return total

    def _scan(self, columns: Sequence[str], condition: str | None) -> Iterator[Any]:
        query = self._table(ENTRIES).search().select(list(columns))
        if condition is not None:
            query = query.where(condition)
        with explained(self.where):
            yield from query.to_batches(batch_size=_BATCH)

    def again(self, work: Callable[[], Result]) -> Result:
        """Call a reading function, again if another process deleted what was being read."""
        for left in reversed(range(_TRIES)):
            try:
                with explained(self.where):
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
        """Keep other writers of this machine out of a folder."""
        with explained(self.where), self._lock:
            yield

    def _merge_sometimes(self) -> None:
        """Merge fragments: every change adds one, and a table of thousands is slow to open."""
        self._commits += 1
        if self._commits % 16:
            return
        # The change itself is written: a failure here must not make it look as if it were not.
        with suppress(OSError, RuntimeError, ValueError):
            table = self._table(ENTRIES)
            if table.stats()["fragment_stats"]["num_fragments"] > _FRAGMENTS:
                table.optimize(cleanup_older_than=_KEEP)

    def _has_strengths(self) -> bool:
        return "strength" in self._table(ENTRIES).schema.names

    def _add_columns(self) -> None:
        """Add the columns that a table of a former version lacks; that version ignores them."""
        table = self._table(ENTRIES)
        missing = {k: v for k, v in ADDED_COLUMNS.items() if k not in table.schema.names}
        if missing:
            try:
                table.add_columns(missing)
            except (OSError, RuntimeError, ValueError):
                # Another machine may have added them first.
                if any(name not in table.schema.names for name in missing):
                    raise

    def _drop_indices(self) -> None:
        table = self._table(ENTRIES)
        for index in table.list_indices():
            table.drop_index(index.name)

    def _exists(self, name: str) -> bool:
        try:
            self._table(name)
        except ValueError:  # LanceDB raises it for a missing table
            return False
        return True

    def _table(self, name: str) -> Any:
        if name not in self._tables:
            self._tables[name] = self._database.open_table(name)
        return self._tables[name]

    def _arrow(self, entries: Sequence[Entry]) -> pa.Table:
        return to_arrow(entries, self._table(ENTRIES).schema)


def _same(entry: Entry, other: Entry | None) -> bool:
    return other is not None and entry.to_dict() == other.to_dict()
