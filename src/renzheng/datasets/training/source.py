"""The interface of training sets, and what they share."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from pathlib import Path
from typing import BinaryIO, Protocol

import numpy as np
import numpy.typing as npt

from renzheng.errors import InvalidInput

Labels = npt.NDArray[np.int64]


class Source(Protocol):
    """Pictures of people, by number.

    Attributes
    ----------
    people
        The people's names.
    labels
        int64 (n,): the person in each picture, an index into `people`.
    digest
        SHA-256 of names and labels, equal for two runs on the same data.
    problems
        The pictures that were left out, with reasons.
    """

    people: tuple[str, ...]
    labels: Labels
    problems: tuple[str, ...]

    @property
    def digest(self) -> str:
        """SHA-256 of names and labels."""

    def __len__(self) -> int: ...

    def name(self, index: int) -> str:
        """Return the name of a picture in messages."""

    def content(self, index: int) -> bytes:
        """Return a picture, encoded."""


class Named:
    """A base of sources: names, labels, and a digest of both."""

    problems: tuple[str, ...] = ()

    def __init__(self, where: str, names: Sequence[str], people: Sequence[str]):
        if not names:
            raise InvalidInput("there are no pictures", source=where)
        known, labels = np.unique(np.asarray(people), return_inverse=True)
        if len(known) < 2:
            raise InvalidInput(
                f"all {len(names)} picture(s) are of one person: {known[0]}",
                source=where,
                remedy="add other people: training needs two at least",
            )
        self._names = tuple(names)
        self.people: tuple[str, ...] = tuple(str(person) for person in known)
        self.labels: Labels = labels.astype(np.int64)

    @property
    def digest(self) -> str:
        """SHA-256 of names and people, in order."""
        lines = (f"{n}\0{self.people[k]}\n" for n, k in zip(self._names, self.labels, strict=True))
        return hashlib.sha256("".join(lines).encode("utf-8", "surrogateescape")).hexdigest()

    def __len__(self) -> int:
        return len(self._names)

    def name(self, index: int) -> str:
        """Return the name of a picture in messages."""
        return self._names[index]


class Handles:
    """Open files of this process: few at a time, closed in the end, never pickled.

    A forked process opens its own, since it would share the place in the file with its parent.
    """

    _MAX_OPEN = 64  # systems allow some hundreds, and a set may have more shards

    def __init__(self) -> None:
        self._open: dict[Path, BinaryIO] = {}
        self._owner = os.getpid()

    def __getstate__(self) -> dict[str, object]:
        """Leave out the open files, which belong to this process."""
        return {"_open": {}, "_owner": -1}

    def __del__(self) -> None:
        self.close()

    def close(self) -> None:
        """Close all files; they are opened again as needed."""
        while self._open:
            self._open.popitem()[1].close()

    def get(self, path: Path) -> BinaryIO:
        """Return the file, open for reading at any place."""
        if self._owner != os.getpid():
            self.close()
            self._owner = os.getpid()
        if path not in self._open:
            if len(self._open) >= self._MAX_OPEN:
                self._open.pop(next(iter(self._open))).close()
            self._open[path] = path.open("rb")
        return self._open[path]


class Merged(Named):
    """Several sources as one; people of different sources are different people."""

    def __init__(self, sources: Sequence[Source]):
        self._sources = tuple(sources)
        names, people = [], []
        for number, source in enumerate(sources):
            names += [source.name(i) for i in range(len(source))]
            people += [f"{number}/{source.people[k]}" for k in source.labels]
        super().__init__("merged sources", names, people)
        self.problems = tuple(problem for source in sources for problem in source.problems)
        self._ends = np.cumsum([len(source) for source in sources])

    def content(self, index: int) -> bytes:
        """Return a picture, encoded."""
        which = int(np.searchsorted(self._ends, index, side="right"))
        before = int(self._ends[which - 1]) if which else 0
        return self._sources[which].content(index - before)
