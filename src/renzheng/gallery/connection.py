"""The connection to LanceDB: where a gallery lies, who may write to it, and what its errors mean.

LanceDB is a library over files: the same code works on a folder of this machine and on an object
store (``s3://``, ``gs://``, ``az://``) that many machines read and write at once.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, nullcontext
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from urllib.request import url2pathname

from renzheng.errors import InvalidInput, RenzhengError

_WAIT = 120.0  # seconds for another writer
_INDEX_CACHE, _METADATA_CACHE = 1 << 30, 1 << 28  # bytes; LanceDB's own limits reach 7 GiB


def is_remote(where: str) -> bool:
    """Return whether this names an object store rather than a folder of this machine."""
    return "://" in where


def location(where: str) -> str:
    """Return a folder's path, or the address of an object store.

    Raises
    ------
    InvalidInput
        If it names LanceDB's own cluster.
    """
    if where.startswith("file:"):
        return url2pathname(urlsplit(where).path)
    if where.startswith("db:"):
        raise InvalidInput(
            "LanceDB's own cluster is not supported",
            source=where,
            remedy="name a folder, or an object store",
        )
    return where


def writer_lock(where: str) -> Any:
    """Return the lock that writers hold: a file in a folder, nothing in an object store.

    A process may take it again while it holds it, and a killed process releases it.
    """
    if is_remote(where):
        return nullcontext()
    _library()
    import filelock

    return filelock.FileLock(Path(where) / ".lock", timeout=_WAIT, mode=0o600)


def connect(where: str, options: Mapping[str, str] | None) -> Any:
    """Return LanceDB's connection to a folder or an object store.

    Raises
    ------
    RenzhengError
        If LanceDB or filelock is not installed, or the connection fails.
    """
    lance = _library()
    with explained(where):
        return lance.connect(
            where,
            storage_options=dict(options or {}),
            # Every read sees what other processes have written; without an interval none would.
            read_consistency_interval=timedelta(0),
            session=lance.Session(
                index_cache_size_bytes=_INDEX_CACHE, metadata_cache_size_bytes=_METADATA_CACHE
            ),
        )


@contextmanager
def explained(where: str) -> Iterator[None]:
    """Turn the errors of LanceDB, filelock and the file system into a `RenzhengError`."""
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
        # LanceDB's messages name a line of its own source code.
        message = str(error).splitlines()[0] if str(error) else type(error).__name__
        message = re.sub(r",? \S*/registry/src/\S*|lance error: |LanceError\(\w+\): ", "", message)
        raise RenzhengError(
            f"the gallery cannot be used: {message[:500]}",
            source=where,
            remedy="if another process was removing entries, try again",
        ) from error


def _library() -> Any:
    try:
        import filelock  # noqa: F401 - checked here, so that nothing fails half way
        import lancedb
    except ImportError as error:
        raise RenzhengError(
            f"a gallery needs the package {error.name}",
            remedy="pip install 'renzheng[gallery]'",
        ) from error
    return lancedb
