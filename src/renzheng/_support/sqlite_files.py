"""Files of ours that SQLite keeps."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, Self

from renzheng.errors import RenzhengError

_MAGIC = b"SQLite format 3\0"
_MAX_VARIABLES = 500  # in one SQL statement; SQLite's own limit was 999 for long


class SqliteFile:
    """An open SQLite file, closed at the end of a ``with`` statement.

    A subclass turns SQLite's errors into its own in `_failure`.

    Parameters
    ----------
    path
        The file; None is a temporary file that goes with the process.
    prepare
        Makes the tables, or checks that they are there; called once the file is open.
    timeout
        Seconds to wait for another process that has the file locked.
    isolation_level
        As for `sqlite3.connect`; None leaves transactions to the caller.

    Raises
    ------
    RenzhengError
        If the file cannot be opened.
    """

    def __init__(
        self,
        path: Path | None,
        prepare: Callable[[], None],
        *,
        timeout: float,
        isolation_level: Literal["DEFERRED"] | None = "DEFERRED",
    ):
        with self._explained():
            # An empty name is a temporary file, which SQLite puts on disk as it grows.
            self._base = sqlite3.connect(
                "" if path is None else path, timeout=timeout, isolation_level=isolation_level
            )
            try:
                prepare()
            except BaseException:
                self._base.close()
                raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._base.close()

    def _failure(self, error: Exception) -> RenzhengError:
        """Return the error to raise for an error of SQLite."""
        raise NotImplementedError

    @contextmanager
    def _explained(self) -> Iterator[None]:
        """Raise what `_failure` makes of SQLite's errors."""
        try:
            yield
        except (sqlite3.Error, OverflowError) as error:
            raise self._failure(error) from error

    def _select(self, query: str, keys: Sequence[bytes] | Sequence[int]) -> Iterator[Any]:
        """Yield the rows of a query for many keys, which are put in the place of ``{}``."""
        with self._explained():
            for start in range(0, len(keys), _MAX_VARIABLES):
                part = keys[start : start + _MAX_VARIABLES]
                marks = ",".join("?" * len(part))
                yield from self._base.execute(query.format(marks), part)


def is_foreign(path: Path) -> bool:
    """Return whether there is a file with content that is not SQLite's."""
    head = b""
    if path.is_file():
        with suppress(OSError), path.open("rb") as file:
            head = file.read(len(_MAGIC))
    return bool(head) and head != _MAGIC
