"""Where packs live: the definitions that ship with renzheng and the cache they are built into."""

from __future__ import annotations

import contextlib
import hashlib
import os
import shutil
import sys
import tempfile
import time
import tomllib
from collections.abc import Callable, Mapping
from enum import StrEnum
from pathlib import Path
from typing import Any

import platformdirs

from renzheng._support.files import sha256
from renzheng.errors import PackError
from renzheng.models.converters import sources
from renzheng.models.converters.sources import Source
from renzheng.models.packs.manifest import MANIFEST, Pack

DEFINITIONS = Path(__file__).parent / "definitions"
_ABANDONED_AFTER_S = 3600.0  # a build takes seconds; what is older was killed

Named = str | os.PathLike[str] | Pack  # a pack's name, its folder, or itself
Progress = Callable[[str], None]


class State(StrEnum):
    """How it stands with a pack in the cache."""

    BUILT = "built"
    UNBUILT = "unbuilt"  # or damaged and built again on use
    ABSENT = "absent"  # its weights have to be added first
    DAMAGED = "damaged"  # and its weights are not here any more


def cache_folder() -> Path:
    """The folder that built packs are kept in; ``$RENZHENG_CACHE`` overrides the platform's."""
    override = os.environ.get("RENZHENG_CACHE")
    return Path(override) if override else platformdirs.user_cache_path("renzheng") / "packs"


def names() -> list[str]:
    """The names of the packs that renzheng knows."""
    return sorted(path.parent.name for path in DEFINITIONS.glob(f"*/{MANIFEST}"))


def definition(name: str) -> dict[str, Any]:
    """The manifest of a pack as it ships with renzheng, before it is built.

    Raises
    ------
    PackError
        If there is no definition of that name.
    """
    _known(name)
    return tomllib.loads((DEFINITIONS / name / MANIFEST).read_text(encoding="utf-8"))


def location(name: str) -> Path:
    """Where the pack of this name is, or would be built: a new definition has a new place.

    Raises
    ------
    PackError
        If there is no definition of that name.
    """
    _known(name)
    digest = hashlib.sha256()
    for file in sorted((DEFINITIONS / name).iterdir()):
        digest.update(file.name.encode() + b"\0" + file.read_bytes())
    return cache_folder() / f"{name}-{digest.hexdigest()[:12]}"


def state(name: str) -> State:
    """How it stands with a pack; every file of it is checked.

    Raises
    ------
    PackError
        If there is no definition of that name.
    """
    place = location(name)
    with contextlib.suppress(PackError):
        Pack.load(place)
        return State.BUILT
    if source(name).is_here(_kept()):
        return State.UNBUILT
    return State.DAMAGED if place.exists() else State.ABSENT


def source(name: str) -> Source:
    """Return where the weights of the pack of this name come from.

    Raises
    ------
    PackError
        If there is no definition of that name.
    """
    return Source.of(definition(name))


def must_be_added(name: str) -> bool:
    """Whether a pack is not here, or damaged, and cannot be built until its weights are added.

    Raises
    ------
    PackError
        If there is no definition of that name.
    """
    return state(name) in (State.ABSENT, State.DAMAGED)


def add(
    name: str,
    given: Path | None = None,
    *,
    base: str | None = None,
    timeout: float = 30.0,
    progress: Progress | None = None,
) -> Pack:
    """Obtain the weights of a pack, keep them, and build it.

    This alone goes to the network, and only without `given` and where the files are not here yet.

    Parameters
    ----------
    name
        A name from `names`.
    given
        The folder that holds the files, or one of them; by default they are fetched from the
        address in the pack's definition. A file that is handed in goes before the package's.
    base
        Another address to fetch from.
    timeout
        Seconds that the server may stay silent.
    progress
        As of `load`.

    Raises
    ------
    PackError
        If the pack needs nothing added, a file cannot be had or is another one than wanted (by its
        SHA-256), or the cache cannot be written. What was there before stays, and nothing is left.
    """
    wanted = source(name)
    if not wanted.files:
        raise PackError(
            f"the pack {name} is made from installed packages: there is nothing to add",
            remedy=f"renzheng packs build {name}",
        )
    if given is not None:
        found = sources.take(wanted.files, given, one_suffices=wanted.one_suffices)
        sources.keep(found, wanted.files, _kept())
        if wanted.one_suffices:  # what was handed in last is what is meant
            others = (digest for file, digest in wanted.files.items() if file not in found)
            sources.drop(others, _kept())
        return build(name, progress)  # a pack may have been built of another file
    if not wanted.is_good(_kept()):
        base = base or str(wanted.base)
        first = next(iter(wanted.files))
        files = {first: wanted.files[first]} if wanted.one_suffices else wanted.files
        (progress or _to_stderr)(f"fetching {', '.join(files)} from {base}")
        remedy = f"or fetch them elsewhere and say where: renzheng packs add {name} --from FOLDER"
        fetched = sources.fetch(files, base, remedy=remedy, timeout=timeout)
        sources.keep(fetched, wanted.files, _kept())
    return load(name, progress)


def load(name: str | os.PathLike[str], progress: Progress | None = None) -> Pack:
    """Load a pack by name, building it on first use, or from a folder of the user's own.

    Parameters
    ----------
    name
        A name from `names`, or a path to a folder that holds a ``pack.toml``.
    progress
        Called with one line before a build; by default the line goes to standard error.

    Raises
    ------
    PackError
        If there is no such pack, it is damaged and cannot be rebuilt, or the build fails.
    """
    folder = _folder(name)
    if name not in names():
        return Pack.load(folder)
    if folder.exists():
        try:
            return Pack.load(folder)
        except PackError as error:
            if isinstance(error.__cause__, PermissionError):
                raise
            # A damaged cache is mended: everything in it can be made again.
    return build(str(name), progress=progress)


def built(named: Named) -> Pack | None:
    """The pack, checked as by `load`, where nothing has to be built for that.

    Nothing is raised: None is what is missing, unknown or damaged, and `load` says why.
    """
    if isinstance(named, Pack):
        return named
    with contextlib.suppress(PackError):
        return Pack.load(_folder(named))
    return None


def of_kind(kind: str, named: Named) -> Pack:
    """A pack of one kind.

    Parameters
    ----------
    kind
        What it must be, one of `manifest.KINDS`.
    named
        What `load` takes, or a pack.

    Raises
    ------
    PackError
        As `load`, and if the pack is of another kind.
    """
    found = named if isinstance(named, Pack) else load(named)
    found.require(kind)
    return found


def build(name: str, progress: Progress | None = None) -> Pack:
    """Build a pack from weights that installed packages carry or that were added.

    The pack is written to a folder beside its place and renamed into it when complete, so that
    a kill, a full disk or a second process at the same time leave a good pack or none.

    Raises
    ------
    PackError
        If the weights are missing or damaged, or the folder cannot be written.
    """
    place = location(name)
    wanted = source(name)
    if not wanted.is_here(_kept()):
        remedy = wanted.remedy(name)
        if state(name) is State.DAMAGED:
            raise PackError(f"the pack {name} is damaged", remedy=f"add it again: {remedy}")
        carrier = f"the package {wanted.package}, which carries its weights, is not installed"
        raise PackError(
            f"the pack {name} is not here: "
            + (carrier if wanted.package else "no package carries its weights"),
            remedy=remedy,
        )
    what = "rebuilding the pack {} in {}" if place.exists() else "building the pack {} (once) in {}"
    (progress or _to_stderr)(what.format(name, place))
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        _sweep(place.parent)
        scratch = _scratch(place)
    except OSError as error:
        raise _unwritable(error, place.parent) from error
    try:
        for file in (DEFINITIONS / name).iterdir():
            if file.name != MANIFEST:
                shutil.copyfile(file, scratch / file.name)
        _write_networks(name, scratch)
        _write_manifest(name, scratch)
        _move_into_place(scratch, place, Pack.load(scratch).digest)
        return Pack.load(place)
    except OSError as error:
        raise _unwritable(error, place.parent) from error
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def save_as(
    pack: Pack, folder: Path, files: Mapping[str, bytes], changes: Mapping[str, Any]
) -> Pack:
    """Write a pack like another, with some files and settings of its own.

    Parameters
    ----------
    pack
        Whose networks and settings are taken over.
    folder
        Where the new pack goes; there must be nothing yet.
    files
        Contents by name, new or in place of the pack's.
    changes
        What to put into the manifest's top level.

    Raises
    ------
    PackError
        If something is there already, or the folder cannot be written; nothing is left then.
    """
    kept = {name: pack.file(name).read_bytes() for name in pack.manifest["files"]}
    return write(folder, {**kept, **files}, {**pack.manifest, **changes})


def write(folder: Path, files: Mapping[str, bytes], manifest: Mapping[str, Any]) -> Pack:
    """Write a pack, whole or not at all.

    Parameters
    ----------
    folder
        Where it goes; there must be nothing yet.
    files
        Contents by name.
    manifest
        Its tables; the files' digests are added.

    Raises
    ------
    PackError
        If something is there already, or the folder cannot be written; nothing is left then.
    """
    import tomli_w

    if folder.exists():
        raise PackError("there is something already", source=str(folder), remedy="name another")
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        scratch = _scratch(folder)
    except OSError as error:
        raise _unwritable(error, folder.parent) from error
    try:
        for name, content in files.items():
            (scratch / name).write_bytes(content)
        digests = {file.name: sha256(file) for file in sorted(scratch.iterdir())}
        text = tomli_w.dumps({**manifest, "files": digests})
        (scratch / MANIFEST).write_text(text, encoding="utf-8")
        Pack.load(scratch)
        scratch.rename(folder)
        return Pack.load(folder)
    except OSError as error:
        raise PackError(
            f"cannot write the pack: {error.strerror or error}",
            source=str(folder),
            remedy="name a folder that you may write to, with space left",
        ) from error
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def _folder(name: str | os.PathLike[str]) -> Path:
    """Where a pack is, or would be built: the folder of the user's own, or the place of a name."""
    own = name not in names() and (Path(name) / MANIFEST).is_file()
    return Path(name) if own else location(str(name))


def _known(name: str) -> None:
    if name not in names():
        raise PackError(f"no pack is called {name!r}", remedy=f"there are: {', '.join(names())}")


def _kept() -> Path:
    return cache_folder() / "sources"


def _to_stderr(line: str) -> None:
    with contextlib.suppress(OSError):  # nobody reads it: no reason to fail
        sys.stderr.write(f"renzheng: {line}\n")  # at once: another pack may be built meanwhile
        sys.stderr.flush()


def _unwritable(error: OSError, folder: Path) -> PackError:
    return PackError(
        f"cannot write the pack: {error.strerror or error}",
        source=str(folder),
        remedy="free some space, or set RENZHENG_CACHE to a folder that you may write",
    )


def _write_networks(name: str, folder: Path) -> None:
    # onnx is needed to build only, and takes long to import.
    if name == "mtcnn":
        from renzheng.models.converters import mtcnn

        mtcnn.build(folder)
    elif name == "dlib-resnet":
        from renzheng.models.converters import dlib

        dlib.build(folder)
    elif name == "dlib-features":
        from renzheng.models.converters import dlib

        dlib.build_features(folder)
    elif name == "minifasnet":
        from renzheng.models.converters import minifasnet

        weights = {file: sources.place(_kept(), d) for file, d in source(name).files.items()}
        minifasnet.build(folder, weights)
    elif name == "sface":
        from renzheng.models.converters import sface

        wanted = source(name)
        chosen = wanted.any_of(_kept())
        assert chosen is not None  # `build` has looked
        sface.build(folder, chosen, wanted.files)
    else:
        raise PackError(f"nothing knows how to build the pack {name!r}")


def _write_manifest(name: str, folder: Path) -> None:
    files = sorted(folder.iterdir())
    lines = [f'"{file.name}" = "{sha256(file)}"\n' for file in files]
    settings = (DEFINITIONS / name / MANIFEST).read_text(encoding="utf-8")
    manifest = folder / MANIFEST
    manifest.write_text(f"{settings}\n[files]\n{''.join(lines)}", encoding="utf-8")
    for file in [*files, manifest]:
        with file.open("rb") as handle:
            os.fsync(handle.fileno())


def _scratch(place: Path) -> Path:
    """A new folder beside a pack's place, open to whom the user's other folders are open to."""
    scratch = place.with_name(f".{place.name}-{os.urandom(6).hex()}")
    scratch.mkdir()  # and not tempfile's, which is closed to all others for good
    return scratch


def _move_into_place(scratch: Path, place: Path, digest: str) -> None:
    for _ in range(3):
        try:
            scratch.rename(place)
            return
        except OSError:
            # Something is there: another process's good pack, a damaged one, or one that was made
            # of another version of its weights.
            with contextlib.suppress(PackError):
                if Pack.load(place).digest == digest:
                    return
            if not place.exists():
                raise
            former = Path(tempfile.mkdtemp(prefix=".former-", dir=place.parent))
            with contextlib.suppress(OSError):
                place.rename(former / place.name)
            shutil.rmtree(former, ignore_errors=True)
    raise PackError("cannot replace the former pack", source=str(place), remedy="delete it")


def _sweep(folder: Path) -> None:
    """Remove what killed builds left behind."""
    for path in folder.glob(".*-*"):
        with contextlib.suppress(OSError):
            if time.time() - path.stat().st_mtime > _ABANDONED_AFTER_S:
                shutil.rmtree(path, ignore_errors=True)
