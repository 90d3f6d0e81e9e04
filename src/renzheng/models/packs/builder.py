"""Packs built into the cache: their networks, their manifests, and the move into place."""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
import time
from pathlib import Path

from renzheng._support import ownership
from renzheng._support.files import sha256
from renzheng.errors import PackError
from renzheng.models.converters import sources
from renzheng.models.packs import catalogue, known_builds
from renzheng.models.packs.cache import sources_folder
from renzheng.models.packs.catalogue import State
from renzheng.models.packs.manifest import MANIFEST, Pack
from renzheng.models.packs.progress import Progress, to_stderr
from renzheng.models.packs.writer import new_folder_beside, unwritable

_ABANDONED_AFTER_S = 3600.0  # a build takes seconds; older folders are of killed ones
_REMEDY = "free some space, or set RENZHENG_CACHE to a folder that you may write"
_UNKNOWN = (
    "the networks of {} differ from those that builds are known to write, perhaps by another file "
    "of weights: each process builds them anew, unless $RENZHENG_TRUST names the cache"
)


def build(name: str, progress: Progress | None = None) -> Pack:
    """Build a pack from weights that installed packages carry or that were added.

    The pack is written to a folder beside its place and renamed into it when complete, so that
    a kill, a full disk or a second process at the same time leave a good pack or none.

    Parameters
    ----------
    name
        The name of a pack that renzheng knows.
    progress
        Called with one line before the build; by default the line goes to standard error.

    Raises
    ------
    PackError
        If the weights are missing or damaged, or the folder cannot be written.
    """
    place = catalogue.location(name)
    _require_weights(name)
    say = progress or to_stderr
    what = "rebuilding the pack {} in {}" if place.exists() else "building the pack {} (once) in {}"
    say(what.format(name, place))
    try:
        place.parent.mkdir(0o755, parents=True, exist_ok=True)  # whatever the umask: see ownership
        ownership.check_cache(place.parent)
        _sweep(place.parent)
        scratch = new_folder_beside(place)
    except OSError as error:
        raise unwritable(error, place.parent, _REMEDY) from error
    try:
        for file in catalogue.definition_folder(name).iterdir():
            if file.name != MANIFEST:
                shutil.copyfile(file, scratch / file.name)
        _write_networks(name, scratch)
        _write_manifest(name, scratch)
        pack = Pack.load(scratch)
        known_builds.believe(pack)
        if known_builds.unknown_networks(name, pack) and known_builds.are_known_here():
            say(_UNKNOWN.format(name))
        _move_into_place(scratch, place, pack.digest)
        return Pack.load(place)
    except OSError as error:
        raise unwritable(error, place.parent, _REMEDY) from error
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def _require_weights(name: str) -> None:
    wanted = catalogue.source(name)
    if wanted.is_here(sources_folder()):
        return
    remedy = wanted.remedy(name)
    if catalogue.state(name) is State.DAMAGED:
        raise _spoilt(name, remedy)
    carrier = f"the package {wanted.package}, which carries its weights, is not installed"
    raise PackError(
        f"the pack {name} is not here: "
        + (carrier if wanted.package else "no package carries its weights"),
        remedy=remedy,
    )


def _spoilt(name: str, remedy: str) -> PackError:
    """Return the error for a pack that has to be built anew and cannot be."""
    place = catalogue.location(name)
    try:
        Pack.load(place)
    except PackError:
        return PackError(f"the pack {name} is damaged", remedy=f"add it again: {remedy}")
    return PackError(
        f"the pack {name} differs from what renzheng is known to build, and its weights are not "
        "here to build it anew",
        source=str(place),
        remedy=f"{remedy}; or {ownership.TRUSTED}={place} to believe it as it is",
    )


def _write_networks(name: str, folder: Path) -> None:
    # The converters import onnx, which is slow and needed only to build.
    wanted, kept = catalogue.source(name), sources_folder()
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

        weights = {file: sources.place(kept, digest) for file, digest in wanted.files.items()}
        minifasnet.build(folder, weights)
    elif name == "sface":
        from renzheng.models.converters import sface

        chosen = wanted.any_of(kept)
        assert chosen is not None  # `build` has looked
        sface.build(folder, chosen, wanted.files)
    elif name == "yunet":
        from renzheng.models.converters import yunet

        chosen = wanted.any_of(kept)
        assert chosen is not None  # `build` has looked
        yunet.build(folder, chosen, wanted.files)
    else:
        raise PackError(f"no converter for the pack {name!r}")


def _write_manifest(name: str, folder: Path) -> None:
    files = sorted(folder.iterdir())
    manifest = folder / MANIFEST
    manifest.write_bytes(known_builds.manifest_of(name, {f.name: sha256(f) for f in files}))
    ownership.shut(folder)
    for file in [*files, manifest]:
        with file.open("rb") as handle:
            os.fsync(handle.fileno())


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
    raise PackError("the former pack cannot be replaced", source=str(place), remedy="delete it")


def _sweep(folder: Path) -> None:
    """Remove the folders that killed builds left behind."""
    for path in folder.glob(".*-*"):
        with contextlib.suppress(OSError):
            if time.time() - path.stat().st_mtime > _ABANDONED_AFTER_S:
                shutil.rmtree(path, ignore_errors=True)
