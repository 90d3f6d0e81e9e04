"""Lists of picture files: those in folders, and those that a text file names, each once."""

from __future__ import annotations

import os
import stat
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from renzheng._support import files
from renzheng.errors import InvalidInput, RenzhengError

SUFFIXES = frozenset({
    ".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".webp", ".bmp", ".dib", ".tif", ".tiff", ".gif",
    ".heic", ".heif", ".avif", ".jp2", ".j2k", ".j2c", ".jpc",
})  # fmt: skip
MAX_FILES = 2_000_000  # each takes some 3 KiB of memory, including hashes
_MAX_LIST = 256 << 20  # bytes

HIDDEN, OTHER, LINK = "hidden", "not a picture by its name", "a link to what is listed already"


@dataclass(frozen=True)
class Unread:
    """A file or folder that could not be used.

    Attributes
    ----------
    path
        The file or folder.
    reason
        The reason for people.
    """

    path: Path
    reason: str


@dataclass(frozen=True)
class Listing:
    """The picture files that were found.

    Attributes
    ----------
    paths
        Files with names of pictures, sorted by the bytes of their paths.
    links
        Those of them that are symbolic links.
    skipped
        Number of skipped entries, by reason.
    unread
        Folders that could not be read.
    """

    paths: tuple[Path, ...]
    links: frozenset[Path]
    skipped: dict[str, int]
    unread: tuple[Unread, ...]


def find(sources: Sequence[Path], *, listed: Sequence[Path] = (), hidden: bool = False) -> Listing:
    """Find the pictures in folders and their subfolders.

    Parameters
    ----------
    sources
        Folders, and files, which are taken whatever their names are.
    listed
        More sources, some of which may no longer exist.
    hidden
        Whether to include names that begin with a dot.

    Raises
    ------
    InvalidInput
        If one of `sources` does not exist.
    RenzhengError
        If there are too many files.

    Notes
    -----
    A folder or a file that is reached twice, by a link or because two sources overlap, is listed
    once, by the name that is not a link. Hard links are separate files.
    """
    walk = _Walk(hidden)
    for source in sources:
        walk.begin(source)
    for source in listed:
        try:
            walk.begin(source)
        except InvalidInput as error:
            walk.unread.append(Unread(source, error.reason))
    walk.finish()
    paths = sorted(walk.paths.values(), key=os.fsencode)
    links = frozenset(walk.linked)
    return Listing(tuple(paths), links, dict(walk.skipped), tuple(walk.unread))


def read_list(path: Path) -> list[Path]:
    """Read a text file that names a file or folder on each line.

    Parameters
    ----------
    path
        The text file. Relative names start at its folder. Empty lines are skipped; lines may end in
        NUL instead (``find -print0``), since names can contain line breaks.

    Raises
    ------
    InvalidInput
        If it cannot be read, or names nothing.
    """
    content = files.read(path, _MAX_LIST).removeprefix(b"\xef\xbb\xbf")  # a byte order mark
    lines = content.split(b"\0") if b"\0" in content else content.splitlines()
    named = [path.parent / os.fsdecode(line) for line in lines if line.strip()]
    if not named:
        raise InvalidInput(
            "the list names no file", source=str(path), remedy="write one path on each line"
        )
    return named


class _Walk:
    def __init__(self, hidden: bool) -> None:
        self.paths: dict[str, Path] = {}  # by absolute name
        self.linked: set[Path] = set()
        self.skipped: Counter[str] = Counter()
        self.unread: list[Unread] = []
        self._hidden = hidden
        self._folders: set[tuple[int, int]] = set()  # device and inode of visited folders
        self._named: set[Path] = set()  # links among the sources, taken whatever their names are
        self._later: list[Path] = []  # links, which are followed after all other files

    def begin(self, source: Path) -> None:
        try:
            status = source.stat()
        except (OSError, ValueError) as error:  # ValueError: no file has such a name
            reason = getattr(error, "strerror", None) or error
            raise InvalidInput(
                f"the file cannot be read: {reason}", source=str(source), remedy="check the path"
            ) from error
        if stat.S_ISDIR(status.st_mode):
            self._enter(source)
        elif source.is_symlink():
            self._named.add(source)
            self._later.append(source)
        else:
            self._take(source)

    def finish(self) -> None:
        """Follow the links, once all other files are listed."""
        while self._later:
            links, self._later = sorted(self._later, key=os.fsencode), []
            for link in links:
                try:
                    real = os.path.realpath(link, strict=True)
                    if os.path.isdir(real):  # noqa: PTH112 - a name, not a Path
                        self._enter(link)
                    elif Path(link).suffix.lower() not in SUFFIXES and link not in self._named:
                        self.skipped[OTHER] += 1
                    elif real in self.paths:
                        self.skipped[LINK] += 1
                    else:
                        self._take(link, real)
                        self.linked.add(link)
                except OSError as error:
                    if link.suffix.lower() in SUFFIXES or link in self._named:
                        reason = f"the link is broken: {error.strerror}"
                        self.unread.append(Unread(link, reason))
                    else:
                        self.skipped[OTHER] += 1

    def _enter(self, folder: Path) -> None:
        waiting = [folder]
        while waiting:
            here = waiting.pop()
            try:
                status = here.stat()
                if (status.st_dev, status.st_ino) in self._folders:
                    self.skipped[LINK] += 1
                    continue
                self._folders.add((status.st_dev, status.st_ino))
                with os.scandir(here) as entries:
                    waiting += self._sort_out(here, entries)
            except OSError as error:
                self.unread.append(Unread(here, f"the folder cannot be read: {error.strerror}"))

    def _sort_out(self, folder: Path, entries: Iterable[os.DirEntry[str]]) -> list[Path]:
        within = []
        for entry in entries:
            path = folder / entry.name
            if entry.name.startswith(".") and not self._hidden:
                self.skipped[HIDDEN] += 1
            elif entry.is_symlink():
                # followed later, since one bad link must not cost the whole folder
                self._later.append(path)
            elif entry.is_dir():
                within.append(path)
            elif entry.is_file() and path.suffix.lower() in SUFFIXES:
                self._take(path)
            else:
                self.skipped[OTHER] += 1
        return within

    def _take(self, path: Path, real: str | None = None) -> None:
        name = real or os.path.realpath(path.parent) + os.sep + path.name
        self.paths.setdefault(name, path)
        if len(self.paths) > MAX_FILES:
            raise RenzhengError(
                f"there are more than {MAX_FILES:,} pictures", remedy="name fewer folders"
            )
