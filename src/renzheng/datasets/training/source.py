"""What every collection of training pictures offers."""

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
        Their names.
    labels
        int64 (n,): whose each picture is, an index into `people`.
    digest
        SHA-256 of names and labels: whether two runs had the same data.
    problems
        What was left out, and why.
    """

    people: tuple[str, ...]
    labels: Labels
    problems: tuple[str, ...]

    @property
    def digest(self) -> str:
        """See above."""

    def __len__(self) -> int: ...

    def name(self, index: int) -> str:
        """What messages call a picture."""

    def content(self, index: int) -> bytes:
        """A picture, encoded as it lies there."""


class Named:
    """What sources have in common: names, labels, and a digest of both."""

    problems: tuple[str, ...] = ()

    def __init__(self, where: str, names: Sequence[str], people: Sequence[str]):
        if not names:
            raise InvalidInput("there are no pictures", source=where)
        known, labels = np.unique(np.asarray(people), return_inverse=True)
        if len(known) < 2:
            raise InvalidInput(
                f"all {len(names)} picture(s) are of one person: {known[0]}",
                source=where,
                remedy="nothing can be learnt about telling people apart; add others",
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
        """What messages call a picture."""
        return self._names[index]


class Handles:
    """Open files of this process: few at a time, closed in the end, none of them pickled.

    A forked process opens its own, since it would share the place in the file with its parent.
    """

    _MOST = 64  # systems allow some hundreds, and a set may have more shards

    def __init__(self) -> None:
        self._open: dict[Path, BinaryIO] = {}
        self._owner = os.getpid()

    def __getstate__(self) -> dict[str, object]:
        """Nothing of this process."""
        return {"_open": {}, "_owner": -1}

    def __del__(self) -> None:
        self.close()

    def close(self) -> None:
        """Close them all; they are opened again as needed."""
        while self._open:
            self._open.popitem()[1].close()

    def get(self, path: Path) -> BinaryIO:
        """The file, open for reading at any place."""
        if self._owner != os.getpid():
            self.close()
            self._owner = os.getpid()
        if path not in self._open:
            if len(self._open) >= self._MOST:
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
        """A picture, encoded."""
        which = int(np.searchsorted(self._ends, index, side="right"))
        before = int(self._ends[which - 1]) if which else 0
        return self._sources[which].content(index - before)
