"""Unfinished work, in a file beside the output, from which a killed run continues."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field
from enum import Enum
from functools import partial
from pathlib import Path

from renzheng._support import files
from renzheng._support.sqlite_files import SqliteFile, is_foreign
from renzheng.apps.batch import records
from renzheng.errors import InvalidInput, RenzhengError
from renzheng.verification.templates import FaceTemplate

SUFFIX = ".unfinished"

_APPLICATION = int.from_bytes(b"rzbw", "big")  # identifies the file among SQLite files
_LAYOUT = 2  # 1 had no strengths of templates
_TABLES = (
    "CREATE TABLE settings (name TEXT PRIMARY KEY, value TEXT) WITHOUT ROWID",
    "CREATE TABLE listing (number INTEGER PRIMARY KEY, path BLOB)",
    "CREATE TABLE read (picture INTEGER PRIMARY KEY, size INTEGER, modified INTEGER)",
    f"CREATE TABLE extracts (picture INTEGER PRIMARY KEY, {', '.join(records.COLUMNS)})",
    "CREATE TABLE rows (number INTEGER PRIMARY KEY, content TEXT, embedding BLOB)",
)

Stamp = tuple[int, int]  # bytes, and time of modification in ns; (-1, -1) where there is no file


class Begin(Enum):
    """The choice between continuing earlier work and starting anew."""

    NEW = "new"  # refuse if there is unfinished work or an output
    RESUME = "resume"  # continue unfinished work, or start
    RESTART = "restart"  # replace both


@dataclass(eq=False)
class Progress:
    """The content of one transaction.

    Attributes
    ----------
    rows
        Number, content and embedding of each finished row.
    templates
        The templates that later rows need, by the number of the picture.
    dropped
        The numbers of pictures that no later row needs.
    stamps
        The stamps of pictures' files when they were read, by the number of the picture.
    """

    rows: list[tuple[int, str, bytes | None]] = field(default_factory=list)
    templates: dict[int, FaceTemplate] = field(default_factory=dict)
    dropped: list[int] = field(default_factory=list)
    stamps: dict[int, Stamp] = field(default_factory=dict)


def place(output: Path) -> Path:
    """Return the path of the unfinished work for an output."""
    return output.with_name(output.name + SUFFIX)


class Store(SqliteFile):
    """The file of one run; one process at a time may have it open.

    It holds biometric templates: only its owner may read it, each template is overwritten once no
    later row needs it, and the file is deleted when the run is complete.

    Parameters
    ----------
    output
        The file that the run will write.
    conditions
        All that the results depend on, by name.
    begin
        The choice about earlier work.

    Raises
    ------
    InvalidInput
        If there is unfinished work or an output and `begin` refuses it, the work was begun under
        other conditions, another run has it open, or the file is something else.
    RenzhengError
        If the file cannot be written.
    """

    def __init__(self, output: Path, conditions: Mapping[str, str], begin: Begin = Begin.NEW):
        self.path = place(output)
        self._check_place()
        there = self.path.exists() and self.path.stat().st_size > 0
        if there and begin is Begin.NEW:
            raise InvalidInput(
                "there is unfinished work for this output",
                source=str(self.path),
                remedy="continue it with --resume, or discard it and start anew with --restart",
            )
        if output.exists() and not there and begin is not Begin.RESTART:
            finished = "the output is there already, and no unfinished work"
            raise InvalidInput(
                finished if begin is Begin.RESUME else "there is a file already",
                source=str(output),
                remedy="name another output, or do the work again in its place with --restart",
            )
        try:
            files.keep_private(self.path)
        except OSError as error:
            raise RenzhengError(
                f"unfinished work cannot be kept: {error.strerror}",
                source=str(self.path),
                remedy="name an output in a folder that exists and that you may write to",
            ) from error
        prepare = partial(self._prepare, conditions, anew=begin is Begin.RESTART)
        super().__init__(self.path, prepare, timeout=0, isolation_level=None)

    def finish(self) -> None:
        """Close and delete the file, once the output is there."""
        self._base.close()
        # Another process that opens it in between finds all rows done, and writes the same output.
        with suppress(FileNotFoundError):
            self.path.unlink()

    # --- reading and writing ---------------------------------------------------------------------

    @property
    def done(self) -> int:
        """The number of finished rows: those from the first on."""
        return int(self._one("SELECT COUNT(*) FROM rows"))

    def rows(self, first: int = 0) -> Iterator[tuple[str, bytes | None]]:
        """Yield content and embedding of the finished rows, in order, from this number on."""
        query = "SELECT content, embedding FROM rows WHERE number >= ? ORDER BY number"
        with self._explained(), closing(self._base.execute(query, (first,))) as found:
            yield from found

    def pictures(self) -> set[int]:
        """Return the numbers of the pictures whose templates are stored."""
        with self._explained():
            return {number for (number,) in self._base.execute("SELECT picture FROM extracts")}

    def stamps(self) -> dict[int, Stamp]:
        """Return the stamps of pictures' files when they were read."""
        with self._explained():
            found = self._base.execute("SELECT picture, size, modified FROM read").fetchall()
            return {number: (size, modified) for number, size, modified in found}

    def template(self, picture: int) -> FaceTemplate:
        """Return the stored template of a picture."""
        query = f"SELECT {', '.join(records.COLUMNS)} FROM extracts WHERE picture = ?"
        with self._explained():
            row = self._base.execute(query, (picture,)).fetchone()
            if row is None:
                raise sqlite3.DatabaseError("a template is missing")
            try:
                return records.from_row(row)
            except ValueError as error:
                raise sqlite3.DatabaseError(str(error)) from error

    def write(self, new: Progress) -> None:
        """Write finished work in one transaction."""
        marks = ", ".join("?" * len(records.COLUMNS))
        with self._explained(), self._transaction():
            self._base.executemany("INSERT INTO rows VALUES (?, ?, ?)", new.rows)
            self._base.executemany(
                f"INSERT OR REPLACE INTO extracts VALUES (?, {marks})",
                ((number, *records.to_row(one)) for number, one in new.templates.items()),
            )
            self._base.executemany(
                "DELETE FROM extracts WHERE picture = ?", ((number,) for number in new.dropped)
            )
            self._base.executemany(
                "INSERT OR REPLACE INTO read VALUES (?, ?, ?)",
                ((number, *stamp) for number, stamp in new.stamps.items()),
            )

    def listing(self, fresh: Iterable[bytes] | None = None) -> Sequence[bytes]:
        """Return the files of the run: those it was begun with, else the given ones."""
        with self._explained():
            if fresh is not None and not self._one("SELECT COUNT(*) FROM listing"):
                with self._transaction():
                    self._base.executemany(
                        "INSERT INTO listing VALUES (?, ?)", enumerate(fresh, start=1)
                    )
            found = self._base.execute("SELECT path FROM listing ORDER BY number")
            return [bytes(path) for (path,) in found]

    # --- SQLite ----------------------------------------------------------------------------

    def _check_place(self) -> None:
        irregular = self.path.exists() and not self.path.is_file()
        if self.path.is_symlink() or irregular or is_foreign(self.path):
            raise _Foreign(self.path)

    def _prepare(self, conditions: Mapping[str, str], *, anew: bool) -> None:
        # The lock is held until the file is closed or the process ends.
        self._base.execute("PRAGMA locking_mode = EXCLUSIVE")
        self._base.execute("PRAGMA secure_delete = ON")
        with self._transaction():
            owner, layout = (
                self._one(f"PRAGMA {name}") for name in ("application_id", "user_version")
            )
            empty = not self._one("SELECT COUNT(*) FROM sqlite_master")
            if owner != _APPLICATION and not (empty and owner == 0):
                raise _Foreign(self.path)
            if not empty and (anew or layout != _LAYOUT):
                if not anew:
                    raise InvalidInput(
                        "this work was begun with another version of renzheng",
                        source=str(self.path),
                        remedy="continue with that version, or start anew with --restart",
                    )
                names = self._base.execute("SELECT name FROM sqlite_master WHERE type = 'table'")
                for (name,) in names.fetchall():
                    self._base.execute(f"DROP TABLE {name}")
                empty = True
            if empty:
                for table in _TABLES:
                    self._base.execute(table)
                self._base.executemany("INSERT INTO settings VALUES (?, ?)", conditions.items())
                self._base.execute(f"PRAGMA application_id = {_APPLICATION}")
                self._base.execute(f"PRAGMA user_version = {_LAYOUT}")
            else:
                self._check_conditions(conditions)

    def _check_conditions(self, conditions: Mapping[str, str]) -> None:
        before = dict(self._base.execute("SELECT name, value FROM settings"))
        other = []
        for name in dict.fromkeys((*before, *conditions)):
            then, now = (_short(those.get(name, "none")) for those in (before, conditions))
            if before.get(name) != conditions.get(name):
                other.append(f"{name} ({then}, now {now})")
        if other:
            raise InvalidInput(
                f"the work was begun with another {'; another '.join(other)}",
                source=str(self.path),
                remedy="continue as it was begun, or start anew with --restart",
            )

    def _one(self, query: str) -> int:
        (value,) = self._base.execute(query).fetchone()
        return int(value)

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        self._base.execute("BEGIN EXCLUSIVE")
        try:
            yield
            self._base.execute("COMMIT")
        except BaseException:
            with suppress(sqlite3.Error):
                self._base.execute("ROLLBACK")
            raise

    def _failure(self, error: Exception) -> RenzhengError:
        if getattr(error, "sqlite_errorname", "") == "SQLITE_BUSY":
            return InvalidInput(
                "another run is at this work",
                source=str(self.path),
                remedy="let it finish, or name another output",
            )
        return RenzhengError(
            f"unfinished work cannot be kept or read: {error}",
            source=str(self.path),
            remedy="free some space on the disk and continue with --resume; if the file is "
            "damaged, delete it and start anew",
        )


class _Foreign(InvalidInput):
    def __init__(self, path: Path):
        super().__init__(
            "unfinished work would be kept here, but this file is something else; it is left alone",
            source=str(path),
            remedy="move it away, or name another output",
        )


def _short(text: str) -> str:
    return text if len(text) <= 100 else f"{text[:97]}..."
