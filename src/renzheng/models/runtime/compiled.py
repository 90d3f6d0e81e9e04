"""Networks as a runtime has compiled them, kept so that the next process starts sooner.

Nothing depends on these files: a missing, damaged or old one is compiled again.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import tempfile
import time
from pathlib import Path

from renzheng._support import files, ownership
from renzheng.models import onnx_files

_LAYOUT = b"renzheng compiled 1\n"
_DIGEST = hashlib.sha256().digest_size
_UNUSED_FOR_S = 60 * 86400.0  # by then the network or the runtime has been replaced


def folder() -> Path:
    """Return the folder of compiled networks; ``$RENZHENG_CACHE`` overrides the platform's."""
    return files.cache_folder() / "compiled"


def place(model: Path, *conditions: str) -> Path | None:
    """Return a compiled network's path; None if its weights lie in unknown files.

    Parameters
    ----------
    model
        The ONNX file; files of weights that it names are part of it.
    conditions
        Everything else that the compiled network depends on.

    Raises
    ------
    OSError
        If the network cannot be read.
    """
    content = model.read_bytes()
    names = onnx_files.weights(content)
    if names is None:
        return None
    digest = hashlib.sha256(hashlib.sha256(content).digest())
    for name in names:
        weights = model.parent / name
        # A pipe or a device has no end, and runtimes only read files beside the network.
        if Path(name).name != name or not weights.is_file():
            return None
        digest.update(bytes.fromhex(files.sha256(weights)))
    for condition in conditions:
        digest.update(condition.encode() + b"\0")
    return folder() / f"{digest.hexdigest()[:32]}.bin"


def read(path: Path) -> bytes | None:
    """Return the compiled network; None if it is missing or damaged, or others could change it."""
    kept = path.parent
    if not (ownership.is_unshared(kept.parent, ()) and ownership.is_unshared(kept, [path.name])):
        return None
    try:
        content = path.read_bytes()
    except OSError:
        return None
    head, network = content[: len(_LAYOUT) + _DIGEST], content[len(_LAYOUT) + _DIGEST :]
    if head != _LAYOUT + hashlib.sha256(network).digest():
        return None
    with contextlib.suppress(OSError):
        os.utime(path)  # in use
    return network


def write(path: Path, kept: bytes) -> None:
    """Write a compiled network, whole or not at all, readable by its owner only."""
    with contextlib.suppress(OSError):
        path.parent.mkdir(0o755, parents=True, exist_ok=True)
        _sweep(path.parent)
        handle, scratch = tempfile.mkstemp(prefix=".", suffix=".bin", dir=path.parent)
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(_LAYOUT + hashlib.sha256(kept).digest())
                file.write(kept)
            Path(scratch).replace(path)
        except OSError:
            Path(scratch).unlink(missing_ok=True)


def _sweep(kept: Path) -> None:
    """Remove files that are no longer used, and those that killed processes left."""
    for path in kept.glob("*.bin"):
        with contextlib.suppress(OSError):
            age = time.time() - path.stat().st_mtime
            if age > (3600 if path.name.startswith(".") else _UNUSED_FOR_S):
                path.unlink()
