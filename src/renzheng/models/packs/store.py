"""Packs by name or folder: loaded, built on first use, or added."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

from renzheng._support.ownership import UntrustedPack
from renzheng.errors import PackError
from renzheng.models.converters import sources
from renzheng.models.packs import catalogue
from renzheng.models.packs.builder import build
from renzheng.models.packs.cache import sources_folder
from renzheng.models.packs.manifest import MANIFEST, Pack
from renzheng.models.packs.progress import Progress, to_stderr

Named = str | os.PathLike[str] | Pack  # a pack's name, its folder, or the pack


def add(
    name: str,
    given: Path | None = None,
    *,
    base: str | None = None,
    timeout: float = 30.0,
    progress: Progress | None = None,
) -> Pack:
    """Obtain the weights of a pack, keep them, and build it.

    No other function uses the network, and this one only without `given` and while the files are
    not kept yet.

    Parameters
    ----------
    name
        A name from `names`.
    given
        The folder that holds the files, or one of them; by default they are fetched from the
        address in the pack's definition. A file that is given is preferred to the package's.
    base
        Another address to fetch from.
    timeout
        The seconds that the server may stay silent.
    progress
        See `load`.

    Raises
    ------
    PackError
        If the pack needs nothing added, a file cannot be obtained or has another SHA-256 than
        wanted, or the cache cannot be written. Files that were kept before stay, and no others.
    """
    wanted, kept = catalogue.source(name), sources_folder()
    if not wanted.files:
        raise PackError(
            f"the pack {name} is made from installed packages: there is nothing to add",
            remedy=f"renzheng packs build {name}",
        )
    if given is not None:
        found = sources.take(wanted.files, given, one_suffices=wanted.one_suffices)
        sources.keep(found, wanted.files, kept)
        if wanted.one_suffices:  # the file that was given last is the one to use
            others = (digest for file, digest in wanted.files.items() if file not in found)
            sources.drop(others, kept)
        return build(name, progress)  # a pack may have been built of another file
    if not wanted.is_good(kept):
        base = base or str(wanted.base)
        first = next(iter(wanted.files))
        files = {first: wanted.files[first]} if wanted.one_suffices else wanted.files
        (progress or to_stderr)(f"fetching {', '.join(files)} from {base}")
        remedy = f"or fetch them elsewhere: renzheng packs add {name} --from FOLDER"
        fetched = sources.fetch(files, base, remedy=remedy, timeout=timeout)
        sources.keep(fetched, wanted.files, kept)
    return load(name, progress)


def load(name: str | os.PathLike[str], progress: Progress | None = None) -> Pack:
    """Load a pack by name, building it on first use, or from a folder of the user's own.

    Parameters
    ----------
    name
        A name from `names`, one of the catalogue that was added, or a path to a folder that holds
        a ``pack.toml``.
    progress
        Called with one line before a build; by default the line goes to standard error.

    Raises
    ------
    PackError
        If the pack is unknown, is damaged and cannot be rebuilt, the build fails, or others could
        have changed the pack.
    """
    if name not in catalogue.names():
        return _found(name)
    folder = catalogue.location(str(name))
    if folder.exists():
        try:
            return catalogue.loaded(str(name))
        except UntrustedPack:
            raise
        except PackError as error:
            if isinstance(error.__cause__, PermissionError):
                raise
            # A damaged or changed cache is mended: everything in it can be made again.
    return build(str(name), progress=progress)


def built(named: Named) -> Pack | None:
    """Return the pack, checked as by `load`, unless it would have to be built.

    Nothing is raised: None means missing, unknown or damaged, and `load` gives the reason.
    """
    if isinstance(named, Pack):
        return named
    with contextlib.suppress(PackError):
        if named in catalogue.names():
            return catalogue.loaded(str(named))
        return _found(named)
    return None


def calibrating(pack: Pack) -> str:
    """Return the command that makes a calibrated pack of one that has no calibration."""
    import shlex

    from renzheng.models.packs import published

    places = {catalogue.location(name): name for name in catalogue.names()}
    places |= {published.location(name): name for name in published.networks()}
    named = places.get(pack.folder) or shlex.quote(str(pack.folder))
    return f"renzheng calibrate --pack {named} --people FOLDER -o {shlex.quote(pack.name)}-pack"


def of_kind(kind: str, named: Named) -> Pack:
    """Return a pack of one kind.

    Parameters
    ----------
    kind
        The kind, one of `manifest.KINDS`.
    named
        A pack, its name or its folder; see `load`.

    Raises
    ------
    PackError
        If `load` raises it, or the pack is of another kind.
    """
    found = named if isinstance(named, Pack) else load(named)
    found.require(kind)
    return found


def _found(name: str | os.PathLike[str]) -> Pack:
    """Load a pack that has no build: one of the catalogue that was added, or the user's own."""
    # Most commands need neither, and the catalogue takes 5 ms to read.
    from renzheng.models.packs import missing, published

    text = os.fspath(name)
    is_name = "/" not in text and os.path.sep not in text
    if is_name and text in published.networks() and published.networks()[text].is_added:
        return published.loaded(text)
    try:
        own = (Path(name) / MANIFEST).is_file()
    except (OSError, ValueError):
        own = False
    if own:
        return Pack.load(Path(name))
    if is_name and text in published.networks():
        return published.loaded(text)  # it says how to add it
    raise missing.explained(name, catalogue.names(), published.networks())
