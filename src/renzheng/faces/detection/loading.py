"""Detectors of packs: the manifest says which one its networks make."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from renzheng.errors import PackError
from renzheng.faces.detection.cascade import Detector
from renzheng.faces.detection.interface import FaceDetector
from renzheng.models.packs import Pack

_CASCADE = "mtcnn"  # packs without the setting, such as the first one, are of this architecture


def load_detector(
    pack: Pack,
    *,
    min_face_size: int,
    threads: int | None = None,
    backend: str | None = None,
) -> FaceDetector:
    """Load the detector of a pack, by its ``[detector] architecture``: ``mtcnn`` or ``yunet``.

    Parameters
    ----------
    pack
        A pack of the kind ``detector``.
    min_face_size
        The smallest face to look for, in pixels.
    threads, backend
        As for `Detector.from_folder`.

    Raises
    ------
    InvalidInput
        If `min_face_size` is too small, or the backend is unknown or not installed.
    PackError
        If the pack is of another kind or an unknown architecture, or its networks cannot be loaded.
    """
    pack.require("detector")
    table = pack.manifest.get("detector", {})
    named = table.get("architecture", _CASCADE) if isinstance(table, dict) else table
    loaders: dict[str, Callable[..., Any]] = {_CASCADE: Detector.from_folder, "yunet": _load_yunet}
    if named not in loaders:
        raise PackError(
            f"unknown architecture of a detector {named!r}",
            source=str(pack.folder),
            remedy=f"it must be one of {', '.join(loaders)}",
        )
    found: FaceDetector = loaders[named](
        pack.folder, threads=threads, backend=backend, min_face_size=min_face_size
    )
    return found


def _load_yunet(*arguments: Any, **more: Any) -> FaceDetector:
    from renzheng.faces.detection.yunet import YuNet  # not for those who use the default

    return YuNet.from_folder(*arguments, **more)
