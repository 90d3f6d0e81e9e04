"""Folders that nobody else can change: of packs, and of networks that a runtime has compiled.

Whoever changes a network or its calibration decides who matches whom. So their folders and files,
and the cache's folder, have to belong to the user or to root, and nobody else may write to them.
Windows has no such modes: nothing is checked there.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable
from pathlib import Path

from renzheng.errors import PackError

TRUSTED = "RENZHENG_TRUST"  # folders that are believed as they are, separated as in $PATH

_OTHERS_WRITE = stat.S_IWGRP | stat.S_IWOTH


class UntrustedPack(PackError):  # noqa: N818 - the name says what happened
    """A pack lies where others could have changed it."""


def check_folder(folder: Path, files: Iterable[str]) -> None:
    """Make sure that nobody else can change files, such as a pack's.

    Parameters
    ----------
    folder
        The folder.
    files
        The names of files in it. Files that are missing are not checked.

    Raises
    ------
    UntrustedPack
        If the folder or a file belongs to another user but root, or others may write to it.
    """
    if os.name != "posix":
        return
    for path in (folder, *(folder / name for name in files)):
        _check(path)


def check_cache(folder: Path) -> None:
    """Make sure that nobody else can put another pack in the place of one in the cache.

    A folder such as ``/tmp``, in which everybody may replace what is his alone, is good enough.

    Raises
    ------
    UntrustedPack
        If the folder belongs to another user but root, or others may write to it.
    """
    if os.name == "posix":
        _check(folder, sticky=True)


def is_unshared(folder: Path, files: Iterable[str]) -> bool:
    """Return whether `check_folder` raises nothing."""
    try:
        check_folder(folder, files)
    except UntrustedPack:
        return False
    return True


def is_trusted(path: Path) -> bool:
    """Return whether the user believes a folder, or one above it, as it is."""
    folders = [each for each in os.environ.get(TRUSTED, "").split(os.pathsep) if each]
    if not folders:
        return False
    real = Path(os.path.realpath(path))
    return any(real.is_relative_to(os.path.realpath(each)) for each in folders)


def shut(folder: Path) -> None:
    """Take the right to write to a new pack's files from everybody but their owner.

    Raises
    ------
    OSError
        If that cannot be done.
    """
    for path in folder.iterdir():
        mode = stat.S_IMODE(path.stat().st_mode)
        if mode & _OTHERS_WRITE:
            path.chmod(mode & ~_OTHERS_WRITE)


def _check(path: Path, *, sticky: bool = False) -> None:
    try:
        found = path.stat()
    except OSError:
        return  # who reads it will say why it cannot be read
    if found.st_uid not in _owners():
        reason = f"it belongs to {_user(found.st_uid)}, who could have changed it"
        remedy = "take a folder of your own (RENZHENG_CACHE for the cache)"
    elif _others_write(found) and not (sticky and found.st_mode & stat.S_ISVTX):
        reason = "others may write to it, and could have changed who matches whom"
        remedy = f"chmod go-w {_quoted(path)}"
    else:
        return
    if not is_trusted(path):
        raise UntrustedPack(
            reason,
            source=str(path),
            remedy=f"{remedy}, or {TRUSTED}={_quoted(path)} to believe it as it is",
        )


def _owners() -> set[int]:
    owners = {0, os.geteuid()}
    called_by = os.environ.get("SUDO_UID", "")
    if os.geteuid() == 0 and called_by.isdecimal():
        owners.add(int(called_by))  # who has called this with sudo could do so with any pack
    return owners


def _others_write(found: os.stat_result) -> bool:
    """Return whether anybody may write but the owner, root and a group of the user alone."""
    if found.st_mode & stat.S_IWOTH:
        return True
    return bool(found.st_mode & stat.S_IWGRP) and not _is_private(found)


def _is_private(found: os.stat_result) -> bool:
    """Return whether a file's group has no member but the user, as where the umask is 002.

    A group without a name is one of a container's (Kubernetes' ``fsGroup``).
    """
    import grp
    import pwd

    if found.st_gid == 0:
        return True
    try:
        group = grp.getgrgid(found.st_gid)
    except KeyError:
        return found.st_gid in (os.getegid(), *os.getgroups())
    names = set()
    for user in (found.st_uid, os.geteuid()):
        try:
            names.add(pwd.getpwuid(user).pw_name)
        except KeyError:
            continue
    return group.gr_name in names and set(group.gr_mem) <= {"root", *names}


def _user(number: int) -> str:
    import pwd

    try:
        return f"the user {pwd.getpwuid(number).pw_name}"
    except KeyError:
        return f"the user {number}"


def _quoted(path: Path) -> str:
    import shlex  # only for an error

    return shlex.quote(str(path))
