"""The texts for a pack that is not there: what is there, and what leads on."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from pathlib import Path

from renzheng.errors import PackError
from renzheng.models.packs.manifest import MANIFEST

WEIGHTS = (".onnx", ".pt", ".pth", ".ckpt", ".safetensors", ".bin", ".dat")
_LISTS = "`renzheng packs list` and `renzheng packs catalogue` list packs"
_MAX_ENTRIES = 1000  # of a folder that are looked at for the sake of a message


def unknown(name: str, names: Sequence[str], further: Iterable[str] = ()) -> PackError:
    """Return the error for a name that no pack has.

    Parameters
    ----------
    name
        The name.
    names
        The names of packs that renzheng knows.
    further
        Other names that may have been meant.
    """
    others = list(further)
    if name in others:
        return PackError(
            f"the pack {name} is not built but added",
            remedy=f"renzheng packs add {name}; renzheng packs catalogue {name} shows its terms",
        )
    meant = _meant(name, [*names, *others])
    return PackError(
        f"unknown pack {name!r}",
        remedy=f"{meant}there are: {', '.join(names)}; `renzheng packs catalogue` lists more, and "
        "`renzheng packs import` makes one of a network of yours",
    )


def uncatalogued(name: str, names: Sequence[str]) -> PackError:
    """Return the error for a name that the catalogue does not have.

    Parameters
    ----------
    name
        The name.
    names
        The names of the catalogue.
    """
    return PackError(
        f"the catalogue has no network {name!r}",
        remedy=f"{_meant(name, names)}there are: {', '.join(names)}",
    )


def explained(name: str | os.PathLike[str], names: Sequence[str], more: Iterable[str]) -> PackError:
    """Return the error for a name or path at which there is no pack.

    Parameters
    ----------
    name
        The name or path.
    names, more
        As in `unknown`.
    """
    text, path = os.fspath(name), Path(name)
    if not text:
        return unknown(text, names, more)
    is_path = os.path.sep in text or "/" in text or text.startswith((".", "~"))
    try:
        if path.is_dir():
            return _folder(path)
        if path.exists():
            return _file(path)
    except (OSError, ValueError) as error:  # ValueError: no file has such a name
        if is_path:
            reason = getattr(error, "strerror", None) or error
            return PackError(f"not a pack: {reason}", source=text)
    if not is_path:
        return unknown(text, names, more)
    if path.suffix in WEIGHTS:
        return PackError("there is no such file, and a pack is a folder", source=text)
    return PackError("there is no such folder", source=text, remedy=_LISTS)


def _meant(name: str, names: Sequence[str]) -> str:
    import difflib  # as shlex below: only who names no pack needs it

    lower = name.lower()
    near = [lower] if lower in names else difflib.get_close_matches(lower, names, n=2)
    return f"did you mean {' or '.join(near)}? " if near else ""


def _folder(path: Path) -> PackError:
    inside = []
    for entry in path.iterdir():
        inside.append(entry)
        if len(inside) == _MAX_ENTRIES:
            break
    inside.sort()
    packs = [entry for entry in inside if (entry / MANIFEST).is_file()]
    weights = [entry for entry in inside if entry.suffix in WEIGHTS and entry.is_file()]
    if packs:
        remedy = f"did you mean {' or '.join(map(_quoted, packs[:3]))}?"
    elif weights:
        remedy = f"make a pack of the network in it: {_importing(weights[0])}"
    else:
        remedy = f"name the folder of a pack, or a pack; {_LISTS}"
    empty = "" if inside else ": it is empty"
    return PackError(
        f"this folder is no pack, since it holds no {MANIFEST}{empty}",
        source=str(path),
        remedy=remedy,
    )


def _file(path: Path) -> PackError:
    if path.name == MANIFEST:
        remedy = f"name its folder: {_quoted(path.parent)}"
    elif path.suffix in WEIGHTS:
        remedy = f"make a pack of it: {_importing(path)}"
    else:
        remedy = f"name the folder of a pack, or a pack; {_LISTS}"
    return PackError("this is a file, and a pack is a folder", source=str(path), remedy=remedy)


def _importing(path: Path) -> str:
    return f"renzheng packs import {_quoted(path)} -o PACK"


def _quoted(path: Path) -> str:
    import shlex

    return shlex.quote(str(path))
