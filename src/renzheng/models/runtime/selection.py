"""The backend that is used: the one asked for, by argument or variable, or the best."""

from __future__ import annotations

import os
from types import ModuleType

from renzheng.models.defaults import AUTO
from renzheng.models.runtime import backends, loading
from renzheng.models.runtime.backends import BACKENDS, VARIABLE


def choose_backend(backend: str | None = None) -> str:
    """Return the backend's name; by default ``$RENZHENG_BACKEND``, or else onnxruntime.

    ``auto`` is the best that works here, see `renzheng.models.runtime.automatic`. A device follows
    a colon: ``cuda:1``.

    Raises
    ------
    InvalidInput
        If the name is unknown, or the backend is not installed.
    """
    source = None if backend else VARIABLE
    name = backend or os.environ.get(VARIABLE) or BACKENDS[0]
    if name == AUTO:
        from renzheng.models.runtime import automatic

        return automatic.choose().backend
    parsed = backends.parse(name, source)
    if not loading.is_installed(parsed.name):
        raise backends.not_installed(parsed, source)
    return str(parsed)


def load_backend(backend: str | None = None) -> ModuleType:
    """Load a backend's module.

    Raises
    ------
    InvalidInput
        See `choose_backend`; or if the module is installed in part only.
    """
    return loading.load_module(backends.parse(choose_backend(backend)))


def detection_backend(backend: str | None = None) -> str:
    """Return the backend of a detector's networks where `backend` computes the embeddings.

    They stay on the processor: detectors call small networks often, at a different size each time,
    and an accelerator compiles or tunes for each size anew. Boxes and landmarks are thereby the
    same on every accelerator, so that distances differ by the rounding of one network only.
    """
    parsed = backends.parse(choose_backend(backend))
    return parsed.library if parsed.accelerated else parsed.name
